"""Labeling functions two by two: how often they meet, agree and conflict, and what is left of it.

Two labeling functions that are right most of the time agree most of the time; that is no news.
*Dependence* is the agreement that the class does not explain: the correlation of their residuals
given the posterior (:mod:`weaklabel.inference.dependency`), 0 for labeling functions that err
independently, 1 for copies. The posterior is that of the model which
:func:`~weaklabel.models.learn_dependencies` ends with, in which the copies it found count as one:
copies would bend another posterior so that their neighbours look dependent too, and a careful one,
such as that of :class:`~weaklabel.models.LabelModel`, leaves doubt about the class, and with it
agreement that looks like dependence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.numbers import plain, ratio
from weaklabel.analysis.spoken import Spoken
from weaklabel.analysis.text import Cells, number, percent
from weaklabel.errors import ConfigError
from weaklabel.models.checks import votes_to_fit
from weaklabel.models.dependencies import MAX_ROWS, search_with_scores
from weaklabel.models.dependency_search import sampled
from weaklabel.models.statistics import PatternTable
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_LFS = 5000
MIN_ROWS = 20  # rows on which both vote, to be listed
LISTED = 5


@dataclass(frozen=True, eq=False)
class LFPairs:
    """All pairs of labeling functions, as symmetric matrices of shape (n_lfs, n_lfs).

    Attributes
    ----------
    lf_names : tuple of str
    n_items : int
    both : array of int
        Rows on which both vote; on the diagonal, the votes of each.
    against : array of int
        Rows on which their votes have no class in common.
    dependence, statistic : array, or None
        Residual correlation given the posterior, and a number that is standard normal for
        independent ones; NaN where it was not tested. None if it was not asked for.
    dependent : tuple of (str, str)
        The pairs that :func:`~weaklabel.models.learn_dependencies` reports, strongest first.
    """

    lf_names: tuple[str, ...]
    n_items: int
    both: IntArray
    against: IntArray
    dependence: FloatArray | None
    statistic: FloatArray | None
    dependent: tuple[tuple[str, str], ...]

    @property
    def overlap(self) -> FloatArray:
        """Share of the rows on which both vote."""
        return np.asarray(self.both / max(self.n_items, 1))

    @property
    def conflict(self) -> FloatArray:
        """Share of the rows on which they vote against each other."""
        return np.asarray(self.against / max(self.n_items, 1))

    @property
    def agreement(self) -> FloatArray:
        """Share of the rows with both votes on which they agree; NaN where they never meet."""
        return ratio(self.both - self.against, self.both)

    def to_pandas(self) -> pd.DataFrame:
        """One line per pair that meets: first, second, both, against, overlap, agreement, ...."""
        import pandas as pd

        a, b = self._meeting()
        names = np.array(self.lf_names, dtype=object)
        columns: dict[str, Any] = {"first": names[a], "second": names[b]}
        wanted = ("both", "against", "overlap", "conflict", "agreement")
        columns |= {name: getattr(self, name)[a, b] for name in wanted}
        if self.dependence is not None and self.statistic is not None:
            columns |= {"dependence": self.dependence[a, b], "statistic": self.statistic[a, b]}
        return pd.DataFrame(columns)

    def _meeting(self) -> tuple[IntArray, IntArray]:
        a, b = np.nonzero(np.triu(self.both, k=1))
        return a, b

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, ready for JSON; what is not known is None."""
        matrices = {"both": self.both, "against": self.against, "agreement": self.agreement}
        if self.dependence is not None and self.statistic is not None:
            matrices |= {"dependence": self.dependence, "statistic": self.statistic}
        return {
            "lfs": list(self.lf_names),
            "n_items": self.n_items,
            "dependent": [list(pair) for pair in self.dependent],
            **{name: plain(matrix) for name, matrix in matrices.items()},
        }

    def most_opposed(self, n: int = LISTED) -> list[tuple[str, str]]:
        """The pairs with the lowest agreement, of those that meet on 20 rows or more."""
        a, b = self._often()
        agreement = self.agreement[a, b]
        # pairs that agree less than not, by the rows at stake; then the others
        order = np.lexsort((b, a, -self.against[a, b], agreement))
        kept = [i for i in order.tolist() if self.against[a[i], b[i]] > 0]
        return self._named(a, b, kept[:n])

    def _often(self) -> tuple[IntArray, IntArray]:
        a, b = self._meeting()
        often = self.both[a, b] >= MIN_ROWS
        return a[often], b[often]

    def _named(self, a: IntArray, b: IntArray, chosen: list[int]) -> list[tuple[str, str]]:
        return [(self.lf_names[a[i]], self.lf_names[b[i]]) for i in chosen]

    def cells(self, pairs: list[tuple[str, str]]) -> Cells:
        """Some pairs as text cells."""
        header = ["one", "other", "both vote", "agree", "against"]
        if self.dependence is not None:
            header.append("depend")
        rows = tuple(tuple(self._row(*pair)) for pair in pairs)
        return Cells(tuple(header), rows, (False, False, *[True] * (len(header) - 2)))

    def _row(self, one: str, other: str) -> Iterator[str]:
        a, b = self.lf_names.index(one), self.lf_names.index(other)
        yield from (one, other, str(self.both[a, b]), percent(float(self.agreement[a, b])))
        yield str(self.against[a, b])
        if self.dependence is not None:
            yield number(float(self.dependence[a, b]), 2)

    def to_text(self, width: int = 80) -> str:
        """The pairs that oppose each other most, and those that depend on each other most."""
        parts: list[str] = []
        opposed, dependent = self.most_opposed(), list(self.dependent[:LISTED])
        if opposed:
            parts += ["agree least, where both vote", "", self.cells(opposed).to_text(width)]
        if dependent:
            parts += [""] if parts else []
            parts += ["agree beyond what the class explains", ""]
            parts += [self.cells(dependent).to_text(width)]
        if not parts:
            return f"no two labeling functions vote against each other on {MIN_ROWS} rows or more"
        return "\n".join(parts)


