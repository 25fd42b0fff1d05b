"""Vote matrices from arrays and from other vote matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.errors import VotesError
from weaklabel.labels import ABSTAIN, LabelSpace, LabelSpaceLike, VoteAlphabet
from weaklabel.votes.matrix import FaultRecord, OnDuplicate, VoteMatrix, quoted

if TYPE_CHECKING:
    import scipy.sparse as sp


def assemble(
    item: npt.NDArray[Any],
    lf: npt.NDArray[Any],
    symbol: npt.NDArray[Any],
    n_items: int,
    alphabet: VoteAlphabet | LabelSpaceLike,
    lf_names: Sequence[str],
    row_ids: npt.ArrayLike | None = None,
    lf_fingerprints: Sequence[str] | None = None,
    faults: Mapping[str, FaultRecord] | None = None,
    *,
    on_duplicate: OnDuplicate = "error",
) -> VoteMatrix:
    """A vote matrix from votes in any order (coordinates).

    Parameters
    ----------
    item, lf, symbol : array of int, shape (n_votes,)
        Item position, LF position and symbol code of every vote.
    n_items : int
    alphabet, lf_names, row_ids, lf_fingerprints, faults
        As :class:`VoteMatrix`.
    on_duplicate : {"error", "first", "last"}
        What to do with two votes of one LF on one item, in the order given.

    Raises
    ------
    VotesError
        On a duplicate pair under ``"error"``, and as :class:`VoteMatrix`.

    Notes
    -----
    A stable sort of the votes: O(n_votes log n_votes), none where they are in order already.
    """
    key = item.astype(np.int64) * max(len(lf_names), 1) + lf.astype(np.int64)
    if (key[1:] <= key[:-1]).any():
        order = np.argsort(key, kind="stable")
        key, lf, symbol = key[order], lf[order], symbol[order]
        repeat = np.flatnonzero(key[1:] == key[:-1])
        if len(repeat):
            if on_duplicate == "error":
                at = int(key[repeat[0]])
                row, column = divmod(at, len(lf_names))
                shown = row if row_ids is None else np.asarray(row_ids).tolist()[row]
                raise VotesError(
                    "an LF (source) votes at most once on an item; "
                    f"found {len(repeat)} repeated (item, source) pairs, the first {shown!r}, "
                    f"{lf_names[column]!r}; drop them, or pass on_duplicate='first' or 'last' "
                    "(--on-duplicate on the command line)"
                )
            keep = np.ones(len(key), dtype=bool)
            keep[repeat + (1 if on_duplicate == "first" else 0)] = False
            key, lf, symbol = key[keep], lf[keep], symbol[keep]
    per_item = np.bincount(key // max(len(lf_names), 1), minlength=n_items)
    indptr = np.concatenate([[0], np.cumsum(per_item)])
    return VoteMatrix(indptr, lf, symbol, alphabet, lf_names, row_ids, lf_fingerprints, faults)


def default_lf_names(n_lfs: int) -> list[str]:
    """``lf_0 .. lf_{n-1}``, zero-padded so that they sort."""
    width = len(str(max(n_lfs - 1, 0)))
    return [f"lf_{j:0{width}d}" for j in range(n_lfs)]


def alphabet_for(labels: LabelSpaceLike | VoteAlphabet | None, largest_code: int) -> VoteAlphabet:
    """The alphabet given, or classes ``"0" .. "largest_code"`` if none was given."""
    if isinstance(labels, VoteAlphabet):
        return labels
    if labels is None:
        return VoteAlphabet(LabelSpace(range(max(largest_code, 0) + 1)))
    return VoteAlphabet(LabelSpace(labels))


def from_dense(
    array: npt.ArrayLike,
    labels: LabelSpaceLike | VoteAlphabet | None = None,
    lf_names: Sequence[str] | None = None,
    row_ids: npt.ArrayLike | None = None,
) -> VoteMatrix:
    """A vote matrix from a dense integer array.

    Parameters
    ----------
    array : array of int, shape (n_items, n_lfs)
        Class codes, -1 for abstain. Floats are taken if all are integral.
    labels : optional
        Class names; ``"0" .. "max"`` if None.
    lf_names : sequence of str, optional
        ``lf_0, lf_1, ...`` if None.
    row_ids : array, shape (n_items,), optional

    Raises
    ------
    VotesError
        If the array is not two-dimensional and integral, or a code is outside the classes.
    """
    dense = np.asarray(array)
    if dense.ndim != 2:
        raise VotesError(f"dense votes must have shape (n_items, n_lfs), found {dense.shape}")
    if dense.dtype.kind == "f":
        if not np.isfinite(dense).all() or (dense != np.floor(dense)).any():
            raise VotesError(
                "dense votes must be integers with -1 for abstain, found fractions or NaN"
            )
        dense = dense.astype(np.int64)
    if dense.dtype.kind not in "iu":
        raise VotesError(f"dense votes must be integers, found {dense.dtype}")
    if dense.dtype.kind == "i" and dense.size and dense.min() < ABSTAIN:
        row, column = np.argwhere(dense < ABSTAIN)[0]
        raise VotesError(
            f"votes must be class codes or -1 for abstain, found {dense[row, column]} "
            f"in row {row}, column {column}"
        )
    voted = dense != ABSTAIN if dense.dtype.kind == "i" else np.ones(dense.shape, dtype=bool)
    indptr = np.concatenate([[0], np.cumsum(voted.sum(axis=1), dtype=np.int64)])
    column = np.nonzero(voted)[1]
    symbol = dense[voted]
    largest = int(symbol.max()) if len(symbol) else 0
    names = default_lf_names(dense.shape[1]) if lf_names is None else lf_names
    if len(names) != dense.shape[1]:
        raise VotesError(f"found {len(names)} LF names for {dense.shape[1]} columns")
    return VoteMatrix(indptr, column, symbol, alphabet_for(labels, largest), names, row_ids)


def from_scipy(
    matrix: sp.sparray | sp.spmatrix,
    labels: LabelSpaceLike | VoteAlphabet | None = None,
    lf_names: Sequence[str] | None = None,
    row_ids: npt.ArrayLike | None = None,
    *,
    one_based: bool = True,
) -> VoteMatrix:
    """A vote matrix from a SciPy sparse matrix.

    Parameters
    ----------
    matrix : sparse matrix, shape (n_items, n_lfs)
        Any format; entries that are not stored are abstentions.
    labels, lf_names, row_ids
        As :func:`from_dense`.
    one_based : bool, default True
        Whether a stored value is the class code + 1 (the usual convention, since SciPy drops zeros
        at will) or, if false, the class code itself.

    Raises
    ------
    VotesError
        On a stored zero under ``one_based``, fractions, or codes outside the classes.
    """
    import scipy.sparse as sparse

    if not sparse.issparse(matrix):
        raise VotesError(f"a SciPy sparse matrix is needed, found {type(matrix).__name__}")
    rows = sparse.coo_array(matrix)
    if rows.ndim != 2:
        raise VotesError(f"sparse votes must have two dimensions, found {rows.ndim}")
    values = np.asarray(rows.data)
    if values.dtype.kind == "f" and (values != np.floor(values)).any():
        raise VotesError("sparse votes must be integers, found fractions")
    codes = values.astype(np.int64) - (1 if one_based else 0)
    if len(codes) and codes.min() < 0:
        found = values[np.argmin(codes)]
        hint = (
            "stored values are class code + 1, so 0 means nothing; pass one_based=False if they "
            "are the class codes themselves"
            if one_based
            else "stored values are class codes from 0; leave abstentions out"
        )
        raise VotesError(f"{hint}; found {found}")
    names = default_lf_names(rows.shape[1]) if lf_names is None else lf_names
    if len(names) != rows.shape[1]:
        raise VotesError(f"found {len(names)} LF names for {rows.shape[1]} columns")
    item, lf = rows.coords
    largest = int(codes.max()) if len(codes) else 0
    return assemble(item, lf, codes, rows.shape[0], alphabet_for(labels, largest), names, row_ids)


def to_scipy(votes: VoteMatrix) -> sp.csr_array:
    """SciPy compressed-row array whose entries are symbol code + 1."""
    import scipy.sparse as sparse

    dtype = np.int16 if len(votes.alphabet) < 2**15 else np.int32
    values = np.add(votes.symbol, 1, dtype=dtype)
    columns = votes.lf_index.astype(np.int32)
    return sparse.csr_array((values, columns, votes.indptr), shape=votes.shape)


def join_lfs(parts: Sequence[VoteMatrix]) -> VoteMatrix:
    """The columns of several vote matrices over the same rows, side by side.

    Parameters
    ----------
    parts : sequence of VoteMatrix
        With equal row ids (or none) and label spaces, and LF names that do not repeat.

    Raises
    ------
    VotesError
        If rows, classes or LF names do not fit together.
    """
    first = _first_of(parts)
    for position, part in enumerate(parts[1:], start=1):
        if part.n_items != first.n_items or not np.array_equal(part.ids, first.ids):
            raise VotesError(
                f"votes joined by LFs must be on the same rows in the same order; part {position} "
                f"has {part.n_items} rows against {first.n_items}, or other ids"
            )
    alphabet, symbols = _common_alphabet(parts)
    offsets = np.cumsum([0] + [p.n_lfs for p in parts])
    names = [name for p in parts for name in p.lf_names]
    prints = [p.lf_fingerprints for p in parts]
    return assemble(
        np.concatenate([p.item_index() for p in parts]),
        np.concatenate(
            [p.lf_index.astype(np.int64) + o for p, o in zip(parts, offsets[:-1], strict=True)]
        ),
        np.concatenate(symbols),
        first.n_items,
        alphabet,
        names,
        first.row_ids,
        None if any(p is None for p in prints) else [f for p in prints for f in p or ()],
        {name: record for p in parts for name, record in p.faults.items()},
    )


def join_rows(parts: Sequence[VoteMatrix]) -> VoteMatrix:
    """The rows of several vote matrices of the same LFs, one below the other.

    Parameters
    ----------
    parts : sequence of VoteMatrix
        With equal LF names and label spaces. Either all have row ids, or none has.

    Raises
    ------
    VotesError
        If LFs or classes differ, ids repeat, or only some parts have ids.
    """
    first = _first_of(parts)
    for position, part in enumerate(parts[1:], start=1):
        if part.lf_names != first.lf_names:
            differing = sorted(set(part.lf_names) ^ set(first.lf_names)) or ["their order"]
            raise VotesError(
                "votes joined by rows must come from the same LFs in the same order; "
                f"part {position} differs in {quoted(differing)}"
            )
    with_ids = [p.row_ids for p in parts if p.row_ids is not None]
    if with_ids and len(with_ids) != len(parts):
        raise VotesError(
            f"either all parts have row ids or none has, found {len(with_ids)} of {len(parts)}"
        )
    alphabet, symbols = _common_alphabet(parts)
    ends = np.cumsum([0] + [p.n_votes for p in parts])
    indptr = [parts[0].indptr.astype(np.int64)] + [
        p.indptr[1:].astype(np.int64) + end for p, end in zip(parts[1:], ends[1:], strict=False)
    ]
    ids: npt.NDArray[Any] | None = None
    if with_ids:
        kinds = {a.dtype.kind for a in with_ids}
        ids = np.concatenate([a if len(kinds) == 1 else a.astype(object) for a in with_ids])
    return VoteMatrix(
        np.concatenate(indptr),
        np.concatenate([p.lf_index for p in parts]),
        np.concatenate(symbols),
        alphabet,
        first.lf_names,
        ids,
        first.lf_fingerprints if len({p.lf_fingerprints for p in parts}) == 1 else None,
        merge_faults([p.faults for p in parts]),
    )


def merge_faults(parts: Sequence[Mapping[str, FaultRecord]]) -> dict[str, FaultRecord]:
    """Counts added up per LF; the first record's traceback is kept."""
    merged: dict[str, FaultRecord] = {}
    for faults in parts:
        for name, record in faults.items():
            before = merged.get(name)
            merged[name] = (
                record
                if before is None
                else FaultRecord(
                    before.count + record.count, before.first_row, before.error, before.traceback
                )
            )
    return merged


def _first_of(parts: Sequence[VoteMatrix]) -> VoteMatrix:
    if not parts:
        raise VotesError("there is nothing to join: give at least one vote matrix")
    for part in parts:
        if part.labels != parts[0].labels:
            raise VotesError(
                "vote matrices that are joined must have the same classes, found "
                f"{quoted(parts[0].labels.names)} and {quoted(part.labels.names)}; "
                "pass the same labels=, in the same order, where the votes are made"
            )
    return parts[0]


def _common_alphabet(
    parts: Sequence[VoteMatrix],
) -> tuple[VoteAlphabet, list[npt.NDArray[np.integer[Any]]]]:
    """One alphabet for all parts, and the symbols of each part recoded to it."""
    alphabet = parts[0].alphabet
    if all(p.alphabet == alphabet for p in parts):
        return alphabet, [p.symbol for p in parts]
    alphabet = alphabet.extended(s for p in parts for s in p.alphabet.extra)
    recoded: list[npt.NDArray[np.integer[Any]]] = []
    for part in parts:
        table = [alphabet.code(part.alphabet.symbol(c)) for c in range(len(part.alphabet))]
        recoded.append(np.array(table, dtype=np.int64)[part.symbol])
    return alphabet, recoded
