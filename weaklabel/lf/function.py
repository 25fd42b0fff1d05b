"""Labeling functions as values.

A labeling function looks at one row and answers with a label or abstains::

    @labeling_function
    def mentions_link(x):
        return "spam" if "http" in x.text else None

It may return a class name, a class code, an enum member, ``None``/``ABSTAIN``, or one of
:class:`~weaklabel.OneOf`, :class:`~weaklabel.Not`, :class:`~weaklabel.Confident`,
:class:`~weaklabel.Reason`. Missing values of a row arrive as ``None``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, overload

from weaklabel.errors import ConfigError
from weaklabel.labels import LabelSpace, LabelSpaceLike
from weaklabel.lf.fingerprint import fingerprint
from weaklabel.lf.formats import Format, check_columns, check_format, from_values
from weaklabel.lf.preprocess import Preprocessor, preprocessed


@dataclass(frozen=True, eq=False)
class LabelingFunction:
    """A named function from a row to a vote.

    Parameters
    ----------
    name : str
        Unique among the labeling functions applied together.
    function : callable
        ``function(row, **resources)`` returns a vote.
    labels : LabelSpace, or anything it takes, optional
        The classes it votes on; taken from the pack or from :func:`weaklabel.apply` if None.
    resources : mapping of str to object
        Passed to the function as keyword arguments: word lists, models, look-up tables.
    preprocessors : sequence of Preprocessor
        Add fields to the row first, in this order.
    version : str, optional
        Part of the fingerprint; change it when something the fingerprint cannot see has changed.
    columns : sequence of str, optional
        Makes it a *column* labeling function: ``function(*columns, **resources)`` takes these
        columns of many rows at once and returns a vote for each. See
        :mod:`weaklabel.lf.columns`.
    format : {"arrow", "pandas", "numpy", "list"}, default "arrow"
        The form in which the columns arrive; see :mod:`weaklabel.lf.formats`.
    together : callable, optional
        Of a column labeling function: lets several share their work. See
        :mod:`weaklabel.lf.columns`.

    Raises
    ------
    ConfigError
        If the name is empty, the function cannot be called, a preprocessor is not one, or the
        settings of a column labeling function do not fit together.

    Examples
    --------
    >>> lf = LabelingFunction("shouts", lambda x: "spam" if x.text.isupper() else None)
    >>> lf({"text": "BUY NOW"})
    'spam'
    """

    name: str
    function: Callable[..., Any]
    labels: LabelSpace | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)
    preprocessors: tuple[Preprocessor, ...] = ()
    version: str | None = None
    columns: tuple[str, ...] | None = None
    format: Format = "arrow"
    together: Callable[[Sequence[LabelingFunction]], Callable[..., Sequence[Any]]] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ConfigError(f"a labeling function needs a name, found {self.name!r}")
        if not callable(self.function):
            raise ConfigError(
                f"labeling function {self.name!r} needs a function, found {self.function!r}"
            )
        steps = self.preprocessors
        steps = (steps,) if isinstance(steps, Preprocessor) else tuple(steps)
        for step in steps:
            if not isinstance(step, Preprocessor):
                raise ConfigError(
                    f"the preprocessors of labeling function {self.name!r} must be made with "
                    f"@preprocessor, found {step!r}"
                )
        labels = None if self.labels is None else LabelSpace(self.labels)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "preprocessors", steps)
        object.__setattr__(self, "resources", dict(self.resources))
        self._check_columns()

    def _check_columns(self) -> None:
        who = f"labeling function {self.name!r}"
        check_format(self.format, who)
        if self.columns is not None:
            object.__setattr__(self, "columns", check_columns(self.columns, who))
        elif self.together is not None:
            raise ConfigError(f"{who} has together=, which needs columns=['name', ...]")

    @cached_property
    def bound(self) -> Callable[[Any], Any]:
        """The function with its resources filled in; takes a row that is preprocessed already.

        That of a column labeling function takes its columns.
        """
        return partial(self.function, **self.resources) if self.resources else self.function

    @cached_property
    def fingerprint(self) -> str:
        """Digest of everything a vote depends on, as far as can be seen: 64 hex digits.

        See :mod:`weaklabel.lf.fingerprint` for what is seen and what is not.
        """
        parts = [
            self.function,
            dict(self.resources),
            [step.fingerprint for step in self.preprocessors],
            None if self.labels is None else list(self.labels.names),
            self.version,
        ]
        if self.columns is not None:
            parts += [list(self.columns), self.format, self.together]
        return fingerprint(*parts)

    def __call__(self, row: Any) -> Any:
        """What the function answers on one row; a dict will do as a row."""
        row, made = preprocessed(row, self.preprocessors)
        if self.columns is None:
            return self.bound(row)
        from weaklabel.lf.columns import single_vote  # which builds on this module

        columns = [
            made[name] if name in made else from_values([row[name]], self.format, name)
            for name in self.columns
        ]
        return single_vote(self, self.bound(*columns))

    def __repr__(self) -> str:
        return f"LabelingFunction({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """By reference where a worker process can find it again, else by value."""
        from weaklabel.lf.reference import reference_to  # which builds on this module

        reference = reference_to(self)
        if reference is not None:
            return reference
        fields = (self.name, self.function, self.labels, self.resources, self.preprocessors)
        more = (self.version, self.columns, self.format, self.together)
        return (type(self), (*fields, *more))


@overload
def labeling_function(function: Callable[..., Any], /) -> LabelingFunction: ...
@overload
def labeling_function(
    *,
    name: str | None = None,
    labels: LabelSpaceLike | None = None,
    resources: Mapping[str, Any] | None = None,
    preprocessors: Sequence[Preprocessor] | Preprocessor = (),
    version: str | None = None,
) -> Callable[[Callable[..., Any]], LabelingFunction]: ...
def labeling_function(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    labels: LabelSpaceLike | None = None,
    resources: Mapping[str, Any] | None = None,
    preprocessors: Sequence[Preprocessor] | Preprocessor = (),
    version: str | None = None,
) -> LabelingFunction | Callable[[Callable[..., Any]], LabelingFunction]:
    """Make a labeling function; as ``@labeling_function`` or with arguments.

    Parameters
    ----------
    name : str, optional
        The function's name if None.
    labels, resources, preprocessors, version
        As :class:`LabelingFunction`.

    Raises
    ------
    ConfigError
        If a lambda gets no name, and as :class:`LabelingFunction`.

    Examples
    --------
    >>> @labeling_function(resources={"words": {"free", "win"}})
    ... def prize(x, words):
    ...     return "spam" if words & set(x.text.split()) else None
    >>> prize({"text": "win a car"})
    'spam'
    """

    def make(target: Callable[..., Any]) -> LabelingFunction:
        return LabelingFunction(
            name_of(target, name),
            target,
            None if labels is None else LabelSpace(labels),
            resources or {},
            (preprocessors,) if isinstance(preprocessors, Preprocessor) else tuple(preprocessors),
            version,
        )

    return make if function is None else make(function)


def name_of(function: Any, name: str | None) -> str:
    """The name given, or that of the function."""
    if name is not None:
        return name
    if isinstance(function, LabelingFunction):
        raise ConfigError(f"{function!r} is a labeling function already; remove one decorator")
    if isinstance(function, str):
        raise ConfigError(f"the name goes in as a keyword: @labeling_function(name={function!r})")
    found = getattr(function, "__name__", None)
    if found == "<lambda>":
        raise ConfigError("a lambda has no name of its own; pass labeling_function(name='...')")
    if found is None:
        raise ConfigError(f"{function!r} has no name of its own; pass name='...'")
    return str(found)


def check_lfs(lfs: Any) -> tuple[LabelingFunction, ...]:
    """The labeling functions as a tuple, checked: at least one, of the right type, unique names.

    Raises
    ------
    ConfigError
        The message names what was found and what to do.
    """
    if isinstance(lfs, LabelingFunction):
        lfs = [lfs]
    if isinstance(lfs, str | bytes) or not hasattr(lfs, "__iter__"):
        raise ConfigError(
            f"expected labeling functions (a list or a pack), found {lfs!r}; "
            "load a file of them with load_pack(path)"
        )
    listed = tuple(lfs)
    if not listed:
        raise ConfigError("there are no labeling functions; give at least one")
    seen: set[str] = set()
    for lf in listed:
        if not isinstance(lf, LabelingFunction):
            what = getattr(lf, "__name__", repr(lf))
            raise ConfigError(
                f"{what} is a {type(lf).__name__}, not a labeling function; "
                "decorate the function with @labeling_function"
            )
        if lf.name in seen:
            raise ConfigError(
                f"labeling functions must have unique names, found {lf.name!r} twice; "
                "rename one with @labeling_function(name='...')"
            )
        seen.add(lf.name)
    return listed


def source_line(lf: LabelingFunction) -> int | None:
    """Line of its file where the function of an LF begins, if known."""
    code = getattr(lf.function, "__code__", None)
    return None if code is None else int(code.co_firstlineno)
