"""Any endpoint that speaks OpenAI's chat-completions protocol, through the ``openai`` package.

One call of :meth:`OpenAIClient.answer` is one request: the package's own retries are off, so that
every request that may cost something is counted, paced and repeated by
:class:`weaklabel.llm.sending.Sender` alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from weaklabel.errors import ConfigError, MissingDependencyError
from weaklabel.llm.protocol import (
    Answer,
    EndpointError,
    FailureKind,
    Question,
    QuestionError,
    Sampling,
)
from weaklabel.llm.sending import Limits, Retries
from weaklabel.llm.wire import answer_of, request_of

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_NO_KEY: Final = "none"  # the package insists on one
POOL: Final = 8  # requests that share a pool of connections: a pool's work grows with its size
_TOO_LONG: Final = (
    "context_length",
    "context length",
    "too long",
    "too many tokens",
    "max_model_len",
)
_FILTERED: Final = (
    "content_filter",
    "content filter",
    "content_policy",
    "content management policy",
)


class OpenAIClient:
    """A model behind an OpenAI-compatible endpoint.

    Parameters
    ----------
    model : str
        As the endpoint calls it.
    base_url : str, optional
        Such as ``"http://localhost:8000/v1"``; OpenAI's own if None.
    key_env : str, optional, default "OPENAI_API_KEY"
        The environment variable that holds the key. None: the endpoint needs none.
    name : str, optional
        What the cache knows the model by; ``model`` if None. Two endpoints with the same weights
        may share a name, two versions of a model must not.
    limits : Limits
        Requests and tokens a minute.
    retries : Retries
    timeout : float, default 60
        Seconds to wait for an answer.
    schema : bool, default True
        Whether to send JSON schemas; taken back by itself where the endpoint refuses them.

    Attributes
    ----------
    is_listed : bool, optional
        Whether the endpoint lists the model; None if it lists none, or was not asked yet. Endpoints
        may serve models that they do not list, so only an answer shows.

    Raises
    ------
    MissingDependencyError
        If ``openai`` is not installed.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        *,
        key_env: str | None = "OPENAI_API_KEY",
        name: str | None = None,
        limits: Limits | None = None,
        retries: Retries | None = None,
        timeout: float = 60.0,
        schema: bool = True,
    ) -> None:
        if not isinstance(model, str) or not model.strip():
            raise ConfigError(f"the model must be a name, found {model!r}")
        if not timeout > 0:
            raise ConfigError(f"timeout must be more than 0 seconds, found {timeout!r}")
        _require_openai()
        self.model = model
        self.name = model if name is None else name
        self.base_url = base_url
        self.key_env = key_env
        self.limits = Limits() if limits is None else limits
        self.retries = Retries() if retries is None else retries
        self.timeout = timeout
        self._schema = schema
        self._max_tokens_key = "max_tokens"
        self._checked = False
        self.is_listed: bool | None = None
        self._pools = _Pools(self)

    def __repr__(self) -> str:
        where = "" if self.base_url is None else f", {self.base_url!r}"
        return f"OpenAIClient({self.model!r}{where})"

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_pools"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._pools = _Pools(self)  # connections stay with their process

    # -- asking --------------------------------------------------------------------------------

    async def answer(self, question: Question, sampling: Sampling) -> Answer:
        """Send one request; as :meth:`LanguageModel.answer`."""
        import openai

        body = request_of(
            self.model,
            question,
            sampling,
            schema=self._schema,
            max_tokens_key=self._max_tokens_key,
        )
        start = time.perf_counter()
        try:
            # Not chat.completions.create: building its objects costs as much as all the rest.
            with self._pools.lend() as client:
                text = await client.post("/chat/completions", cast_to=str, body=body)
        except openai.APIError as error:
            raise self._translated(error, body) from error
        seconds = time.perf_counter() - start
        try:
            data = json.loads(text)
        except ValueError:
            raise QuestionError("malformed", f"the response is not JSON: {text[:200]!r}") from None
        return answer_of(data, seconds)

    async def check(self) -> None:
        """See that there is an endpoint and that it takes the key; costs nothing.

        Endpoints that cannot list their models pass: the first question shows the rest. Looked at
        once; later calls return at once.

        Raises
        ------
        ConfigError
            If the key is not set.
        EndpointError
            If there is no server at the address, or it refuses the key.
        """
        import openai

        client = self._pools.first()
        for attempt in range(0 if self._checked else 3):
            try:
                self.is_listed = _lists(await client.get("/models", cast_to=str), self.model)
                break
            except openai.APIConnectionError as error:
                if attempt == 2:
                    raise EndpointError(
                        f"no answer from {client.base_url}: {_cause(error)}; "
                        "check base_url, and that the server runs"
                    ) from error
                await asyncio.sleep(0.2 * 2**attempt)
            except openai.APIStatusError as error:
                if error.status_code in (401, 403):
                    raise self._translated(error, {}) from error
                break
        self._checked = True

    async def close(self) -> None:
        """Close the connections of this event loop."""
        await self._pools.close()

    def connect(self) -> AsyncOpenAI:
        """A client of the package, with connections of its own.

        Raises
        ------
        ConfigError
            If the key is not set.
        """
        import openai

        return openai.AsyncOpenAI(
            api_key=self._key(),
            base_url=self.base_url,
            timeout=self.timeout,
            max_retries=0,
        )

    def _key(self) -> str:
        if self.key_env is None:
            return _NO_KEY
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise ConfigError(
                f"there is no key for {self.model!r}: set the environment variable {self.key_env}, "
                "or pass key_env=None for an endpoint that needs none"
            )
        return key

    # -- what went wrong -----------------------------------------------------------------------

    def _translated(self, error: Any, body: dict[str, Any]) -> QuestionError | EndpointError:
        import openai

        if isinstance(error, openai.APITimeoutError):
            return QuestionError("timed out", f"no answer within {self.timeout:g} s")
        if isinstance(error, openai.APIConnectionError):
            return QuestionError("connection", f"the connection failed: {_cause(error)}")
        if not isinstance(error, openai.APIStatusError):
            return QuestionError("malformed", str(error)[:500])
        status, message = error.status_code, _message(error)
        if status in (401, 403):
            return EndpointError(
                f"the endpoint refuses the key for {self.model!r} ({status}: {message}); "
                f"check the environment variable {self.key_env}"
            )
        if status == 404:
            return EndpointError(
                f"the endpoint knows no model {self.model!r} at this address ({message}); "
                "check model and base_url"
            )
        if status == 429:
            return self._too_many(error, message)
        if status in (400, 413, 422):
            refused = self._refused_request(status, message, body)
            if refused.kind == "rejected" and self.model in message:  # it is not about this row
                return EndpointError(f"the endpoint does not take {self.model!r} so: {message}")
            return refused
        kind: FailureKind = "server error" if status >= 500 or status in (408, 409) else "rejected"
        return QuestionError(kind, f"{status}: {message}", retry_after=_retry_after(error))

    def _too_many(self, error: Any, message: str) -> QuestionError | EndpointError:
        if "insufficient_quota" in f"{error.code} {message}":
            return EndpointError(f"the account has no quota left: {message}")
        return QuestionError("rate limited", message, retry_after=_retry_after(error))

    def _refused_request(self, status: int, message: str, body: dict[str, Any]) -> QuestionError:
        lowered = message.lower()
        if status == 413 or any(sign in lowered for sign in _TOO_LONG):
            return QuestionError("too long", message)
        if any(sign in lowered for sign in _FILTERED):
            return QuestionError("filtered", message)
        if "response_format" in lowered and "response_format" in body:
            self._schema = False
            return QuestionError("unsupported", message, retry_after=0.0)
        if "max_completion_tokens" in lowered and "max_tokens" in body:
            self._max_tokens_key = "max_completion_tokens"
            return QuestionError("unsupported", message, retry_after=0.0)
        return QuestionError("rejected", f"{status}: {message}")


