"""Label models: from votes to soft labels."""

from weaklabel.models.auto import LabelModel
from weaklabel.models.base import LabelModelBase
from weaklabel.models.dawid_skene import DawidSkene
from weaklabel.models.dependencies import Dependencies, DependentPair, learn_dependencies
from weaklabel.models.files import load_model
from weaklabel.models.findings import Finding, identifiability
from weaklabel.models.intervals import AccuracyIntervals, accuracy_intervals
from weaklabel.models.leave_out import LeaveOneOut, leave_one_out_lfs
from weaklabel.models.majority import MajorityVote
from weaklabel.models.matrix_completion import MatrixCompletion
from weaklabel.models.one_coin import ClassConditionalAccuracy, OneCoin
from weaklabel.models.triplets import Triplets

__all__ = [
    "AccuracyIntervals",
    "ClassConditionalAccuracy",
    "DawidSkene",
    "Dependencies",
    "DependentPair",
    "Finding",
    "LabelModel",
    "LabelModelBase",
    "LeaveOneOut",
    "MajorityVote",
    "MatrixCompletion",
    "OneCoin",
    "Triplets",
    "accuracy_intervals",
    "identifiability",
    "learn_dependencies",
    "leave_one_out_lfs",
    "load_model",
]
