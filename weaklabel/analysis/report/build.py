"""From checked inputs to what the page shows: the numbers, the data of the tables, the sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from weaklabel.analysis.learned import with_statistics
from weaklabel.analysis.quality import LabelQuality, label_quality, quality_table
from weaklabel.analysis.reliability import ReliabilityBins, reliability
from weaklabel.analysis.report import sections as part
from weaklabel.analysis.report.findings import Sentence, find_sentences, model_report
from weaklabel.analysis.report.fix_first import FixFirst, fix_first
from weaklabel.analysis.report.html import Html, element, join
from weaklabel.analysis.report.inputs import Inputs
from weaklabel.analysis.report.lfs import lf_lines
from weaklabel.analysis.report.page import text
from weaklabel.analysis.report.pair_map import PairMap, pair_map
from weaklabel.analysis.report.rows import rows_section
from weaklabel.analysis.report.sample import choose_rows
from weaklabel.analysis.report.scores import (
    class_balance,
    histogram,
    majority_labels,
)
from weaklabel.analysis.summary import LFSummary, lf_summary
from weaklabel.analysis.text import percent
from weaklabel.applier.timing import Timing
from weaklabel.models.report import ModelReport
from weaklabel.soft_labels import SoftLabels
from weaklabel.version import __version__

ROOM_FOR_ROWS: Final = 6_500_000  # bytes
MAX_NAMES: Final = 8
ORIGIN: Final = {  # facts of a manifest that are shown, and what they are called
    "model": "model",
    "model_params": "settings",
    "status": "how the fit ended",
    "n_rows_fitted": "rows fitted",
    "n_rows": "rows labelled",
    "n_covered": "rows with votes",
    "class_balance": "class balance",
    "random_state": "seed",
    "parameters_sha256": "SHA-256 of what was learned",
    "versions": "made with",
}
WIDE_CONFUSION: Final = 6  # classes up to which the table of mistakes stands beside a chart


@dataclass(frozen=True, eq=False)
class Parts:
    """What was computed of the inputs, once.

    Attributes
    ----------
    inputs : Inputs
    summary : LFSummary
    model_report : ModelReport or None
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
    model_report: ModelReport | None
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
        return cls(
            inputs=inputs,
            summary=summary,
            model_report=report,
            sentences=find_sentences(inputs, summary, report),
            fixes=fix_first(inputs, summary, names),
            pairs=pair_map(votes) if votes.n_lfs > 1 else None,
            lines=lf_lines(votes, summary, report),
            sample=rows_section(inputs, choose_rows(inputs, max_rows), ROOM_FOR_ROWS),
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


def slots_of(parts: Parts, title: str, about: Mapping[str, str]) -> dict[str, Html]:
    """What stands in the places of the template."""
    main = (_overview, _labels, _functions, _agreement, _rows, _origin)
    return {
        "title": text(title),
        "generator": text(f"weaklabel {__version__}"),
        "head": _head(parts, title, about),
        "main": join([make(parts) for make in main]),
        "footer": text(f"Made by weaklabel {__version__} from the inputs named above."),
    }


def _head(parts: Parts, title: str, about: Mapping[str, str]) -> Html:
    votes, model = parts.inputs.votes, parts.inputs.model
    names = list(votes.labels.names)
    listed = ", ".join(names[:MAX_NAMES]) + (" and more" if len(names) > MAX_NAMES else "")
    made_by = parts.inputs.labels.provenance.get("model") if parts.inputs.labels else None
    kind = type(model).__name__ if model is not None else made_by
    words = (
        f"{_counted(votes.n_lfs, 'labeling function')} on {_counted(votes.n_items, 'row')}, "
        f"classes {listed}"
    )
    lines = [words + (f". Labels by {kind}." if kind else ".")]
    lines += [f"{key}: {value}" for key, value in about.items()]
    return join(
        [element("h1", title, class_="data"), [element("p", s, class_="data") for s in lines]]
    )


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _overview(parts: Parts) -> Html:
    votes, summary = parts.inputs.votes, parts.summary
    facts = [
        ("rows", f"{votes.n_items:,}"),
        ("labeling functions", f"{votes.n_lfs:,}"),
        ("votes per row", f"{votes.n_votes / votes.n_items:.2f}"),
        ("rows with a vote", percent(summary.any_coverage)),
        ("rows in conflict", percent(summary.any_conflict)),
    ]
    if parts.quality is not None:
        facts.append(("right where voted", percent(parts.quality.accuracy_covered)))
    hints = []
    if parts.inputs.labels is None:
        hints.append(
            part.missing(
                "There are no labels in this report. Pass model or labels (--model, --labels) to "
                "see what the votes add up to."
            )
        )
    return part.section(
        "overview",
        "Overview",
        "What stands out in all rows together.",
        part.tiles(facts),
        _findings(parts),
        *hints,
    )


def _findings(parts: Parts) -> Html:
    kinds = {"To look into": "warning", "What the model says of these votes": "note"}
    lists = []
    for title, level in kinds.items():
        found = [s for s in parts.sentences if s.level == level]
        if found:
            lists.append(part.finding_list(title, found))
    return element("div", lists, class_="pair")


def _labels(parts: Parts) -> Html:
    inputs, names = parts.inputs, list(parts.inputs.votes.labels.names)
    balance = part.figure(
        "Class balance",
        "Share of each class on rows with votes: in the votes, in the labels, and in the gold.",
        part.balance_chart(names, class_balance(inputs)),
    )
    return part.section(
        "labels",
        "Labels",
        "How the rows came out, how sure the labels are, and whether that is deserved.",
        element("div", balance, _histogram(parts), class_="pair"),
        _against_gold(parts),
    )


def _histogram(parts: Parts) -> Html:
    labels = parts.inputs.labels
    if labels is None:
        return part.missing(
            "How sure the labels are is not known here: pass model or labels "
            "(--model MODEL or --labels LABELS)."
        )
    found = histogram(labels)
    about = "How sure the labels are: rows by their probability."
    if found.n_without_votes:
        about += f" The {found.n_without_votes:,} rows without votes are not counted."
    return part.figure("Probabilities", about, part.histogram_chart(found, labels.labels.names))


def _against_gold(parts: Parts) -> Html:
    labels, gold = parts.inputs.labels, parts.inputs.gold
    if gold is None or parts.majority is None:
        return part.missing(
            "How often labels are right, whether their confidence is deserved (the reliability "
            "diagram) and which classes are mistaken for each other is known only with gold "
            "labels, even a few hundred: pass gold (--gold COLUMN)."
        )
    scores = {"majority vote": parts.majority}
    if parts.quality is None or labels is None:
        table = part.figure("Scores", "Against gold.", part.cells_table(quality_table(scores)))
        return element("div", table)
    diagram = _reliability(parts)
    scored = part.figure(
        "Scores",
        f"Measured on the {parts.quality.n_gold:,} rows with gold. Covered: rows with a vote. Log "
        "loss and Brier score: smaller is better.",
        part.cells_table(quality_table({"these labels": parts.quality, **scores})),
    )
    kind = "pair" if len(parts.quality.labels) <= WIDE_CONFUSION else None
    return join([scored, element("div", diagram, _confusion(parts), class_=kind)])


def _reliability(parts: Parts) -> Html:
    found = parts.reliability
    if found is None:
        return part.missing(
            "No row with a vote has a gold label, so the reliability diagram is empty: give gold "
            "of rows that have votes."
        )
    about = (
        "Of the rows labelled with a confidence of 80%, 80% should be right: dots on the line. "
        "Above it the labels are better than they say, below it they claim too much. Confidence "
        f"and share right differ by {percent(found.ece)} on average."
    )
    return part.figure("Reliability", about, part.reliability_chart(found))


def _confusion(parts: Parts) -> Html | None:
    quality = parts.quality_covered
    if quality is None:
        return None
    if len(quality.labels) > part.MAX_CONFUSION:
        table = part.cells_table(quality.class_cells())
        return part.figure("By class", "Rows with a vote, against gold.", table)
    return part.figure(
        "Mistakes",
        "Rows with a vote by gold and label; the darker, the larger a share of its gold class. "
        "Ties count in parts.",
        part.confusion_table(quality),
    )


def _functions(parts: Parts) -> Html:
    hints = []
    if parts.inputs.model is None:
        hints.append("what a model makes of each (pass model, or --model MODEL)")
    if parts.inputs.gold is None:
        hints.append("how often each is right (pass gold, or --gold COLUMN)")
    if parts.summary.ms_per_1000 is None:
        hints.append("how long each takes (pass timing, or --timing FILE)")
    learned = parts.summary.learned
    notes = []
    if learned is not None and learned.no_interval:
        notes.append(
            element(
                "p", f"No interval on learned accuracies: {learned.no_interval}.", class_="dim data"
            )
        )
    return part.section(
        "functions",
        "Labeling functions",
        "What each one does, and how far it can be trusted.",
        part.figure(
            "At a glance",
            "Sorted by coverage.",
            part.glance_chart(parts.lines, parts.inputs.votes.n_classes),
        ),
        element("div", id="function-table"),
        *notes,
        part.missing(f"Not shown: {'; '.join(hints)}.") if hints else None,
        _fixes(parts),
    )


def _fixes(parts: Parts) -> Html | None:
    if parts.fixes is None:
        return None
    cells = parts.fixes.cells()
    table = part.cells_table(cells) if cells.rows else element("p", "Nothing stands out.")
    return part.figure("To fix first", parts.fixes.about(), table)


def _agreement(parts: Parts) -> Html:
    lead = "How often two functions say the same on rows both vote on; alike ones side by side."
    found = parts.pairs
    if found is None:
        content: list[Html] = [
            part.missing("There is only one labeling function, so nothing to compare.")
        ]
    else:
        content = [part.map_of_pairs(found)]
        if found.n_left_out:
            words = (
                f"The {len(found.order):,} with the most votes; {found.n_left_out:,} others are "
                "left out."
            )
            content.insert(0, element("p", words, class_="dim"))
    return part.section("agreement", "Agreement", lead, *content)


def _rows(parts: Parts) -> Html:
    n_shown, n_items = len(parts.sample["rows"]), parts.inputs.votes.n_items
    lead = (
        f"All {n_items:,} rows."
        if n_shown == n_items
        else f"{n_shown:,} of {n_items:,} rows: those most in conflict, those the labels are least "
        "sure of, errors where there is gold, and some drawn at random."
    )
    hint = None
    if parts.inputs.rows is None:
        hint = part.missing(
            "Only ids are known of the rows: pass rows (--rows ROWS.csv) to see their data."
        )
    return part.section(
        "rows",
        "Rows",
        f"{lead} Open one to see who voted what, and what it did to the label.",
        hint,
        element("div", id="row-table"),
    )


def _origin(parts: Parts) -> Html:
    labels, model = parts.inputs.labels, parts.inputs.model
    manifest: Mapping[str, Any] = {}
    if labels is not None:
        manifest = labels.manifest()
    elif model is not None:
        manifest = model.provenance(parts.inputs.votes)
    facts = [
        (words, _in_words(manifest[key]))
        for key, words in ORIGIN.items()
        if manifest.get(key) is not None
    ]
    prints = parts.inputs.votes.lf_fingerprints
    listed = None
    if prints is not None:
        pairs = list(zip(parts.inputs.votes.lf_names, prints, strict=True))
        listed = element(
            "details",
            element("summary", "Fingerprints of the labeling functions"),
            part.fact_list([(name, element("code", mark)) for name, mark in pairs]),
        )
    return part.section(
        "origin",
        "Origin",
        "What the labels were made from, to make them again.",
        part.fact_list(facts) if facts else part.missing("Votes carry no origin of labels."),
        listed,
    )


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_in_words(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_in_words, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
