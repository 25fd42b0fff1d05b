"""The run itself: questions go out, answers are kept at once and become votes."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any, Final

from weaklabel.llm.budget import Ledger
from weaklabel.llm.cache import AnswerCache
from weaklabel.llm.job import Job
from weaklabel.llm.progress import CallProgress
from weaklabel.llm.protocol import Answer, EndpointError, LanguageModel, Question, QuestionError
from weaklabel.llm.sending import NotSentError, Sender, Sent
from weaklabel.llm.state import UNASKED, State

WAITING: Final = 4  # questions taken on for each request on its way; the rest of them wait to retry
GIVE_UP: Final = 25  # questions in a row that get no answer: it is not the rows
_DOWN: Final = frozenset({"connection", "server error", "timed out"})


class Run:
    """Asks some questions of a job.

    Parameters
    ----------
    job : Job
    state : State
        Takes the answers.
    cache : AnswerCache, optional
    ledger : Ledger
    concurrency : int
        Requests on their way at a time, for each model.
    progress : CallProgress
    fresh : bool
        Ask even where another process has put an answer into the cache meanwhile.

    Attributes
    ----------
    stopped : str
        Why it stopped early; empty if it did not.
    error : EndpointError or ConfigError, optional
        What stopped it, where that is to be raised.
    """

    def __init__(
        self,
        job: Job,
        state: State,
        cache: AnswerCache | None,
        ledger: Ledger,
        concurrency: int,
        progress: CallProgress,
        fresh: bool = False,
    ) -> None:
        self.stopped = ""
        self.error: Exception | None = None
        self._job = job
        self._state = state
        self._cache = cache
        self._ledger = ledger
        self._concurrency = concurrency
        self._progress = progress
        self._fresh = fresh
        self._senders: dict[str, Sender] = {}
        self._failed_in_a_row = 0
        self._n_answered = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[Any] | None = None

    def __call__(self, questions: Sequence[int]) -> None:
        """Ask; returns when all are answered or failed, or the run stopped.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C, when what was on its way has been given up.
        """
        box: list[BaseException] = []
        done = threading.Event()  # not join(): interrupted, that takes a running thread for ended

        def work() -> None:
            try:
                asyncio.run(self._all(questions))
            except asyncio.CancelledError:
                self.stopped = self.stopped or "interrupted"
            except BaseException as error:
                box.append(_first_of(error))
            finally:
                done.set()

        # A thread of its own: there may be an event loop in this one already (a notebook), and
        # Ctrl-C comes to the main thread, which only waits.
        thread = threading.Thread(target=work, name="weaklabel-ask", daemon=True)
        thread.start()
        try:
            while not done.wait(0.2):
                pass
        except KeyboardInterrupt:
            self.stopped = "interrupted"
            self._cancel()
            done.wait()
            raise
        if box:
            raise box[0]

    def _cancel(self) -> None:
        loop, main = self._loop, self._main
        if loop is not None and main is not None and not loop.is_closed():
            loop.call_soon_threadsafe(main.cancel)

    # -- on the event loop ---------------------------------------------------------------------

    async def _all(self, questions: Sequence[int]) -> None:
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        if self.stopped:
            return
        models: dict[str, tuple[LanguageModel, list[int]]] = {}
        for q in questions:
            model = self._job.models[self._job.questions[q].prompt]
            models.setdefault(model.name, (model, []))[1].append(q)
        try:
            await self._check([model for model, _ in models.values()])
            asked = [self._begun(model, own) for model, own in models.values()]
            # One question of each goes alone, first of those that the endpoint does not list: a
            # wrong model or key shows before more is paid for, also by the other models.
            for sender, todo, _ in sorted(asked, key=lambda one: _is_known(one[0].model)):
                await self._work(sender, todo, most=1)
            async with asyncio.TaskGroup() as group:
                for sender, todo, n_left in asked:
                    for _ in range(min(WAITING * self._concurrency, n_left)):
                        group.create_task(self._work(sender, todo))
        finally:
            await _close(model for model, _ in models.values())

    async def _check(self, models: Sequence[LanguageModel]) -> None:
        """Let models that can see whether they are there and take the key, before anything."""
        for model in models:
            check: Callable[[], Coroutine[Any, Any, None]] | None = getattr(model, "check", None)
            try:
                if check is not None:
                    await check()
            except EndpointError as error:
                self._refused(error)

    def _begun(
        self, model: LanguageModel, questions: Sequence[int]
    ) -> tuple[Sender, Iterator[tuple[int, Question]], int]:
        """What sends the questions to a model, the questions, and how many follow the first."""
        price = self._job.price(self._job.questions[questions[0]].prompt)
        sender = self._senders[model.name] = Sender(model, self._concurrency, self._ledger, price)
        return sender, self._job.rendered(questions), len(questions) - 1

    async def _work(
        self, sender: Sender, todo: Iterator[tuple[int, Question]], most: int | None = None
    ) -> None:
        n_done = 0
        while not self.stopped and n_done != most:
            taken = next(todo, None)
            if taken is None:
                return
            await self._ask(sender, *taken)
            n_done += 1

    async def _ask(self, sender: Sender, q: int, question: Question) -> None:
        asked, sent = self._job.questions[q], Sent()
        prompt = self._job.prompts[asked.prompt]

        async def keep(answer: Answer) -> None:
            written = None
            if self._cache is not None:
                written = self._cache.put(asked.key, sender.name, answer)
            self._note(q, asked.prompt, answer, sent)
            if written is not None:
                await written

        try:
            known = None if self._cache is None or self._fresh else self._cache.get(asked.key)
            if known is not None:  # of another process
                self._state.take(q, known)
                self._state.counts[asked.prompt].cached += 1
            else:
                await sender.send(question, prompt.sampling, sent, keep)
        except NotSentError:
            self._stop(self._budget_reason())
        except QuestionError as error:
            self._state.fail(q, error)
            self._count_failure(error)
        except EndpointError as error:
            self._refused(error)
        except sqlite3.Error as error:  # no more is paid for that cannot be kept
            self._stop(f"the answer cache cannot be written ({error})")
        finally:
            counts = self._state.counts[asked.prompt]
            counts.requests += sent.attempts
            counts.cost += sent.cost
            if self._state.status[q] != UNASKED:
                self._progress.advance(self._ledger.cost)

    def _note(self, q: int, j: int, answer: Answer, sent: Sent) -> None:
        self._failed_in_a_row = 0
        self._n_answered += 1
        counts = self._state.counts[j]
        counts.prompt_tokens += answer.prompt_tokens
        counts.completion_tokens += answer.completion_tokens
        counts.seconds.append(answer.seconds)
        self._state.take(q, answer, sent.attempts)

    def _count_failure(self, error: QuestionError) -> None:
        # A request that is refused may be about the row, unless none was ever taken.
        is_down = error.kind in _DOWN or (error.kind == "rejected" and not self._n_answered)
        self._failed_in_a_row = self._failed_in_a_row + 1 if is_down else 0
        if self._failed_in_a_row >= GIVE_UP:
            message = (
                f"{GIVE_UP} questions in a row got no answer, the last with: {error}; "
                "see to the endpoint, and ask again with the same cache"
            )
            self._stop(message, EndpointError(message))

    def _budget_reason(self) -> str:
        if self.stopped:
            return self.stopped
        ledger = self._ledger
        if ledger.max_calls is not None and ledger.calls >= ledger.max_calls:
            return f"stopped at max_calls={ledger.max_calls}"
        return f"stopped at max_cost={ledger.max_cost}: the next call might pass it"

    def _refused(self, error: EndpointError) -> None:
        self._stop(f"the endpoint refuses: {error}", error)

    def _stop(self, reason: str, error: Exception | None = None) -> None:
        if not self.stopped:
            self.stopped, self.error = reason, error
        for sender in self._senders.values():
            sender.stop()


def _first_of(error: BaseException) -> BaseException:
    """The first error of a group of tasks; they are cancelled after it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _is_known(model: LanguageModel) -> bool:
    """Whether the endpoint lists the model, as far as it is known."""
    return getattr(model, "is_listed", None) is not False


async def _close(models: Iterable[LanguageModel]) -> None:
    for model in models:
        close: Callable[[], Coroutine[Any, Any, None]] | None = getattr(model, "close", None)
        if close is not None:
            await close()
