"""Phrases mined from a few gold rows: suggestions for keyword rules, with held-out precision.

Half of the gold rows propose the phrases, the other half says how right they are; a precision on
the rows that proposed a phrase would flatter it. Read what is suggested before using it: the
phrases are those of these rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labeling_functions.building import TEXT
from labeling_functions.keyword_rules import keywords
from weaklabel import ABSTAIN, LabelingFunction, LabelSpace
from weaklabel.errors import ConfigError
from weaklabel.labels import LabelSpaceLike


@dataclass(frozen=True)
class MinedPhrase:
    """A phrase that speaks for a class.

    Attributes
    ----------
    phrase, label : str
    n_held_out : int
        Held-out rows that hold the phrase.
    precision : float
        Share of them that are of the class; NaN if there are none.
    lf : LabelingFunction
        The keyword rule of this phrase.
    """

    phrase: str
    label: str
    n_held_out: int
    precision: float
    lf: LabelingFunction


def mine_keywords(
    texts: Sequence[str | None],
    gold: Sequence[Any],
    labels: LabelSpaceLike,
    *,
    column: str = TEXT,
    max_words: int = 3,
    min_count: int = 3,
    min_precision: float = 0.8,
    per_class: int = 10,
    random_state: int = 0,
) -> list[MinedPhrase]:
    """Phrases of one to three words that are typical of a class in gold rows.

    Parameters
    ----------
    texts : sequence of str, shape (n_rows,)
    gold : sequence of class names or codes, shape (n_rows,)
        None or -1 where unknown; such rows are left out.
    labels : LabelSpace, or anything it takes
    column : str, default "text"
        That the rules will read.
    max_words : int, default 3
    min_count : int, default 3
        Proposing rows that hold the phrase.
    min_precision : float, default 0.8
        Among them, with one row of each class added, so that rare phrases do not shine by luck.
    per_class : int, default 10
        Phrases at most, those in most rows of the class first.
    random_state : int, default 0
        Of the split into halves.

    Returns
    -------
    list of MinedPhrase
        By class, then by the number of rows that proposed them. Precise on the held-out rows or
        not: that is for the caller to judge.

    Raises
    ------
    ConfigError
        If the lengths differ or fewer than four rows have gold.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    if len(texts) != len(gold):
        raise ConfigError(
            f"there must be one gold label for each text, found {len(gold)} for {len(texts)}"
        )
    space = LabelSpace(labels)
    codes = space.encode(gold)
    known = [i for i, text in enumerate(texts) if text and codes[i] != ABSTAIN]
    if len(known) < 4:
        raise ConfigError(f"at least four rows must have a text and gold, found {len(known)}")
    order = np.random.default_rng(random_state).permutation(known)
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    reader = CountVectorizer(
        binary=True, ngram_range=(1, max_words), token_pattern=r"[\w'’]+", min_df=1
    )
    holds = reader.fit_transform([str(texts[i]) for i in first])
    words = reader.get_feature_names_out().tolist()
    by_class = np.stack(
        [np.asarray(holds[codes[first] == k].sum(axis=0)).ravel() for k in range(len(space))]
    )
    rows = [{column: texts[i]} for i in second]
    found: list[MinedPhrase] = []
    for code, label in enumerate(space.names):
        chosen = _typical(by_class, code, min_count, min_precision)[:per_class]
        for position in chosen.tolist():
            lf = keywords(
                f"{label}: {words[position]}", [words[position]], label, column=column, labels=space
            )
            found.append(_judged(lf, words[position], label, code, rows, codes[second]))
    return found


def _typical(
    by_class: npt.NDArray[np.int64], code: int, min_count: int, min_precision: float
) -> npt.NDArray[np.int64]:
    """Phrases of a class, the most frequent first."""
    total = by_class.sum(axis=0)
    precision = (by_class[code] + 1) / (total + len(by_class))
    good = np.flatnonzero((total >= min_count) & (precision >= min_precision))
    return good[np.argsort(-by_class[code][good], kind="stable")]


def _judged(
    lf: LabelingFunction,
    phrase: str,
    label: str,
    code: int,
    rows: Sequence[dict[str, Any]],
    gold: npt.NDArray[np.int64],
) -> MinedPhrase:
    voted = np.asarray(lf.function([row[next(iter(row))] for row in rows])) != ABSTAIN
    n_held_out = int(voted.sum())
    precision = float((gold[voted] == code).mean()) if n_held_out else float("nan")
    return MinedPhrase(phrase, label, n_held_out, precision, lf)
