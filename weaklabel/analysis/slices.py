"""Coverage, conflict, class shares and accuracy on parts of the rows.

A slice is a value of a column (a source, a language, a month), a quarter of a numeric column, or
any rows that a mask names. What is missing in a slice is mostly what its labeling functions do not
say there, so ``lf_coverage`` has the coverage of each of them in each slice.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.gold import check_same_rows, gold_codes
from weaklabel.analysis.numbers import decisions, plain, ratio
from weaklabel.analysis.spoken import Spoken
from weaklabel.analysis.text import Cells, number, percent, wrapped
from weaklabel.analysis.wilson import in_words, wilson_interval
from weaklabel.errors import ConfigError, DataError
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_SLICES = 20
N_QUANTILES = 4
MAX_CLASSES = 3  # classes whose share gets a column of its own in the text
MISSING = "(missing)"
SILENT = 0.5  # a labeling function is told of where it votes less than this part of its usual share
NOTES = 3


@dataclass(frozen=True, eq=False)
class SliceSummary:
    """One entry per slice.

    Attributes
    ----------
    what : str
        What the rows were cut by.
    names, class_names, lf_names : tuple of str
    n_items : array of int, shape (n_slices,)
    coverage, conflict : array, shape (n_slices,)
        Shares of its rows with a vote, and with votes against each other; NaN for no rows.
    votes_per_row : array, shape (n_slices,)
    lf_coverage : array, shape (n_slices, n_lfs)
        Share of its rows that each labeling function votes on.
    class_share : array, shape (n_slices, n_classes), or None
        Mean probabilities of its rows in the soft labels, where these were given.
    n_gold : array of int, shape (n_slices,), or None
        Rows with gold.
    accuracy, low, high : array, shape (n_slices,), or None
        Share of them that the soft labels decide right (ties in part), with Wilson's 95 % interval.
    vote_accuracy : array, shape (n_slices,), or None
        Share of the votes on them that are right.
    overall : SliceSummary or None
        The same of all rows as one slice.
    """

    what: str
    names: tuple[str, ...]
    class_names: tuple[str, ...]
    lf_names: tuple[str, ...]
    n_items: IntArray
    coverage: FloatArray
    conflict: FloatArray
    votes_per_row: FloatArray
    lf_coverage: FloatArray
    class_share: FloatArray | None
    n_gold: IntArray | None
    accuracy: FloatArray | None
    low: FloatArray | None
    high: FloatArray | None
    vote_accuracy: FloatArray | None
    overall: SliceSummary | None

    def _columns(self) -> dict[str, list[Any]]:
        columns: dict[str, Any] = {"slice": list(self.names)}
        for name in ("n_items", "coverage", "conflict", "votes_per_row", "n_gold", "accuracy"):
            columns[name] = getattr(self, name)
        columns |= {"accuracy_low": self.low, "accuracy_high": self.high}
        columns["vote_accuracy"] = self.vote_accuracy
        if self.class_share is not None:
            columns |= {
                f"p_{name}": self.class_share[:, k] for k, name in enumerate(self.class_names)
            }
        return {
            key: values if isinstance(values, list) else values.tolist()
            for key, values in columns.items()
            if values is not None
        }

    def to_pandas(self) -> pd.DataFrame:
        """One line per slice."""
        import pandas as pd

        return pd.DataFrame(self._columns())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; what is not known is None."""
        columns = self._columns()
        rows = [
            {k: plain(v) for k, v in zip(columns, row, strict=True)}
            for row in zip(*columns.values(), strict=True)
        ]
        for row, shares in zip(rows, self.lf_coverage.tolist(), strict=True):
            row["lf_coverage"] = dict(zip(self.lf_names, [plain(s) for s in shares], strict=True))
        found: dict[str, Any] = {"what": self.what, "slices": rows}
        if self.overall is not None:
            found["overall"] = self.overall.to_dict()["slices"][0]
        return found

    def cells(self) -> Cells:
        """The table as text cells, all rows last."""
        tables = [self] if self.overall is None else [self, self.overall]
        columns: list[tuple[str, list[str], bool]] = [
            (self.what, [name for t in tables for name in t.names], False),
            ("rows", [str(v) for t in tables for v in t.n_items], True),
            ("coverage", [percent(v) for t in tables for v in t.coverage], True),
            ("conflict", [percent(v) for t in tables for v in t.conflict], True),
            ("votes/row", [number(v, 1) for t in tables for v in t.votes_per_row], True),
        ]
        room = MAX_CLASSES if self.accuracy is None else MAX_CLASSES - 1
        if self.class_share is not None and len(self.class_names) <= room:
            # of two classes the second tells the first
            hidden = 1 if len(self.class_names) == 2 else 0
            for k, name in list(enumerate(self.class_names))[hidden:]:
                body = [percent(t.class_share[s, k]) for t, s in _each(tables)]  # type: ignore[index]
                columns.append((name, body, True))
        if self.accuracy is not None and self.low is not None and self.high is not None:
            body = [percent(t.accuracy[s]) for t, s in _each(tables)]  # type: ignore[index]
            columns.append(("accuracy", body, True))
            ends = [in_words(t.low[s], t.high[s]) for t, s in _each(tables)]  # type: ignore[index]
            columns.append(("95% int.", ends, True))
        elif self.vote_accuracy is not None:
            body = [percent(t.vote_accuracy[s]) for t, s in _each(tables)]  # type: ignore[index]
            columns.append(("votes right", body, True))
        header, bodies, numeric = zip(*columns, strict=True)
        return Cells(header, tuple(zip(*bodies, strict=True)), numeric)

    def notes(self) -> list[str]:
        """Where coverage is lowest, and which labeling functions fall silent there."""
        if self.overall is None:
            return []
        usual = self.overall.lf_coverage[0]
        lines = []
        for s in np.argsort(self.coverage, kind="stable").tolist():
            if not self.coverage[s] < self.overall.coverage[0]:
                continue
            missing = (usual - self.lf_coverage[s]) * (self.lf_coverage[s] < SILENT * usual)
            worst = [j for j in np.argsort(-missing, kind="stable").tolist() if missing[j] > 0]
            if not worst:
                continue
            j = worst[0]
            more = f" and {len(worst) - 1} more" if len(worst) > 1 else ""
            lines.append(
                f"{self.names[s]}: {self.lf_names[j]}{more} fall silent here "
                f"({percent(self.lf_coverage[s, j])}, of all rows {percent(usual[j])})"
            )
        return lines[:NOTES]

    def to_text(self, width: int = 80) -> str:
        """The table and its notes as text."""
        return "\n".join([self.cells().to_text(width), *wrapped(self.notes(), width)])


