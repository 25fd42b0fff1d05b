"""The light row view that labeling functions read.

A :class:`Row` answers ``x.text`` and ``x["text"]``. Columns are fetched when first touched, for all
rows of the batch at once, and stored on the rows; from then on an access is an ordinary attribute
lookup. So a wide table costs what its touched columns cost, and a row costs a small object instead
of a table of its own.

Missing values arrive as ``None``. A field that does not exist raises :class:`MissingFieldError`,
which is an ``AttributeError`` and a ``KeyError``, so ``getattr(x, "title", None)`` works as usual.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from types import MemberDescriptorType
from typing import Any, Final, Protocol

from weaklabel.errors import DataError

MAX_LISTED: Final = 20  # fields named in an error message before the list is cut


class _Missing:
    """The mark of a field that one row of a list of dicts lacks."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class MissingFieldError(DataError, AttributeError, KeyError):
    """A row has no field of this name."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""  # KeyError would show the repr


class Columns(Protocol):
    """Where rows get their fields from: a batch of a table, or a list of dicts."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        ...

    def column(self, name: Any) -> Sequence[Any] | None:
        """Python values of a column, None for null, MISSING where a row lacks it; None: no such."""
        ...

    def fields(self, position: int) -> tuple[Any, ...]:
        """Names of the fields of one row."""
        ...


class Row:
    """One row: ``x.name`` and ``x["name"]``, ``"name" in x``, iteration over the field names.

    Rows are read-only. A field whose name is not an identifier is read as ``x["its name"]``.
    """

    __slots__ = ("__dict__", "_weaklabel_position", "_weaklabel_rows")

    _weaklabel_position: int
    _weaklabel_rows: RowSet

    def __getattr__(self, name: str) -> Any:
        # Only reached while the field is not on the row yet.
        if _is_reserved(name):
            raise AttributeError(f"a row has no attribute {name!r}; read a field as x[{name!r}]")
        return self._weaklabel_rows.fetch(name, self._weaklabel_position)

    def __getitem__(self, name: Any) -> Any:
        if isinstance(name, str) and not _is_reserved(name):
            return getattr(self, name)
        return self._weaklabel_rows.fetch(name, self._weaklabel_position)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"rows are read-only, because all labeling functions share them; to add the field "
            f"{name!r} return it from a preprocessor"
        )

    def __contains__(self, name: object) -> bool:
        return name in self._weaklabel_rows.columns.fields(self._weaklabel_position)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._weaklabel_rows.columns.fields(self._weaklabel_position))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={_short(self[name])}" for name in self)
        return f"Row({shown})"


class RowSet:
    """The rows of one batch, and the columns fetched for them so far.

    Parameters
    ----------
    columns : Columns
        The batch.
    touched : dict of str to None, optional
        Columns worth fetching at once because earlier batches used them; extended in place. It
        changes the speed, never a value.
    """

    def __init__(self, columns: Columns, touched: dict[str, None] | None = None) -> None:
        self.columns = columns
        self.touched = {} if touched is None else touched
        self._fetched: dict[Any, Sequence[Any]] = {}
        names = tuple(name for name in self.touched if not _is_reserved(name))
        made = _row_class(names)
        n_rows = columns.n_rows
        self.rows: list[Row] = list(map(made.__new__, repeat(made, n_rows)))
        _store(self.rows, "_weaklabel_position", range(n_rows))
        _store(self.rows, "_weaklabel_rows", repeat(self, n_rows))
        for name in names:
            self._column(name)

    def close(self) -> None:
        """Let go of the rows, which refer back to this set, so that memory is freed at once."""
        self.rows = []

    def fetch(self, name: Any, position: int) -> Any:
        """One value; its whole column is stored on the rows on the way.

        Raises
        ------
        MissingFieldError
            If the row has no such field; the message lists those it has.
        """
        values = self._column(name)
        value = MISSING if values is None else values[position]
        if value is MISSING:
            raise missing_field(name, self.columns.fields(position))
        return value

    def _column(self, name: Any) -> Sequence[Any] | None:
        known = self._fetched.get(name)
        if known is not None:
            return known
        values = self.columns.column(name)
        if values is None:
            return None
        self._fetched[name] = values
        if isinstance(name, str) and not _is_reserved(name) and self.rows:
            self.touched[name] = None
            if _Missing in set(map(type, values)):
                held = [i for i, value in enumerate(values) if value is not MISSING]
                _store([self.rows[i] for i in held], name, [values[i] for i in held])
            else:
                _store(self.rows, name, values)
        return values


