"""Why a row got its label.

Two questions are answered for each vote. *Contribution*: what the vote added to the log-odds of
the label against the runner-up; contributions and the part that is there without votes add up to
the log-odds. *Decisive*: whether the label would be another without this vote.

For a model of tables the contribution is its table row, exactly. For :class:`LabelModel`, an
average of models, it is the Aumann-Shapley value: the votes of a row are faded in together, and
each is credited with its part of the change of the log probability. For tables that is the same
number. A majority vote has no log-odds to speak of; there contributions are shares of the vote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from weaklabel.errors import VotesError
from weaklabel.inference.rows import FloatArray, IntArray
from weaklabel.labels import LabelSpace
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pandas as pd

    from weaklabel.models.base import LabelModelBase

Scale: TypeAlias = Literal["log", "share"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why one row got its label.

    Attributes
    ----------
    row : int
    row_id : object
    labels : LabelSpace
    label : str or None
        The most probable class; None on a tie.
    probabilities : array, shape (n_classes,)
    prior : array, shape (n_classes,)
        What is there without votes.
    scale : {"log", "share"}
        Whether ``prior + contributions.sum(0)`` is the log probability of each class up to one
        constant, or the probability itself.
    lf_names : tuple of str
        The LFs that voted.
    votes : tuple of str
        What they voted, in words.
    contributions : array, shape (n_votes, n_classes)
        What each vote adds.
    flips : tuple of (str or None)
        For each vote, the label without it where that differs from ``label``; None where not.
    """

    row: int
    row_id: Any
    labels: LabelSpace
    label: str | None
    probabilities: FloatArray
    prior: FloatArray
    scale: Scale
    lf_names: tuple[str, ...]
    votes: tuple[str, ...]
    contributions: FloatArray
    flips: tuple[str | None, ...]

    def to_pandas(self) -> pd.DataFrame:
        """One line for the prior and one per vote: contributions per class, and flips."""
        import pandas as pd

        table: dict[str, Any] = {
            "lf": ["(prior)", *self.lf_names],
            "vote": [None, *self.votes],
        }
        both = np.vstack([self.prior, self.contributions])
        for code, name in enumerate(self.labels.names):
            table[name] = both[:, code]
        table["flips_to"] = [None, *self.flips]
        return pd.DataFrame(table)

    def __str__(self) -> str:
        shown = ", ".join(
            f"{name} {p:.3f}" for name, p in zip(self.labels, self.probabilities, strict=True)
        )
        lines = [f"row {self.row_id}: {self.label or 'tie'} ({shown})"]
        top = int(np.argmax(self.probabilities))
        rest = np.delete(self.contributions, top, axis=1)
        gain = self.contributions[:, top] - (rest.mean(axis=1) if rest.shape[1] else 0.0)
        for j in np.argsort(-np.abs(gain), kind="stable"):
            flip = f"; without it: {self.flips[j]}" if self.flips[j] else ""
            lines.append(f"  {gain[j]:+.2f}  {self.lf_names[j]} voted {self.votes[j]}{flip}")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class ExplanationTable:
    """One entry per vote of many rows.

    Attributes
    ----------
    item, lf, symbol : array of int, shape (n_votes,)
        Row position, LF position and symbol code.
    label, runner_up : array of int, shape (n_items,)
        Most and second most probable class of each row.
    prior : array, shape (n_items,)
        Log-odds (on the ``"share"`` scale: lead) of label against runner-up without votes.
    contribution : array, shape (n_votes,)
        What each vote adds to them.
    decisive : array of bool, shape (n_votes,)
        Whether the label would be another without the vote.
    matrix : VoteMatrix
        The votes that are explained.
    """

    item: IntArray
    lf: IntArray
    symbol: IntArray
    label: IntArray
    runner_up: IntArray
    prior: FloatArray
    contribution: FloatArray
    decisive: IntArray
    matrix: VoteMatrix

    def __len__(self) -> int:
        return len(self.item)

    def to_pandas(self) -> pd.DataFrame:
        """Columns id, lf, vote, label, runner_up, contribution, decisive; one line per vote."""
        import pandas as pd

        votes, names = self.matrix, np.asarray(self.matrix.labels.names, dtype=object)
        words = np.asarray(
            [votes.alphabet.describe(c) for c in range(len(votes.alphabet))], dtype=object
        )
        return pd.DataFrame(
            {
                "id": votes.ids[self.item],
                "lf": np.asarray(votes.lf_names, dtype=object)[self.lf],
                "vote": words[self.symbol],
                "label": names[self.label[self.item]],
                "runner_up": names[self.runner_up[self.item]],
                "contribution": self.contribution,
                "decisive": self.decisive,
            }
        )


