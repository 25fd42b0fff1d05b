"""How much the members of a prompt ensemble say the same, and how many voters they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError
from weaklabel.llm.merging import spoken_classes
from weaklabel.llm.tables import text_table
from weaklabel.votes import VoteMatrix

MOST_NAMED: Final = 20  # pairs in the printed report


@dataclass(frozen=True, eq=False)
class Agreement:
    """How much the members of an ensemble say the same.

    Attributes
    ----------
    names : tuple of str
    coverage : array, shape (n,)
        Share of rows each member votes on.
    agreement : array, shape (n, n)
        Share of the rows both vote on for which they vote for the same class; NaN where there are
        none.
    kappa : array, shape (n, n)
        The same beyond chance (Cohen 1960); 1 is always the same, 0 is chance.
    unanimous : float
        Share of rows with two votes or more for which all are the same.
    variance : float
        Mean over those rows of the chance that two votes of a row, drawn at random, differ.
    effective : float
        Independent voters the ensemble is worth: n / (1 + (n - 1) * mean kappa).
    """

    names: tuple[str, ...]
    coverage: npt.NDArray[np.float64]
    agreement: npt.NDArray[np.float64]
    kappa: npt.NDArray[np.float64]
    unanimous: float
    variance: float
    effective: float

    def __str__(self) -> str:
        n = len(self.names)
        pairs = [(a, b) for a in range(n) for b in range(a + 1, n)]
        rows = [
            [
                self.names[a],
                self.names[b],
                100 * float(self.agreement[a, b]),
                float(self.kappa[a, b]),
            ]
            for a, b in pairs[:MOST_NAMED]
        ]
        more = f"\nand {len(pairs) - MOST_NAMED} more pairs" if len(pairs) > MOST_NAMED else ""
        return (
            f"{n} members, worth {self.effective:.1f} independent ones; unanimous on "
            f"{100 * self.unanimous:.1f} % of rows, variance {self.variance:.3f}\n"
            + text_table(["member", "and", "same %", "kappa"], rows)
            + more
        )


def agreement(votes: VoteMatrix, names: Sequence[str] | None = None) -> Agreement:
    """How much columns of votes say the same.

    Parameters
    ----------
    votes : VoteMatrix
        Confident votes count as their class; sets and reasons are left out.
    names : sequence of str, optional
        The columns of an ensemble; all if None.

    Raises
    ------
    ConfigError
        If there are fewer than two columns.

    Notes
    -----
    Cost n_items * n_columns**2.
    """
    chosen = votes if names is None else votes.select_lfs(names)
    if chosen.n_lfs < 2:
        raise ConfigError(f"agreement needs two columns or more, found {chosen.n_lfs}")
    classes = _classes(chosen)
    voted = classes >= 0
    n = chosen.n_lfs
    same, kappa = np.eye(n), np.eye(n)
    for a in range(n):
        for b in range(a + 1, n):
            both = voted[:, a] & voted[:, b]
            same[a, b], kappa[a, b] = _pair(classes[both, a], classes[both, b], chosen.n_classes)
    same, kappa = np.maximum(same, same.T), np.triu(kappa) + np.triu(kappa, 1).T
    off = kappa[np.triu_indices(n, 1)]
    mean = float(np.nanmean(off)) if not np.isnan(off).all() else 0.0
    unanimous, variance = _spread(classes, chosen.n_classes)
    return Agreement(
        chosen.lf_names,
        voted.mean(axis=0),
        same,
        kappa,
        unanimous,
        variance,
        n / (1.0 + (n - 1) * max(mean, 0.0)),
    )


def _classes(votes: VoteMatrix) -> npt.NDArray[np.int64]:
    return np.array([*spoken_classes(votes.alphabet), -1])[votes.to_dense()]


def _pair(
    a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], n_classes: int
) -> tuple[float, float]:
    if not len(a):
        return np.nan, np.nan
    same = float((a == b).mean())
    shares = [np.bincount(x, minlength=n_classes) / len(x) for x in (a, b)]
    chance = float(shares[0] @ shares[1])
    if chance >= 1.0:
        return same, np.nan  # both always say the same class: nothing to be learned from
    return same, (same - chance) / (1.0 - chance)


def _spread(classes: npt.NDArray[np.int64], n_classes: int) -> tuple[float, float]:
    counts = np.stack([(classes == c).sum(axis=1) for c in range(n_classes)], axis=1)
    total = counts.sum(axis=1)
    counts, total = counts[total > 1], total[total > 1]
    if not len(total):
        return np.nan, np.nan
    differ = 1.0 - (counts * (counts - 1)).sum(axis=1) / (total * (total - 1))
    return float((differ == 0.0).mean()), float(differ.mean())