def slice_summary(
    votes: VoteMatrix,
    slices: Mapping[str, npt.ArrayLike] | Sequence[Any] | npt.ArrayLike,
    *,
    labels: SoftLabels | None = None,
    gold: Any = None,
    what: str = "slice",
    max_slices: int = MAX_SLICES,
) -> SliceSummary:
    """Look at the votes, and at the labels where they are given, slice by slice.

    Parameters
    ----------
    votes : VoteMatrix
    slices : column of values, or mapping of name to mask
        A column has one value per row: each distinct one is a slice, missing ones are
        ``(missing)``. Numbers of more than ``max_slices`` distinct values are cut into quarters. A
        mask is an array of bool, shape (n_items,); masks may overlap.
    labels : SoftLabels, optional
        Of the same rows; adds the class shares and, with gold, the accuracy.
    gold : sequence, shape (n_items,), optional
        Class names or codes; None, NaN or -1 where unknown.
    what : str
        What the slices are of, for the text: the name of the column.
    max_slices : int, default 20
        The rarest values of a column beyond that are one slice.

    Returns
    -------
    SliceSummary
        Values by how many rows have them, quarters and masks in their order.

    Raises
    ------
    ConfigError
        If there is no slice, a mask is not one, or a column of text has no value twice.
    DataError
        If lengths differ, or the labels are of other rows.
    LabelError
        If a gold value is not a label.

    Notes
    -----
    O(n_votes + n_items) for a column, and that for each mask.

    Examples
    --------
    >>> votes = VoteMatrix.from_dense([[0, -1], [0, 1], [-1, -1]], ["ham", "spam"])
    >>> slice_summary(votes, ["mail", "mail", "chat"]).coverage.tolist()
    [1.0, 0.0]
    """
    if labels is not None:
        check_same_rows(votes, labels)
    codes = None if gold is None else gold_codes(votes.labels, gold, votes.n_items)
    measured = _Measured(votes, labels, codes, what)
    overall = measured.slices(("(all rows)",), np.zeros(votes.n_items, dtype=np.int64), None)
    if isinstance(slices, Mapping):
        masks = read_masks(slices, votes.n_items)
        parts = [
            measured.slices((name,), np.where(mask, 0, -1), None) for name, mask in masks.items()
        ]
        return _joined(parts, overall)
    names, of_row = slices_of(slices, votes.n_items, max_slices, what)
    return measured.slices(names, of_row, overall)


