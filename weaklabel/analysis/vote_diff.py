"""Two vote matrices side by side: exactly the votes that changed, and why.

Rows are matched by id, labeling functions by name, votes by what they say in words. A vote changed
because its labeling function is new or gone, because it was edited (its fingerprint is another),
or, where the fingerprint is the same, because the row or something the function reads changed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.aligned import AlignedRows, add_rows_only, align_rows, rows_only_lines
from weaklabel.analysis.text import Cells, wrapped
from weaklabel.errors import VotesError
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pandas as pd

IntArray = npt.NDArray[np.int64]

NEW: Final = "new LF"
REMOVED: Final = "removed LF"
EDITED: Final = "edited LF"
SAME: Final = "same LF, other row or resource"
UNKNOWN: Final = "fingerprint unknown"
N_ROWS = 10


@dataclass(frozen=True)
class LFChange:
    """What became of the votes of one labeling function on the rows that both have.

    Attributes
    ----------
    name : str
    why : str
        ``"new LF"``, ``"removed LF"``, ``"edited LF"``, ``"same LF, other row or resource"`` or
        ``"fingerprint unknown"``.
    n_changed : int
        Votes that changed; the sum of the next three.
    n_given, n_withdrawn, n_turned : int
        Votes where it abstained before, abstentions where it voted, votes for something else.
    """

    name: str
    why: str
    n_changed: int
    n_given: int
    n_withdrawn: int
    n_turned: int


@dataclass(frozen=True, eq=False)
class VoteDiff:
    """What changed from one vote matrix to another.

    Attributes
    ----------
    lfs : tuple of LFChange
        Those that are new, gone or edited, or have a changed vote; in the order of the columns.
    lf_names, words : tuple of str
        What ``lf``, ``before`` and ``after`` number.
    ids : array, shape (n_common,)
        Ids of the rows that both have, in the order of the first.
    row : array of int, shape (n_changed_votes,)
        Position in ``ids``, ascending.
    lf : array of int, shape (n_changed_votes,)
    before, after : array of int, shape (n_changed_votes,)
        Positions in ``words``; -1 for an abstention.
    only_a, only_b : tuple
        Ids of the rows that one of them has.
    classes_a, classes_b : tuple of str
    """

    lfs: tuple[LFChange, ...]
    lf_names: tuple[str, ...]
    words: tuple[str, ...]
    ids: npt.NDArray[Any]
    row: IntArray
    lf: IntArray
    before: IntArray
    after: IntArray
    only_a: tuple[Any, ...]
    only_b: tuple[Any, ...]
    classes_a: tuple[str, ...]
    classes_b: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(
            len(self.row)
            or self.lfs
            or self.only_a
            or self.only_b
            or self.classes_a != self.classes_b
        )

    @property
    def changed_rows(self) -> list[Any]:
        """Ids of the rows with a changed vote, in the order of the first."""
        found: list[Any] = self.ids[np.unique(self.row)].tolist()
        return found

    def why(self, row_id: Any) -> list[str]:
        """What changed on a row, one sentence per vote; empty for a row without a change."""
        row = self._position.get(row_id, -1)
        return [
            f"{self.lf_names[self.lf[i]]}: {self._word(self.before[i])} -> "
            f"{self._word(self.after[i])} ({self._reason[self.lf_names[self.lf[i]]]})"
            for i in self._votes_of(row)
        ]

    @cached_property
    def _position(self) -> dict[Any, int]:
        return {row_id: i for i, row_id in enumerate(self.ids.tolist())}

    @cached_property
    def _reason(self) -> dict[str, str]:
        return {lf.name: lf.why for lf in self.lfs}

    def _votes_of(self, row: int) -> range:
        first, last = np.searchsorted(self.row, [row, row + 1]).tolist()
        return range(first, last)

    def _word(self, code: int) -> str:
        return "(abstains)" if code < 0 else self.words[code]

    def to_pandas(self) -> pd.DataFrame:
        """One line per changed vote, and per row that one of them has: id, lf, before, after, why.

        None stands for an abstention.
        """
        import pandas as pd

        names = np.array(self.lf_names, dtype=object)
        words = np.array([*self.words, None], dtype=object)  # -1 picks the last
        changed = {
            "id": self.ids[self.row].tolist(),
            "lf": names[self.lf].tolist(),
            "before": words[self.before].tolist(),
            "after": words[self.after].tolist(),
            "why": [self._reason[name] for name in names[self.lf].tolist()],
        }
        add_rows_only(changed, self.only_a, self.only_b)
        return pd.DataFrame(changed, dtype=object)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        votes = zip(
            self.ids[self.row].tolist(), self.lf.tolist(), self.before.tolist(),
            self.after.tolist(), strict=True,
        )  # fmt: skip
        return {
            "kind": "votes",
            "differs": bool(self),
            "n_common_rows": len(self.ids),
            "n_changed_rows": len(np.unique(self.row)),
            "n_changed_votes": len(self.row),
            "lfs": [asdict(lf) for lf in self.lfs],
            "classes": [list(self.classes_a), list(self.classes_b)],
            "only_in_first": list(self.only_a),
            "only_in_second": list(self.only_b),
            "votes": [
                {
                    "id": row_id,
                    "lf": self.lf_names[lf],
                    "before": None if old < 0 else self.words[old],
                    "after": None if new < 0 else self.words[new],
                }
                for row_id, lf, old, new in votes
            ],
        }

    def cells(self) -> Cells:
        """The labeling functions with a change, as text cells."""
        header = ("labeling function", "why", "changed", "given", "withdrawn", "turned")
        rows = tuple(
            (
                lf.name, lf.why, str(lf.n_changed), str(lf.n_given), str(lf.n_withdrawn),
                str(lf.n_turned),
            )
            for lf in self.lfs
        )  # fmt: skip
        return Cells(header, rows, (False, False, True, True, True, True))

    def to_text(self, width: int = 80, n_rows: int = N_ROWS) -> str:
        """What changed: the sums, the labeling functions, and the first rows.

        Parameters
        ----------
        width : int, default 80
        n_rows : int, default 10
            Changed rows told one by one.
        """
        if not self:
            return f"no difference: {len(self.ids):,} rows with the same votes"
        changed = np.unique(self.row)
        lines = [
            f"{len(changed):,} of {len(self.ids):,} rows changed, {len(self.row):,} votes in all",
            *rows_only_lines(self.only_a, self.only_b),
        ]
        if self.classes_a != self.classes_b:
            lines.append(
                f"other classes: {', '.join(self.classes_a)} before, "
                f"{', '.join(self.classes_b)} after"
            )
        lines = wrapped(lines, width)
        if self.lfs:
            lines += ["", self.cells().to_text(width)]
        told = changed[:n_rows]
        if len(told):
            lines.append("")
        for row in told.tolist():
            said = [
                f"{self.lf_names[self.lf[i]]} {self._word(self.before[i])} -> "
                f"{self._word(self.after[i])}"
                for i in self._votes_of(row)
            ]
            lines += wrapped([f"{self.ids[row]}: {'; '.join(said)}"], width)
        if len(changed) > len(told):
            lines.append(f"... and {len(changed) - len(told):,} more rows")
        return "\n".join(lines)


def diff_votes(a: VoteMatrix, b: VoteMatrix) -> VoteDiff:
    """Compare two vote matrices vote by vote.

    Parameters
    ----------
    a, b : VoteMatrix
        Before and after. Rows are matched by id (by position where neither has ids), labeling
        functions by name; both may stand in another order.

    Returns
    -------
    VoteDiff

    Raises
    ------
    DataError
        If only one of them has ids.
    VotesError
        If they have no labeling function in common: then they are not two runs of one thing.

    Notes
    -----
    O((n_votes_a + n_votes_b) log n_votes); about 40 bytes per vote.

    Examples
    --------
    >>> before = VoteMatrix.from_dense([[0, 1], [0, -1]], ["ham", "spam"], ["x", "y"])
    >>> after = VoteMatrix.from_dense([[0, 0], [0, -1]], ["ham", "spam"], ["x", "y"])
    >>> diff_votes(before, after).why(0)
    ['y: spam -> ham (fingerprint unknown)']
    """
    names = (*a.lf_names, *(name for name in b.lf_names if name not in set(a.lf_names)))
    if len(names) == a.n_lfs + b.n_lfs:
        raise VotesError(
            "the two have no labeling function in common: "
            f"{', '.join(a.lf_names[:5])} before, {', '.join(b.lf_names[:5])} after"
        )
    rows = align_rows(a.row_ids, b.row_ids, a.n_items, b.n_items)
    words = _words(a, b)
    key_a, said_a = _cells(a, rows.a, names, words)
    key_b, said_b = _cells(b, rows.b, names, words)
    key, before, after = _changes(key_a, said_a, key_b, said_b)
    row, lf = key // len(names), key % len(names)
    return VoteDiff(
        _by_lf(a, b, names, lf, before, after),
        names,
        tuple(words),
        _ids(a, rows),
        row,
        lf,
        before,
        after,
        rows.only_a,
        rows.only_b,
        a.labels.names,
        b.labels.names,
    )


def _words(a: VoteMatrix, b: VoteMatrix) -> dict[str, int]:
    words: dict[str, int] = {}
    for votes in (a, b):
        for code in range(len(votes.alphabet)):
            words.setdefault(votes.alphabet.describe(code), len(words))
    return words


def _ids(a: VoteMatrix, rows: AlignedRows) -> npt.NDArray[Any]:
    return np.asarray(a.ids[rows.a])


def _cells(
    votes: VoteMatrix, rows: IntArray, names: tuple[str, ...], words: dict[str, int]
) -> tuple[IntArray, IntArray]:
    """Votes on the rows in common: sorted keys ``row * n_lfs + lf``, and what was said."""
    part = votes if len(rows) == votes.n_items and (rows == np.arange(len(rows))).all() else None
    part = votes[rows] if part is None else part
    number = {name: k for k, name in enumerate(names)}
    lf = np.array([number[name] for name in votes.lf_names])
    code = np.array([words[part.alphabet.describe(c)] for c in range(len(part.alphabet))])
    key = part.item_index() * len(names) + lf[part.lf_index]
    said = code[part.symbol]
    if (np.diff(lf) > 0).all():
        return key, said
    order = np.argsort(key)
    return key[order], said[order]


def _changes(
    key_a: IntArray, said_a: IntArray, key_b: IntArray, said_b: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Keys at which two sorted sets of cells differ, with what was said; -1 for nothing."""
    at = np.minimum(np.searchsorted(key_b, key_a), max(len(key_b) - 1, 0))
    met = key_b[at] == key_a if len(key_b) else np.zeros(len(key_a), dtype=bool)
    new = np.ones(len(key_b), dtype=bool)
    new[at[met]] = False
    after_a = np.full(len(key_a), -1)
    after_a[met] = said_b[at[met]]
    changed = after_a != said_a
    key = np.concatenate([key_a[changed], key_b[new]])
    before = np.concatenate([said_a[changed], np.full(int(new.sum()), -1)])
    after = np.concatenate([after_a[changed], said_b[new]])
    order = np.argsort(key, kind="stable")
    return key[order], before[order], after[order]


def _by_lf(
    a: VoteMatrix,
    b: VoteMatrix,
    names: tuple[str, ...],
    lf: IntArray,
    before: IntArray,
    after: IntArray,
) -> tuple[LFChange, ...]:
    kinds = (before < 0, after < 0, (before >= 0) & (after >= 0))
    counts = np.stack([np.bincount(lf[kind], minlength=len(names)) for kind in kinds], axis=1)
    changes = [
        LFChange(name, _why(name, a, b), sum(n), *n)
        for name, n in zip(names, counts.tolist(), strict=True)
    ]
    return tuple(c for c in changes if c.n_changed or c.why in (NEW, REMOVED, EDITED))


def _why(name: str, a: VoteMatrix, b: VoteMatrix) -> str:
    if name not in a.lf_names:
        return NEW
    if name not in b.lf_names:
        return REMOVED
    if a.lf_fingerprints is None or b.lf_fingerprints is None:
        return UNKNOWN
    old = a.lf_fingerprints[a.lf_names.index(name)]
    return SAME if old == b.lf_fingerprints[b.lf_names.index(name)] else EDITED
