"""One file of the vote cache: what one labeling function answered on one chunk of rows.

A line that names the format, a checksum of all that follows, a line of JSON, and the answers by
number, compressed. Reading checks all of it, and nothing is ever unpickled: an answer is a number,
a name, one of weaklabel's own votes, or a member of an enum that this process has defined already.
"""

from __future__ import annotations

import enum
import hashlib
import json
import sys
import zlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.labels import Confident, Not, OneOf, Reason
from weaklabel.lf.faults import Fault

CACHE_FORMAT: Final = 1
_MAGIC: Final = f"weaklabel votes {CACHE_FORMAT}\n".encode()
_CHECK_BYTES: Final = 16


@dataclass(frozen=True)
class Entry:
    """The answers of one labeling function on one chunk.

    Attributes
    ----------
    values : list
        The distinct answers.
    index : array of int, shape (n_rows,)
        Positions in ``values``; -1 for None and ABSTAIN.
    fault : Fault, optional
        If it failed on some rows and these count as abstaining.
    """

    values: list[Any]
    index: npt.NDArray[Any]
    fault: Fault | None


class DamagedError(Exception):
    """The content of a file is not what was written."""


class NotStorableError(Exception):
    """An answer that cannot be written, such as a member of an enum made inside a function."""


def packed(entry: Entry, key: str) -> bytes:
    """The content of a file.

    Raises
    ------
    NotStorableError
        If an answer cannot be written.
    """
    fault = entry.fault
    header = {
        "key": key,
        "n_rows": len(entry.index),
        "values": [_stored(value) for value in entry.values],
        "fault": None if fault is None else vars_of(fault),
    }
    numbers = (entry.index + 1).astype(np.min_scalar_type(len(entry.values)).newbyteorder("<"))
    line = json.dumps(header).encode() + b"\n"
    body = line + zlib.compress(np.ascontiguousarray(numbers).tobytes(), 1)
    return _MAGIC + _check(body) + body


def unpacked(content: bytes, key: str) -> Entry | None:
    """The entry in the content of a file; None if it holds an answer this process cannot make.

    Raises
    ------
    DamagedError
        If the content is of another format, damaged, or belongs under another name.
    """
    body = content[len(_MAGIC) + _CHECK_BYTES :]
    if not content.startswith(_MAGIC):
        raise DamagedError("it is of another format")
    if content[len(_MAGIC) : len(_MAGIC) + _CHECK_BYTES] != _check(body):
        raise DamagedError("its checksum is wrong")
    try:
        line, _, data = body.partition(b"\n")
        header = json.loads(line)
        n_values, n_rows = len(header["values"]), header["n_rows"]
        dtype = np.min_scalar_type(n_values).newbyteorder("<")
        index = np.frombuffer(zlib.decompress(data), dtype).astype(np.int32) - 1
        if header["key"] != key or len(index) != n_rows or int(index.max(initial=-1)) >= n_values:
            raise DamagedError("it belongs under another name")
        fault = None if header["fault"] is None else Fault(**header["fault"])
        return Entry([_restored(value) for value in header["values"]], index, fault)
    except _NotHereError:
        return None
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise DamagedError(f"it cannot be read: {error}") from error


def _check(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK_BYTES).digest()


def vars_of(fault: Fault) -> dict[str, Any]:
    """A fault as JSON-able values."""
    return {
        "count": fault.count,
        "position": fault.position,
        "error": fault.error,
        "traceback": fault.traceback,
    }


class _NotHereError(Exception):
    """An enum that this process has not defined."""


def _stored(value: Any) -> list[Any]:
    """An answer as JSON."""
    if isinstance(value, enum.Enum):
        kind = type(value)
        if _member(kind.__module__, kind.__qualname__, value.name) is not value:
            raise NotStorableError(
                f"{value!r}, a member of an enum that cannot be found again as "
                f"{kind.__module__}.{kind.__qualname__}"
            )
        return ["enum", kind.__module__, kind.__qualname__, value.name]
    if isinstance(value, OneOf):
        return ["one of", *map(_stored, value.labels)]
    if isinstance(value, Not):
        return ["not", *map(_stored, value.labels)]
    if isinstance(value, Confident):
        return ["confident", _stored(value.label), float(value.confidence)]
    if isinstance(value, Reason):
        return ["reason", str(value.reason)]
    if value is None:
        return ["none"]
    if type(value) is int or isinstance(value, np.integer):
        return ["code", int(value)]
    if type(value) in (str, np.str_):
        return ["name", str(value)]
    raise NotStorableError(f"{value!r}, a {type(value).__name__}")


def _restored(stored: list[Any]) -> Any:
    kind, *parts = stored
    if kind == "enum":
        found = _member(*parts)
        if found is None:
            raise _NotHereError
        return found
    if kind in ("one of", "not"):
        labels = map(_restored, parts)
        return OneOf(*labels) if kind == "one of" else Not(*labels)
    if kind == "confident":
        return Confident(_restored(parts[0]), parts[1])
    if kind == "none":
        return None
    if kind not in ("reason", "code", "name"):
        raise ValueError(f"an answer of the unknown kind {kind!r}")
    return Reason(parts[0]) if kind == "reason" else parts[0]


def _member(module: str, qualname: str, name: str) -> enum.Enum | None:
    """A member of an enum by its names, if the process holds it; imports nothing."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, enum.Enum)):
        return None
    return found.__members__.get(name)
