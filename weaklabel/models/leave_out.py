"""What each labeling function does to the labels: refits without it, for all of them at once.

Leaving LF j out changes the posterior of the rows it votes on, those change the tables of the other
LFs, those change posteriors again, and so on until EM has converged anew. The first round is done
exactly; it is cheap where silence says nothing, since then it touches only rows that j votes on.
Further rounds (``steps``) are full EM steps from there.

What is approximated: one round is not convergence. On four shared sets the shifts after one round
correlated .89 to .98 with those of full refits, after five rounds .95 to 1.0; single LFs that hold
a solution in place were off by up to .22. Raise ``steps`` to look closer at those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklabel.errors import ConfigError, FitError
from weaklabel.inference.backends import make_backend
from weaklabel.inference.model import Parameters, TableModel, with_gold
from weaklabel.inference.rows import Backend, Expected, FloatArray, IntArray, VoteRows
from weaklabel.inference.softmax import softmax
from weaklabel.models.checks import Votes
from weaklabel.models.statistics import PatternTable
from weaklabel.models.table_model import TableLabelModel

if TYPE_CHECKING:
    import pandas as pd

COMPILED_FROM = 4_000_000  # squared votes per pattern x classes
TABLE_BYTES = 1 << 28
N_BLOCKS = 8  # of patterns; a constant, so that sums do not depend on the number of threads


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """The effect of leaving out each LF, in the order of the fit.

    Attributes
    ----------
    lf_names : tuple of str
    n_votes : array, shape (n_lfs,)
        Weight of the rows the LF votes on.
    n_flipped : array, shape (n_lfs,)
        Weight of those rows whose most probable class is another without it.
    shift : array, shape (n_lfs,)
        Mean total variation distance of the posteriors of those rows, in [0, 1].
    class_balance : array, shape (n_lfs, n_classes)
        Class balance without it.
    steps : int
        Rounds of EM taken without each LF.
    """

    lf_names: tuple[str, ...]
    n_votes: FloatArray
    n_flipped: FloatArray
    shift: FloatArray
    class_balance: FloatArray
    steps: int

    def to_pandas(self) -> pd.DataFrame:
        """One line per LF: lf, n_votes, n_flipped, shift."""
        import pandas as pd

        columns: dict[str, Any] = {
            "lf": list(self.lf_names),
            "n_votes": self.n_votes,
            "n_flipped": self.n_flipped,
            "shift": self.shift,
        }
        return pd.DataFrame(columns)


def leave_one_out_lfs(
    model: TableLabelModel, votes: Votes | None = None, *, steps: int = 1
) -> LeaveOneOut:
    """Refit without each LF in turn, starting from the fitted model.

    Parameters
    ----------
    model : DawidSkene, OneCoin or ClassConditionalAccuracy
        Fitted.
    votes : VoteMatrix or array, optional
        The votes the model was fitted on; not needed if it still has its statistics.
    steps : int, default 1
        EM steps without the LF. The first costs what the LF's own rows cost, each further one a
        full step.

    Raises
    ------
    FitError
        If the model is not fitted, or neither it nor the caller has the votes.
    ConfigError
        If ``steps`` is below 1.

    Notes
    -----
    For ``steps=1``, two passes over the rows each LF votes on: in all O(sum over rows of squared
    votes * n_classes), plus n_lfs M-steps; about two fits. Under ``abstain="informative"`` and for
    each further step, n_lfs E-steps. The posteriors reported are those of the rows the LF votes on,
    under the tables after ``steps`` rounds; memory for one posterior of all patterns.
    """
    if steps < 1:
        raise ConfigError(f"steps must be at least 1, found {steps}")
    table = model.cliques_.join(_statistics(model, votes))
    return _Refits(model, table).run(steps)


def _statistics(model: TableLabelModel, votes: Votes | None) -> PatternTable:
    model._check_fitted()
    if votes is not None:
        return PatternTable.of(model._votes(votes))
    if model.statistics_ is None:
        raise FitError(
            "this model was saved without the distinct vote rows; pass the votes it was fitted on"
        )
    return model.statistics_


class _Refits:
    def __init__(self, model: TableLabelModel, table: PatternTable) -> None:
        self.table = table
        self.layout, self.table_row = table.layout()
        self.rows = model._rows_to_fit(table, self.layout, self.table_row)
        self.model: TableModel = model._model(table, self.layout, model._balance_given)
        self.log_table = model._log_table_for(self.layout, table.alphabet)
        self.log_prior = model.log_prior_
        silence = np.zeros((table.n_lfs, self.layout.n_classes))
        self.has_silence = model.silence_ is not None
        if model.silence_ is not None:
            silence[model.layout_.lfs] = model.silence_
        self.silence = silence[self.layout.lfs]
        self.backend: Backend = make_backend(self.rows, kind=model.backend, device=model.device)
        gold = table.gold_counts(self.layout, self.table_row)
        self.gold = None if gold is None else _times(gold, model.gold_weight)
        # patterns without votes may have been left out of the rows
        lengths = np.diff(self.rows.indptr).astype(np.int64)
        voted = table.n_votes_per_pattern > 0
        all_kept = len(lengths) == table.n_patterns
        self.item_weight = table.pattern_weight if all_kept else table.pattern_weight[voted]
        self.pattern_of_vote = np.repeat(np.arange(len(lengths)), lengths)
        self.lengths = lengths
        self.by_lf = np.argsort(table.lf_index, kind="stable")
        self.lf_starts = np.searchsorted(table.lf_index[self.by_lf], np.arange(table.n_lfs + 1))

    def run(self, steps: int) -> LeaveOneOut:
        table, layout = self.table, self.layout
        self.scores = self.backend.scores(self.log_table, self.log_prior)
        self.before = softmax(self.scores)
        self.expected = self.backend.e_step(self.log_table, self.log_prior)
        if steps == 1 and self._is_large():
            return self._run_compiled()
        n_votes, n_flipped, shift = (np.zeros(table.n_lfs) for _ in range(3))
        balance = np.tile(
            softmax(self.log_prior[None] - self.silence.sum(axis=0)), (table.n_lfs, 1)
        )
        for active, lf in enumerate(layout.lfs.tolist()):
            patterns, parameters = self._without(active, lf, steps)
            after = self._posterior(patterns, active, parameters)
            old, weight = self.before[patterns], self.item_weight[patterns]
            total = weight.sum()
            n_votes[lf] = total
            n_flipped[lf] = weight @ (after.argmax(axis=1) != old.argmax(axis=1))
            shift[lf] = weight @ (0.5 * np.abs(after - old).sum(axis=1)) / max(total, 1e-300)
            balance[lf] = softmax(parameters.log_class[None])[0]
        return LeaveOneOut(table.lf_names, n_votes, n_flipped, shift, balance, steps)

    def _is_large(self) -> bool:
        """Whether the compiled passes pay, and their tables, one set per LF, fit into memory."""
        if self.has_silence:
            return False
        pairs = float((self.lengths.astype(np.float64) ** 2).sum())
        tables = 8.0 * len(self.layout.lfs) * self.log_table.size
        return pairs * self.layout.n_classes >= COMPILED_FROM and tables <= TABLE_BYTES

    def _run_compiled(self) -> LeaveOneOut:
        from weaklabel.inference.leave_out import change_without_each, shift_without_each

        table, layout = self.table, self.layout
        n_active, n_classes = len(layout.lfs), layout.n_classes
        n_patterns = self.rows.n_patterns
        weight = np.ones(n_patterns) if self.rows.weight is None else self.rows.weight
        votes = (self.rows.indptr, self.table_row, layout.segment)
        counts = np.repeat(self.expected.counts[None], n_active, axis=0)
        classes = np.repeat(self.expected.class_counts[None], n_active, axis=0)
        given = (*votes, weight, self.scores, self.before, self.log_table)
        _in_blocks(change_without_each, n_patterns, given, (counts, classes))
        log_prior, log_class = np.zeros((n_active, n_classes)), np.zeros((n_active, n_classes))
        for active in range(n_active):
            found = self._m_step(counts[active], classes[active])
            counts[active], log_prior[active] = self._tables(found, active)
            log_class[active] = found.log_class
        sums = np.zeros((3, n_active))
        after = (*votes, self.item_weight, self.before, counts, log_prior)
        _in_blocks(shift_without_each, n_patterns, after, tuple(sums))
        every = np.zeros((3, table.n_lfs))
        every[:, layout.lfs] = sums
        balance = self._balance_as_fitted()
        balance[layout.lfs] = softmax(log_class)
        shift = every[2] / np.maximum(every[0], 1e-300)
        return LeaveOneOut(table.lf_names, every[0], every[1], shift, balance, 1)

    def _balance_as_fitted(self) -> FloatArray:
        as_fitted = self.log_prior - self.silence.sum(axis=0)
        return np.tile(softmax(as_fitted[None]), (self.table.n_lfs, 1))

    def _without(self, active: int, lf: int, steps: int) -> tuple[IntArray, Parameters]:
        """The patterns the LF votes on, and the parameters after some EM steps without it."""
        votes = self.by_lf[self.lf_starts[lf] : self.lf_starts[lf + 1]]
        patterns = self.pattern_of_vote[votes]
        if self.has_silence:  # rows on which it was silent change as well
            fitted = Parameters(self.log_table, self.log_prior, self.log_prior, self.silence, 0.0)
            found = self.backend.e_step(*self._tables(fitted, active))
        else:
            score = self.scores[patterns] - self.log_table[self.table_row[votes]]
            change = softmax(score) - self.before[patterns]
            delta = make_backend(self._part(patterns)).counts_of(change)
            found = Expected(
                self.expected.counts + delta.counts,
                self.expected.class_counts + delta.class_counts,
                float("nan"),
            )
        parameters = self._m_step(found.counts, found.class_counts)
        for _ in range(steps - 1):
            found = self.backend.e_step(*self._tables(parameters, active))
            parameters = self._m_step(found.counts, found.class_counts)
        return patterns, parameters

    def _m_step(self, counts: FloatArray, classes: FloatArray) -> Parameters:
        counts, classes = with_gold(np.maximum(counts, 0.0), np.maximum(classes, 0.0), self.gold)
        return self.model.parameters(counts, classes)

    def _tables(self, parameters: Parameters, active: int) -> tuple[FloatArray, FloatArray]:
        """Tables and prior in which one LF says nothing, neither by voting nor by silence."""
        log_table = parameters.log_table.copy()
        log_table[self.layout.segment == active] = 0.0
        log_prior = parameters.log_prior
        if parameters.silence is not None:
            log_prior = log_prior - parameters.silence[active]
        return log_table, log_prior

    def _part(self, patterns: IntArray) -> VoteRows:
        """The rows of some patterns."""
        lengths = self.lengths[patterns]
        ends = np.cumsum(lengths)
        first = self.rows.indptr[patterns].astype(np.int64)
        take = np.arange(int(ends[-1])) + np.repeat(first - (ends - lengths), lengths)
        weight = None if self.rows.weight is None else self.rows.weight[patterns]
        return self.layout.rows(np.concatenate([[0], ends]), self.table_row[take], weight)

    def _posterior(self, patterns: IntArray, active: int, parameters: Parameters) -> FloatArray:
        return make_backend(self._part(patterns)).posterior(*self._tables(parameters, active))


def _in_blocks(
    kernel: Callable[..., None], n: int, given: tuple[Any, ...], sums: tuple[FloatArray, ...]
) -> None:
    """Run a kernel over blocks of patterns on all cores, adding to ``sums`` in block order."""
    from weaklabel.inference.parallel import available_threads, run_blocks

    n_threads = min(available_threads(), N_BLOCKS)
    slots = [tuple(np.zeros_like(s) for s in sums) for _ in range(n_threads)]
    edges = np.linspace(0, n, N_BLOCKS + 1).astype(np.int64).tolist()

    def compute(block: int, slot: int) -> None:
        for own in slots[slot]:
            own[...] = 0.0
        kernel(edges[block], edges[block + 1], *given, *slots[slot])

    def add(block: int, slot: int) -> None:
        for total, own in zip(sums, slots[slot], strict=True):
            total += own

    run_blocks(N_BLOCKS, n_threads, compute, add)


def _times(gold: Expected, weight: float) -> Expected:
    return Expected(gold.counts * weight, gold.class_counts * weight, gold.log_likelihood)
