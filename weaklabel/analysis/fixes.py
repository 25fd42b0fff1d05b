"""Which labeling functions to fix first: where a wrong vote costs a label.

A labeling function that is wrong where others outvote it costs nothing; one that is wrong where its
vote decides costs the row. So each vote of each row is left out in turn, the model (as it is
fitted) labels the row without it, and a *judge* says which label is right: the gold where there is
gold, else the model's own probabilities. With d the decision, judge(y) the probability of y,

    spoiled_j     = sum over rows that j and others vote on of
                    sum_y judge(y) max(0, d_without_j(y) - d(y))
    alone_wrong_j = sum over rows that only j votes on of  1 - judge(label)

the expected rows that are wrong *because of* it: those that would be right without its vote, and
those labelled wrong on its word alone. ``expected_gain`` is the sum of both: the most that mending
its wrong votes can bring, in rows, **if the judge is right**. A model that trusts a labeling
function too much sees little to mend in it, and a cautious one such as
:class:`~weaklabel.models.LabelModel` sees too much everywhere; gold knows. Of the order more can be
said: over 20 real sets the one found without gold has a rank correlation of 0.75 with the one by
gold (``python -m tests.bench.fixes``); low learned accuracy has none with it. Two that are wrong
together hide each other, since leaving out one of them changes no label. Rows on which it failed
count in full in ``at_stake``, by which the list is ordered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from heapq import nsmallest
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.gold import gold_codes
from weaklabel.analysis.numbers import decisions
from weaklabel.analysis.spoken import Spoken
from weaklabel.analysis.summary import LFSummary, lf_summary
from weaklabel.analysis.text import Cells, number, percent, wrapped
from weaklabel.errors import DataError
from weaklabel.models import LabelModelBase
from weaklabel.models.explain import each_left_out
from weaklabel.votes import VoteMatrix
from weaklabel.votes.patterns import VotePatterns

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_VOTES = 2_000_000  # votes left out in turn; of more, evenly spaced distinct rows are taken
BLOCK_VOTES = 1 << 18
N_EXAMPLES = 3
LEAST_COST = 1e-6
WORTH_A_LOOK = 1.0  # expected rows from which on mending is advised
RARELY = 0.5  # rows decided below which an LF is said to decide none
LISTED = 10  # labeling functions in the text
MOSTLY_COPY = 0.6  # effective votes below which an LF is said to repeat another


@dataclass(frozen=True)
class LFToFix:
    """What a labeling function costs, and what to do about it.

    Attributes
    ----------
    name : str
    at_stake : float
        ``expected_gain + n_faults``.
    expected_gain : float
        Expected rows that are wrong because of it; ``spoiled + alone_wrong``.
    spoiled, alone_wrong : float
        Those that would be right without its vote, and those labelled wrong on its word alone.
    n_votes : int
    expected_wrong : float
        Its votes that are expected to be wrong.
    n_decided : float
        Rows whose label would be another, or none, without its vote.
    n_alone : float
        Rows that only it votes on.
    n_faults : int
    example_ids : tuple
        Rows that are most likely wrong because of it.
    advice : tuple of str
        What to do, the most pressing first; empty if there is nothing.
    """

    name: str
    at_stake: float
    expected_gain: float
    spoiled: float
    alone_wrong: float
    n_votes: int
    expected_wrong: float
    n_decided: float
    n_alone: float
    n_faults: int
    example_ids: tuple[Any, ...]
    advice: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Expected share of its votes that are right; NaN without votes."""
        return 1.0 - self.expected_wrong / self.n_votes if self.n_votes else float("nan")


