"""What is known about each question of a job while it is being asked, and the votes it makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.labels import Reason, Symbol, VoteAlphabet
from weaklabel.llm.answers import Reading
from weaklabel.llm.job import Job
from weaklabel.llm.protocol import Answer, QuestionError
from weaklabel.votes import VoteMatrix
from weaklabel.votes.build import assemble
from weaklabel.votes.matrix import FaultRecord

OnError: TypeAlias = Literal["abstain", "reason", "raise"]

UNASKED: Final = 0
ANSWERED: Final = 1
FAILED: Final = 2


@dataclass(frozen=True)
class Failure:
    """A row that a column of votes abstains on although it was to be asked about.

    Attributes
    ----------
    row_id : object
    row : int
        Its position.
    lf : str
        The column.
    kind : str
        Such as ``"refused"``, ``"timed out"``, ``"malformed"``.
    message : str
    attempts : int
        Requests sent; 0 where the question could not be made, or came from the cache.
    """

    row_id: Any
    row: int
    lf: str
    kind: str
    message: str
    attempts: int


@dataclass(frozen=True)
class Problem:
    """Why a question has no vote in a column."""

    kind: str
    message: str
    attempts: int


@dataclass
class Counts:
    """What a prompt took so far."""

    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    seconds: list[float] = field(default_factory=list)


class State:
    """The answers to the questions of a job, as votes.

    Attributes
    ----------
    status : array of int8, shape (n_questions,)
        UNASKED, ANSWERED or FAILED.
    codes : array of int32, shape (n_columns, n_questions)
        The vote of a column on a question: a position in the list of distinct votes; -1: none.
    problems : list of dict of int to Problem
        By column, by question.
    answers : dict of int to Answer
        Kept only if asked for.
    """

    def __init__(self, job: Job, alphabet: VoteAlphabet, keep_answers: bool) -> None:
        n_questions, n_columns = len(job.questions), len(job.columns)
        self.job = job
        self.alphabet = alphabet
        self.keep_answers = keep_answers
        self.status = np.full(n_questions, UNASKED, dtype=np.int8)
        self.codes = np.full((n_columns, n_questions), -1, dtype=np.int32)
        self.problems: list[dict[int, Problem]] = [{} for _ in job.columns]
        self.counts = [Counts() for _ in job.prompts]
        self.answers: dict[int, Answer] = {}
        self._values: dict[Symbol, int] = {}
        self._others = _other_users(job)

    # -- what came -----------------------------------------------------------------------------

    def take(self, q: int, answer: Answer, attempts: int = 0) -> None:
        """An answer has come; ``attempts`` is 0 if it was known before."""
        self.status[q] = ANSWERED
        if self.keep_answers:
            self.answers[q] = answer
        for j in self._users(q):
            start, stop = self.job.first_column[j : j + 2]
            for c, reading in zip(range(start, stop), self._read(j, answer), strict=True):
                self._note(c, q, reading, attempts)

    def fail(self, q: int, error: QuestionError) -> None:
        """No answer has come."""
        self.status[q] = FAILED
        problem = Problem(error.kind, str(error), error.attempts)
        for j in self._users(q):
            for c in range(*self.job.first_column[j : j + 2]):
                self.codes[c, q] = -1
                self.problems[c][q] = problem

    def _users(self, q: int) -> list[int]:
        return [self.job.questions[q].prompt, *self._others.get(q, ())]

    def _read(self, j: int, answer: Answer) -> tuple[Reading, ...]:
        prompt = self.job.prompts[j]
        problem = problem_of(answer)
        if problem is not None:
            return (problem,) * len(prompt.columns)
        readings = prompt.read(answer)
        if answer.finish_reason == "length":
            return tuple(_cut(reading) for reading in readings)
        return readings

    def _note(self, c: int, q: int, reading: Reading, attempts: int) -> None:
        self.problems[c].pop(q, None)
        self.codes[c, q] = self._code(reading.vote)
        if reading.problem is not None:
            self.problems[c][q] = Problem(reading.problem, reading.detail, attempts)

    def _code(self, vote: Any) -> int:
        symbol = self.alphabet.read(vote)
        return -1 if symbol is None else self._values.setdefault(symbol, len(self._values))

    # -- what it makes -------------------------------------------------------------------------

    def answered(self) -> npt.NDArray[np.bool_]:
        """Whether the question of a row was answered, shape (n_rows, n_columns)."""
        cells = self.job.cells
        status = np.append(self.status, UNASKED)  # of cells without a question, at -1
        done = status[np.maximum(cells, -1)] == ANSWERED
        return np.repeat(done, np.diff(self.job.first_column), axis=1)

    def n_unasked(self, j: int) -> int:
        """Rows whose question was not sent."""
        cells = self.job.cells[:, j]
        return int((self.status[cells[cells >= 0]] == UNASKED).sum())

    def unfinished(self) -> list[int]:
        """Questions that have failed in some column."""
        return sorted({q for problems in self.problems for q in problems})

    def failures(self) -> list[Failure]:
        """A record for each row and column that failed, by column, then by row."""
        job, out = self.job, []
        broken = {(i, j): message for i, j, message in job.broken}
        for j in range(len(job.prompts)):
            cells = job.cells[:, j]
            for c in range(*job.first_column[j : j + 2]):
                problems = self.problems[c]
                found = np.flatnonzero(np.isin(cells, list(problems)) | (cells == -2))
                for i in found.tolist():
                    problem = problems.get(int(cells[i])) or Problem("rejected", broken[i, j], 0)
                    out.append(
                        Failure(job.table.row_id(i), i, job.columns[c], problem.kind,
                                problem.message, problem.attempts)
                    )  # fmt: skip
        return out

    def votes(self, failures: list[Failure], on_error: OnError) -> VoteMatrix:
        """The vote matrix; failed cells abstain, or say why they do."""
        symbols = list(self._values)
        job, extra = self.job, []
        items, columns, codes = [], [], []
        for j in range(len(job.prompts)):
            cells = job.cells[:, j]
            for c in range(*job.first_column[j : j + 2]):
                of_row = np.append(self.codes[c], -1)[np.maximum(cells, -1)]
                rows = np.flatnonzero(of_row >= 0)
                items.append(rows)
                columns.append(np.full(len(rows), c))
                codes.append(of_row[rows])
        if on_error == "reason":
            known = {symbol: k for k, symbol in enumerate(symbols)}
            where = {name: c for c, name in enumerate(job.columns)}
            for failure in failures:
                symbol = self.alphabet.read(Reason(failure.kind))
                assert symbol is not None
                extra.append((failure.row, where[failure.lf], known.setdefault(symbol, len(known))))
            symbols = list(known)
        alphabet = self.alphabet.extended(symbols)
        lookup = np.array([alphabet.code(s) for s in symbols] or [0], dtype=np.int64)
        if extra:
            rows, lfs, values = (np.array(part) for part in zip(*extra, strict=True))
            items.append(rows)
            columns.append(lfs)
            codes.append(values)
        return assemble(
            np.concatenate(items),
            np.concatenate(columns),
            lookup[np.concatenate(codes)],
            job.table.n_rows,
            alphabet,
            job.columns,
            job.table.ids,
            self._fingerprints(),
            _fault_records(failures),
        )

    def _fingerprints(self) -> list[str]:
        prompts, models = self.job.prompts, self.job.models
        return [
            f"{prompt.fingerprint}:{model.name}:{name}"
            for prompt, model in zip(prompts, models, strict=True)
            for name in prompt.columns
        ]


def problem_of(answer: Answer) -> Reading | None:
    """Why an answer says nothing; None if it does."""
    if answer.refusal is not None:
        return Reading(None, "refused", answer.refusal[:500])
    if answer.finish_reason == "content_filter":
        return Reading(None, "filtered", "the endpoint filtered the answer")
    if not answer.texts:
        return Reading(None, "no answer", "the model gave no text")
    if not answer.texts[0].strip() and answer.choice_logprobs is None:
        detail = (
            "cut at max_tokens before the first word" if answer.finish_reason == "length" else ""
        )
        return Reading(None, "no answer", detail or "the model gave an empty text")
    return None


def _cut(reading: Reading) -> Reading:
    if reading.problem is None:
        return reading
    return Reading(None, reading.problem, f"{reading.detail}; it was cut at max_tokens")


def _other_users(job: Job) -> dict[int, list[int]]:
    """Prompts that ask a question which an earlier prompt asks too."""
    others: dict[int, list[int]] = {}
    for j in range(1, len(job.prompts)):
        for q in job.users(j).tolist():
            if job.questions[q].prompt != j:
                others.setdefault(q, []).append(j)
    return others


def _fault_records(failures: list[Failure]) -> dict[str, FaultRecord]:
    first: dict[str, Failure] = {}
    counts: dict[str, int] = {}
    for failure in failures:
        first.setdefault(failure.lf, failure)
        counts[failure.lf] = counts.get(failure.lf, 0) + 1
    return {
        name: FaultRecord(counts[name], str(f.row_id), f"{f.kind}: {f.message}", "")
        for name, f in first.items()
    }
