"""What each labeling function does: polarity, coverage, overlap, conflict, faults, accuracy.

The words are the field's own. With ``n_items`` rows:

- *polarity*: the classes a labeling function votes for;
- *coverage*: the share of rows it votes on;
- *overlap*: the share of rows it votes on together with at least one other;
- *conflict*: the share of rows on which at least one other votes for something else. Votes for sets
  of classes conflict when the sets have no class in common.

An abstention with a reason is an abstention: it counts nowhere here. With gold, each accuracy comes
with Wilson's 95 % interval and its counts per class; with a fitted model, with what the model makes
of the labeling function (:mod:`weaklabel.analysis.learned`); with the :class:`Timing` of the run,
with the time it took.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.gold import gold_codes
from weaklabel.analysis.learned import LearnedLFs, learned_lfs
from weaklabel.analysis.numbers import plain, ratio
from weaklabel.analysis.spoken import Spoken
from weaklabel.analysis.text import Cells, number, percent, wrapped
from weaklabel.analysis.wilson import in_words, wilson_interval
from weaklabel.applier.timing import Timing
from weaklabel.models import LabelModelBase
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pandas as pd

MAX_CLASSES = 3  # classes that get a column of their own

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LFSummary:
    """One line per labeling function, and the same for all of them together.

    Attributes
    ----------
    class_names, lf_names : tuple of str
    polarity : tuple of tuple of str
        What each votes for, in the order of the classes.
    coverage, overlap, conflict : array, shape (n_lfs,)
        Shares of the rows, in [0, 1]; ``conflict <= overlap <= coverage``.
    n_votes, n_faults : array of int, shape (n_lfs,)
        Votes given, and rows on which it failed.
    accuracy : array, shape (n_lfs,), optional
        Share of its votes on rows with gold that agree with the gold; NaN without such a vote.
    n_gold : array of int, shape (n_lfs,), optional
        Its votes on rows with gold.
    gold_votes, gold_right : array of int, shape (n_lfs, n_classes), optional
        Its votes on rows of each gold class, and those of them that are right.
    ms_per_1000 : array, shape (n_lfs,), optional
        Milliseconds for 1,000 rows; NaN where all its votes came from the cache.
    learned : LearnedLFs, optional
        What the fitted model makes of them.
    n_items : int
    any_coverage, any_overlap, any_conflict : float
        Shares of rows with a vote, with two or more votes, with votes against each other.
    first_faults : mapping of str to str
        For each labeling function that failed: the first row and the error, in one line.
    """

    class_names: tuple[str, ...]
    lf_names: tuple[str, ...]
    polarity: tuple[tuple[str, ...], ...]
    coverage: FloatArray
    overlap: FloatArray
    conflict: FloatArray
    n_votes: IntArray
    n_faults: IntArray
    accuracy: FloatArray | None
    n_gold: IntArray | None
    n_items: int
    any_coverage: float
    any_overlap: float
    any_conflict: float
    first_faults: Mapping[str, str]
    gold_votes: IntArray | None = None
    gold_right: IntArray | None = None
    ms_per_1000: FloatArray | None = None
    learned: LearnedLFs | None = None

    @property
    def interval(self) -> tuple[FloatArray, FloatArray] | None:
        """Wilson's 95 % interval of each accuracy: low and high, shape (n_lfs,)."""
        if self.gold_right is None or self.n_gold is None:
            return None
        return wilson_interval(self.gold_right.sum(axis=1), self.n_gold)

    @property
    def frame(self) -> pd.DataFrame:
        """The table as a DataFrame, one row per labeling function."""
        import pandas as pd

        return pd.DataFrame(self._columns())

    def to_pandas(self) -> pd.DataFrame:
        """The same as :attr:`frame`."""
        return self.frame

    def _columns(self) -> dict[str, Any]:
        columns: dict[str, Any] = {
            "name": list(self.lf_names),
            "polarity": [list(p) for p in self.polarity],
            "coverage": self.coverage,
            "overlap": self.overlap,
            "conflict": self.conflict,
            "n_votes": self.n_votes,
            "faults": self.n_faults,
        }
        if self.ms_per_1000 is not None:
            columns["ms_per_1000"] = self.ms_per_1000
        if self.accuracy is not None and self.interval is not None:
            low, high = self.interval
            columns |= {"accuracy": self.accuracy, "accuracy_low": low, "accuracy_high": high}
            columns["n_gold"] = self.n_gold
        if self.learned is not None:
            columns |= self.learned.columns()
        return columns

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, ready for JSON; what is not known is None."""
        columns = {key: plain(values) for key, values in self._columns().items()}
        if self.gold_votes is not None and self.gold_right is not None:
            columns["gold"] = [self._gold_counts(j) for j in range(len(self.lf_names))]
        whole = {} if self.learned is None else {"learned": self.learned.to_dict()}
        return {
            "n_items": self.n_items,
            "coverage": self.any_coverage,
            "overlap": self.any_overlap,
            "conflict": self.any_conflict,
            "lfs": [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ],
            "first_faults": dict(self.first_faults),
            **whole,
        }

    def _gold_counts(self, lf: int) -> dict[str, dict[str, int]]:
        """By gold class: votes, and votes that are right."""
        assert self.gold_votes is not None
        assert self.gold_right is not None
        pairs = zip(self.gold_votes[lf].tolist(), self.gold_right[lf].tolist(), strict=True)
        return {
            name: {"votes": votes, "right": right}
            for name, (votes, right) in zip(self.class_names, pairs, strict=True)
        }

    def cells(self) -> Cells:
        """The table as text cells; columns only where they have something to show.

        ``of`` is the number of votes an accuracy is measured on, where not all of them are.
        """
        columns: list[tuple[str, list[str], bool]] = [
            ("labeling function", list(self.lf_names), False),
            ("votes for", [self._polarity_in_words(p) for p in self.polarity], False),
            ("votes", [str(v) for v in self.n_votes], True),
            ("coverage", [percent(v) for v in self.coverage], True),
            ("overlap", [percent(v) for v in self.overlap], True),
            ("conflict", [percent(v) for v in self.conflict], True),
        ]
        if self.n_faults.any():
            columns.append(("faults", [str(v) for v in self.n_faults], True))
        if self.ms_per_1000 is not None:
            columns.append(("ms/1,000", [_time_in_words(v) for v in self.ms_per_1000], True))
        if self.accuracy is not None and self.n_gold is not None:
            columns.append(("accuracy", [percent(v) for v in self.accuracy], True))
            if (self.n_gold != self.n_votes).any():
                columns.append(("of", [str(v) for v in self.n_gold], True))
        header, bodies, numeric = zip(*columns, strict=True)
        return Cells(header, tuple(zip(*bodies, strict=True)), numeric)

    def gold_cells(self) -> Cells | None:
        """Accuracy with its interval, and right of all votes on the rows of each gold class."""
        if self.interval is None or self.accuracy is None or self.n_gold is None:
            return None
        assert self.gold_votes is not None
        assert self.gold_right is not None
        low, high = self.interval
        columns: list[tuple[str, list[str], bool]] = [
            ("labeling function", list(self.lf_names), False),
            ("accuracy", [percent(v) for v in self.accuracy], True),
            ("95% interval", [in_words(*e) for e in zip(low, high, strict=True)], True),
            ("of", [str(v) for v in self.n_gold], True),
        ]
        for k in range(len(self.class_names) if len(self.class_names) <= MAX_CLASSES else 0):
            pairs = zip(self.gold_right[:, k], self.gold_votes[:, k], strict=True)
            body = [f"{right} of {votes}" if votes else "-" for right, votes in pairs]
            columns.append((self.class_names[k], body, True))
        header, bodies, numeric = zip(*columns, strict=True)
        return Cells(header, tuple(zip(*bodies, strict=True)), numeric)

    def _polarity_in_words(self, polarity: tuple[str, ...]) -> str:
        if polarity == self.class_names and len(polarity) > 1:
            return "both" if len(polarity) == 2 else "all"
        return ", ".join(polarity) or "(nothing)"

    def notes(self) -> list[str]:
        """Sentences that go below the table: the rows as a whole, and the first fault of each."""
        lines = [
            f"{self.n_items:,} rows: {percent(self.any_coverage)} with a vote, "
            f"{percent(self.any_overlap)} with two or more, "
            f"{percent(self.any_conflict)} with a conflict"
        ]
        faults = dict(zip(self.lf_names, self.n_faults, strict=True))
        lines += [
            f"{name} failed on {faults[name]} rows and abstained there; first on {first}"
            for name, first in self.first_faults.items()
        ]
        return lines

    def to_text(self, width: int = 80) -> str:
        """The table and its notes as text; with gold or a model, their tables too.

        Parameters
        ----------
        width : int, default 80
            Characters a line; long names are folded.
        """
        parts = [self.cells().to_text(width), *wrapped(self.notes(), width)]
        gold = self.gold_cells()
        if gold is not None:
            parts += ["", gold.to_text(width)]
        if self.learned is not None:
            parts += ["", self.learned.cells().to_text(width)]
            parts += wrapped(self.learned.notes(), width)
        return "\n".join(parts)


def lf_summary(
    votes: VoteMatrix | npt.ArrayLike,
    gold: Any = None,
    *,
    model: LabelModelBase | None = None,
    timing: Timing | None = None,
) -> LFSummary:
    """Describe the labeling functions of a vote matrix.

    Parameters
    ----------
    votes : VoteMatrix or array of int, shape (n_items, n_lfs)
        In an array, -1 is an abstention.
    gold : sequence, shape (n_items,), optional
        Class names or codes; None, NaN or -1 where unknown.
    model : label model, optional
        Fitted on these labeling functions; adds what it makes of each.
    timing : Timing, optional
        What ``apply(..., timing=timing)`` recorded; adds the time each took.

    Returns
    -------
    LFSummary

    Raises
    ------
    DataError
        If gold has another length than the votes have rows.
    LabelError
        If a gold value is not a label.
    FitError, VotesError
        If the model is not fitted, or was fitted on other labeling functions or classes.

    Notes
    -----
    Cost O(n_votes + n_items); the matrix is never made dense. Votes for sets of classes cost
    O(n_votes) for each distinct symbol. With a model, the cost of :func:`learned_lfs` on top.

    Examples
    --------
    >>> summary = lf_summary([[0, 0], [1, 0], [-1, 1]])
    >>> summary.coverage.round(2).tolist(), summary.conflict.round(2).tolist()
    ([0.67, 1.0], [0.33, 0.33])
    """
    matrix = votes if isinstance(votes, VoteMatrix) else VoteMatrix.from_dense(votes)
    spoken = Spoken.of(matrix)
    n_items = max(matrix.n_items, 1)
    n_votes = spoken.per_lf()
    gold_votes, gold_right = (None, None) if gold is None else _against_gold(matrix, spoken, gold)
    accuracy = n_gold = None
    if gold_votes is not None and gold_right is not None:
        n_gold = gold_votes.sum(axis=1)
        accuracy = ratio(gold_right.sum(axis=1), n_gold)
    faults = {name: matrix.faults[name] for name in matrix.lf_names if name in matrix.faults}
    return LFSummary(
        class_names=matrix.labels.names,
        lf_names=matrix.lf_names,
        polarity=_polarity(spoken.lfs, spoken.symbols, matrix),
        coverage=n_votes / n_items,
        overlap=spoken.per_lf(spoken.per_row[spoken.rows] > 1) / n_items,
        conflict=spoken.per_lf(spoken.in_conflict) / n_items,
        n_votes=n_votes,
        n_faults=np.array(
            [faults[n].count if n in faults else 0 for n in matrix.lf_names], dtype=np.int64
        ),
        accuracy=accuracy,
        n_gold=n_gold,
        n_items=matrix.n_items,
        any_coverage=float(np.count_nonzero(spoken.per_row) / n_items),
        any_overlap=float(np.count_nonzero(spoken.per_row > 1) / n_items),
        any_conflict=float(np.count_nonzero(spoken.rows_in_conflict) / n_items),
        first_faults={n: f"row {f.first_row}: {f.error}" for n, f in faults.items()},
        gold_votes=gold_votes,
        gold_right=gold_right,
        ms_per_1000=None if timing is None else timing.ms_per_1000(matrix.lf_names),
        learned=None if model is None else learned_lfs(model, matrix),
    )


def _against_gold(votes: VoteMatrix, spoken: Spoken, gold: Any) -> tuple[IntArray, IntArray]:
    """Votes and right votes of each labeling function on the rows of each gold class."""
    codes = gold_codes(votes.labels, gold, votes.n_items)
    of_vote = codes[spoken.rows]
    shape = (votes.n_lfs, votes.n_classes)
    key = spoken.lfs.astype(np.int64) * votes.n_classes + of_vote
    known, right = of_vote >= 0, spoken.names(codes)
    n_cells = shape[0] * shape[1]
    return (
        np.bincount(key[known], minlength=n_cells).reshape(shape),
        np.bincount(key[right], minlength=n_cells).reshape(shape),
    )


def _time_in_words(ms: float) -> str:
    return "cached" if math.isnan(ms) else number(ms, 2)


def _polarity(
    lfs: npt.NDArray[Any], symbols: npt.NDArray[Any], votes: VoteMatrix
) -> tuple[tuple[str, ...], ...]:
    n_symbols = len(votes.alphabet)
    found = np.unique(lfs.astype(np.int64) * n_symbols + symbols)
    words: list[dict[str, None]] = [{} for _ in votes.lf_names]  # a dict keeps the order
    for lf, code in zip((found // n_symbols).tolist(), (found % n_symbols).tolist(), strict=True):
        symbol = votes.alphabet.symbol(code)
        is_single = len(symbol.classes) == 1
        word = votes.labels.names[symbol.classes[0]] if is_single else votes.alphabet.describe(code)
        words[lf][word] = None
    return tuple(tuple(w) for w in words)
