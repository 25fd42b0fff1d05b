"""From checked inputs to the numbers and rows that the page shows, each computed once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from weaklabel.analysis.learned import with_statistics
from weaklabel.analysis.quality import LabelQuality, label_quality
from weaklabel.analysis.reliability import ReliabilityBins, reliability
from weaklabel.analysis.report.findings import Sentence, find_sentences, model_report
from weaklabel.analysis.report.fix_first import FixFirst, fix_first
from weaklabel.analysis.report.inputs import Inputs
from weaklabel.analysis.report.lfs import lf_lines
from weaklabel.analysis.report.pair_map import PairMap, pair_map
from weaklabel.analysis.report.rows import json_size, rows_section
from weaklabel.analysis.report.sample import choose_rows
from weaklabel.analysis.report.scores import majority_labels
from weaklabel.analysis.summary import LFSummary, lf_summary
from weaklabel.applier.timing import Timing
from weaklabel.soft_labels import SoftLabels

ROOM: Final = 8_000_000  # bytes of JSON for rows and functions; the rest of the page is below 2 MB
ROOM_FOR_ROWS: Final = (500_000, 6_500_000)  # at least and at most


@dataclass(frozen=True, eq=False)
class Parts:
    """What was computed of the inputs, once.

    Attributes
    ----------
    inputs : Inputs
    summary : LFSummary
    sentences : list of Sentence
    fixes : FixFirst or None
        None without a model.
    pairs : PairMap or None
        None of a single labeling function.
    lines : list of dict
        The labeling functions.
    sample : dict
        The rows shown.
    quality, majority : LabelQuality or None
        Of the labels and of a majority vote, against gold.
    quality_covered : LabelQuality or None
        Of the labels on rows with votes.
    reliability : ReliabilityBins or None
        Of rows with votes and gold; None if there are none.
    """

    inputs: Inputs
    summary: LFSummary
    sentences: list[Sentence]
    fixes: FixFirst | None
    pairs: PairMap | None
    lines: list[dict[str, Any]]
    sample: dict[str, Any]
    quality: LabelQuality | None
    majority: LabelQuality | None
    quality_covered: LabelQuality | None
    reliability: ReliabilityBins | None

    @classmethod
    def of(cls, inputs: Inputs, timing: Timing | None, max_rows: int) -> Parts:
        """Compute them."""
        votes, names = inputs.votes, _names(inputs)
        if inputs.model is not None:  # one from a file may get its votes back, once for all parts
            fitted = with_statistics(inputs.model, votes)
            inputs = replace(inputs, model=fitted or inputs.model)
        summary = lf_summary(votes, names, model=inputs.model, timing=timing)
        report = model_report(inputs)
        labels, covered = inputs.labels, _covered(inputs)
        lines = lf_lines(votes, summary, report)
        least, most = ROOM_FOR_ROWS
        room = min(max(ROOM - json_size(lines), least), most)
        return cls(
            inputs=inputs,
            summary=summary,
            sentences=find_sentences(inputs, summary, report),
            fixes=fix_first(inputs, summary, names),
            pairs=pair_map(votes) if votes.n_lfs > 1 else None,
            lines=lines,
            sample=rows_section(inputs, choose_rows(inputs, max_rows), room),
            quality=None if labels is None or names is None else label_quality(labels, names),
            quality_covered=covered and label_quality(*covered),
            reliability=covered and reliability(*covered).bins,
            majority=None if names is None else label_quality(majority_labels(inputs), names),
        )


def _covered(inputs: Inputs) -> tuple[SoftLabels, list[str | None]] | None:
    """Labels and gold of the rows that have votes; None without any that has both."""
    labels, gold = inputs.labels, _names(inputs)
    if labels is None or inputs.gold is None or gold is None:
        return None
    rows = np.flatnonzero((inputs.gold >= 0) & labels.covered)
    if not len(rows):
        return None
    part_of = SoftLabels(labels.probabilities[rows], labels.labels, labels.n_votes[rows])
    return part_of, [gold[i] for i in rows.tolist()]


def _names(inputs: Inputs) -> list[str | None] | None:
    """Gold as names: integers might be names too."""
    return None if inputs.gold is None else inputs.votes.labels.decode(inputs.gold)


def data_of(parts: Parts) -> dict[str, Any]:
    """What the scripts draw the tables and the map from."""
    votes = parts.inputs.votes
    return {
        "classes": list(votes.labels.names),
        "symbols": [votes.alphabet.describe(code) for code in range(len(votes.alphabet))],
        "functions": parts.lines,
        "pairs": None if parts.pairs is None else parts.pairs.to_json(),
        "sample": parts.sample,
    }
