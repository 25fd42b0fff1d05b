"""Label spaces and the vote alphabet.

A :class:`LabelSpace` maps class names to codes ``0 .. K-1`` and back; :data:`ABSTAIN` (-1) is the
absence of a vote. A *vote* is a symbol from a small alphabet: most votes name one class, but a
labeling function may also answer "one of these" (:class:`OneOf`), "not this one" (:class:`Not`),
"this class, this sure" (:class:`Confident`) or "nothing, and this is why" (:class:`Reason`). A
:class:`VoteAlphabet` numbers the symbols in use: the first K are the classes themselves, so plain
votes are plain class codes and nothing else pays for the richer ones.
"""

from __future__ import annotations

import enum
import math
import numbers
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.errors import LabelError

ABSTAIN: Final = -1
"""The code of an abstention: no vote. It is the absence of an entry in a vote matrix."""

MAX_LISTED: Final = 12  # class names named in an error message before the list is cut
_PLAIN_TYPES: Final = frozenset({str, int, bool, type(None)})  # labels of data columns as they are


@dataclass(frozen=True, slots=True)
class OneOf:
    """The vote "the class is one of these".

    Parameters
    ----------
    *labels : str, int or Enum
        At least one class; which must be known to the label space is checked when the vote is read.

    Examples
    --------
    >>> OneOf("sports", "business")
    OneOf('sports', 'business')
    """

    labels: tuple[Any, ...]

    def __init__(self, *labels: Any) -> None:
        object.__setattr__(self, "labels", labels)

    def __repr__(self) -> str:
        return f"OneOf({', '.join(map(repr, self.labels))})"


@dataclass(frozen=True, slots=True)
class Not:
    """The vote "the class is none of these".

    Parameters
    ----------
    *labels : str, int or Enum
        At least one class, and not all of them.
    """

    labels: tuple[Any, ...]

    def __init__(self, *labels: Any) -> None:
        object.__setattr__(self, "labels", labels)

    def __repr__(self) -> str:
        return f"Not({', '.join(map(repr, self.labels))})"


@dataclass(frozen=True, slots=True)
class Confident:
    """The vote "this class, with this confidence".

    The confidence is not taken at face value: it is put into a bin, and a label model learns from
    the votes what each bin of each labeling function is worth.

    Parameters
    ----------
    label : str, int or Enum
        The class.
    confidence : float
        In [0, 1].
    """

    label: Any
    confidence: float


@dataclass(frozen=True, slots=True)
class Reason:
    """An abstention that says why; the reason may carry information about the class.

    Parameters
    ----------
    reason : str
        A short code such as ``"refused"`` or ``"too long"``, not a free text per row.
    """

    reason: str


SymbolKind: TypeAlias = Literal["class", "set", "bin", "reason", "joint"]


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """One symbol of a vote alphabet, in canonical form.

    Attributes
    ----------
    kind : {"class", "set", "bin", "reason", "joint"}
        ``"joint"``: what several dependent labeling functions say together; no vote of one.
    classes : tuple of int
        The class codes it speaks for, ascending. Empty for a reason.
    interval : tuple of float, optional
        For ``"bin"``: the confidences ``[low, high]`` the bin covers.
    reason : str
        For ``"reason"``: the reason. For ``"joint"``: what each says, in words.
    """

    kind: SymbolKind
    classes: tuple[int, ...] = ()
    interval: tuple[float, float] | None = None
    reason: str = ""

    def affinity(self, n_classes: int) -> npt.NDArray[np.float64]:
        """How much the symbol, read literally, speaks for each class.

        Returns
        -------
        array, shape (n_classes,)
            Sums to 1: one-hot for a class, uniform over a set, the middle of the interval on the
            class and the rest spread evenly for a bin, uniform for a reason.
        """
        if self.kind == "reason":
            return np.full(n_classes, 1.0 / n_classes)
        if self.kind == "bin":
            assert self.interval is not None
            middle = 0.5 * (self.interval[0] + self.interval[1])
            rest = (1.0 - middle) / max(n_classes - 1, 1)
            out = np.full(n_classes, rest)
            out[self.classes[0]] = middle if n_classes > 1 else 1.0
            return out
        out = np.zeros(n_classes)
        out[list(self.classes)] = 1.0 / len(self.classes)
        return out

    def describe(self, labels: LabelSpace) -> str:
        """The symbol in words, such as ``"spam"``, ``"one of a, b"`` or ``"spam @ 0.8-1"``."""
        if self.kind == "reason":
            return f"abstain: {self.reason}"
        if self.kind == "joint":
            return self.reason
        names = [labels.names[c] for c in self.classes]
        if self.kind == "bin":
            assert self.interval is not None
            return f"{names[0]} @ {self.interval[0]:g}-{self.interval[1]:g}"
        return names[0] if self.kind == "class" else "one of " + ", ".join(names)


