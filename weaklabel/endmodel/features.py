"""Features: which encoder for which rows, by name or automatically.

``EndModel(features="auto")`` looks at what X is and at nothing else, so the same call makes the
same features wherever it runs: TF-IDF for texts, hashing for very many of them, columns by role for
a table, standardised numbers for an array, a sparse matrix or a data set as it is. Sentence
embeddings, which depend on what is installed, are picked by name. An encoder joins by an entry in
:data:`ENCODERS`.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.endmodel.dataset import DatasetEncoder
from weaklabel.endmodel.embeddings import EmbeddingEncoder
from weaklabel.endmodel.encoder import Encoder, FeatureSettings, State
from weaklabel.endmodel.matrix import DenseEncoder, SparseEncoder
from weaklabel.endmodel.rows import KIND_IN_WORDS, Rows
from weaklabel.endmodel.table import TableEncoder
from weaklabel.endmodel.text import HashingEncoder, TfidfEncoder
from weaklabel.endmodel.tokens import TokenEncoder
from weaklabel.errors import ConfigError, DataError

Features: TypeAlias = Literal[
    "auto", "tfidf", "hashing", "embeddings", "table", "dense", "sparse", "dataset"
]

ENCODERS: Final[dict[str, type[Encoder]]] = {
    encoder.name: encoder
    for encoder in (
        *(TfidfEncoder, HashingEncoder, EmbeddingEncoder, TokenEncoder),
        *(TableEncoder, DenseEncoder, SparseEncoder, DatasetEncoder),
    )
}

MANY_TEXTS: Final = 200_000
"""Texts from which ``"auto"`` hashes: a vocabulary of word pairs would take gigabytes."""


def choose_encoder(features: str, rows: Rows) -> type[Encoder]:
    """The encoder for these rows.

    Raises
    ------
    ConfigError
        If there are no features of that name.
    DataError
        If the features asked for do not read rows of this kind.
    """
    if features == "auto":
        if rows.kind == "text":
            return HashingEncoder if len(rows) > MANY_TEXTS else TfidfEncoder
        return ENCODERS[rows.kind]
    if features not in ENCODERS:
        known = ", ".join(["auto", *ENCODERS])
        raise ConfigError(f"features must be one of {known}; found {features!r}")
    encoder = ENCODERS[features]
    if encoder.accepts != rows.kind:
        raise DataError(
            f"features={features!r} reads {KIND_IN_WORDS[encoder.accepts]}, "
            f"found {KIND_IN_WORDS[rows.kind]}; change X, or use features='auto'"
        )
    return encoder


def fit_encoder(
    features: str,
    rows: Rows,
    settings: FeatureSettings,
    weights: npt.NDArray[np.float64] | None = None,
) -> Encoder:
    """The encoder of that name (or the automatic one), learned from the rows.

    Raises
    ------
    ConfigError
        If roles are given for columns of something that is no table.
    """
    encoder = choose_encoder(features, rows)
    if settings.columns and encoder is not TableEncoder:
        raise ConfigError(
            f"columns={dict(settings.columns)!r} gives roles to columns of a table, "
            f"and X is {KIND_IN_WORDS[rows.kind]}"
        )
    return encoder.fit(rows, settings, weights)


def encoder_from_state(name: str, state: State) -> Encoder:
    """The encoder that wrote a state under its name."""
    return ENCODERS[name].from_state(state)