class ExtendedRow:
    """A row (or any object) and the fields that preprocessors added to it."""

    __slots__ = ("__dict__", "_weaklabel_base", "_weaklabel_fields")

    _weaklabel_base: Any
    _weaklabel_fields: tuple[str, ...]

    def __init__(self, base: Any, fields: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_weaklabel_base", base)
        object.__setattr__(self, "_weaklabel_fields", tuple(fields))
        self.__dict__.update(fields)

    def _weaklabel_added(self) -> dict[str, Any]:
        """The fields that the last preprocessor added."""
        return {name: self.__dict__[name] for name in self._weaklabel_fields}

    def __getattr__(self, name: str) -> Any:
        if _is_reserved(name):
            raise AttributeError(f"a row has no attribute {name!r}; read a field as x[{name!r}]")
        try:
            value = getattr(self._weaklabel_base, name)
        except MissingFieldError:
            raise missing_field(name, tuple(self)) from None
        object.__setattr__(self, name, value)  # later accesses find it here
        return value

    def __getitem__(self, name: Any) -> Any:
        if name in self._weaklabel_fields:
            return self.__dict__[name]
        return self._weaklabel_base[name]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"rows are read-only, because all labeling functions share them; to add the field "
            f"{name!r} return it from a preprocessor"
        )

    def __contains__(self, name: object) -> bool:
        return name in self._weaklabel_fields or name in self._weaklabel_base

    def __iter__(self) -> Iterator[Any]:
        base = self._weaklabel_base
        names = tuple(base) if isinstance(base, Row | ExtendedRow) else ()
        return iter(dict.fromkeys((*names, *self._weaklabel_fields)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={_short(self[name])}" for name in self._weaklabel_fields)
        return f"ExtendedRow({self._weaklabel_base!r}, {shown})"


class _OneDict:
    """A single mapping as a batch of one row."""

    n_rows = 1

    def __init__(self, row: Mapping[Any, Any]) -> None:
        self.row = row

    def column(self, name: Any) -> Sequence[Any] | None:
        return [self.row[name]] if name in self.row else None

    def fields(self, position: int) -> tuple[Any, ...]:
        return tuple(self.row)


def as_row(row: Any) -> Any:
    """A mapping as a :class:`Row`; anything else as it is.

    For trying a labeling function on one example.
    """
    return RowSet(_OneDict(row)).rows[0] if isinstance(row, Mapping) else row


def missing_field(name: Any, fields: Sequence[Any]) -> MissingFieldError:
    """The error for a field that is not there; it names the closest one that is."""
    texts = [f for f in fields if isinstance(f, str)]
    close = difflib.get_close_matches(name, texts, n=1) if isinstance(name, str) else []
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    more = f", ... {len(fields) - MAX_LISTED} more" if len(fields) > MAX_LISTED else ""
    listed = ", ".join(map(repr, fields[:MAX_LISTED])) or "none"
    return MissingFieldError(f"the row has no field {name!r}{hint}; the fields are {listed}{more}")


@lru_cache(maxsize=256)
def _row_class(names: tuple[str, ...]) -> type[Row]:
    """A Row with slots for these fields: faster and smaller than an instance dictionary."""
    slots = tuple(name for name in names if name.isidentifier())
    return type("Row", (Row,), {"__slots__": slots, "__module__": Row.__module__})


def _store(rows: Sequence[Row], name: str, values: Any) -> None:
    """Set a field on many rows: a loop in C, past the read-only guard of Row."""
    slot = getattr(type(rows[0]), name, None) if rows else None
    if isinstance(slot, MemberDescriptorType):
        deque(map(slot.__set__, rows, values), maxlen=0)
    else:
        deque(map(object.__setattr__, rows, repeat(name), values), maxlen=0)


def _is_reserved(name: str) -> bool:
    return name.startswith(("__", "_weaklabel_"))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
