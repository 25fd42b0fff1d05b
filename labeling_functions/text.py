"""Columns as text: what every rule about text reads.

Strings count as they are, numbers and dates as they are written, a missing value (None, NaN, NaT)
as no text. Anything else in a column of mixed values (bytes, lists, objects) is no text either, so
a rule about text abstains there.
"""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Texts: TypeAlias = Any  # a pyarrow.LargeStringArray; pyarrow has no types
Bytes: TypeAlias = npt.NDArray[np.uint8]
Positions: TypeAlias = npt.NDArray[np.int64]

_WRITTEN: Final = (numbers.Number, datetime.date, datetime.time)


def as_texts(column: Any) -> Texts:
    """A column as one Arrow array of large strings, null where there is no text.

    Parameters
    ----------
    column : Arrow array or chunked array, NumPy array, pandas Series, or sequence; shape (n_rows,)

    Notes
    -----
    An Arrow column of strings is not copied, but for its offsets.
    """
    import pyarrow as pa

    found = _arrow(column)
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    if isinstance(found, pa.ChunkedArray):  # more than one chunk is left, or none
        found = pa.concat_arrays(found.chunks) if found.num_chunks else pa.array([], found.type)
    kind = found.type
    if pa.types.is_large_string(kind):
        return found
    if pa.types.is_null(kind) or pa.types.is_string(kind) or pa.types.is_dictionary(kind):
        if pa.types.is_dictionary(kind) and not _is_text(kind.value_type):
            return as_texts(found.dictionary_decode())
        return found.cast(pa.large_string())
    return pa.array(map(_written, found.to_pylist()), pa.large_string(), size=len(found))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _arrow(column: Any) -> Any:
    """The column as Arrow sees it; mixed values become text one by one."""
    import pyarrow as pa

    if isinstance(column, pa.Array | pa.ChunkedArray):
        return column
    if isinstance(column, np.ndarray) and column.dtype != object:
        column = column.tolist()
    values = list(column)
    if set(map(type, values)) <= {str, type(None)}:
        try:
            return pa.array(values, pa.large_string())
        except UnicodeEncodeError:
            pass  # half of a surrogate pair, which UTF-8 cannot hold
    return pa.array(map(_written, values), pa.large_string(), size=len(values))


def _written(value: Any) -> str | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, _WRITTEN) and value == value:  # a NaN and a NaT differ from themselves
        return str(value)
    return None


def raw_bytes(texts: Texts) -> tuple[Bytes, Positions]:
    """The UTF-8 bytes of all texts, one after the other, and where each begins.

    Returns
    -------
    data : array of uint8
        Read-only.
    offsets : array of int64, shape (n_rows + 1,)
        Text ``i`` is ``data[offsets[i]:offsets[i + 1]]``; a null is empty.
    """
    _, offset_buffer, data_buffer = texts.buffers()
    count = len(texts)
    if offset_buffer is None or offset_buffer.size == 0:
        return np.zeros(0, dtype=np.uint8), np.zeros(count + 1, dtype=np.int64)
    offsets = np.frombuffer(offset_buffer, np.int64, count + 1, 8 * texts.offset)
    data = np.zeros(0, dtype=np.uint8)
    if data_buffer is not None and data_buffer.size:
        data = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def row_slices(offsets: Positions, goal: int) -> Iterable[tuple[int, int]]:
    """Stretches ``[start, stop)`` of rows with about ``goal`` bytes each, at least one row."""
    start, n_rows = 0, len(offsets) - 1
    while start < n_rows:
        stop = int(np.searchsorted(offsets, offsets[start] + goal, side="right")) - 1
        stop = min(max(stop, start + 1), n_rows)
        yield start, stop
        start = stop


@cache
def _word_characters() -> npt.NDArray[np.bool_]:
    """Whether a code point belongs to a word, as ``\\w`` of :mod:`re` sees it."""
    is_word = (chr(code).isalnum() or code == ord("_") for code in range(0x110000))
    return np.fromiter(is_word, np.bool_, 0x110000)


@cache
def _ascii_words() -> npt.NDArray[np.bool_]:
    is_word = (chr(code).isalnum() or code == ord("_") for code in range(128))
    return np.fromiter(chain(is_word, [False] * 128), np.bool_, 256)


def word_before(data: Bytes, position: Positions, start: Positions) -> npt.NDArray[np.bool_]:
    """Whether the character that ends at ``position`` belongs to a word; False at ``start``."""
    if not data.size:
        return np.zeros(len(position), dtype=np.bool_)
    at = np.maximum(position - 1, 0)
    found = _ascii_words()[data[at]] & (position > start)
    wide = np.flatnonzero((data[at] >= 0x80) & (position > start))
    if wide.size:
        first = at[wide]
        for _ in range(3):
            first = first - ((data[first] & 0xC0) == 0x80)
        found[wide] = _word_characters()[_code_points(data, first)]
    return found


def word_after(data: Bytes, position: Positions, stop: Positions) -> npt.NDArray[np.bool_]:
    """Whether the character that begins at ``position`` belongs to a word; False at ``stop``."""
    if not data.size:
        return np.zeros(len(position), dtype=np.bool_)
    at = np.minimum(position, data.size - 1)
    found = _ascii_words()[data[at]] & (position < stop)
    wide = np.flatnonzero((data[at] >= 0x80) & (position < stop))
    if wide.size:
        found[wide] = _word_characters()[_code_points(data, at[wide])]
    return found


def _code_points(data: Bytes, first: Positions) -> Positions:
    """Code points of the characters of two to four bytes that begin at ``first``."""
    lead = data[first].astype(np.int64)
    length = 2 + (lead >= 0xE0) + (lead >= 0xF0)
    code = lead & (0x7F >> length)
    for step in range(1, 4):
        more = length > step
        follow = data[np.minimum(first + step, data.size - 1)].astype(np.int64) & 0x3F
        code = np.where(more, (code << 6) | follow, code)
    found: Positions = np.minimum(code, 0x10FFFF)
    return found


def without_accents(texts: Texts) -> Texts:
    """Letters without the marks above, below and through them, as far as Unicode takes them apart.

    ``é`` is ``e`` and ``ç`` is ``c``; ``ø``, ``ł`` and ``ß`` are letters of their own. Only the
    combining marks U+0300 to U+036F are taken off, so vowel signs of other scripts stay.
    """
    import pyarrow.compute as pc

    if pc.all(pc.string_is_ascii(texts), min_count=0).as_py():
        return texts
    apart = pc.utf8_normalize(texts, "NFD")
    return pc.utf8_normalize(pc.replace_substring_regex(apart, r"[\x{0300}-\x{036F}]+", ""), "NFC")


def lower(values: Sequence[str]) -> list[str]:
    """Lower case, code point by code point: the same mapping that columns get."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: list[str] = pc.utf8_lower(pa.array(values, pa.large_string())).to_pylist()
    return found
