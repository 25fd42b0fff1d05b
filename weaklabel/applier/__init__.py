"""Applying labeling functions to rows."""

from weaklabel.applier.cache import VoteCache
from weaklabel.applier.engine import BatchAnswers, answer_batch
from weaklabel.applier.local import apply
from weaklabel.applier.sources import Source, open_rows, read_table
from weaklabel.applier.timing import Timing

__all__ = [
    "BatchAnswers",
    "Source",
    "Timing",
    "VoteCache",
    "answer_batch",
    "apply",
    "open_rows",
    "read_table",
]
