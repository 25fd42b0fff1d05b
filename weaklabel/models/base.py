"""What all label models share: settings, checks at the boundary, soft labels, files.

A model follows scikit-learn's conventions without importing it: settings in the constructor,
``fit`` returns the model, what was learned ends in an underscore, ``get_params`` and ``set_params``
make ``sklearn.base.clone`` work.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import platform
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ArtifactError, ConfigError, FitError
from weaklabel.inference.em import Progress
from weaklabel.inference.rows import FloatArray
from weaklabel.labels import ABSTAIN, LabelSpace, VoteAlphabet
from weaklabel.models import checks
from weaklabel.models.checks import ClassBalance, Votes
from weaklabel.models.statistics import PatternTable, check_weights
from weaklabel.soft_labels import OnTie, SoftLabels, Uncovered
from weaklabel.storage import read_artifact, write_artifact
from weaklabel.version import __version__
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    from weaklabel.models.explain import Explanation, ExplanationTable, Scale

KIND = "label_model"


class LabelModelBase(ABC):
    """A label model: votes in, class probabilities out.

    Attributes
    ----------
    labels_ : LabelSpace
        The classes.
    lf_names_ : tuple of str
        The labeling functions, in the order of the fit.
    class_balance_ : array, shape (n_classes,)
        The class balance given or estimated.
    n_iter_ : int
        Steps taken; 0 where nothing is iterated.
    objective_trace_ : array
        Objective per item after each step; empty where nothing is iterated.
    status_ : str
        How the fit ended, in a sentence.
    n_items_ : int
        Rows the model was fitted on.
    statistics_ : PatternTable or None
        Distinct vote rows seen so far; what :meth:`partial_fit` adds to.
    """

    labels_: LabelSpace
    alphabet_: VoteAlphabet
    lf_names_: tuple[str, ...]
    lf_fingerprints_: tuple[str, ...] | None
    class_balance_: FloatArray
    n_iter_: int
    objective_trace_: FloatArray
    status_: str
    n_items_: int
    statistics_: PatternTable | None

    _explanation_scale: ClassVar[Scale] = "log"
    _file_version: ClassVar[int] = 1  # raised when what ``_arrays`` or ``_header`` give changes
    _balance_given: FloatArray | None
    _registry: ClassVar[dict[str, type[LabelModelBase]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not inspect.isabstract(cls) and not cls.__name__.startswith("_"):
            LabelModelBase._registry[cls.__name__] = cls

    # -- settings --------------------------------------------------------------------------------

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings by name, as scikit-learn wants them."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Change settings by name.

        Raises
        ------
        ConfigError
            If there is no setting of a name.
        """
        known = self._parameter_names()
        for name, value in params.items():
            if name not in known:
                raise ConfigError(
                    f"{type(self).__name__} has no setting {name!r}; it has {', '.join(known)}"
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        signature = inspect.signature(type(self).__init__).parameters
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if not _same(value, signature[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    # -- fitting ---------------------------------------------------------------------------------

    def fit(
        self,
        votes: Votes,
        gold: npt.ArrayLike | None = None,
        class_balance: ClassBalance = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Learn from votes, and from gold labels where there are any.

        Parameters
        ----------
        votes : VoteMatrix, or array of int, shape (n_items, n_lfs)
            An array holds class codes, -1 for abstain.
        gold : array, shape (n_items,), optional
            Class names or codes of the rows whose class is known; None or -1 where it is not.
        class_balance : None, "uniform", array of shape (n_classes,), or mapping of name to share
            P(class). None lets the model estimate it (or not use it).
        sample_weight : array, shape (n_items,), optional
            How often each row counts; finite and at least 0.
        progress : callable, optional
            Called as ``progress(n_iter, objective)`` after each step.

        Raises
        ------
        FitError
            If there are no rows or no votes, or gold, class balance or weights are not usable.
        VotesError
            If an array does not hold votes.

        Warns
        -----
        CoverageWarning
            If an LF casts no vote.
        IdentifiabilityWarning
            If the votes do not determine the parameters.
        ConvergenceWarning
            If the fit stopped before it converged.
        """
        self._check_settings()
        table, balance = self._read(votes, gold, class_balance, sample_weight)
        return self._fit_statistics(table, balance, progress)

    def partial_fit(
        self,
        votes: Votes,
        gold: npt.ArrayLike | None = None,
        class_balance: ClassBalance = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Add rows to those seen so far and fit again on all of them.

        The distinct vote rows are kept and added to, so the result is that of one fit on all rows.
        With ``warm_start=True``, where a model has it, iteration starts from the last fit.

        Parameters
        ----------
        votes, gold, class_balance, sample_weight, progress
            As :meth:`fit`. A class balance given before stays if None is given now.

        Raises
        ------
        FitError
            As :meth:`fit`, and if the model was loaded from a file without its statistics.
        VotesError
            If LFs or classes are not those seen before.
        """
        if not self._is_fitted():
            return self.fit(votes, gold, class_balance, sample_weight=sample_weight)
        if self.statistics_ is None:
            raise FitError(
                "partial_fit adds to the distinct vote rows seen so far, and this model was saved "
                "without them; save it with statistics=True, or fit on all rows"
            )
        self._check_settings()
        votes = checks.votes_to_predict(votes, self.labels_, self.lf_names_, type(self).__name__)
        table, balance = self._read(votes, gold, class_balance, sample_weight)
        balance = self._balance_given if balance is None else balance
        return self._fit_statistics(self.statistics_.merge(table), balance, progress)

    def merge(self, *others: LabelModelBase) -> Self:
        """Fit on the rows that this model and others of its kind were fitted on, all together.

        For votes in shards: fit one model per shard, then merge. Exact: the result is the fit on
        all rows.

        Raises
        ------
        FitError
            If a model is of another class or has no statistics.
        VotesError
            If LFs or classes differ.
        """
        table = self._statistics()
        for other in others:
            if type(other) is not type(self):
                raise FitError(
                    f"a {type(self).__name__} merges with its own kind, "
                    f"found a {type(other).__name__}"
                )
            table = table.merge(other._statistics())
        return self._fit_statistics(table, self._balance_given, None)

    def _statistics(self) -> PatternTable:
        self._check_fitted()
        if self.statistics_ is None:
            raise FitError(
                "merging needs the distinct vote rows, and this model was saved without them; "
                "save it with statistics=True"
            )
        return self.statistics_

    def _read(
        self, votes: Votes, gold: Any, class_balance: Any, sample_weight: Any
    ) -> tuple[PatternTable, FloatArray | None]:
        matrix = checks.votes_to_fit(votes, gold, class_balance)
        codes = checks.check_gold(gold, matrix.labels, matrix.n_items)
        balance = checks.check_balance(class_balance, matrix.labels)
        weight = check_weights(sample_weight, matrix.n_items)
        checks.check_memory(
            20.0 * matrix.n_votes + 40.0 * matrix.n_items,
            "grouping equal rows of votes",
            "fit on a random sample of the rows (votes[rows]), or shard by shard with partial_fit",
        )
        return PatternTable.of(matrix, codes, weight), balance

    def _fit_statistics(
        self, table: PatternTable, balance: FloatArray | None, progress: Progress | None
    ) -> Self:
        checks.warn_about_votes(table)
        checks.warn_about_gold(table)
        self._fit(table, balance, progress)
        self.labels_ = table.alphabet.labels
        self.alphabet_ = table.alphabet
        self.lf_names_ = table.lf_names
        self.lf_fingerprints_ = table.lf_fingerprints
        self.n_items_ = table.n_items
        self.statistics_ = table
        self._balance_given = balance
        return self

    def _is_fitted(self) -> bool:
        return hasattr(self, "labels_")

    def __sklearn_is_fitted__(self) -> bool:
        return self._is_fitted()

    def _check_fitted(self) -> None:
        if not self._is_fitted():
            raise FitError(
                f"this {type(self).__name__} is not fitted yet; call fit(votes) or load one first"
            )

    # -- using -----------------------------------------------------------------------------------

    def predict_proba(self, votes: Votes) -> FloatArray:
        """Class probabilities of each row.

        Parameters
        ----------
        votes : VoteMatrix, or array of int, shape (n_items, n_lfs)
            Of the LFs of the fit, in any order (an array: in the order of the fit).

        Returns
        -------
        array, shape (n_items, n_classes)
            Rows sum to 1; a row without votes has the class balance.

        Raises
        ------
        FitError
            If the model is not fitted.
        VotesError
            If LFs or classes are not those of the fit.
        """
        return self._probabilities(self._votes(votes))

    def predict(
        self,
        votes: Votes,
        on_tie: OnTie = "abstain",
        uncovered: Uncovered = "abstain",
        random_state: int = 0,
    ) -> npt.NDArray[np.int64]:
        """Hard labels as class codes.

        Parameters
        ----------
        votes
            As :meth:`predict_proba`.
        on_tie : {"abstain", "first", "random"}
            What a row gets whose most probable classes tie: -1, the first, or one drawn.
        uncovered : {"abstain", "argmax"}
            What a row without votes gets: -1, or its most probable class.
        random_state : int
            For ``on_tie="random"``.

        Returns
        -------
        array of int64, shape (n_items,)
            In ``-1 .. n_classes-1``.
        """
        return self.label(votes).harden(on_tie, uncovered, random_state)

    def label(self, votes: Votes, gold: npt.ArrayLike | None = None) -> SoftLabels:
        """Soft labels with ids, number of votes and provenance.

        Parameters
        ----------
        votes
            As :meth:`predict_proba`.
        gold : array, shape (n_items,), optional
            Known classes; those rows get probability 1 on them.
        """
        matrix = self._votes(votes)
        probabilities = self._probabilities(matrix)
        codes = checks.check_gold(gold, self.labels_, matrix.n_items)
        if codes is not None:
            known = np.flatnonzero(codes != ABSTAIN)
            probabilities[known] = 0.0
            probabilities[known, codes[known]] = 1.0
        return SoftLabels(
            probabilities,
            self.labels_,
            matrix.n_votes_per_item,
            matrix.row_ids,
            self.provenance(matrix),
        )

    def explain(self, votes: Votes, row: int) -> Explanation:
        """Why a row got its label: what each vote contributed, and which would flip it.

        Parameters
        ----------
        votes
            As :meth:`predict_proba`.
        row : int
            Position of the row.

        Raises
        ------
        VotesError
            If there is no such row.
        """
        from weaklabel.models.explain import explain_row

        return explain_row(self, self._votes(votes), row)

    def explain_all(self, votes: Votes) -> ExplanationTable:
        """One line per vote of all rows: its contribution and whether it decides the label."""
        from weaklabel.models.explain import explain_rows

        return explain_rows(self, self._votes(votes))

    def provenance(self, votes: VoteMatrix | None = None) -> dict[str, Any]:
        """JSON-able facts about the model, for the manifest of soft labels."""
        self._check_fitted()
        fingerprints = self.lf_fingerprints_
        if votes is not None and votes.lf_fingerprints is not None:
            fingerprints = votes.lf_fingerprints
        return {
            "model": type(self).__name__,
            "model_params": _jsonable(self._settings()),
            "parameters_sha256": self.parameters_hash(),
            "labels": list(self.labels_.names),
            "lf_names": list(self.lf_names_),
            "lf_fingerprints": None if fingerprints is None else list(fingerprints),
            "class_balance": [float(p) for p in self.class_balance_],
            "status": self.status_,
            "random_state": _jsonable(self.get_params().get("random_state")),
            "n_rows_fitted": self.n_items_,
            "versions": {
                "weaklabel": __version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        } | ({} if votes is None else {"n_rows": votes.n_items})

    def parameters_hash(self) -> str:
        """SHA-256 over the names, shapes and bytes of all that was learned."""
        self._check_fitted()
        digest = hashlib.sha256()
        for name, array in sorted(self._all_arrays().items()):
            digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def _votes(self, votes: Votes) -> VoteMatrix:
        self._check_fitted()
        return checks.votes_to_predict(votes, self.labels_, self.lf_names_, type(self).__name__)

    def _probabilities(self, votes: VoteMatrix) -> FloatArray:
        checks.check_memory(
            8.0 * votes.n_items * len(self.labels_),
            "one probability per row and class",
            "predict in slices (votes[a:b]) and write each to its own file",
        )
        return self._predict_proba(votes)

    # -- files -----------------------------------------------------------------------------------

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        statistics: bool = False,
    ) -> None:
        """Write the model as npz with a JSON header; no pickle.

        Parameters
        ----------
        path : path
        overwrite : bool, default False
            Whether an existing file may be replaced.
        statistics : bool, default False
            Whether to keep the distinct vote rows, so that ``partial_fit`` can go on.

        Raises
        ------
        FitError
            If the model is not fitted.
        ArtifactError
            If the file exists or cannot be written.
        """
        self._check_fitted()
        arrays = self._all_arrays()
        if statistics:
            arrays |= self._statistics().to_arrays()
        header = {
            "model": type(self).__name__,
            "model_version": self._file_version,
            "params": _jsonable(self._settings()),
            "alphabet": self.alphabet_.to_json(),
            "lf_names": list(self.lf_names_),
            "lf_fingerprints": self.lf_fingerprints_,
            "n_iter": self.n_iter_,
            "n_items": self.n_items_,
            "status": self.status_,
            "balance_given": self._balance_given is not None,
            "learned": _jsonable(self._header()),
        }
        write_artifact(path, KIND, header, arrays, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model written by :meth:`save`.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged, of another format, or holds something else.
        """
        header, arrays = read_artifact(path, KIND)
        name = header.get("model", "")
        found = LabelModelBase._registry.get(name)
        if found is None or not issubclass(found, cls):
            raise ArtifactError(
                f"{os.fspath(path)} holds a {name or 'nameless model'}, expected a {cls.__name__}"
            )
        checks.check_file_version(path, name, header.get("model_version", 1), found._file_version)
        try:
            return found._restored(header, arrays)
        except KeyError as error:
            raise ArtifactError(
                f"{os.fspath(path)} is damaged: the {name} in it lacks {error}; fit and save again"
            ) from error

    @classmethod
    def _restored(cls, header: Mapping[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Self:
        model = cls(**header["params"])
        model.alphabet_ = VoteAlphabet.from_json(header["alphabet"])
        model.labels_ = model.alphabet_.labels
        model.lf_names_ = tuple(header["lf_names"])
        prints = header["lf_fingerprints"]
        model.lf_fingerprints_ = None if prints is None else tuple(prints)
        model.n_iter_, model.n_items_ = header["n_iter"], header["n_items"]
        model.status_ = header["status"]
        model.class_balance_ = arrays["class_balance"]
        model.objective_trace_ = arrays["objective_trace"]
        model._balance_given = model.class_balance_ if header["balance_given"] else None
        model.statistics_ = None
        if "pattern_weight" in arrays:
            model.statistics_ = PatternTable.from_arrays(
                arrays, model.alphabet_, model.lf_names_, model.lf_fingerprints_, model.n_items_
            )
        model._restore(header["learned"], arrays)
        return model

    def _all_arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            "class_balance": self.class_balance_,
            "objective_trace": self.objective_trace_,
            **self._arrays(),
        }

    # -- what a model supplies -------------------------------------------------------------------

    def _check_settings(self) -> None:  # noqa: B027 - a model without settings has none to check
        """Raise ConfigError if a setting is out of range."""

    @abstractmethod
    def _fit(
        self, table: PatternTable, balance: FloatArray | None, progress: Progress | None
    ) -> None:
        """Set what was learned, ``class_balance_``, ``n_iter_``, trace and status."""

    @abstractmethod
    def _predict_proba(self, votes: VoteMatrix) -> FloatArray:
        """Probabilities of votes whose LFs and classes are those of the fit."""

    @abstractmethod
    def _contributions(self, votes: VoteMatrix) -> tuple[FloatArray, FloatArray]:
        """What is there without votes (n_items, K), and what each vote adds (n_votes, K)."""

    def _settings(self) -> dict[str, Any]:
        """The settings as files and provenance hold them."""
        return self.get_params()

    def _explained(self, votes: VoteMatrix) -> VoteMatrix:
        """The votes that explanations speak of: those of the voters the model knows."""
        return votes

    def _labels_without_each_vote(self, votes: VoteMatrix) -> npt.NDArray[np.int64]:
        """The most probable class of each vote's row without that vote, shape (n_votes,)."""
        from weaklabel.models.explain import labels_without_each_vote

        return labels_without_each_vote(self, votes)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays that were learned, for files and the parameters hash."""
        return {}

    def _header(self) -> dict[str, Any]:
        """JSON-able values that were learned."""
        return {}

    def _restore(  # noqa: B027 - a model that learns nothing restores nothing
        self, header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        """Set what ``_arrays`` and ``_header`` gave."""


def _same(value: object, default: object) -> bool:
    try:
        return bool(value == default)
    except ValueError:  # arrays
        return False


def _jsonable(value: Any) -> Any:
    """Settings as JSON: arrays as lists, tuples as lists, NumPy numbers as numbers."""
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(v) for v in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    json.dumps(value)  # a setting that is no JSON is a mistake of the model, found here
    return value
