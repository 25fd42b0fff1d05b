"""What all prompts share: the messages of a question, and the checks of their settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from weaklabel.errors import ConfigError
from weaklabel.llm.answers import AnswerMap
from weaklabel.llm.examples import Example, ExampleSelector
from weaklabel.llm.images import image_part
from weaklabel.llm.protocol import Message, Part, TextPart
from weaklabel.llm.template import FunctionTemplate, Renderer, Template

Examples: TypeAlias = "Sequence[Example] | ExampleSelector"
TemplateLike: TypeAlias = "str | Callable[..., str | None]"


class HasMessages(Protocol):
    """A prompt, as far as its messages go."""

    @property
    def fields(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def renderer(self) -> Renderer: ...  # noqa: D102
    @property
    def system_text(self) -> str: ...  # noqa: D102
    @property
    def images(self) -> Sequence[str]: ...  # noqa: D102


def messages_of(
    prompt: HasMessages,
    row: Mapping[str, Any],
    examples: Sequence[Example],
) -> tuple[Message, ...] | None:
    """The messages of the question about a row; None not to ask, as where a value is missing."""
    if any(row[name] is None for name in prompt.fields):
        return None
    text = prompt.renderer.render(row)
    if text is None:
        return None
    messages = [Message("system", prompt.system_text)] if prompt.system_text else []
    for example in examples:
        shown = prompt.renderer.render(example.fields)
        if shown is not None:
            messages += [Message("user", shown), Message("assistant", example.answer)]
    parts: tuple[Part, ...] = tuple(image_part(row[name], name) for name in prompt.images)
    messages.append(Message("user", (TextPart(text), *parts) if parts else text))
    return tuple(messages)


def check_reads(fields: Sequence[str], name: str) -> None:
    """Refuse a prompt that reads nothing of a row.

    Raises
    ------
    ConfigError
        It would put the same question about every row.
    """
    if not fields:
        raise ConfigError(
            f"the template of prompt {name!r} reads no column, so every row would get the same "
            "answer; put the column in braces, such as {text}, or name images"
        )


def chosen_examples(
    examples: Examples, rows: Sequence[Mapping[str, Any]]
) -> Sequence[Sequence[Example]]:
    """The examples that go with each row."""
    if isinstance(examples, ExampleSelector):
        return examples.choose(rows)
    return [examples] * len(rows)


def renderer_of(template: TemplateLike, name: str) -> Renderer:
    """What makes the text of a prompt."""
    if callable(template):
        return FunctionTemplate(template, f"prompt {name!r}")
    return Template(template, f"the template of prompt {name!r}")


def check_name(name: str) -> None:
    """Refuse a prompt without a name."""
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"a prompt needs a name, found {name!r}")


def column_names(columns: Sequence[str] | str) -> tuple[str, ...]:
    """Names of columns as a tuple; a single string is one name."""
    return (columns,) if isinstance(columns, str) else tuple(columns)


def check_examples(
    examples: Examples, fields: Sequence[str], answers: AnswerMap, name: str
) -> None:
    """Refuse examples that lack a column or have an answer that is not allowed."""
    listed = getattr(examples, "gold", ()) if isinstance(examples, ExampleSelector) else examples
    for position, example in enumerate(listed):
        missing = [column for column in fields if column not in example.fields]
        if missing:
            raise ConfigError(
                f"example {position} of prompt {name!r} has no column {missing[0]!r}, "
                "which the template reads"
            )
        if example.answer not in answers.votes:
            raise ConfigError(
                f"example {position} of prompt {name!r} has the answer {example.answer!r}, "
                f"which is not one of {', '.join(map(repr, answers.texts))}"
            )


def examples_content(examples: Examples) -> Any:
    """All that decides the examples, for fingerprints."""
    if isinstance(examples, ExampleSelector):
        return examples.fingerprint
    return [(dict(example.fields), example.answer) for example in examples]


def digest_of_parts(*parts: Any) -> str:
    """SHA-256 of values by their ``repr``, as 64 hex digits."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()
