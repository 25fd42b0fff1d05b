"""What to mend first, on a sample of the rows where there are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from weaklabel.analysis.fixes import WORTH_A_LOOK, LFsToFix, LFToFix, lfs_to_fix
from weaklabel.analysis.report.inputs import Inputs
from weaklabel.analysis.summary import LFSummary, lf_summary
from weaklabel.analysis.text import Cells

MAX_ROWS: Final = 10_000
SEED: Final = 0
LISTED: Final = 8


@dataclass(frozen=True, eq=False)
class FixFirst:
    """Labeling functions about which there is something to do.

    Attributes
    ----------
    found : LFsToFix
        Of the rows looked at.
    n_items : int
        All rows.
    """

    found: LFsToFix
    n_items: int

    @property
    def chosen(self) -> LFsToFix:
        """Those that cost labels, or of which there is more to say than that they decide none."""
        kept = [lf for lf in self.found.lfs if lf.advice and not _is_idle(lf)]
        return replace(self.found, lfs=tuple(kept))

    def cells(self) -> Cells:
        """The first few of them."""
        return replace(self.chosen, lfs=self.chosen.lfs[:LISTED]).cells()

    def about(self) -> str:
        """Which rows, who judged, and what is not listed."""
        words = "By how many labels are expected to be wrong because of it"
        if self.found.n_items < self.n_items:
            words += f", in a random sample of {self.found.n_items:,} rows"
        judged = f"gold on {self.found.n_gold:,} rows" if self.found.n_gold else "the model alone"
        words += f"; judged by {judged}."
        left = len(self.chosen.lfs) - LISTED
        if left > 0:
            words += f" {left:,} more are not listed."
        idle = sum(map(_is_idle, self.found.lfs))
        if idle:
            words += f" {idle:,} decide no row: others say the same, or outvote them."
        return words


def _is_idle(lf: LFToFix) -> bool:
    """Whether all there is to say is that it decides no row."""
    return len(lf.advice) == 1 and max(lf.n_decided, lf.at_stake) < WORTH_A_LOOK and lf.n_votes > 0


def fix_first(
    inputs: Inputs, summary: LFSummary, gold: Sequence[str | None] | None
) -> FixFirst | None:
    """What to mend first; None without a model, which has to label rows without each vote.

    Parameters
    ----------
    inputs : Inputs
    summary : LFSummary
        Of all rows, with the model.
    gold : sequence of class names, optional

    Notes
    -----
    One prediction per vote of at most 10,000 rows.
    """
    if inputs.model is None:
        return None
    votes, n_items = inputs.votes, inputs.votes.n_items
    if n_items > MAX_ROWS:
        rows = np.sort(np.random.default_rng(SEED).permutation(n_items)[:MAX_ROWS])
        votes = votes[rows]
        gold = None if gold is None else [gold[i] for i in rows.tolist()]
        # What the model learned of each function is as true of the sample.
        summary = replace(lf_summary(votes, gold), learned=summary.learned)
    return FixFirst(lfs_to_fix(votes, inputs.model, gold, summary=summary), n_items)
