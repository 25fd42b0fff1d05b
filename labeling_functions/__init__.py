"""Ready-made labeling functions: builders of rules by kind, and packs for common tasks.

A builder makes a labeling function of settings; the same settings may stand in a TOML or YAML file
(:mod:`labeling_functions.rules`)::

    from labeling_functions import keywords, regex
    from weaklabel import apply

    votes = apply([keywords("prize", ["free entry", "you won"], "spam"),
                   regex("phone", r"\\b\\d{11}\\b", "spam")], rows, labels=["ham", "spam"])

A pack is a module of labeling functions with its class names in ``LABELS``::

    from weaklabel import apply, load_pack

    votes = apply(load_pack("labeling_functions.sentiment"), reviews)

===================  =============================================  ============================
pack                 rows                                           classes
===================  =============================================  ============================
``breast_cancer``    scikit-learn's breast-cancer table             malignant, benign
``contact_details``  texts, column text                             CLEAN, PERSONAL
``news_topic``       English news, column text                      politics, sports, business,
                                                                    technology
``sentiment``        English reviews, column text                   negative, positive
``spouse``           columns text, person1, person2                 not spouse, spouse
``toxicity``         English comments, column text                  OK, TOXIC
``wine``             scikit-learn's wine table                      Barolo, Grignolino, Barbera
``youtube_spam``     comments under music videos, column CONTENT    HAM, SPAM
===================  =============================================  ============================

``weaklabel packs`` lists them. Packs are also meant to be read and copied: they use the public
names of ``weaklabel`` and the builders only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labeling_functions.classifiers import classifier as classifier
    from labeling_functions.descriptions import zero_shot as zero_shot
    from labeling_functions.documents import spacy_documents as spacy_documents
    from labeling_functions.documents import (
        spacy_labeling_function as spacy_labeling_function,
    )
    from labeling_functions.embeddings import embedding as embedding
    from labeling_functions.entailment import nli as nli
    from labeling_functions.fuzzy_match import fuzzy as fuzzy
    from labeling_functions.gazetteers import gazetteer as gazetteer
    from labeling_functions.keyword_rules import keywords as keywords
    from labeling_functions.known_pairs import pairs as pairs
    from labeling_functions.mining import mine_keywords as mine_keywords
    from labeling_functions.nearest_neighbours import neighbours as neighbours
    from labeling_functions.numbers_and_dates import date_range as date_range
    from labeling_functions.numbers_and_dates import in_range as in_range
    from labeling_functions.numbers_and_dates import text_statistic as text_statistic
    from labeling_functions.numbers_and_dates import threshold as threshold
    from labeling_functions.patterns import regex as regex
    from labeling_functions.prompts import prompt as prompt
    from labeling_functions.quantiles import quantile as quantile
    from labeling_functions.rules import load_rules as load_rules
    from labeling_functions.saved_models import end_model as end_model
    from labeling_functions.saved_models import torch_model as torch_model
    from labeling_functions.tables import labels_of as labels_of
    from labeling_functions.tables import lookup as lookup
    from labeling_functions.token_patterns import token_pattern as token_pattern

_HOME = {
    "classifier": "classifiers",
    "date_range": "numbers_and_dates",
    "embedding": "embeddings",
    "end_model": "saved_models",
    "fuzzy": "fuzzy_match",
    "gazetteer": "gazetteers",
    "in_range": "numbers_and_dates",
    "keywords": "keyword_rules",
    "labels_of": "tables",
    "load_rules": "rules",
    "lookup": "tables",
    "mine_keywords": "mining",
    "neighbours": "nearest_neighbours",
    "nli": "entailment",
    "pairs": "known_pairs",
    "quantile": "quantiles",
    "prompt": "prompts",
    "regex": "patterns",
    "spacy_documents": "documents",
    "spacy_labeling_function": "documents",
    "text_statistic": "numbers_and_dates",
    "threshold": "numbers_and_dates",
    "token_pattern": "token_patterns",
    "torch_model": "saved_models",
    "zero_shot": "descriptions",
}

__all__ = [
    "classifier",
    "date_range",
    "embedding",
    "end_model",
    "fuzzy",
    "gazetteer",
    "in_range",
    "keywords",
    "labels_of",
    "load_rules",
    "lookup",
    "mine_keywords",
    "neighbours",
    "nli",
    "pairs",
    "prompt",
    "quantile",
    "regex",
    "spacy_documents",
    "spacy_labeling_function",
    "text_statistic",
    "threshold",
    "token_pattern",
    "torch_model",
    "zero_shot",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'labeling_functions' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"labeling_functions.{_HOME[name]}"), name)
    globals()[name] = value
    return value
