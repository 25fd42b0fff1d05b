"""Files and folders that rules rest on, by content: models, encoders, pipelines.

A rule holds a :class:`Resource`: where the files are, and a digest of all they hold. The digest is
what counts in the fingerprint, so a model that was trained again is another rule, and one that was
moved is the same. What is loaded from it is kept once per process and never travels with the rule.

``package:NAME/FOLDER`` stands for a folder of an installed package, so that a file of rules can
name a model that was installed with pip.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from labeling_functions.building import SettingError
from weaklabel.errors import DataError, MissingDependencyError

PACKAGE: Final = "package:"


@dataclass(frozen=True)
class Resource:
    """A file or folder that was found and read.

    Attributes
    ----------
    digest : str
        Of the content of all its files, and of their names in a folder.
    path : Path
    """

    digest: str
    path: Path = field(repr=False, compare=False)

    def check(self) -> Path:
        """Its path, if it is still what it was.

        Raises
        ------
        DataError
            If it has changed since the rule was made.
        """
        if content_of(self.path) != self.digest:
            raise DataError(
                f"{self.path} must stay as it was when the rules were made, and it has changed "
                "since; make the rules again"
            )
        return self.path


def find_resource(name: str, key: str, value: Any, marks: Sequence[str] = ()) -> Resource:
    """The file or folder that a setting names.

    Parameters
    ----------
    name, key : str
        Of the labeling function and the setting.
    value : path or str
    marks : sequence of str
        Of a folder: names of files, one of which it must hold.

    Raises
    ------
    SettingError
        If there is none, or it is something else.
    DataError
        If it cannot be read.
    """
    if not isinstance(value, str | Path):
        raise SettingError(name, key, f"must be a path, found {value!r}")
    path = Path(value)
    if isinstance(value, str) and value.startswith(PACKAGE):
        path = _in_package(name, key, value)
    if marks and not path.is_dir():
        raise SettingError(
            name, key, f"must be the folder of a model on this machine, found no folder {path}"
        )
    if not marks and not path.is_file():
        raise SettingError(name, key, f"must be a file, found none at {path}")
    if marks and not any((path / mark).is_file() for mark in marks):
        raise SettingError(
            name, key, f"must be the folder of a model with {' or '.join(marks)}, found {path}"
        )
    try:
        return Resource(content_of(path), path.absolute())
    except OSError as error:
        raise DataError(
            f"{key} of labeling function {name!r}: cannot read {error.filename or path}: "
            f"{error.strerror or error}"
        ) from error


def _in_package(name: str, key: str, value: str) -> Path:
    package, _, folder = value.removeprefix(PACKAGE).partition("/")
    try:
        found = importlib.util.find_spec(package) if package else None
    except (ImportError, ValueError):
        found = None
    if found is None or not found.submodule_search_locations:
        raise SettingError(
            name, key, f"must name an installed package, found none called {package!r}; "
            "install it with pip"
        )  # fmt: skip
    return Path(found.submodule_search_locations[0]) / folder


def content_of(path: Path) -> str:
    """Digest of a file, or of all files in a folder with their names.

    Files that have the size and times they had when they were last read are not read again.
    """
    return _digest(path.absolute(), tuple(_stamps(path)))


def _stamps(path: Path) -> Iterator[tuple[str, int, int, int, int]]:
    for file in _files(path):
        seen = file.stat()
        name = file.relative_to(path).as_posix()
        yield name, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(Path(top) / file for top, _, files in os.walk(path) for file in files)


@lru_cache(maxsize=64)
def _digest(path: Path, stamps: tuple[tuple[str, int, int, int, int], ...]) -> str:
    running = hashlib.sha256()
    for name, *_ in stamps:
        file = path if name == "." else path / name
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
        running.update(name.encode("utf-8", "surrogatepass") + b"\0" + content)
    return running.hexdigest()


def need_package(module: str, package: str, extra: str) -> None:
    """Say early, and without importing it, that a package is missing.

    Raises
    ------
    MissingDependencyError
        Names the extra to install.
    """
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # a module that is None in sys.modules
        found = None
    if found is None:
        raise MissingDependencyError(package, extra)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars of transformers meanwhile; a library prints nothing."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
