"""Joint tables of dependent labeling functions, and what they change about a posterior.

For LFs that depend on each other given the class, the log joint of an item is not the sum of its
votes' table rows. With the junction tree of :mod:`~weaklabel.inference.junction` and V the votes
cast on the item, it is

    sum_C log P(v_{C and V} | y) - sum_S log P(v_{S and V} | y),

where C and S run over cliques and separators and silent members are left out: silence is no
evidence, here as elsewhere. The difference to the sum of the rows is the *interaction*. It is added
to an item as one more vote, with one table row per set of votes that occurs together, so that
posteriors are computed as always. LFs that are in fact independent have interactions near 0; exact
copies have interactions that take the repeated rows back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from weaklabel.inference.completion import tables_from_cross
from weaklabel.inference.junction import JunctionTree
from weaklabel.inference.moments import indicator_matrix
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows

JOINT_STRENGTH = 10.0
"""Items on which a set of votes occurs that the prior of its table row is worth."""


@dataclass(frozen=True, eq=False)
class JointTables:
    """P(votes | class) of sets of two or more votes of dependent LFs.

    Attributes
    ----------
    indptr, member : array of int
        The table rows (of single votes) in each set, ascending; compressed rows.
    log_table : array, shape (n_sets, n_classes)
    """

    indptr: IntArray
    member: IntArray
    log_table: FloatArray

    @cached_property
    def _position(self) -> dict[tuple[int, ...], int]:
        sets = (self.member[a:b] for a, b in pairwise(self.indptr.tolist()))
        return {tuple(s.tolist()): position for position, s in enumerate(sets)}

    def log_row(self, votes: tuple[int, ...], single: FloatArray) -> FloatArray:
        """log P(votes | class), shape (n_classes,); sets never seen count as independent."""
        position = self._position.get(votes) if len(votes) > 1 else None
        if position is None:
            return np.asarray(single[list(votes)].sum(axis=0))
        return np.asarray(self.log_table[position])


def said_by(rows: VoteRows, lfs: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """Items on which two or more of some LFs vote, and what they say.

    Returns
    -------
    item : array of int64, shape (n,)
    said : array of int64, shape (n, len(lfs))
        Table rows, -1 where an LF is silent.
    """
    position = np.full(int(rows.row_lf.max(initial=-1)) + 1, -1)
    inside = [lf for lf in lfs if lf < len(position)]
    position[inside] = [lfs.index(lf) for lf in inside]
    column = position[rows.row_lf][rows.table_row]
    votes = np.flatnonzero(column >= 0)
    item = np.searchsorted(rows.indptr, votes, side="right") - 1
    items, counts = np.unique(item, return_counts=True)
    items = items[counts >= 2]
    said = np.full((len(items), len(lfs)), -1, dtype=np.int64)
    at = np.searchsorted(items, item)
    kept = at < len(items)
    kept[kept] = items[at[kept]] == item[kept]
    said[at[kept], column[votes[kept]]] = rows.table_row[votes[kept]]
    return items, said


def fit_joint_tables(
    rows: VoteRows,
    tree: JunctionTree,
    tables: FloatArray,
    mean: FloatArray,
    balance: FloatArray,
) -> JointTables:
    """Joint tables from the moments between sets of dependent votes and the other LFs' votes.

    Parameters
    ----------
    rows : VoteRows
    tree : JunctionTree
    tables : array, shape (n_rows, n_classes)
        P(vote | class) of single votes.
    mean : array, shape (n_rows,)
        P(vote).
    balance : array, shape (n_classes,)

    Notes
    -----
    One pass over the votes per clique; memory for one row of n_rows moments per set of votes.
    """
    found: dict[tuple[int, ...], FloatArray] = {}
    votes = indicator_matrix(rows) if tree.cliques else None
    for clique in sorted({c for c in (*tree.cliques, *tree.separators) if len(c) > 1}):
        outside = tree.component[rows.row_lf] != tree.component[clique[0]]
        sets, count, cross = _set_moments(rows, votes, clique)
        fresh = [i for i, s in enumerate(sets) if s not in found]
        if not fresh:
            continue
        count, cross = count[fresh], cross[fresh][:, outside]
        n = max(rows.total_weight, 1e-300)
        prior = np.array([_as_one_vote(tables[list(sets[i])], balance) for i in fresh])
        theta = tables_from_cross(
            cross / n,
            count / n,
            tables[outside],
            mean[outside],
            balance,
            prior * (count / n)[:, None],
            JOINT_STRENGTH / np.maximum(count, 1e-300),
        )
        found.update(zip((sets[i] for i in fresh), np.log(theta), strict=True))
    keys = sorted(found)
    return JointTables(
        np.cumsum([0, *(len(k) for k in keys)]),
        np.array([row for key in keys for row in key], dtype=np.int64),
        np.array([found[key] for key in keys]).reshape(len(keys), len(balance)),
    )


def _as_one_vote(tables: FloatArray, balance: FloatArray) -> FloatArray:
    """P(set | class) / P(set) if together the votes are worth one: their geometric mean."""
    lift = np.exp(np.log(tables).mean(axis=0))
    return np.asarray(lift / (lift @ balance))


def _set_moments(
    rows: VoteRows, votes: Any, clique: tuple[int, ...]
) -> tuple[list[tuple[int, ...]], FloatArray, FloatArray]:
    """Sets of votes of a clique's members, their weight, and their weight with each vote."""
    from scipy.sparse import csr_array

    item, said = said_by(rows, clique)
    weight = np.ones(len(item)) if rows.weight is None else rows.weight[item]
    item, said, weight = item[weight > 0], said[weight > 0], weight[weight > 0]
    distinct, which = np.unique(said, axis=0, return_inverse=True)
    which = which.ravel()
    one_hot = csr_array((weight, (which, np.arange(len(item)))), shape=(len(distinct), len(item)))
    cross = (one_hot @ votes[item]).toarray() if len(item) else np.zeros((0, rows.n_table_rows))
    count = summed(which, weight, len(distinct))
    sets: list[tuple[int, ...]] = []
    counts: list[FloatArray] = [np.zeros(0)]
    crosses: list[FloatArray] = [np.zeros((0, rows.n_table_rows))]
    for subset in _voter_sets(distinct):
        has = np.flatnonzero((distinct[:, subset] >= 0).all(axis=1))
        sub, where = np.unique(distinct[np.ix_(has, subset)], axis=0, return_inverse=True)
        total = np.zeros((len(sub), rows.n_table_rows))
        np.add.at(total, where.ravel(), cross[has])
        sets += [tuple(s) for s in sub.tolist()]
        counts.append(summed(where.ravel(), count[has], len(sub)))
        crosses.append(total)
    return sets, np.concatenate(counts), np.concatenate(crosses)


