"""Asking: prompts and rows in, votes, a report and the failures out."""

from __future__ import annotations

import numbers
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError
from weaklabel.labels import LabelSpaceLike, VoteAlphabet
from weaklabel.llm.budget import Ledger, check_budget
from weaklabel.llm.cache import AnswerCache
from weaklabel.llm.job import Job, make_job
from weaklabel.llm.planning import known_answers
from weaklabel.llm.prices import PricesLike, read_prices
from weaklabel.llm.progress import CallProgress
from weaklabel.llm.protocol import Answer, EndpointError, LanguageModel
from weaklabel.llm.report import AskReport, report_of
from weaklabel.llm.rows import table_of
from weaklabel.llm.running import Run
from weaklabel.llm.state import UNASKED, Failure, OnError, State
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pandas as pd


class InterruptedAsking(KeyboardInterrupt):
    """Ctrl-C during a run.

    Attributes
    ----------
    result : AskResult
        With all that was answered before.
    """

    def __init__(self, result: AskResult) -> None:
        super().__init__("interrupted; what was answered is in .result, and in the cache")
        self.result = result


class StoppedAsking(EndpointError):
    """The endpoint refuses every question, or does not answer any more.

    Attributes
    ----------
    result : AskResult
        With all that was answered before.
    """

    def __init__(self, message: str, result: AskResult) -> None:
        super().__init__(message)
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        return (EndpointError, (self.args[0],))


@dataclass(frozen=True)
class AskResult:
    """What came of asking.

    Attributes
    ----------
    votes : VoteMatrix
        A row that failed, or was not asked about, has no vote.
    report : AskReport
    failures : tuple of Failure
        By column, then by row.
    answered : array of bool, shape (n_rows, n_columns)
        Whether the question was answered, if only by a refusal.
    """

    votes: VoteMatrix
    report: AskReport
    failures: tuple[Failure, ...]
    answered: npt.NDArray[np.bool_]
    _asking: Asking

    def failures_table(self) -> pd.DataFrame:
        """The failures, one a row: row_id, row, lf, kind, message, attempts."""
        import pandas as pd

        names = ["row_id", "row", "lf", "kind", "message", "attempts"]
        return pd.DataFrame([vars(f) for f in self.failures], columns=names)

    def answer(self, row: int, column: str | int) -> Answer | None:
        """The answer to the question about a row, where ``keep_answers`` was asked for."""
        return self._asking.answer(row, column)

    def retry_failed(
        self, *, max_cost: float | None = None, max_calls: int | None = None
    ) -> AskResult:
        """Ask again only what failed, and give the result of both.

        What the cache knows about these questions is asked anew and replaced.

        Parameters
        ----------
        max_cost, max_calls : optional
            A budget of its own; what is left of the first one if both are None.
        """
        return self._asking.again(max_cost, max_calls)

    def __str__(self) -> str:
        return f"{self.votes!r}\n{self.report}"


def ask(
    prompts: Any,
    rows: Any,
    *,
    model: LanguageModel | None = None,
    labels: LabelSpaceLike | None = None,
    id_column: str | None = None,
    cache: AnswerCache | str | os.PathLike[str] | None = None,
    max_cost: float | None = None,
    max_calls: int | None = None,
    prices: PricesLike | None = None,
    on_error: OnError = "abstain",
    concurrency: int = 16,
    progress: bool | None = None,
    keep_answers: bool = False,
    confidence_edges: Sequence[float] | None = None,
) -> AskResult:
    """Let prompts vote on rows.

    Parameters
    ----------
    prompts : Prompt, or sequence of Prompt
        :class:`PromptLabelingFunction`, :class:`PromptSheet`.
    rows : list of dicts, DataFrame, or Arrow table
        For a file: ``weaklabel.applier.read_table(path)``.
    model : LanguageModel, optional
        For the prompts that do not bring their own.
    labels : LabelSpace, or anything it takes, optional
        Those of the prompts if None.
    id_column : str, optional
    cache : path or AnswerCache, optional
        Every answer is kept here at once. Without it a second run pays again.
    max_cost : float, optional
        In the currency of the prices. Never passed: what a call may cost at most is set aside
        before it is sent. Needs ``prices``.
    max_calls : int, optional
        Requests, those sent again included. Never passed.
    prices : path, mapping or PriceTable, optional
        See :mod:`weaklabel.llm.prices`.
    on_error : {"abstain", "reason", "raise"}
        A row without a usable answer abstains; votes a :class:`weaklabel.Reason` that says why; or
        ends the run with an error when all that can be asked has been.
    concurrency : int, default 16
        Requests on their way at a time, for each model.
    progress : bool, optional
        None: a bar on a terminal.
    keep_answers : bool, default False
        Keep the answers in memory, for :meth:`AskResult.answer`.
    confidence_edges : sequence of float, optional
        Bins of :class:`weaklabel.Confident` votes, where they are not the usual ones.

    Returns
    -------
    AskResult

    Raises
    ------
    ConfigError, DataError
        If something is wrong with the prompts, the rows, the budget or the key; before the first
        request.
    StoppedAsking
        If the endpoint refuses the key or the model, or does not answer any more; ``.result`` has
        what was answered before.
    InterruptedAsking
        On Ctrl-C; ``.result`` has what was answered before.

    Notes
    -----
    Equal questions are asked once. The first question of a model goes alone. The votes do not
    depend on the order in which answers come.
    """
    check_budget(max_cost, max_calls)
    _check_settings(on_error, concurrency)
    if max_cost is not None and prices is None:
        raise ConfigError(
            "max_cost needs prices=: the path of a table of prices per million tokens; "
            "write_price_table(path, models) makes one to fill in"
        )
    table = None if prices is None else read_prices(prices)
    job = make_job(prompts, table_of(rows, id_column), model, labels, table)
    alphabet = VoteAlphabet(job.space)
    if confidence_edges is not None:
        alphabet = VoteAlphabet(job.space, (), tuple(confidence_edges))
    state = State(job, alphabet, keep_answers)
    asking = Asking(job, state, cache, Ledger(max_cost, max_calls), concurrency, progress, on_error)
    return asking.first()