class _Pools:
    """The pools of connections of an endpoint, for one event loop at a time.

    The pool of the package looks at each of its connections for each request, which at 64 of them
    costs more than the request; several small pools do not.
    """

    def __init__(self, endpoint: OpenAIClient) -> None:
        self._endpoint = endpoint
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients: list[AsyncOpenAI] = []
        self._busy: list[int] = []

    def first(self) -> AsyncOpenAI:
        """A client, without a request being counted."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._clients, self._busy = loop, [self._endpoint.connect()], [0]
        return self._clients[0]

    @contextlib.contextmanager
    def lend(self) -> Iterator[AsyncOpenAI]:
        """The first client with a place, for one request."""
        self.first()
        clients, busy = self._clients, self._busy
        at = next((k for k, n in enumerate(busy) if n < POOL), len(busy))
        if at == len(busy):
            clients.append(self._endpoint.connect())
            busy.append(0)
        busy[at] += 1
        try:
            yield clients[at]
        finally:
            busy[at] -= 1

    async def close(self) -> None:
        """Close them all, if they belong to this event loop."""
        if self._loop is asyncio.get_running_loop():
            clients, self._loop, self._clients = self._clients, None, []
            for client in clients:
                await client.close()


def _require_openai() -> None:
    try:
        import openai  # noqa: F401
    except ImportError:
        raise MissingDependencyError("openai", "llm") from None


def _lists(text: str, model: str) -> bool | None:
    """Whether a list of models holds one; None if it is none."""
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        listed = [entry["id"] for entry in json.loads(text)["data"]]
        return model in listed if listed else None
    return None


def _cause(error: BaseException) -> str:
    return str(error.__cause__ or error) or type(error.__cause__ or error).__name__


def _message(error: Any) -> str:
    """The endpoint's own words, with its code; servers differ in where they put them."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body["error"] if isinstance(body.get("error"), dict) else body
    code = inner.get("code") or error.code
    text = inner.get("message") or inner.get("detail") or error.response.text or error.message
    return f"{text} [{code}]"[:500] if code else str(text)[:500]


def _retry_after(error: Any) -> float | None:
    """Seconds to wait, from ``Retry-After`` (seconds or a date) or ``retry-after-ms``."""
    headers = error.response.headers
    with contextlib.suppress(ValueError, TypeError):
        return max(float(headers.get("retry-after-ms")) / 1000.0, 0.0)
    given = headers.get("retry-after")
    if given is None:
        return None
    with contextlib.suppress(ValueError):
        return max(float(given), 0.0)
    with contextlib.suppress(ValueError, TypeError):
        return max(email.utils.parsedate_to_datetime(given).timestamp() - time.time(), 0.0)
    return None
