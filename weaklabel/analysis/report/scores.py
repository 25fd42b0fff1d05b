"""Numbers of all rows behind the charts of labels: class balance and histogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.certificate import majority_shares
from weaklabel.analysis.report.inputs import Inputs
from weaklabel.soft_labels import SoftLabels

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

N_BINS: Final = 20


@dataclass(frozen=True, eq=False)
class Balance:
    """Shares of the classes by who says so; each sums to 1, None where nobody does.

    Attributes
    ----------
    votes : array, shape (n_classes,)
        Mean share of the votes on rows that have any.
    model : array, or None
        Mean probability on rows that have votes.
    gold : array, or None
    """

    votes: FloatArray
    model: FloatArray | None
    gold: FloatArray | None


@dataclass(frozen=True, eq=False)
class Histogram:
    """Rows with votes by a probability of theirs.

    Attributes
    ----------
    of_class : int, or None
        The class whose probability is counted; None for that of the most probable class.
    counts : array of int, shape (20,)
        Rows in bins of equal width over [0, 1].
    n_rows, n_without_votes : int
    """

    of_class: int | None
    counts: IntArray
    n_rows: int
    n_without_votes: int


def class_balance(inputs: Inputs) -> Balance:
    """How frequent each class is according to votes, labels and gold."""
    votes, labels, gold = inputs.votes, inputs.labels, inputs.gold
    covered = votes.n_votes_per_item > 0
    n_covered = max(int(covered.sum()), 1)
    known = None if gold is None else gold[gold >= 0]
    return Balance(
        votes=majority_shares(votes)[covered].sum(axis=0) / n_covered,
        model=None if labels is None else labels.probabilities[covered].sum(axis=0) / n_covered,
        gold=None if known is None else np.bincount(known, minlength=votes.n_classes) / len(known),
    )


def histogram(labels: SoftLabels) -> Histogram:
    """Of two classes the probability of the second, of more that of the most probable one."""
    of_class = 1 if labels.n_classes == 2 else None
    values = labels.confidence if of_class is None else labels.probabilities[:, of_class]
    # Rounded so that a probability on the edge of a bin falls into one whatever its last bits.
    bins = np.floor(values[labels.covered].round(9) * N_BINS).astype(np.int64).clip(0, N_BINS - 1)
    n_rows = len(bins)
    return Histogram(of_class, np.bincount(bins, minlength=N_BINS), n_rows, labels.n_items - n_rows)


def majority_labels(inputs: Inputs) -> SoftLabels:
    """Shares of the votes as labels, to compare with."""
    votes = inputs.votes
    return SoftLabels(majority_shares(votes), votes.labels, votes.n_votes_per_item, votes.row_ids)
