"""Which classes the votes are about.

In this order: the ``labels`` given to ``apply``; those of the pack; those the labeling functions
declare; and if nobody says, what they answered: members of an enum give that enum, names are
sorted, codes give ``0 .. max``. What is inferred depends on the answers only, not on their order.
"""

from __future__ import annotations

import enum
import numbers
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from weaklabel.errors import ConfigError, LabelError
from weaklabel.labels import ABSTAIN, Confident, LabelSpace, LabelSpaceLike, Not, OneOf, Reason
from weaklabel.lf import LabelingFunction, Pack

LARGEST_INFERRED: Final = 10_000  # a larger code is more likely a mistake than a class


def declared_labels(
    given: LabelSpaceLike | None, pack: Pack | None, lfs: Sequence[LabelingFunction]
) -> LabelSpace | None:
    """The classes that somebody has declared; None if nobody has.

    Raises
    ------
    ConfigError
        If a labeling function declares other classes than those that count.
    LabelError
        If the classes given are not a label space.
    """
    space, said_by = _first_declared(given, pack, lfs)
    for lf in lfs:
        if lf.labels is not None and lf.labels != space:
            assert space is not None
            raise ConfigError(
                f"labeling function {lf.name!r} votes on the classes {list(lf.labels.names)}, "
                f"but {said_by} {list(space.names)}; make them the same, in the same order"
            )
    return space


def _first_declared(
    given: LabelSpaceLike | None, pack: Pack | None, lfs: Sequence[LabelingFunction]
) -> tuple[LabelSpace | None, str]:
    if given is not None:
        return LabelSpace(given), "the labels given are"
    if pack is not None and pack.labels is not None:
        return pack.labels, f"the LABELS of pack {pack.name} are"
    for lf in lfs:
        if lf.labels is not None:
            return lf.labels, f"those of labeling function {lf.name!r} are"
    return None, ""


def inferred_labels(answers: Iterable[Any]) -> LabelSpace:
    """The classes that the answers themselves speak of.

    Raises
    ------
    ConfigError
        If there are no answers, or they mix names, codes, or members of different enums.
    """
    labels = [label for answer in answers for label in _labels_in(answer)]
    kinds = {type(label) for label in labels if isinstance(label, enum.Enum)}
    plain = [label for label in labels if not isinstance(label, enum.Enum)]
    names = {str(label) for label in plain if isinstance(label, str)}
    codes = {int(label) for label in plain if isinstance(label, numbers.Integral)}
    codes.discard(ABSTAIN)
    remedy = "pass labels=[...], or set LABELS in the pack"
    if len(kinds) > 1:
        listed = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise ConfigError(f"the votes are members of different enums, {listed}; {remedy}")
    if kinds:
        return LabelSpace(kinds.pop())
    if names and codes:
        raise ConfigError(
            f"the votes mix names such as {min(names)!r} and codes such as {min(codes)}, and "
            f"nothing says which code is which name; {remedy}"
        )
    if names:
        return LabelSpace(sorted(names))
    if not codes:
        raise ConfigError(f"no labeling function voted, so the classes are not known; {remedy}")
    if min(codes) < 0 or max(codes) > LARGEST_INFERRED:
        odd = min(codes) if min(codes) < 0 else max(codes)
        raise ConfigError(f"class codes are 0, 1, ... and -1 to abstain, found {odd}; {remedy}")
    return LabelSpace(range(max(codes) + 1))


def _labels_in(answer: Any) -> Iterator[Any]:
    if isinstance(answer, OneOf | Not):
        yield from answer.labels
    elif isinstance(answer, Confident):
        yield answer.label
    elif answer is not None and not isinstance(answer, Reason):
        yield answer


def explain(error: LabelError, labels: LabelSpace) -> str:
    """The sentence of a label error, with the allowed labels named once."""
    text = str(error)
    return text if labels.allowed() in text else f"{text}; the labels are {labels.allowed()}"
