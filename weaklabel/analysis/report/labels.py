"""The section about the labels: how they came out, how sure they are, how often they are right."""

from __future__ import annotations

from typing import Final

from weaklabel.analysis.quality import quality_table
from weaklabel.analysis.report import blocks as block
from weaklabel.analysis.report import pictures as picture
from weaklabel.analysis.report.html import Html, element, join
from weaklabel.analysis.report.parts import Parts
from weaklabel.analysis.report.scores import class_balance, histogram
from weaklabel.analysis.text import percent

MAX_CONFUSION: Final = 12  # classes up to which mistakes are shown pair by pair
WIDE_CONFUSION: Final = 6  # classes up to which the table of mistakes stands beside a chart


def labels_section(parts: Parts) -> Html:
    """Class balance, probabilities, and what gold says of them."""
    inputs, names = parts.inputs, list(parts.inputs.votes.labels.names)
    balance = block.figure(
        "Class balance",
        "Share of each class on rows with votes: in the votes, in the labels, and in the gold.",
        picture.balance_chart(names, class_balance(inputs)),
    )
    return block.section(
        "labels",
        "Labels",
        "How the rows came out, how sure the labels are, and whether that is deserved.",
        element("div", balance, _histogram(parts), class_="pair"),
        _against_gold(parts),
    )


def _histogram(parts: Parts) -> Html:
    labels = parts.inputs.labels
    if labels is None:
        return block.missing(
            "How sure the labels are is not known here: pass model or labels "
            "(--model MODEL or --labels LABELS)."
        )
    found = histogram(labels)
    about = "How sure the labels are: rows by their probability."
    if found.n_without_votes:
        about += f" The {found.n_without_votes:,} rows without votes are not counted."
    return block.figure("Probabilities", about, picture.histogram_chart(found, labels.labels.names))


def _against_gold(parts: Parts) -> Html:
    labels, gold = parts.inputs.labels, parts.inputs.gold
    if gold is None or parts.majority is None:
        return block.missing(
            "How often labels are right, whether their confidence is deserved (the reliability "
            "diagram) and which classes are mistaken for each other is known only with gold "
            "labels, even a few hundred: pass gold (--gold COLUMN)."
        )
    scores = {"majority vote": parts.majority}
    if parts.quality is None or labels is None:
        table = block.figure("Scores", "Against gold.", block.cells_table(quality_table(scores)))
        return element("div", table)
    diagram = _reliability(parts)
    scored = block.figure(
        "Scores",
        f"Measured on the {parts.quality.n_gold:,} rows with gold. Covered: rows with a vote. Log "
        "loss and Brier score: smaller is better.",
        block.cells_table(quality_table({"these labels": parts.quality, **scores})),
    )
    kind = "pair" if len(parts.quality.labels) <= WIDE_CONFUSION else None
    return join([scored, element("div", diagram, _confusion(parts), class_=kind)])


def _reliability(parts: Parts) -> Html:
    found = parts.reliability
    if found is None:
        return block.missing(
            "No row with a vote has a gold label, so the reliability diagram is empty: give gold "
            "of rows that have votes."
        )
    about = (
        "Of the rows labelled with a confidence of 80%, 80% should be right: dots on the line. "
        "Above it the labels are better than they say, below it they claim too much. Confidence "
        f"and share right differ by {percent(found.ece)} on average."
    )
    return block.figure("Reliability", about, picture.reliability_chart(found))


def _confusion(parts: Parts) -> Html | None:
    quality = parts.quality_covered
    if quality is None:
        return None
    if len(quality.labels) > MAX_CONFUSION:
        table = block.cells_table(quality.class_cells())
        return block.figure("By class", "Rows with a vote, against gold.", table)
    return block.figure(
        "Mistakes",
        "Rows with a vote by gold and label; the darker, the larger a share of its gold class. "
        "Ties count in parts.",
        picture.confusion_table(quality),
    )
