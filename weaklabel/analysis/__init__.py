"""Looking at votes and labels: what each labeling function does, and how good the labels are.

:func:`lf_summary` describes the labeling functions of a vote matrix (what they vote for, how often,
how often together, how often against each other; with gold: how often right). :func:`label_quality`
compares soft labels with gold they were not made from.
"""

from weaklabel.analysis.quality import LabelQuality, label_quality, quality_table
from weaklabel.analysis.summary import LFSummary, lf_summary

__all__ = ["LFSummary", "LabelQuality", "label_quality", "lf_summary", "quality_table"]
