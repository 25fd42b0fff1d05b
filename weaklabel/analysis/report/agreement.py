"""How often pairs of labeling functions agree, in an order that puts the alike side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.votes import VoteMatrix

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_LFS: Final = 200
MIN_BOTH: Final = 5  # pairs with fewer rows in common are not ranked
LISTED: Final = 6


@dataclass(frozen=True, eq=False)
class Agreement:
    """Pairs of labeling functions.

    Attributes
    ----------
    order : array of int, shape (n,)
        The labeling functions shown, alike ones next to each other.
    both, agree : array of int, shape (n, n)
        Rows on which both vote, and on which they share a class; in that order.
    n_left_out : int
        Labeling functions with the fewest votes that are not shown.
    """

    order: IntArray
    both: IntArray
    agree: IntArray
    n_left_out: int

    def to_json(self) -> dict[str, Any]:
        """The upper triangle, row by row, as the page draws it."""
        upper = np.triu_indices(len(self.order), 1)
        return {
            "order": self.order.tolist(),
            "both": self.both[upper].tolist(),
            "agree": self.agree[upper].tolist(),
        }

    def extremes(self, highest: bool) -> list[tuple[int, int, int, int]]:
        """Pairs that agree most (or least): positions of the two, rows both vote on, agreed."""
        a, b = np.triu_indices(len(self.order), 1)
        both, agree = self.both[a, b], self.agree[a, b]
        enough = np.flatnonzero(both >= MIN_BOTH)
        # Shrunk by one row of each kind, so that 5 of 5 does not rank before 999 of 1,000.
        share = (agree[enough] + 1.0) / (both[enough] + 2.0)
        best = enough[np.argsort(-share if highest else share, kind="stable")[:LISTED]]
        return [
            (int(self.order[a[i]]), int(self.order[b[i]]), int(both[i]), int(agree[i]))
            for i in best
        ]


def pair_agreement(votes: VoteMatrix) -> Agreement:
    """Count for each pair of labeling functions how often both vote and how often they agree.

    Two votes agree if they have a class in common; abstentions with a reason are no votes here.

    Notes
    -----
    O(sum of squared votes per row), by sparse products. At most 200 labeling functions, those with
    the most votes.
    """
    matrix = votes
    kept = np.arange(votes.n_lfs)
    if votes.n_lfs > MAX_LFS:
        n_votes = np.bincount(votes.lf_index, minlength=votes.n_lfs)
        kept = np.sort(np.argsort(-n_votes, kind="stable")[:MAX_LFS])
        matrix = votes.select_lfs(kept.tolist())
    both, agree = _counts(matrix)
    order = _order(both, agree)
    grid = np.ix_(order, order)
    return Agreement(kept[order], both[grid], agree[grid], votes.n_lfs - len(kept))


def _counts(votes: VoteMatrix) -> tuple[IntArray, IntArray]:
    import scipy.sparse as sp

    n_symbols = len(votes.alphabet)
    allowed = np.zeros((n_symbols, votes.n_classes), dtype=bool)
    for code in range(n_symbols):
        symbol = votes.alphabet.symbol(code)
        allowed[code, list(symbol.classes)] = symbol.kind != "reason"
    items = votes.item_index()

    def votes_of(symbols: npt.NDArray[np.bool_]) -> Any:
        mine = symbols[votes.symbol]
        ones = np.ones(int(mine.sum()), dtype=np.int32)
        return sp.csr_array((ones, (items[mine], votes.lf_index[mine])), shape=votes.shape)

    spoken = votes_of(np.asarray(allowed.any(axis=1)))
    both = (spoken.T @ spoken).toarray().astype(np.int64)
    agree = np.zeros_like(both)
    for code in np.unique(votes.symbol).tolist():
        shares = np.asarray((allowed & allowed[code]).any(axis=1))
        own = votes_of(np.asarray(np.arange(n_symbols) == code))
        agree += (own.T @ votes_of(shares)).toarray()
    return both, agree


def _order(both: IntArray, agree: IntArray) -> IntArray:
    """Leaves of a tree that joins the alike first (average linkage)."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(both) < 3:
        return np.arange(len(both))
    own = np.maximum(np.diagonal(both), 1)
    # From -1 (the same rows, always against each other) to 1 (the same votes).
    alike = (2.0 * agree - both) / np.sqrt(np.outer(own, own))
    distance = np.maximum(1.0 - 0.5 * (alike + alike.T), 0.0).round(9)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), method="average")
    return np.asarray(leaves_list(tree), dtype=np.int64)