@dataclass(frozen=True, eq=False)
class LFsToFix:
    """All labeling functions, those to fix first on top.

    Attributes
    ----------
    lfs : tuple of LFToFix
    n_items, n_gold : int
        Rows, and those of them with gold to judge by.
    share_seen : float
        Share of the rows with votes that the sums were estimated from.
    """

    lfs: tuple[LFToFix, ...]
    n_items: int
    n_gold: int
    share_seen: float

    def to_pandas(self) -> pd.DataFrame:
        """One line per labeling function."""
        import pandas as pd

        return pd.DataFrame([{**asdict(lf), "accuracy": lf.accuracy} for lf in self.lfs])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        lines = [
            {
                **asdict(lf),
                "example_ids": list(lf.example_ids),
                "advice": list(lf.advice),
                "accuracy": lf.accuracy if lf.n_votes else None,
            }
            for lf in self.lfs
        ]
        return {
            "n_items": self.n_items,
            "n_gold": self.n_gold,
            "share_seen": self.share_seen,
            "lfs": lines,
        }

    def cells(self) -> Cells:
        """The labeling functions about which there is something to do, as text cells."""
        rows = tuple(
            (
                lf.name,
                number(lf.at_stake, 1),
                percent(lf.accuracy),
                f"{lf.n_decided:,.0f} of {lf.n_votes:,}",
                "; ".join(lf.advice),
                ", ".join(map(str, lf.example_ids)),
            )
            for lf in self.lfs
            if lf.advice
        )
        header = (
            *("labeling function", "rows at stake", "right", "decides"),
            *("what to do", "read row"),
        )
        return Cells(header, rows, (False, True, True, True, False, False))

    def to_text(self, width: int = 80) -> str:
        """The first ten with something to do about them, and who judged."""
        judge = (
            "judged by the model alone; gold would know better"
            if not self.n_gold
            else f"judged by gold on {self.n_gold:,} of {self.n_items:,} rows"
            + ("" if self.n_gold == self.n_items else ", by the model on the others")
        )
        todo = [lf for lf in self.lfs if lf.advice]
        if not todo:
            return f"nothing stands out to fix; {judge}"
        lines = [line for lf in todo[:LISTED] for line in wrapped(_in_words(lf), width)]
        more = [f"... and {len(todo) - LISTED} more"] if len(todo) > LISTED else []
        return "\n".join([*lines, *more, judge])


def _in_words(lf: LFToFix) -> Iterator[str]:
    right = f", {percent(lf.accuracy)} right" if lf.n_votes else ""
    decides = f"decides {lf.n_decided:,.0f} of {lf.n_votes:,}{right}"
    yield f"{lf.name}: {number(lf.at_stake, 1)} rows at stake, {decides}"
    for advice in lf.advice:
        yield f"  {advice}"
    if lf.example_ids:
        yield f"  read row {', '.join(map(str, lf.example_ids))}"


def lfs_to_fix(
    votes: VoteMatrix,
    model: LabelModelBase,
    gold: Any = None,
    *,
    summary: LFSummary | None = None,
) -> LFsToFix:
    """Rank labeling functions by how many labels are expected to be wrong because of them.

    Parameters
    ----------
    votes : VoteMatrix
    model : label model
        Fitted on these labeling functions.
    gold : sequence, shape (n_items,), optional
        Class names or codes; None, NaN or -1 where unknown. Judges the rows that have it.

    summary : LFSummary, optional
        What ``lf_summary(votes, gold, model=model)`` gave, if it is at hand.

    Returns
    -------
    LFsToFix

    Raises
    ------
    DataError
        If gold has another length, or there are no rows.
    LabelError
        If a gold value is not a label.
    FitError, VotesError
        If the model is not fitted, or was fitted on other labeling functions or classes.

    Notes
    -----
    One prediction per vote of the distinct rows, at most two million of them: beyond that, evenly
    spaced distinct rows stand for all. Nothing is fitted again; what the model would learn without
    a labeling function is the question of :func:`~weaklabel.models.leave_one_out_lfs`.

    Examples
    --------
    >>> from weaklabel import LabelModel
    >>> votes = VoteMatrix.from_dense([[0, 0, -1], [1, 1, -1], [-1, -1, 1]] * 9, ["ham", "spam"])
    >>> found = lfs_to_fix(votes, LabelModel().fit(votes), ["ham", "spam", "ham"] * 9)
    >>> found.lfs[0].name, round(found.lfs[0].expected_gain)
    ('lf_2', 9)
    """
    if not votes.n_items:
        raise DataError("there are no rows to judge labeling functions by; apply them first")
    codes = None if gold is None else gold_codes(votes.labels, gold, votes.n_items)
    if summary is None:
        summary = lf_summary(votes, gold, model=model)
    found = _Costs(votes, model, codes)
    lfs = [_assembled(j, name, found, summary) for j, name in enumerate(votes.lf_names)]
    lfs.sort(key=lambda lf: -round(lf.at_stake, 9))  # ties by position
    n_gold = 0 if codes is None else int((codes >= 0).sum())
    return LFsToFix(tuple(lfs), votes.n_items, n_gold, found.share_seen)


