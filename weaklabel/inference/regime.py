"""What kind of voters these are, read off the votes alone.

Rules and panels want different treatment. A *rule* votes for one class and is silent otherwise; its
silence says something and it has no confusion matrix. A *voter of several classes* (a crowd worker,
a language-model judge) has one, and it can be learned where three or more of them vote on the same
items: with fewer, agreement does not determine accuracies. Three numbers tell the cases apart,

    share     share of the votes cast by voters of several classes,
    overlap   share of these votes on items with three or more of them,
    density   how many of these voters vote on an item, of all of them,

and three settings follow from them smoothly: how much the confusion-matrix member weighs, how far
it may trust the class shares it finds, and how sure the result may be. Where voters hardly agree
beyond chance the member weighs nothing: what looks like the class to it is then what some of them
share by accident. In a fixed panel (density 1)
all items have the same judges, whose common bias goes straight into the class shares; where each
item has another committee (density near 0) errors average out. Judges of a fixed panel also share
errors on single items, so the agreement of many makes less sure than it seems. All this caution is
lifted as far as voters are found independent (:mod:`~weaklabel.inference.independence`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows

CONFUSION_WEIGHT = 6.0
INDEPENDENT_FACTOR = 10.0  # of the weight, for voters that are independent
CROWD_FACTOR = 3.0  # of the weight, where each item has another committee
AGREEMENTS = (1.5, 2.5)  # from which confusion matrices are believed, and in full
PANEL_TEMPER = 0.4
PANEL_SIZES = (3.0, 10.0)  # votes per item from which a panel is tempered, and in full
DENSITY_DISCOUNT = 0.5
LEAST_VOTERS = 3  # of several classes, below which a confusion matrix cannot be learned

Kind: TypeAlias = Literal["rules", "panel", "crowd", "mixture"]


@dataclass(frozen=True)
class Regime:
    """What kind of voters cast the votes.

    Attributes
    ----------
    share, overlap, density : float
        In [0, 1]; see the module.
    n_several : int
        Voters of several classes.
    votes_per_item : float
        Mean votes on items that have any, copies of one voter counted once.
    coverage : float
        Share of the items that have votes.
    agreement : float
        Sum of the chance-corrected agreements (kappa) of the voters of several classes with the
        others, copies of one voter counted once, times K / (K - 1): 0 for any number of coins; with
        two classes, 6 for three that are always of one mind.
    independence : float
        In [0, 1]: how far the voters of several classes may be believed independent
        (:mod:`~weaklabel.inference.independence`).
    """

    share: float
    overlap: float
    density: float
    n_several: int
    votes_per_item: float
    coverage: float
    agreement: float
    independence: float = 0.0

    @property
    def can_learn_confusion(self) -> bool:
        """Whether enough voters of several classes meet."""
        return self.n_several >= LEAST_VOTERS and self.share * self.overlap > 0

    @property
    def confusion_weight(self) -> float:
        """Weight of the confusion-matrix member beside 5 for the other three together."""
        if not self.can_learn_confusion:
            return 0.0
        trusted = 1.0 + (INDEPENDENT_FACTOR - 1.0) * self.independence
        committees = 1.0 + (CROWD_FACTOR - 1.0) * (1.0 - self.density)
        return CONFUSION_WEIGHT * trusted * committees * self.share * self.overlap * self.signal

    @property
    def signal(self) -> float:
        """Whether voters agree enough for their confusion matrices to be learned, in [0, 1]."""
        few, enough = AGREEMENTS
        return min(max((self.agreement - few) / (enough - few), 0.0), 1.0)

    @property
    def class_exponent(self) -> float:
        """How far the confusion-matrix member trusts the class shares it finds, in [0.5, 1]."""
        return 1.0 - DENSITY_DISCOUNT * self.density * (1.0 - self.independence)

    @property
    def temperature(self) -> float:
        """Factor of the log of the average posterior, in [0.6, 1]."""
        few, many = PANEL_SIZES
        size = min(max((self.votes_per_item - few) / (many - few), 0.0), 1.0)
        dependence = 1.0 - self.independence
        return 1.0 - PANEL_TEMPER * self.share * self.overlap * self.density * size * dependence

    @property
    def kind(self) -> Kind:
        """In a word: rules, a fixed panel, a crowd, or a mixture of rules and voters."""
        if not self.can_learn_confusion or self.share * self.overlap < 0.1:
            return "rules"
        if self.share < 0.75:
            return "mixture"
        return "panel" if self.density >= 0.5 else "crowd"


def regime_of(
    rows: VoteRows,
    layout: TableLayout,
    votes: FloatArray,
    worth: FloatArray,
    many: IntArray,
    kappa: FloatArray,
) -> Regime:
    """The regime of some votes.

    Parameters
    ----------
    rows : VoteRows
    layout : TableLayout
    votes : array, shape (n_rows,)
        Weighted votes with each table row.
    worth : array, shape (n_rows,)
        What a vote is worth among its copies: copies of one voter are one voter here.
    many : array of bool, shape (n_rows,)
        Whether the voter of each table row votes for several classes.
    kappa : array, shape (n_active,)
        Chance-corrected agreement of each voter with the others; NaN where it was not judged, which
        is no reason to doubt it.

    Notes
    -----
    O(n_votes).
    """
    weight = np.ones(rows.n_patterns) if rows.weight is None else rows.weight
    lengths = np.diff(rows.indptr)
    covered = float(weight @ (lengths > 0))
    n_votes = float(weight @ per_item(rows, worth))
    total = float(votes.sum())
    size = per_item(rows, worth * many)
    judged = float(weight @ size)
    # three voters or more count in full, two not at all, copies in between
    enough = np.clip(size - (LEAST_VOTERS - 1), 0.0, 1.0)
    several = many[layout.starts]
    of_lf = layout.per_lf(votes)
    each = layout.per_lf(votes * worth) / np.maximum(of_lf, 1e-300)
    n_voters = float(each[several].sum())
    seen = float(weight @ (size > 0))
    n_classes = max(layout.n_classes, 2)
    agreed = np.maximum(np.nan_to_num(kappa[several], nan=1.0), 0.0)
    return Regime(
        share=float(votes[many].sum()) / total if total > 0 else 0.0,
        overlap=float((weight * size) @ enough) / judged if judged > 0 else 0.0,
        density=min(judged / (seen * n_voters), 1.0) if judged > 0 else 0.0,
        n_several=int(several.sum()),
        votes_per_item=n_votes / covered if covered > 0 else 0.0,
        coverage=covered / max(rows.total_weight, 1e-300),
        agreement=float(each[several] @ agreed) / (1.0 - 1.0 / n_classes),
    )


def per_item(rows: VoteRows, value: FloatArray) -> FloatArray:
    """Sums of a value per table row over the votes of each item, shape (n_patterns,)."""
    sums = np.concatenate([[0.0], np.cumsum(value[rows.table_row])])
    return np.asarray(sums[rows.indptr[1:]] - sums[rows.indptr[:-1]])
