"""Models fitted on moments of the votes: all but the estimator of the tables.

Such a model reads the votes once, to count how often pairs of votes occur together. What follows
does not depend on the number of rows. The result is a table P(vote | class) per labeling function,
abstention being one more outcome: how often an LF votes for a class, and not only how often it is
right when it votes, is what one-sided rules have to say. Silence itself is not counted as evidence.
(Measured on real sets: tables given that an LF votes leave nothing of rules, and counting silence
costs up to 24 points.)

Crowds are another matter: which tasks a worker gets was decided by somebody else. There, pairs of
votes are compared given that both workers voted (``propensity="assigned"``), which on sparse crowds
is the difference between chance and the best models.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError, IdentifiabilityWarning
from weaklabel.inference.backends import BackendKind, make_backend
from weaklabel.inference.balance import estimate_balance
from weaklabel.inference.em import Progress
from weaklabel.inference.joint import (
    JointTables,
    fit_joint_tables,
    shared_interactions,
    with_interactions,
)
from weaklabel.inference.junction import JunctionTree, edges_to_drop
from weaklabel.inference.layout import TableLayout
from weaklabel.inference.moments import Moments, as_if_unassigned, lf_overlap, vote_moments
from weaklabel.inference.pairs import find_pairs
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows
from weaklabel.inference.tables import fixed_log_table
from weaklabel.labels import ABSTAIN
from weaklabel.models import checks
from weaklabel.models.base import LabelModelBase
from weaklabel.models.dependency_setting import DependenciesLike, declared_pairs, storable
from weaklabel.models.moment_tables import (
    PROBABILITY_FLOOR,
    Estimated,
    MomentProblem,
    balance_with_gold,
    even_propensity,
    prior_tables,
    proper,
    tables_with_gold,
)
from weaklabel.models.statistics import PatternTable, check_weights, symbols_of
from weaklabel.models.symbols import recoded
from weaklabel.votes import VoteMatrix

Balance = Literal["estimate", "uniform"]
Propensity = Literal["auto", "class", "assigned"]

ASSIGNED_FROM = 0.5
"""LFs of several votes count as assigned if their overlaps are off independence by this share."""


class MomentModel(LabelModelBase):
    """A label model that is fitted on first and second moments of the votes.

    Attributes
    ----------
    layout_ : TableLayout
        Which (LF, symbol) pairs have a table row.
    tables_ : array, shape (n_rows, n_classes)
        P(LF casts the vote | class); with abstention, an LF's rows add up to 1.
    log_table_ : array, shape (n_rows, n_classes)
        What a vote adds to the log joint.
    log_prior_ : array, shape (n_classes,)
        Log joint of a row without votes.
    balance_trust_ : array, shape (n_classes,)
        How far the class balance is what the votes say and not an equal share; 1 if it was given.
    propensity_ : {"class", "assigned"}
        How it was read that LFs abstain.
    dependencies_ : tuple of (str, str)
        Pairs of dependent LFs that were taken into account.
    """

    layout_: TableLayout
    tables_: FloatArray
    log_table_: FloatArray
    log_prior_: FloatArray
    balance_trust_: FloatArray
    propensity_: Propensity
    dependencies_: tuple[tuple[str, str], ...]

    dependencies: DependenciesLike
    balance: Balance
    propensity: Propensity
    prior_accuracy: float
    prior_strength: float
    max_width: int
    backend: BackendKind
    device: str | None
    n_threads: int | None

    _tree: JunctionTree
    _joint: JointTables

    # -- what a model supplies -------------------------------------------------------------------

    @abstractmethod
    def _estimate(self, problem: MomentProblem, progress: Progress | None) -> Estimated:
        """P(vote | class) from moments."""

    # -- settings --------------------------------------------------------------------------------

    def _check_settings(self) -> None:
        checks.check_choice("balance", self.balance, get_args(Balance))
        checks.check_choice("propensity", self.propensity, get_args(Propensity))
        checks.check_range("prior_accuracy", self.prior_accuracy, 1e-6, 1.0 - 1e-6)
        checks.check_range("prior_strength", self.prior_strength, 1e-6, np.inf)
        checks.check_range("max_width", self.max_width, 1, 30)

    def _settings(self) -> dict[str, Any]:
        return self.get_params() | {"dependencies": storable(self.dependencies)}

    def _junction_tree(self, lf_names: tuple[str, ...]) -> tuple[JunctionTree, list[Any]]:
        if self.dependencies is None:
            return JunctionTree.of(len(lf_names), []), []
        if isinstance(self.dependencies, str):
            raise ConfigError(
                f"{type(self).__name__} takes declared dependencies, found {self.dependencies!r}; "
                "pass what learn_dependencies(votes) returns"
            )
        pairs = declared_pairs(self.dependencies, lf_names)
        tree = JunctionTree.of(len(lf_names), pairs)
        if tree.width > self.max_width:
            clique = ", ".join(repr(lf_names[j]) for j in tree.widest[:8])
            drop = [
                (lf_names[a], lf_names[b])
                for a, b in edges_to_drop(len(lf_names), pairs, self.max_width)
            ]
            raise ConfigError(
                f"the junction tree of dependencies has width {tree.width} (a clique of "
                f"{len(tree.widest)} LFs: {clique}), at most max_width={self.max_width} is "
                f"allowed; drop {', '.join(map(str, drop))}, or raise max_width"
            )
        return tree, pairs

    # -- fitting ---------------------------------------------------------------------------------

    def _read(
        self, votes: Any, gold: Any, class_balance: Any, sample_weight: Any
    ) -> tuple[PatternTable, FloatArray | None]:
        # Moments are one pass over the rows as they are; grouping equal rows would take longer.
        matrix = checks.votes_to_fit(votes, gold, class_balance)
        codes = checks.check_gold(gold, matrix.labels, matrix.n_items)
        balance = checks.check_balance(class_balance, matrix.labels)
        weight = check_weights(sample_weight, matrix.n_items)
        checks.check_memory(
            20.0 * matrix.n_votes + 40.0 * matrix.n_items,
            "counting pairs of votes",
            "fit on a random sample of the rows (votes[rows]), or shard by shard with partial_fit",
        )
        return _each_row(matrix, codes, weight), balance

    def _statistics(self) -> PatternTable:
        table = super()._statistics()
        nothing = PatternTable.of(table._matrix()[:0])
        return table.merge(nothing)  # equal rows grouped

    def _fit(
        self, table: PatternTable, balance: FloatArray | None, progress: Progress | None
    ) -> None:
        layout, table_row = table.layout()
        checks.check_memory(
            8.0 * 12 * layout.n_rows**2,
            f"moments of {layout.n_rows:,} pairs of LF and symbol",
            "leave out LFs with few votes (votes.select_lfs), merge rare classes, or use OneCoin",
        )
        tree, pairs = self._junction_tree(table.lf_names)
        rows = layout.rows(table.indptr, table_row, table.pattern_weight)
        gold = table.gold_counts(layout, table_row)
        moments = vote_moments(rows, n_threads=self.n_threads)
        group = tree.component[layout.row_lf]
        if gold is None:
            self._warn_about_overlap(group[moments.first > 0])
        independent = group[:, None] != group
        several = layout.per_lf(np.ones(layout.n_rows)) >= 2
        self.propensity_ = self._read_abstention(moments, layout, several)
        found_balance, trust = self._class_balance(balance, rows, moments, independent, layout)
        if balance is None and gold is not None:
            found_balance = balance_with_gold(found_balance, gold)
        problem = self._problem(moments, layout, independent, found_balance, several)
        found = self._estimated(problem, progress)
        tables = found.tables
        if self.propensity_ == "assigned":
            tables = even_propensity(layout, tables, moments.mean, several)
        tables = proper(layout, tables_with_gold(tables, gold, problem))
        self.class_balance_, self.balance_trust_ = found_balance, trust
        self.n_iter_, self.objective_trace_ = found.n_iter, found.trace
        self.status_ = found.status
        self._joint = fit_joint_tables(rows, tree, tables, moments.mean, found_balance)
        self.dependencies_ = tuple((table.lf_names[a], table.lf_names[b]) for a, b in pairs)
        self._keep(layout, tables, tree)

    def _problem(
        self,
        moments: Moments,
        layout: TableLayout,
        independent: IntArray,
        balance: FloatArray,
        several: IntArray,
    ) -> MomentProblem:
        information = independent.astype(np.float64)
        if self.propensity_ == "assigned":
            moments, overlap = as_if_unassigned(moments, layout.row_lf, several)
            information *= overlap
        prior = prior_tables(layout, moments.mean, balance, self.prior_accuracy)
        return MomentProblem(moments, layout, information, balance, prior, self.prior_strength)

    def _estimated(self, problem: MomentProblem, progress: Progress | None) -> Estimated:
        if problem.layout.n_classes == 1:
            mean = problem.moments.mean[:, None]
            return Estimated(mean, np.zeros(0), 0, "there is one class: nothing to learn")
        return self._estimate(problem, progress)

    def _keep(self, layout: TableLayout, tables: FloatArray, tree: JunctionTree) -> None:
        self.layout_, self.tables_, self._tree = layout, tables, tree
        self.log_table_ = np.log(tables)
        self.log_prior_ = np.log(np.maximum(self.class_balance_, PROBABILITY_FLOOR))

    def _read_abstention(
        self, moments: Moments, layout: TableLayout, several: IntArray
    ) -> Propensity:
        """Whether the LFs that cast several votes were assigned their rows."""
        if self.propensity != "auto":
            return self.propensity
        both, expected = lf_overlap(moments, layout.row_lf)
        pairs = several[:, None] & several & ~np.eye(len(several), dtype=bool)
        off, total = np.abs(both - expected)[pairs].sum(), expected[pairs].sum()
        return "assigned" if off > ASSIGNED_FROM * total else "class"

    def _class_balance(
        self,
        given: FloatArray | None,
        rows: VoteRows,
        moments: Moments,
        independent: IntArray,
        layout: TableLayout,
    ) -> tuple[FloatArray, FloatArray]:
        if given is not None:
            return given, np.ones(layout.n_classes)
        if self.balance == "uniform" or self.propensity_ == "assigned":
            return np.full(layout.n_classes, 1.0 / layout.n_classes), np.zeros(layout.n_classes)
        speaks = layout.symbols.affinity[layout.row_symbol]
        return estimate_balance(rows, moments, independent, speaks, n_threads=self.n_threads)

    def _warn_about_overlap(self, groups: IntArray) -> None:
        n_groups = len(np.unique(groups))
        if n_groups < 3:
            warnings.warn(
                f"the votes come from {n_groups} groups of LFs that are independent of each "
                "other: with fewer than three, agreement does not determine accuracies and the "
                "prior decides; add independent LFs, declare fewer dependencies, or give gold",
                IdentifiabilityWarning,
                stacklevel=5,
            )

    # -- using -----------------------------------------------------------------------------------

    def _predict_proba(self, votes: VoteMatrix) -> FloatArray:
        rows, log_table = self._rows_of(votes)
        if self._tree.cliques:
            rows, log_table = with_interactions(rows, self._tree, self._joint, log_table)
        backend = make_backend(
            rows, kind=self.backend, device=self.device, n_threads=self.n_threads
        )
        return backend.posterior(log_table, self.log_prior_)

    def _contributions(self, votes: VoteMatrix) -> tuple[FloatArray, FloatArray]:
        rows, log_table = self._rows_of(votes)
        contributions = log_table[rows.table_row]
        if self._tree.cliques:
            contributions += shared_interactions(rows, self._tree, self._joint, log_table)
        return np.broadcast_to(self.log_prior_, (votes.n_items, len(self.labels_))), contributions

    def _labels_without_each_vote(self, votes: VoteMatrix) -> npt.NDArray[np.int64]:
        if self._tree.cliques:
            return super()._labels_without_each_vote(votes)
        rows, log_table = self._rows_of(votes)
        score = make_backend(rows, kind="numpy").scores(log_table, self.log_prior_)
        without = score[votes.item_index()] - log_table[rows.table_row]
        return np.asarray(without.argmax(axis=1))

    def _rows_of(self, votes: VoteMatrix) -> tuple[VoteRows, FloatArray]:
        """Votes as table rows; a pair (LF, symbol) the fit did not see is read literally."""
        alphabet, code = recoded(self.alphabet_, votes.alphabet)
        symbol = votes.symbol if code is None else code[votes.symbol].astype(np.int64)
        layout, log_table = self.layout_, self.log_table_
        n_symbols = layout.symbols.n_symbols
        known = layout.row_lf * n_symbols + layout.row_symbol
        new_symbols = len(alphabet) > n_symbols
        all_known = False
        if not new_symbols:
            table_row, all_known = find_pairs(
                known, votes.lf_index, symbol, layout.n_lfs, n_symbols
            )
        if not all_known:
            layout, table_row = TableLayout.of_votes(
                np.concatenate([layout.row_lf, votes.lf_index.astype(np.int64)]),
                np.concatenate([layout.row_symbol, symbol.astype(np.int64)]),
                layout.n_lfs,
                symbols_of(alphabet),
            )
            fitted = table_row[: len(known)].astype(np.int64)
            everything = np.arange(layout.n_rows)
            literal = np.full(layout.n_rows, self.prior_accuracy)
            log_table = fixed_log_table(layout, everything, literal)
            log_table[fitted] = self.log_table_
            table_row = table_row[len(known) :]
            return self._fitted_rows_first(votes, layout, table_row, log_table, fitted)
        return layout.rows(votes.indptr, table_row), log_table

    def _fitted_rows_first(
        self,
        votes: VoteMatrix,
        layout: TableLayout,
        table_row: IntArray,
        log_table: FloatArray,
        fitted: IntArray,
    ) -> tuple[VoteRows, FloatArray]:
        """Rows numbered as in the fit, new ones after them under LFs of their own.

        Joint tables name rows by their number in the fit. A new row stands for an LF of its own,
        past all others: rows of one LF must be contiguous.
        """
        new = np.setdiff1d(np.arange(layout.n_rows), fitted)
        order = np.concatenate([fitted, new])
        number = np.empty(layout.n_rows, dtype=np.int64)
        number[order] = np.arange(layout.n_rows)
        past = layout.n_lfs + len(self.layout_.row_lf)
        row_lf = np.concatenate([layout.row_lf[fitted], past + np.arange(len(new))])
        dtype = np.min_scalar_type(max(layout.n_rows - 1, 0))
        rows = VoteRows(
            votes.indptr,
            number[table_row].astype(dtype),
            None,
            layout.n_rows,
            layout.n_classes,
            row_lf,
        )
        return rows, log_table[order]

    # -- files -----------------------------------------------------------------------------------

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            "row_lf": self.layout_.row_lf,
            "row_symbol": self.layout_.row_symbol,
            "tables": self.tables_,
            "balance_trust": self.balance_trust_,
            "joint_indptr": self._joint.indptr,
            "joint_member": self._joint.member,
            "joint_log_table": self._joint.log_table,
        }

    def _header(self) -> dict[str, Any]:
        return {
            "dependencies": [list(pair) for pair in self.dependencies_],
            "propensity": self.propensity_,
        }

    def _restore(self, header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        layout = TableLayout(
            arrays["row_lf"], arrays["row_symbol"], len(self.lf_names_), symbols_of(self.alphabet_)
        )
        self.dependencies_ = tuple((a, b) for a, b in header["dependencies"])
        pairs = declared_pairs(self.dependencies_, self.lf_names_)
        self.balance_trust_ = arrays["balance_trust"]
        self.propensity_ = header["propensity"]
        self._joint = JointTables(
            arrays["joint_indptr"], arrays["joint_member"], arrays["joint_log_table"]
        )
        self._keep(layout, arrays["tables"], JunctionTree.of(len(self.lf_names_), pairs))


def _each_row(
    votes: VoteMatrix, gold: IntArray | None, sample_weight: FloatArray | None
) -> PatternTable:
    """The votes as a pattern table in which each row is a pattern."""
    known = np.zeros(0, np.int64) if gold is None else np.flatnonzero(gold != ABSTAIN)
    each = np.ones(votes.n_items) if sample_weight is None else sample_weight.copy()
    gold_weight = each[known]
    each[known] = 0.0
    return PatternTable(
        votes.indptr,
        votes.lf_index,
        votes.symbol,
        each,
        known,
        np.zeros(0, np.int64) if gold is None else gold[known],
        gold_weight,
        votes.alphabet,
        votes.lf_names,
        votes.lf_fingerprints,
        votes.n_items,
    )
