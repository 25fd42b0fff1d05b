"""Packs: a Python file or module of labeling functions.

A pack is ordinary Python. Conventions, all optional but the first:

- its labeling functions are module-level objects, taken in the order of their definition. Imported
  ones do not count, unless a list ``LFS`` names all that do;
- ``LABELS`` holds the classes: a list of names, an ``Enum``, or a ``LabelSpace``;
- ``ID_COLUMN`` names the column that identifies a row;
- the docstring says what the pack is for.

A file is loaded under a module name of its own, made from its path, so that equally named files do
not meet, and worker processes load it again by its path. Files beside it may be imported.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import linecache
import os
import sys
import traceback
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from weaklabel.errors import ConfigError, PackError
from weaklabel.labels import LabelSpace
from weaklabel.lf.function import LabelingFunction, check_lfs
from weaklabel.lf.members import id_column_of, labels_of, lfs_of

MODULE_PREFIX: Final = "weaklabel_pack_"
RULE_SUFFIXES: Final = (".toml", ".yaml", ".yml")


@dataclass(frozen=True, eq=False)
class Pack:
    """Labeling functions that belong together, and their classes.

    Iterating gives the labeling functions; ``pack["name"]`` gives one of them.

    Attributes
    ----------
    name : str
        Name of the file without its suffix, or of the module.
    lfs : tuple of LabelingFunction
    labels : LabelSpace, optional
        From ``LABELS``.
    path : Path, optional
        The file it came from.
    doc : str
        Its docstring.
    id_column : str, optional
        From ``ID_COLUMN``.
    """

    name: str
    lfs: tuple[LabelingFunction, ...]
    labels: LabelSpace | None = None
    path: Path | None = None
    doc: str = ""
    id_column: str | None = None

    def __iter__(self) -> Iterator[LabelingFunction]:
        return iter(self.lfs)

    def __len__(self) -> int:
        return len(self.lfs)

    def __getitem__(self, name: str) -> LabelingFunction:
        for lf in self.lfs:
            if lf.name == name:
                return lf
        names = ", ".join(lf.name for lf in self.lfs)
        raise PackError(f"pack {self.name} has no labeling function {name!r}; it has {names}")

    def __repr__(self) -> str:
        classes = "" if self.labels is None else f", classes {', '.join(self.labels.names[:4])}"
        return f"Pack({self.name!r}, {len(self.lfs)} labeling functions{classes})"


def load_pack(source: str | os.PathLike[str]) -> Pack:
    """Load a pack of labeling functions from a file or a module.

    Parameters
    ----------
    source : path or str
        A ``.py`` file, a file of rules in TOML or YAML (see ``labeling_functions.rules``), or the
        dotted name of an importable module. A file is read anew on every call, so edits are seen.

    Raises
    ------
    PackError
        If there is no such file or module, it fails while it is executed, holds no labeling
        function, or two of one name; the message names the file, the line, and what to do.
    """
    text = os.fspath(source)
    if text.lower().endswith(RULE_SUFFIXES):
        # By name: the library does not depend on the ready-made rules that come with it.
        rules = importlib.import_module("labeling_functions.rules")
        pack: Pack = rules.load_rules(text)
        return pack
    if _looks_like_file(text):
        return _load_file(Path(text))
    return _load_module(text)


def _looks_like_file(text: str) -> bool:
    return text.endswith(".py") or os.sep in text or "/" in text or Path(text).is_file()


# -- files -----------------------------------------------------------------------------------------


def _load_file(given: Path) -> Pack:
    path = given.absolute()
    if path.is_dir():
        raise PackError(f"{given} is a folder; give one .py file of labeling functions")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PackError(
            f"there is no file {given}; give the path of a .py file of labeling functions"
        ) from None
    except OSError as error:
        raise PackError(f"cannot read {given}: {error.strerror or error}") from error
    code, text = _compiled(content, path)
    name = module_name(path)
    module = types.ModuleType(name)
    module.__file__ = str(path)
    module.__dict__["__weaklabel_digest__"] = _digest(content)
    # Pinned (no modification time), so that tracebacks and fingerprints see the text that runs.
    linecache.cache[str(path)] = (len(text), None, text.splitlines(keepends=True), str(path))
    previous = sys.modules.get(name)
    sys.modules[name] = module
    try:
        with _neighbours_importable(path.parent):
            exec(code, module.__dict__)
            return _pack_of(module, path.stem, path, text)
    except BaseException as error:
        if previous is None:
            del sys.modules[name]
        else:
            sys.modules[name] = previous
        if isinstance(error, Exception | SystemExit):  # sys.exit() in a pack is a mistake too
            _raise_pack_error(error, str(path))
        raise


def _compiled(content: bytes, path: Path) -> tuple[types.CodeType, str]:
    try:
        text = importlib.util.decode_source(content)
        return compile(text, str(path), "exec", dont_inherit=True), text
    except SyntaxError as error:
        where = f"{path}, line {error.lineno}" if error.lineno else str(path)
        shown = f": {error.text.strip()}" if error.text and error.text.strip() else ""
        raise PackError(
            f"{where}: {error.msg}{shown}; correct the line and load the pack again"
        ) from error
    except ValueError as error:  # null bytes, or an encoding that does not hold
        raise PackError(f"{path} is not Python source in UTF-8: {error}") from error


def module_name(path: Path) -> str:
    """The name under which a pack file stands among the loaded modules."""
    stem = "".join(c if c.isalnum() else "_" for c in path.stem)
    return f"{MODULE_PREFIX}{stem}_{_digest(str(path).encode())[:12]}"


def file_digest(module: types.ModuleType) -> str | None:
    """Digest of the pack file that a module was made from; None for an ordinary module."""
    found = vars(module).get("__weaklabel_digest__")
    return found if isinstance(found, str) else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def _neighbours_importable(folder: Path) -> Iterator[None]:
    """Let a pack import the files beside it, without leaving them to be met by another pack."""
    entry = str(folder)
    if entry in sys.path:
        yield
        return
    before = set(sys.modules)
    sys.path.append(entry)  # at the end: a neighbour called random.py must not hide the real one
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and Path(file).is_relative_to(folder):
                del sys.modules[name]


# -- modules ---------------------------------------------------------------------------------------


def _load_module(name: str) -> Pack:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            _raise_pack_error(error, None)
        file = Path(name.replace(".", "/") + ".py")
        hint = f"; did you mean the file {file}?" if file.is_file() else ""
        raise PackError(
            f"there is no file and no importable module {name!r}; "
            f"give the path of a .py file or the dotted name of a module{hint}"
        ) from None
    except (Exception, SystemExit) as error:
        _raise_pack_error(error, None)
    file_name = getattr(module, "__file__", None)
    path = None if file_name is None else Path(file_name)
    text = "".join(linecache.getlines(file_name)) if file_name else ""
    return _pack_of(module, name, path, text)


def _raise_pack_error(error: Exception | SystemExit, file: str | None) -> NoReturn:
    """Say where and why the execution of a pack ended."""
    if isinstance(error, PackError):
        raise error
    if isinstance(error, SyntaxError):  # of a module it imports, or of a module pack itself
        raise PackError(
            f"{error.filename}, line {error.lineno}: {error.msg}; "
            "correct the line and load the pack again"
        ) from error
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename == file] if file is not None else []
    outside = [f for f in frames if "importlib" not in f.filename and f.filename != __file__]
    frame = (own or outside or list(frames))[-1]
    where = f"{frame.filename}, line {frame.lineno}"
    shown = f" ({frame.line})" if frame.line else ""
    if isinstance(error, ImportError):
        what = f"cannot import {error.name!r}" if error.name else "an import failed"
        remedy = "install what is missing, or correct the import"
        raise PackError(f"{where}{shown}: {what}: {error}; {remedy}") from error
    raise PackError(
        f"{where}{shown}: {type(error).__name__}: {error}; correct it and load the pack again"
    ) from error


def _pack_of(module: types.ModuleType, name: str, path: Path | None, text: str) -> Pack:
    where = str(path) if path is not None else name
    lfs = lfs_of(module, text, where)
    doc = (module.__doc__ or "").strip()
    return Pack(name, lfs, labels_of(module, where), path, doc, id_column_of(module, where))


def lfs_and_pack(lfs: Any) -> tuple[tuple[LabelingFunction, ...], Pack | None]:
    """The checked labeling functions, and the pack they came in, if they came in one.

    Raises
    ------
    ConfigError
        As :func:`weaklabel.lf.function.check_lfs`.
    """
    if isinstance(lfs, str | os.PathLike):
        raise ConfigError(f"{os.fspath(lfs)!r} is a path; load it first: load_pack(path)")
    return check_lfs(lfs), lfs if isinstance(lfs, Pack) else None
