"""Which labeling functions agree beyond what the class explains.

Under conditional independence the votes of two LFs j and k on a row are independent given its
class. With one-hot votes x_j and tables theta_j(a | y), the residual agreement

    u_i = sum_y q_i(y) sum_a w_a(y) (x_ja - theta_j(a | y)) (x_ka - theta_k(a | y)),
    w_a = 1 / sqrt(theta_j(a | y) theta_k(a | y)),

summed over the rows on which both vote, has expectation 0. Its complete-data form is the score of
"with a small probability k repeats j" at probability 0, and so by Fisher's identity u_i, its mean
under the posterior q of *all* votes, is the score in the observed data: no vote has to be left out
of q, as long as q and theta are the maximum likelihood fit of the independent model. The sum over
sqrt(sum_i u_i^2) is compared with the normal distribution, one-sided: LFs that agree more than
they should. (The residuals are already orthogonal to the tables if classes are known, and measured
on independent votes the statistic has standard deviation 0.97 to 1.06 when they are not.) Over all
pairs the false discovery rate is controlled by Benjamini and Hochberg's procedure.

LFs that only ever say one thing have no residuals where they speak. They are tested by how often
they speak together (:func:`residual_firing`): the number of rows on which both do against a Poisson
variable whose mean is what independence given the class predicts.

References
----------
Rao, "Large sample tests of statistical hypotheses concerning several parameters", 1948.
Louis, "Finding the observed information matrix when using the EM algorithm", 1982 (the identity).
Benjamini and Hochberg, "Controlling the false discovery rate", 1995.
Kish, "Survey Sampling", 1965 (effective sample size).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from weaklabel.inference.rows import FloatArray, IntArray

TABLE_FLOOR = 0.02
"""Agreement on a symbol rarer than this weighs no more than at this probability."""
PSEUDO_COUNT = 0.5
CHUNK_CELLS = 1 << 21


@dataclass(frozen=True, eq=False)
class PairScores:
    """The test of each pair of LFs.

    Attributes
    ----------
    first, second : array of int64, shape (n_pairs,)
        LFs, ``first < second``.
    n_rows : array, shape (n_pairs,)
        Weight of the rows on which both vote.
    strength : array, shape (n_pairs,)
        Residual correlation of the votes given the class: 0 for independent LFs, 1 for copies.
    statistic : array, shape (n_pairs,)
        Standard normal for independent LFs.
    """

    first: IntArray
    second: IntArray
    n_rows: FloatArray
    strength: FloatArray
    statistic: FloatArray

    def of(self, chosen: IntArray) -> PairScores:
        """Some of the pairs."""
        return PairScores(
            self.first[chosen],
            self.second[chosen],
            self.n_rows[chosen],
            self.strength[chosen],
            self.statistic[chosen],
        )

    def joined(self, other: PairScores) -> PairScores:
        """The pairs of both."""
        return PairScores(
            np.concatenate([self.first, other.first]),
            np.concatenate([self.second, other.second]),
            np.concatenate([self.n_rows, other.n_rows]),
            np.concatenate([self.strength, other.strength]),
            np.concatenate([self.statistic, other.statistic]),
        )

    @property
    def p_value(self) -> FloatArray:
        """Probability of so much agreement or more among independent LFs."""
        from scipy.special import ndtr

        return np.asarray(ndtr(-self.statistic))


@dataclass(frozen=True, eq=False)
class Cast:
    """Votes as the test reads them.

    Attributes
    ----------
    indptr, lf, symbol : array of int
        Compressed rows.
    weight : array, shape (n_patterns,)
    posterior : array, shape (n_patterns, n_classes)
    n_lfs, n_symbols : int
    """

    indptr: IntArray
    lf: IntArray
    symbol: IntArray
    weight: FloatArray
    posterior: FloatArray
    n_lfs: int
    n_symbols: int


def co_voting(cast: Cast, min_rows: float) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs of LFs in order, and the weight of the rows on which both vote, if it is enough."""
    import scipy.sparse as sp

    each = np.repeat(np.sqrt(cast.weight), np.diff(cast.indptr))
    votes = sp.csr_array(
        (each, cast.lf.astype(np.int64), cast.indptr), shape=(len(cast.weight), cast.n_lfs)
    )
    together: Any = sp.triu(votes.T @ votes, k=1).tocoo()
    first, second = together.row.astype(np.int64), together.col.astype(np.int64)
    often = np.flatnonzero(together.data >= min_rows * (1.0 - 1e-12))  # squared roots
    order = often[np.lexsort((second[often], first[often]))]
    return first[order], second[order], np.asarray(together.data[order], dtype=np.float64)


