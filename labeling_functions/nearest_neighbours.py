"""Nearest labelled neighbours: vote as the few gold rows that a text is most alike.

.. code-block:: toml

    [[rules]]
    kind = "neighbours"
    name = "like_gold"
    file = "gold.csv"                      # columns text and label
    k = 5
    similarity = 0.2
    agreement = 0.6

    [[rules]]
    kind = "neighbours"
    name = "like_these"
    examples = { spam = ["subscribe to my channel"], ham = ["I love this song"] }
    encoder = "models/all-MiniLM-L6-v2"    # by meaning; without it, by the words in common
    k = 1

Without an encoder texts are compared by TF-IDF of their words and pairs of words, with weights
learned from the gold rows alone. So the vote on a text does not depend on the texts beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labeling_functions.building import (
    TEXT,
    Answer,
    Rule,
    SettingError,
    coded,
    content_digest,
    make_lf,
    need_bool,
    need_column,
    need_count,
    need_name,
    need_range,
    need_texts,
    read_labels,
)
from labeling_functions.csv_table import read_columns
from labeling_functions.embeddings import (
    EmbeddingStep,
    EncoderLike,
    LoadedEncoder,
    LocalEncoder,
    embedded,
    find_encoder,
    made_by,
    shared_step,
)
from labeling_functions.text import as_texts
from weaklabel import Confident, LabelingFunction
from weaklabel.labels import LabelSpaceLike

ROWS_AT_ONCE: Final = 2_000
CHARACTERS: Final = 100_000  # of a text that count for TF-IDF


def neighbours(
    name: str,
    examples: Mapping[Any, str | Sequence[str]] | None = None,
    *,
    column: str = TEXT,
    labels: LabelSpaceLike | None = None,
    file: str | Path | None = None,
    text_column: str = "text",
    label_column: str = "label",
    k: int = 5,
    similarity: float = 0.2,
    agreement: float = 0.6,
    confidence: bool = False,
    encoder: EncoderLike | None = None,
    memo: str | Path | None = None,
    device: str = "cpu",
) -> LabelingFunction:
    """Vote as the nearest gold rows do.

    Of the ``k`` gold rows that are most alike, those with a cosine of at least ``similarity`` vote,
    each with the weight of its cosine. The class with the most weight wins, if its share is at
    least ``agreement`` and no other class has as much; else there is no vote.

    Parameters
    ----------
    name : str
    examples : mapping of class to str or sequence of str, optional
        Gold rows: texts by class.
    column : str, default "text"
    labels : LabelSpace, or anything it takes, optional
    file : path, optional
        More gold rows: a CSV, TSV or Parquet table. Rows without a text or a label are left out.
    text_column, label_column : str
        Its columns.
    k : int, default 5
    similarity : float, default 0.2
        In (0, 1]. TF-IDF finds 0.2 alike already; of embeddings ask for more, such as 0.5.
    agreement : float, default 0.6
        In [0, 1].
    confidence : bool, default False
        Vote :class:`weaklabel.Confident` with the share, so that a label model can learn what
        unanimous neighbours are worth.
    encoder : path, ``package:NAME/FOLDER``, or object with ``encode``, optional
        Compare by sentence embeddings; see :mod:`labeling_functions.embeddings`.
    memo : path, optional
        With an encoder: a file in which embeddings are kept for later runs.
    device : str, default "cpu"
        Where the encoder works, such as ``"cuda"``.

    Raises
    ------
    ConfigError
        If a setting is wrong, or there are gold rows of no class.
    DataError
        If the file cannot be read.
    MissingDependencyError
        If sentence-transformers is needed and not installed.

    Notes
    -----
    Costs O(n_gold) per text; meant for up to some ten thousand gold rows.
    """
    need_name(name)
    gold = _gold(name, examples, file, text_column, label_column)
    distinct = list(dict.fromkeys(label for _, label in gold))
    space, answers = read_labels(name, labels, *distinct, key="examples" if examples else "file")
    codes = tuple(distinct.index(label) for _, label in gold)
    texts = tuple(text for text, _ in gold)
    least = need_range(name, "similarity", similarity, 0.0, 1.0)
    if least == 0:
        raise SettingError(name, "similarity", "must lie in (0, 1], found 0")
    rule = NeighbourRule(
        content_digest((texts, codes)),
        answers,
        need_count(name, "k", k),
        least,
        need_range(name, "agreement", agreement, 0.0, 1.0),
        need_bool(name, "confidence", confidence),
        None if encoder is None else find_encoder(name, encoder, device),
        texts,
        codes,
    )
    need_column(name, column)
    if rule.encoder is None:
        if memo is not None:
            raise SettingError(name, "memo", "must be left out without an encoder")
        return make_lf(name, rule, [column], space)
    kept = None if memo is None else Path(memo)
    step = shared_step(EmbeddingStep(rule.encoder), column, kept)
    return make_lf(name, rule, [made_by(step)], space, preprocessors=(step,))


def _gold(
    name: str, examples: Any, file: Any, text_column: Any, label_column: Any
) -> list[tuple[str, Any]]:
    """Texts and labels, each text once for each label."""
    gold: list[tuple[str, Any]] = []
    if examples is not None:
        if not isinstance(examples, Mapping) or not examples:
            raise SettingError(name, "examples", f"must map classes to texts, found {examples!r}")
        gold = [
            (text, label)
            for label, some in examples.items()
            for text in need_texts(name, "examples", some)
        ]
    if file is not None:
        wanted = [need_column(name, c, "file") for c in (text_column, label_column)]
        texts, given = read_columns(name, file, wanted)
        gold += [
            (str(text), label)
            for text, label in zip(texts, given, strict=True)
            if text is not None and str(text).strip() and label is not None
        ]
    if not gold:
        key = "examples" if file is None else "file"
        raise SettingError(name, key, "must hold at least one text with a label, found none")
    return list(dict.fromkeys(gold))


@dataclass(frozen=True)
class NeighbourRule(Rule):
    """The gold rows, and when to vote as they do."""

    digest: str
    answers: tuple[Answer, ...]
    k: int
    similarity: float
    agreement: float
    confidence: bool
    encoder: LocalEncoder | LoadedEncoder | None
    texts: tuple[str, ...] = field(repr=False, compare=False)
    codes: tuple[int, ...] = field(repr=False, compare=False)

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of texts, or of embeddings."""
        n_rows = len(columns[0])
        index = np.full(n_rows, -1, dtype=np.int32)
        share = np.zeros(n_rows)
        for start in range(0, n_rows, ROWS_AT_ONCE):
            rows = slice(start, min(start + ROWS_AT_ONCE, n_rows))
            alike = self._alike(columns[0], rows)
            index[rows], share[rows] = self._decide(alike)
        if not self.confidence:
            return coded(index, self.answers)
        return [
            None if code < 0 else Confident(self.answers[code], round(min(float(p), 1.0), 6))
            for code, p in zip(index.tolist(), share, strict=True)
        ]

    def _alike(self, column: Any, rows: slice) -> npt.NDArray[np.float64]:
        """Cosines with the gold rows, shape (n_rows, n_gold); 0 where there is no text."""
        if self.encoder is not None:
            vectors = np.asarray(column[rows], dtype=np.float32).reshape(rows.stop - rows.start, -1)
            missing = np.isnan(vectors).any(axis=1)
            if missing.all():
                return np.zeros((len(vectors), len(self.texts)))
            found: npt.NDArray[np.float64] = (vectors @ _vectors(self).T).astype(np.float64)
            found[missing] = 0.0
            return found
        vectorizer, gold = _tfidf(self)
        texts = [(text or "")[:CHARACTERS] for text in as_texts(column[rows]).to_pylist()]
        dense: npt.NDArray[np.float64] = (vectorizer.transform(texts) @ gold.T).toarray()
        return dense

    def _decide(
        self, alike: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
        """The best class of each row, -1 for none, and its share of the weight."""
        order = np.argsort(-alike, axis=1, kind="stable")[:, : self.k]
        weight = np.take_along_axis(alike, order, axis=1)
        weight[weight < self.similarity] = 0.0
        codes = np.asarray(self.codes)[order]
        by_class = np.stack(
            [(weight * (codes == c)).sum(axis=1) for c in range(len(self.answers))], axis=1
        )
        best = by_class.argmax(axis=1).astype(np.int32)
        most, total = by_class.max(axis=1), by_class.sum(axis=1)
        share = most / np.maximum(total, 1e-300)
        is_one = (by_class >= most[:, None] * (1 - 1e-9)).sum(axis=1) == 1
        sure = (total > 0) & is_one & (share >= self.agreement - 1e-9)
        return np.where(sure, best, np.int32(-1)), share


@lru_cache(maxsize=16)
def _tfidf(rule: NeighbourRule) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), token_pattern=r"[\w'’]+", sublinear_tf=True, strip_accents=None
    )
    try:
        return vectorizer, vectorizer.fit_transform([t[:CHARACTERS] for t in rule.texts])
    except ValueError:  # no gold row holds a word
        vectorizer.fit(["word"])
        return vectorizer, vectorizer.transform([""] * len(rule.texts))


@lru_cache(maxsize=16)
def _vectors(rule: NeighbourRule) -> Any:
    return embedded(rule.encoder, rule.texts)  # type: ignore[arg-type]  # there is an encoder
