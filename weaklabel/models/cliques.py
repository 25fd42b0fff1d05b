"""Cliques of dependent labeling functions as one voter with a joint table.

LFs that depend on each other beyond the class get one table for all of them, P(joint outcome |
class). That is a change of the votes and of nothing else: the votes of a clique on a row become one
vote of a *derived* LF whose symbol is the joint outcome, and whatever is fitted on tables is fitted
on the derived votes. Distinct rows stay distinct, so weights and gold stay where they are.

A joint outcome in which all members cast the same vote is that vote. Copies of one LF therefore
become that LF, exactly. Inside a clique silence is part of the outcome (written ``-``); a row on
which no member votes has no vote of the clique.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import FloatArray, IntArray
from weaklabel.labels import Symbol, VoteAlphabet
from weaklabel.models.statistics import PatternTable
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    pass

MAX_OUTCOMES = 1024
"""Most joint outcomes of a clique: each has a row of its own in the joint table."""

_Votes = TypeVar("_Votes", VoteMatrix, PatternTable)


@dataclass(frozen=True, eq=False)
class Cliques:
    """Disjoint groups of LFs, each of which becomes one voter.

    Attributes
    ----------
    groups : tuple of tuple of int
        Positions of the members, ascending, at least two each; ordered by first member.
    lf_names : tuple of str
        All LFs of the votes.
    """

    groups: tuple[tuple[int, ...], ...]
    lf_names: tuple[str, ...]

    @cached_property
    def column(self) -> IntArray:
        """The derived LF of each LF, shape (n_lfs,)."""
        leader = np.arange(len(self.lf_names))
        for group in self.groups:
            leader[list(group)] = group[0]
        return np.asarray(np.unique(leader, return_inverse=True)[1])

    @cached_property
    def voter_names(self) -> tuple[str, ...]:
        """Names of the derived LFs; a clique is called after its members, ``"a & b"``."""
        members: dict[int, list[str]] = {}
        for name, column in zip(self.lf_names, self.column.tolist(), strict=True):
            members.setdefault(column, []).append(name)
        return tuple(" & ".join(names) for names in members.values())

    def members(self, voter: int) -> IntArray:
        """LFs of a derived LF."""
        return np.flatnonzero(self.column == voter)

    def is_joint(self, layout: TableLayout) -> IntArray:
        """Rows of voters that have a joint outcome, shape (n_rows,); copies have none."""
        n_plain = layout.n_classes
        members = np.bincount(self.column)[layout.row_lf]
        joint = (members > 1) & (layout.row_symbol >= n_plain)
        voters = np.unique(layout.row_lf[joint])
        return np.isin(layout.row_lf, voters)

    def averaged(self, values: FloatArray) -> FloatArray:
        """One value per LF to one per derived LF: the mean of the members."""
        sizes = np.bincount(self.column)
        return np.asarray(np.bincount(self.column, values) / sizes)

    def join(self, votes: _Votes) -> _Votes:
        """The votes with each clique as one derived LF; votes already joined stay as they are."""
        if votes.lf_names == self.voter_names or not self.groups:
            return votes
        joined = join_outcomes(votes, self.groups)
        column = self.column[joined.lf_index]
        order = np.lexsort((column, joined.row))
        row, n_rows = joined.row[order], len(votes.indptr) - 1
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n_rows))])
        lf_index, symbol = column[order], joined.symbol[order]
        if isinstance(votes, PatternTable):
            return replace(
                votes,
                indptr=indptr,
                lf_index=lf_index,
                symbol=symbol,
                alphabet=joined.alphabet,
                lf_names=self.voter_names,
                lf_fingerprints=None,
            )
        return VoteMatrix(
            indptr, lf_index, symbol, joined.alphabet, self.voter_names, votes.row_ids
        )


@dataclass(frozen=True, eq=False)
class Joined:
    """Votes in which those of each clique on a row are one; ``lf_index`` is its first member."""

    row: IntArray
    lf_index: IntArray
    symbol: IntArray
    alphabet: VoteAlphabet


def join_outcomes(votes: VoteMatrix | PatternTable, groups: Sequence[Sequence[int]]) -> Joined:
    """Replace the votes of each group on a row by one vote for their joint outcome.

    Notes
    -----
    O(n_votes * log n_votes); symbols are made for the joint outcomes that occur.
    """
    alphabet = votes.alphabet
    row = np.repeat(np.arange(len(votes.indptr) - 1), np.diff(votes.indptr))
    lf, symbol = votes.lf_index.astype(np.int64), votes.symbol.astype(np.int64)
    inside = np.isin(lf, [member for group in groups for member in group])
    rows, lfs, codes = [row[~inside]], [lf[~inside]], [symbol[~inside]]
    pending: list[tuple[IntArray, list[Symbol]]] = []
    for group in groups:
        found = outcomes(row, lf, symbol, group)
        symbols = [_joint_symbol(outcome, alphabet) for outcome in found.distinct]
        rows.append(found.rows)
        lfs.append(np.full(len(found.rows), group[0]))
        pending.append((found.which, symbols))
    extended = alphabet.extended(s for _, symbols in pending for s in symbols)
    old_to_new = [extended.code(alphabet.symbol(c)) for c in range(len(alphabet))]
    codes[0] = np.asarray(old_to_new, dtype=np.int64)[codes[0]]
    for which, symbols in pending:
        codes.append(np.asarray([extended.code(s) for s in symbols], dtype=np.int64)[which])
    return Joined(np.concatenate(rows), np.concatenate(lfs), np.concatenate(codes), extended)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What a group of LFs says together.

    Attributes
    ----------
    rows : array of int, shape (n,)
        Rows on which a member votes, ascending.
    which : array of int, shape (n,)
        The joint outcome on each of them.
    distinct : array of int, shape (n_outcomes, n_members)
        Symbol codes, -1 for silence.
    """

    rows: IntArray
    which: IntArray
    distinct: IntArray


