"""Fingerprints: a digest of everything that decides what a function answers.

Seen, recursively: the source text of the function (its bytecode and constants where the text is not
known for certain, as for lambdas), defaults, closure values, module-level names it reads,
including the functions and classes it calls as long as they are user code (not the standard library
or an installed package), resources, preprocessors and the version. A ``Path`` among them counts
with the content of its file.

Not seen: installed packages (their functions count by name), files opened by name inside a
function, the network, and the inside of opaque objects of C extensions, which count by their type.
Where such a thing changes, change ``version=``.

The digest does not depend on the process or the hash seed. One that rests on bytecode differs
between Python versions.
"""

from __future__ import annotations

import ast
import dis
import enum
import functools
import hashlib
import inspect
import linecache
import re
import sys
import sysconfig
import textwrap
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

_INSTALLED: Final = (
    *{
        Path(sysconfig.get_path(key)).resolve()
        for key in ("stdlib", "platstdlib", "purelib", "platlib")
    },
    Path(__file__).resolve().parents[1],  # weaklabel itself
)
_RULES: Final = "labeling_functions"  # rules that come with weaklabel change with its versions
_SCALARS: Final = (type(None), bool, int, float, complex, str, bytes, type(...), range)
_BUILTIN: Final = (
    types.BuiltinFunctionType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
)
# Whether two equal ones of these are one object is up to the interpreter; identity must not count.
_BY_VALUE: Final = (tuple, frozenset, enum.Enum, re.Pattern, Path, types.CodeType, np.generic)


def fingerprint(*parts: Any) -> str:
    """Digest of some values and functions, and of all they refer to.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return _Digest().digest(parts).hex()


class _Digest:
    """Canonical digests of Python values; one instance per fingerprint.

    A function, class, container or instance is digested where it is met first and counts as "the
    k-th one" from then on, so cycles end and shared helpers cost once.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []  # an id is only good while its object lives

    def digest(self, value: Any) -> bytes:
        """SHA-256 of a value."""
        if type(value) in _SCALARS:
            return _hash(type(value).__name__, repr(value))
        if not isinstance(value, _BY_VALUE):
            number = self._numbers.setdefault(id(value), len(self._numbers))
            if number < len(self._kept):
                return _hash("again", str(number))
            self._kept.append(value)
        return self._compound(value)

    def _all(self, kind: str, values: Any) -> bytes:
        return _hash(kind, *(self.digest(value) for value in values))

    def _compound(self, value: Any) -> bytes:
        own = getattr(type(value), "fingerprint", None)
        if own is not None and isinstance(getattr(value, "fingerprint", None), str):
            return _hash("fingerprint", value.fingerprint)  # labeling functions, preprocessors
        if isinstance(value, enum.Enum):
            return _hash("enum", type(value).__qualname__, value.name, self.digest(value.value))
        if isinstance(value, list | tuple):
            return self._all(type(value).__name__, value)
        if isinstance(value, set | frozenset):
            return _hash("set", *sorted(_Digest().digest(item) for item in value))
        if isinstance(value, Mapping):
            return self._all("dict", [part for item in value.items() for part in item])
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.ModuleType):
            return _hash("module", value.__name__)
        if isinstance(value, types.CodeType):
            return self._code(value)
        return self._object(value)

    # -- code ------------------------------------------------------------------------------------

    def _function(self, function: types.FunctionType) -> bytes:
        if not _is_user_code(function):
            return _hash("installed", function.__module__ or "", function.__qualname__)
        text = source_text(function)
        body = self._code(function.__code__) if text is None else _hash("text", text)
        return _hash(
            "function",
            body,
            self.digest(function.__defaults__),
            self.digest(function.__kwdefaults__),
            *(self._cell(cell) for cell in function.__closure__ or ()),
            *(part for pair in self._globals(function) for part in pair),
        )

    def _cell(self, cell: types.CellType) -> bytes:
        try:
            return self.digest(cell.cell_contents)
        except ValueError:  # a name that is not bound yet
            return _hash("empty cell")

    def _globals(self, function: types.FunctionType) -> Iterator[tuple[str, bytes]]:
        """The module-level values a function reads, in order of name."""
        names, attributes = _names_read(function.__code__)
        for name in sorted(names):
            if name not in function.__globals__:
                continue  # a builtin, or not defined (yet)
            value = function.__globals__[name]
            yield name, self.digest(value)
            if isinstance(value, types.ModuleType) and _is_user_file(
                getattr(value, "__file__", None)
            ):
                for attribute in sorted(attributes & vars(value).keys()):
                    yield attribute, self.digest(vars(value)[attribute])

    def _code(self, code: types.CodeType) -> bytes:
        return _hash(
            "code",
            code.co_code,
            *(self.digest(constant) for constant in code.co_consts),
            "names", *code.co_names,
            "locals", *code.co_varnames,
            "free", *code.co_freevars,
        )  # fmt: skip

    def _class(self, cls: type) -> bytes:
        if issubclass(cls, enum.Enum):
            members = [(name, member.value) for name, member in cls.__members__.items()]
            return _hash("enum class", cls.__qualname__, self.digest(members))
        module = sys.modules.get(cls.__module__)
        if module is None or not _is_user_file(getattr(module, "__file__", None), module.__name__):
            return _hash("installed", cls.__module__, cls.__qualname__)
        parts: list[bytes] = []
        for name, member in sorted(vars(cls).items()):
            inner = _unwrapped(member)
            is_code = isinstance(inner, types.FunctionType | type)
            # Of the rest, Python keeps books in __names__ and descriptors only stand for slots.
            if is_code or not (name.startswith("__") or hasattr(type(inner), "__get__")):
                parts += [name.encode(), self.digest(inner)]
        return _hash("class", cls.__qualname__, *(self.digest(b) for b in cls.__bases__), *parts)

    # -- data ------------------------------------------------------------------------------------

    def _object(self, value: Any) -> bytes:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        if isinstance(value, np.ndarray):
            if value.dtype.hasobject:
                return _hash(kind, repr(value.shape), self._all("items", value.ravel().tolist()))
            return _hash(kind, value.dtype.str, repr(value.shape), value.tobytes())
        if isinstance(value, np.generic):
            return _hash(kind, value.dtype.str, value.tobytes())
        if isinstance(value, Path):
            return _hash(kind, str(value), _file_digest(value))
        if isinstance(value, functools.partial):
            return self._all("partial", (value.func, value.args, value.keywords))
        if isinstance(value, types.MethodType):
            return self._all("method", (value.__func__, value.__self__))
        if isinstance(value, _BUILTIN):
            owner = getattr(value, "__self__", None)  # of "abc".count or words.__contains__
            bound = b"" if isinstance(owner, types.ModuleType) else self.digest(owner)
            return _hash("builtin", value.__qualname__, bound)
        if hasattr(value, "pattern") and hasattr(value, "flags"):  # re.Pattern and its likes
            return _hash(kind, self.digest(value.pattern), self.digest(int(value.flags)))
        table = _table_bytes(value)
        if table is not None:
            return _hash(kind, table)
        name = str(getattr(value, "__name__", ""))  # of a compiled function
        return _hash(kind, name, self.digest(type(value)), self._all("state", _state(value)))