def residual_agreement(cast: Cast, min_rows: float = 20.0) -> PairScores:
    """Test every pair of LFs that vote together often enough.

    Parameters
    ----------
    cast : Cast
    min_rows : float, default 20
        Least weight of the rows on which both vote.

    Notes
    -----
    O(sum over patterns of squared votes * n_classes), in chunks.
    """
    first, second, n_rows = co_voting(cast, min_rows)
    if not len(first):
        return PairScores(first, second, n_rows, np.zeros(0), np.zeros(0))
    tables = _Tables.of(cast)
    scores, spread = tables.scores(first, second)
    n_pairs, n_classes = len(first), cast.posterior.shape[1]
    number = _Number(first * cast.n_lfs + second, cast.n_lfs**2)
    total, squares = np.zeros(n_pairs), np.zeros(n_pairs)
    by_class = np.zeros((n_pairs, n_classes))
    for pattern, a, b in _pairs_of_votes(cast, CHUNK_CELLS // n_classes):
        pair = number.of(cast.lf[a] * cast.n_lfs + cast.lf[b])
        known = pair >= 0
        if not known.all():
            pattern, a, b, pair = pattern[known], a[known], b[known], pair[known]
        q, w = cast.posterior[pattern], cast.weight[pattern]
        u = np.einsum("ey,ey->e", q, scores(pair, cast.symbol[a], cast.symbol[b]))
        total += np.bincount(pair, w * u, n_pairs)
        squares += np.bincount(pair, w * u * u, n_pairs)
        for y in range(n_classes):
            by_class[:, y] += np.bincount(pair, w * q[:, y], n_pairs)
    scale = np.einsum("py,py->p", by_class, spread)
    strength = total / np.maximum(scale, 1e-12)
    statistic = total / np.sqrt(np.maximum(squares, 1e-12))
    return PairScores(first, second, n_rows, strength, statistic)


def residual_firing(cast: Cast, min_rows: float = 20.0) -> PairScores:
    """Test every pair of LFs that speak together often enough by how often they do.

    Under independence given the class, ``E = sum_y N_y t_j(y) t_k(y)`` rows are expected, with
    t_j(y) the share of the N_y rows of class y on which j votes. The Poisson tail at what is found
    is at least the binomial one, so that the test errs on the side of independence.

    Parameters
    ----------
    cast : Cast
    min_rows : float, default 20
        Least weight of the rows on which both vote.

    Notes
    -----
    O(sum over patterns of squared votes + n_votes * n_classes).
    """
    from scipy.special import gammainc, ndtri

    first, second, found = co_voting(cast, min_rows)
    mass = cast.weight[:, None] * cast.posterior
    of_class = np.maximum(mass.sum(axis=0), 1e-12)
    per_vote = np.repeat(mass, np.diff(cast.indptr), axis=0)
    fired = np.stack([np.bincount(cast.lf, m, cast.n_lfs) for m in per_vote.T], axis=1)
    expected = (fired[first] * fired[second] / of_class).sum(axis=1)
    total = fired.sum(axis=1)
    most = np.minimum(total[first], total[second])
    strength = (found - expected) / np.maximum(most - expected, 1e-12)
    p_value = np.clip(gammainc(found, np.maximum(expected, 1e-12)), 1e-300, 1.0 - 1e-16)
    return PairScores(first, second, found, strength, -ndtri(p_value))


def likeness(cast: Cast) -> tuple[IntArray, IntArray, FloatArray]:
    """How nearly two LFs are copies, whatever the class: pairs and their likeness, best first.

    The Jaccard index of their votes (rows on which both cast the same vote, over rows on which
    either votes), corrected for what two LFs with these rates agree on by chance.

    Returns
    -------
    first, second : array of int64, shape (n_pairs,)
    likeness : array, shape (n_pairs,)
        At most 1, which is an exact copy.
    """
    import scipy.sparse as sp

    n = len(cast.weight)
    key = cast.lf.astype(np.int64) * cast.n_symbols + cast.symbol
    each = np.repeat(np.sqrt(cast.weight), np.diff(cast.indptr))
    votes = sp.csr_array((each, key, cast.indptr), shape=(n, cast.n_lfs * cast.n_symbols))
    total = cast.weight.sum()
    rate = np.bincount(key, each**2, cast.n_lfs * cast.n_symbols) / total
    by_lf = rate.reshape(cast.n_lfs, cast.n_symbols)
    same = sp.coo_array((votes.T @ votes).tocoo())
    lf_a, lf_b = same.row // cast.n_symbols, same.col // cast.n_symbols
    keep = (lf_a < lf_b) & (same.row % cast.n_symbols == same.col % cast.n_symbols)
    pair, at = np.unique(lf_a[keep].astype(np.int64) * cast.n_lfs + lf_b[keep], return_inverse=True)
    agree = np.bincount(at, same.data[keep], len(pair)) / total
    first, second = np.divmod(pair, cast.n_lfs)
    either = by_lf.sum(axis=1)[first] + by_lf.sum(axis=1)[second]
    chance = (by_lf[first] * by_lf[second]).sum(axis=1)
    jaccard, by_chance = agree / (either - agree), chance / (either - chance)
    found = (jaccard - by_chance) / np.maximum(1.0 - by_chance, 1e-12)
    order = np.argsort(-found, kind="stable")
    return first[order], second[order], found[order]


def effective_votes(correlation: FloatArray) -> float:
    """How many independent votes correlated ones are worth: m^2 / (sum of correlations).

    Parameters
    ----------
    correlation : array, shape (m, m)
        Entries in [0, 1], 1 on the diagonal.

    Returns
    -------
    float
        In [1, m]: m for independent votes, 1 for copies.
    """
    m = len(correlation)
    return float(m * m / correlation.sum())


class _Tables:
    """theta[r, y] of each (LF, symbol) that occurs, and where to find it."""

    def __init__(self, row: IntArray, theta: FloatArray, n_symbols: int) -> None:
        self.row, self.theta, self.n_symbols = row, theta, n_symbols
        self.padded = np.vstack([theta, np.zeros((1, theta.shape[1]))])  # last: never voted

    @classmethod
    def of(cls, cast: Cast) -> _Tables:
        key = cast.lf.astype(np.int64) * cast.n_symbols + cast.symbol
        row, at = np.unique(key, return_inverse=True)
        mass = np.repeat(cast.weight[:, None] * cast.posterior, np.diff(cast.indptr), axis=0)
        counts = np.stack(
            [np.bincount(at, mass[:, y], len(row)) for y in range(mass.shape[1])], axis=1
        )
        counts += PSEUDO_COUNT * counts.sum(axis=1, keepdims=True) / max(counts.sum(), 1e-12)
        lf = row // cast.n_symbols
        starts = np.flatnonzero(np.r_[True, lf[1:] != lf[:-1]])
        per_lf = np.add.reduceat(counts, starts, axis=0)
        sizes = np.diff(np.r_[starts, len(row)])
        return cls(row, counts / np.repeat(per_lf, sizes, axis=0), cast.n_symbols)

    def find(self, lf: IntArray, symbol: IntArray) -> IntArray:
        """Row of (LF, symbol); the row of zeros where the LF never votes the symbol."""
        key = lf.astype(np.int64) * self.n_symbols + symbol
        at = np.minimum(np.searchsorted(self.row, key), len(self.row) - 1)
        return np.where(self.row[at] == key, at, len(self.row))

    def moments(self, first: IntArray, second: IntArray) -> tuple[FloatArray, FloatArray]:
        """Expected weighted agreement, and its size for copies, given the class."""
        expected = np.zeros((len(first), self.theta.shape[1]))
        one, two = np.zeros_like(expected), np.zeros_like(expected)
        for symbol in np.unique(self.row % self.n_symbols):
            p = self.padded[self.find(first, np.broadcast_to(symbol, first.shape))]
            r = self.padded[self.find(second, np.broadcast_to(symbol, second.shape))]
            w = _weight(p, r)
            expected += w * p * r
            one += w * p * (1.0 - p)
            two += w * r * (1.0 - r)
        return expected, np.sqrt(one * two)

    def scores(
        self, first: IntArray, second: IntArray
    ) -> tuple[Callable[[IntArray, IntArray, IntArray], FloatArray], FloatArray]:
        """The residual agreement of a pair with two symbols in each class, and its size for copies.

        It depends on pair and symbols alone, so it is tabulated where that table is not large.
        """
        expected, spread = self.moments(first, second)
        n = self.n_symbols

        def compute(pair: IntArray, s_a: IntArray, s_b: IntArray) -> FloatArray:
            return self._residual(first[pair], second[pair], s_a, s_b) + expected[pair]

        if expected.size * n * n > CHUNK_CELLS:
            return compute, spread
        pair, s_a, s_b = np.indices((len(first), n, n)).reshape(3, -1)
        table = compute(pair, s_a, s_b)

        def look_up(pair: IntArray, s_a: IntArray, s_b: IntArray) -> FloatArray:
            return np.asarray(table[(pair * n + s_a) * n + s_b])

        return look_up, spread

    def _residual(self, j: IntArray, k: IntArray, s_a: IntArray, s_b: IntArray) -> FloatArray:
        """sum_a w_a (x_a - theta_a)(x'_a - theta'_a), less its constant; shape (n, n_classes)."""
        own_a, cross_a = self.padded[self.find(j, s_a)], self.padded[self.find(k, s_a)]
        own_b, cross_b = self.padded[self.find(k, s_b)], self.padded[self.find(j, s_b)]
        w_a, w_b = _weight(own_a, cross_a), _weight(own_b, cross_b)
        agree = (s_a == s_b)[:, None]
        return np.asarray(agree * w_a - w_a * cross_a - w_b * cross_b)


class _Number:
    """The position of each key among known ones, -1 for others."""

    def __init__(self, known: IntArray, n_possible: int) -> None:
        self.known = known
        self.table: IntArray | None = None
        if n_possible <= CHUNK_CELLS:
            self.table = np.full(n_possible, -1, dtype=np.int64)
            self.table[known] = np.arange(len(known))

    def of(self, keys: IntArray) -> IntArray:
        if self.table is not None:
            return self.table[keys]
        at = np.minimum(np.searchsorted(self.known, keys), len(self.known) - 1)
        return np.where(self.known[at] == keys, at, -1)


def _weight(p: FloatArray, r: FloatArray) -> FloatArray:
    both = np.maximum(p, TABLE_FLOOR) * np.maximum(r, TABLE_FLOOR)
    return np.asarray(1.0 / np.sqrt(both))


def _pairs_of_votes(cast: Cast, chunk: int) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Pattern and the two positions of every pair of votes on one row, in chunks."""
    lengths = np.diff(cast.indptr).astype(np.int64)
    for size in np.unique(lengths[lengths > 1]).tolist():
        left, right = np.triu_indices(size, k=1)
        patterns = np.flatnonzero(lengths == size)
        step = max(chunk // len(left), 1)
        for start in range(0, len(patterns), step):
            part = patterns[start : start + step]
            base = cast.indptr[part].astype(np.int64)[:, None]
            yield (
                np.repeat(part, len(left)),
                (base + left).ravel(),
                (base + right).ravel(),
            )


def benjamini_hochberg(p_value: FloatArray, level: float, n_tests: int | None = None) -> Any:
    """Which hypotheses are rejected at a false discovery rate.

    Parameters
    ----------
    p_value : array, shape (n,)
    level : float
        In (0, 1).
    n_tests : int, optional
        Tests made in all, if more than ``n``.

    Returns
    -------
    array of bool, shape (n,)
    """
    n = len(p_value)
    order = np.argsort(p_value, kind="stable")
    below = p_value[order] <= level * np.arange(1, n + 1) / max(n_tests or n, 1)
    rejected = np.zeros(n, dtype=bool)
    if below.any():
        rejected[order[: int(np.flatnonzero(below)[-1]) + 1]] = True
    return rejected
