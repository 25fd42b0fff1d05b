"""Files that are safe to write and safe to read.

A write goes to a temporary file beside the target and is moved into place when it is complete, so
a reader sees the old file or the new one and never half of either. An existing file is replaced
only when told. An *artifact* is an npz of plain arrays with a JSON header (kind, version, settings)
inside; nothing is ever pickled.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ArtifactError

HEADER = "header.json"
FORMAT_VERSION = 1


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """The path, if a file may be written there; call it before long work starts.

    Raises
    ------
    ArtifactError
        If the file exists and ``overwrite`` is false, if its folder is missing or cannot be
        written, or if the path is a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise ArtifactError(f"{target} is a folder; give the name of a file")
    if target.exists() and not overwrite:
        raise ArtifactError(
            f"{target} exists and is left as it is; choose another name or pass overwrite=True "
            "(--overwrite on the command line)"
        )
    folder = target.parent
    if not folder.is_dir():
        raise ArtifactError(f"the folder {folder} does not exist; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ArtifactError(f"the folder {folder} cannot be written; choose another one")
    return target


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary path to write to; it becomes ``path`` when the block ends without an error.

    Parameters
    ----------
    path : path
        The final name.
    overwrite : bool, default False
        Whether an existing file may be replaced.

    Raises
    ------
    ArtifactError
        As :func:`check_target`, and if writing fails.
    """
    target = check_target(path, overwrite=overwrite)
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name}.", suffix=".part", dir=target.parent
        )
        os.close(handle)
    except OSError as error:
        raise ArtifactError(f"cannot write in {target.parent}: {error}") from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; a written one is ordinary
        if overwrite:
            temporary.replace(target)
        else:
            _move_new(temporary, target)
    except OSError as error:
        raise ArtifactError(f"cannot write {target}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _move_new(temporary: Path, target: Path) -> None:
    """Move without ever replacing a file that appeared in the meantime."""
    try:
        os.link(temporary, target)  # unlike a rename, fails if the target exists
    except FileExistsError:
        raise ArtifactError(
            f"{target} appeared while it was being written and is left as it is"
        ) from None
    except OSError:  # a file system without hard links
        temporary.replace(target)


def write_artifact(
    path: str | os.PathLike[str],
    kind: str,
    header: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
    *,
    overwrite: bool = False,
) -> None:
    """Write named arrays and a JSON header as one npz file.

    Parameters
    ----------
    path : path
    kind : str
        What the artifact is, such as ``"votes"``; checked when it is read.
    header : mapping
        JSON-able settings.
    arrays : mapping of str to array
        No object arrays.
    overwrite : bool, default False

    Raises
    ------
    ArtifactError
        If the file cannot be written.
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ArtifactError(f"the array {name!r} holds Python objects, which are not stored")
    text = json.dumps(
        {"format": "weaklabel", "format_version": FORMAT_VERSION, "kind": kind, **header},
        sort_keys=True,
    )
    members: dict[str, Any] = {HEADER: np.frombuffer(text.encode(), dtype=np.uint8), **arrays}
    with atomic_path(path, overwrite=overwrite) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **members)


def read_artifact(
    path: str | os.PathLike[str], kind: str | None = None
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Header and arrays of a file written by :func:`write_artifact`.

    Parameters
    ----------
    path : path
    kind : str, optional
        The kind it must be; any if None.

    Raises
    ------
    ArtifactError
        If the file is missing, damaged, of another kind, or from a newer version.
    """
    with _opened(path) as archive:
        header = _header_of(archive, Path(path))
        if kind is not None and header.get("kind") != kind:
            raise ArtifactError(f"{path} holds {header.get('kind')!r}, expected {kind!r}")
        return header, {name: archive[name] for name in archive.files if name != HEADER}


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The header alone of a file written by :func:`write_artifact`; errors as there."""
    with _opened(path) as archive:
        return _header_of(archive, Path(path))


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[np.lib.npyio.NpzFile]:
    source = Path(path)
    if not source.is_file():
        raise ArtifactError(f"there is no file {source}")
    try:
        with source.open("rb") as stream, np.lib.npyio.NpzFile(stream, allow_pickle=False) as npz:
            yield npz
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ArtifactError(
            f"{source} is damaged or not an npz file ({error}); write it again"
        ) from error


def _header_of(archive: np.lib.npyio.NpzFile, source: Path) -> dict[str, Any]:
    if HEADER not in archive.files:
        raise ArtifactError(f"{source} was not written by weaklabel: it has no header")
    try:
        header: dict[str, Any] = json.loads(archive[HEADER].tobytes().decode())
    except ValueError as error:
        raise ArtifactError(f"the header of {source} is damaged ({error})") from error
    if header.get("format_version", 0) > FORMAT_VERSION:
        raise ArtifactError(
            f"{source} has format version {header['format_version']}, newer than the "
            f"{FORMAT_VERSION} read here; upgrade weaklabel"
        )
    return header
