"""Sending questions to a model: how many at a time, how fast, how often again, at what cost.

:class:`Sender` wraps a model and is one itself. At most ``concurrency`` requests are on their way;
a question that waits to be sent again does not hold a place. Every request is reserved in the
ledger before it is sent.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from weaklabel.errors import ConfigError
from weaklabel.llm.budget import Ledger, likely_tokens, most_tokens
from weaklabel.llm.prices import Price
from weaklabel.llm.protocol import (
    TRANSIENT,
    Answer,
    LanguageModel,
    Question,
    QuestionError,
    Sampling,
)

BURST_SECONDS: Final = 1.0  # what may be sent at once after a pause, in seconds of the rate
# Requests that ended so may have been served, and may be charged.
MAYBE_CHARGED: Final = frozenset({"timed out", "connection", "malformed", "no answer"})

Keep = Callable[[Answer], Awaitable[None]]


@dataclass(frozen=True)
class Limits:
    """How fast an endpoint may be asked.

    Attributes
    ----------
    requests_per_minute, tokens_per_minute : float, optional
        None: no limit. Tokens are those of prompt and answer together.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        for key in ("requests_per_minute", "tokens_per_minute"):
            value = getattr(self, key)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{key} must be more than 0, found {value!r}")


@dataclass(frozen=True)
class Retries:
    """How often a question is sent again, and after how long.

    The wait before attempt k + 1 is what the endpoint asks for, or else drawn evenly from the upper
    half of ``first * 2**(k - 1)``, at most ``longest`` seconds.

    Attributes
    ----------
    attempts : int, default 5
        Requests for one question, the first included.
    first, longest : float
        Seconds.
    most_asked : float, default 120
        Where the endpoint asks for a longer wait than this, the question fails.
    seed : int
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 30.0
    most_asked: float = 120.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ConfigError(f"attempts must be at least 1, found {self.attempts!r}")
        if not 0 <= self.first <= self.longest:
            raise ConfigError(
                f"0 <= first <= longest must hold, found {self.first!r} and {self.longest!r}"
            )

    def wait(self, attempt: int, retry_after: float | None, rng: random.Random) -> float:
        """Seconds to wait after an attempt (counted from 1) that failed."""
        jitter = rng.uniform(0.5, 1.0)
        if retry_after is not None:
            return retry_after + 0.1 * min(retry_after, 1.0) * jitter  # not all at the same time
        return min(self.first * 2.0 ** (attempt - 1), self.longest) * jitter


class RateLimit:
    """Lets amounts pass at a rate: a bucket that holds :data:`BURST_SECONDS` of it.

    In any stretch of T seconds at most ``per_minute / 60 * (T + BURST_SECONDS)`` passes, and the
    last amount on top, which may be larger than the bucket. First come, first served.
    """

    def __init__(
        self, per_minute: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = None if per_minute is None else per_minute / 60.0
        self._clock = clock
        self._next = -math.inf  # when the bucket is level

    async def acquire(self, amount: float) -> None:
        """Wait for the turn of this amount."""
        wait = self.turn(amount)
        if wait > 0.0:
            await asyncio.sleep(wait)

    def turn(self, amount: float) -> float:
        """Take the next turn; seconds until it comes."""
        if self._per_second is None:
            return 0.0
        now = self._clock()
        begin = max(self._next, now - BURST_SECONDS)
        self._next = begin + amount / self._per_second
        return max(begin - now, 0.0)

    def correct(self, amount: float) -> None:
        """Take more (or give back, if negative), when the true amount is known."""
        if self._per_second is not None:
            self._next += amount / self._per_second


class NotSentError(Exception):
    """A question was not sent: it does not fit into the budget, or sending has been stopped."""


@dataclass
class Sent:
    """What happened to one question.

    Attributes
    ----------
    attempts : int
        Requests sent.
    cost : float
    """

    attempts: int = 0
    cost: float = 0.0


@dataclass
class Sender:
    """A model with its limits, retries and budget around it.

    Parameters
    ----------
    model : LanguageModel
        Its attributes ``limits`` and ``retries``, if it has them, are used.
    concurrency : int
        Requests on their way at a time.
    ledger : Ledger
    price : Price, optional
    """

    model: LanguageModel
    concurrency: int = 1
    ledger: Ledger = field(default_factory=Ledger)
    price: Price | None = None
    name: str = field(init=False)

    def __post_init__(self) -> None:
        limits: Limits = getattr(self.model, "limits", Limits())
        self.retries: Retries = getattr(self.model, "retries", Retries())
        self.name = self.model.name
        self._slots = asyncio.Semaphore(self.concurrency)
        self._requests = RateLimit(limits.requests_per_minute)
        self._tokens = RateLimit(limits.tokens_per_minute)
        self._limited = limits != Limits()
        self._rng = random.Random(self.retries.seed)
        self._image_tokens = 0 if self.price is None else self.price.image_tokens
        self._stopped = False

    def stop(self) -> None:
        """Send nothing more; what is on its way comes back."""
        self._stopped = True

    async def answer(self, question: Question, sampling: Sampling) -> Answer:
        """As :meth:`LanguageModel.answer`, sent again as often as it makes sense.

        Raises
        ------
        NotSentError
        """
        return await self.send(question, sampling, Sent())

    async def send(
        self, question: Question, sampling: Sampling, sent: Sent, keep: Keep | None = None
    ) -> Answer:
        """Answer a question, and note in ``sent`` what it took.

        Parameters
        ----------
        keep : callable, optional
            Awaited with the answer before another question takes this one's place, so that an
            answer that is not kept yet counts as on its way.
        """
        while True:
            try:
                return await self._attempt(question, sampling, sent, keep)
            except QuestionError as error:
                wait = self._wait_after(error, sent.attempts)
                if wait is None:
                    error.attempts = sent.attempts
                    raise
            await asyncio.sleep(wait)

    def _wait_after(self, error: QuestionError, attempts: int) -> float | None:
        """Seconds until the next attempt; None if there is to be none."""
        if error.kind not in TRANSIENT or attempts >= self.retries.attempts:
            return None
        if error.retry_after is not None and error.retry_after > self.retries.most_asked:
            return None
        return self.retries.wait(attempts, error.retry_after, self._rng)

    async def _attempt(
        self, question: Question, sampling: Sampling, sent: Sent, keep: Keep | None
    ) -> Answer:
        async with self._slots:
            expected = 0
            if self._limited:  # inside: a turn taken while waiting for a place could be used late
                expected = likely_tokens(question, sampling, self._image_tokens).total
                await self._requests.acquire(1)
                await self._tokens.acquire(expected)
            if self._stopped:
                raise NotSentError
            most = most_tokens(question, sampling, self._image_tokens)
            reservation = await self.ledger.reserve(self.price, most)
            if reservation is None:
                raise NotSentError
            sent.attempts += 1
            answer, charged = None, True  # cancelled on its way: it may have been served
            try:
                answer = await self.model.answer(question, sampling)
            except QuestionError as error:
                charged = error.kind in MAYBE_CHARGED
                raise
            except Exception:
                charged = False
                raise
            finally:
                sent.cost += self.ledger.settle(reservation, answer, charged)
            used = answer.prompt_tokens + answer.completion_tokens
            if self._limited and used:
                self._tokens.correct(used - expected)
            if keep is not None:
                await keep(answer)
            return answer
