"""Several questions about a row in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from weaklabel.errors import ConfigError
from weaklabel.labels import LabelSpace, LabelSpaceLike
from weaklabel.llm.answers import AnswerMap, AnswersLike, Reading, space_of
from weaklabel.llm.messages import (
    TemplateLike,
    check_name,
    check_reads,
    column_names,
    digest_of_parts,
    messages_of,
    renderer_of,
)
from weaklabel.llm.protocol import Answer, LanguageModel, Question, Sampling
from weaklabel.llm.structured import read_reply, schema_of
from weaklabel.llm.template import Renderer


@dataclass(frozen=True)
class SheetQuestion:
    """One question of a :class:`PromptSheet`.

    Attributes
    ----------
    text : str
        The question in words.
    answers : mapping of text to vote, or sequence of class names
    """

    text: str
    answers: AnswersLike


@dataclass(frozen=True, eq=False)
class PromptSheet:
    """Several questions about a row in one call; each fills a column of votes.

    The answers come as one JSON object with a key for each question. A question whose key is
    missing or cannot be read abstains; the others count.

    Parameters
    ----------
    name : str
        Of the prompt. The columns are named after the questions.
    template : str or callable
        What the questions are about.
    asked : mapping of str to SheetQuestion
        By the name of the column.
    labels, system, images, sampling, model, structured
        As :class:`PromptLabelingFunction`. By default the tokens allowed grow with the questions.
    """

    name: str
    template: TemplateLike
    asked: Mapping[str, SheetQuestion]
    labels: LabelSpaceLike | None = None
    system: str = ""
    images: Sequence[str] = ()
    sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=256))
    model: LanguageModel | None = None
    structured: bool = True

    def __post_init__(self) -> None:
        check_name(self.name)
        object.__setattr__(self, "images", column_names(self.images))
        if not self.asked:
            raise ConfigError(f"prompt {self.name!r} must ask at least one question, found none")
        _ = self._maps, self.renderer, self.label_space
        check_reads(self.fields, self.name)

    @cached_property
    def _maps(self) -> dict[str, AnswerMap]:
        return {
            name: AnswerMap(asked.answers, f"the answer map of {name!r} in prompt {self.name!r}")
            for name, asked in self.asked.items()
        }

    @cached_property
    def renderer(self) -> Renderer:
        """Makes the text."""
        return renderer_of(self.template, self.name)

    @cached_property
    def label_space(self) -> LabelSpace:
        """The classes."""
        return space_of(list(self._maps.values()), self.labels)

    @property
    def answer_maps(self) -> tuple[AnswerMap, ...]:
        """One for each question."""
        return tuple(self._maps.values())

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the questions."""
        return tuple(self.asked)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The columns of the rows it reads."""
        return tuple(dict.fromkeys((*self.renderer.fields, *self.images)))

    @cached_property
    def system_text(self) -> str:
        """The whole system message: the questions and the form of the answer."""
        asked = [
            f"- {name}: {question.text} (one of: {', '.join(self._maps[name].texts)})"
            for name, question in self.asked.items()
        ]
        keys = ", ".join(f'"{name}"' for name in self.asked)
        rule = f"Answer with one JSON object with the keys {keys} and nothing else."
        head = [self.system] if self.system else []
        return "\n\n".join([*head, "Answer these questions:\n" + "\n".join(asked), rule])

    def questions(self, rows: Sequence[Mapping[str, Any]]) -> list[Question | None]:
        """As :meth:`Prompt.questions`."""
        schema = schema_of(self._maps) if self.structured else None
        made = (messages_of(self, row, ()) for row in rows)
        return [None if m is None else Question(m, None, schema) for m in made]

    def read(self, answer: Answer) -> tuple[Reading, ...]:
        """As :meth:`Prompt.read`."""
        return tuple(read_reply(answer.texts[0], self._maps).values())

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all that decides the votes, the model by its name."""
        return digest_of_parts(
            self.renderer.content, [a.votes for a in self.answer_maps], self.label_space.names,
            self.system_text, self.images, self.sampling,
            None if self.model is None else self.model.name, self.structured,
        )  # fmt: skip
