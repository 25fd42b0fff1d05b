"""How a fit went, in lines and in a sentence."""

from __future__ import annotations

from typing import Any

from weaklabel.endmodel.selection import Fitted
from weaklabel.endmodel.strategies import Plain, Strategy
from weaklabel.endmodel.targets import Targets


def history_lines(fitted: Fitted) -> list[dict[str, Any]]:
    """One line per epoch of the chosen candidate and of the final run."""
    runs = [("selection", fitted.selection), ("final", fitted.final)]
    return [
        {"stage": stage, "epoch": e.epoch, "loss": e.loss, "heldout_loss": e.heldout_loss}
        for stage, run in runs
        if run is not None
        for e in run.history
    ]


def status_line(
    fitted: Fitted,
    targets: Targets,
    description: str,
    n_used: int,
    uncovered: str,
    strategy: Strategy,
) -> str:
    """What was trained on how many rows, what was chosen, and how it ended."""
    n_uncovered = len(targets) - int(targets.covered.sum())
    left_out = "used without labels" if strategy.uses_unlabelled else "left out"
    policy = {"exclude": left_out, "downweight": "downweighted", "keep": "kept"}[uncovered]
    note = f" ({n_uncovered:,} uncovered rows {policy})" if n_uncovered else ""
    how = "" if isinstance(strategy, Plain) else f" with strategy {strategy.name!r}"
    parts = [f"{description}; trained{how} on {n_used:,} rows{note}"]
    if fitted.selection is not None:
        chosen = f"chosen among {fitted.n_candidates} " if fitted.n_candidates > 1 else ""
        parts.append(
            f"weight decay {fitted.weight_decay:.2g} {chosen}"
            f"with held-out loss {fitted.selection.best_loss:.4f} on {fitted.n_heldout:,} rows"
        )
    else:
        parts.append(f"weight decay {fitted.weight_decay:.2g}, nothing held out")
    n_epochs = len(fitted.final.history)
    parts.append(f"{_ending(fitted)} {n_epochs} epoch{'s' if n_epochs > 1 else ''}")
    return "; ".join(parts)


def _ending(fitted: Fitted) -> str:
    if fitted.final.is_converged:
        return "converged after"
    if fitted.selection is not None and fitted.selection.is_converged:
        return "best after"
    return "stopped by max_epochs after"