class LabelSpace:
    """The classes: their names, in order, and the codes ``0 .. K-1`` that stand for them.

    Parameters
    ----------
    names : sequence of str, type of Enum, LabelSpace, or the integers 0 .. K-1
        Class names in code order. From an ``Enum``, members named ``ABSTAIN`` or valued -1 are left
        out; integer values must then be 0 .. K-1.

    Raises
    ------
    LabelError
        If a name is empty, not a string, or used twice, or if there is no class.

    Examples
    --------
    >>> space = LabelSpace(["ham", "spam"])
    >>> space.code("spam"), space.name(0), len(space)
    (1, 'ham', 2)
    """

    __slots__ = ("_codes", "_enum", "names")

    names: tuple[str, ...]
    _codes: dict[str, int]
    _enum: type[enum.Enum] | None

    def __init__(self, names: LabelSpaceLike) -> None:
        enum_type: type[enum.Enum] | None = None
        if isinstance(names, LabelSpace):
            resolved, enum_type = names.names, names._enum
        elif isinstance(names, type) and issubclass(names, enum.Enum):
            resolved, enum_type = _names_of_enum(names), names
        elif isinstance(names, str):
            raise LabelError(
                f"the class names must be a list, found the single string {names!r}; "
                f"write [{names!r}, ...]"
            )
        else:
            resolved = _names_of_list(list(names))
        _check_names(resolved)
        object.__setattr__(self, "names", resolved)
        object.__setattr__(self, "_codes", {name: code for code, name in enumerate(resolved)})
        object.__setattr__(self, "_enum", enum_type)

    @classmethod
    def infer(cls, values: Iterable[Any]) -> LabelSpace:
        """The label space of the distinct labels found in a column of data.

        Missing values (None, NaN) are skipped. Numbers are ordered by size, everything else by
        name, so the codes do not depend on the order of the rows. Booleans become the classes
        ``false`` and ``true``.

        Parameters
        ----------
        values : iterable of str, int, integral float or Enum

        Raises
        ------
        LabelError
            If every value is missing or a value is not a label (a fraction, a list).
        """
        found = {_plain(v) for v in values}
        found.discard(None)
        if not found:
            raise LabelError(
                "no label was found: every value is missing; "
                "give at least one label, or the class names"
            )
        integers = sorted(v for v in found if isinstance(v, int))
        if len(integers) == len(found):
            return cls([str(v) for v in integers])
        return cls(sorted({str(v) for v in found}))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a LabelSpace is frozen; make a new one")

    def __reduce__(self) -> tuple[Any, ...]:
        return (LabelSpace, (self._enum if self._enum is not None else self.names,))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._codes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelSpace) and self.names == other.names

    def __hash__(self) -> int:
        return hash(self.names)

    def __repr__(self) -> str:
        return f"LabelSpace({list(self.names)!r})"

    def allowed(self) -> str:
        """The labels an LF may return, in words, for error messages."""
        listed = ", ".join(
            f"{name!r} ({code})" for code, name in enumerate(self.names[:MAX_LISTED])
        )
        more = f", ... {len(self) - MAX_LISTED} more" if len(self) > MAX_LISTED else ""
        return f"{listed}{more}, or None/ABSTAIN ({ABSTAIN})"

    def name(self, code: int) -> str:
        """The name of a class code.

        Raises
        ------
        LabelError
            If the code is not in ``0 .. K-1``.
        """
        if not 0 <= code < len(self.names):
            raise LabelError(f"class codes are 0 .. {len(self) - 1}, found {code}")
        return self.names[code]

    def code(self, value: Any) -> int:
        """The code of a class name, an enum member or a code; -1 for None and ABSTAIN.

        Raises
        ------
        LabelError
            If the value is none of these; the message lists the allowed labels.
        """
        code = self._find(value)
        if code is None:
            raise LabelError(f"{value!r} is not a label; the labels are {self.allowed()}")
        return code

    def _find(self, value: Any) -> int | None:
        if value is None:
            return ABSTAIN
        if isinstance(value, enum.Enum):
            return self._find_member(value)
        if isinstance(value, str):
            return self._codes.get(value)
        if isinstance(value, bool | np.bool_):
            return None  # True is not "class 1": a forgotten `return SPAM if ...` must not pass
        if isinstance(value, numbers.Integral):
            code = int(value)
            return code if ABSTAIN <= code < len(self.names) else None
        return None

    def _find_member(self, member: enum.Enum) -> int | None:
        if _means_abstain(member):
            return ABSTAIN
        if self._enum is not None and not isinstance(member, self._enum):
            return None
        if isinstance(member.value, str) and member.value in self._codes:
            return self._codes[member.value]
        return self._codes.get(member.name)

    def encode(self, values: Any, *, what: str = "label") -> npt.NDArray[np.int64]:
        """Codes of a column of data, such as gold labels.

        Strings are class names. Integers (and integral floats) are class names if every one of
        them is a name, and codes otherwise. Booleans are the classes ``true`` and ``false`` where
        there are such, and the codes 1 and 0 otherwise. None, NaN and -1 mean unknown.

        Parameters
        ----------
        values : sequence, array, pandas Series or Arrow array, shape (n,)
        what : str
            What a value is called in the error message.

        Returns
        -------
        array of int64, shape (n,)
            In ``-1 .. K-1``.

        Raises
        ------
        LabelError
            If a value is not a label; the message names the first one and its position.
        """
        array = values if isinstance(values, np.ndarray) else None
        if array is not None and array.ndim != 1:
            raise LabelError(f"the {what}s must be one-dimensional, found shape {array.shape}")
        if array is not None and array.dtype.kind in "iu":
            return self._encode_integers(array, what)
        as_list = getattr(values, "to_pylist", None) or getattr(values, "tolist", None)
        return self._encode_objects(list(values) if as_list is None else as_list(), what)

    def _encode_integers(
        self, array: npt.NDArray[np.integer[Any]], what: str
    ) -> npt.NDArray[np.int64]:
        distinct, position = np.unique(array, return_inverse=True)
        codes = self._encode_distinct([int(v) for v in distinct])
        bad = codes[position] < ABSTAIN
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise self._no_label(int(array[at]), at, what)
        return np.asarray(codes[position])

    def _encode_objects(self, values: Sequence[Any], what: str) -> npt.NDArray[np.int64]:
        number: dict[tuple[type, Any], int] = {}  # of each distinct value, in order of appearance
        position = np.empty(len(values), dtype=np.int64)
        for at, value in enumerate(values):
            try:
                is_plain = type(value) in _PLAIN_TYPES or isinstance(value, enum.Enum)
                plain = value if is_plain else _plain(value)
            except LabelError as error:
                raise LabelError(f"the {what} at position {at}: {error}") from None
            position[at] = number.setdefault((type(plain), plain), len(number))
        codes = self._encode_distinct([value for _, value in number])[position]
        if (codes < ABSTAIN).any():
            at = int(np.flatnonzero(codes < ABSTAIN)[0])
            raise self._no_label(values[at], at, what)
        return codes

    def _encode_distinct(self, values: Sequence[Any]) -> npt.NDArray[np.int64]:
        """Codes of distinct values; -2 for what is no label."""
        integers = [v for v in values if type(v) is int and v != ABSTAIN]
        by_name = all(str(v) in self._codes for v in integers)
        codes = np.full(len(values), ABSTAIN - 1, dtype=np.int64)
        for at, value in enumerate(values):
            if type(value) is bool:  # data may hold booleans; an LF must not return one
                found = self._codes.get(str(value).lower(), self._find(int(value)))
            elif type(value) is int and by_name and str(value) in self._codes:
                found = self._codes[str(value)]
            else:
                found = self._find(value)
            if found is not None:
                codes[at] = found
        return codes

    def _no_label(self, value: Any, position: int, what: str) -> LabelError:
        return LabelError(
            f"the {what} {value!r} at position {position} is not a label; "
            f"the labels are {self.allowed()}"
        )

    def decode(self, codes: npt.ArrayLike) -> list[str | None]:
        """Class names of an array of codes; None for an abstention."""
        names: list[str | None] = [*self.names, None]  # code -1 indexes the last entry
        return [names[c] for c in np.asarray(codes, dtype=np.int64).tolist()]


