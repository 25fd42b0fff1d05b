"""What a batched preprocessor made, kept on disk by the content of each row.

For preprocessors that take long: a parser, an embedding, a service. The key of a row is a digest of
the preprocessor's fingerprint and of the row's values in the columns it reads, so equal rows are
computed once, in whatever order, batch or run they come, and an edited preprocessor starts afresh.

The file is an SQLite database, which several processes may use at the same time and which survives
``kill -9``. Values are kept as JSON: None, booleans, numbers, text, bytes, lists, tuples, sets,
dicts with text keys, and NumPy arrays of plain types. Nothing is ever pickled. Columns whose values
are all arrays of one shape come back as one array.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from weaklabel.errors import CacheWarning, ConfigError
from weaklabel.lf.content import UnseenContentError, digest_of, digest_value
from weaklabel.lf.formats import as_list, take

_TABLE: Final = "memo_1"  # the number changes with the format of the values
_APPLICATION: Final = 0x574C4D4D  # "WLMM": marks the file as a memo
_SQLITE: Final = b"SQLite format 3\x00"
_KEYS_AT_ONCE: Final = 500
_WAIT_SECONDS: Final = 60.0

Compute = Callable[[Sequence[Any], int], dict[str, Sequence[Any]]]


def memoised(
    path: Path, name: str, fingerprint: str, columns: Sequence[Any], n_rows: int, compute: Compute
) -> dict[str, Any]:
    """The columns that a preprocessor makes of some rows, computed only for rows never seen.

    Parameters
    ----------
    path : Path
        The file; made if it does not exist.
    name, fingerprint : str
        Of the preprocessor.
    columns : sequence of columns, each of shape (n_rows,)
    n_rows : int
    compute : callable
        ``compute(columns, n_rows)`` makes the new columns.

    Raises
    ------
    ConfigError
        If the file is something else, or rows or results cannot be kept; says what to do.

    Warns
    -----
    CacheWarning
        If the file is damaged (it is then set aside), or cannot be written.
    """
    keys = _keys(name, fingerprint, columns)
    known = _read(path, set(keys))
    first = {key: i for i, key in reversed(list(enumerate(keys))) if key not in known}
    if first:
        rows = sorted(first.values())
        made = compute([take(column, rows, n_rows) for column in columns], len(rows))
        new = {keys[row]: _encoded(name, made, k) for k, row in enumerate(rows)}
        _write(path, new)
        known |= new
    values = {key: _restored(json.loads(text)) for key, text in known.items()}
    names = list(dict.fromkeys(n for fields in values.values() for n in fields))
    return {n: _together([values[key].get(n) for key in keys]) for n in names}


def _keys(name: str, fingerprint: str, columns: Sequence[Any]) -> list[bytes]:
    try:
        parts = [map(digest_value, as_list(column)) for column in columns]
        return [digest_of(fingerprint, *row) for row in zip(*parts, strict=True)]
    except UnseenContentError as error:
        raise ConfigError(
            f"preprocessor {name!r} cannot be memoised: it reads {error}, whose content cannot be "
            "seen; read plain values, or leave memo= out"
        ) from None


# -- the file --------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    _check_is_ours(path)
    with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS)) as database:
        # In this order: another process may be making the file, and marks it before it has tables.
        (n_tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = database.execute("PRAGMA application_id").fetchone()
        if application != _APPLICATION and n_tables:
            raise _not_ours(path)
        with database:
            database.execute(f"PRAGMA application_id = {_APPLICATION}")
            database.execute(
                f"CREATE TABLE IF NOT EXISTS {_TABLE} (key BLOB PRIMARY KEY, value TEXT) "
                "WITHOUT ROWID"
            )
        yield database


def _check_is_ours(path: Path) -> None:
    if not path.parent.is_dir():
        raise ConfigError(f"the folder {path.parent} of the memo does not exist; make it first")
    if path.is_dir():
        raise ConfigError(f"the memo {path} is a folder; give the name of a file")
    if path.exists():
        with path.open("rb") as stream:
            head = stream.read(len(_SQLITE))
        if head and head != _SQLITE:
            raise _not_ours(path)


def _not_ours(path: Path) -> ConfigError:
    return ConfigError(f"{path} exists and is not a memo; choose another name for memo=")


def _read(path: Path, keys: set[bytes]) -> dict[bytes, str]:
    try:
        return _look_up(path, sorted(keys))
    except sqlite3.OperationalError as error:
        _warn(path, f"could not be read ({error})")
    except sqlite3.DatabaseError as error:
        aside = path.with_name(path.name + ".damaged")
        with suppress(FileNotFoundError):  # another process was first
            path.replace(aside)
        _warn(path, f"is damaged ({error}); it was set aside as {aside.name} and begun anew")
    return {}


def _look_up(path: Path, keys: list[bytes]) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    with _opened(path) as database:
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, value FROM {_TABLE} WHERE key IN ({marks})"
            found.update(database.execute(query, some).fetchall())
    return found


def _write(path: Path, new: dict[bytes, str]) -> None:
    try:
        with _opened(path) as database, database:
            database.executemany(f"INSERT OR IGNORE INTO {_TABLE} VALUES (?, ?)", new.items())
    except sqlite3.DatabaseError as error:
        _warn(path, f"could not be written ({error}); what was computed is used and not kept")


def _warn(path: Path, what: str) -> None:
    warnings.warn(f"the memo {path} {what}", CacheWarning, stacklevel=4)


# -- values ----------------------------------------------------------------------------------------


def _encoded(name: str, made: dict[str, Sequence[Any]], row: int) -> str:
    fields = {field: as_item(values, row) for field, values in made.items()}
    for field, value in fields.items():
        try:
            _stored(value)
        except TypeError as error:
            raise ConfigError(
                f"preprocessor {name!r} cannot be memoised: {field!r} holds {error}; return plain "
                "values (text, numbers, lists, arrays), or leave memo= out"
            ) from None
    return json.dumps(_stored(fields))


def as_item(values: Any, row: int) -> Any:
    """One value of a column; that of an Arrow column as Python gives it."""
    value = values[row]
    return value.as_py() if hasattr(value, "as_py") else value


def _stored(value: Any) -> Any:
    """A value as JSON; what JSON lacks becomes ``{"kind": ..., "of": ...}``."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is list:
        return [_stored(item) for item in value]
    if kind in (tuple, set, frozenset):
        items = value if kind is tuple else sorted(value, key=repr)
        return {"kind": kind.__name__, "of": [_stored(item) for item in items]}
    if kind is dict and all(type(key) is str for key in value):
        return {"kind": "dict", "of": {key: _stored(item) for key, item in value.items()}}
    if kind is bytes:
        return {"kind": "bytes", "of": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"kind": "array", "of": [value.dtype.str, list(value.shape), data]}
    raise TypeError(f"{kind.__name__} objects")


def _restored(stored: Any) -> Any:
    if isinstance(stored, list):
        return [_restored(item) for item in stored]
    if not isinstance(stored, dict):
        return stored
    kind, of = stored["kind"], stored["of"]
    if kind == "dict":
        return {key: _restored(item) for key, item in of.items()}
    if kind == "bytes":
        return base64.b64decode(of)
    if kind == "array":
        dtype, shape, data = of
        array = np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()
        return array if shape else array[()]
    made = {"tuple": tuple, "set": set, "frozenset": frozenset}[kind]
    return made(_restored(item) for item in of)


def _together(values: list[Any]) -> Any:
    """One array where all values are arrays of one type and shape, else a list."""
    first = values[0]
    if not isinstance(first, np.ndarray | np.generic):
        return values
    alike = all(
        isinstance(v, np.ndarray | np.generic) and (v.dtype, v.shape) == (first.dtype, first.shape)
        for v in values
    )
    return np.stack(values) if alike else values
