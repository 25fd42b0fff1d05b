"""Rows, prompts and models that many tests use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from weaklabel.llm import (
    Answer,
    PromptLabelingFunction,
    Question,
    QuestionError,
    Retries,
    Sampling,
)

YES_NO = {"yes": "spam", "no": "ham"}
FAST = Retries(attempts=3, first=0.0, longest=0.0)


class ScriptedModel:
    """Answers by the last message, and counts; ``script`` may raise."""

    def __init__(self, script: Callable[[str, int], str | Answer], name: str = "scripted") -> None:
        self.name = name
        self.retries = FAST
        self.asked: Counter[str] = Counter()
        self.closed = 0
        self._script = script

    async def answer(self, question: Question, sampling: Sampling) -> Answer:
        text = question.messages[-1].text
        self.asked[text] += 1
        said = self._script(text, self.asked[text])
        return said if isinstance(said, Answer) else Answer((said,), None, None, 10, 2, "stop")

    async def close(self) -> None:
        self.closed += 1


def about_free(text: str, attempt: int) -> str:
    return "yes" if "free" in text else "no"


def failing(kind: Any, *, times: int = 10**9, on: str = "bad") -> Callable[[str, int], str]:
    """A script that fails on some texts, so many times."""

    def script(text: str, attempt: int) -> str:
        if on in text and attempt <= times:
            raise QuestionError(kind, f"no luck with {text!r}")
        return about_free(text, attempt)

    return script


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel(about_free)


@pytest.fixture
def spam() -> PromptLabelingFunction:
    return PromptLabelingFunction("spam", "{text}", YES_NO)


def texts(n: int) -> list[dict[str, str]]:
    """Rows of which every third is about something free."""
    return [{"text": f"row {i} {'free' if i % 3 == 0 else 'song'}"} for i in range(n)]