def _check_settings(on_error: str, concurrency: int) -> None:
    if on_error not in get_args(OnError):
        raise ConfigError(f"on_error must be one of {get_args(OnError)}, found {on_error!r}")
    whole = isinstance(concurrency, numbers.Integral) and not isinstance(concurrency, bool)
    if not whole or concurrency < 1:
        raise ConfigError(f"concurrency must be a whole number >= 1, found {concurrency!r}")


class Asking:
    """A job with its answers so far, and what is needed to go on."""

    def __init__(
        self,
        job: Job,
        state: State,
        cache: AnswerCache | str | os.PathLike[str] | None,
        ledger: Ledger,
        concurrency: int,
        progress: bool | None,
        on_error: OnError,
    ) -> None:
        self._job = job
        self._state = state
        self._cache = cache
        self._ledger = ledger
        self._concurrency = concurrency
        self._progress = progress
        self._on_error: OnError = on_error

    def first(self) -> AskResult:
        """Take what the cache knows, and ask the rest."""
        return self._go(fresh=False)

    def again(self, max_cost: float | None, max_calls: int | None) -> AskResult:
        """Ask what failed."""
        if max_cost is not None or max_calls is not None:
            if max_cost is not None and self._job.prices is None:
                raise ConfigError("max_cost needs the run to have been made with prices=")
            self._ledger = Ledger(max_cost, max_calls)
        return self._go(fresh=True)

    def answer(self, row: int, column: str | int) -> Answer | None:
        """As :meth:`AskResult.answer`."""
        if not self._state.keep_answers:
            raise ConfigError("the answers were not kept; pass keep_answers=True to ask()")
        columns = self._job.columns
        c = columns.index(column) if isinstance(column, str) else column
        j = next(j for j, first in enumerate(self._job.first_column[1:]) if c < first)
        return self._state.answers.get(int(self._job.cells[row, j]))

    def _go(self, fresh: bool) -> AskResult:
        start = time.perf_counter()
        given = self._cache
        cache = AnswerCache(given) if isinstance(given, str | os.PathLike) else given
        try:
            questions = self._state.unfinished() if fresh else self._unknown(cache)
            run = self._run(questions, cache, fresh)
        finally:
            if cache is not None and cache is not given:
                cache.close()
        return self._finished(run, time.perf_counter() - start)

    def _unknown(self, cache: AnswerCache | None) -> list[int]:
        """Questions that the cache does not know, in the order of rows; others are taken."""
        for q, answer in known_answers(self._job, cache).items():
            self._state.take(q, answer)
            self._state.counts[self._job.questions[q].prompt].cached += 1
        unasked = np.flatnonzero(self._state.status == UNASKED).tolist()
        asked = self._job.questions
        return sorted(unasked, key=lambda q: (asked[q].row, asked[q].prompt))

    def _run(self, questions: list[int], cache: AnswerCache | None, fresh: bool) -> Run:
        job = self._job
        currency = "" if job.prices is None else job.prices.currency
        bar = CallProgress(len(questions), self._progress, currency)
        run = Run(job, self._state, cache, self._ledger, self._concurrency, bar, fresh)
        started = time.perf_counter()
        try:
            if questions:
                run(questions)
        except KeyboardInterrupt:
            result = self._result("interrupted", time.perf_counter() - started)
            raise InterruptedAsking(result) from None
        finally:
            bar.close()
        return run

    def _finished(self, run: Run, seconds: float) -> AskResult:
        result = self._result(run.stopped or "complete", seconds)
        if run.error is not None:
            raise StoppedAsking(str(run.error), result) from run.error
        if self._on_error == "raise" and result.failures:
            first = result.failures[0]
            raise StoppedAsking(
                f"{len(result.failures):,} rows failed; the first: {first.lf!r} on row "
                f"{first.row_id!r}, {first.kind}: {first.message}",
                result,
            )
        return result

    def _result(self, status: str, seconds: float) -> AskResult:
        state = self._state
        failures = state.failures()
        votes = state.votes(failures, self._on_error)
        per_column = np.bincount(votes.lf_index, minlength=votes.n_lfs).tolist()
        report = report_of(state, failures, per_column, status, seconds)
        return AskResult(votes, report, tuple(failures), state.answered(), self)