def outcomes(row: IntArray, lf: IntArray, symbol: IntArray, group: Sequence[int]) -> Outcomes:
    """The joint outcomes of some LFs."""
    of_group = np.isin(lf, list(group))
    rows = np.unique(row[of_group])
    said = np.full((len(rows), len(group)), -1, dtype=np.int64)
    for position, member in enumerate(group):
        votes = np.flatnonzero(lf == member)
        said[np.searchsorted(rows, row[votes]), position] = symbol[votes]
    base = int(said.max(initial=0)) + 2
    code = np.zeros(len(rows), dtype=np.int64)
    for position in range(len(group)):
        code = code * base + said[:, position] + 1
        code = np.unique(code, return_inverse=True)[1]  # so that it never overflows
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    return Outcomes(rows, which, said[first])


def n_outcomes(table: PatternTable, group: Sequence[int]) -> int:
    """How many joint outcomes some LFs have."""
    row = np.repeat(np.arange(table.n_patterns), np.diff(table.indptr))
    lf, symbol = table.lf_index.astype(np.int64), table.symbol.astype(np.int64)
    return len(outcomes(row, lf, symbol, group).distinct)


def _joint_symbol(outcome: IntArray, alphabet: VoteAlphabet) -> Symbol:
    """One symbol for a joint outcome; read literally it speaks for what most members say."""
    said = [alphabet.symbol(int(code)) if code >= 0 else None for code in outcome]
    first = said[0]
    if first is not None and all(s == first for s in said):
        return first
    n_classes = len(alphabet.labels)
    score = np.zeros(n_classes)
    for symbol in said:
        if symbol is not None and symbol.kind != "reason":
            score += symbol.affinity(n_classes)
    top = np.flatnonzero(score >= score.max() - 1e-9)
    words = [_word(s, alphabet) for s in said]
    return Symbol("joint", tuple(int(c) for c in top), reason=" & ".join(words))


def _word(symbol: Symbol | None, alphabet: VoteAlphabet) -> str:
    if symbol is None:
        return "-"
    word = symbol.describe(alphabet.labels)
    return repr(word) if "&" in word or word == "-" else word  # outcomes stay apart


def groups_within(
    pairs: Sequence[tuple[int, int]], table: PatternTable, max_outcomes: int = MAX_OUTCOMES
) -> tuple[tuple[tuple[int, ...], ...], list[tuple[int, int]]]:
    """Connected LFs, as far as their joint outcomes stay few.

    Parameters
    ----------
    pairs : sequence of (int, int)
        Dependent LFs; earlier ones are joined first.
    table : PatternTable
    max_outcomes : int

    Returns
    -------
    groups : tuple of tuple of int
    left_out : list of (int, int)
        Pairs that would make a group too large, and were not joined.
    """
    group_of: dict[int, tuple[int, ...]] = {}
    left_out = []
    for a, b in pairs:
        mine, other = group_of.get(a, (a,)), group_of.get(b, (b,))
        if mine == other:
            continue
        both = tuple(sorted(mine + other))
        if n_outcomes(table, both) > max_outcomes:
            left_out.append((a, b))
            continue
        group_of.update(dict.fromkeys(both, both))
    return tuple(sorted(set(group_of.values()))), left_out
