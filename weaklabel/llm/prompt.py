"""Prompts as labeling functions: from a row to a question, from an answer to a vote.

::

    spam = PromptLabelingFunction(
        "is_spam",
        "Is this comment an advertisement?\\n\\n{text}",
        {"yes": "spam", "no": "ham", "unsure": None},
    )
    result = ask([spam], rows, model=OpenAIClient("gpt-x"))

A prompt only says what to ask and what the answers mean; :func:`weaklabel.llm.ask` asks.
:class:`weaklabel.llm.PromptSheet` asks several questions in one call, each a column of votes. Both
are what :class:`Prompt` says, which is all that asking relies on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from weaklabel.labels import LabelSpace, LabelSpaceLike, Not
from weaklabel.llm.answers import AnswerMap, AnswersLike, Reading, space_of
from weaklabel.llm.examples import Example
from weaklabel.llm.messages import (
    Examples,
    TemplateLike,
    check_examples,
    check_name,
    check_reads,
    chosen_examples,
    column_names,
    digest_of_parts,
    examples_content,
    messages_of,
    renderer_of,
)
from weaklabel.llm.protocol import Answer, LanguageModel, Question, Sampling
from weaklabel.llm.structured import read_reply, schema_of
from weaklabel.llm.template import Renderer


@runtime_checkable
class AnswerReader(Protocol):
    """Makes a vote of an answer, where the text alone is not all there is to it."""

    def __call__(self, answers: AnswerMap, answer: Answer) -> Reading:
        """The vote: for example a :class:`weaklabel.Confident` from the log-probabilities."""
        ...


@runtime_checkable
class Prompt(Protocol):
    """What asking relies on.

    Attributes
    ----------
    name : str
    columns : tuple of str
        Names of the columns of votes it fills.
    fields : tuple of str
        The columns of the rows it reads.
    sampling : Sampling
    model : LanguageModel, optional
        None: the model that all prompts of the run are put to.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def sampling(self) -> Sampling: ...  # noqa: D102
    @property
    def model(self) -> LanguageModel | None: ...  # noqa: D102
    @property
    def columns(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def fields(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def answer_maps(self) -> tuple[AnswerMap, ...]: ...  # noqa: D102
    @property
    def label_space(self) -> LabelSpace: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    def questions(self, rows: Sequence[Mapping[str, Any]]) -> list[Question | None]:
        """The question about each row; None not to ask.

        Raises
        ------
        ValueError, TypeError
            If the values of a row do not fit the template.
        """
        ...

    def read(self, answer: Answer) -> tuple[Reading, ...]:
        """What an answer means for each column."""
        ...


@dataclass(frozen=True, eq=False)
class PromptLabelingFunction:
    """A prompt that votes on a row.

    Parameters
    ----------
    name : str
        Of the column of votes.
    template : str or callable
        ``"... {column} ..."``, or a function from columns to the text (None not to ask); see
        :mod:`weaklabel.llm.template`. A row with a missing value in a field is not asked about.
    answers : mapping of text to vote, or sequence of class names
        See :class:`AnswerMap`.
    labels : LabelSpace, or anything it takes, optional
        The classes the answers name if None.
    system : str, optional
        The system message.
    examples : sequence of Example, or ExampleSelector, optional
        Shown before the question as earlier turns of the conversation.
    images : sequence of str, optional
        Columns that hold images: URLs or bytes.
    sampling : Sampling
    model : LanguageModel, optional
        Where it is not the model of the run.
    instruct : bool, default True
        Say in the system message which answers are allowed.
    structured : bool, default False
        Have the endpoint enforce one of the answers, as JSON; costs a few tokens more.
    reader : AnswerReader, optional
        Makes the vote, such as a soft one.

    Raises
    ------
    ConfigError
        If the name or the template is wrong, it reads no column, the answer map is empty, two
        answers normalise to the same text, an answer names no class, or an example does not fit.
    """

    name: str
    template: TemplateLike
    answers: AnswersLike
    labels: LabelSpaceLike | None = None
    system: str = ""
    examples: Examples = ()
    images: Sequence[str] = ()
    sampling: Sampling = field(default_factory=Sampling)
    model: LanguageModel | None = None
    instruct: bool = True
    structured: bool = False
    reader: AnswerReader | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        object.__setattr__(self, "images", column_names(self.images))
        # Made here, so that a wrong prompt is refused where it is written.
        _ = self.answer_map, self.renderer, self.label_space
        check_reads(self.fields, self.name)
        check_examples(self.examples, self.renderer.fields, self.answer_map, self.name)

    @cached_property
    def answer_map(self) -> AnswerMap:
        """The allowed answers."""
        return AnswerMap(self.answers, f"the answer map of prompt {self.name!r}")

    @cached_property
    def renderer(self) -> Renderer:
        """Makes the text."""
        return renderer_of(self.template, self.name)

    @cached_property
    def label_space(self) -> LabelSpace:
        """The classes."""
        return space_of([self.answer_map], self.labels)

    @property
    def answer_maps(self) -> tuple[AnswerMap, ...]:
        """The answer map, as the only one."""
        return (self.answer_map,)

    @property
    def columns(self) -> tuple[str, ...]:
        """Its name, as the only one."""
        return (self.name,)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The columns of the rows it reads."""
        return tuple(dict.fromkeys((*self.renderer.fields, *self.images)))

    @cached_property
    def system_text(self) -> str:
        """The whole system message."""
        if not self.instruct:
            return self.system
        listed = ", ".join(self.answer_map.texts)
        rule = f"Answer with exactly one of: {listed}. Write nothing else."
        if self.structured:
            rule = f'Answer with a JSON object {{"answer": ...}} that holds one of: {listed}.'
        return f"{self.system}\n\n{rule}" if self.system else rule

    @cached_property
    def _schema(self) -> Mapping[str, Any] | None:
        return schema_of({"answer": self.answer_map}) if self.structured else None

    def questions(self, rows: Sequence[Mapping[str, Any]]) -> list[Question | None]:
        """As :meth:`Prompt.questions`."""
        shown = chosen_examples(self.examples, rows)
        return [self._question(row, examples) for row, examples in zip(rows, shown, strict=True)]

    def question(self, row: Mapping[str, Any]) -> Question | None:
        """The question about one row."""
        return self.questions([row])[0]

    def _question(self, row: Mapping[str, Any], examples: Sequence[Example]) -> Question | None:
        messages = messages_of(self, row, examples)
        if messages is None:
            return None
        return Question(messages, self.answer_map.texts, self._schema)

    def read(self, answer: Answer) -> tuple[Reading, ...]:
        """As :meth:`Prompt.read`."""
        if self.reader is not None:
            return (self.reader(self.answer_map, answer),)
        if self.structured:
            return (read_reply(answer.texts[0], {"answer": self.answer_map})["answer"],)
        return (self.answer_map.read(answer.texts[0]),)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all that decides the votes, the model by its name."""
        reader = getattr(self.reader, "fingerprint", None) or repr(type(self.reader).__qualname__)
        return digest_of_parts(
            self.renderer.content, self.answer_map.votes, self.label_space.names, self.system_text,
            examples_content(self.examples), self.images, self.sampling,
            None if self.model is None else self.model.name, self.structured, reader,
        )  # fmt: skip


def verification(
    name: str,
    label: Any,
    labels: LabelSpaceLike,
    template: TemplateLike,
    *,
    system: str = "",
    examples: Examples = (),
    sampling: Sampling | None = None,
    model: LanguageModel | None = None,
    reader: AnswerReader | None = None,
) -> PromptLabelingFunction:
    """A prompt that verifies one class: "is it X?" — yes: X, no: not X, unsure: abstain.

    Parameters
    ----------
    name : str
    label : class
        The candidate.
    labels : LabelSpace, or anything it takes
    template : str or callable
        Asks whether the row is of the class, with whatever context helps.
    system, examples, sampling, model, reader
        As :class:`PromptLabelingFunction`.
    """
    answers = {"yes": label, "no": Not(label), "unsure": None}
    return PromptLabelingFunction(
        name, template, answers, labels, system, examples, (), sampling or Sampling(), model,
        reader=reader,
    )  # fmt: skip


def prompt_labeling_function(
    *,
    answers: AnswersLike,
    name: str | None = None,
    labels: LabelSpaceLike | None = None,
    system: str = "",
    examples: Examples = (),
    images: Sequence[str] = (),
    sampling: Sampling | None = None,
    model: LanguageModel | None = None,
    instruct: bool = True,
    structured: bool = False,
    reader: AnswerReader | None = None,
) -> Callable[[Callable[..., str | None]], PromptLabelingFunction]:
    """Make a prompt of a function from columns to text.

    Parameters
    ----------
    name : str, optional
        The function's name if None.
    answers, labels, system, examples, images, sampling, model, instruct, structured, reader
        As :class:`PromptLabelingFunction`.

    Examples
    --------
    >>> @prompt_labeling_function(answers={"yes": "spam", "no": "ham"})
    ... def is_spam(text):
    ...     return f"Is this spam?\\n\\n{text[:200]}" if text else None
    >>> is_spam.question({"text": "free!"}).messages[-1].content
    'Is this spam?\\n\\nfree!'
    """

    def make(function: Callable[..., str | None]) -> PromptLabelingFunction:
        return PromptLabelingFunction(
            function.__name__ if name is None else name, function, answers, labels, system,
            examples, images, sampling or Sampling(), model, instruct, structured, reader,
        )  # fmt: skip

    return make
