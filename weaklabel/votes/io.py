"""Vote matrices as files: npz and Parquet, each with a JSON header, never a pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ArtifactError, VotesError, WeakLabelError
from weaklabel.labels import VoteAlphabet
from weaklabel.storage import FORMAT_VERSION, atomic_path, read_artifact, write_artifact
from weaklabel.votes.matrix import FaultRecord, VoteMatrix

if TYPE_CHECKING:
    import pyarrow as pa

KIND: Final = "votes"
METADATA_KEY: Final = b"weaklabel.votes"


def save(votes: VoteMatrix, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a vote matrix with its names, ids and provenance.

    Parameters
    ----------
    votes : VoteMatrix
    path : path
        Ending in ``.npz`` or ``.parquet``.
    overwrite : bool, default False

    Raises
    ------
    ArtifactError
        If the suffix is another, the file exists and ``overwrite`` is false, or it cannot be
        written.
    """
    target = Path(path)
    if _suffix(target) == ".npz":
        arrays: dict[str, npt.NDArray[Any]] = {
            "indptr": votes.indptr,
            "lf_index": votes.lf_index,
            "symbol": votes.symbol,
        }
        if votes.row_ids is not None:
            arrays.update(_pack_ids(votes.row_ids))
        write_artifact(target, KIND, _header(votes), arrays, overwrite=overwrite)
        return target
    import pyarrow.parquet as pq

    table = to_arrow(votes)
    with atomic_path(target, overwrite=overwrite) as temporary:
        pq.write_table(table, temporary)
    return target


def load(path: str | os.PathLike[str]) -> VoteMatrix:
    """Read what :func:`save` wrote.

    Raises
    ------
    ArtifactError
        If the file is missing, damaged, or not a vote matrix.
    """
    source = Path(path)
    try:
        if _suffix(source) == ".npz":
            header, arrays = read_artifact(source, KIND)
            return _from_parts(
                header, arrays["indptr"], arrays["lf_index"], arrays["symbol"], _unpack_ids(arrays)
            )
        from weaklabel.soft_labels import read_table

        return from_arrow(read_table(source))
    except ArtifactError:
        raise
    except (WeakLabelError, KeyError, TypeError) as error:
        raise ArtifactError(f"{source} does not hold a vote matrix: {error}") from error


def to_arrow(votes: VoteMatrix) -> pa.Table:
    """One row per item: ``id`` (where there are ids) and the lists ``lf`` and ``symbol``.

    Names, classes and provenance are in the schema metadata.
    """
    import pyarrow as pa

    offsets = pa.array(votes.indptr)
    make = pa.ListArray if votes.indptr.dtype == np.int32 else pa.LargeListArray
    columns: dict[str, Any] = {}
    if votes.row_ids is not None:
        ids = votes.row_ids
        columns["id"] = pa.array(ids.tolist() if ids.dtype == object else ids)
    columns["lf"] = make.from_arrays(offsets, pa.array(votes.lf_index))
    columns["symbol"] = make.from_arrays(offsets, pa.array(votes.symbol))
    metadata = {METADATA_KEY: json.dumps(_header(votes), sort_keys=True).encode()}
    return pa.table(columns).replace_schema_metadata(metadata)


def from_arrow(table: pa.Table) -> VoteMatrix:
    """The vote matrix of a table of :func:`to_arrow`.

    Raises
    ------
    VotesError
        If the table has another layout.
    """
    metadata = table.schema.metadata or {}
    if METADATA_KEY not in metadata or not {"lf", "symbol"} <= set(table.column_names):
        raise VotesError(
            "this Arrow table was not made by VoteMatrix.to_arrow; use from_wide for one column "
            "per LF, or from_long for one row per vote"
        )
    header = json.loads(metadata[METADATA_KEY])
    lists = table.combine_chunks()
    lf, symbol = (_single(lists.column(name)) for name in ("lf", "symbol"))
    ids: npt.NDArray[Any] | None = None
    if "id" in table.column_names:
        column = table.column("id").to_pylist()
        ids = np.array(column, dtype=np.int64 if _integers(column) else object)
    lengths = lf.value_lengths().to_numpy(zero_copy_only=False)
    indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return _from_parts(header, indptr, lf.flatten().to_numpy(), symbol.flatten().to_numpy(), ids)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".npz", ".parquet"):
        raise ArtifactError(
            f"vote matrices are stored as .npz or .parquet, found the name {path.name!r}"
        )
    return suffix


def _single(column: pa.ChunkedArray) -> Any:
    import pyarrow as pa

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _integers(values: list[Any]) -> bool:
    return all(isinstance(v, int) for v in values)


def _header(votes: VoteMatrix) -> dict[str, Any]:
    prints = votes.lf_fingerprints
    return {
        "format_version": FORMAT_VERSION,
        "alphabet": votes.alphabet.to_json(),
        "lf_names": list(votes.lf_names),
        "lf_fingerprints": None if prints is None else list(prints),
        "faults": {name: asdict(record) for name, record in votes.faults.items()},
    }


def _from_parts(
    header: Mapping[str, Any],
    indptr: npt.NDArray[Any],
    lf_index: npt.NDArray[Any],
    symbol: npt.NDArray[Any],
    ids: npt.NDArray[Any] | None,
) -> VoteMatrix:
    if header.get("format_version", 0) > FORMAT_VERSION:
        raise ArtifactError(
            f"the votes have format version {header['format_version']}, newer than the "
            f"{FORMAT_VERSION} read here; upgrade weaklabel"
        )
    return VoteMatrix(
        indptr,
        lf_index,
        symbol,
        VoteAlphabet.from_json(header["alphabet"]),
        header["lf_names"],
        ids,
        header["lf_fingerprints"],
        {name: FaultRecord(**record) for name, record in header["faults"].items()},
    )


def _pack_ids(ids: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Ids as arrays without objects: integers as they are, strings as UTF-8 bytes and ends."""
    if ids.dtype != object:
        return {"ids": ids}
    encoded = [value.encode() for value in ids.tolist()]
    ends = np.cumsum([len(b) for b in encoded], dtype=np.int64)
    return {"id_bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8), "id_ends": ends}


def _unpack_ids(arrays: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any] | None:
    if "ids" in arrays:
        return arrays["ids"]
    if "id_bytes" not in arrays:
        return None
    buffer, ends = arrays["id_bytes"].tobytes(), arrays["id_ends"].tolist()
    ids = np.empty(len(ends), dtype=object)
    ids[:] = [buffer[a:b].decode() for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    return ids