class _Costs:
    """Sums over votes left out in turn, per labeling function."""

    def __init__(self, votes: VoteMatrix, model: LabelModelBase, gold: IntArray | None) -> None:
        patterns = votes.patterns()
        distinct = VoteMatrix(
            patterns.indptr, patterns.lf_index, patterns.symbol, votes.alphabet, votes.lf_names
        )
        step = -(-max(distinct.n_votes, 1) // MAX_VOTES)
        self.votes, self.model, self.inverse, self.gold = votes, model, patterns.inverse, gold
        self.sums = {
            name: np.zeros(votes.n_lfs)
            for name in ("spoiled", "alone_wrong", "expected_wrong", "n_decided", "n_alone")
        }
        self.worst: dict[int, list[tuple[float, int]]] = {}
        posterior = model.predict_proba(distinct)
        self.label = posterior.argmax(axis=1)
        judge = posterior if gold is None else _with_gold(posterior, patterns, gold)
        voted = np.flatnonzero(distinct.n_votes_per_item)
        seen = voted[::step]
        self.share_seen = float(patterns.counts[seen].sum() / max(patterns.counts[voted].sum(), 1))
        for rows in _blocks(seen, distinct.n_votes_per_item):
            self._add(rows, distinct[rows], judge[rows], patterns.counts[rows])
        for sums in self.sums.values():
            sums /= max(self.share_seen, 1e-300)

    def _add(
        self, patterns: IntArray, part: VoteMatrix, judge: FloatArray, counts: FloatArray
    ) -> None:
        spoken = Spoken.of(part)
        item = part.item_index()
        label = decisions(self.model.predict_proba(part))
        without = decisions(self.model.predict_proba(each_left_out(part)))
        alone = spoken.per_row[item] == 1
        speaks = spoken.allowed[part.symbol].any(axis=1)
        gained = np.maximum(without - label[item], 0.0)
        spoiled = (judge[item] * gained).sum(axis=1) * (speaks & ~alone)
        own = 1.0 - (judge * label).sum(axis=1)[item]
        each = {
            "spoiled": spoiled,
            "alone_wrong": own * (speaks & alone),
            "expected_wrong": (1.0 - (judge[item] * spoken.allowed[part.symbol]).sum(axis=1))
            * speaks,
            "n_decided": np.where(alone, 1.0, gained.sum(axis=1)) * speaks,
            "n_alone": (speaks & alone).astype(np.float64),
        }
        for name, values in each.items():
            self.sums[name] += np.bincount(part.lf_index, counts[item] * values, part.n_lfs)
        self._note_worst(patterns[item], part.lf_index, each["spoiled"] + each["alone_wrong"])

    def _note_worst(self, pattern: IntArray, lf: npt.NDArray[Any], cost: FloatArray) -> None:
        """Keep the distinct rows with the largest cost of each labeling function."""
        order = np.lexsort((pattern, -cost.round(12), lf))
        starts = np.searchsorted(lf[order], np.arange(self.votes.n_lfs + 1))
        for j in range(self.votes.n_lfs):
            chosen = order[starts[j] : starts[j + 1]][:N_EXAMPLES]
            new = [(-float(cost[i]), int(pattern[i])) for i in chosen if cost[i] > LEAST_COST]
            self.worst[j] = sorted([*self.worst.get(j, []), *new])[:N_EXAMPLES]

    def examples(self, lf: int) -> tuple[Any, ...]:
        """Ids of the worst distinct rows: one of each, then more of the first ones."""
        found: list[list[Any]] = []
        for _, pattern in self.worst.get(lf, []):
            mine = np.flatnonzero(self.inverse == pattern)
            if self.gold is not None:  # rows that are known to be wrong, else not known to be right
                wrong = (self.gold[mine] >= 0) & (self.gold[mine] != self.label[pattern])
                better = [mask for mask in (wrong, self.gold[mine] < 0) if mask.any()]
                mine = mine[better[0]] if better else mine  # all right, in a tie
            found.append(nsmallest(N_EXAMPLES, self.votes.ids[mine].tolist()))
        turns = [row_id for turn in zip_longest(*found) for row_id in turn if row_id is not None]
        return tuple(turns[:N_EXAMPLES])


def _with_gold(posterior: FloatArray, patterns: VotePatterns, gold: IntArray) -> FloatArray:
    """Probability of each class for each distinct row: gold where known, else the model's."""
    known = np.flatnonzero(gold >= 0)
    cell = patterns.inverse[known].astype(np.int64) * posterior.shape[1] + gold[known]
    of_gold = np.bincount(cell, minlength=posterior.size).reshape(posterior.shape)
    left = patterns.counts - of_gold.sum(axis=1)
    return np.asarray((of_gold + left[:, None] * posterior) / patterns.counts[:, None])


def _blocks(rows: IntArray, lengths: npt.NDArray[Any]) -> Iterator[IntArray]:
    """Stretches of rows with about BLOCK_VOTES votes left out and votes in what remains."""
    work = np.cumsum(lengths[rows].astype(np.float64) ** 2)
    edges = np.searchsorted(work, np.arange(0, work[-1] if len(work) else 0, 8 * BLOCK_VOTES))
    for start, stop in zip(edges, [*edges[1:], len(rows)], strict=True):
        if stop > start:
            yield rows[start:stop]


def _assembled(j: int, name: str, found: _Costs, summary: LFSummary) -> LFToFix:
    sums = {key: float(values[j]) for key, values in found.sums.items()}
    gain = sums["spoiled"] + sums["alone_wrong"]
    n_faults = int(summary.n_faults[j])
    examples = found.examples(j)
    n_votes = int(summary.n_votes[j])
    return LFToFix(
        name=name,
        at_stake=gain + n_faults,
        expected_gain=gain,
        n_votes=n_votes,
        n_faults=n_faults,
        example_ids=examples,
        advice=tuple(_advice(j, summary, sums, gain)),
        **sums,
    )


def _advice(j: int, summary: LFSummary, sums: dict[str, float], gain: float) -> Iterator[str]:
    name, n_votes = summary.lf_names[j], int(summary.n_votes[j])
    if name in summary.first_faults:
        yield f"it fails on {summary.n_faults[j]:,} rows: mend that first"
    if not n_votes:
        if name not in summary.first_faults:
            yield "it never votes: loosen it, or drop it"
        return
    if _below_chance(j, summary, 1.0 - sums["expected_wrong"] / n_votes):
        yield "it is right less often than chance: turn its vote around, or drop it"
    if round(gain, 9) >= WORTH_A_LOOK:
        yield f"narrow it: about {gain:,.0f} row{'s' * (round(gain) > 1)} wrong by it"
    learned = summary.learned
    if learned is not None and learned.effective_votes is not None:
        for cluster in learned.clusters:
            if name in cluster.lf_names and learned.effective_votes[j] < MOSTLY_COPY:
                others = ", ".join(n for n in cluster.lf_names if n != name)
                yield f"it repeats {others}: keep one"
    if sums["n_decided"] < RARELY and gain < WORTH_A_LOOK:
        yield "it decides no row: the others say the same or outvote it"


def _below_chance(j: int, summary: LFSummary, accuracy: float) -> bool:
    chance = 1.0 / len(summary.class_names)
    if summary.interval is not None and summary.n_gold is not None and summary.n_gold[j]:
        return bool(summary.interval[1][j] < chance)
    return accuracy < chance
