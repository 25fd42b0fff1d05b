"""The rows whose votes are most in conflict, as the model sees it.

A row with votes against each other is worth reading: one of its labeling functions is wrong, or the
task is unclear. Most of all where the label model cannot settle it (*entropy* of the label), or
where it had to overrule many of the votes (*disagreement*: the share of the row's votes that are
expected to be wrong under the label's probabilities). Rows with the same votes say the same, so by
default each combination of votes is shown once, with the number of rows that have it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.certificate import majority_shares
from weaklabel.analysis.gold import check_same_rows
from weaklabel.analysis.numbers import plain
from weaklabel.analysis.spoken import Spoken
from weaklabel.analysis.text import number, percent, wrapped
from weaklabel.errors import ConfigError
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
By = Literal["entropy", "disagreement"]

N_ROWS = 20


@dataclass(frozen=True)
class ConflictRow:
    """A row with votes against each other.

    Attributes
    ----------
    id : object
    label : str or None
        None: a tie.
    confidence, entropy : float
        Of the label; entropy in nats.
    disagreement : float
        Share of its votes that are expected to be wrong, in [0, 1].
    votes : tuple of (str, str)
        Labeling function and vote in words, in the order of the columns.
    n_rows : int
        Rows in conflict with the same votes, this one included.
    """

    id: Any
    label: str | None
    confidence: float
    entropy: float
    disagreement: float
    votes: tuple[tuple[str, str], ...]
    n_rows: int

    def by_vote(self) -> dict[str, list[str]]:
        """The labeling functions by what they voted, the most votes first."""
        found: dict[str, list[str]] = {}
        for lf, vote in self.votes:
            found.setdefault(vote, []).append(lf)
        return dict(sorted(found.items(), key=lambda pair: -len(pair[1])))

    def _lines(self) -> list[str]:
        same = f", {self.n_rows:,} rows with these votes" if self.n_rows > 1 else ""
        label = "tie" if self.label is None else self.label
        lines = [
            f"row {self.id}: {label} {percent(self.confidence)}, entropy {number(self.entropy, 2)},"
            f" {percent(self.disagreement)} of the votes wrong{same}"
        ]
        lines += [f"  {vote}: {', '.join(lfs)}" for vote, lfs in self.by_vote().items()]
        return lines


@dataclass(frozen=True, eq=False)
class Conflicts:
    """Rows in conflict, the worst first.

    Attributes
    ----------
    rows : tuple of ConflictRow
    by : {"entropy", "disagreement"}
    n_in_conflict, n_items : int
        Rows with votes against each other, and all rows.
    """

    rows: tuple[ConflictRow, ...]
    by: By
    n_in_conflict: int
    n_items: int

    def to_pandas(self) -> pd.DataFrame:
        """One line per row: id, label, confidence, entropy, disagreement, votes, n_rows."""
        import pandas as pd

        lines = [
            {**asdict(row), "votes": ", ".join(f"{lf}: {vote}" for lf, vote in row.votes)}
            for row in self.rows
        ]
        return pd.DataFrame(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "by": self.by,
            "n_in_conflict": self.n_in_conflict,
            "n_items": self.n_items,
            "rows": [{**asdict(row), "votes": dict(row.votes)} for row in self.rows],
        }

    def to_text(self, width: int = 80) -> str:
        """Each row with its label and its votes in words."""
        share = percent(self.n_in_conflict / max(self.n_items, 1))
        lines = [
            f"{self.n_in_conflict:,} of {self.n_items:,} rows ({share}) have votes against each "
            f"other; by {self.by}:"
        ]
        for row in self.rows:
            lines.append("")
            lines += wrapped(row._lines(), width)
        return "\n".join(lines)


def rows_in_conflict(
    votes: VoteMatrix,
    labels: SoftLabels | None = None,
    *,
    n: int = N_ROWS,
    by: By = "entropy",
    distinct: bool = True,
) -> Conflicts:
    """The rows that are most in conflict.

    Parameters
    ----------
    votes : VoteMatrix
    labels : SoftLabels, optional
        What a model made of these votes; shares of the votes if None.
    n : int, default 20
        How many.
    by : {"entropy", "disagreement"}, default "entropy"
        Rows that the model cannot settle, or rows on which it overrules most votes.
    distinct : bool, default True
        Show each combination of votes once.

    Returns
    -------
    Conflicts

    Raises
    ------
    ConfigError
        If a setting is out of range.
    DataError
        If the labels are of other rows or classes.

    Notes
    -----
    O(n_votes * n_classes) for the rows in conflict, and a grouping of equal rows. Equals are
    ordered by id, so the order of the rows does not matter.

    Examples
    --------
    >>> votes = VoteMatrix.from_dense([[0, 0], [0, 1], [0, 1]], ["ham", "spam"], ["a", "b"])
    >>> [(row.id, row.votes, row.n_rows) for row in rows_in_conflict(votes).rows]
    [(1, (('a', 'ham'), ('b', 'spam')), 2)]
    """
    if by not in get_args(By):
        raise ConfigError(f"by must be 'entropy' or 'disagreement', found {by!r}")
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ConfigError(f"n must be at least 1, found {n!r}")
    if labels is None:
        labels = SoftLabels(
            majority_shares(votes), votes.labels, votes.n_votes_per_item, votes.row_ids
        )
    check_same_rows(votes, labels)
    spoken = Spoken.of(votes)
    rows = np.flatnonzero(spoken.rows_in_conflict)
    wrong = _expected_wrong(spoken, labels)[rows]
    score = (labels.entropy[rows] if by == "entropy" else wrong).round(12)
    group = votes[rows].patterns().inverse if distinct else np.arange(len(rows))
    chosen, n_same = _worst(score, group, votes.ids[rows], n)
    hard = labels.harden()
    found = [
        ConflictRow(
            plain(votes.ids[rows[i]]),
            None if hard[rows[i]] < 0 else votes.labels.names[hard[rows[i]]],
            float(labels.confidence[rows[i]]),
            float(labels.entropy[rows[i]]),
            float(wrong[i]),
            votes_in_words(votes, int(rows[i])),
            same,
        )
        for i, same in zip(chosen, n_same, strict=True)
    ]
    return Conflicts(tuple(found), by, len(rows), votes.n_items)


def votes_in_words(votes: VoteMatrix, row: int) -> tuple[tuple[str, str], ...]:
    """Labeling function and vote of each vote of a row."""
    part = slice(int(votes.indptr[row]), int(votes.indptr[row + 1]))
    return tuple(
        (votes.lf_names[lf], votes.alphabet.describe(symbol))
        for lf, symbol in zip(
            votes.lf_index[part].tolist(), votes.symbol[part].tolist(), strict=True
        )
    )


def _expected_wrong(spoken: Spoken, labels: SoftLabels) -> FloatArray:
    """Share of each row's votes that are expected to be wrong, 0 without votes."""
    at = spoken.rows_in_conflict[spoken.rows]
    rows, symbols = spoken.rows[at], spoken.symbols[at]
    right = np.zeros(len(rows))
    for k in range(labels.n_classes):  # n_votes x n_classes at once would be much memory
        right += spoken.allowed[symbols, k] * labels.probabilities[rows, k]
    total = np.bincount(rows, 1.0 - right, spoken.n_items)
    return np.asarray(total / np.maximum(np.bincount(rows, minlength=spoken.n_items), 1))


def _worst(
    score: FloatArray, group: npt.NDArray[Any], ids: npt.NDArray[Any], n: int
) -> tuple[list[int], list[int]]:
    """One row for each of the ``n`` worst groups, the smallest id of its worst; group sizes."""
    if not len(score):
        return [], []
    size = np.bincount(group)
    worst = np.full(len(size), -np.inf)
    np.maximum.at(worst, group, score)
    limit = np.sort(worst)[::-1][min(n, len(worst)) - 1]
    candidates = np.flatnonzero((worst[group] >= limit) & (score == worst[group]))
    rank = np.argsort(np.argsort(ids[candidates], kind="stable"), kind="stable")
    order = candidates[np.lexsort((rank, -score[candidates]))]
    _, first = np.unique(group[order], return_index=True)  # the first of each group
    chosen = order[np.sort(first)][:n].tolist()
    return chosen, size[group[chosen]].tolist()
