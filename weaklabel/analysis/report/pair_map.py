"""Pairs of labeling functions in an order that puts the alike side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.pairs import MIN_ROWS, LFPairs, lf_pairs
from weaklabel.errors import FitError
from weaklabel.votes import VoteMatrix

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_LFS: Final = 200
LISTED: Final = 6


@dataclass(frozen=True, eq=False)
class PairMap:
    """The map of the labeling functions with the most votes, 200 at most.

    Attributes
    ----------
    pairs : LFPairs
        Of those shown.
    shown : array of int, shape (n,)
        Their positions among all.
    order : array of int, shape (n,)
        The order of the map, as positions among those shown.
    n_left_out : int
    """

    pairs: LFPairs
    shown: IntArray
    order: IntArray
    n_left_out: int

    def to_json(self) -> dict[str, Any]:
        """Upper triangles in the order of the map, row by row, as the page draws them."""
        first, second = np.triu_indices(len(self.order), 1)
        at = (self.order[first], self.order[second])
        both = self.pairs.both[at]
        found: dict[str, Any] = {
            "order": self.shown[self.order].tolist(),
            "votes": np.diagonal(self.pairs.both)[self.order].tolist(),
            "both": both.tolist(),
            "agree": (both - self.pairs.against[at]).tolist(),
        }
        if self.pairs.dependence is not None:
            values = self.pairs.dependence[at]
            found["dependence"] = [None if np.isnan(v) else round(v, 3) for v in values.tolist()]
        return found

    def most_alike(self) -> list[tuple[str, str]]:
        """Pairs that agree most, of those that meet on 20 rows or more and never quite the same."""
        first, second = np.triu_indices(len(self.shown), 1)
        both = self.pairs.both[first, second]
        often = np.flatnonzero(both >= MIN_ROWS)
        agree = both[often] - self.pairs.against[first, second][often]
        # Shrunk by a row of each kind, so that 20 of 20 does not rank before 999 of 1,000.
        share = (agree + 1.0) / (both[often] + 2.0)
        best = often[np.argsort(-share, kind="stable")[:LISTED]]
        names = self.pairs.lf_names
        return [(names[first[i]], names[second[i]]) for i in best.tolist()]


def pair_map(votes: VoteMatrix) -> PairMap:
    """Compare labeling functions two by two and order them.

    Notes
    -----
    The cost of :func:`~weaklabel.analysis.lf_pairs` with dependence, where it can be measured.
    """
    n_lfs = votes.n_lfs
    kept = np.arange(n_lfs)
    if n_lfs > MAX_LFS:
        n_votes = np.bincount(votes.lf_index, minlength=n_lfs)
        kept = np.sort(np.argsort(-n_votes, kind="stable")[:MAX_LFS])
        votes = votes.select_lfs(kept.tolist())
    try:
        pairs = lf_pairs(votes, dependence=True)
    except FitError:  # fewer than three vote: there is no dependence to speak of
        pairs = lf_pairs(votes)
    return PairMap(pairs, kept, _order(pairs), n_lfs - len(kept))


def _order(pairs: LFPairs) -> IntArray:
    """Leaves of a tree that joins the alike first (average linkage)."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    both, agree = pairs.both, pairs.both - pairs.against
    if len(both) < 3:
        return np.arange(len(both))
    own = np.maximum(np.diagonal(both), 1)
    # From -1 (the same rows, always against each other) to 1 (the same votes).
    alike = (2.0 * agree - both) / np.sqrt(np.outer(own, own))
    distance = np.maximum(1.0 - alike, 0.0).round(9)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), method="average")
    return np.asarray(leaves_list(tree), dtype=np.int64)
