"""The vote cache: a folder of answers, by what was asked about what.

The name of a file is a digest of the fingerprint of a labeling function and of the content of the
rows it was asked about, so a file never becomes wrong: an edited function or changed rows have
other names. Processes may share a folder: files appear complete or not at all, and two that write
the same name write the same answers. After a power cut or a full disk a file may be cut short; it
is then noticed, ignored and written anew.

Nothing is deleted. To start afresh, delete the folder.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, Final

from weaklabel.applier.cache_file import (
    CACHE_FORMAT,
    DamagedError,
    Entry,
    NotStorableError,
    packed,
    unpacked,
)
from weaklabel.errors import CacheWarning, ConfigError
from weaklabel.lf import LabelingFunction
from weaklabel.lf.content import digest_of

_MARK: Final = "weaklabel-vote-cache.json"
_FOLDERS: Final = ("votes", "heads", "unfinished")
_LEFT_OVER: Final = 86_400.0  # seconds after which an unfinished file has no writer any more


class VoteCache:
    """Votes kept on disk between runs of :func:`weaklabel.apply`.

    Parameters
    ----------
    folder : path
        Made if it does not exist. An existing folder must be empty or a vote cache.

    Attributes
    ----------
    n_reused, n_computed : int
        Answers (one labeling function on one row) taken from the cache and newly computed, since
        this object was made.

    Raises
    ------
    ConfigError
        If the folder holds something else, or cannot be made or written.

    Warns
    -----
    CacheWarning
        If the folder was written by another version (its votes are then ignored), and later if
        files are damaged or cannot be written; labeling goes on without them.

    Examples
    --------
    >>> cache = VoteCache("votes.cache")                       # doctest: +SKIP
    >>> votes = apply(lfs, rows, cache=cache)                  # doctest: +SKIP
    >>> print(cache.summary())                                 # doctest: +SKIP
    48,000,000 of 50,000,000 votes reused; the cache holds 3,550 files, 12.3 MB
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.n_reused = 0
        self.n_computed = 0
        self._damaged: list[tuple[Path, str]] = []
        self._cannot_write: str | None = None
        self._not_storable: dict[str, str] = {}
        self._open()

    def _open(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._check_mark()
            for name in _FOLDERS:
                (self.folder / name).mkdir(exist_ok=True)
            for part in (self.folder / "unfinished").iterdir():
                if time.time() - part.stat().st_mtime > _LEFT_OVER:
                    part.unlink(missing_ok=True)
        except FileNotFoundError:
            pass  # another process removed an old unfinished file first
        except OSError as error:
            raise ConfigError(
                f"the folder {self.folder} cannot be used as a vote cache ({error}); "
                "choose a folder that can be written"
            ) from error

    def _check_mark(self) -> None:
        mark = self.folder / _MARK
        wanted = {"format": CACHE_FORMAT, "what": "votes of labeling functions, safe to delete"}
        try:
            found = json.loads(mark.read_bytes())
            version = found["format"] if isinstance(found, dict) else None
        except FileNotFoundError:
            others = [p for p in self.folder.iterdir() if p.name not in (_MARK, *_FOLDERS)]
            if others:
                raise ConfigError(
                    f"{self.folder} is not a vote cache and not empty (it holds "
                    f"{others[0].name!r}); choose a folder of its own for the cache"
                ) from None
            version = CACHE_FORMAT
        except (ValueError, KeyError):
            version = None
        if version != CACHE_FORMAT:
            was = "is damaged" if version is None else f"was written in format {version!r}"
            warnings.warn(
                f"the vote cache {self.folder} {was}, and this version of weaklabel reads format "
                f"{CACHE_FORMAT}; votes that cannot be read are ignored and made anew",
                CacheWarning,
                stacklevel=4,
            )
        if version != CACHE_FORMAT or not mark.exists():
            self._place(mark, json.dumps(wanted).encode())

    # -- entries -------------------------------------------------------------------------------

    @staticmethod
    def key(lf_fingerprint: str, rows_digest: bytes) -> str:
        """The name of what a labeling function answered on some rows."""
        return digest_of(lf_fingerprint, rows_digest).hex()

    def get(self, key: str) -> Entry | None:
        """An entry; None if there is none, or it cannot be used."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._damaged.append((path, str(error)))
            return None
        try:
            return unpacked(content, key)
        except DamagedError as error:
            self._damaged.append((path, str(error)))
            return None

    def put(self, key: str, entry: Entry, lf: LabelingFunction) -> None:
        """Keep an entry; where that fails, the warning comes at the end of the run."""
        try:
            content = packed(entry, key)
        except NotStorableError as error:
            self._not_storable[lf.name] = str(error)
            return
        self._place(self._path(key), content)

    def heads(self, rows_digest: bytes) -> list[int]:
        """Lengths of incomplete chunks seen that begin with a row of this digest."""
        try:
            names = os.listdir(self._heads_of(rows_digest))
        except OSError:
            return []
        return [int(name) for name in names if name.isdigit()]

    def add_head(self, rows_digest: bytes, n_rows: int) -> None:
        """Note that a chunk beginning with a row of this digest was seen with so many rows."""
        self._place(self._heads_of(rows_digest) / str(n_rows), b"")

    def _path(self, key: str) -> Path:
        return self.folder / "votes" / key[:2] / key[2:]

    def _heads_of(self, rows_digest: bytes) -> Path:
        return self.folder / "heads" / rows_digest.hex()

    def _place(self, path: Path, content: bytes) -> None:
        """Write a file that others see complete or not at all."""
        if self._cannot_write is not None:
            return
        temporary: Path | None = None
        try:
            (self.folder / "unfinished").mkdir(exist_ok=True)
            path.parent.mkdir(exist_ok=True)
            # Not synced to disk: a file cut short by a power cut is noticed by its checksum.
            with tempfile.NamedTemporaryFile(
                dir=self.folder / "unfinished", delete=False
            ) as stream:
                temporary = Path(stream.name)
                stream.write(content)
            temporary.replace(path)
        except OSError as error:
            self._cannot_write = str(error)
            if temporary is not None:
                temporary.unlink(missing_ok=True)

    # -- words ---------------------------------------------------------------------------------

    def size(self) -> tuple[int, int]:
        """Number of files with votes, and their bytes."""
        sizes = [path.stat().st_size for path in (self.folder / "votes").glob("*/*")]
        return len(sizes), sum(sizes)

    def summary(self) -> str:
        """One sentence on what was reused and how large the cache is."""
        total = self.n_reused + self.n_computed
        n_files, n_bytes = self.size()
        return (
            f"{self.n_reused:,} of {total:,} votes reused; "
            f"the cache holds {n_files:,} files, {n_bytes / 1e6:.1f} MB"
        )

    def to_dict(self) -> dict[str, Any]:
        """What was reused and how large the cache is, ready for JSON."""
        n_files, n_bytes = self.size()
        return {
            "folder": str(self.folder),
            "n_reused": self.n_reused,
            "n_computed": self.n_computed,
            "n_files": n_files,
            "n_bytes": n_bytes,
        }

    def warn(self) -> None:
        """Warn, once for each kind, of what went wrong since the last time."""
        for text in self._troubles():
            warnings.warn(text, CacheWarning, stacklevel=3)
        self._damaged.clear()
        self._not_storable.clear()

    def _troubles(self) -> list[str]:
        troubles = []
        if self._damaged:
            path, why = self._damaged[0]
            troubles.append(
                f"the vote cache held {len(self._damaged):,} files that could not be used and were "
                f"made anew, the first of them {path} ({why})"
            )
        if self._not_storable:
            name, what = next(iter(self._not_storable.items()))
            troubles.append(
                f"answers of labeling function {name!r} cannot be kept in the vote cache: {what}; "
                "answer with class names or codes, or define the enum at module level"
            )
        if self._cannot_write is not None:
            troubles.append(
                f"the vote cache {self.folder} could not be written ({self._cannot_write}); "
                "the votes are complete, and will be computed again in the next run"
            )
        return troubles


def cache_of(given: Any) -> VoteCache | None:
    """The cache that ``apply(cache=...)`` names.

    Raises
    ------
    ConfigError
        If it is neither a path nor a cache, and as :class:`VoteCache`.
    """
    if given is None or isinstance(given, VoteCache):
        return given
    if isinstance(given, str | os.PathLike) and os.fspath(given):
        return VoteCache(given)
    raise ConfigError(f"cache must be the path of a folder or a VoteCache, found {given!r}")