def summed(index: IntArray, weight: FloatArray, size: int) -> FloatArray:
    """Sums of weights by index."""
    return np.bincount(index, weight, size).astype(np.float64, copy=False)


def _voter_sets(distinct: IntArray) -> Iterator[IntArray]:
    for voters in np.unique(distinct >= 0, axis=0):
        yield np.flatnonzero(voters)


def with_interactions(
    rows: VoteRows, tree: JunctionTree, joint: JointTables, log_table: FloatArray
) -> tuple[VoteRows, FloatArray]:
    """The votes with one more vote per item and component of dependent LFs, and its table rows.

    Parameters
    ----------
    rows : VoteRows
    tree : JunctionTree
    joint : JointTables
    log_table : array, shape (n_table_rows, n_classes)

    Returns
    -------
    rows : VoteRows
        Extra votes come last on each item; table rows of single votes keep their numbers.
    log_table : array, shape (n_table_rows + n_extra, n_classes)
    """
    items, extra_rows, blocks, owners = [], [], [log_table], [rows.row_lf]
    size = len(log_table)
    for number, found in enumerate(_interactions(rows, tree, joint, log_table)):
        items.append(found.item)
        extra_rows.append(found.which + size)
        blocks.append(found.rows)
        owners.append(np.full(len(found.rows), tree.n_lfs + number))
        size += len(found.rows)
    if size == len(log_table):
        return rows, log_table
    extended = _appended(
        rows,
        np.concatenate(items),
        np.concatenate(extra_rows),
        size,
        np.concatenate(owners),
    )
    return extended, np.concatenate(blocks)


