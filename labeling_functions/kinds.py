"""The kinds of rules: each name that a file of rules may use, and its builder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from labeling_functions.descriptions import zero_shot
from labeling_functions.entailment import nli
from labeling_functions.fuzzy_match import fuzzy
from labeling_functions.gazetteers import gazetteer
from labeling_functions.keyword_rules import keywords
from labeling_functions.known_pairs import pairs
from labeling_functions.nearest_neighbours import neighbours
from labeling_functions.numbers_and_dates import date_range, in_range, text_statistic, threshold
from labeling_functions.patterns import regex
from labeling_functions.prompts import prompt
from labeling_functions.quantiles import quantile
from labeling_functions.saved_models import end_model, torch_model
from labeling_functions.tables import labels_of, lookup
from labeling_functions.token_patterns import token_pattern
from weaklabel import LabelingFunction

KINDS: Final[dict[str, Callable[..., LabelingFunction]]] = {
    "keywords": keywords,
    "regex": regex,
    "fuzzy": fuzzy,
    "threshold": threshold,
    "in_range": in_range,
    "quantile": quantile,
    "text_statistic": text_statistic,
    "date_range": date_range,
    "lookup": lookup,
    "gazetteer": gazetteer,
    "labels_of": labels_of,
    "pairs": pairs,
    "neighbours": neighbours,
    "zero_shot": zero_shot,
    "nli": nli,
    "token_pattern": token_pattern,
    "end_model": end_model,
    "torch_model": torch_model,
    "prompt": prompt,
}
PATHS: Final = frozenset({"cache", "file", "encoder", "memo", "model"})  # keys that hold paths
