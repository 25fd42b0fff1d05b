"""Answers as JSON: the schema that an endpoint is asked to keep to, and the reading of what came.

The schema is that of a pydantic model with one field per question, each a ``Literal`` of the
allowed answers. Endpoints that enforce it can give nothing else; from others, JSON inside a code
fence or a sentence is found, and a field that is almost right goes through the same matcher as a
plain reply.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from weaklabel.llm.answers import AnswerMap, Reading

if TYPE_CHECKING:
    from pydantic import BaseModel

_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


@cache
def reply_model(fields: tuple[tuple[str, tuple[str, ...]], ...]) -> type[BaseModel]:
    """The pydantic model of a reply: a field for each question, one of its answers.

    Parameters
    ----------
    fields : tuple of (name, answers)
    """
    from pydantic import ConfigDict, Field, create_model

    made: dict[str, Any] = {
        f"field_{k}": (Literal[answers], Field(alias=name))
        for k, (name, answers) in enumerate(fields)
    }
    return create_model("Reply", __config__=ConfigDict(extra="forbid"), **made)


def schema_of(questions: Mapping[str, AnswerMap]) -> dict[str, Any]:
    """The JSON schema of a reply to some questions."""
    fields = tuple((name, answers.texts) for name, answers in questions.items())
    return reply_model(fields).model_json_schema(by_alias=True)


def read_reply(reply: str, questions: Mapping[str, AnswerMap]) -> dict[str, Reading]:
    """What a reply means for each question.

    Parameters
    ----------
    reply : str
        A JSON object; or lines ``name: answer``; or, for a single question, a plain reply.
    """
    found = _object(reply)
    if found is None:
        if len(questions) == 1:
            return {name: answers.read(reply) for name, answers in questions.items()}
        found = _lines(reply, questions)
    return {name: _read(found, name, answers, reply) for name, answers in questions.items()}


def _object(reply: str) -> dict[str, Any] | None:
    text = _OBJECT.search(reply)
    if text is None:
        return None
    try:
        value = json.loads(text[0])
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _lines(reply: str, questions: Mapping[str, AnswerMap]) -> dict[str, Any]:
    pairs = (line.strip(" -*\"'").partition(":") for line in reply.splitlines())
    names = {name.casefold(): name for name in questions}
    return {
        names[name.strip(" *\"'").casefold()]: rest.strip(" *,\"'")
        for name, colon, rest in pairs
        if colon and name.strip(" *\"'").casefold() in names
    }


def _read(found: Mapping[str, Any], name: str, answers: AnswerMap, reply: str) -> Reading:
    value = found.get(name)
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if value is None or isinstance(value, dict | list):
        return Reading(None, "malformed", f"there is no answer to {name!r} in {reply[:120]!r}")
    return answers.read(str(value))
