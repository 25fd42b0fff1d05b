"""Two runs of soft labels side by side: exactly the rows that changed, and why.

What is behind a run stands in its provenance: the model, its settings and a hash of what it
learned, the labeling functions and their fingerprints. Differences there are told once, for all
rows. Row by row it is told what changed: the label, the probability alone, the number of votes; and
with the votes of both runs, which labeling functions vote otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.aligned import add_rows_only, align_rows, rows_only_lines, some
from weaklabel.analysis.gold import check_same_rows
from weaklabel.analysis.text import Cells, number, percent, wrapped
from weaklabel.analysis.vote_diff import VoteDiff, diff_votes
from weaklabel.errors import ConfigError, DataError
from weaklabel.labels import ABSTAIN
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

TOLERANCE = 1e-9
N_ROWS = 10
NO_LABEL = "(no label)"
_WORDS = ("id", "before", "after", "why")


@dataclass(frozen=True, eq=False)
class LabelDiff:
    """What changed from one run of labels to another.

    Attributes
    ----------
    reasons : tuple of str
        What differs between the runs as a whole, by their provenance.
    classes : tuple of str
        Of both runs.
    ids : array, shape (n_changed,)
        The changed rows, in the order of the first run.
    before, after : array of int, shape (n_changed,)
        Labels as positions in ``classes``; -1 for none (no vote, or a tie).
    p_before, p_after : array, shape (n_changed, n_classes)
    shift : array, shape (n_changed,)
        Total variation distance of the probabilities, in [0, 1].
    votes_before, votes_after : array of int, shape (n_changed,)
        Number of votes.
    n_common : int
        Rows that both have.
    only_a, only_b : tuple
        Ids of the rows that one of them has.
    votes : VoteDiff or None
        How the votes differ, if they were given.
    """

    reasons: tuple[str, ...]
    classes: tuple[str, ...]
    ids: npt.NDArray[Any]
    before: IntArray
    after: IntArray
    p_before: FloatArray
    p_after: FloatArray
    shift: FloatArray
    votes_before: IntArray
    votes_after: IntArray
    n_common: int
    only_a: tuple[Any, ...]
    only_b: tuple[Any, ...]
    votes: VoteDiff | None

    def __bool__(self) -> bool:
        """Whether a row differs."""
        return bool(len(self.ids) or self.only_a or self.only_b)

    @property
    def relabelled(self) -> npt.NDArray[np.bool_]:
        """Which of the changed rows have another label, shape (n_changed,)."""
        return np.asarray(self.before != self.after)

    def why(self, position: int) -> list[str]:
        """What changed on one of the changed rows."""
        reasons = []
        if self.before[position] == self.after[position]:
            reasons.append("moved probability")
        if self.votes is not None:
            reasons += self.votes.why(self.ids[position])
        elif self.votes_before[position] != self.votes_after[position]:
            reasons.append(
                f"{self.votes_before[position]} votes -> {self.votes_after[position]} votes"
            )
        if self.votes is not None and len(reasons) == (not self.relabelled[position]):
            reasons.append("same votes, other model")
        return reasons

    def to_pandas(self) -> pd.DataFrame:
        """One line per changed row, and per row that one of them has.

        Columns id, before, after, confidence_before, confidence_after, shift, votes_before,
        votes_after, why.
        """
        import pandas as pd

        names = np.array([*self.classes, None], dtype=object)
        columns: dict[str, list[Any]] = {
            "id": self.ids.tolist(),
            "before": names[self.before].tolist(),
            "after": names[self.after].tolist(),
            "confidence_before": self.p_before.max(axis=1, initial=0.0).tolist(),
            "confidence_after": self.p_after.max(axis=1, initial=0.0).tolist(),
            "shift": self.shift.tolist(),
            "votes_before": self.votes_before.tolist(),
            "votes_after": self.votes_after.tolist(),
            "why": ["; ".join(self.why(i)) for i in range(len(self.ids))],
        }
        add_rows_only(columns, self.only_a, self.only_b)
        return pd.DataFrame(
            {k: pd.Series(v, dtype=object if k in _WORDS else None) for k, v in columns.items()}
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        names = [*self.classes, None]
        rows = [
            {
                "id": row_id,
                "before": names[self.before[i]],
                "after": names[self.after[i]],
                "p_before": dict(zip(self.classes, self.p_before[i].tolist(), strict=True)),
                "p_after": dict(zip(self.classes, self.p_after[i].tolist(), strict=True)),
                "shift": float(self.shift[i]),
                "why": self.why(i),
            }
            for i, row_id in enumerate(self.ids.tolist())
        ]
        return {
            "kind": "labels",
            "differs": bool(self),
            "n_common_rows": self.n_common,
            "n_changed_rows": len(self.ids),
            "n_relabelled": int(self.relabelled.sum()),
            "reasons": list(self.reasons),
            "only_in_first": list(self.only_a),
            "only_in_second": list(self.only_b),
            "rows": rows,
        }

    def cells(self) -> Cells:
        """How many rows went from which label to which, the most first."""
        n = len(self.classes) + 1
        moved = self.relabelled
        pair, count = np.unique(
            (self.before[moved] + 1) * n + self.after[moved] + 1, return_counts=True
        )
        names = [NO_LABEL, *self.classes]
        order = np.argsort(-count, kind="stable").tolist()
        rows = tuple((names[pair[i] // n], names[pair[i] % n], str(count[i])) for i in order)
        return Cells(("before", "after", "rows"), rows, (False, False, True))

    def to_text(self, width: int = 80, n_rows: int = N_ROWS) -> str:
        """What changed: the sums, the reasons, and the rows that moved most.

        Parameters
        ----------
        width : int, default 80
        n_rows : int, default 10
            Changed rows told one by one.
        """
        if not self:
            lines = [f"no difference: {self.n_common:,} rows with the same labels", *self.reasons]
            return "\n".join(wrapped(lines, width))
        n_moved = int(self.relabelled.sum())
        lines = [
            f"{n_moved:,} of {self.n_common:,} rows have another label, "
            f"{len(self.ids) - n_moved:,} more only another probability",
            *rows_only_lines(self.only_a, self.only_b),
            *self.reasons,
        ]
        lines = wrapped(lines, width)
        if n_moved:
            lines += ["", self.cells().to_text(width)]
        told = np.lexsort((-self.shift, ~self.relabelled))[:n_rows].tolist()
        if told:
            lines.append("")
        for i in told:
            lines += wrapped([self._row_in_words(i)], width)
        if len(self.ids) > len(told):
            lines.append(f"... and {len(self.ids) - len(told):,} more rows")
        return "\n".join(lines)

    def _row_in_words(self, i: int) -> str:
        before, after = (
            f"{NO_LABEL if code < 0 else self.classes[code]} {percent(float(p.max(initial=0.0)))}"
            for code, p in ((self.before[i], self.p_before[i]), (self.after[i], self.p_after[i]))
        )
        why = [reason for reason in self.why(i) if reason != "moved probability"]
        told = f": {'; '.join(why)}" if why else ""
        return f"{self.ids[i]}: {before} -> {after}, moved {number(float(self.shift[i]))}{told}"


def diff_labels(
    a: SoftLabels,
    b: SoftLabels,
    *,
    votes: tuple[VoteMatrix, VoteMatrix] | None = None,
    tolerance: float = TOLERANCE,
) -> LabelDiff:
    """Compare two runs of soft labels row by row.

    Parameters
    ----------
    a, b : SoftLabels
        Before and after. Rows are matched by id (by position where neither has ids), classes by
        name.
    votes : pair of VoteMatrix, optional
        What each was made from; tells which labeling functions changed their vote on a row.
    tolerance : float, default 1e-9
        Probabilities that differ by no more than this are the same.

    Returns
    -------
    LabelDiff

    Raises
    ------
    ConfigError
        If the tolerance is negative.
    DataError
        If only one of them has ids, one has an id twice, they have no class in common, or votes
        are not those of the labels.

    Notes
    -----
    O(n_items * n_classes), and :func:`diff_votes` for the votes.

    Examples
    --------
    >>> before = SoftLabels([[0.9, 0.1], [0.6, 0.4]], ["ham", "spam"])
    >>> after = SoftLabels([[0.9, 0.1], [0.2, 0.8]], ["ham", "spam"])
    >>> print(diff_labels(before, after).to_text().splitlines()[-1])
    1: ham 60.0% -> spam 80.0%, moved 0.400
    """
    if not tolerance >= 0:
        raise ConfigError(f"tolerance must be at least 0, found {tolerance!r}")
    classes = (*a.labels.names, *(name for name in b.labels.names if name not in a.labels))
    if len(classes) == a.n_classes + b.n_classes:
        raise DataError(
            f"the two have no class in common: {', '.join(a.labels.names)} before, "
            f"{', '.join(b.labels.names)} after"
        )
    rows = align_rows(a.ids, b.ids, a.n_items, b.n_items)
    p_a, hard_a = _in_common(a, rows.a, classes)
    p_b, hard_b = _in_common(b, rows.b, classes)
    n_a, n_b = a.n_votes[rows.a].astype(np.int64), b.n_votes[rows.b].astype(np.int64)
    moved = np.abs(p_a - p_b).max(axis=1, initial=0.0) > tolerance
    changed = np.flatnonzero(moved | (hard_a != hard_b) | (n_a != n_b))
    ids = np.arange(a.n_items) if a.ids is None else a.ids
    found = None
    if votes is not None:
        for matrix, labels in zip(votes, (a, b), strict=True):
            check_same_rows(matrix, labels)
        found = diff_votes(*votes)
    p_a, p_b = p_a[changed], p_b[changed]
    return LabelDiff(
        reasons=tuple(_reasons(a, b)),
        classes=classes,
        ids=np.asarray(ids[rows.a[changed]]),
        before=hard_a[changed],
        after=hard_b[changed],
        p_before=p_a,
        p_after=p_b,
        shift=np.asarray(0.5 * np.abs(p_a - p_b).sum(axis=1)),
        votes_before=n_a[changed],
        votes_after=n_b[changed],
        n_common=len(rows.a),
        only_a=rows.only_a,
        only_b=rows.only_b,
        votes=found,
    )


def _in_common(
    labels: SoftLabels, rows: IntArray, classes: tuple[str, ...]
) -> tuple[FloatArray, IntArray]:
    """Probabilities and hard labels of some rows, in the classes of both runs."""
    column = np.array([classes.index(name) for name in labels.labels.names])
    p = np.zeros((len(rows), len(classes)))
    p[:, column] = labels.probabilities[rows]
    hard = labels.harden()[rows]
    return p, np.where(hard == ABSTAIN, ABSTAIN, column[np.maximum(hard, 0)])


def _reasons(a: SoftLabels, b: SoftLabels) -> Iterator[str]:
    """What differs in the provenance of two runs."""
    if a.labels != b.labels:
        yield f"classes: {', '.join(a.labels.names)} -> {', '.join(b.labels.names)}"
    if not a.provenance or not b.provenance:
        which = "either" if not a.provenance and not b.provenance else "one"
        yield f"where {which} comes from is not known: a CSV file holds no provenance"
        return
    old, new = a.provenance, b.provenance
    yield from _lf_reasons(old, new)
    if old.get("model") != new.get("model"):
        yield f"model: {old.get('model')} -> {new.get('model')}"
    elif old.get("model_params") != new.get("model_params"):
        yield f"settings of the model: {_setting_changes(old, new)}"
    elif old.get("parameters_sha256") != new.get("parameters_sha256"):
        yield "the model learned something else: it was fitted on other votes or gold"
    if old.get("n_rows_fitted") != new.get("n_rows_fitted"):
        yield f"rows fitted on: {old.get('n_rows_fitted')} -> {new.get('n_rows_fitted')}"
    if old.get("versions") != new.get("versions"):
        yield f"versions: {_changed(old.get('versions') or {}, new.get('versions') or {})}"


def _lf_reasons(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    names_a, names_b = old.get("lf_names") or [], new.get("lf_names") or []
    added = [name for name in names_b if name not in set(names_a)]
    removed = [name for name in names_a if name not in set(names_b)]
    if added:
        yield f"new LFs: {some(added)}"
    if removed:
        yield f"removed LFs: {some(removed)}"
    prints_a, prints_b = old.get("lf_fingerprints"), new.get("lf_fingerprints")
    if prints_a and prints_b:
        before = dict(zip(names_a, prints_a, strict=False))
        after = dict(zip(names_b, prints_b, strict=False))
        edited = [n for n in names_a if n in after and before.get(n) != after[n]]
        if edited:
            yield f"edited LFs: {some(edited)}"


def _setting_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    return _changed(old.get("model_params") or {}, new.get("model_params") or {})


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    names = [k for k in {**old, **new} if old.get(k) != new.get(k)]
    return ", ".join(f"{k} {old.get(k)} -> {new.get(k)}" for k in names)
