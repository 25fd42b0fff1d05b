"""Columns that depend on each other, as one column."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from weaklabel.labels import VoteAlphabet
from weaklabel.votes import VoteMatrix
from weaklabel.votes.build import assemble


def spoken_classes(alphabet: VoteAlphabet) -> npt.NDArray[np.int64]:
    """The class that each symbol of an alphabet speaks for; -1 for sets and reasons."""
    symbols = [alphabet.symbol(code) for code in range(len(alphabet))]
    return np.array([s.classes[0] if s.kind in ("class", "bin") else -1 for s in symbols])


def merged_columns(votes: VoteMatrix, groups: Sequence[Sequence[str]]) -> VoteMatrix:
    """Each group of columns as one, which votes what most of its members say; a tie abstains.

    Parameters
    ----------
    votes : VoteMatrix
        Confident votes count, and come out, as votes for their class; a set counts as itself;
        reasons do not count.
    groups : sequence of sequences of str
        Names of columns. The one column has the name and the place of the first.

    Returns
    -------
    VoteMatrix
        Columns of no group as they were.

    Raises
    ------
    VotesError
        If a column is not there.

    Notes
    -----
    Cost n_items * n_symbols for each group.
    """
    positions = [votes.lf_positions(group) for group in groups]
    gone = {c for group in positions for c in group[1:]}
    names = [name for c, name in enumerate(votes.lf_names) if c not in gone]
    new_place = np.cumsum([c not in gone for c in range(votes.n_lfs)]) - 1
    in_group = np.isin(votes.lf_index, [c for group in positions for c in group])
    items, columns, codes = (
        [votes.item_index()[~in_group]], [new_place[votes.lf_index[~in_group]]],
        [votes.symbol[~in_group]],
    )  # fmt: skip
    for group in positions:
        rows, said = _plurality(votes, group)
        items.append(rows)
        columns.append(np.full(len(rows), new_place[group[0]]))
        codes.append(said)
    return assemble(
        np.concatenate(items), np.concatenate(columns), np.concatenate(codes), votes.n_items,
        votes.alphabet, names, votes.row_ids,
        _fingerprints(votes, positions, gone),
        {name: fault for name, fault in votes.faults.items() if name in names},
    )  # fmt: skip


def _fingerprints(
    votes: VoteMatrix, groups: Sequence[Sequence[int]], gone: set[int]
) -> list[str] | None:
    """Those of the columns that are left; that of a group covers all its members."""
    if votes.lf_fingerprints is None:
        return None
    out = dict(enumerate(votes.lf_fingerprints))
    for group in groups:
        members = " ".join(votes.lf_fingerprints[c] for c in group)
        out[group[0]] = hashlib.sha256(members.encode()).hexdigest()
    return [digest for c, digest in out.items() if c not in gone]


def _plurality(
    votes: VoteMatrix, columns: Sequence[int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows on which one symbol has most votes of some columns, and the symbol."""
    alphabet = votes.alphabet
    spoken = spoken_classes(alphabet)
    kinds = [alphabet.symbol(code).kind for code in range(len(alphabet))]
    is_set = np.array([kind == "set" for kind in kinds])
    as_what = np.where(is_set, np.arange(len(kinds)), spoken)[votes.symbol]
    of_group = np.isin(votes.lf_index, columns) & (as_what >= 0)
    counts = np.zeros((votes.n_items, len(alphabet)), dtype=np.int32)
    np.add.at(counts, (votes.item_index()[of_group], as_what[of_group]), 1)
    most = counts.max(axis=1)
    clear = (counts == most[:, None]).sum(axis=1) == 1
    rows = np.flatnonzero(clear & (most > 0))
    return rows, counts[rows].argmax(axis=1)
