"""Errors in buckets: gold class by label by labeling function.

A bucket is the rows of one gold class that got one label. Inside it, each labeling function voted
for the label, for the gold class, or for something else; who voted for the label of a bucket of
errors is who to look at. :func:`label_buckets` sorts rows by any labels, as Snorkel's
``get_label_buckets`` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.gold import check_same_rows, gold_codes
from weaklabel.analysis.spoken import Spoken
from weaklabel.analysis.text import Cells, percent
from weaklabel.errors import DataError
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pandas as pd

IntArray = npt.NDArray[np.int64]

N_EXAMPLES = 3
LISTED = 4  # labeling functions of a bucket named in the text
UNDECIDED = "(no label)"


@dataclass(frozen=True)
class BucketLF:
    """What one labeling function said on the rows of a bucket.

    Attributes
    ----------
    name : str
    n_for_label, n_for_gold, n_for_both, n_for_neither : int
        Its votes for the label, for the gold class, for both (a vote for a set), for neither.
    """

    name: str
    n_for_label: int
    n_for_gold: int
    n_for_both: int
    n_for_neither: int

    @property
    def n_votes(self) -> int:
        """All its votes on them."""
        return self.n_for_label + self.n_for_gold + self.n_for_both + self.n_for_neither


@dataclass(frozen=True)
class ErrorBucket:
    """Rows of one gold class that got one label.

    Attributes
    ----------
    gold : str
    label : str or None
        None: no vote, or a tie.
    n_rows : int
    confidence : float
        Mean probability of the most probable class.
    example_ids : tuple
        The most confident of them, ties by id; empty where the label is right.
    lfs : tuple of BucketLF
        Those that voted on its rows, the most votes for the label first.
    """

    gold: str
    label: str | None
    n_rows: int
    confidence: float
    example_ids: tuple[Any, ...]
    lfs: tuple[BucketLF, ...]

    @property
    def is_error(self) -> bool:
        """Whether the label is another than the gold class, or missing."""
        return self.label != self.gold

    def culprits(self) -> list[BucketLF]:
        """The labeling functions that voted for the wrong label and not for the gold class."""
        return [lf for lf in self.lfs if self.is_error and self.label and lf.n_for_label]


@dataclass(frozen=True, eq=False)
class ErrorBuckets:
    """All buckets that have rows.

    Attributes
    ----------
    buckets : tuple of ErrorBucket
        The right ones included, the largest first.
    n_gold, n_right, n_wrong, n_undecided : int
        Rows with gold; of these: decided right, decided wrong, without a label.
    """

    buckets: tuple[ErrorBucket, ...]
    n_gold: int
    n_right: int
    n_wrong: int
    n_undecided: int

    @property
    def errors(self) -> tuple[ErrorBucket, ...]:
        """The buckets whose label is not the gold class, the largest first."""
        return tuple(bucket for bucket in self.buckets if bucket.is_error)

    def bucket(self, gold: str, label: str | None) -> ErrorBucket | None:
        """The rows of a gold class that got a label; None if there are none."""
        for bucket in self.buckets:
            if (bucket.gold, bucket.label) == (gold, label):
                return bucket
        return None

    def to_pandas(self) -> pd.DataFrame:
        """One line per bucket and labeling function that voted in it."""
        import pandas as pd

        lines = [
            {"gold": b.gold, "label": b.label, "n_rows": b.n_rows, "lf": lf.name}
            | {k: v for k, v in asdict(lf).items() if k != "name"}
            for b in self.buckets
            for lf in b.lfs
        ]
        return pd.DataFrame(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "n_gold": self.n_gold,
            "n_right": self.n_right,
            "n_wrong": self.n_wrong,
            "n_undecided": self.n_undecided,
            "buckets": [{**asdict(b), "example_ids": list(b.example_ids)} for b in self.buckets],
        }

    def cells(self) -> Cells:
        """The buckets of errors as text cells."""
        rows = tuple(
            (
                bucket.gold,
                bucket.label or UNDECIDED,
                str(bucket.n_rows),
                percent(bucket.confidence),
                _named(bucket),
                ", ".join(map(str, bucket.example_ids)),
            )
            for bucket in self.errors
        )
        header = ("gold", "label", "rows", "sure", "who voted for the label", "such as row")
        return Cells(header, rows, (False, False, True, True, False, False))

    def to_text(self, width: int = 80) -> str:
        """How many rows are wrong, and the buckets of errors as a table."""
        head = (
            f"{self.n_gold:,} rows with gold: {self.n_right:,} right, {self.n_wrong:,} wrong, "
            f"{self.n_undecided:,} without a label"
        )
        return f"{head}\n\n{self.cells().to_text(width)}" if self.errors else head


def _named(bucket: ErrorBucket) -> str:
    if bucket.label is None:
        return "-"
    named = [f"{lf.name} ({lf.n_for_label})" for lf in bucket.culprits()]
    more = f" and {len(named) - LISTED} more" if len(named) > LISTED else ""
    return ", ".join(named[:LISTED]) + more if named else "nobody"


def error_buckets(
    votes: VoteMatrix, labels: SoftLabels, gold: Any, *, n_examples: int = N_EXAMPLES
) -> ErrorBuckets:
    """Sort the rows with gold into buckets of gold class and label, with who said what in each.

    Parameters
    ----------
    votes : VoteMatrix
    labels : SoftLabels
        Of the same rows; the label is the most probable class, none without votes or on a tie.
    gold : sequence, shape (n_items,)
        Class names or codes; None, NaN or -1 where unknown.
    n_examples : int, default 3
        Row ids given for each bucket of errors.

    Returns
    -------
    ErrorBuckets

    Raises
    ------
    DataError
        If lengths differ, the labels are of other rows or classes, or no row has gold.
    LabelError
        If a gold value is not a label.

    Notes
    -----
    O(n_votes + n_items), and a sort of the errors.

    Examples
    --------
    >>> votes = VoteMatrix.from_dense([[0, -1], [1, 1], [-1, 0]], ["ham", "spam"], ["a", "b"])
    >>> labels = SoftLabels([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], votes.labels)
    >>> found = error_buckets(votes, labels, ["ham", "spam", "spam"])
    >>> [(b.gold, b.label, b.n_rows, b.lfs[0].name) for b in found.errors]
    [('spam', 'ham', 1, 'b')]
    """
    check_same_rows(votes, labels)
    codes = gold_codes(votes.labels, gold, votes.n_items)
    known = codes >= 0
    if not known.any():
        raise DataError("no row has a gold label; at least one is needed to see errors")
    hard = labels.harden()
    n_columns = votes.n_classes + 1
    bucket = np.where(known, codes * n_columns + hard + 1, -1)
    wrong = known & (hard >= 0) & (hard != codes)
    examples = _examples(np.flatnonzero(known & (hard != codes)), bucket, votes, labels, n_examples)
    n_rows = np.bincount(bucket[known], minlength=votes.n_classes * n_columns)
    sure = np.bincount(bucket[known], labels.confidence[known], len(n_rows))
    said = _said(votes, codes, hard, bucket)
    names = votes.labels.names
    buckets = [
        ErrorBucket(
            names[b // n_columns],
            names[b % n_columns - 1] if b % n_columns else None,
            int(n_rows[b]),
            float(sure[b] / n_rows[b]),
            tuple(examples.get(b, ())),
            tuple(said.get(b, ())),
        )
        for b in np.argsort(-n_rows, kind="stable").tolist()
        if n_rows[b]
    ]
    return ErrorBuckets(
        tuple(buckets),
        int(known.sum()),
        int((known & (hard == codes)).sum()),
        int(wrong.sum()),
        int((known & (hard < 0)).sum()),
    )


def _examples(
    rows: IntArray, bucket: IntArray, votes: VoteMatrix, labels: SoftLabels, n: int
) -> dict[int, list[Any]]:
    """The ids of the most confident rows of each bucket; ties by id."""
    ids = votes.ids[rows]
    rank = np.empty(len(rows), dtype=np.int64)
    rank[np.argsort(ids, kind="stable")] = np.arange(len(rows))
    order = np.lexsort((rank, -labels.confidence[rows].round(12), bucket[rows]))
    found: dict[int, list[Any]] = {}
    starts = np.flatnonzero(np.diff(bucket[rows][order], prepend=-2)).tolist()
    for start, stop in pairwise([*starts, len(order)]):
        chosen = order[start : min(start + n, stop)]
        found[int(bucket[rows[order[start]]])] = ids[chosen].tolist()
    return found


def _said(
    votes: VoteMatrix, gold: IntArray, hard: IntArray, bucket: IntArray
) -> dict[int, list[BucketLF]]:
    """What each labeling function said in each bucket."""
    spoken = Spoken.of(votes)
    of_vote = bucket[spoken.rows]
    cast = of_vote >= 0
    # 0: neither, 1: the gold class, 2: the label, 3: both; of a right row the label is the gold
    what = spoken.names(gold)[cast] + 2 * spoken.names(hard)[cast]
    key = (of_vote[cast] * votes.n_lfs + spoken.lfs[cast]) * 4 + what
    found, count = np.unique(key, return_counts=True)
    table: dict[tuple[int, int], list[int]] = {}
    for k, n in zip(found.tolist(), count.tolist(), strict=True):
        pair = (k // 4 // votes.n_lfs, k // 4 % votes.n_lfs)
        table.setdefault(pair, [0, 0, 0, 0])[k % 4] = n
    out: dict[int, list[BucketLF]] = {}
    for (b, lf), (neither, for_gold, for_label, both) in table.items():
        out.setdefault(b, []).append(
            BucketLF(votes.lf_names[lf], for_label, for_gold, both, neither)
        )
    for members in out.values():
        members.sort(key=lambda lf: -(lf.n_for_label + lf.n_for_both))  # ties by position
    return out


def label_buckets(
    labels: LabelSpace, *columns: Any, ids: npt.ArrayLike | None = None
) -> dict[tuple[str | None, ...], list[Any]]:
    """Rows by what several columns of labels say of them.

    Parameters
    ----------
    labels : LabelSpace
    *columns : sequence, shape (n_items,)
        Class names or codes; None or -1 for none: gold, hard labels, the votes of one LF, ....
    ids : array, shape (n_items,), optional
        Row ids; positions if None.

    Returns
    -------
    dict
        From (label in each column, by name) to the ids of the rows, in the order of the rows.

    Raises
    ------
    DataError
        If there is no column, or lengths differ.
    LabelError
        If a value is not a label.

    Examples
    --------
    >>> space = LabelSpace(["ham", "spam"])
    >>> label_buckets(space, ["ham", "spam", "spam"], [0, 0, -1])
    {('ham', 'ham'): [0], ('spam', 'ham'): [1], ('spam', None): [2]}
    """
    if not columns:
        raise DataError("give at least one column of labels to sort rows by")
    first = len(labels.encode(columns[0]))
    coded = [gold_codes(labels, column, first) for column in columns]
    names = [*labels.names, None]
    row_ids = np.arange(first) if ids is None else np.asarray(ids)
    if row_ids.shape != (first,):
        raise DataError(f"there must be one id per row: found {row_ids.shape} for {first} rows")
    found: dict[tuple[str | None, ...], list[Any]] = {}
    for row_id, key in zip(row_ids.tolist(), _rows(coded), strict=True):
        found.setdefault(tuple(names[k] for k in key), []).append(row_id)
    return found


def _rows(columns: list[IntArray]) -> Iterator[tuple[int, ...]]:
    yield from zip(*[column.tolist() for column in columns], strict=True)
