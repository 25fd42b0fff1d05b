"""Token patterns: vote where tokens of a text match a pattern of spaCy's ``Matcher``.

.. code-block:: toml

    [[rules]]
    kind = "token_pattern"
    name = "win_money"
    label = "spam"
    language = "en"
    patterns = [
        [{ LOWER = { IN = ["win", "won"] } }, { OP = "?" }, { LIKE_NUM = true }],
    ]

What may stand in a pattern is on spaCy's page on rule-based matching. The texts are parsed once for
all rules with one pipeline; see :mod:`labeling_functions.documents`. Needs the extra ``text``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from labeling_functions.building import (
    TEXT,
    Answer,
    Rule,
    SettingError,
    Together,
    make_lf,
    need_count,
    need_name,
    read_labels,
    votes_where,
)
from labeling_functions.documents import DOC, DocumentStep, as_json, pipeline_of, spacy_documents
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike


def token_pattern(
    name: str,
    patterns: Sequence[Sequence[Mapping[str, Any]]],
    label: Any = None,
    *,
    column: str = TEXT,
    labels: LabelSpaceLike | None = None,
    language: str = "en",
    model: str | Path | None = None,
    nlp: Any = None,
    entities: Sequence[Mapping[str, Any]] = (),
    min_count: int = 1,
) -> LabelingFunction:
    """Vote where tokens of a text match one of some patterns of spaCy's ``Matcher``.

    Parameters
    ----------
    name : str
    patterns : sequence of patterns
        Each is a list of tokens, each of which says what must hold of it:
        ``[{"LOWER": "free"}, {"POS": "NOUN"}]``.
    label : class
    column : str, default "text"
    labels : LabelSpace, or anything it takes, optional
    language, model, nlp, entities
        The pipeline, as in :func:`spacy_documents`.
    min_count : int, default 1
        Matches it takes; where they overlap, each counts.

    Raises
    ------
    ConfigError
        If a setting is wrong; says which pattern spaCy refuses, and why.
    MissingDependencyError
        If spaCy is not installed.

    Notes
    -----
    All rules of a run with one pipeline share its documents and one matcher.
    """
    need_name(name)
    space, (answer,) = read_labels(name, labels, label)
    step = spacy_documents(language, column, model=model, nlp=nlp, entities=entities, name=name)
    rule = TokenRule(
        as_json(name, "patterns", patterns), need_count(name, "min_count", min_count), answer
    )
    _check_patterns(name, step.function, json.loads(rule.patterns))  # type: ignore[arg-type]
    return make_lf(name, rule, [DOC], space, TOGETHER, (step,))


def _check_patterns(name: str, step: DocumentStep, patterns: Any) -> None:
    from spacy.matcher import Matcher

    if not patterns:
        raise SettingError(name, "patterns", "must hold at least one pattern, found none")
    matcher = Matcher(pipeline_of(step).vocab, validate=True)
    for position, pattern in enumerate(patterns):
        if not isinstance(pattern, list) or not all(isinstance(t, dict) for t in pattern):
            raise SettingError(
                name, "patterns", f"must hold lists of tokens, found {pattern!r} at {position}"
            )
        try:
            matcher.add(str(position), [pattern])
        except ValueError as error:
            raise SettingError(
                name, "patterns", f"must be patterns of spaCy's Matcher; number {position}: {error}"
            ) from None


@dataclass(frozen=True)
class TokenRule(Rule):
    """What to find among the tokens, and what to vote."""

    patterns: str
    min_count: int
    answer: Answer

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of documents."""
        return scan_together([self])(*columns)[0]


def scan_together(rules: Sequence[TokenRule]) -> Callable[..., Sequence[Any]]:
    """One matcher for the patterns of all rules."""
    matchers: dict[int, Any] = {}  # by the vocabulary of the pipeline

    def votes(docs: Any) -> list[Any]:
        counts = np.zeros((len(rules), len(docs)), dtype=np.int64)
        for row, doc in enumerate(docs):
            if len(doc) == 0:
                continue
            if id(doc.vocab) not in matchers:
                matchers[id(doc.vocab)] = _matcher(doc.vocab, rules)
            for key, _, _ in matchers[id(doc.vocab)](doc):
                counts[int(doc.vocab.strings[key]), row] += 1
        return [
            votes_where(count >= rule.min_count, rule.answer)
            for rule, count in zip(rules, counts, strict=True)
        ]

    return votes


def _matcher(vocab: Any, rules: Sequence[TokenRule]) -> Any:
    from spacy.matcher import Matcher

    matcher = Matcher(vocab)
    for position, rule in enumerate(rules):
        matcher.add(str(position), json.loads(rule.patterns))
    return matcher


TOGETHER: Final = Together(scan_together)
