"""Preprocessors: fields that several labeling functions share, computed once per row.

A preprocessor maps a row to a dict of new fields::

    @preprocessor
    def normalized(x):
        return {"words": x.text.lower().split()}

    @labeling_function(preprocessors=[normalized])
    def many_words(x):
        return "long" if len(x.words) > 50 else None

Within one :func:`weaklabel.apply` every labeling function that names the same preprocessors reads
the same computed fields. Preprocessors run in the order given, each seeing the fields of those
before it.

A *batched* preprocessor names the columns it reads and takes them for many rows at once, so that a
language model or an embedding works at its own pace::

    @preprocessor(columns=["text"], format="list")
    def parsed(text):
        return {"doc": list(nlp.pipe(text))}

It returns a dict of new columns, each with one value per row, in row order. Like a column labeling
function it must treat each row by itself, because how many rows it gets is up to the engine. Row
functions read ``x.doc``; column functions list ``"doc"`` among their columns. With ``memo=path``
what it made of a row is kept on disk for later runs; see :mod:`weaklabel.lf.memo`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, overload

from weaklabel.errors import ConfigError, WeakLabelError
from weaklabel.lf.fingerprint import fingerprint
from weaklabel.lf.formats import Format, check_columns, check_format, columns_of, from_values
from weaklabel.lf.row import ExtendedRow, as_row


class PreprocessorError(WeakLabelError):
    """A preprocessor failed on a row; the cause is chained."""


@dataclass(frozen=True, eq=False)
class Preprocessor:
    """A named function from a row to a dict of new fields.

    Parameters
    ----------
    name : str
    function : callable
        ``function(row, **resources)`` returns a mapping of field names to values.
    resources : mapping of str to object
        Passed to the function as keyword arguments.
    version : str, optional
        Part of the fingerprint; change it when something the fingerprint cannot see has changed.
    columns : sequence of str, optional
        Makes it a batched preprocessor: ``function(*columns, **resources)`` takes these columns of
        many rows at once and returns a mapping of new columns.
    format : {"arrow", "pandas", "numpy", "list"}, default "list"
        The form in which the columns arrive; see :mod:`weaklabel.lf.formats`. Columns made by
        another preprocessor arrive as it made them.
    memo : path, optional
        Of a batched preprocessor: a file in which its results are kept, row by row, for later runs
        and other processes. They must be plain values; see :mod:`weaklabel.lf.memo`.
    """

    name: str
    function: Callable[..., Any]
    resources: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None
    columns: tuple[str, ...] | None = None
    format: Format = "list"
    memo: Path | None = None

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ConfigError(f"a preprocessor needs a function, found {self.function!r}")
        object.__setattr__(self, "resources", dict(self.resources))
        check_format(self.format, f"preprocessor {self.name!r}")
        if self.columns is not None:
            names = check_columns(self.columns, f"preprocessor {self.name!r}")
            object.__setattr__(self, "columns", names)
        if self.memo is not None and self.columns is None:
            raise ConfigError(
                f"preprocessor {self.name!r} has memo=, which needs columns=['name', ...]: only "
                "then is it known what its results depend on"
            )
        if self.memo is not None:
            object.__setattr__(self, "memo", Path(self.memo).absolute())

    @cached_property
    def bound(self) -> Callable[[Any], Any]:
        """The function with its resources filled in."""
        return partial(self.function, **self.resources) if self.resources else self.function

    @cached_property
    def fingerprint(self) -> str:
        """Digest of everything the result depends on, as far as can be seen."""
        parts = [self.function, dict(self.resources), self.version]
        if self.columns is not None:
            parts += [list(self.columns), self.format]
        return fingerprint(*parts)

    def __call__(self, row: Any) -> Mapping[str, Any]:
        """The new fields of a row (a dict will do as a row).

        Raises
        ------
        PreprocessorError
            If the function fails or does not return a mapping of field names to values.
        """
        if self.columns is not None:
            columns = preprocessed(row, (self,))[1]
            return {name: values[0] for name, values in columns.items()}
        try:
            fields = self.bound(as_row(row))
        except Exception as error:
            raise PreprocessorError(
                f"preprocessor {self.name!r} failed: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(fields, Mapping) or not all(isinstance(name, str) for name in fields):
            raise PreprocessorError(
                f"preprocessor {self.name!r} must return a dict of new fields, such as "
                f"{{'words': [...]}}, found {type(fields).__name__}"
            )
        return fields

    def batch(self, columns: Sequence[Any], n_rows: int) -> dict[str, Sequence[Any]]:
        """The new columns of a batched preprocessor, each of shape (n_rows,).

        Raises
        ------
        PreprocessorError
            If the function fails, or does not return a mapping of names to columns of that length.
        ConfigError
            If the memo cannot be used.
        """
        if self.memo is None:
            return self._compute(columns, n_rows)
        from weaklabel.lf.memo import memoised  # which loads a database

        return memoised(self.memo, self.name, self.fingerprint, columns, n_rows, self._compute)

    def _compute(self, columns: Sequence[Any], n_rows: int) -> dict[str, Sequence[Any]]:
        try:
            made = self.bound(*columns)
        except Exception as error:
            raise PreprocessorError(
                f"preprocessor {self.name!r} failed: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(made, Mapping) or not all(isinstance(name, str) for name in made):
            raise PreprocessorError(
                f"the batched preprocessor {self.name!r} must return a dict of new columns, such "
                f"as {{'words': [[...], ...]}}, found {type(made).__name__}"
            )
        for name, values in made.items():
            if not hasattr(values, "__len__") or isinstance(values, str | bytes | Mapping | set):
                raise PreprocessorError(
                    f"the batched preprocessor {self.name!r} must return columns, found "
                    f"{type(values).__name__} for {name!r}; make it a list"
                )
            if len(values) != n_rows:
                raise PreprocessorError(
                    f"the batched preprocessor {self.name!r} returned {len(values):,} values of "
                    f"{name!r} for {n_rows:,} rows; it must return one for each row, in row order"
                )
        return {name: _by_position(values) for name, values in made.items()}

    def extend(self, row: Any) -> ExtendedRow:
        """The row with the new fields."""
        return ExtendedRow(row, self(row))

    def __repr__(self) -> str:
        return f"Preprocessor({self.name!r})"


def preprocessed(row: Any, steps: Sequence[Preprocessor]) -> tuple[Any, dict[str, Any]]:
    """One row with the fields of some preprocessors, and the columns that batched ones made."""
    row = as_row(row)
    made: dict[str, Any] = {}
    for step in steps:
        if step.columns is None:
            fields = step(row)
            made |= {name: [value] for name, value in fields.items()}
        else:
            given = [
                made[name] if name in made else from_values([row[name]], step.format, name)
                for name in step.columns
            ]
            columns = step.batch(given, 1)
            made |= columns
            fields = {name: values[0] for name, values in columns.items()}
        row = ExtendedRow(row, fields)
    return row, made


def _by_position(values: Any) -> Any:
    """A pandas Series as an array, so that ``values[i]`` is the i-th one whatever its index."""
    return values.to_numpy() if hasattr(values, "iloc") else values


@overload
def preprocessor(function: Callable[..., Any], /) -> Preprocessor: ...
@overload
def preprocessor(
    *,
    name: str | None = None,
    resources: Mapping[str, Any] | None = None,
    version: str | None = None,
    columns: Sequence[str] | str | None = None,
    format: Format = "list",
    batched: bool = False,
    memo: str | os.PathLike[str] | None = None,
) -> Callable[[Callable[..., Any]], Preprocessor]: ...
def preprocessor(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    resources: Mapping[str, Any] | None = None,
    version: str | None = None,
    columns: Sequence[str] | str | None = None,
    format: Format = "list",
    batched: bool = False,
    memo: str | os.PathLike[str] | None = None,
) -> Preprocessor | Callable[[Callable[..., Any]], Preprocessor]:
    """Make a preprocessor of a function; as ``@preprocessor`` or with arguments.

    Parameters
    ----------
    name : str, optional
        The function's name if None.
    resources, version, columns, format, memo
        As :class:`Preprocessor`.
    batched : bool, default False
        With no columns named: the columns are the parameters that are not resources.

    Examples
    --------
    >>> @preprocessor
    ... def words(x):
    ...     return {"words": x.text.split()}
    >>> words({"text": "a b"})
    {'words': ['a', 'b']}
    """

    def make(target: Callable[..., Any]) -> Preprocessor:
        chosen = name if name is not None else getattr(target, "__name__", "")
        if not chosen or chosen == "<lambda>":
            raise ConfigError("a preprocessor made of a lambda needs a name; pass name='...'")
        names = columns
        if names is None and batched:
            names = columns_of(target, resources or {}, f"preprocessor {chosen!r}")
        read = None if names is None else check_columns(names, f"preprocessor {chosen!r}")
        kept = None if memo is None else Path(memo)
        return Preprocessor(chosen, target, resources or {}, version, read, format, kept)

    return make if function is None else make(function)
