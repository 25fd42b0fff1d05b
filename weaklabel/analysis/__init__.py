"""Looking at votes and labels: what each labeling function does, and how good the labels are.

:func:`lf_summary` describes the labeling functions of a vote matrix (what they vote for, how often,
how often together, how often against each other; with gold: how often right). :func:`label_quality`
compares soft labels with gold they were not made from. Without gold, :func:`mv_certificate` says
how far counting votes is from the best that can be done, and :func:`compare` puts models side by
side.
"""

from weaklabel.analysis.buckets import (
    BucketLF,
    ErrorBucket,
    ErrorBuckets,
    error_buckets,
    label_buckets,
)
from weaklabel.analysis.certificate import (
    MVCertificate,
    mv_certificate,
    tolerable_noise,
    weakest_lead,
)
from weaklabel.analysis.comparison import Comparison, compare, predictive_log_likelihood
from weaklabel.analysis.conflicts import ConflictRow, Conflicts, rows_in_conflict
from weaklabel.analysis.fixes import LFsToFix, LFToFix, lfs_to_fix
from weaklabel.analysis.label_diff import LabelDiff, diff_labels
from weaklabel.analysis.learned import CopyCluster, LearnedLFs, learned_lfs
from weaklabel.analysis.pairs import LFPairs, lf_pairs
from weaklabel.analysis.quality import LabelQuality, label_quality, quality_table
from weaklabel.analysis.reliability import Reliability, ReliabilityBins, reliability
from weaklabel.analysis.slices import SliceSummary, slice_summary
from weaklabel.analysis.summary import LFSummary, lf_summary
from weaklabel.analysis.vote_diff import LFChange, VoteDiff, diff_votes
from weaklabel.analysis.wilson import wilson_interval

__all__ = [
    "BucketLF",
    "Comparison",
    "ConflictRow",
    "Conflicts",
    "CopyCluster",
    "ErrorBucket",
    "ErrorBuckets",
    "LFChange",
    "LFPairs",
    "LFSummary",
    "LFToFix",
    "LFsToFix",
    "LabelDiff",
    "LabelQuality",
    "LearnedLFs",
    "MVCertificate",
    "Reliability",
    "ReliabilityBins",
    "SliceSummary",
    "VoteDiff",
    "compare",
    "diff_labels",
    "diff_votes",
    "error_buckets",
    "label_buckets",
    "label_quality",
    "learned_lfs",
    "lf_pairs",
    "lf_summary",
    "lfs_to_fix",
    "mv_certificate",
    "predictive_log_likelihood",
    "quality_table",
    "reliability",
    "rows_in_conflict",
    "slice_summary",
    "tolerable_noise",
    "weakest_lead",
    "wilson_interval",
]