def lf_pairs(
    votes: VoteMatrix | npt.ArrayLike,
    *,
    dependence: bool = False,
) -> LFPairs:
    """Compare labeling functions two by two.

    Parameters
    ----------
    votes : VoteMatrix or array of int, shape (n_items, n_lfs)
        In an array, -1 is an abstention.
    dependence : bool, default False
        Also measure how far they agree beyond what the class explains.

    Returns
    -------
    LFPairs

    Raises
    ------
    ConfigError
        If there are more than 5,000 labeling functions.
    FitError
        If dependence is asked for and fewer than three labeling functions vote.

    Notes
    -----
    O(sum over distinct rows of squared votes), and matrices of n_lfs^2 numbers. Dependence costs
    what :func:`~weaklabel.models.learn_dependencies` does: it is measured on 100,000 rows at most,
    for pairs that both vote on 20 of them or more; pairs of which
    one only ever says one thing are tested only where most votes are of that kind, by how often
    they speak together.

    Examples
    --------
    >>> lf_pairs([[0, 0], [1, 0], [-1, 1]]).agreement.tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    matrix = votes if isinstance(votes, VoteMatrix) else VoteMatrix.from_dense(votes)
    if matrix.n_lfs > MAX_LFS:
        raise ConfigError(
            f"pairs are compared for at most {MAX_LFS:,} labeling functions, found "
            f"{matrix.n_lfs:,}; take some (votes.select_lfs)"
        )
    both, against = _counts(matrix)
    strength = statistic = None
    dependent: tuple[tuple[str, str], ...] = ()
    if dependence:
        strength, statistic, dependent = _dependence(matrix)
    return LFPairs(matrix.lf_names, matrix.n_items, both, against, strength, statistic, dependent)


def _counts(votes: VoteMatrix) -> tuple[IntArray, IntArray]:
    """Rows on which two vote, and on which their votes have no class in common."""
    import scipy.sparse as sp

    found = votes.patterns()
    distinct = VoteMatrix(
        found.indptr, found.lf_index, found.symbol, votes.alphabet, votes.lf_names
    )
    spoken = Spoken.of(distinct)
    n_lfs, n_symbols = votes.n_lfs, len(votes.alphabet)
    key = spoken.lfs.astype(np.int64) * n_symbols + spoken.symbols
    used, column = np.unique(key, return_inverse=True)
    indptr = np.concatenate([[0], np.cumsum(spoken.per_row)])
    shape = (distinct.n_items, len(used))
    times = found.counts.astype(np.int64)[spoken.rows]
    ones = sp.csr_array((np.ones_like(times), column, indptr), shape=shape)
    counted = sp.csr_array((times, column, indptr), shape=shape)
    together = (ones.T @ counted).tocoo()
    lf, symbol = used // n_symbols, used % n_symbols
    meet = (spoken.allowed[symbol].astype(np.int64) @ spoken.allowed[symbol].T) > 0
    pair = lf[together.row] * n_lfs + lf[together.col]
    apart = ~meet[together.row, together.col]
    both, against = np.zeros(n_lfs**2, dtype=np.int64), np.zeros(n_lfs**2, dtype=np.int64)
    np.add.at(both, pair, together.data)
    np.add.at(against, pair[apart], together.data[apart])
    return both.reshape(n_lfs, n_lfs), against.reshape(n_lfs, n_lfs)


def _dependence(
    votes: VoteMatrix,
) -> tuple[FloatArray, FloatArray, tuple[tuple[str, str], ...]]:
    table = sampled(PatternTable.of(votes_to_fit(votes, None, None)), MAX_ROWS)
    found, scores = search_with_scores(table)
    out = []
    for values in (np.clip(scores.strength, -1.0, 1.0), scores.statistic):
        matrix = np.full((votes.n_lfs, votes.n_lfs), np.nan)
        matrix[scores.first, scores.second] = matrix[scores.second, scores.first] = values
        out.append(matrix)
    return out[0], out[1], found.names