LabelSpaceLike: TypeAlias = "LabelSpace | type[enum.Enum] | Iterable[Any]"


@dataclass(frozen=True)
class VoteAlphabet:
    """The symbols that votes may take: the classes first, then whatever else is in use.

    Parameters
    ----------
    labels : LabelSpace
    extra : tuple of Symbol
        Symbols beyond the classes, with codes K, K+1, ...
    confidence_edges : tuple of float
        Ascending, inside (0, 1): the borders between the confidence bins of :class:`Confident`.
    """

    labels: LabelSpace
    extra: tuple[Symbol, ...] = ()
    confidence_edges: tuple[float, ...] = (0.5, 0.7, 0.85, 0.95)
    _codes: Mapping[Symbol, int] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        edges = self.confidence_edges
        ascending = all(a < b for a, b in pairwise((0.0, *edges, 1.0)))
        if not ascending:
            raise LabelError(f"confidence edges must ascend inside (0, 1), found {edges}")
        if len(set(self.extra)) != len(self.extra):
            raise LabelError("a symbol stands twice in the vote alphabet")
        codes = {Symbol("class", (c,)): c for c in range(len(self.labels))}
        codes.update({s: len(self.labels) + i for i, s in enumerate(self.extra)})
        object.__setattr__(self, "_codes", codes)

    def __len__(self) -> int:
        return len(self.labels) + len(self.extra)

    @property
    def is_plain(self) -> bool:
        """True if the only symbols are the classes."""
        return not self.extra

    def symbol(self, code: int) -> Symbol:
        """The symbol with this code."""
        n_classes = len(self.labels)
        return Symbol("class", (code,)) if code < n_classes else self.extra[code - n_classes]

    def code(self, symbol: Symbol) -> int | None:
        """The code of a symbol, or None if it is not in the alphabet."""
        return self._codes.get(symbol)

    def describe(self, code: int) -> str:
        """The symbol with this code in words."""
        return self.symbol(code).describe(self.labels)

    def affinity(self) -> npt.NDArray[np.float64]:
        """Each symbol's literal reading as a distribution over classes.

        Returns
        -------
        array, shape (len(self), n_classes)
            Rows sum to 1.
        """
        n_classes = len(self.labels)
        rows = [np.eye(n_classes)] + [s.affinity(n_classes)[None, :] for s in self.extra]
        return np.concatenate(rows, axis=0)

    def read(self, value: Any) -> Symbol | None:
        """The canonical symbol of what a labeling function returned; None for an abstention.

        Raises
        ------
        LabelError
            If the value is not a label, a set of labels, a confident label or a reason.
        """
        if isinstance(value, OneOf | Not):
            return self._read_set(value)
        if isinstance(value, Confident):
            return self._read_confident(value)
        if isinstance(value, Reason):
            return Symbol("reason", reason=value.reason)
        code = self.labels.code(value)
        return None if code == ABSTAIN else Symbol("class", (code,))

    def _read_set(self, value: OneOf | Not) -> Symbol:
        codes = {self.labels.code(label) for label in value.labels}
        if not codes or ABSTAIN in codes:
            raise LabelError(f"{value!r} must name at least one class and no abstention")
        if isinstance(value, Not):
            codes = set(range(len(self.labels))) - codes
            if not codes:
                raise LabelError(f"{value!r} leaves no class; at least one must remain")
        kind: SymbolKind = "class" if len(codes) == 1 else "set"
        return Symbol(kind, tuple(sorted(codes)))

    def _read_confident(self, value: Confident) -> Symbol:
        code = self.labels.code(value.label)
        if code == ABSTAIN:
            raise LabelError(f"{value!r} must name a class; return None to abstain")
        confidence = value.confidence
        if not isinstance(confidence, numbers.Real) or not 0.0 <= float(confidence) <= 1.0:
            raise LabelError(f"a confidence must lie in [0, 1], found {value!r}")
        edges = (0.0, *self.confidence_edges, 1.0)
        position = min(bisect_right(edges, float(confidence)), len(edges) - 1)
        return Symbol("bin", (code,), interval=(edges[position - 1], edges[position]))

    def extended(self, symbols: Iterable[Symbol]) -> VoteAlphabet:
        """This alphabet and those symbols it lacks, in canonical order.

        The order of ``extra`` is sorted and so does not depend on which row came first.
        """
        new = {s for s in symbols if s not in self._codes}
        if not new:
            return self
        ordered = sorted({*self.extra, *new}, key=_symbol_order)
        return VoteAlphabet(self.labels, tuple(ordered), self.confidence_edges)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that :meth:`from_json` reads back."""
        return {
            "labels": list(self.labels.names),
            "extra": [
                {"kind": s.kind, "classes": list(s.classes)}
                | ({"interval": list(s.interval)} if s.interval else {})
                | ({"reason": s.reason} if s.reason else {})
                for s in self.extra
            ],
            "confidence_edges": list(self.confidence_edges),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> VoteAlphabet:
        """The alphabet written by :meth:`to_json`."""
        extra = tuple(
            Symbol(
                entry["kind"],
                tuple(entry["classes"]),
                (entry["interval"][0], entry["interval"][1]) if "interval" in entry else None,
                entry.get("reason", ""),
            )
            for entry in data.get("extra", ())
        )
        return cls(LabelSpace(data["labels"]), extra, tuple(data["confidence_edges"]))


def _symbol_order(symbol: Symbol) -> tuple[Any, ...]:
    return (symbol.kind, symbol.classes, symbol.interval or (), symbol.reason)


def _means_abstain(member: enum.Enum) -> bool:
    return member.name.upper() == "ABSTAIN" or (
        isinstance(member.value, int) and member.value == ABSTAIN
    )


def _names_of_enum(members: type[enum.Enum]) -> tuple[str, ...]:
    classes = [m for m in members if not _means_abstain(m)]
    if all(isinstance(m.value, int) for m in classes):
        classes.sort(key=lambda m: int(m.value))
        values = [int(m.value) for m in classes]
        if values != list(range(len(values))):
            raise LabelError(
                f"the values of {members.__name__} must be 0 .. {len(values) - 1} "
                f"(ABSTAIN may be -1), found {values}; number the members from 0"
            )
        return tuple(m.name for m in classes)
    return tuple(m.value if isinstance(m.value, str) else m.name for m in classes)


def _names_of_list(names: list[Any]) -> tuple[str, ...]:
    integers = [n for n in names if isinstance(n, numbers.Integral) and not isinstance(n, bool)]
    if names and len(integers) == len(names):
        if [int(n) for n in integers] != list(range(len(names))):
            raise LabelError(
                f"integer class names must be 0 .. {len(names) - 1}, found "
                f"{[int(n) for n in integers]}; give the names as strings instead"
            )
        return tuple(str(int(n)) for n in integers)
    for name in names:
        if not isinstance(name, str) or isinstance(name, enum.Enum):
            raise LabelError(f"class names must be strings, found {name!r}")
    return tuple(names)


def _check_names(names: tuple[str, ...]) -> None:
    if not names:
        raise LabelError("a label space needs at least one class, found none")
    seen: set[str] = set()
    for name in names:
        if not name.strip():
            raise LabelError(f"class names must not be empty, found {name!r}")
        if name in seen:
            raise LabelError(f"class names must be unique, found {name!r} twice")
        seen.add(name)


def _plain(value: Any) -> str | int | None:
    """A label of a data column as str or int; None where it is missing."""
    if value is None:
        return None
    if isinstance(value, enum.Enum):
        return None if _means_abstain(value) else value.name
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        if math.isnan(number):
            return None
        if number.is_integer():
            return int(number)
    elif type(value).__name__ in {"NAType", "NaTType"}:  # of pandas, which is not imported here
        return None
    raise LabelError(
        f"{value!r} (a {type(value).__name__}) is not a label; give a name or an integer"
    )
