"""Labeling programs: asking a language model once for rules, instead of once for every row.

The idea is Alchemist's (Huang et al., 2024, "The ALCHEmist: Automated Labeling 500x CHEaper Than
LLM Data Annotators"): describe the task, get small programs, let a label model weigh them. ::

    proposals = propose_programs(task, labels, rows, model)
    screening = screen_programs(proposals, rows, labels, gold=gold)
    write_program_pack("rules.py", screening)          # then read it, and keep what you trust

Programs are checked against lists of what they may contain (:mod:`.program_rules`) and run in a
process with limits (:mod:`.sandbox`) before anything else is made of them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from weaklabel.errors import ConfigError
from weaklabel.labels import LabelSpace, LabelSpaceLike
from weaklabel.llm.budget import Ledger, likely_tokens
from weaklabel.llm.cache import AnswerCache
from weaklabel.llm.prices import PricesLike, read_prices
from weaklabel.llm.program_rules import (
    BUILTINS,
    MODULES,
    Program,
    ProgramError,
    check_program,
    read_programs,
)
from weaklabel.llm.protocol import Answer, LanguageModel, Message, Question, QuestionError, Sampling
from weaklabel.llm.rows import Table, table_of
from weaklabel.llm.sending import Sender
from weaklabel.llm.stored import key_of
from weaklabel.llm.tables import text_table

N_SHOWN: Final = 5  # rows shown to the model
LONGEST: Final = 300  # characters of a value shown
_SAMPLING: Final = Sampling(temperature=0.8, max_tokens=2048, n=5)


@dataclass(frozen=True)
class Refused:
    """A program, or a whole reply, that was not taken.

    Attributes
    ----------
    name : str
        Of the program; ``"reply 3"`` where there is none.
    reason : str
    """

    name: str
    reason: str


@dataclass(frozen=True)
class ProgramCost:
    """What the programs cost, and what asking about every row would.

    Attributes
    ----------
    requests, prompt_tokens, completion_tokens : int
        Of the requests made; tokens as the model counts them.
    n_rows : int
    row_tokens : int
        Tokens of asking about each row once, estimated at four bytes a token.
    cost, row_cost : float, optional
        In the currency of the prices, where there were any.
    """

    requests: int
    prompt_tokens: int
    completion_tokens: int
    n_rows: int
    row_tokens: int
    cost: float | None = None
    row_cost: float | None = None

    def __str__(self) -> str:
        tokens = self.prompt_tokens + self.completion_tokens
        return text_table(
            ["", "requests", "tokens", "cost"],
            [
                ["programs", self.requests, tokens, self.cost],
                ["one question a row (estimate)", self.n_rows, self.row_tokens, self.row_cost],
            ],
        )


@dataclass(frozen=True)
class Proposals:
    """Programs as a model wrote them, and what was refused unread.

    Attributes
    ----------
    programs : tuple of Program
        Allowed by :func:`weaklabel.llm.program_rules.check_program`; names are unique.
    refused : tuple of Refused
    cost : ProgramCost
    task, model : str
    """

    programs: tuple[Program, ...]
    refused: tuple[Refused, ...]
    cost: ProgramCost
    task: str
    model: str


def propose_programs(
    task: str,
    labels: LabelSpaceLike,
    rows: Any,
    model: LanguageModel,
    *,
    fields: Sequence[str] | None = None,
    requests: int = 2,
    sampling: Sampling = _SAMPLING,
    cache: AnswerCache | None = None,
    prices: PricesLike | None = None,
) -> Proposals:
    """Ask a model for labeling programs.

    Parameters
    ----------
    task : str
        What is to be labeled, and what the classes mean.
    labels : LabelSpace, or anything it takes
    rows : list of dicts, DataFrame, or Arrow table
        The first few are shown to the model.
    model : LanguageModel
    fields : sequence of str, optional
        The columns that programs may read; all if None.
    requests : int, default 2
        Each with a seed of its own.
    sampling : Sampling
        Five samples for each request by default.
    cache : AnswerCache, optional
    prices : path, mapping or PriceTable, optional
        For the cost report.

    Raises
    ------
    ConfigError
        If the task is empty, a column is not there, or ``requests`` is less than 1.
    EndpointError
        If the model takes no question at all.

    Notes
    -----
    A request that fails, and a program that is not allowed, are among ``refused``.
    """
    space, table = LabelSpace(labels), table_of(rows)
    if not task.strip():
        raise ConfigError("the task must be described, found an empty text")
    if requests < 1:
        raise ConfigError(f"requests must be at least 1, found {requests!r}")
    names = [str(name) for name in (table.names if fields is None else fields)]
    for name in names:
        if name not in table.names:
            raise ConfigError(f"there is no column {name!r}; the columns are {list(table.names)}")
    price = None if prices is None else read_prices(prices).of(model.name)
    question = program_question(
        task, space, names, table.rows(names, range(table.n_rows)[:N_SHOWN])
    )
    seeds = [replace(sampling, seed=(sampling.seed or 0) + k) for k in range(requests)]
    answers = _asked(model, question, seeds, cache)
    programs, refused = _read(answers)
    used = [a for a in answers if isinstance(a, Answer)]
    tokens = (sum(a.prompt_tokens for a in used), sum(a.completion_tokens for a in used))
    per_row = _row_tokens(task, space, names, table)
    cost = ProgramCost(
        requests, *tokens, table.n_rows, per_row[0] + per_row[1],
        None if price is None else price.cost(*tokens),
        None if price is None else price.cost(*per_row),
    )  # fmt: skip
    return Proposals(tuple(programs), tuple(refused), cost, task, model.name)


def program_question(
    task: str, labels: LabelSpace, fields: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> Question:
    """What the model is asked."""
    classes = ", ".join(repr(name) for name in labels.names)
    columns = ", ".join(f"row[{name!r}]" for name in fields)
    rules = (
        "You write labeling functions in Python: short, readable rules of thumb for labeling rows "
        "of data. Rules:\n"
        "- Each is a top-level function `def short_name(row):` with a docstring of one line.\n"
        f"- It reads {columns}; a value may be None.\n"
        f"- It returns one of {classes}, or None when its rule does not apply. Most rows should "
        "get None: a rule should be right when it speaks.\n"
        f"- Only these modules may be imported: {', '.join(sorted(MODULES))}. Only these "
        f"built-ins may be used: {', '.join(sorted(BUILTINS))}. No str.format, classes, "
        "decorators or names with leading underscores.\n"
        "- Make them different from each other. Write ten or fewer, in one ```python block, and "
        "nothing else."
    )
    shown = "\n".join(
        f"- { ({name: str(row[name])[:LONGEST] for name in fields})!r}" for row in rows
    )
    text = f"Task: {task}\n\nClasses: {classes}\n\nSome rows:\n{shown}"
    return Question((Message("system", rules), Message("user", text)))


def _asked(
    model: LanguageModel,
    question: Question,
    samplings: Sequence[Sampling],
    cache: AnswerCache | None,
) -> list[Answer | QuestionError]:
    """The answers, from a thread of their own: there may be an event loop in this one already."""
    out: list[Answer | QuestionError] = []
    box: list[BaseException] = []

    async def one(sender: Sender, sampling: Sampling) -> Answer | QuestionError:
        key = key_of(model.name, question, sampling)
        known = None if cache is None else cache.get(key)
        if known is not None:
            return known
        try:
            answer = await sender.answer(question, sampling)
        except QuestionError as error:
            return error
        if cache is not None:
            await cache.put(key, model.name, answer)
        return answer

    async def every() -> None:
        sender = Sender(model, 4, Ledger())
        try:
            out.extend(await asyncio.gather(*(one(sender, sampling) for sampling in samplings)))
        finally:
            close = getattr(model, "close", None)
            if close is not None:
                await close()

    def work() -> None:
        try:
            asyncio.run(every())
        except BaseException as error:
            box.append(error)

    thread = threading.Thread(target=work, name="weaklabel-programs", daemon=True)
    thread.start()
    thread.join()
    if box:
        raise box[0]
    return out


def _read(answers: Sequence[Answer | QuestionError]) -> tuple[list[Program], list[Refused]]:
    programs: list[Program] = []
    refused: list[Refused] = []
    names: dict[str, int] = {}
    seen: set[str] = set()
    replies: list[str | QuestionError] = []
    for answer in answers:
        replies += [answer] if isinstance(answer, QuestionError) else list(answer.texts)
    for number, reply in enumerate(replies, start=1):
        if isinstance(reply, QuestionError):
            refused.append(Refused(f"reply {number}", f"{reply.kind}: {reply}"))
            continue
        try:
            found = read_programs(reply)
        except ProgramError as error:
            refused.append(Refused(f"reply {number}", str(error)))
            continue
        for program in found:
            if program.source in seen:
                continue  # word for word the same: nothing to report
            seen.add(program.source)
            try:
                check_program(program)
            except ProgramError as error:
                refused.append(Refused(program.name, str(error)))
                continue
            names[program.name] = names.get(program.name, 0) + 1
            programs.append(program)
    return programs, refused


def _row_tokens(
    task: str, labels: LabelSpace, fields: Sequence[str], table: Table
) -> tuple[int, int]:
    """Tokens in and out of asking about each row once, estimated."""
    rule = f"{task}\n\nAnswer with exactly one of: {', '.join(labels.names)}."
    total = [0, 0]
    for row in table.rows(fields, range(table.n_rows)):
        text = "\n".join(str(value) for value in row.values())
        question = Question((Message("system", rule), Message("user", text)), labels.names)
        tokens = likely_tokens(question, Sampling())
        total[0] += tokens.prompt
        total[1] += tokens.completion
    return total[0], total[1]
