"""EndModel: a classifier that learns from soft labels and generalises beyond the rules."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from weaklabel.endmodel.artifact import ModelParts, read_model, write_model
from weaklabel.endmodel.content import content_keys
from weaklabel.endmodel.encoder import Encoder, FeatureSettings
from weaklabel.endmodel.features import Features, fit_encoder
from weaklabel.endmodel.losses import Loss, find_loss
from weaklabel.endmodel.nets import HeadSettings, build_head
from weaklabel.endmodel.problem import Problem, as_inputs, n_values
from weaklabel.endmodel.progress import epoch_bar
from weaklabel.endmodel.rows import Rows, read_rows
from weaklabel.endmodel.selection import Fitted, fit_net
from weaklabel.endmodel.settings import Auto, UserSettings, read_seed
from weaklabel.endmodel.state import link
from weaklabel.endmodel.strategies import Plain, Strategy, find_strategy
from weaklabel.endmodel.table import TableEncoder
from weaklabel.endmodel.targets import (
    Targets,
    Uncovered,
    check_classes,
    check_match,
    read_targets,
    row_weights,
)
from weaklabel.endmodel.training import SMALL, one_thread
from weaklabel.errors import ConfigError, FitError

ROWS_PER_CHUNK: Final = 16_384
"""Rows predicted at a time; bounds the memory of prediction."""


class NotFitted(FitError, NotFittedError):  # type: ignore[misc]  # scikit-learn is untyped
    """The model is used before it was fitted; scikit-learn's tools know it by its own class."""


