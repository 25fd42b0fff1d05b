"""Any Python function as a model."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeAlias

from weaklabel.errors import ConfigError
from weaklabel.llm.protocol import Answer, EndpointError, Question, QuestionError, Sampling
from weaklabel.llm.sending import Limits, Retries

Takes: TypeAlias = Literal["text", "question"]


class CallableModel:
    """A model that is a function.

    Parameters
    ----------
    function : callable
        Sync or async. Gets the whole prompt as one text, or with ``takes="question"`` the
        :class:`Question` and the :class:`Sampling`. Returns a text, a list of texts (samples), or
        an :class:`Answer`.
    name : str
        What the cache knows it by; change it when the function changes.
    takes : {"text", "question"}
    threads : int, default 1
        Calls of a sync function at a time. More only if it is safe to call from several threads.
    timeout : float, optional
        Seconds for one call.
    limits, retries
        As :class:`weaklabel.llm.OpenAIClient`.

    Notes
    -----
    A ``TimeoutError`` or ``ConnectionError`` of the function counts as one that may pass and is
    asked again; any other exception fails the row at once; a :class:`QuestionError` says itself
    what happened, an :class:`EndpointError` stops the run.

    Examples
    --------
    >>> model = CallableModel(lambda prompt: "yes" if "free" in prompt else "no", "free")
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        takes: Takes = "text",
        threads: int = 1,
        timeout: float | None = None,
        limits: Limits | None = None,
        retries: Retries | None = None,
    ) -> None:
        if not callable(function):
            raise ConfigError(f"the model must be a function, found {function!r}")
        if not isinstance(name, str) or not name.strip():
            raise ConfigError(f"the model needs a name, found {name!r}")
        if takes not in ("text", "question"):
            raise ConfigError(f"takes must be 'text' or 'question', found {takes!r}")
        if threads < 1:
            raise ConfigError(f"threads must be at least 1, found {threads!r}")
        self.name = name
        self.limits = Limits() if limits is None else limits
        self.retries = Retries() if retries is None else retries
        self._function = function
        self._takes = takes
        self._threads = threads
        self._timeout = timeout
        self._pool: ThreadPoolExecutor | None = None

    def __repr__(self) -> str:
        return f"CallableModel({self.name!r})"

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pool": None}

    async def answer(self, question: Question, sampling: Sampling) -> Answer:
        """Call the function; as :meth:`LanguageModel.answer`."""
        given: tuple[Any, ...] = (question, sampling)
        if self._takes == "text":
            given = ("\n\n".join(message.text for message in question.messages),)
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                returned = await self._call(given)
        except (QuestionError, EndpointError):
            raise
        except TimeoutError as error:
            raise QuestionError("timed out", str(error) or "no answer in time") from error
        except ConnectionError as error:
            raise QuestionError("connection", f"{type(error).__name__}: {error}") from error
        except Exception as error:
            raise QuestionError("no answer", f"{type(error).__name__}: {error}") from error
        return _as_answer(returned, time.perf_counter() - start)

    async def _call(self, given: tuple[Any, ...]) -> Any:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(*given)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="weaklabel-model")
        loop = asyncio.get_running_loop()
        returned = await loop.run_in_executor(self._pool, self._function, *given)
        return await returned if inspect.isawaitable(returned) else returned

    async def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _as_answer(returned: Any, seconds: float) -> Answer:
    if isinstance(returned, Answer):
        return returned
    if isinstance(returned, str):
        return Answer((returned,), seconds=seconds)
    if isinstance(returned, Sequence) and returned and all(isinstance(t, str) for t in returned):
        return Answer(tuple(returned), seconds=seconds)
    raise QuestionError(
        "no answer", f"the function must return a text or an Answer, found {returned!r:.80}"
    )
