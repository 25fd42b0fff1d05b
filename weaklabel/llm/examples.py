"""Few-shot examples: rows with the answer that a model should have given.

Fixed ones are a list of :class:`Example`. :class:`SimilarExamples` chooses, for each row, the gold
rows that are most like it (TF-IDF and the cosine of the angle between texts); a row is never given
itself as an example, or it would be told its own label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from weaklabel.errors import ConfigError, MissingDependencyError


@dataclass(frozen=True)
class Example:
    """A row and the answer to it.

    Attributes
    ----------
    fields : mapping of str to object
        The columns that the template reads.
    answer : str
        One of the texts of the answer map.
    """

    fields: Mapping[str, Any]
    answer: str


@runtime_checkable
class ExampleSelector(Protocol):
    """Chooses the examples that go with a row."""

    def choose(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Sequence[Example]]:
        """The examples for each of some rows, in the order in which they are to be shown."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides the choice."""
        ...


@dataclass(frozen=True, eq=False)
class SimilarExamples:
    """The gold rows most like a row, the most similar one last.

    Parameters
    ----------
    gold : sequence of Example
    column : str
        The column compared.
    k : int, default 4
        Examples for each row.

    Notes
    -----
    Word TF-IDF with scikit-learn's defaults; equal similarities keep the order of ``gold``. Costs
    one sparse product of a block of rows with the gold rows.
    """

    gold: Sequence[Example]
    column: str
    k: int = 4

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ConfigError(f"k of SimilarExamples must be a whole number >= 1, found {self.k!r}")
        if not self.gold:
            raise ConfigError("SimilarExamples needs at least one gold row, found none")
        for position, example in enumerate(self.gold):
            if self.column not in example.fields:
                raise ConfigError(
                    f"gold row {position} of SimilarExamples has no column {self.column!r}; "
                    f"it has {', '.join(map(repr, example.fields))}"
                )

    @cached_property
    def _index(self) -> tuple[Any, Any]:
        try:
            from sklearn.feature_extraction.text import TfidfVectorizer
        except ImportError:
            raise MissingDependencyError("scikit-learn", "llm") from None
        vectorizer = TfidfVectorizer(token_pattern=r"(?u)\S+")
        gold = vectorizer.fit_transform([self._text(e.fields) for e in self.gold])
        return vectorizer, gold.T.tocsr()

    def _text(self, fields: Mapping[str, Any]) -> str:
        value = fields[self.column]
        return "" if value is None else str(value)

    def choose(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Example]]:
        """As :meth:`ExampleSelector.choose`."""
        import numpy as np

        vectorizer, gold = self._index
        texts = [self._text(row) for row in rows]
        likeness = np.asarray((vectorizer.transform(texts) @ gold).todense())
        chosen = []
        for text, scores in zip(texts, likeness, strict=True):
            order = np.argsort(-scores, kind="stable")
            best = [int(g) for g in order if self._text(self.gold[g].fields) != text][: self.k]
            chosen.append([self.gold[g] for g in reversed(best)])
        return chosen

    @cached_property
    def fingerprint(self) -> str:
        """As :meth:`ExampleSelector.fingerprint`."""
        parts = [self.column, self.k, [(dict(e.fields), e.answer) for e in self.gold]]
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()
