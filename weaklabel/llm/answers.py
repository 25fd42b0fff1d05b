"""Answer maps: which texts a model may answer, and what each means as a vote."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from weaklabel.errors import ConfigError, LabelError
from weaklabel.labels import (
    ABSTAIN,
    Confident,
    LabelSpace,
    LabelSpaceLike,
    Not,
    OneOf,
    Reason,
    VoteAlphabet,
)
from weaklabel.llm.normalising import Matcher
from weaklabel.llm.protocol import FailureKind

AnswersLike: TypeAlias = "AnswerMap | Mapping[str, Any] | Sequence[str] | type[enum.Enum]"


@dataclass(frozen=True)
class Reading:
    """What an answer means.

    Attributes
    ----------
    vote : object
        A class, OneOf, Not, Confident, Reason; None to abstain.
    problem : str, optional
        Why the answer could not be read; the vote is then None.
    detail : str
        In words.
    """

    vote: Any = None
    problem: FailureKind | None = None
    detail: str = ""


class AnswerMap:
    """The texts that a model may answer and the vote that each stands for.

    Parameters
    ----------
    votes : mapping of str to vote, or sequence of class names
        A vote is a class, :class:`OneOf`, :class:`Not`, :class:`Confident`, :class:`Reason`, or
        None to abstain. A sequence of names: each class is its own answer.
    who : str
        Whose it is, for messages.

    Raises
    ------
    ConfigError
        If it is empty, two texts are the same once normalised, or no answer is a vote.

    Examples
    --------
    >>> answers = AnswerMap({"yes": "spam", "no": Not("spam"), "unsure": None})
    >>> answers.read("No, it is fine.").vote
    Not('spam')
    """

    def __init__(self, votes: AnswersLike, who: str = "the answer map") -> None:
        self.who = who
        self.votes: dict[str, Any] = _as_dict(votes, who)
        self._matcher = Matcher(self.votes, who)
        if all(_is_silent(vote) for vote in self.votes.values()):
            raise ConfigError(f"{who} never votes: every answer means to abstain")

    @property
    def texts(self) -> tuple[str, ...]:
        """The allowed answers, in order."""
        return tuple(self.votes)

    def read(self, reply: str) -> Reading:
        """What a reply means; never a label outside the map."""
        text = self._matcher.match(reply)
        if text is None:
            shown = repr(reply if len(reply) <= 120 else reply[:117] + "...")
            allowed = ", ".join(map(repr, self.texts[:12]))
            return Reading(None, "malformed", f"{shown} is none of the answers {allowed}")
        return Reading(self.votes[text])

    def text_of(self, reply: str) -> str | None:
        """The allowed answer that a reply means."""
        return self._matcher.match(reply)

    def classes(self) -> list[Any]:
        """The classes named, in order, each once."""
        named = [label for vote in self.votes.values() for label in _labels_in(vote)]
        return list(dict.fromkeys(named))

    def check(self, labels: LabelSpace) -> None:
        """Refuse votes outside the classes.

        Raises
        ------
        ConfigError
            The message names the answer.
        """
        alphabet = VoteAlphabet(labels)
        for text, vote in self.votes.items():
            try:
                alphabet.read(vote)
            except LabelError as error:
                raise ConfigError(f"the answer {text!r} of {self.who}: {error}") from None

    def __repr__(self) -> str:
        return f"AnswerMap({self.votes!r})"


def _as_dict(votes: AnswersLike, who: str) -> dict[str, Any]:
    if isinstance(votes, AnswerMap):
        return votes.votes
    if isinstance(votes, type) and issubclass(votes, enum.Enum):
        return {member.name: member for member in votes}
    if isinstance(votes, Mapping):
        return dict(votes)
    if isinstance(votes, str) or not isinstance(votes, Sequence):
        raise ConfigError(
            f"{who} must be a mapping of texts to votes or a list of classes, found {votes!r}"
        )
    if len(set(votes)) != len(votes):
        raise ConfigError(f"{who} names a class twice: {list(votes)!r}")
    return {name: name for name in votes}


def _is_silent(vote: Any) -> bool:
    return vote is None or (isinstance(vote, int) and vote == ABSTAIN)


def _labels_in(vote: Any) -> tuple[Any, ...]:
    if _is_silent(vote) or isinstance(vote, Reason):
        return ()
    if isinstance(vote, OneOf | Not):
        return tuple(vote.labels)
    return (vote.label,) if isinstance(vote, Confident) else (vote,)


def space_of(maps: Sequence[AnswerMap], labels: LabelSpaceLike | None) -> LabelSpace:
    """The classes given, or those the answer maps name; every map is checked against them.

    Raises
    ------
    ConfigError
        If an answer means a class that is not there, or the classes cannot be inferred.
    """
    if labels is not None:
        space = LabelSpace(labels)
    else:
        space = _inferred([label for answers in maps for label in answers.classes()])
    for answers in maps:
        answers.check(space)
    return space


def _inferred(classes: Sequence[Any]) -> LabelSpace:
    kinds = {type(c) for c in classes}
    if len(kinds) == 1 and issubclass(kind := kinds.pop(), enum.Enum):
        return LabelSpace(kind)
    if not all(isinstance(c, str) for c in classes):
        raise ConfigError(
            "the classes cannot be inferred from answers that name them by number; "
            "pass labels=['name of 0', ...]"
        )
    return LabelSpace(list(dict.fromkeys(classes)))