@final
class EndModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A classifier of text, tables or arrays, trained on soft labels.

    Minimises, over the weights ``w`` of a linear or MLP head on features ``f(x)``::

        sum_i s[i] * loss(softmax(head(f(x[i]); w)), p[i]) / sum_i s[i]  +  weight decay

    where ``p[i]`` are the class probabilities of row i and ``s[i]`` its weight. The weight decay,
    and for AdamW the number of epochs, are chosen on a held-out part of the soft labels; no gold
    is needed.

    Parameters
    ----------
    features : {"auto", "tfidf", "hashing", "table", "dense", "sparse"}, default "auto"
        How rows become numbers. ``"auto"`` looks at X: TF-IDF of word 1- and 2-grams for texts
        (hashing from 200,000 texts on), columns by role for a table, standardised numbers for an
        array, a sparse matrix as it is.
    head : {"linear", "mlp"}, default "linear"
    columns : mapping of str to {"number", "category", "text", "date", "drop"}, optional
        Roles of table columns; the others are guessed from their values.
    ngrams : tuple of int, default (1, 2)
        Shortest and longest word n-gram of text.
    n_hashed : int, default 2**18
        Number of hashed text features.
    uncovered : {"exclude", "downweight", "keep"}, default "exclude"
        What becomes of rows without any vote: left out, weight 0.1, or weight 1 like the others.
    loss : str or Loss, default "cross_entropy"
        A name of :data:`weaklabel.endmodel.losses.LOSSES`, or a loss with settings of its own.
    strategy : str or Strategy, default "plain"
        What is done against noise in the labels: a name of
        :data:`weaklabel.endmodel.strategies.STRATEGIES`, or a strategy with settings of its own.
    hidden : tuple of int, default (64,)
        Widths of the hidden layers of an MLP.
    dropout : float, default 0.2
        Of the hidden layers of an MLP.
    optimizer : {"auto", "lbfgs", "adamw"}, default "auto"
        ``"auto"`` is L-BFGS for a linear head on up to 5 million stored feature values.
    weight_decay : float or "auto", default "auto"
        Penalty ``weight_decay / 2 * sum(w**2)`` on the mean loss (L-BFGS), decoupled decay (AdamW).
    learning_rate, batch_size : number or "auto", default "auto"
        Of AdamW.
    max_epochs : int, default 100
        An epoch is ten iterations of L-BFGS or one pass of AdamW.
    patience : int, default 5
        Epochs without a better held-out loss after which AdamW stops.
    holdout : float, default 0.2
        Share of the rows held out to choose the weight decay and the number of epochs; at most
        10,000 rows, and none where there are fewer than 30.
    random_state : int, Generator, RandomState or None, default 0
        Seeds the split, the initial weights, the batches and dropout. The same seed gives the same
        model, up to 5 million feature values for any number of threads.
    progress : bool, optional
        Whether to show a progress bar; by default for long work on a terminal.

    Attributes
    ----------
    classes_ : array, shape (n_classes,)
        Class names of SoftLabels, 0 .. K-1 for an array of probabilities, the sorted hard labels.
    features_ : Encoder
        What was picked; ``features_.describe()`` says it in words.
    description_ : str
        Features and head in words.
    net_ : torch.nn.Module
        The trained head.
    n_iter_ : int
        Epochs of the final run.
    history_ : list of dict
        ``stage`` ("selection" or "final"), ``epoch``, ``loss``, ``heldout_loss`` of every epoch of
        the chosen candidate and of the final run on all rows.
    weight_decay_ : float
    seed_ : int
    status_ : str
        How the training went, in a sentence.
    n_features_in_ : int
        Columns of X (not for text).
    feature_names_in_ : array of str
        Columns of a table that are in use.

    Notes
    -----
    Fitting costs O(epochs * stored feature values * width). Features are never densified.

    Examples
    --------
    >>> texts = ["win cash now", "see you at noon", "cash prize, win", "lunch at noon?"]
    >>> model = EndModel().fit(texts, ["spam", "ham", "spam", "ham"])
    >>> model.predict(["win a prize"]).tolist()
    ['spam']
    """

    def __init__(
        self,
        features: Features = "auto",
        head: Literal["linear", "mlp"] = "linear",
        *,
        columns: Mapping[str, str] | None = None,
        ngrams: tuple[int, int] = (1, 2),
        n_hashed: int = 2**18,
        uncovered: Uncovered = "exclude",
        loss: str | Loss = "cross_entropy",
        strategy: str | Strategy = "plain",
        hidden: tuple[int, ...] = (64,),
        dropout: float = 0.2,
        optimizer: Literal["auto", "lbfgs", "adamw"] = "auto",
        weight_decay: float | Auto = "auto",
        learning_rate: float | Auto = "auto",
        batch_size: int | Auto = "auto",
        max_epochs: int = 100,
        patience: int = 5,
        holdout: float = 0.2,
        random_state: int | np.random.Generator | np.random.RandomState | None = 0,
        progress: bool | None = None,
    ) -> None:
        self.features = features
        self.head = head
        self.columns = columns
        self.ngrams = ngrams
        self.n_hashed = n_hashed
        self.uncovered = uncovered
        self.loss = loss
        self.strategy = strategy
        self.hidden = hidden
        self.dropout = dropout
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.holdout = holdout
        self.random_state = random_state
        self.progress = progress

    # -- learning --------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None) -> EndModel:
        """Learn from rows and their labels.

        Parameters
        ----------
        X : list of str, Series, DataFrame, Arrow table, list of dicts, 2-D array or sparse matrix
            The n rows. Missing values are allowed in tables only.
        y : SoftLabels, array of shape (n, n_classes), or hard labels of shape (n,)
            In the order of the rows. None or NaN among hard labels counts as uncovered.
        sample_weight : array of float, shape (n,), optional
            At least 0; rows of weight 0 are left out.

        Returns
        -------
        EndModel
            Itself.

        Raises
        ------
        ConfigError
            If a setting is out of its range.
        DataError
            If X or y cannot be used; the message names the row or column.
        FitError
            If nothing can be learned: no covered row, or one class only.
        """
        user = self._user_settings()
        user.check()
        feature_settings = self._feature_settings()
        rows, targets = read_rows(X), read_targets(y)
        check_match(rows, targets, y)
        strategy = find_strategy(self.strategy)
        weights = row_weights(targets, self.uncovered, sample_weight)
        check_classes(targets.probabilities[weights > 0], weights[weights > 0], targets.classes)
        used = np.flatnonzero(weights)
        if strategy.uses_unlabelled:  # rows without votes are there with weight 0
            used = np.flatnonzero(row_weights(targets, "keep", sample_weight))
        rows = rows.take(used) if len(used) < len(rows) else rows
        weights = weights[used]
        encoder = fit_encoder(self.features, rows, feature_settings, weights)
        groups = content_keys(rows, _columns_in_use(encoder))
        problem = Problem(encoder.transform(rows), targets.probabilities[used], weights, used)
        size = n_values(problem.inputs)
        seed = read_seed(self.random_state)
        settings = user.resolve(len(problem), size, sp.issparse(problem.inputs), seed)
        head = HeadSettings(
            encoder.n_features,
            targets.n_classes,
            tuple(int(width) for width in self.hidden),
            float(self.dropout),
            torch.float64 if settings.optimizer == "lbfgs" else torch.float32,
        )
        width = self.hidden[0] if self.head == "mlp" else targets.n_classes
        with one_thread(size <= SMALL), epoch_bar(self.progress, size * width) as on_epoch:
            fitted = fit_net(
                lambda k: build_head(self.head, head, seed + k),
                problem.astype(head.dtype),
                settings,
                weight_decay=None if self.weight_decay == "auto" else float(self.weight_decay),
                holdout=float(self.holdout),
                groups=groups,
                strategy=None if isinstance(strategy, Plain) else strategy,
                on_epoch=on_epoch,
            )
        self._keep(encoder, head, targets, fitted, seed, len(used))
        return self

    def _keep(
        self,
        encoder: Encoder,
        head: HeadSettings,
        targets: Targets,
        fitted: Fitted,
        seed: int,
        n_used: int,
    ) -> None:
        if not all(bool(torch.isfinite(p).all()) for p in fitted.net.parameters()):
            raise FitError(
                "the training diverged: weights became infinite; use a lower learning_rate or a "
                "higher weight_decay"
            )
        self.classes_ = targets.classes
        self.features_ = encoder
        self.net_ = fitted.net
        self.seed_ = seed
        self.weight_decay_ = fitted.weight_decay
        self.n_iter_ = len(fitted.final.history)
        self.history_ = _history(fitted)
        self.description_ = f"{self.head} head on {encoder.describe()}"
        self.status_ = _status(fitted, targets, self.description_, n_used, self.uncovered)
        self._head_settings = head
        self._name_inputs()

    def _name_inputs(self) -> None:
        for stale in ("n_features_in_", "feature_names_in_"):  # of a fit on other rows
            self.__dict__.pop(stale, None)
        if isinstance(self.features_, TableEncoder):
            self.feature_names_in_ = np.asarray(list(self.features_.encoders), dtype=object)
            self.n_features_in_ = len(self.feature_names_in_)
        elif self.features_.accepts != "text":
            self.n_features_in_ = self.features_.n_features

    def _user_settings(self) -> UserSettings:
        return UserSettings(
            head=self.head,
            loss=self.loss,
            strategy=self.strategy,
            hidden=self.hidden,
            dropout=self.dropout,
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            patience=self.patience,
            holdout=self.holdout,
        )

    def _feature_settings(self) -> FeatureSettings:
        try:
            low, high = (int(n) for n in self.ngrams)
        except (TypeError, ValueError):
            low, high = 0, 0
        if not 1 <= low <= high:
            raise ConfigError(
                "ngrams must be two whole numbers, the shortest and the longest n-gram, such as "
                f"(1, 2); found {self.ngrams!r}"
            )
        if not isinstance(self.n_hashed, int) or not 2 <= self.n_hashed <= 2**30:
            raise ConfigError(
                f"n_hashed must be a whole number in [2, 2**30], found {self.n_hashed!r}"
            )
        return FeatureSettings(dict(self.columns or {}), (low, high), self.n_hashed)

    # -- answering -------------------------------------------------------------------------------

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Class probabilities.

        Parameters
        ----------
        X : rows of the kind the model was fitted on

        Returns
        -------
        array of float64, shape (n, n_classes)
            Columns in the order of ``classes_``; rows sum to 1.

        Raises
        ------
        DataError
            If the rows are not of that kind, or columns are missing or unknown.
        FitError
            If the model was not fitted.
        """
        self._check_fitted()
        rows = read_rows(X)
        return np.concatenate([self._predict_chunk(chunk) for chunk in _chunks(rows)])

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likeliest class of each row, as in ``classes_``; the first one on a tie.

        Parameters and errors as :meth:`predict_proba`.

        Returns
        -------
        array, shape (n,)
        """
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])

    def _predict_chunk(self, rows: Rows) -> npt.NDArray[np.float64]:
        kind = np.float64 if self._head_settings.dtype == torch.float64 else np.float32
        matrix = self.features_.transform(self.features_.read(rows)).astype(kind, copy=False)
        with one_thread(n_values(matrix) <= SMALL), torch.no_grad():
            return link(self.net_(as_inputs(matrix)), find_loss(self.loss))

    def _check_fitted(self) -> None:
        if not hasattr(self, "net_"):
            raise NotFitted("this EndModel is not fitted yet; call fit(X, soft_labels) first")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        return tags

    # -- files -----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the model to one file, without pickle.

        Parameters
        ----------
        path : path
            By convention ending in ``.npz``.
        overwrite : bool, default False

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ArtifactError
            If the file exists and ``overwrite`` is false, or cannot be written.
        FitError
            If the model was not fitted.
        """
        self._check_fitted()
        facts = {name: getattr(self, name) for name in _FACTS}
        parts = ModelParts(
            self._stored_params(),
            self.classes_,
            self.features_,
            self._head_settings,
            self.net_,
            facts,
        )
        write_model(path, parts, overwrite=overwrite)
        return Path(path)

    def _stored_params(self) -> dict[str, Any]:
        params: dict[str, Any] = self.get_params(deep=False)
        if not isinstance(self.random_state, int | None):
            params["random_state"] = self.seed_  # a generator has moved on; its draw is the seed
        params["columns"] = None if self.columns is None else dict(self.columns)
        return params

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> EndModel:
        """Read a model written by :meth:`save`; it predicts the same bits.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged, of another kind, or from a newer version.
        """
        parts = read_model(path)
        params = dict(parts.params)
        for name in ("hidden", "ngrams"):
            params[name] = tuple(params[name])
        model = cls(**params)
        model.classes_ = parts.classes
        model.features_ = parts.features
        model.net_ = parts.net
        model._head_settings = parts.head_settings
        for name in _FACTS:
            setattr(model, name, parts.facts[name])
        model._name_inputs()
        return model


