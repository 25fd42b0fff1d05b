"""Models fitted by EM on tables: all but the parametrisation of the tables."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError, ConvergenceWarning, FitError
from weaklabel.inference.backends import Backend, BackendKind, make_backend
from weaklabel.inference.clique_tables import CliqueTables
from weaklabel.inference.em import Outcome, Progress, best_of
from weaklabel.inference.layout import REASON, TableLayout
from weaklabel.inference.model import Parameters, TableModel, unpack, with_gold
from weaklabel.inference.priors import ClassPrior, Propensity
from weaklabel.inference.rows import Expected, FloatArray, IntArray, VoteRows
from weaklabel.inference.shares import share_counts
from weaklabel.inference.tables import (
    Inference,
    Parametrisation,
    Pinned,
    fixed_log_table,
    strong_log_table,
)
from weaklabel.labels import VoteAlphabet
from weaklabel.models import checks, findings
from weaklabel.models.base import LabelModelBase
from weaklabel.models.cliques import Cliques
from weaklabel.models.dependencies import Dependencies
from weaklabel.models.dependency_setting import DependenciesLike, cliques_of, storable
from weaklabel.models.statistics import PatternTable, symbols_of
from weaklabel.models.symbols import recoded
from weaklabel.votes import VoteMatrix

Abstain = Literal["ignore", "informative"]
Init = Literal["prior", "vote_share"]

WORKING_COPIES = 20  # arrays of the size of the tables alive at the peak of a fit


class TableLabelModel(LabelModelBase):
    """A label model that is one table P(symbol | class) per labeling function.

    Parameters
    ----------
    prior_accuracy : float, or mapping of LF name to float, default 0.75
        In (0, 1): how often an LF is believed to be right before any vote is seen. LFs that a
        mapping does not name get 0.75.
    prior_strength : float, or mapping of LF name to float, default 3
        How many votes (per class) that belief weighs; 0 is maximum likelihood. LFs that a mapping
        does not name get the default.
    class_prior_strength : float, default 1
        Pseudo-items per class where the class balance is estimated.
    inference : {"map", "vb"}, default "map"
        Point estimates of the tables, or their variational posterior (IBCC).
    abstain : {"ignore", "informative"}, default "ignore"
        Whether an LF's silence says something about the class.
    propensity_strength : float, default 30
        Under ``abstain="informative"``: pseudo-items per class that believe it does not.
    fixed_accuracy : mapping of LF name to float, optional
        LFs whose accuracy is known and not learned.
    strong : sequence of str, default ()
        LFs that must win: where one votes, the others only decide among the classes it leaves.
    dependencies : None, "learn", pairs of LF names, networkx graph or Dependencies, default None
        LFs that depend on each other beyond the class. Those connected get one joint table
        (:mod:`weaklabel.models.cliques`), so that copies of an LF count once. ``"learn"`` finds
        them in the votes (:func:`~weaklabel.models.dependencies.learn_dependencies`).
    gold_weight : float, default 1
        How many rows one gold row counts for.
    init : {"prior", "vote_share"}, default "prior"
        Start from the posterior under the prior accuracies, or from the share of the votes.
    n_init : int, default 1
        Starts; all but the first are perturbed. The best objective wins.
    max_iter : int, default 200
        Most E-steps of one start.
    tol : float, default 1e-7
        Stop when the objective per item rises by less.
    accelerate : bool, default True
        Anderson mixing with a safeguard, or plain EM.
    warm_start : bool, default False
        Whether ``fit`` and ``partial_fit`` start from the last fit.
    random_state : int, default 0
        For the perturbed starts.
    backend : {"auto", "numpy", "numba", "torch"}, default "auto"
    device : str, optional
        A torch device, such as ``"cuda"``.
    n_threads : int, optional

    Attributes
    ----------
    layout_ : TableLayout
        Which (LF, symbol) pairs have a table row.
    counts_ : array, shape (n_rows, n_classes)
        Expected counts behind the tables, gold included.
    log_table_ : array, shape (n_rows, n_classes)
        What a vote adds to the log joint.
    log_prior_ : array, shape (n_classes,)
        Log joint of a row without votes.
    converged_ : bool
    cliques_ : Cliques
        LFs that have one joint table; ``layout_`` is that of the votes with these joined.
    dependencies_ : Dependencies or None
        What was learned, under ``dependencies="learn"``.
    lf_layout_ : TableLayout
    lf_counts_ : array, shape (n_lf_rows, n_classes)
        Expected counts of each LF on its own; ``layout_`` and ``counts_`` where none depend.
    """

    layout_: TableLayout
    counts_: FloatArray
    log_table_: FloatArray
    log_prior_: FloatArray
    silence_: FloatArray | None
    converged_: bool
    cliques_: Cliques
    dependencies_: Dependencies | None
    lf_layout_: TableLayout
    lf_counts_: FloatArray
    _one_sided_are_silent: ClassVar[bool] = True
    _voter_alphabet: VoteAlphabet
    _voter_names: tuple[str, ...]

    def __init__(
        self,
        *,
        prior_accuracy: float | Mapping[str, float] = 0.75,
        prior_strength: float | Mapping[str, float] = 3.0,
        class_prior_strength: float = 1.0,
        inference: Inference = "map",
        abstain: Abstain = "ignore",
        propensity_strength: float = 30.0,
        fixed_accuracy: Mapping[str, float] | None = None,
        strong: Sequence[str] = (),
        dependencies: DependenciesLike = None,
        gold_weight: float = 1.0,
        init: Init = "prior",
        n_init: int = 1,
        max_iter: int = 200,
        tol: float = 1e-7,
        accelerate: bool = True,
        warm_start: bool = False,
        random_state: int = 0,
        backend: BackendKind = "auto",
        device: str | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.prior_accuracy = prior_accuracy
        self.prior_strength = prior_strength
        self.class_prior_strength = class_prior_strength
        self.inference = inference
        self.abstain = abstain
        self.propensity_strength = propensity_strength
        self.fixed_accuracy = fixed_accuracy
        self.strong = strong
        self.dependencies = dependencies
        self.gold_weight = gold_weight
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.accelerate = accelerate
        self.warm_start = warm_start
        self.random_state = random_state
        self.backend = backend
        self.device = device
        self.n_threads = n_threads

    # -- what a model supplies -------------------------------------------------------------------

    @abstractmethod
    def _parametrisation(
        self, layout: TableLayout, accuracy: FloatArray, strength: FloatArray
    ) -> Parametrisation:
        """The tables; ``accuracy`` and ``strength`` have shape (n_lfs,)."""

    # -- settings --------------------------------------------------------------------------------

    def _check_settings(self) -> None:
        checks.check_choice("inference", self.inference, get_args(Inference))
        checks.check_choice("abstain", self.abstain, get_args(Abstain))
        checks.check_choice("init", self.init, get_args(Init))
        checks.check_range("class_prior_strength", self.class_prior_strength, 0.0, np.inf)
        checks.check_range("propensity_strength", self.propensity_strength, 1e-6, np.inf)
        checks.check_range("gold_weight", self.gold_weight, 1e-9, np.inf)
        checks.check_range("tol", self.tol, 0.0, np.inf)
        checks.check_range("n_init", self.n_init, 1, np.inf)
        checks.check_range("max_iter", self.max_iter, 1, np.inf)
        accuracies = _values(self.prior_accuracy) + _values(self.fixed_accuracy or {})
        for value in accuracies:
            checks.check_range("an accuracy", value, 1e-6, 1.0 - 1e-6)
        least = 1e-6 if self.inference == "vb" else 0.0
        for value in [*_values(self.prior_strength), self.class_prior_strength]:
            checks.check_range(
                f"a strength under inference={self.inference!r}", value, least, np.inf
            )

    def _per_lf(self, setting: str, default: float) -> npt.NDArray[np.float64]:
        given, lf_names = getattr(self, setting), self.cliques_.lf_names
        if not isinstance(given, Mapping):
            return np.full(len(self.cliques_.voter_names), float(given))
        _check_lf_names(setting, given, lf_names)
        each = np.array([float(given.get(name, default)) for name in lf_names])
        return self.cliques_.averaged(each)

    # -- fitting ---------------------------------------------------------------------------------

    def _fit(
        self, table: PatternTable, balance: FloatArray | None, progress: Progress | None
    ) -> None:
        apart = dict.fromkeys(self.fixed_accuracy or {}, "fixed_accuracy")
        apart |= dict.fromkeys(self.strong, "strong")
        self.cliques_, self.dependencies_ = cliques_of(self.dependencies, table, apart)
        lf_table, table = table, self.cliques_.join(table)
        layout, table_row = table.layout()
        checks.check_memory(
            8.0 * WORKING_COPIES * layout.n_rows * layout.n_classes,
            f"{layout.n_rows:,} table rows (pairs of LF and symbol) x {layout.n_classes:,} classes",
            "leave out LFs with few votes (votes.select_lfs), merge rare classes, "
            "or use MajorityVote",
        )
        self._warn_about_overlap(table, layout)
        rows = self._rows_to_fit(table, layout, table_row)
        backend = make_backend(
            rows, kind=self.backend, device=self.device, n_threads=self.n_threads
        )
        gold = _scaled(table.gold_counts(layout, table_row), self.gold_weight)
        model = self._model(table, layout, balance)
        n_items = max(
            rows.total_weight + (0.0 if gold is None else gold.class_counts.sum()), 1e-300
        )
        outcome = self._best_outcome(model, backend, layout, table, gold, n_items, progress)
        self._keep(model, outcome, layout, gold)
        self._voter_alphabet, self._voter_names = table.alphabet, table.lf_names
        self._keep_each_lf(lf_table, table.rows(layout, table_row))

    def _rows_to_fit(
        self, table: PatternTable, layout: TableLayout, table_row: IntArray
    ) -> VoteRows:
        rows = table.rows(layout, table_row)
        voted = table.n_votes_per_pattern > 0
        if self.abstain != "ignore" or voted.all():
            return rows
        # rows without votes say nothing; left in, they only slow the class balance down
        indptr = np.append(rows.indptr[:-1][voted], rows.indptr[-1])
        weight = None if rows.weight is None else rows.weight[voted]
        return layout.rows(indptr, table_row, weight)

    def _model(
        self, table: PatternTable, layout: TableLayout, balance: FloatArray | None
    ) -> TableModel:
        propensity = None
        if self.abstain == "informative":
            coverage = (table.lf_weight[layout.lfs] + 0.5) / (table.total_weight + 1.0)
            propensity = Propensity(layout, coverage, self.propensity_strength, self.inference)
        prior = ClassPrior(balance, self.class_prior_strength, self.inference)
        return TableModel(self._tables(layout), prior, propensity)

    def _tables(self, layout: TableLayout) -> Parametrisation:
        accuracy = self._per_lf("prior_accuracy", 0.75)
        strength = self._per_lf("prior_strength", 3.0)
        lf_names = self.cliques_.lf_names
        free = self._parametrisation(layout, accuracy, strength)
        if self.cliques_.groups:
            joint = self.cliques_.is_joint(layout)
            free = CliqueTables.over(free, layout, joint, accuracy, strength, self.inference)
        fixed = dict(self.fixed_accuracy or {})
        _check_lf_names("fixed_accuracy", fixed, lf_names)
        _check_lf_names("strong", self.strong, lf_names)
        if not fixed and not self.strong:
            return free
        lf_names = self.cliques_.voter_names  # pinned LFs are in no clique
        known = np.array([fixed.get(name, np.nan) for name in lf_names])[layout.row_lf]
        is_strong = np.isin(np.asarray(lf_names, dtype=object), list(self.strong))[layout.row_lf]
        pinned = np.flatnonzero(~np.isnan(known) | is_strong)
        log_table = fixed_log_table(layout, pinned, np.nan_to_num(known[pinned], nan=0.5))
        wins = is_strong[pinned]
        log_table[wins] = strong_log_table(layout, pinned[wins])
        return Pinned(free, pinned, log_table)

    def _best_outcome(
        self,
        model: TableModel,
        backend: Backend,
        layout: TableLayout,
        table: PatternTable,
        gold: Expected | None,
        n_items: float,
        progress: Progress | None,
    ) -> Outcome:
        start = self._start(model, backend, layout, table, gold)
        rng = np.random.default_rng(self.random_state)
        outcomes = [
            model.fit(
                backend,
                start if attempt == 0 else _perturbed(start, rng),
                gold,
                n_items,
                max_iter=self.max_iter,
                tol=self.tol,
                accelerate=self.accelerate,
                progress=progress,
            )
            for attempt in range(self.n_init)
        ]
        return best_of(outcomes)

    def _start(
        self,
        model: TableModel,
        backend: Backend,
        layout: TableLayout,
        table: PatternTable,
        gold: Expected | None,
    ) -> Expected:
        """Expected counts to start from."""
        same_lfs = self._is_fitted() and self._voter_names == table.lf_names
        if self.warm_start and same_lfs and self.labels_ == table.alphabet.labels:
            return backend.e_step(self._log_table_for(layout, table.alphabet), self.log_prior_)
        if self.init == "vote_share":
            return share_counts(backend.rows, layout)
        # What is believed beforehand, and what gold says; in pseudo-votes even under maximum
        # likelihood, or every LF would start out knowing nothing.
        accuracy = self._per_lf("prior_accuracy", 0.75)
        strength = np.maximum(self._per_lf("prior_strength", 3.0), 1.0)
        first = _pinned_like(model.tables, self._parametrisation(layout, accuracy, strength))
        counts = np.zeros((layout.n_rows, layout.n_classes)) if gold is None else gold.counts
        log_prior, _ = model.prior.log_prior(np.zeros(layout.n_classes))
        return backend.e_step(first.tables(counts).log_table, log_prior)

    def _keep(
        self, model: TableModel, outcome: Outcome, layout: TableLayout, gold: Expected | None
    ) -> None:
        shape = (layout.n_rows, layout.n_classes)
        counts, class_counts = with_gold(*unpack(outcome.counts, shape), gold)
        found: Parameters = model.parameters(counts, class_counts)
        self.layout_ = layout
        self.counts_ = counts
        self.log_table_, self.log_prior_ = found.log_table, found.log_prior
        self.silence_ = found.silence
        balance = np.exp(found.log_class - found.log_class.max())
        self.class_balance_ = balance / balance.sum()
        self.n_iter_, self.objective_trace_ = outcome.n_iter, outcome.trace
        self.status_, self.converged_ = outcome.status, outcome.converged
        if not outcome.converged:
            warnings.warn(
                f"{type(self).__name__} {outcome.status}", ConvergenceWarning, stacklevel=5
            )

    def _keep_each_lf(self, table: PatternTable, joined: VoteRows) -> None:
        """Expected counts of each LF on its own, members of cliques too."""
        self.lf_layout_, self.lf_counts_ = self.layout_, self.counts_
        if not self.cliques_.groups:
            return
        self.lf_layout_, table_row = table.layout()
        posterior = make_backend(joined, kind="numpy").posterior(self.log_table_, self.log_prior_)
        rows = table.rows(self.lf_layout_, table_row)
        self.lf_counts_ = make_backend(rows, kind="numpy").counts_of(posterior).counts
        gold = _scaled(table.gold_counts(self.lf_layout_, table_row), self.gold_weight)
        if gold is not None:
            self.lf_counts_ = self.lf_counts_ + gold.counts

    def _warn_about_overlap(self, table: PatternTable, layout: TableLayout) -> None:
        if len(table.gold_weight) == 0:
            found = findings.findings(table, self.abstain == "informative")
            if not self._one_sided_are_silent:
                found = [f for f in found if f.name != "one_sided"]
            findings.warn(found, stacklevel=5)

    # -- using -----------------------------------------------------------------------------------

    def _predict_proba(self, votes: VoteMatrix) -> FloatArray:
        rows, log_table = self._rows_of(votes)
        backend = make_backend(
            rows, kind=self.backend, device=self.device, n_threads=self.n_threads
        )
        return backend.posterior(log_table, self.log_prior_)

    @property
    def lf_accuracy_(self) -> FloatArray:
        """Expected share of right votes of each LF, shape (n_lfs,); NaN for one without votes.

        A vote for a set is right if the class is in it; a confident vote if its class is right.
        """
        self._check_fitted()
        layout = self.lf_layout_
        symbols = layout.symbols
        member = symbols.membership[layout.row_symbol] >= 1.0
        speaks = (symbols.kind[layout.row_symbol] != REASON)[:, None]
        right = layout.per_lf((self.lf_counts_ * (member & speaks)).sum(axis=1))
        total = layout.per_lf((self.lf_counts_ * speaks).sum(axis=1))
        out = np.full(len(self.lf_names_), np.nan)
        out[layout.lfs] = np.divide(right, total, out=np.full(len(total), np.nan), where=total > 0)
        return out

    def confusion(self, lf_name: str) -> FloatArray:
        """P(LF votes v | class y, it votes for a class), shape (n_classes, n_classes), rows y.

        Classes the LF never voted for have the probability the prior gives them.

        Raises
        ------
        FitError
            If there is no LF of the name.
        """
        self._check_fitted()
        if lf_name not in self.lf_names_:
            raise FitError(
                f"there is no LF {lf_name!r}; the LFs are {', '.join(self.lf_names_[:8])}"
            )
        n_classes = len(self.labels_)
        position = self.lf_names_.index(lf_name)
        if len(self.cliques_.members(int(self.cliques_.column[position]))) > 1:
            return self._confusion_of_member(position)
        lf = np.full(n_classes, self.cliques_.column[position])
        _, table_row, log_table = self._extended(lf, np.arange(n_classes), self._voter_alphabet)
        log_table = log_table[table_row]
        if self.silence_ is not None and lf[0] in self.layout_.lfs:
            silence = self.silence_[np.searchsorted(self.layout_.lfs, lf[0])]
            log_table = log_table - np.log(np.maximum(-np.expm1(silence), 1e-300)) + silence
        table = np.exp(log_table - log_table.max(axis=0)).T
        return np.asarray(table / table.sum(axis=1, keepdims=True))

    def _confusion_of_member(self, lf: int) -> FloatArray:
        """The same for an LF in a clique, summed over what the others of the clique say."""
        n_classes, voter = len(self.labels_), int(self.cliques_.column[lf])
        accuracy = self._per_lf("prior_accuracy", 0.75)[voter]
        strength = self._per_lf("prior_strength", 3.0)[voter]
        at = self.lf_layout_.find(np.full(n_classes, lf), np.arange(n_classes))
        counts = np.where(at[:, None] >= 0, self.lf_counts_[np.maximum(at, 0)], 0.0).T
        wrong = (1.0 - accuracy) / max(n_classes - 1, 1)
        table = counts + max(strength, 1e-9) * np.where(np.eye(n_classes) > 0, accuracy, wrong)
        return np.asarray(table / table.sum(axis=1, keepdims=True))

    def _explained(self, votes: VoteMatrix) -> VoteMatrix:
        return self.cliques_.join(votes)

    def _contributions(self, votes: VoteMatrix) -> tuple[FloatArray, FloatArray]:
        rows, log_table = self._rows_of(votes)
        prior = np.broadcast_to(self.log_prior_, (votes.n_items, len(self.labels_)))
        return prior, log_table[rows.table_row]

    def _labels_without_each_vote(self, votes: VoteMatrix) -> npt.NDArray[np.int64]:
        rows, log_table = self._rows_of(votes)
        score = make_backend(rows, kind="numpy").scores(log_table, self.log_prior_)
        without = score[votes.item_index()] - log_table[rows.table_row]
        return np.asarray(without.argmax(axis=1))

    def _rows_of(self, votes: VoteMatrix) -> tuple[VoteRows, FloatArray]:
        """Votes as table rows, and the tables, extended by pairs the fit did not see."""
        votes = self.cliques_.join(votes)
        alphabet, code = recoded(self._voter_alphabet, votes.alphabet)
        symbol = votes.symbol if code is None else code[votes.symbol]
        layout, log_table = self.layout_, self.log_table_
        table_row = layout.find(votes.lf_index, symbol)
        if (table_row < 0).any():
            layout, table_row, log_table = self._extended(votes.lf_index, symbol, alphabet)
        return layout.rows(votes.indptr, table_row), log_table

    def _extended(
        self, lf_index: IntArray, symbol: IntArray, alphabet: VoteAlphabet
    ) -> tuple[TableLayout, IntArray, FloatArray]:
        """Tables with rows for pairs (LF, symbol) that occur now and did not in the fit."""
        fitted = self.layout_
        layout, table_row = TableLayout.of_votes(
            np.concatenate([fitted.row_lf, lf_index.astype(np.int64)]),
            np.concatenate([fitted.row_symbol, symbol.astype(np.int64)]),
            fitted.n_lfs,
            symbols_of(alphabet),
        )
        known = table_row[: fitted.n_rows].astype(np.int64)
        counts = np.zeros((layout.n_rows, layout.n_classes))
        counts[known] = self.counts_
        log_table = self._tables(layout).tables(counts).log_table
        if self.silence_ is not None:
            per_lf = np.zeros((layout.n_lfs, layout.n_classes))
            log_vote = np.log(np.maximum(-np.expm1(self.silence_), 1e-300))
            per_lf[fitted.lfs] = log_vote - self.silence_
            log_table += per_lf[layout.row_lf]
        log_table[known] = self.log_table_
        return layout, table_row[fitted.n_rows :], log_table

    def _log_table_for(self, layout: TableLayout, alphabet: VoteAlphabet) -> FloatArray:
        """The fitted tables on another layout of the same classes."""
        extended, code = recoded(self._voter_alphabet, alphabet)
        symbol = layout.row_symbol if code is None else code[layout.row_symbol]
        at = self.layout_.find(layout.row_lf, symbol)
        if (at >= 0).all():
            return self.log_table_[at]
        _, table_row, log_table = self._extended(layout.row_lf, symbol, extended)
        return log_table[table_row]

    # -- files -----------------------------------------------------------------------------------

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        arrays = {
            "row_lf": self.layout_.row_lf,
            "row_symbol": self.layout_.row_symbol,
            "counts": self.counts_,
            "log_table": self.log_table_,
            "log_prior": self.log_prior_,
        }
        if self.silence_ is not None:
            arrays["silence"] = self.silence_
        if self.cliques_.groups:
            arrays["lf_row_lf"] = self.lf_layout_.row_lf
            arrays["lf_row_symbol"] = self.lf_layout_.row_symbol
            arrays["lf_counts"] = self.lf_counts_
        return arrays

    def _settings(self) -> dict[str, Any]:
        return self.get_params() | {"dependencies": storable(self.dependencies)}

    def _header(self) -> dict[str, Any]:
        header: dict[str, Any] = {"converged": self.converged_}
        if self.cliques_.groups:
            header["cliques"] = self.cliques_.groups
            header["voter_alphabet"] = self._voter_alphabet.to_json()
        return header

    def _restore(self, header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        groups = tuple(tuple(group) for group in header.get("cliques", ()))
        self.cliques_, self.dependencies_ = Cliques(groups, self.lf_names_), None
        self._voter_names = self.cliques_.voter_names
        self._voter_alphabet = self.alphabet_
        if groups:
            self._voter_alphabet = VoteAlphabet.from_json(header["voter_alphabet"])
        symbols, n_voters = symbols_of(self._voter_alphabet), len(self._voter_names)
        self.layout_ = TableLayout(arrays["row_lf"], arrays["row_symbol"], n_voters, symbols)
        self.counts_, self.log_table_ = arrays["counts"], arrays["log_table"]
        self.lf_layout_, self.lf_counts_ = self.layout_, self.counts_
        if groups:
            self.lf_layout_ = TableLayout(
                arrays["lf_row_lf"],
                arrays["lf_row_symbol"],
                len(self.lf_names_),
                symbols_of(self.alphabet_),
            )
            self.lf_counts_ = arrays["lf_counts"]
        self.log_prior_, self.silence_ = arrays["log_prior"], arrays.get("silence")
        self.converged_ = header["converged"]


def _pinned_like(tables: Parametrisation, free: Parametrisation) -> Parametrisation:
    return Pinned(free, tables.rows, tables.log_table) if isinstance(tables, Pinned) else free


def _perturbed(start: Expected, rng: np.random.Generator) -> Expected:
    noise = rng.gamma(2.0, 0.5, size=start.counts.shape)
    return Expected(start.counts * noise, start.class_counts, start.log_likelihood)


def _scaled(gold: Expected | None, weight: float) -> Expected | None:
    if gold is None:
        return None
    return Expected(gold.counts * weight, gold.class_counts * weight, gold.log_likelihood)


def _values(setting: float | Mapping[str, float]) -> list[float]:
    return list(setting.values()) if isinstance(setting, Mapping) else [setting]


def _check_lf_names(setting: str, names: Any, lf_names: tuple[str, ...]) -> None:
    unknown = [name for name in names if name not in lf_names]
    if unknown:
        raise ConfigError(
            f"{setting} names LFs that cast no column here: {', '.join(map(repr, unknown))}; "
            f"the LFs are {', '.join(map(repr, lf_names[:8]))}"
        )