def explain_row(model: LabelModelBase, votes: VoteMatrix, row: int) -> Explanation:
    """The explanation of one row.

    Raises
    ------
    VotesError
        If there is no such row.
    """
    if not -votes.n_items <= row < votes.n_items:
        raise VotesError(f"rows are 0 .. {votes.n_items - 1}, found {row}")
    row = row % votes.n_items
    one = model._explained(votes[row : row + 1])
    probabilities = model._predict_proba(one)[0]
    prior, contributions = model._contributions(one)
    without = model._predict_proba(each_left_out(one)) if one.n_votes else np.zeros((0, 1))
    label = _label(probabilities)
    flips = [_label(p) for p in without]
    names = one.labels.names
    return Explanation(
        row,
        votes.ids[row],
        one.labels,
        None if label < 0 else names[label],
        probabilities,
        prior[0],
        model._explanation_scale,
        tuple(one.lf_names[j] for j in one.lf_index),
        tuple(one.alphabet.describe(int(s)) for s in one.symbol),
        contributions,
        tuple(None if f == label else "tie" if f < 0 else names[f] for f in flips),
    )


def explain_rows(model: LabelModelBase, votes: VoteMatrix) -> ExplanationTable:
    """One entry per vote.

    Notes
    -----
    O(n_votes * n_classes) for a model of tables; O(sum of squared votes per row * n_classes) for
    others, which predict each row once without each of its votes.
    """
    votes = model._explained(votes)
    probabilities = model._predict_proba(votes)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    label = order[:, 0]
    runner_up = order[:, 1] if order.shape[1] > 1 else label
    item = votes.item_index()
    prior, contributions = model._contributions(votes)
    each = np.arange(votes.n_items)
    votes_at = np.arange(votes.n_votes)
    return ExplanationTable(
        item,
        votes.lf_index.astype(np.int64),
        votes.symbol.astype(np.int64),
        label,
        runner_up,
        prior[each, label] - prior[each, runner_up],
        contributions[votes_at, label[item]] - contributions[votes_at, runner_up[item]],
        model._labels_without_each_vote(votes) != label[item],
        votes,
    )


def lf_weights(model: LabelModelBase, votes: VoteMatrix, weight: FloatArray) -> FloatArray:
    """Mean log-odds that a vote of each LF adds for the classes it names against the others.

    With more than two classes: its log probability for what it names over the mean of the others.

    Parameters
    ----------
    model : fitted label model
    votes : VoteMatrix
        Of the LFs of the fit, in any order.
    weight : array, shape (n_items,)
        How often each row counts.

    Returns
    -------
    array, shape (n_lfs,)
        In the order of ``votes``; NaN for an LF without votes, for one that the model reads only
        together with others, and for all where the model knows no log-odds (a majority vote).

    Notes
    -----
    As the contributions of the model: O(n_votes * n_classes), times a dozen for an average of
    models; 8 bytes per vote and class.
    """
    if model._explanation_scale != "log" or len(model.labels_) < 2:
        return np.full(votes.n_lfs, np.nan)
    known = model._explained(model._votes(votes))
    _, contributions = model._contributions(known)
    alphabet = known.alphabet
    names = np.zeros((len(alphabet), len(alphabet.labels)), dtype=bool)
    for code in range(len(alphabet)):
        symbol = alphabet.symbol(code)
        names[code, list(symbol.classes)] = symbol.kind != "reason"
    n_named = names.sum(axis=1)
    # +1/m for each of m classes named, -1/(K - m) for each of the others; 0 for a reason
    mix = names / np.maximum(n_named, 1)[:, None]
    mix -= ~names / np.maximum(names.shape[1] - n_named, 1)[:, None]
    mix[(n_named == 0) | (n_named == names.shape[1])] = 0.0
    each = np.einsum("vk,vk->v", contributions, mix[known.symbol])
    of_row = weight[known.item_index()] * (n_named[known.symbol] > 0)
    total = np.bincount(known.lf_index, of_row, known.n_lfs)
    mean = np.full(known.n_lfs, np.nan)
    added = np.bincount(known.lf_index, of_row * each, known.n_lfs)
    np.divide(added, total, out=mean, where=total > 0)
    by_name = dict(zip(known.lf_names, mean.tolist(), strict=True))
    return np.array([by_name.get(name, np.nan) for name in votes.lf_names])


def labels_without_each_vote(model: LabelModelBase, votes: VoteMatrix) -> IntArray:
    """The most probable class of each vote's row if that vote were not cast, shape (n_votes,)."""
    if votes.n_votes == 0:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(model._predict_proba(each_left_out(votes)).argmax(axis=1))


def each_left_out(votes: VoteMatrix) -> VoteMatrix:
    """A row for each vote: the votes of its item without it."""
    lengths = np.diff(votes.indptr).astype(np.int64)
    item = votes.item_index()
    kept = lengths[item] - 1  # votes in each new row
    size = lengths[item]
    ends = np.cumsum(size)
    take = np.arange(int(ends[-1])) + np.repeat(
        votes.indptr[item].astype(np.int64) - (ends - size), size
    )
    keep = take != np.repeat(np.arange(votes.n_votes), size)
    take = take[keep]
    return VoteMatrix(
        np.concatenate([[0], np.cumsum(kept)]),
        votes.lf_index[take],
        votes.symbol[take],
        votes.alphabet,
        votes.lf_names,
    )


def _label(probabilities: FloatArray) -> int:
    top = np.flatnonzero(probabilities >= probabilities.max() - 1e-9)
    return int(top[0]) if len(top) == 1 else -1
