"""What is to be asked: every prompt rendered on every row, equal questions found, prices known.

Everything that can be wrong with the prompts, the rows and the budget is found here, before the
first request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError
from weaklabel.labels import LabelSpace, LabelSpaceLike
from weaklabel.llm.budget import Tokens, likely_tokens, most_tokens
from weaklabel.llm.prices import Price, PriceTable
from weaklabel.llm.prompt import Prompt
from weaklabel.llm.protocol import LanguageModel, Question
from weaklabel.llm.rows import Table
from weaklabel.llm.stored import key_of
from weaklabel.votes.matrix import check_lf_names, quoted

BLOCK: Final = 256  # rows rendered at a time

NOT_ASKED: Final = -1  # a value is missing, or the template said so
NOT_RENDERED: Final = -2


@dataclass
class Asked:
    """A distinct question: where it first occurs, and the most and the likely tokens.

    Attributes
    ----------
    key : bytes
    prompt, row : int
        Positions.
    likely, most : Tokens
    """

    key: bytes
    prompt: int
    row: int
    likely: Tokens
    most: Tokens


@dataclass
class Job:
    """Prompts, rows, and the distinct questions between them.

    Attributes
    ----------
    prompts : tuple of Prompt
    table : Table
    models : tuple of LanguageModel
        Of each prompt.
    prices : PriceTable, optional
    space : LabelSpace
    columns : tuple of str
        Names of the columns of votes.
    first_column : array of int, shape (n_prompts + 1,)
        Columns ``first_column[j] : first_column[j + 1]`` are those of prompt j.
    cells : array of int, shape (n_rows, n_prompts)
        Which question was asked; NOT_ASKED or NOT_RENDERED where there is none.
    questions : list of Asked
    broken : list of (row, prompt, message)
        Rows whose values do not fit the template.
    """

    prompts: tuple[Prompt, ...]
    table: Table
    models: tuple[LanguageModel, ...]
    prices: PriceTable | None
    space: LabelSpace
    columns: tuple[str, ...]
    first_column: list[int]
    cells: npt.NDArray[np.int64]
    questions: list[Asked] = field(default_factory=list)
    broken: list[tuple[int, int, str]] = field(default_factory=list)

    def price(self, prompt: int) -> Price | None:
        """The price of the model of a prompt."""
        return None if self.prices is None else self.prices.of(self.models[prompt].name)

    def users(self, prompt: int) -> npt.NDArray[np.int64]:
        """The distinct questions that a prompt asks."""
        asked = np.unique(self.cells[:, prompt])
        return asked[asked >= 0]

    def rendered(self, questions: Sequence[int]) -> Iterator[tuple[int, Question]]:
        """The texts of questions, rendered again block by block: all at once may not fit."""
        for start in range(0, len(questions), BLOCK):
            block = questions[start : start + BLOCK]
            by_prompt: dict[int, list[int]] = {}
            for q in block:
                by_prompt.setdefault(self.questions[q].prompt, []).append(q)
            made: dict[int, Question] = {}
            for j, some in by_prompt.items():
                prompt = self.prompts[j]
                rows = self.table.rows(prompt.fields, [self.questions[q].row for q in some])
                for q, question in zip(some, prompt.questions(rows), strict=True):
                    assert question is not None  # it was there when the job was made
                    made[q] = question
            yield from ((q, made[q]) for q in block)


def make_job(
    prompts: Any,
    table: Table,
    model: LanguageModel | None,
    labels: LabelSpaceLike | None,
    prices: PriceTable | None,
) -> Job:
    """Check everything, and find the distinct questions.

    Raises
    ------
    ConfigError
        If there is no prompt, two columns have one name, a template reads a column that is not
        there, a prompt has no model, the prompts disagree about the classes, or the price table
        lacks a model.

    Notes
    -----
    Each prompt is rendered once for each row; a digest and a few numbers are kept of each distinct
    question, its text is not.
    """
    listed = _listed(prompts)
    models = tuple(_model_of(prompt, model) for prompt in listed)
    for prompt in listed:
        _check_fields(prompt, table)
    if prices is not None:
        for used in models:
            prices.of(used.name)
    columns = check_lf_names([name for prompt in listed for name in prompt.columns])
    first = np.cumsum([0, *(len(prompt.columns) for prompt in listed)]).tolist()
    cells = np.full((table.n_rows, len(listed)), NOT_ASKED, dtype=np.int64)
    space = _space(listed, labels)
    job = Job(listed, table, models, prices, space, columns, first, cells)
    numbers: dict[bytes, int] = {}
    for j in range(len(listed)):
        _render(job, j, numbers)
    return job


def _listed(prompts: Any) -> tuple[Prompt, ...]:
    listed = (prompts,) if isinstance(prompts, Prompt) else tuple(prompts)
    if not listed:
        raise ConfigError("there are no prompts; give at least one")
    for prompt in listed:
        if not isinstance(prompt, Prompt):
            raise ConfigError(
                f"expected prompts, found {prompt!r:.80}; make them with PromptLabelingFunction; "
                "labeling functions of other kinds go to weaklabel.apply"
            )
    return listed


def _model_of(prompt: Prompt, model: LanguageModel | None) -> LanguageModel:
    chosen = model if prompt.model is None else prompt.model
    if chosen is None:
        raise ConfigError(f"prompt {prompt.name!r} has no model; pass model=")
    if not isinstance(chosen, LanguageModel) or isinstance(chosen, type):
        raise ConfigError(
            f"the model of prompt {prompt.name!r} must have a name and an answer method, "
            f"found {chosen!r:.80}; wrap a function in CallableModel"
        )
    return chosen


def _check_fields(prompt: Prompt, table: Table) -> None:
    for name in prompt.fields:
        if name not in table.names:
            raise ConfigError(
                f"prompt {prompt.name!r} reads the column {name!r}, which is not there; "
                f"the columns are {quoted(table.names)}"
            )


def _space(prompts: Sequence[Prompt], labels: LabelSpaceLike | None) -> LabelSpace:
    """The classes that all prompts vote on."""
    if labels is not None:
        space = LabelSpace(labels)
        for answers in (a for prompt in prompts for a in prompt.answer_maps):
            answers.check(space)
        return space
    widest = max((prompt.label_space for prompt in prompts), key=len)
    for prompt in prompts:
        if prompt.label_space == widest:
            continue
        if not set(prompt.label_space) <= set(widest) or len(prompt.label_space) == len(widest):
            raise ConfigError(
                f"prompt {prompt.name!r} votes on {', '.join(prompt.label_space)}, another on "
                f"{', '.join(widest)}; pass labels=[...] with all classes in one order"
            )
        for answers in prompt.answer_maps:
            answers.check(widest)
    return widest


def _render(job: Job, j: int, numbers: dict[bytes, int]) -> None:
    prompt, table = job.prompts[j], job.table
    for start in range(0, table.n_rows, BLOCK):
        positions = range(start, min(start + BLOCK, table.n_rows))
        rows = table.rows(prompt.fields, positions)
        try:
            made: list[Question | str | None] = list(prompt.questions(rows))
        except Exception:
            made = [_alone(prompt, row) for row in rows]
        for i, question in zip(positions, made, strict=True):
            if isinstance(question, str):
                job.cells[i, j] = NOT_RENDERED
                job.broken.append((i, j, question))
            elif question is not None:
                job.cells[i, j] = _number(job, i, j, question, numbers)


def _alone(prompt: Prompt, row: Mapping[str, Any]) -> Question | str | None:
    """The question about one row, or why there is none."""
    try:
        return prompt.questions([row])[0]
    except Exception as error:
        return f"the template could not be filled: {type(error).__name__}: {error}"


def _number(job: Job, i: int, j: int, question: Question, numbers: dict[bytes, int]) -> int:
    sampling = job.prompts[j].sampling
    key = key_of(job.models[j].name, question, sampling)
    number = numbers.setdefault(key, len(numbers))
    if number == len(job.questions):
        price = job.price(j)
        images = 0 if price is None else price.image_tokens
        likely = likely_tokens(question, sampling, images)
        job.questions.append(Asked(key, j, i, likely, most_tokens(question, sampling, images)))
    return number