class _Measured:
    def __init__(
        self, votes: VoteMatrix, labels: SoftLabels | None, gold: IntArray | None, what: str
    ) -> None:
        self.votes, self.labels, self.gold, self.what = votes, labels, gold, what
        self.spoken = Spoken.of(votes)
        self.right = None if gold is None else self.spoken.names(gold)
        self.decided = None
        if gold is not None and labels is not None:
            decided = decisions(labels.probabilities)
            self.decided = decided[np.arange(len(decided)), np.maximum(gold, 0)]

    def slices(
        self, names: tuple[str, ...], of_row: IntArray, overall: SliceSummary | None
    ) -> SliceSummary:
        """Measure the slices of rows; -1 is none."""
        n, spoken, votes = len(names), self.spoken, self.votes
        inside = of_row >= 0
        n_items = np.bincount(of_row[inside], minlength=n)

        def share(rows: npt.NDArray[Any]) -> FloatArray:
            return ratio(np.bincount(of_row[inside], rows[inside], n), n_items)

        of_vote = of_row[spoken.rows]
        cast = of_vote >= 0
        cell = of_vote[cast] * votes.n_lfs + spoken.lfs[cast]
        per_lf = np.bincount(cell, minlength=n * votes.n_lfs).reshape(n, votes.n_lfs)
        class_share = n_gold = accuracy = low = high = vote_accuracy = None
        if self.labels is not None:
            class_share = np.stack([share(p) for p in self.labels.probabilities.T], axis=1)
        if self.gold is not None and self.right is not None:
            known = inside & (self.gold >= 0)
            n_gold = np.bincount(of_row[known], minlength=n)
            judged = cast & (self.gold[spoken.rows] >= 0)
            vote_accuracy = ratio(
                np.bincount(of_vote[judged], self.right[judged], n),
                np.bincount(of_vote[judged], minlength=n),
            )
            if self.decided is not None:
                n_right = np.bincount(of_row[known], self.decided[known], n)
                accuracy = ratio(n_right, n_gold)
                low, high = wilson_interval(n_right, n_gold)
        return SliceSummary(
            what=self.what,
            names=names,
            class_names=votes.labels.names,
            lf_names=votes.lf_names,
            n_items=n_items,
            coverage=share(spoken.per_row > 0),
            conflict=share(spoken.rows_in_conflict),
            votes_per_row=ratio(per_lf.sum(axis=1), n_items),
            lf_coverage=np.stack([ratio(c, n_items) for c in per_lf.T], axis=1),
            class_share=class_share,
            n_gold=n_gold,
            accuracy=accuracy,
            low=low,
            high=high,
            vote_accuracy=vote_accuracy,
            overall=overall,
        )