def _hash(*parts: str | bytes) -> bytes:
    running = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        running.update(len(data).to_bytes(8, "little"))  # so that no two lists of parts look alike
        running.update(data)
    return running.digest()


def _file_digest(path: Path) -> bytes:
    if not path.is_file():
        return b"no file"
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _table_bytes(value: Any) -> bytes | None:
    """Content of an Arrow, pandas or torch object, without importing any of them."""
    library = type(value).__module__.partition(".")[0]
    if library == "pandas" and hasattr(value, "to_numpy"):
        from pandas.util import hash_pandas_object

        names = repr(getattr(value, "columns", getattr(value, "name", None)))
        return names.encode() + bytes(hash_pandas_object(value).to_numpy().tobytes())
    if library == "pyarrow" and hasattr(value, "to_pylist"):
        return repr(value.to_pylist()).encode()
    if library == "torch" and hasattr(value, "detach"):
        return bytes(value.detach().cpu().numpy().tobytes())
    return None


def _state(value: Any) -> list[Any]:
    """Attributes of an instance, from its dictionary and its slots; none for an opaque object."""
    state: dict[str, Any] = dict(getattr(value, "__dict__", {}))
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                state[name] = getattr(value, name)
    return [part for name in sorted(state) for part in (name, state[name])]


def _unwrapped(member: Any) -> Any:
    if isinstance(member, staticmethod | classmethod):
        return member.__func__
    return member.fget if isinstance(member, property) else member


def _names_read(code: types.CodeType) -> tuple[set[str], set[str]]:
    """Global names a code object loads, and attribute names, nested functions included."""
    names: set[str] = set()
    attributes: set[str] = set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            names.add(instruction.argval)
        elif instruction.opname in {"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"}:
            attributes.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner_names, inner_attributes = _names_read(constant)
            names |= inner_names
            attributes |= inner_attributes
    return names, attributes


def _is_user_code(function: types.FunctionType) -> bool:
    return _is_user_file(function.__code__.co_filename, function.__module__)


@functools.cache
def _is_user_file(file: str | None, module: str | None = None) -> bool:
    """Whether code is the user's own: not the standard library, not an installed package."""
    package = "" if module is None else module.partition(".")[0]
    if package == _RULES:
        return True
    if package in sys.stdlib_module_names:
        return False
    if file is None:
        return module is not None and module not in sys.builtin_module_names
    if file.startswith("<"):
        return not file.startswith("<frozen")
    resolved = Path(file).resolve()
    return not any(resolved.is_relative_to(folder) for folder in _INSTALLED)


# -- source text -----------------------------------------------------------------------------------


def source_text(function: types.FunctionType) -> str | None:
    """Text of a function from its ``def`` line on; None where it is not certain.

    The file may have been edited since it was imported. The text counts only if compiling the file
    as it is now gives exactly the code of the function.
    """
    code = function.__code__
    if code.co_name == "<lambda>":
        return None  # a line may hold several
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines or not _compiles_to("".join(lines), code):
        return None
    block = textwrap.dedent("".join(inspect.getblock(lines[code.co_firstlineno - 1 :])))
    try:
        definition = ast.parse(block).body[0]
    except (SyntaxError, IndexError):
        return None
    return "".join(block.splitlines(keepends=True)[definition.lineno - 1 :]).rstrip()


def _compiles_to(text: str, code: types.CodeType) -> bool:
    return any(
        found == code for found in _codes_of(text).get((code.co_name, code.co_firstlineno), ())
    )


@functools.lru_cache(maxsize=32)
def _codes_of(text: str) -> dict[tuple[str, int], list[types.CodeType]]:
    """All code objects of a module's text by name and line."""
    try:
        waiting = [compile(text, "<source>", "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return {}
    found: dict[tuple[str, int], list[types.CodeType]] = {}
    while waiting:
        code = waiting.pop()
        found.setdefault((code.co_name, code.co_firstlineno), []).append(code)
        waiting.extend(c for c in code.co_consts if isinstance(c, types.CodeType))
    return found
