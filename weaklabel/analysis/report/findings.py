"""What a reader should know first, in sentences."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np

from weaklabel.analysis.report.inputs import Inputs
from weaklabel.analysis.summary import LFSummary
from weaklabel.analysis.text import percent
from weaklabel.models import LabelModel, MajorityVote, identifiability
from weaklabel.models.report import ModelReport
from weaklabel.models.statistics import PatternTable

NAMED = 6
MOSTLY_SILENT = 0.5


@dataclass(frozen=True)
class Sentence:
    """A finding: something to look into, or something to know."""

    level: Literal["warning", "note"]
    text: str


def model_report(inputs: Inputs) -> ModelReport | None:
    """What the model found in these votes and did, if it is one that says so.

    A model from a file has no votes; then it is worked out anew from those of the report. None if
    it was fitted on other rows.
    """
    model = inputs.model
    if not isinstance(model, LabelModel):
        return None
    if model.statistics_ is None:
        if model.n_items_ != inputs.votes.n_items:
            return None
        model = copy.copy(model)
        model.statistics_ = PatternTable.of(model._votes(inputs.votes))
    return model.report_


def find_sentences(
    inputs: Inputs, summary: LFSummary, report: ModelReport | None
) -> list[Sentence]:
    """What stands out: warnings first, then what the model says of itself."""
    warnings = [*_about_votes(inputs, summary), *_about_labels(inputs)]
    notes = [] if report is None else str(report).splitlines()
    if report is None and inputs.model is not None:
        notes = [f"{inputs.model.status_[:1].upper()}{inputs.model.status_[1:]}."]
    return [*(Sentence("warning", w) for w in warnings), *(Sentence("note", n) for n in notes)]


def _about_votes(inputs: Inputs, summary: LFSummary) -> list[str]:
    found = []
    silent = [n for n, v in zip(summary.lf_names, summary.n_votes, strict=True) if v == 0]
    if silent:
        found.append(f"{_these(silent, 'never votes', 'never vote')}.")
    failed = [n for n, f in zip(summary.lf_names, summary.n_faults, strict=True) if f]
    if failed:
        found.append(
            f"{_these(failed, 'failed', 'failed')} on some rows and abstained there; "
            "open the line in the table for the first error."
        )
    without = 1.0 - summary.any_coverage
    if without > MOSTLY_SILENT:
        found.append(f"{percent(without)} of the rows have no vote, so nothing is known of them.")
    # Of models that learn tables or moments; the default and a majority vote do not rest on these.
    if inputs.votes.n_votes and not isinstance(inputs.model, LabelModel | MajorityVote | None):
        found += [f"{f.message}." for f in identifiability(inputs.votes)]
    return found


def _about_labels(inputs: Inputs) -> list[str]:
    found = []
    if inputs.model is not None and inputs.labels_given and inputs.labels is not None:
        made_by = inputs.labels.provenance.get("parameters_sha256")
        if made_by is not None and made_by != inputs.model.parameters_hash():
            found.append(
                "The labels were made by another model than the one given; contributions of votes "
                "are those of the model given."
            )
    if inputs.model is not None and inputs.model.n_items_ != inputs.votes.n_items:
        found.append(
            f"The model was fitted on {inputs.model.n_items_:,} rows and these are "
            f"{inputs.votes.n_items:,}: what it says of its own votes is not shown."
        )
    if inputs.labels is not None:
        n_tied = int(((inputs.labels.harden() < 0) & inputs.labels.covered).sum())
        share = n_tied / max(int(np.count_nonzero(inputs.labels.covered)), 1)
        if n_tied:
            found.append(f"{n_tied:,} rows with votes ({percent(share)} of them) end in a tie.")
    return found


def _these(names: list[str], singular: str, plural: str) -> str:
    shown = ", ".join(names[:NAMED])
    if len(names) > NAMED:
        shown += f" and {len(names) - NAMED:,} more"
    return f"{shown} {singular if len(names) == 1 else plural}"