def shared_interactions(
    rows: VoteRows, tree: JunctionTree, joint: JointTables, log_table: FloatArray
) -> FloatArray:
    """The interactions, spread evenly over the votes they are of; shape (n_votes, n_classes)."""
    out = np.zeros((rows.n_votes, log_table.shape[1]))
    lf = rows.row_lf[rows.table_row]
    item_of_vote = np.repeat(np.arange(rows.n_patterns), np.diff(rows.indptr))
    for found in _interactions(rows, tree, joint, log_table):
        position = np.full(rows.n_patterns, -1)
        position[found.item] = np.arange(len(found.item))
        votes = np.flatnonzero(np.isin(lf, found.component) & (position[item_of_vote] >= 0))
        at = position[item_of_vote[votes]]
        out[votes] = (found.rows[found.which] / found.n_votes[:, None])[at]
    return out


@dataclass(frozen=True, eq=False)
class _Interactions:
    """Of one component: items, the row of ``rows`` for each, and how many votes it is of."""

    component: tuple[int, ...]
    item: IntArray
    which: IntArray
    n_votes: IntArray
    rows: FloatArray


def _interactions(
    rows: VoteRows, tree: JunctionTree, joint: JointTables, log_table: FloatArray
) -> Iterator[_Interactions]:
    for component in _components(tree):
        item, said = said_by(rows, component)
        distinct, which = np.unique(said, axis=0, return_inverse=True)
        inside = set(component)
        cliques = [c for c in tree.cliques if c[0] in inside]
        separators = [s for s in tree.separators if s[0] in inside]
        found = [
            _interaction(
                dict(zip(component, row, strict=True)), cliques, separators, joint, log_table
            )
            for row in distinct.tolist()
        ]
        block = np.array(found).reshape(len(found), log_table.shape[1])
        yield _Interactions(component, item, which.ravel(), (said >= 0).sum(axis=1), block)


def _components(tree: JunctionTree) -> list[tuple[int, ...]]:
    numbers, sizes = np.unique(tree.component, return_counts=True)
    return [
        tuple(np.flatnonzero(tree.component == number).tolist()) for number in numbers[sizes > 1]
    ]


def _interaction(
    said: dict[int, int],
    cliques: list[tuple[int, ...]],
    separators: list[tuple[int, ...]],
    joint: JointTables,
    single: FloatArray,
) -> FloatArray:
    def log_row(lfs: tuple[int, ...]) -> FloatArray:
        return joint.log_row(tuple(said[lf] for lf in lfs if said[lf] >= 0), single)

    total = sum((log_row(c) for c in cliques), np.zeros(single.shape[1]))
    total = total - sum((log_row(s) for s in separators), np.zeros(single.shape[1]))
    votes = [row for row in said.values() if row >= 0]
    return np.asarray(total - single[votes].sum(axis=0))


def _appended(
    rows: VoteRows, item: IntArray, table_row: IntArray, size: int, row_lf: IntArray
) -> VoteRows:
    """The rows with further votes at the end of some items."""
    order = np.argsort(item, kind="stable")
    position = rows.indptr[item[order] + 1]
    dtype = np.min_scalar_type(size - 1)
    joined = np.insert(rows.table_row.astype(dtype), position, table_row[order].astype(dtype))
    more = np.bincount(item, minlength=rows.n_patterns)
    indptr = rows.indptr + np.concatenate([[0], np.cumsum(more)])
    return VoteRows(indptr, joined, rows.weight, size, rows.n_classes, row_lf)
