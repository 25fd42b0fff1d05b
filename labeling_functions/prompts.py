"""Prompts to a language model as labeling functions among others.

:func:`weaklabel.ask` is the way to put prompts to many rows: it plans, keeps to a budget, reports
and asks again what failed. These labeling functions are for the places that take labeling functions
only: :func:`weaklabel.apply` beside keywords and patterns, packs, and files of rules::

    [[rules]]
    kind = "prompt"
    name = "is_spam"
    template = "Is this comment an advertisement?\\n\\n{text}"
    answers = { yes = "spam", no = "ham", unsure = "" }
    language_model = "gpt-x"
    base_url = "http://localhost:8000/v1"     # left out: OpenAI's own
    key_env = "MY_KEY"
    cache = "answers.sqlite"
    max_calls = 5000

An answer stands for a class, for nothing (``""``), for one of several classes (a list), or for all
but some (``{ not = "spam" }``). ``weaklabel ask`` finds these prompts in packs and files of rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from labeling_functions.building import SettingError, need_count, need_name
from weaklabel import LabelingFunction, Not, OneOf, PromptLabelingFunction, ask
from weaklabel.errors import ConfigError
from weaklabel.labels import LabelSpaceLike
from weaklabel.llm import (
    EndpointError,
    LanguageModel,
    OpenAIClient,
    Prompt,
    QuestionError,
    Sampling,
)

# An answer came, and it says nothing: asking again would only cost again.
_ANSWERED = frozenset({"refused", "filtered", "malformed", "no answer", "too long", "rejected"})


@dataclass(frozen=True)
class PromptVotes:
    """Answers to one prompt, called with the columns that its template reads.

    Attributes
    ----------
    prompt : Prompt
        Its model is set.
    cache : Path, optional
    concurrency : int
    max_calls : int, optional
        Of this process, over all batches.
    """

    prompt: Prompt
    cache: Path | None = None
    concurrency: int = 16
    max_calls: int | None = None
    _known: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False, compare=False)
    _calls: list[int] = field(default_factory=list, repr=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """Digest of the prompt and the name of the model; neither cache nor budget count."""
        name = "" if self.prompt.model is None else self.prompt.model.name
        return hashlib.sha256(f"{self.prompt.fingerprint} {name}".encode()).hexdigest()

    def __call__(self, *columns: Sequence[Any]) -> list[Any]:
        """One vote per row, None to abstain.

        Raises
        ------
        EndpointError
            If the endpoint refuses all, or ``max_calls`` are used up.
        QuestionError
            If rows got no answer: unlike an answer that says nothing, that is no abstention.
        """
        rows = list(zip(*columns, strict=True))
        keys = [tuple(map(repr, row)) for row in rows]
        new = {key: row for key, row in zip(keys, rows, strict=True) if key not in self._known}
        if new:
            self._ask(list(new), list(new.values()))
        return [self._known[key] for key in keys]

    def _ask(self, keys: list[tuple[Any, ...]], rows: list[Sequence[Any]]) -> None:
        left = None if self.max_calls is None else self.max_calls - sum(self._calls)
        if left is not None and left < 1:
            raise EndpointError(
                f"the max_calls={self.max_calls} of prompt {self.prompt.name!r} are used up; "
                "raise it, or use weaklabel.ask, which keeps the votes it has"
            )
        dicts = [dict(zip(self.prompt.fields, row, strict=True)) for row in rows]
        result = ask(
            self.prompt, dicts, cache=self.cache, max_calls=left, concurrency=self.concurrency,
            progress=False, keep_answers=True,
        )  # fmt: skip
        self._calls.append(result.report.calls)
        failed = {failure.row: failure.kind for failure in result.failures}
        for i, key in enumerate(keys):
            answer = result.answer(i, 0)
            if answer is not None and i not in failed:
                # The vote as it stands in the map: what "not spam" leaves, the classes of the
                # whole run decide.
                self._known[key] = self.prompt.read(answer)[0].vote
            elif failed.get(i) in _ANSWERED or (i not in failed and result.report.is_complete):
                self._known[key] = None  # nothing usable came, or it was not to be asked about
        lost = [f for f in result.failures if f.kind not in _ANSWERED]
        if lost:
            raise QuestionError(lost[0].kind, f"{len(lost)} rows; {lost[0].message}")  # type: ignore[arg-type]
        if not result.report.is_complete:
            raise EndpointError(f"prompt {self.prompt.name!r}: {result.report.status}")


def as_labeling_function(
    prompt: Prompt,
    model: LanguageModel | None = None,
    *,
    cache: str | Path | None = None,
    concurrency: int = 16,
    max_calls: int | None = None,
) -> LabelingFunction:
    """A prompt as a column labeling function.

    Parameters
    ----------
    prompt : Prompt
        With one column of votes.
    model : LanguageModel, optional
        Where the prompt does not bring its own.
    cache : path, optional
        Of the answers; see :class:`weaklabel.llm.AnswerCache`. Processes may share it.
    concurrency : int, default 16
        Requests at a time; a batch of rows is the most that is asked at once.
    max_calls : int, optional
        Requests of one process.

    Raises
    ------
    ConfigError
        If the prompt fills several columns, or has no model.
    """
    if len(prompt.columns) != 1:
        raise ConfigError(
            f"prompt {prompt.name!r} fills {len(prompt.columns)} columns; a labeling function is "
            "one column, so put it to the rows with weaklabel.ask"
        )
    if prompt.model is None:
        if model is None:
            raise ConfigError(f"prompt {prompt.name!r} has no model; pass model=")
        prompt = replace(prompt, model=model)  # type: ignore[type-var]
    path = None if cache is None else Path(cache)
    votes = PromptVotes(prompt, path, concurrency, max_calls)
    labels = getattr(prompt, "labels", None)  # None: those of the run
    return LabelingFunction(prompt.name, votes, labels, columns=prompt.fields, format="list")


def prompt(
    name: str,
    template: str,
    answers: Mapping[str, Any] | Sequence[str],
    language_model: str | LanguageModel,
    *,
    labels: LabelSpaceLike | None = None,
    base_url: str | None = None,
    key_env: str | None = "OPENAI_API_KEY",
    system: str = "",
    max_tokens: int = 64,
    structured: bool = False,
    cache: str | Path | None = None,
    concurrency: int = 16,
    max_calls: int | None = None,
) -> LabelingFunction:
    """Vote as a language model answers a question about the row.

    Parameters
    ----------
    name : str
    template : str
        With the columns in braces.
    answers : mapping of text to vote, or sequence of class names
        ``""`` abstains, a list is one of several classes, ``{"not": class}`` all but one.
    language_model : str or LanguageModel
        The name of a model of an OpenAI-compatible endpoint, or a model.
    labels : LabelSpace, or anything it takes, optional
    base_url, key_env : str, optional
        Of the endpoint, if ``language_model`` is a name; an empty ``key_env``: it needs no key.
    system, max_tokens, structured
        As :class:`weaklabel.PromptLabelingFunction` and :class:`weaklabel.llm.Sampling`.
    cache, concurrency, max_calls
        As :func:`as_labeling_function`.

    Raises
    ------
    ConfigError
        If a setting is wrong.
    """
    need_name(name)
    model = language_model
    if isinstance(model, str):
        model = OpenAIClient(model, base_url, key_env=key_env or None)
    made = PromptLabelingFunction(
        name,
        template,
        _answers(name, answers),
        labels,
        system,
        sampling=Sampling(max_tokens=need_count(name, "max_tokens", max_tokens)),
        model=model,
        structured=structured,
    )
    if max_calls is not None:
        need_count(name, "max_calls", max_calls)
    return as_labeling_function(
        made, cache=cache, concurrency=need_count(name, "concurrency", concurrency),
        max_calls=max_calls,
    )  # fmt: skip


def _answers(name: str, given: Any) -> Any:
    """An answer map from what a file can say."""
    if not isinstance(given, Mapping):
        return given
    return {text: _meaning(name, text, vote) for text, vote in given.items()}


def _meaning(name: str, text: str, vote: Any) -> Any:
    if vote is None or vote == "":
        return None
    if isinstance(vote, list):
        return OneOf(*vote)
    if isinstance(vote, Mapping):
        if set(vote) != {"not"}:
            raise SettingError(
                name, "answers", f"must hold {{ not = class }} at {text!r}, found {dict(vote)!r}"
            )
        excluded = vote["not"]
        return Not(*(excluded if isinstance(excluded, list) else [excluded]))
    return vote
