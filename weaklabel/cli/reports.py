"""How summaries, labels and scores look in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weaklabel.cli.screen import Screen

if TYPE_CHECKING:
    from weaklabel.analysis import LabelQuality, LFSummary
    from weaklabel.soft_labels import SoftLabels

MAX_CLASSES = 8  # classes counted one by one; a longer list tells a reader less, not more


def show_summary(screen: Screen, summary: LFSummary, *, full: bool = False) -> None:
    """The LF table and its notes; in full, also what gold and a model say of the functions."""
    from weaklabel.analysis.text import wrapped

    screen.table(summary.cells())
    screen.say()
    for note in wrapped(summary.notes(), screen.width):
        screen.say(note)
    gold = summary.gold_cells()
    if full and gold is not None:
        screen.say()
        screen.table(gold)
    if full and summary.learned is not None:
        screen.say()
        screen.table(summary.learned.cells())
        screen.say()
        for note in wrapped(summary.learned.notes(), screen.width):
            screen.say(note)


def show_labels(screen: Screen, labels: SoftLabels) -> None:
    """How many rows got which class, and how many got none."""
    import numpy as np

    codes = labels.harden()
    counts = np.bincount(codes[codes >= 0], minlength=labels.n_classes)
    order = np.argsort(-counts, kind="stable")[:MAX_CLASSES].tolist()
    parts = [f"{labels.labels.names[k]}: {counts[k]:,}" for k in order if counts[k]]
    if labels.n_classes > MAX_CLASSES:
        parts.append(f"other classes: {int(counts.sum() - counts[order].sum()):,}")
    n_uncovered = int((~labels.covered).sum())
    n_tied = int((codes < 0).sum()) - n_uncovered
    parts += [f"undecided (a tie): {n_tied:,}"] if n_tied else []
    parts += [f"no vote: {n_uncovered:,}"] if n_uncovered else []
    screen.say(f"labels of {labels.n_items:,} rows: {', '.join(parts)}")


def counted(labels: SoftLabels) -> dict[str, Any]:
    """The counts of :func:`show_labels` for machines."""
    codes = labels.harden().tolist()
    return {
        "n_items": labels.n_items,
        "n_covered": int(labels.covered.sum()),
        "counts": {name: codes.count(k) for k, name in enumerate(labels.labels)},
    }


def show_quality(screen: Screen, scores: Mapping[str, LabelQuality]) -> None:
    """The scores of several labels against gold, side by side."""
    from weaklabel.analysis import quality_table

    screen.say()
    screen.table(quality_table(scores))
    first = next(iter(scores.values()))
    screen.say()
    screen.say(f"measured on the {first.n_gold:,} rows with gold, which was used for nothing else")
