"""weaklabel: labels from rules, prompts and crowds.

Labeling functions vote on rows, a label model turns the sparse vote matrix into soft labels without
gold, and an end model learns from the soft labels::

    from weaklabel import EndModel, LabelModel, apply, load_pack

    votes = apply(load_pack("my_rules.py"), rows)
    labels = LabelModel().fit(votes).label(votes)
    labels.to_parquet("labels.parquet")
    classifier = EndModel().fit(texts, labels)

Public names are loaded when first used, so ``import weaklabel`` is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from weaklabel.version import __version__

if TYPE_CHECKING:
    from weaklabel.analysis import compare as compare
    from weaklabel.analysis import diff_labels as diff_labels
    from weaklabel.analysis import diff_votes as diff_votes
    from weaklabel.analysis import error_buckets as error_buckets
    from weaklabel.analysis import label_quality as label_quality
    from weaklabel.analysis import lf_pairs as lf_pairs
    from weaklabel.analysis import lf_summary as lf_summary
    from weaklabel.analysis import lfs_to_fix as lfs_to_fix
    from weaklabel.analysis import mv_certificate as mv_certificate
    from weaklabel.analysis import reliability as reliability
    from weaklabel.analysis import rows_in_conflict as rows_in_conflict
    from weaklabel.analysis import slice_summary as slice_summary
    from weaklabel.analysis.report import write_report as write_report
    from weaklabel.applier import Timing as Timing
    from weaklabel.applier import VoteCache as VoteCache
    from weaklabel.applier import apply as apply
    from weaklabel.endmodel import EndModel as EndModel
    from weaklabel.endmodel import propagate as propagate
    from weaklabel.export import load_model as load_model
    from weaklabel.labels import ABSTAIN as ABSTAIN
    from weaklabel.labels import Confident as Confident
    from weaklabel.labels import LabelSpace as LabelSpace
    from weaklabel.labels import Not as Not
    from weaklabel.labels import OneOf as OneOf
    from weaklabel.labels import Reason as Reason
    from weaklabel.lf import LabelingFunction as LabelingFunction
    from weaklabel.lf import Pack as Pack
    from weaklabel.lf import Preprocessor as Preprocessor
    from weaklabel.lf import column_labeling_function as column_labeling_function
    from weaklabel.lf import labeling_function as labeling_function
    from weaklabel.lf import load_pack as load_pack
    from weaklabel.lf import preprocessor as preprocessor
    from weaklabel.llm import PromptLabelingFunction as PromptLabelingFunction
    from weaklabel.llm import ask as ask
    from weaklabel.llm import prompt_labeling_function as prompt_labeling_function
    from weaklabel.models import ClassConditionalAccuracy as ClassConditionalAccuracy
    from weaklabel.models import DawidSkene as DawidSkene
    from weaklabel.models import Dependencies as Dependencies
    from weaklabel.models import LabelModel as LabelModel
    from weaklabel.models import MajorityVote as MajorityVote
    from weaklabel.models import MatrixCompletion as MatrixCompletion
    from weaklabel.models import OneCoin as OneCoin
    from weaklabel.models import Triplets as Triplets
    from weaklabel.models import accuracy_intervals as accuracy_intervals
    from weaklabel.models import identifiability as identifiability
    from weaklabel.models import learn_dependencies as learn_dependencies
    from weaklabel.models import leave_one_out_lfs as leave_one_out_lfs
    from weaklabel.pipeline import end_model_report as end_model_report
    from weaklabel.soft_labels import SoftLabels as SoftLabels
    from weaklabel.votes import VoteMatrix as VoteMatrix


_HOME = {
    "ABSTAIN": "weaklabel.labels",
    "ClassConditionalAccuracy": "weaklabel.models",
    "Confident": "weaklabel.labels",
    "DawidSkene": "weaklabel.models",
    "Dependencies": "weaklabel.models",
    "EndModel": "weaklabel.endmodel",
    "LabelModel": "weaklabel.models",
    "LabelSpace": "weaklabel.labels",
    "LabelingFunction": "weaklabel.lf",
    "MajorityVote": "weaklabel.models",
    "MatrixCompletion": "weaklabel.models",
    "Not": "weaklabel.labels",
    "OneCoin": "weaklabel.models",
    "OneOf": "weaklabel.labels",
    "Pack": "weaklabel.lf",
    "Preprocessor": "weaklabel.lf",
    "PromptLabelingFunction": "weaklabel.llm",
    "Reason": "weaklabel.labels",
    "SoftLabels": "weaklabel.soft_labels",
    "Timing": "weaklabel.applier",
    "Triplets": "weaklabel.models",
    "VoteCache": "weaklabel.applier",
    "VoteMatrix": "weaklabel.votes",
    "accuracy_intervals": "weaklabel.models",
    "apply": "weaklabel.applier",
    "ask": "weaklabel.llm",
    "column_labeling_function": "weaklabel.lf",
    "compare": "weaklabel.analysis",
    "diff_labels": "weaklabel.analysis",
    "diff_votes": "weaklabel.analysis",
    "end_model_report": "weaklabel.pipeline",
    "error_buckets": "weaklabel.analysis",
    "identifiability": "weaklabel.models",
    "label_quality": "weaklabel.analysis",
    "labeling_function": "weaklabel.lf",
    "learn_dependencies": "weaklabel.models",
    "leave_one_out_lfs": "weaklabel.models",
    "lf_pairs": "weaklabel.analysis",
    "lf_summary": "weaklabel.analysis",
    "lfs_to_fix": "weaklabel.analysis",
    "load_model": "weaklabel.export",
    "load_pack": "weaklabel.lf",
    "mv_certificate": "weaklabel.analysis",
    "preprocessor": "weaklabel.lf",
    "prompt_labeling_function": "weaklabel.llm",
    "propagate": "weaklabel.endmodel",
    "reliability": "weaklabel.analysis",
    "rows_in_conflict": "weaklabel.analysis",
    "slice_summary": "weaklabel.analysis",
    "write_report": "weaklabel.analysis.report",
}

__all__ = [
    "ABSTAIN",
    "ClassConditionalAccuracy",
    "Confident",
    "DawidSkene",
    "Dependencies",
    "EndModel",
    "LabelModel",
    "LabelSpace",
    "LabelingFunction",
    "MajorityVote",
    "MatrixCompletion",
    "Not",
    "OneCoin",
    "OneOf",
    "Pack",
    "Preprocessor",
    "PromptLabelingFunction",
    "Reason",
    "SoftLabels",
    "Timing",
    "Triplets",
    "VoteCache",
    "VoteMatrix",
    "__version__",
    "accuracy_intervals",
    "apply",
    "ask",
    "column_labeling_function",
    "compare",
    "diff_labels",
    "diff_votes",
    "end_model_report",
    "error_buckets",
    "identifiability",
    "label_quality",
    "labeling_function",
    "learn_dependencies",
    "leave_one_out_lfs",
    "lf_pairs",
    "lf_summary",
    "lfs_to_fix",
    "load_model",
    "load_pack",
    "mv_certificate",
    "preprocessor",
    "prompt_labeling_function",
    "propagate",
    "reliability",
    "rows_in_conflict",
    "slice_summary",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'weaklabel' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
