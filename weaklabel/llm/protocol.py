"""What a language model is to this library: something that answers questions.

A :class:`Question` is one rendered prompt; together with the name of the model and the
:class:`Sampling` it is all that an answer depends on, and so all that the cache goes by. A model is
any object with a name and an ``answer`` method (:class:`LanguageModel`); whether it is an endpoint,
a model on this machine or a file of recorded responses makes no difference to who asks.

Trouble with one question is a :class:`QuestionError`; the row abstains and the others go on.
Trouble with every question (a wrong key, an unknown model) is an :class:`EndpointError`; asking
stops at once.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

from weaklabel.errors import ConfigError, WeakLabelError

Role: TypeAlias = Literal["system", "user", "assistant"]

FailureKind: TypeAlias = Literal[
    "refused",
    "filtered",
    "malformed",
    "too long",
    "timed out",
    "rate limited",
    "server error",
    "connection",
    "unsupported",
    "rejected",
    "no answer",
]
"""Why a question got no usable answer; a short word each, fit for a vote's ``Reason``."""

TRANSIENT: Final[frozenset[str]] = frozenset(
    {"timed out", "rate limited", "server error", "connection", "malformed", "unsupported"}
)
"""The kinds that may pass when the same question is sent again."""


@dataclass(frozen=True)
class TextPart:
    """A piece of text inside a message."""

    text: str


@dataclass(frozen=True)
class ImagePart:
    """An image inside a message: a URL, or the bytes of a file with their media type.

    Attributes
    ----------
    url : str, optional
        ``https://...`` or ``data:...``. Exactly one of ``url`` and ``data`` is given.
    data : bytes, optional
        PNG, JPEG, GIF or WebP.
    media_type : str
        Of ``data``.
    """

    url: str | None = None
    data: bytes | None = None
    media_type: str = "image/png"


Part: TypeAlias = TextPart | ImagePart


@dataclass(frozen=True)
class Message:
    """One message of a conversation: who speaks, and what is said."""

    role: str
    content: str | tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text of the message, without images."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


@dataclass(frozen=True)
class Question:
    """One rendered prompt.

    Attributes
    ----------
    messages : tuple of Message
    choices : tuple of str, optional
        The texts an answer may be; a model that can be constrained to them is, one that scores
        texts directly scores these.
    schema : mapping, optional
        A JSON schema for the answer, for endpoints that enforce one.
    """

    messages: tuple[Message, ...]
    choices: tuple[str, ...] | None = None
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn.

    Attributes
    ----------
    temperature : float
        0 for the most likely answer.
    max_tokens : int
        Upper bound on the tokens of one answer.
    n : int
        Number of answers drawn to one question.
    top_logprobs : int
        Log-probabilities of this many tokens at each position; 0 for none.
    seed : int, optional
        Passed to models that take one.

    Raises
    ------
    ConfigError
        If a number is out of its range: an endpoint would refuse every question.
    """

    temperature: float = 0.0
    max_tokens: int = 64
    n: int = 1
    top_logprobs: int = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        value = self.temperature
        if not isinstance(value, numbers.Real) or not 0 <= value < math.inf:
            raise ConfigError(f"temperature must be a number >= 0, found {value!r}")
        for name, least in (("max_tokens", 1), ("n", 1), ("top_logprobs", 0)):
            value = getattr(self, name)
            whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            if not whole or value < least:
                raise ConfigError(f"{name} must be a whole number >= {least}, found {value!r}")


@dataclass(frozen=True)
class TokenChoice:
    """A token of an answer, its log-probability (natural), and the tokens it was chosen over."""

    token: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Answer:
    """What a model said to one question.

    Attributes
    ----------
    texts : tuple of str
        One for each sample; at least one unless the model refused.
    tokens : tuple of TokenChoice, optional
        Of the first text, where the model tells.
    choice_logprobs : mapping of str to float, optional
        Natural log-probability of each of the question's choices as a whole text, from models
        that score choices directly.
    prompt_tokens, completion_tokens : int
        As the model counts them; 0 where it does not say.
    finish_reason : str, optional
        ``"stop"``, ``"length"`` (cut at ``max_tokens``), ``"content_filter"``, or the model's own.
    refusal : str, optional
        Why the model would not answer, where it says so apart from the text.
    seconds : float
        From sending to receiving, without waiting for a turn.
    """

    texts: tuple[str, ...]
    tokens: tuple[TokenChoice, ...] | None = None
    choice_logprobs: Mapping[str, float] | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str | None = None
    refusal: str | None = None
    seconds: float = 0.0


@runtime_checkable
class LanguageModel(Protocol):
    """Whatever answers questions.

    Attributes
    ----------
    name : str
        Says which model it is; part of the cache key. Two models with one name are taken to give
        the same answers.
    """

    name: str

    async def answer(self, question: Question, sampling: Sampling) -> Answer:
        """Answer one question.

        Raises
        ------
        QuestionError
            If this question got no answer; others may.
        EndpointError
            If no question can get an answer.
        """
        ...


class QuestionError(WeakLabelError):
    """One question got no usable answer.

    Parameters
    ----------
    kind : str
        One of :data:`FailureKind`.
    message : str
    retry_after : float, optional
        Seconds the endpoint asks to wait before the next attempt.
    attempts : int
        How often the question was sent.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        retry_after: float | None = None,
        attempts: int = 1,
    ) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.retry_after = retry_after
        self.attempts = attempts

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"retry_after": self.retry_after, "attempts": self.attempts}
        return (type(self), (self.kind, self.args[0]), state)


class EndpointError(WeakLabelError):
    """No question can be answered: a wrong key, an unknown model, no server at that address."""
