"""Responses from a file: for tests, and for runs that anyone can repeat without a key.

The file is JSON Lines: one answer a line, with the model, the messages and the sampling it belongs
to, so that it can be read and edited. What identifies a question is the key of
:mod:`weaklabel.llm.stored`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TextIO

from weaklabel.errors import ArtifactError
from weaklabel.llm.protocol import Answer, LanguageModel, Question, QuestionError, Sampling
from weaklabel.llm.stored import answer_from_json, answer_to_json, key_of, messages_to_json


class RecordedModel:
    """A model that answers what was recorded, and nothing else.

    Parameters
    ----------
    path : path
        Made by :func:`record_to`.

    Attributes
    ----------
    name : str
        Of the model that was recorded.

    Raises
    ------
    ArtifactError
        If the file cannot be read, is damaged, or holds several models.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._answers: dict[bytes, Answer] = {}
        names = set()
        for number, line in enumerate(_lines(self.path), start=1):
            try:
                entry = json.loads(line)
                names.add(str(entry["model"]))
                self._answers[bytes.fromhex(entry["key"])] = answer_from_json(entry["answer"])
            except (ValueError, KeyError, TypeError) as error:
                raise ArtifactError(
                    f"{self.path}, line {number}: not a recorded answer ({error!r}); "
                    "remove the line, or record again"
                ) from None
        if len(names) != 1:
            listed = ", ".join(sorted(names)) or "none"
            raise ArtifactError(f"{self.path} must hold the answers of one model, found {listed}")
        self.name = names.pop()

    def __len__(self) -> int:
        return len(self._answers)

    def __repr__(self) -> str:
        return f"RecordedModel({str(self.path)!r})"

    async def answer(self, question: Question, sampling: Sampling) -> Answer:
        """As :meth:`LanguageModel.answer`."""
        answer = self._answers.get(key_of(self.name, question, sampling))
        if answer is None:
            shown = question.messages[-1].text[:120]
            raise QuestionError("no answer", f"this question was not recorded: {shown!r}")
        return answer


class _Recorder:
    """A model whose answers are written down."""

    def __init__(self, model: LanguageModel, path: Path) -> None:
        self.name = model.name
        for key in ("limits", "retries", "check"):
            if hasattr(model, key):
                setattr(self, key, getattr(model, key))
        self._model = model
        self._path = path
        self._stream: TextIO | None = None

    async def answer(self, question: Question, sampling: Sampling) -> Answer:
        answer = await self._model.answer(question, sampling)
        entry = {
            "model": self.name,
            "key": key_of(self.name, question, sampling).hex(),
            "messages": messages_to_json(question.messages),
            "sampling": vars(sampling),
            "answer": answer_to_json(answer),
        }
        if self._stream is None:
            self._stream = self._path.open("a", encoding="utf-8")
        self._stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._stream.flush()
        return answer

    async def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        close: Any = getattr(self._model, "close", None)
        if close is not None:
            await close()


def record_to(path: str | os.PathLike[str], model: LanguageModel) -> LanguageModel:
    """The same model, which writes down every answer; appends to the file.

    Questions that fail are not recorded.

    Raises
    ------
    ArtifactError
        If the folder does not exist.
    """
    target = Path(path)
    if not target.absolute().parent.is_dir():
        raise ArtifactError(f"the folder of {target} does not exist; make it first")
    return _Recorder(model, target)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"cannot read the recorded answers in {path}: {error}") from error
    return [line for line in text.splitlines() if line.strip()]
