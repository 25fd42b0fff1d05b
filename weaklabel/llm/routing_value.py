r"""What asking about a row is worth: the expected drop of the entropy of its class.

For a row with the class probabilities q now, and an answer a that comes with P(a | y),

.. math:: \mathrm{drop} = H(q) - \sum_a P(a)\, H(q_a), \qquad q_a(y) \propto q(y) P(a \mid y),

the mutual information of class and answer. An answer to several prompts is summarised by what the
label model makes of the paid votes alone, in a few bins, so that prompts that repeat each other
count as one. P(a | y) is estimated from the rows asked so far, each counted for class y as far as
the model believes it to be of class y, with a prior that no answer says anything.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.llm.paid_votes import FloatArray

BINS: Final = 3  # of confidence, for each class that the answers may speak for
PRIOR: Final = 2.0  # rows for each class that the prior is worth


def entropy(q: FloatArray) -> FloatArray:
    """Entropy of each row in nats; 0 log 0 is 0."""
    logs = np.log(np.where(q > 0.0, q, 1.0))
    return np.asarray(-(q * logs).sum(axis=-1))


def answer_bins(paid: FloatArray, is_silent: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Which answer each asked row gave, in a few kinds.

    Parameters
    ----------
    paid : array, shape (n_asked, n_classes)
        Class probabilities by the paid votes alone.
    is_silent : array of bool, shape (n_asked,)
        No prompt voted.

    Returns
    -------
    array of int, shape (n_asked,)
        0 for silence; then by class and thirds of the confidence for it.
    """
    top = paid.argmax(axis=1)
    confidence = paid.max(axis=1)
    out = np.zeros(len(paid), dtype=np.int64)
    for c in range(paid.shape[1]):
        rows = np.flatnonzero(~is_silent & (top == c))
        if len(rows):
            edges = np.quantile(confidence[rows], np.arange(1, BINS) / BINS)
            out[rows] = 1 + c * BINS + np.searchsorted(edges, confidence[rows], side="right")
    return out


def answer_table(bins: npt.NDArray[np.int64], q: FloatArray) -> FloatArray:
    """P(answer | class) from the rows asked so far.

    Parameters
    ----------
    bins : array of int, shape (n_asked,)
    q : array, shape (n_asked, n_classes)
        Class probabilities of these rows.

    Returns
    -------
    array, shape (n_answers, n_classes)
        Columns sum to 1.
    """
    counts = np.zeros((int(bins.max()) + 1, q.shape[1]))
    np.add.at(counts, bins, q)
    share = counts.sum(axis=1, keepdims=True) / counts.sum()
    return np.asarray((counts + PRIOR * share) / (counts.sum(axis=0) + PRIOR))


def expected_drop(q: FloatArray, table: FloatArray) -> FloatArray:
    """Expected drop of entropy in nats, shape (n_rows,); never negative.

    Parameters
    ----------
    q : array, shape (n_rows, n_classes)
    table : array, shape (n_answers, n_classes)
        P(answer | class).

    Notes
    -----
    Cost n_rows * n_answers * n_classes. Lindley (1956), "On a Measure of the Information Provided
    by an Experiment".
    """
    after = np.zeros(len(q))
    for likelihood in table:
        joint = q * likelihood
        share = joint.sum(axis=1, keepdims=True)
        after += share[:, 0] * entropy(joint / np.maximum(share, 1e-300))
    return np.asarray(np.maximum(entropy(q) - after, 0.0))


def standing_for(pattern: npt.NDArray[np.integer[Any]], asked: npt.NDArray[np.bool_]) -> FloatArray:
    """How many rows each row stands for when a label model is fitted, shape (n_rows,).

    Rows that were asked about are no random sample: they are the doubtful ones. So a row that was
    asked stands for the rows with the same free votes, those not asked count nothing; where none
    of them was asked, each stands for itself. The weights sum to the number of rows.

    Parameters
    ----------
    pattern : array of int, shape (n_rows,)
        Which rows have the same free votes.
    asked : array of bool, shape (n_rows,)

    Notes
    -----
    Post-stratification: Holt and Smith (1979), "Post Stratification".
    """
    n_rows = np.bincount(pattern)
    n_asked = np.bincount(pattern, weights=asked)
    some = n_asked[pattern] > 0
    weight = asked * n_rows[pattern] / np.maximum(n_asked[pattern], 1.0)
    return np.asarray(np.where(some, weight, 1.0))


def chosen(
    value: FloatArray,
    cost: FloatArray,
    pattern: npt.NDArray[np.integer[Any]],
    tie: FloatArray,
    money: float,
    share: float,
) -> npt.NDArray[np.int64]:
    """The rows to ask about next, best first.

    Parameters
    ----------
    value : array, shape (n_rows,)
        Per unit of cost; -inf for rows that cannot be asked.
    cost : array, shape (n_rows,)
    pattern : array of int, shape (n_rows,)
    tie : array, shape (n_rows,)
        Decides between equal values.
    money : float
        What may be spent.
    share : float
        At most this share of the rows goes to one pattern, or the pattern's share of all value
        where that is larger, unless nothing else is left.
    """
    free = np.flatnonzero(value > -np.inf)
    order = free[np.lexsort((tie[free], -value[free]))]
    if share < 1.0:
        fits = int(np.searchsorted(np.cumsum(cost[order]), money, side="right"))
        total = np.bincount(pattern[order], weights=value[order])
        of_value = total / max(float(total.sum()), 1e-300)
        most = np.maximum(1, np.floor(np.maximum(share, of_value) * fits))[pattern[order]]
        order = order[np.argsort(_rank_within(pattern[order]) >= most, kind="stable")]
    limit = money * (1.0 + 1e-12)  # rounding of sums must not refuse the last row
    n = int(np.searchsorted(np.cumsum(cost[order]), limit, side="right"))
    return np.asarray(order[:n], dtype=np.int64)


def _rank_within(group: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
    """How many equal entries come before each."""
    order = np.argsort(group, kind="stable")
    sorted_group = group[order]
    starts = np.flatnonzero(np.concatenate([[True], sorted_group[1:] != sorted_group[:-1]]))
    lengths = np.diff(np.append(starts, len(group)))
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(starts, lengths)
    return rank
