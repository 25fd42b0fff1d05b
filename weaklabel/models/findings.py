"""Whether votes determine what a model on tables learns from them, and what to add if not.

With three LFs that are informative, independent given the class and vote on the same rows, their
tables are determined (up to the names of the classes); with fewer they are not, whatever the number
of rows. From that follow the findings of :func:`findings`:

==================  ===============================================================================
too_few_lfs         fewer than three voters cast votes
few_per_class       fewer than three voters ever name a class
few_overlaps        voters without two others that vote on rows together with them and each other
disconnected        voters fall into blocks that share no row: which class of one block is which of
                    another is decided by the prior alone
one_sided           most votes are from LFs that only ever name one class: given that such an LF
                    votes, its vote is certain whatever the class, and says nothing
==================  ===============================================================================

A clique of dependent LFs is one voter.

References
----------
Liu, Cheng and Zhang, "Identifiability of Label Noise Transition Matrix", 2023, theorem 1.
Kruskal, "Three-way arrays: rank and uniqueness of trilinear decompositions", 1977.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from weaklabel.errors import IdentifiabilityWarning
from weaklabel.inference.layout import REASON
from weaklabel.inference.rows import IntArray
from weaklabel.models.checks import MAX_NAMED, Votes, votes_to_fit
from weaklabel.models.statistics import PatternTable, summed

ENOUGH = 3
ONE_SIDED_SHARE = 0.5
FEW_OVERLAPS_SHARE = 0.1
MIN_VOTES = 20.0
N_SAMPLE = 10_000


@dataclass(frozen=True)
class Finding:
    """Something the votes do not determine.

    Attributes
    ----------
    name : str
        As in :mod:`weaklabel.models.findings`.
    message : str
        What was found, what follows, and what to add.
    names : tuple of str
        The LFs or classes it is about; empty if about all.
    """

    name: str
    message: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def identifiability(votes: Votes, *, silence: bool = False) -> list[Finding]:
    """What these votes leave undetermined, and what to add.

    Parameters
    ----------
    votes : VoteMatrix, or array of int, shape (n_items, n_lfs)
    silence : bool, default False
        Whether an LF's silence is taken as evidence (``abstain="informative"``). Then one-sided LFs
        do say something, and blocks are connected.

    Returns
    -------
    list of Finding
        Empty if nothing was found. That is no proof: informative LFs and independence given the
        class cannot be seen in counts.

    Examples
    --------
    >>> found = identifiability([[0, 0, -1, -1], [-1, -1, 1, 1], [1, 0, -1, -1], [-1, -1, 0, 1]])
    >>> [f.name for f in found]
    ['few_overlaps', 'disconnected']
    """
    return findings(PatternTable.of(votes_to_fit(votes, None, None)), silence)


def findings(table: PatternTable, silence: bool = False) -> list[Finding]:
    """:func:`identifiability` on distinct rows.

    Notes
    -----
    O(n_votes) at worst; where all is well a sample of the rows mostly shows it.
    """
    seen = _Seen(table)
    if len(seen.layout.lfs) < ENOUGH:
        return [too_few(len(seen.layout.lfs))]
    checks = [_few_per_class(seen)]
    if not silence:
        checks += [_few_overlaps(seen), _disconnected(seen), _one_sided(seen)]
    return [found for found in checks if found is not None]


class _Seen:
    """Votes, what LFs use which symbols, and a sample that may show that all is well."""

    def __init__(self, table: PatternTable) -> None:
        self.table = table
        self.layout, _ = table.layout()
        self.active = np.zeros(table.n_lfs, dtype=bool)
        self.active[self.layout.lfs] = True
        self.indptr = table.indptr
        self.sample = np.arange(0, table.n_patterns, max(table.n_patterns // N_SAMPLE, 1))

    def votes(self, rows: IntArray | None = None) -> Any:
        """Sparse (n_rows, n_lfs) of ones: all rows or some."""
        import scipy.sparse as sp

        indptr, lf_index = self.indptr, self.table.lf_index
        if rows is not None:  # of the votes of all rows, not even a copy: they may be many
            lengths = np.diff(indptr)[rows]
            ends = np.cumsum(lengths, dtype=np.int64)
            take = np.arange(lengths.sum()) + np.repeat(indptr[rows] - (ends - lengths), lengths)
            indptr, lf_index = np.concatenate([[0], ends]), lf_index[take]
        ones = np.ones(len(lf_index), dtype=np.float32)
        shape = (len(indptr) - 1, self.table.n_lfs)
        return sp.csr_array((ones, lf_index.astype(np.int64), indptr), shape=shape)

    def cast_more_than(self, lfs: IntArray, share: float) -> bool:
        """Whether some LFs cast more than a share of the votes."""
        if not lfs.any():
            return False
        weight = self.table.lf_weight
        return bool(weight[lfs].sum() > share * weight.sum())

    def names(self, lfs: IntArray) -> tuple[str, ...]:
        """Names of the LFs that a mask selects."""
        return tuple(self.table.lf_names[j] for j in np.flatnonzero(lfs))


def warn(found: list[Finding], stacklevel: int) -> None:
    """One IdentifiabilityWarning per finding."""
    for finding in found:
        warnings.warn(str(finding), IdentifiabilityWarning, stacklevel=stacklevel + 1)


def too_few(n_voting: int) -> Finding:
    """What is said of one voter or two."""
    return Finding(
        "too_few_lfs",
        f"{'1 LF casts' if n_voting == 1 else f'{n_voting} LFs cast'} votes: with fewer than three "
        "that overlap, agreement does not determine accuracies and the prior decides; add LFs, or "
        "give gold",
    )


def _few_per_class(seen: _Seen) -> Finding | None:
    table, layout, symbols = seen.table, seen.layout, seen.table.symbols
    spoken = (symbols.membership >= 1.0) & (symbols.kind != REASON)[:, None]
    names = np.zeros((table.n_lfs, table.n_classes), dtype=bool)
    for c in range(table.n_classes):
        names[layout.row_lf[spoken[layout.row_symbol, c]], c] = True
    n_lfs = names.sum(axis=0)
    few = np.flatnonzero((n_lfs > 0) & (n_lfs < ENOUGH))
    if len(few):
        cast = summed(table.symbol, np.repeat(table.pattern_weight, np.diff(table.indptr)))
        cast = cast @ spoken[: len(cast), few]
        few = few[cast >= MIN_VOTES]
    if not len(few) or (n_lfs > 0).sum() < 2:  # one class only: there is a warning of its own
        return None
    classes = tuple(table.alphabet.labels.names[c] for c in few)
    counted = [f"{c!r} ({n_lfs[k]})" for c, k in zip(classes, few, strict=True)]
    return Finding(
        "few_per_class",
        f"fewer than three LFs name {'the class' if len(few) == 1 else 'each of the classes'} "
        f"{', '.join(counted[:MAX_NAMED])}{_more(len(few))}: how often they are right there is not "
        "determined by agreement; add LFs that vote for it, or give gold rows of it",
        classes,
    )


def _few_overlaps(seen: _Seen) -> Finding | None:
    """LFs in no row with three votes and in no triangle of rows with two."""
    import scipy.sparse as sp

    lengths = np.diff(seen.indptr)
    for rows in (seen.sample, None):  # a sample first: it mostly shows that all is well
        votes = seen.votes(rows)
        full = (lengths if rows is None else lengths[rows]) >= ENOUGH
        alone = seen.active & (np.asarray(votes[full].sum(axis=0)).ravel() == 0)
        if not alone.any():
            return None
    if not seen.cast_more_than(alone, FEW_OVERLAPS_SHARE):
        return None
    together = sp.csr_array((votes.T @ votes) > 0).astype(np.float64)
    together.setdiag(0.0)
    together.eliminate_zeros()
    triangles = (together @ together).multiply(together)
    alone &= np.asarray(triangles.sum(axis=1)).ravel() == 0
    if not seen.cast_more_than(alone, FEW_OVERLAPS_SHARE):
        return None
    names = seen.names(alone)
    return Finding(
        "few_overlaps",
        f"{_listed(names)} vote{'s' if len(names) == 1 else ''} together with fewer than two LFs "
        "that vote together themselves: their accuracies rest on the prior; add LFs that vote on "
        "the same rows, or let more LFs vote on each row",
        names,
    )


def _disconnected(seen: _Seen) -> Finding | None:
    import scipy.sparse as sp
    from scipy.sparse.csgraph import connected_components

    for rows in (seen.sample, None):
        votes = seen.votes(rows)
        graph = sp.block_array([[None, votes.T], [votes, None]], format="csr")
        block = connected_components(graph, directed=False)[1][: seen.table.n_lfs]
        blocks, sizes = np.unique(block[seen.active], return_counts=True)
        if len(blocks) == 1:
            return None
    apart = seen.names(seen.active & (block == blocks[np.argmin(sizes)]))
    return Finding(
        "disconnected",
        f"the LFs fall into {len(blocks)} blocks that vote on no row in common, one of them "
        f"{_listed(apart)}: blocks learn nothing from each other; add LFs that vote on rows of "
        "several blocks, or fit the blocks on their own",
        apart,
    )


def _one_sided(seen: _Seen) -> Finding | None:
    table, layout = seen.table, seen.layout
    one_sided = np.bincount(layout.row_lf, minlength=table.n_lfs) == 1
    if len(np.unique(layout.row_symbol)) < 2 or not seen.cast_more_than(one_sided, ONE_SIDED_SHARE):
        return None
    names = seen.names(one_sided)
    share = table.lf_weight[one_sided].sum() / table.lf_weight.sum()
    return Finding(
        "one_sided",
        f"{share:.0%} of the votes are from {len(names)} LFs that only ever name one class, such "
        f"as {names[0]!r}: given that such an LF votes, its vote is certain whatever the class, "
        "and the model learns nothing from it; use LabelModel(), or abstain='informative', or add "
        "LFs that vote for several classes",
        names,
    )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(repr, names[:MAX_NAMED])) + _more(len(names))


def _more(n: int) -> str:
    return f" and {n - MAX_NAMED} more" if n > MAX_NAMED else ""


__all__ = ["Finding", "findings", "identifiability", "too_few", "warn"]
