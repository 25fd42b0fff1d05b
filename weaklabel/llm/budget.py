"""Money: what a call may cost at most, what it did cost, and a limit that is never passed.

Before a request is sent, the most it can cost is reserved; a request for which that much is not
left is not sent. When the answer comes, what it did cost takes the place of the reservation. A
request that ended without an answer, but may have been served (a time-out, a cut connection), keeps
its whole reservation: the endpoint may charge for it.
"""

from __future__ import annotations

import asyncio
import math
import numbers
from dataclasses import dataclass, field

from weaklabel.errors import ConfigError
from weaklabel.llm.prices import Price
from weaklabel.llm.protocol import Answer, ImagePart, Question, Sampling

MESSAGE_TOKENS = 16  # roles and separators of a message, generously
EXAMPLE_BYTES_PER_TOKEN = 4.0  # English; only for estimates


@dataclass(frozen=True)
class Tokens:
    """Tokens in and out."""

    prompt: int
    completion: int

    @property
    def total(self) -> int:
        """Both."""
        return self.prompt + self.completion


def most_tokens(question: Question, sampling: Sampling, image_tokens: int = 0) -> Tokens:
    """An upper bound on the tokens of a call, whatever the tokenizer.

    A token of a byte-level tokenizer stands for at least one byte, so the bytes of the text bound
    the tokens; the roles and separators of each message come on top.
    """
    n_bytes = _bytes_of(question) + len(str(question.schema or ""))
    prompt = n_bytes + MESSAGE_TOKENS * (len(question.messages) + 1)
    prompt += image_tokens * _images_in(question)
    return Tokens(prompt, sampling.max_tokens * sampling.n)


def likely_tokens(question: Question, sampling: Sampling, image_tokens: int = 0) -> Tokens:
    """An estimate of the tokens of a call: four bytes a token, and answers of a few tokens."""
    prompt = math.ceil(_bytes_of(question) / EXAMPLE_BYTES_PER_TOKEN) + 4 * len(question.messages)
    prompt += image_tokens * _images_in(question)
    longest = max((len(c.encode()) for c in question.choices or ("x" * 40,)), default=4)
    likely = min(math.ceil(longest / EXAMPLE_BYTES_PER_TOKEN) + 1, sampling.max_tokens)
    return Tokens(prompt, likely * sampling.n)


def _bytes_of(question: Question) -> int:
    return sum(len(m.text.encode("utf-8", "surrogatepass")) for m in question.messages)


def _images_in(question: Question) -> int:
    return sum(
        isinstance(part, ImagePart)
        for message in question.messages
        if not isinstance(message.content, str)
        for part in message.content
    )


@dataclass
class Reservation:
    """What one request may cost."""

    price: Price | None
    most: float


@dataclass
class Ledger:
    """Counts calls and money against their limits.

    Parameters
    ----------
    max_cost : float, optional
        In the currency of the prices, more than 0.
    max_calls : int, optional
        Requests sent, repeated ones included; at least 1.

    Attributes
    ----------
    calls : int
        Requests sent.
    cost : float
        Of answers, by the tokens the endpoint counted, and of requests that may have been charged.
    reserved : float
        For requests on their way.
    """

    max_cost: float | None = None
    max_calls: int | None = None
    calls: int = field(default=0, init=False)
    cost: float = field(default=0.0, init=False)
    reserved: float = field(default=0.0, init=False)
    _in_flight: int = field(default=0, init=False, repr=False)
    _settled: asyncio.Event | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check_budget(self.max_cost, self.max_calls)

    def fits(self, most: float) -> bool:
        """Whether a request that may cost this much can be sent now."""
        if self.max_calls is not None and self.calls >= self.max_calls:
            return False
        # Rounding of sums must not refuse the last request of an exact budget.
        limit = math.inf if self.max_cost is None else self.max_cost * (1 + 1e-12)
        return self.cost + self.reserved + most <= limit

    async def reserve(self, price: Price | None, tokens: Tokens) -> Reservation | None:
        """Take what a request may cost; waits for others to settle; None if it does not fit."""
        most = 0.0 if price is None else price.cost(tokens.prompt, tokens.completion)
        while not self.fits(most):
            out_of_calls = self.max_calls is not None and self.calls >= self.max_calls
            if out_of_calls or self._in_flight == 0:
                return None
            self._settled = asyncio.Event() if self._settled is None else self._settled
            await self._settled.wait()
        self.calls += 1
        self.reserved += most
        self._in_flight += 1
        return Reservation(price, most)

    def settle(self, reservation: Reservation, answer: Answer | None, charged: bool) -> float:
        """Put what a request did cost in place of its reservation.

        Parameters
        ----------
        answer : Answer, optional
            None: there was none.
        charged : bool
            Without an answer: whether it may have been charged all the same.

        Returns
        -------
        float
            The cost.
        """
        price, most = reservation.price, reservation.most
        cost = most if charged else 0.0
        if answer is not None and price is not None and answer.prompt_tokens:
            cost = price.cost(answer.prompt_tokens, answer.completion_tokens)
        self.reserved -= most
        self.cost += cost
        self._in_flight -= 1
        if self._settled is not None:
            self._settled.set()
            self._settled = None
        return cost


def check_budget(max_cost: float | None, max_calls: int | None) -> None:
    """Refuse budgets of nothing.

    Raises
    ------
    ConfigError
        The message says what was found.
    """
    if max_cost is not None:
        number = isinstance(max_cost, numbers.Real) and not isinstance(max_cost, bool)
        if not number or not 0 < max_cost < math.inf:
            raise ConfigError(
                f"max_cost must be a number more than 0, found {max_cost!r}; "
                "to see what a run would cost, use plan()"
            )
    if max_calls is not None:
        whole = isinstance(max_calls, numbers.Integral) and not isinstance(max_calls, bool)
        if not whole or max_calls < 1:
            raise ConfigError(
                f"max_calls must be a whole number >= 1, found {max_calls!r}; "
                "to see how many calls a run would take, use plan()"
            )
