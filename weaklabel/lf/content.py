"""Digests of rows by content: what the vote cache knows a stretch of rows by.

Arrow data is hashed buffer by buffer, so the cost is that of reading memory (about 1 GB/s); Python
values of one plain type are hashed as Arrow; all others one by one, and only where their content
can be seen. The digest depends on the values and types, not on how the rows were cut into pieces.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import hashlib
import pathlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from weaklabel.errors import ConfigError
from weaklabel.lf.fingerprint import fingerprint
from weaklabel.lf.row import MISSING

if TYPE_CHECKING:
    import pyarrow as pa

DIGEST_BYTES: Final = 20
_PLAIN: Final = {str: "string", int: "int64", float: "float64", bool: "bool_", bytes: "binary"}
_BY_REPR: Final = (
    type(None), bool, int, float, complex, str, bytes, range, decimal.Decimal, datetime.date,
    datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone, uuid.UUID,
    pathlib.PurePath, np.generic,
)  # fmt: skip
_PANDAS_SCALARS: Final = frozenset({"Timestamp", "Timedelta", "NAType", "NaTType", "Interval"})
_HEAP_TYPE: Final = 1 << 9  # made by a class statement


class UnseenContentError(ConfigError):
    """A value whose content cannot be seen, so that two of them cannot be told apart."""


def digest_of(*parts: bytes | memoryview | str) -> bytes:
    """One digest of several parts; no two lists of parts look alike."""
    running = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        running.update(len(data).to_bytes(8, "little"))
        running.update(data)
    return running.digest()


def digest_column(parts: Sequence[Any]) -> bytes:
    """Digest of a column that comes in pieces, each an Arrow or NumPy array or a list.

    Raises
    ------
    UnseenContentError
        If it holds objects whose content cannot be seen.
    """
    if isinstance(parts[0], np.ndarray):
        whole = np.concatenate(parts)
        return digest_of("numpy", whole.dtype.str, whole.view(np.uint8).data)
    if not isinstance(parts[0], list):
        return digest_arrow(parts)
    values = [value for part in parts for value in part]
    kinds = set(map(type, values)) - {type(None)}
    plain = _PLAIN.get(next(iter(kinds), str)) if len(kinds) <= 1 else None
    if plain is not None:
        array = _as_arrow(values, plain)
        if array is not None:
            return digest_of("python", plain, digest_arrow([array]))
    return digest_of("values", *(digest_value(value) for value in values))


def _as_arrow(values: list[Any], kind: str) -> pa.Array | None:
    import pyarrow as pa

    try:
        return pa.array(values, getattr(pa, kind)())
    except (pa.ArrowException, OverflowError, ValueError):
        return None  # beyond 64 bits, or half a surrogate pair


# -- Arrow -----------------------------------------------------------------------------------------


def digest_arrow(parts: Sequence[pa.Array]) -> bytes:
    """Digest of an Arrow column in pieces of one type; null is null whatever lies under it."""
    import pyarrow as pa

    if pa.types.is_dictionary(parts[0].type):
        kind = str(parts[0].type)
        return digest_of(kind, digest_arrow([part.dictionary_decode() for part in parts]))
    return _Arrow().digest(parts[0] if len(parts) == 1 else pa.concat_arrays(parts))


class _Arrow:
    """Digests of one array, by kind of type."""

    def digest(self, array: pa.Array) -> bytes:
        import pyarrow as pa
        from pyarrow import types

        kind = array.type
        head = f"{kind} {len(array)}"
        valid = np.packbits(array.is_valid().to_numpy(zero_copy_only=False))
        seen = valid.tobytes() if array.null_count else b""
        if types.is_string(kind) or types.is_large_string(kind):
            return digest_of(head, seen, *self._text(array.fill_null("")))
        if types.is_binary(kind) or types.is_large_binary(kind):
            return digest_of(head, seen, *self._text(array.fill_null(b"")))
        if types.is_boolean(kind):
            bits = array.fill_null(False).to_numpy(zero_copy_only=False)
            return digest_of(head, seen, np.packbits(bits).tobytes())
        if types.is_primitive(kind) and kind.bit_width in (8, 16, 32, 64):
            integers = array.view(getattr(pa, f"int{kind.bit_width}")()).fill_null(0)
            return digest_of(head, seen, integers.to_numpy().view(np.uint8).data)
        if types.is_list(kind) or types.is_large_list(kind):
            lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
            return digest_of(head, seen, lengths.tobytes(), self.digest(array.flatten()))
        if types.is_struct(kind):
            return digest_of(head, seen, *(self.digest(field) for field in array.flatten()))
        return digest_of(head, seen, repr(array.to_pylist()))

    def _text(self, array: pa.Array) -> Iterable[bytes | memoryview]:
        """Lengths and bytes of strings, without what lies before and after in the buffers."""
        if len(array) == 0:
            return
        _, offsets, data = array.buffers()
        wide = str(array.type).startswith("large")
        every = np.frombuffer(offsets, dtype=np.int64 if wide else np.int32)
        ends = every[array.offset : array.offset + len(array) + 1]
        yield np.diff(ends).tobytes()
        if data is not None:
            yield memoryview(data)[int(ends[0]) : int(ends[-1])]


# -- Python values ---------------------------------------------------------------------------------


def digest_value(value: Any) -> bytes:
    """Digest of a Python value, all that it holds included.

    Raises
    ------
    UnseenContentError
        If part of it cannot be seen, as in objects of compiled extensions.
    """
    try:
        return _value(value)
    except RecursionError:
        raise UnseenContentError(f"{type(value).__name__} objects that hold themselves") from None


def _value(value: Any) -> bytes:
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind in _BY_REPR or isinstance(value, np.generic | pathlib.PurePath):
        return digest_of(name, repr(value))
    if value is MISSING:
        return digest_of("no such field")
    if kind.__name__ in _PANDAS_SCALARS and kind.__module__.startswith("pandas"):
        return digest_of(name, repr(value))
    if isinstance(value, enum.Enum):
        return digest_of(name, value.name, _class(kind))
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return digest_of(name, value.dtype.str, repr(value.shape), value.tobytes())
    if kind in (list, tuple):
        return digest_of(name, *map(_value, value))
    if kind in (set, frozenset):
        return digest_of(name, *sorted(map(_value, value)))
    if isinstance(value, dict):
        return digest_of(name, *(_value(part) for item in value.items() for part in item))
    return _instance(value)


def _instance(value: Any) -> bytes:
    """An object of a class written in Python: its class and its attributes."""
    kind = type(value)
    builtin = tuple(c for c in kind.__mro__ if not c.__flags__ & _HEAP_TYPE and c is not object)
    slots = [n for c in kind.__mro__ for n in _slots_of(c) if hasattr(value, n)]
    if builtin not in ((), (tuple,)) or not (slots or hasattr(value, "__dict__") or builtin):
        raise UnseenContentError(f"{kind.__qualname__} objects")
    items = tuple(value) if builtin else ()
    state: Mapping[str, Any] = getattr(value, "__dict__", {})
    named = {**state, **{name: getattr(value, name) for name in slots}}
    parts = [part for item in sorted(named.items()) for part in item]
    return digest_of(_class(kind), _value(items), *map(_value, parts))


def _slots_of(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


_CLASSES: Final[dict[type, str]] = {}


def _class(kind: type) -> str:
    """A class by its code: labeling functions may call the methods of a row."""
    if kind not in _CLASSES:
        _CLASSES[kind] = fingerprint(kind)
    return _CLASSES[kind]
