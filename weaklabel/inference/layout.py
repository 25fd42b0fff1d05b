"""Which rows the tables have: one per observed pair (labeling function, symbol).

A label model is one table P(symbol | class) per labeling function. Only pairs that occur get a row,
so 1,800 LFs over 1,500 classes cost what they use and not 1,800 x 1,500 x 1,500. What is known of a
symbol before any vote is seen is its *affinity*: its literal reading as a distribution over classes
(one-hot for a class, uniform over a set, ...). :func:`readings` turns it into the two distributions
every parametrisation is made of: how an LF that is right speaks, and how one that is wrong does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from weaklabel.inference.pairs import index_pairs
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows

CLASS, SET, BIN, REASON = 0, 1, 2, 3
"""Kinds of symbols, as in ``kind``."""


@dataclass(frozen=True, eq=False)
class Symbols:
    """The vote alphabet as arrays.

    Attributes
    ----------
    affinity : array, shape (n_symbols, n_classes)
        Literal reading of each symbol; rows sum to 1. Symbols ``0 .. n_classes-1`` are the classes.
    kind : array of int, shape (n_symbols,)
        CLASS, SET, BIN or REASON.
    """

    affinity: FloatArray
    kind: IntArray

    @property
    def n_symbols(self) -> int:
        """Size of the alphabet."""
        return len(self.kind)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.affinity.shape[1])

    @cached_property
    def is_plain(self) -> bool:
        """True if the only symbols are the classes."""
        return self.n_symbols == self.n_classes

    @cached_property
    def membership(self) -> FloatArray:
        """Affinity scaled to a largest entry of 1: 1 where the symbol is literally right."""
        return np.asarray(self.affinity / self.affinity.max(axis=1, keepdims=True))

    @staticmethod
    def plain(n_classes: int) -> Symbols:
        """The alphabet of plain votes: the classes and nothing else."""
        return Symbols(np.eye(n_classes), np.full(n_classes, CLASS))


@dataclass(frozen=True, eq=False)
class TableLayout:
    """The rows of the stack of tables.

    Attributes
    ----------
    row_lf, row_symbol : array of int64, shape (n_rows,)
        LF and symbol of each row, ascending by (LF, symbol).
    n_lfs : int
        Labeling functions in all, those without votes included.
    symbols : Symbols
    """

    row_lf: IntArray
    row_symbol: IntArray
    n_lfs: int
    symbols: Symbols

    @property
    def n_rows(self) -> int:
        """Number of table rows."""
        return len(self.row_lf)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.symbols.n_classes

    @cached_property
    def lfs(self) -> IntArray:
        """The LFs that have rows, ascending, shape (n_active,)."""
        return self.row_lf[self.starts]

    @cached_property
    def starts(self) -> IntArray:
        """First row of each LF that has rows, shape (n_active,)."""
        new = np.ones(self.n_rows, dtype=bool)
        new[1:] = self.row_lf[1:] != self.row_lf[:-1]
        return np.flatnonzero(new)

    @cached_property
    def segment(self) -> IntArray:
        """Position in ``lfs`` of each row's LF, shape (n_rows,)."""
        out = np.zeros(self.n_rows, dtype=np.int64)
        out[self.starts[1:]] = 1
        return np.asarray(np.cumsum(out))

    def per_lf(self, values: FloatArray) -> FloatArray:
        """Sums over the rows of each LF: shape (n_rows, ...) -> (n_active, ...)."""
        if self.n_rows == 0:
            return np.zeros((0, *values.shape[1:]))
        return np.asarray(np.add.reduceat(values, self.starts, axis=0))

    @staticmethod
    def of_votes(
        lf_index: IntArray, symbol: IntArray, n_lfs: int, symbols: Symbols
    ) -> tuple[TableLayout, IntArray]:
        """The layout of some votes, and the table row of each vote.

        Parameters
        ----------
        lf_index, symbol : array of int, shape (n_votes,)
        n_lfs : int
        symbols : Symbols

        Returns
        -------
        layout : TableLayout
        table_row : array of the smallest fitting unsigned type, shape (n_votes,)

        Notes
        -----
        O(n_votes) with a table of n_lfs * n_symbols bytes; by sorting where that would be larger
        than the votes.
        """
        pairs, table_row = index_pairs(lf_index, symbol, n_lfs, symbols.n_symbols)
        lf, code = np.divmod(pairs, symbols.n_symbols)
        return TableLayout(lf, code, n_lfs, symbols), table_row

    def rows(
        self, indptr: IntArray, table_row: IntArray, weight: FloatArray | None = None
    ) -> VoteRows:
        """Votes on these tables, as the E-step takes them.

        Parameters
        ----------
        indptr : array of int, shape (n_patterns + 1,)
        table_row : array of int, shape (n_votes,)
            Kept in the smallest unsigned type that fits.
        weight : array, shape (n_patterns,), optional
        """
        dtype = np.min_scalar_type(max(self.n_rows - 1, 0))
        return VoteRows(
            indptr,
            table_row.astype(dtype, copy=False),
            weight,
            self.n_rows,
            self.n_classes,
            self.row_lf,
        )

    def find(self, lf_index: IntArray, symbol: IntArray) -> IntArray:
        """Table row of each vote, or -1 where the pair (LF, symbol) has none."""
        n_symbols = self.symbols.n_symbols
        if self.n_rows == 0 or len(symbol) == 0:
            return np.full(len(lf_index), -1, dtype=np.int64)
        if int(symbol.max()) >= n_symbols:  # symbols the alphabet did not have then
            out = np.full(len(symbol), -1, dtype=np.int64)
            old = np.flatnonzero(symbol < n_symbols)
            out[old] = self.find(lf_index[old], symbol[old])
            return out
        known = self.row_lf * n_symbols + self.row_symbol
        size = self.n_lfs * n_symbols
        key_type = np.dtype(np.uint16 if size <= 1 << 16 else np.int64)
        key = lf_index.astype(key_type)
        key *= n_symbols
        np.add(key, symbol, out=key, casting="unsafe")
        if size <= len(key) + (1 << 20):
            row_of = np.full(size, -1, dtype=np.int32)
            row_of[known] = np.arange(self.n_rows)
            return np.asarray(row_of[key])
        at = np.minimum(np.searchsorted(known, key), self.n_rows - 1)
        return np.where(known[at] == key, at, -1)


