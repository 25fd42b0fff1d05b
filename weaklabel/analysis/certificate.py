"""When counting votes is as good as anything: a certificate for the majority vote.

**The setting.** Given its class y ~ pi, LFs vote on a row independently, LF j by its table
theta_j(v | y). The best decision there is, whoever makes it, is the Bayes rule: the class with the
largest ``log pi_y + sum_j log theta_j(v_j | y)``. The majority vote decides for the class with the
largest count. It is optimal where the two never differ; on rows where the count ties it has no
decision, and these are looked at apart.

**Equal LFs.** Let each vote be wrong with probability e, errors falling evenly on the K - 1 other
classes. Then the score of y is ``log pi_y + c_y w`` with c_y its count and
``w = log((1 - e)(K - 1) / e)``. Without a tie a class leads by at least d votes: d = 2 for two
votes, and for any even number of votes if there are two classes; d = 1 otherwise. The smallest lead
of the rarest class over the most frequent one decides: the majority vote is optimal on all rows
without a tie if and only if
``d w >= log(pi_max / pi_min)``, that is

    e <= 1 / (1 + (pi_max / pi_min)^(1/d) / (K - 1)).

For two classes and an odd number of votes: the noise must not exceed the share of the rarer class
(:func:`tolerable_noise`).

**Unequal LFs, two classes.** With log-odds weights w_j = log((1 - e_j) / e_j) the majority vote of
n LFs is optimal on all their outcomes without a tie if and only if the floor(n/2) + 1 smallest
weights together exceed the others by at least ``|log(pi_1 / pi_0)|``: the worst majority is the one
of the weakest (:func:`weakest_lead`).

**On given votes.** Of all outcomes only those matter that occur. :func:`mv_certificate` compares
the two decisions on each distinct row, and says what the majority vote loses in accuracy on average
if the model is right.

The question, and the certificate of optimality from estimated noise and class balance, are those of
Purificato et al.; the statements above were derived here for conditionally independent votes (each
is a line of algebra from the Bayes rule) and are not quoted from that paper.

References
----------
Purificato, Bucarelli, Nelakanti, Bacciu, Silvestri and Mantrach, "The Majority Vote Paradigm Shift:
When Popular Meets Optimal", 2025.
Nitzan and Paroush, "Optimal Decision Rules in Uncertain Dichotomous Choice Situations", 1982 (the
weights of the Bayes rule).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError
from weaklabel.inference.shares import normalised, vote_mass
from weaklabel.models import LabelModel, LabelModelBase
from weaklabel.models.checks import ClassBalance, Votes, votes_to_fit
from weaklabel.models.statistics import symbols_of
from weaklabel.soft_labels import TIE_TOLERANCE
from weaklabel.votes import VoteMatrix

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MVCertificate:
    """How far the majority vote is from the best decision, if the model is right.

    Attributes
    ----------
    optimal : bool
        Whether the majority vote decides like the Bayes rule on every row without a tie.
    optimal_share : float
        Share of the rows with a vote on which it does (a tie counts by the part of the tied classes
        that are optimal).
    excess_error : float
        Expected accuracy it loses against the Bayes rule on rows with a vote, in [0, 1].
    tie_share : float
        Share of the rows with a vote on which the count ties.
    tie_loss : float
        The part of ``excess_error`` on rows where the count ties.
    noise : float
        Estimated share of wrong votes.
    tolerable_noise : float
        Largest noise at which the majority vote of equal LFs is optimal for this class balance.
    class_balance : array, shape (n_classes,)
    model : str
        Name of the model that is taken to be right.
    """

    optimal: bool
    optimal_share: float
    excess_error: float
    tie_share: float
    tie_loss: float
    noise: float
    tolerable_noise: float
    class_balance: FloatArray
    model: str

    @property
    def would_hold_for_equal_lfs(self) -> bool:
        """Whether LFs that are all as good as their mean would be certified."""
        return self.noise <= self.tolerable_noise

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, ready for JSON."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }

    def __str__(self) -> str:
        verdict = (
            "a majority vote is optimal on every row without a tie"
            if self.optimal
            else f"a majority vote is optimal on {self.optimal_share:.1%} of the rows with a vote "
            f"and loses {100 * self.excess_error:.2f} points of accuracy"
        )
        return (
            f"if {self.model} is right, {verdict}; {self.noise:.1%} of the votes are wrong, and "
            f"equal LFs may be up to {self.tolerable_noise:.1%} for this class balance"
        )


def tolerable_noise(class_balance: npt.ArrayLike, n_votes: npt.ArrayLike = 1) -> float:
    """The largest share of wrong votes at which counting votes of equal LFs is optimal.

    Parameters
    ----------
    class_balance : array, shape (n_classes,)
        Positive, adding up to 1.
    n_votes : int, or array of int, default 1
        Votes on each row; of several numbers the strictest counts.

    Returns
    -------
    float
        In [0, (K - 1) / K].

    Raises
    ------
    ConfigError
        If the class balance is no distribution over two or more classes.

    Examples
    --------
    >>> tolerable_noise([0.8, 0.2], 5), round(tolerable_noise([0.8, 0.2], 4), 3)
    (0.2, 0.333)
    """
    balance = np.asarray(class_balance, dtype=np.float64)
    if (
        balance.ndim != 1
        or len(balance) < 2
        or (balance <= 0).any()
        or abs(balance.sum() - 1) > 1e-6
    ):
        raise ConfigError(
            "a class balance must be positive shares of two or more classes that add up to 1, "
            f"found {balance.tolist()}"
        )
    votes = np.atleast_1d(np.asarray(n_votes))
    if votes.dtype.kind not in "iu" or (votes < 1).any():
        raise ConfigError(f"n_votes must be numbers of votes of at least 1, found {n_votes!r}")
    always_two = votes % 2 == 0 if len(balance) == 2 else votes == 2
    lead = 2.0 if always_two.all() else 1.0
    odds = float(balance.max() / balance.min()) ** (1.0 / lead)
    return float(round(1.0 / (1.0 + odds / (len(balance) - 1)), 12))


def weakest_lead(noise: npt.ArrayLike) -> float:
    """What the weakest majority of these LFs outweighs the others by, in log-odds.

    The majority vote of two-class LFs is optimal on all outcomes without a tie if and only if this
    is at least the absolute log-odds of the class balance.

    Parameters
    ----------
    noise : array, shape (n_lfs,)
        Share of wrong votes of each LF, in (0, 1).

    Examples
    --------
    >>> bool(weakest_lead([0.2, 0.2, 0.2]) > 0), bool(weakest_lead([0.01, 0.3, 0.3]) > 0)
    (True, False)
    """
    noise = np.asarray(noise, dtype=np.float64)
    if noise.ndim != 1 or not len(noise) or (noise <= 0).any() or (noise >= 1).any():
        raise ConfigError(
            f"noise must be one share in (0, 1) per LF, found {np.asarray(noise).tolist()}"
        )
    weight = np.sort(np.log((1.0 - noise) / noise))
    majority = len(weight) // 2 + 1
    return float(weight[:majority].sum() - weight[majority:].sum())


def mv_certificate(
    votes: Votes,
    model: LabelModelBase | None = None,
    *,
    class_balance: ClassBalance = None,
) -> MVCertificate:
    """Whether, and how nearly, counting these votes is the best that can be done with them.

    Parameters
    ----------
    votes : VoteMatrix, or array of int, shape (n_items, n_lfs)
    model : label model, optional
        Fitted; it is taken to be right. By default :class:`~weaklabel.models.LabelModel` is fitted
        on the votes.
    class_balance : optional
        For the default model, as its ``fit`` takes it.

    Returns
    -------
    MVCertificate

    Notes
    -----
    The certificate is as good as the model: it is computed from what the model believes. Measured
    on 21 real sets (``docs/choosing.md``), what the default model foretells a majority vote to lose
    ranks the sets by what it does lose (rank correlation 0.7; 2.0 points foretold, 2.9 found). With
    models fitted by maximum likelihood the certificate is worse than nothing (-0.4 to -0.6): misled
    by LFs that depend on each other, they are confident where they are wrong.

    Examples
    --------
    >>> from weaklabel.votes.synthetic import planted_votes
    >>> alike = planted_votes(2000, accuracy=[0.8] * 5, propensity=1.0).votes
    >>> mv_certificate(alike).optimal
    True
    """
    if model is None:
        matrix = votes_to_fit(votes, None, class_balance)
        model = LabelModel().fit(matrix, class_balance=class_balance)
    matrix = model._votes(votes)
    patterns = matrix.patterns()
    rows = VoteMatrix(
        patterns.indptr, patterns.lf_index, patterns.symbol, matrix.alphabet, matrix.lf_names
    )
    posterior = model.predict_proba(rows)
    majority = majority_shares(rows)
    weight = patterns.counts * (rows.n_votes_per_item > 0)
    weight = weight / max(weight.sum(), 1e-300)
    chosen = majority >= majority.max(axis=1, keepdims=True) - TIE_TOLERANCE
    best = posterior >= posterior.max(axis=1, keepdims=True) - TIE_TOLERANCE
    n_chosen = chosen.sum(axis=1)
    agrees = (chosen & best).sum(axis=1) / n_chosen
    loss = posterior.max(axis=1) - (posterior * chosen).sum(axis=1) / n_chosen
    ties = n_chosen > 1
    balance = np.asarray(model.class_balance_)
    positive = np.maximum(balance, 1e-12)
    sizes = np.unique(rows.n_votes_per_item[weight > 0])
    return MVCertificate(
        optimal=bool((agrees[(weight > 0) & ~ties] == 1.0).all()),
        optimal_share=float(weight @ agrees),
        excess_error=float(weight @ loss),
        tie_share=float(weight @ ties),
        tie_loss=float(weight @ (loss * ties)),
        noise=_noise(rows, posterior, patterns.counts),
        tolerable_noise=tolerable_noise(positive / positive.sum(), sizes),
        class_balance=balance,
        model=type(model).__name__,
    )


def majority_shares(votes: VoteMatrix) -> FloatArray:
    """The share of the votes of each class, 1/K without votes; shape (n_items, n_classes)."""
    mass = vote_mass(votes.indptr, votes.symbol, symbols_of(votes.alphabet))
    return normalised(mass, np.full(votes.n_classes, 1.0 / votes.n_classes))


def _noise(rows: VoteMatrix, posterior: FloatArray, counts: FloatArray) -> float:
    """Expected share of votes that are wrong."""
    affinity = rows.alphabet.affinity()
    member = affinity >= affinity.max(axis=1, keepdims=True) - 1e-12
    speaks = ~member.all(axis=1)
    item = rows.item_index()
    right = (posterior[item] * member[rows.symbol]).sum(axis=1)
    weight = counts[item] * speaks[rows.symbol]
    return float(1.0 - (weight @ right) / max(weight.sum(), 1e-300))
