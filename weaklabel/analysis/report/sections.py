"""The sections of the page, as markup; its two large tables are drawn by the page's script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from weaklabel.analysis.report import blocks as block
from weaklabel.analysis.report import pictures as picture
from weaklabel.analysis.report.html import Html, element, join
from weaklabel.analysis.report.labels import labels_section
from weaklabel.analysis.report.page import text
from weaklabel.analysis.report.parts import Parts
from weaklabel.analysis.text import percent
from weaklabel.version import __version__

MAX_NAMES: Final = 8
COLUMNS: Final = {
    "Coverage": "Share of the rows it votes on.",
    "Overlap": "Share of the rows on which another one votes too.",
    "Conflict": "Share of the rows on which another one disagrees.",
    "Learned accuracy": "Share of its votes that are right, as the model believes, with the 90% "
    "interval of models that give one.",
    "Weight": "Log-odds that one vote of it adds for what it votes.",
    "Counts as": "What one vote of it is worth after the discount for copies: 1 for one that "
    "repeats nobody.",
    "Right on gold": "Share of its votes on rows with gold that are right, with Wilson's 95% "
    "interval.",
    "Of": "Its votes on rows with gold, where these are not all of its votes.",
    "ms / 1,000": "Milliseconds for 1,000 rows.",
    "Faults": "Rows on which it failed and abstained, where there are any.",
}
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


def slots_of(parts: Parts, title: str, about: Mapping[str, str]) -> dict[str, Html]:
    """What stands in the places of the template."""
    main = (_overview, labels_section, _functions, _agreement, _rows, _origin)
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
            block.missing(
                "There are no labels in this report. Pass model or labels (--model, --labels) to "
                "see what the votes add up to."
            )
        )
    return block.section(
        "overview",
        "Overview",
        "What stands out in all rows together.",
        block.tiles(facts),
        _findings(parts),
        *hints,
    )


def _findings(parts: Parts) -> Html:
    kinds = {"To look into": "warning", "What the model says of these votes": "note"}
    lists = []
    for title, level in kinds.items():
        found = [s for s in parts.sentences if s.level == level]
        if found:
            lists.append(block.finding_list(title, found))
    return element("div", lists, class_="pair")


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
    return block.section(
        "functions",
        "Labeling functions",
        "What each one does, and how far it can be trusted.",
        block.figure(
            "At a glance",
            "Sorted by coverage.",
            picture.glance_chart(parts.lines, parts.inputs.votes.n_classes),
        ),
        element("div", id="function-table"),
        _columns(),
        *notes,
        block.missing(f"Not shown: {'; '.join(hints)}.") if hints else None,
        _fixes(parts),
    )


def _columns() -> Html:
    """What the columns of the table mean; as hints on its headings they need a pointer."""
    facts = block.fact_list(COLUMNS.items())
    return element("details", element("summary", "What the columns mean"), facts)


def _fixes(parts: Parts) -> Html | None:
    if parts.fixes is None:
        return None
    cells = parts.fixes.cells()
    table = block.cells_table(cells) if cells.rows else element("p", "Nothing stands out.")
    return block.figure("To fix first", parts.fixes.about(), table)


def _agreement(parts: Parts) -> Html:
    lead = "How often two functions say the same on rows both vote on; alike ones side by side."
    found = parts.pairs
    if found is None:
        content: list[Html] = [
            block.missing("There is only one labeling function, so nothing to compare.")
        ]
    else:
        content = [picture.map_of_pairs(found)]
        if found.n_left_out:
            words = (
                f"The {len(found.order):,} with the most votes; {found.n_left_out:,} others are "
                "left out."
            )
            content.insert(0, element("p", words, class_="dim"))
    return block.section("agreement", "Agreement", lead, *content)


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
        hint = block.missing(
            "Only ids are known of the rows: pass rows (--rows ROWS.csv) to see their data."
        )
    return block.section(
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
            block.fact_list([(name, element("code", mark)) for name, mark in pairs]),
        )
    return block.section(
        "origin",
        "Origin",
        "What the labels were made from, to make them again.",
        block.fact_list(facts) if facts else block.missing("Votes carry no origin of labels."),
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