def _joined(parts: list[SliceSummary], overall: SliceSummary) -> SliceSummary:
    arrays: dict[str, Any] = {}
    for name in _ARRAYS:
        values = [getattr(part, name) for part in parts]
        arrays[name] = None if values[0] is None else np.concatenate(values)
    names = tuple(name for part in parts for name in part.names)
    return replace(parts[0], names=names, overall=overall, **arrays)


_ARRAYS = (
    *("n_items", "coverage", "conflict", "votes_per_row", "lf_coverage", "class_share", "n_gold"),
    *("accuracy", "low", "high", "vote_accuracy"),
)


def read_masks(
    slices: Mapping[str, npt.ArrayLike], n_items: int
) -> dict[str, npt.NDArray[np.bool_]]:
    """Named masks as arrays of bool, shape (n_items,); errors as :func:`slice_summary`."""
    if not slices:
        raise ConfigError("there must be at least one slice, found none")
    masks = {str(name): np.asarray(mask) for name, mask in slices.items()}
    for name, mask in masks.items():
        if mask.dtype != bool or mask.shape != (n_items,):
            raise ConfigError(
                f"a slice must be a mask of bool, one per row ({n_items}); found {mask.dtype} of "
                f"shape {mask.shape} for {name!r}"
            )
    return masks


def slices_of(
    values: Any, n_items: int, max_slices: int = MAX_SLICES, what: str = "slice"
) -> tuple[tuple[str, ...], IntArray]:
    """The slices of a column: their names, and the slice of each row, shape (n_items,).

    Raises
    ------
    ConfigError, DataError
        As :func:`slice_summary`.
    """
    if max_slices < 2:
        raise ConfigError(f"max_slices must be at least 2, found {max_slices}")
    listed = values.to_pylist() if hasattr(values, "to_pylist") else np.asarray(values).tolist()
    if len(listed) != n_items:
        raise DataError(
            f"there must be one value per row to slice by: found {len(listed)} for {n_items} rows"
        )
    listed = [None if isinstance(v, float) and math.isnan(v) else v for v in listed]
    present = {v for v in listed if v is not None}
    if len(present) > max_slices and all(_is_number(v) for v in present):
        return _quantiles(listed)
    if len(present) == n_items > max_slices:
        raise ConfigError(
            f"slices are parts of the rows that have a value in common, and {what!r} has "
            f"{n_items:,} rows with {n_items:,} values; choose a column with fewer, or give masks"
        )
    words = [MISSING if v is None else _in_words(v) for v in listed]
    counts = Counter(words)
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    code = {word: k for k, word in enumerate(ordered)}
    if len(ordered) > max_slices:
        kept = max_slices - 1
        code = {word: min(k, kept) for word, k in code.items()}
        ordered = [*ordered[:kept], f"({len(ordered) - kept:,} other values)"]
    return tuple(ordered), np.array([code[word] for word in words], dtype=np.int64)


def _quantiles(listed: list[Any]) -> tuple[tuple[str, ...], IntArray]:
    numbers = np.array([np.nan if v is None else float(v) for v in listed])
    known = ~np.isnan(numbers)
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, N_QUANTILES + 1)[1:-1]))
    codes = np.searchsorted(edges, numbers, side="right")
    shown = [f"{edge:.4g}" for edge in edges]
    names = [f"below {shown[0]}"]
    names += [f"{a} to {b}" for a, b in pairwise(shown)]
    names += [f"{shown[-1]} and more"]
    if not known.all():
        codes[~known] = len(names)
        names.append(MISSING)
    return tuple(names), codes


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _in_words(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _each(tables: list[SliceSummary]) -> Iterator[tuple[SliceSummary, int]]:
    for table in tables:
        for s in range(len(table.names)):
            yield table, s