def readings(layout: TableLayout) -> tuple[FloatArray, FloatArray]:
    """How each LF speaks when it is right, and when it is wrong.

    An LF draws from its *support*: all classes if it ever names a class, all confidence bins if it
    ever uses one, and the sets it uses. With M the membership of a symbol,

        right[v, y] = M[v, y] / max_y' sum_v' M[v', y'],
        wrong[v, y] = (1 - M[v, y]) / max_y' sum_v' (1 - M[v', y'])

    with sums over the support. For plain votes these are the identity and 1/(K-1) off it. For sets
    the likelihood of a right vote does not depend on which member is the class (coarsening at
    random), and what is missing to 1 is the probability of symbols never seen. Reasons to abstain
    are neither right nor wrong: they get 1/(size of the support) in both.

    Returns
    -------
    right, wrong : array, shape (n_rows, n_classes)
        Sums over the rows of an LF are at most 1.

    Notes
    -----
    O(n_rows * n_classes).
    """
    symbols, n_classes = layout.symbols, layout.n_classes
    if symbols.is_plain:
        right = np.zeros((layout.n_rows, n_classes))
        right[np.arange(layout.n_rows), layout.row_symbol] = 1.0
        return right, (1.0 - right) / max(n_classes - 1, 1)
    kind = symbols.kind[layout.row_symbol]
    member = symbols.membership[layout.row_symbol]
    is_reason = kind == REASON
    own = (kind == SET).astype(np.float64)
    uses = {k: layout.per_lf((kind == k).astype(np.float64)) > 0 for k in (CLASS, BIN)}
    right_sum = layout.per_lf(member * own[:, None])  # (n_active, n_classes)
    size = layout.per_lf(own)
    for k, used in uses.items():
        all_of_kind = symbols.membership[symbols.kind == k]
        right_sum += np.outer(used, all_of_kind.sum(axis=0))
        size += used * len(all_of_kind)
    right_scale = np.maximum(right_sum.max(axis=1), 1e-300)[layout.segment, None]
    wrong_scale = (size[:, None] - right_sum).max(axis=1)
    wrong_scale = np.where(wrong_scale > 1e-12, wrong_scale, 1.0)[layout.segment, None]
    reasons = layout.per_lf(is_reason.astype(np.float64))
    spoken = (size / np.maximum(size + reasons, 1.0))[layout.segment, None]
    uninformed = (1.0 / np.maximum(size + reasons, 1.0))[layout.segment, None]
    right = np.where(is_reason[:, None], uninformed, spoken * member / right_scale)
    wrong = np.where(is_reason[:, None], uninformed, spoken * (1.0 - member) / wrong_scale)
    return right, wrong
