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
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, overload

from weaklabel.errors import ConfigError, WeakLabelError
from weaklabel.lf.fingerprint import fingerprint
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
    """

    name: str
    function: Callable[..., Any]
    resources: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ConfigError(f"a preprocessor needs a function, found {self.function!r}")
        object.__setattr__(self, "resources", dict(self.resources))

    @cached_property
    def bound(self) -> Callable[[Any], Any]:
        """The function with its resources filled in."""
        return partial(self.function, **self.resources) if self.resources else self.function

    @cached_property
    def fingerprint(self) -> str:
        """Digest of everything the result depends on, as far as can be seen."""
        return fingerprint(self.function, dict(self.resources), self.version)

    def __call__(self, row: Any) -> Mapping[str, Any]:
        """The new fields of a row (a dict will do as a row).

        Raises
        ------
        PreprocessorError
            If the function fails or does not return a mapping of field names to values.
        """
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

    def extend(self, row: Any) -> ExtendedRow:
        """The row with the new fields."""
        return ExtendedRow(row, self(row))

    def __repr__(self) -> str:
        return f"Preprocessor({self.name!r})"


@overload
def preprocessor(function: Callable[..., Any], /) -> Preprocessor: ...
@overload
def preprocessor(
    *,
    name: str | None = None,
    resources: Mapping[str, Any] | None = None,
    version: str | None = None,
) -> Callable[[Callable[..., Any]], Preprocessor]: ...
def preprocessor(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    resources: Mapping[str, Any] | None = None,
    version: str | None = None,
) -> Preprocessor | Callable[[Callable[..., Any]], Preprocessor]:
    """Make a preprocessor of a function; as ``@preprocessor`` or with arguments.

    Parameters
    ----------
    name : str, optional
        The function's name if None.
    resources, version
        As :class:`Preprocessor`.

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
        return Preprocessor(chosen, target, resources or {}, version)

    return make if function is None else make(function)
