"""Features as ONNX nodes: what each encoder does to rows, said in another language.

=============  ===================================================================================
features       inputs of the graph
=============  ===================================================================================
tfidf          ``text``: strings
table          one per column: numbers (NaN where missing), dates as seconds since 1970 in UTC (NaN
               where missing), categories and texts as strings (empty where missing)
dense, sparse  ``features``: numbers
embeddings     ``embeddings``: what the sentence encoder gives; the encoder itself is not exported;
               and ``text``, unless ``Embeddings(words=False)``
=============  ===================================================================================

Hashed text is not exported, because its hash function has no counterpart; nor is what only Python
can read (data sets, tokens of an encoder that was fine-tuned).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from weaklabel.endmodel.columns import (
    DAYS_PER_YEAR,
    SECONDS_PER_DAY,
    CategoryColumn,
    ColumnEncoder,
    DateColumn,
    NumberColumn,
    TextColumn,
)
from weaklabel.endmodel.embeddings import EmbeddingEncoder
from weaklabel.endmodel.encoder import Encoder
from weaklabel.endmodel.matrix import DenseEncoder, SparseEncoder
from weaklabel.endmodel.onnx_graph import Graph
from weaklabel.endmodel.table import TableEncoder
from weaklabel.endmodel.text import TfidfEncoder
from weaklabel.errors import ConfigError

SPACES: Final = r"\s\p{Z}\x0b\x1c-\x1f\x85"
WORD: Final = r"[\p{L}\p{N}_]"
TOKENS: Final = rf"{WORD}+|[^\p{{L}}\p{{N}}_{SPACES}]+"
"""``weaklabel.endmodel.text.TOKEN_PATTERN`` for RE2, whose classes are of ASCII unless named."""
PAD: Final = "\ue000pad"
UNREACHABLE: Final = "\ue000"
"""A character for private use that stands for terms no valid text can have."""
LOCALE: Final = "C.UTF-8"
TINY: Final = 1e-12


def add_features(graph: Graph, encoder: Encoder) -> str:
    """Nodes from inputs to the features; returns the name of the (n, n_features) tensor.

    Raises
    ------
    ConfigError
        If the features have no counterpart in ONNX.
    """
    if isinstance(encoder, TfidfEncoder):
        return tfidf(graph, graph.input("text", ["n"], is_text=True), encoder)
    if isinstance(encoder, DenseEncoder):
        raw = graph.input("features", ["n", encoder.n_features])
        return scaled(graph, raw, encoder.mean, encoder.scale)
    if isinstance(encoder, SparseEncoder):
        return graph.input("features", ["n", encoder.n_features])
    if isinstance(encoder, EmbeddingEncoder):
        raw = graph.input("embeddings", ["n", len(encoder.mean)])
        part = scaled(graph, raw, encoder.mean, encoder.scale)
        if encoder.words is None:
            return part
        words = tfidf(graph, graph.input("text", ["n"], is_text=True), encoder.words)
        return graph.add("Concat", part, words, axis=1)
    if isinstance(encoder, TableEncoder):
        parts = [column(graph, name, part) for name, part in encoder.encoders.items()]
        return graph.add("Concat", *parts, axis=1)
    raise ConfigError(
        f"features={encoder.name!r} cannot be exported to ONNX; those that can are tfidf, table, "
        "dense, sparse and embeddings"
    )


def scaled(graph: Graph, raw: str, mean: Any, scale: Any) -> str:
    """``(raw - mean) / scale``."""
    return graph.add("Div", graph.add("Sub", raw, graph.constant(mean)), graph.constant(scale))


def tfidf(graph: Graph, text: str, encoder: TfidfEncoder) -> str:
    """Lower-case, cut, count n-grams, weigh, and scale each row to length 1."""
    lower = graph.add(
        "StringNormalizer", text, case_change_action="LOWER", is_case_sensitive=1, locale=LOCALE
    )
    tokens = graph.add(
        "Tokenizer",
        lower,
        domain="com.microsoft",
        mark=0,
        mincharnum=1,
        pad_value=PAD,
        tokenexp=TOKENS,
    )
    pool, starts, columns = ngram_pool(encoder)
    counts = graph.add(
        "TfIdfVectorizer",
        tokens,
        mode="TF",
        min_gram_length=encoder.ngrams[0],
        max_gram_length=encoder.ngrams[1],
        max_skip_count=0,
        pool_strings=pool,
        ngram_counts=starts,
        ngram_indexes=columns,
    )
    counts = graph.as_real(counts)
    is_there = graph.as_real(graph.add("Greater", counts, graph.number(0.0)))
    logs = graph.add("Log", graph.add("Max", counts, graph.number(1.0)))
    damped = graph.add("Mul", is_there, graph.add("Add", logs, graph.number(1.0)))
    weighed = graph.add("Mul", damped, graph.constant(encoder.idf))
    squares = graph.add("Mul", weighed, weighed)
    axis = graph.constant(np.array([1], dtype=np.int64))
    length = graph.add("Sqrt", graph.add("ReduceSum", squares, axis, keepdims=1))
    return graph.add("Div", weighed, graph.add("Max", length, graph.number(TINY)))


def ngram_pool(encoder: TfidfEncoder) -> tuple[list[str], list[int], list[int]]:
    """The vocabulary as ONNX wants it: tokens of all n-grams by length, where each length starts,
    and the feature of each n-gram.
    """
    by_length: dict[int, list[tuple[list[str], int]]] = {}
    for position, term in enumerate(encoder.vocabulary):
        try:
            term.encode("utf-8")
        except UnicodeEncodeError:  # half a character, which no valid text has
            term = f"{UNREACHABLE}{position}"
        words = term.split(" ")
        by_length.setdefault(len(words), []).append((words, position))
    pool: list[str] = []
    starts: list[int] = []
    columns: list[int] = []
    for length in range(1, encoder.ngrams[1] + 1):
        starts.append(len(pool))
        for words, position in by_length.get(length, []):
            pool += words
            columns.append(position)
    return pool, starts, columns


def column(graph: Graph, name: str, encoder: ColumnEncoder) -> str:
    """The features of one table column, shape (n, its features)."""
    if isinstance(encoder, TextColumn):
        return tfidf(graph, graph.input(name, ["n"], is_text=True), encoder.words)
    if isinstance(encoder, CategoryColumn):
        return categories(graph, name, encoder)
    axis = graph.constant(np.array([1], dtype=np.int64))
    raw = graph.add("Unsqueeze", graph.input(name, ["n"]), axis)
    if isinstance(encoder, DateColumn):
        return numbers(graph, date_parts(graph, raw), encoder.numbers)
    if isinstance(encoder, NumberColumn):
        return numbers(graph, raw, encoder)
    raise ConfigError(f"column {name!r} of role {encoder.role!r} cannot be exported to ONNX")


def numbers(graph: Graph, raw: str, encoder: NumberColumn) -> str:
    """Standardised parts with the mean where missing, and perhaps the flag."""
    standard = scaled(graph, raw, encoder.mean, encoder.scale)
    is_missing = graph.add("IsNaN", standard)
    filled = graph.add("Where", is_missing, graph.number(0.0), standard)
    if not encoder.has_flag:
        return filled
    first, last, axis = (graph.constant(np.array([i], dtype=np.int64)) for i in (0, 1, 1))
    flag = graph.add("Slice", graph.as_real(is_missing), first, last, axis)
    return graph.add("Concat", filled, flag, axis=1)


def date_parts(graph: Graph, seconds: str) -> str:
    """Years since 1970, and sine and cosine of the place in day, week and year."""
    days = graph.add("Div", seconds, graph.number(SECONDS_PER_DAY))
    years = graph.add("Div", days, graph.number(DAYS_PER_YEAR))
    turns = graph.constant(2.0 * np.pi / np.array([[1.0, 7.0, DAYS_PER_YEAR]]))
    angles = graph.add("Mul", days, turns)
    quarter = graph.add("Add", angles, graph.number(np.pi / 2.0))
    return graph.add("Concat", years, graph.add("Sin", angles), graph.add("Sin", quarter), axis=1)


def categories(graph: Graph, name: str, encoder: CategoryColumn) -> str:
    """One 1 a row, or none where the category is unknown."""
    codes = {category: code for code, category in enumerate(encoder.categories)}
    if encoder.has_flag:
        codes.setdefault("", len(encoder.categories))
    found = graph.add(
        "LabelEncoder",
        graph.input(name, ["n"], is_text=True),
        domain="ai.onnx.ml",
        keys_strings=list(codes),
        values_int64s=list(codes.values()),
        default_int64=-1,
    )
    axis = graph.constant(np.array([1], dtype=np.int64))
    every = graph.constant(np.arange(encoder.n_features)[None, :].astype(np.int64))
    return graph.as_real(graph.add("Equal", graph.add("Unsqueeze", found, axis), every))
