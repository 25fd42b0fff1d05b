"""How another process finds a labeling function again.

By the path of its pack, or by the name it has in an importable module; then only that travels, and
large module-level data stays where it is. A labeling function that lives in neither place, as in a
notebook or inside a function, travels by value.

A worker may outlive an edit, and a file may be edited under a running process, so a reference says
what the file held and what the code was. A stale worker loads anew; code that cannot be found again
is an error, never silently another version.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
import types
from pathlib import Path
from typing import Any, Final

from weaklabel.errors import PackError
from weaklabel.lf.fingerprint import fingerprint
from weaklabel.lf.function import LabelingFunction
from weaklabel.lf.pack import file_digest, load_pack, module_name

_SEEN: Final[dict[str, str]] = {}  # by module: digest of the file it was imported from here


def reference_to(lf: LabelingFunction) -> tuple[Any, ...] | None:
    """A function and its arguments that find the labeling function again, or None.

    In the form that ``__reduce__`` returns.
    """
    module = sys.modules.get(getattr(lf.function, "__module__", None) or "")
    if module is None or module.__name__ == "__main__":
        return None
    digest = file_digest(module)
    file = getattr(module, "__file__", None)
    for attribute, value in vars(module).items():
        if value is lf:
            if digest is not None:
                return lf_of_file, (file, digest, attribute, None)
            return lf_of_module, (module.__name__, _digest_of(file), attribute, _code_of(lf))
    if digest is not None:
        for position, listed in enumerate(vars(module).get("LFS", ())):
            if listed is lf:
                return lf_of_file, (file, digest, None, position)
    return None


def lf_of_file(
    file: str, digest: str, attribute: str | None, position: int | None
) -> LabelingFunction:
    """A labeling function of a pack file, by its variable or its place in ``LFS``.

    Raises
    ------
    PackError
        If the file has changed.
    """
    name = module_name(Path(file))
    if name not in sys.modules or file_digest(sys.modules[name]) != digest:
        load_pack(file)
        if file_digest(sys.modules[name]) != digest:
            raise _changed(file)
    members = vars(sys.modules[name])
    return _checked(members["LFS"][position] if attribute is None else members[attribute], file)


def lf_of_module(name: str, digest: str | None, attribute: str, code: str) -> LabelingFunction:
    """A labeling function of an importable module.

    Raises
    ------
    PackError
        If the module has changed.
    """
    fresh = name not in sys.modules
    module = importlib.import_module(name)
    if fresh:
        _SEEN[name] = digest or ""
    stale = _SEEN.get(name, digest or "") != (digest or "")
    lf = getattr(module, attribute, None)
    if stale or not isinstance(lf, LabelingFunction) or _code_of(lf) != code:
        module = importlib.reload(module)
        _SEEN[name] = digest or ""
        lf = _checked(getattr(module, attribute, None), name)
        if _code_of(lf) != code:
            raise _changed(name)
    return lf


def _digest_of(file: str | None) -> str | None:
    if file is None or not Path(file).is_file():
        return None
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def _code_of(lf: LabelingFunction) -> str:
    """Digest of what was compiled, without the data around it."""
    code = getattr(lf.function, "__code__", None)
    return fingerprint(code) if isinstance(code, types.CodeType) else ""


def _checked(value: Any, where: str) -> LabelingFunction:
    if not isinstance(value, LabelingFunction):
        raise _changed(where)
    return value


def _changed(where: str) -> PackError:
    return PackError(f"{where} has changed since it was loaded; load it again")