_FACTS: Final = ("seed_", "weight_decay_", "n_iter_", "history_", "description_", "status_")


def _columns_in_use(encoder: Encoder) -> list[str] | None:
    return list(encoder.encoders) if isinstance(encoder, TableEncoder) else None


def _chunks(rows: Rows) -> Iterator[Rows]:
    if len(rows) <= ROWS_PER_CHUNK:
        yield rows
        return
    for start in range(0, len(rows), ROWS_PER_CHUNK):
        yield rows.take(np.arange(start, min(start + ROWS_PER_CHUNK, len(rows))))


def _history(fitted: Fitted) -> list[dict[str, Any]]:
    runs = [("selection", fitted.selection), ("final", fitted.final)]
    return [
        {"stage": stage, "epoch": e.epoch, "loss": e.loss, "heldout_loss": e.heldout_loss}
        for stage, run in runs
        if run is not None
        for e in run.history
    ]


def _status(fitted: Fitted, targets: Targets, description: str, n_used: int, uncovered: str) -> str:
    n_uncovered = len(targets) - int(targets.covered.sum())
    policy = {"exclude": "left out", "downweight": "downweighted", "keep": "kept"}[uncovered]
    note = f" ({n_uncovered:,} uncovered rows {policy})" if n_uncovered else ""
    parts = [f"{description}; trained on {n_used:,} rows{note}"]
    if fitted.selection is not None:
        chosen = f"chosen among {fitted.n_candidates} " if fitted.n_candidates > 1 else ""
        parts.append(
            f"weight decay {fitted.weight_decay:.2g} {chosen}"
            f"with held-out loss {fitted.selection.best_loss:.4f} on {fitted.n_heldout:,} rows"
        )
    else:
        parts.append(f"weight decay {fitted.weight_decay:.2g}, nothing held out")
    n_epochs = len(fitted.final.history)
    parts.append(f"{_ending(fitted)} {n_epochs} epoch{'s' if n_epochs > 1 else ''}")
    return "; ".join(parts)


def _ending(fitted: Fitted) -> str:
    if fitted.final.is_converged:
        return "converged after"
    if fitted.selection is not None and fitted.selection.is_converged:
        return "best after"
    return "stopped by max_epochs after"
