"""Vote rows, each distinct one once where rows repeat often enough for that to pay."""

from __future__ import annotations

import numpy as np

from weaklabel.inference.pairs import index_pairs
from weaklabel.inference.rows import VoteRows
from weaklabel.votes import VoteMatrix
from weaklabel.votes.patterns import VotePatterns

COMPILED_FROM = 50_000
"""Items from which rows are grouped in compiled code, and only where a sample says it pays."""


def distinct_rows(votes: VoteMatrix) -> VotePatterns:
    """The distinct rows of a vote matrix, or its rows as they are if few of them repeat.

    Either way they stand for the same items: the fit is the same, to rounding.

    Notes
    -----
    O(n_votes + n_items log n_items). Rows kept as they are share the memory of the votes.
    """
    if votes.n_items < COMPILED_FROM:
        return votes.patterns()
    from weaklabel.inference.collapse import N_SAMPLE, group_rows, worth_collapsing

    sample = votes[:: max(votes.n_items // N_SAMPLE, 1)]
    if not worth_collapsing(_rows(sample), votes.n_items):
        each = np.arange(votes.n_items, dtype=votes.indptr.dtype)
        ones = np.broadcast_to(np.ones(1), votes.n_items)  # takes no memory
        return VotePatterns(votes.indptr, votes.lf_index, votes.symbol, ones, each)
    groups = group_rows(_rows(votes))
    distinct = votes[groups.representative]
    return VotePatterns(
        distinct.indptr, distinct.lf_index, distinct.symbol, groups.size, groups.inverse
    )


def _rows(votes: VoteMatrix) -> VoteRows:
    n_symbols = len(votes.alphabet)
    pairs, table_row = index_pairs(votes.lf_index, votes.symbol, votes.n_lfs, n_symbols)
    return VoteRows(votes.indptr, table_row, None, len(pairs), votes.n_classes, pairs // n_symbols)
