"""Votes drawn from known parameters, to check that models find them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError
from weaklabel.labels import LabelSpace, LabelSpaceLike
from weaklabel.votes.build import default_lf_names
from weaklabel.votes.matrix import VoteMatrix

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlantedVotes:
    """Votes, and what they were drawn from.

    Attributes
    ----------
    votes : VoteMatrix
    truth : array of int64, shape (n_items,)
        The class of each item.
    class_balance : array, shape (n_classes,)
    confusion : array, shape (n_lfs, n_classes, n_classes)
        ``confusion[j, y, v]`` = P(LF j votes v | class y, it votes); rows over v sum to 1.
    propensity : array, shape (n_lfs, n_classes)
        P(LF j votes | class y).
    """

    votes: VoteMatrix
    truth: npt.NDArray[np.int64]
    class_balance: FloatArray
    confusion: FloatArray
    propensity: FloatArray


def planted_votes(
    n_items: int,
    *,
    accuracy: npt.ArrayLike | None = None,
    confusion: npt.ArrayLike | None = None,
    class_balance: npt.ArrayLike = (0.5, 0.5),
    propensity: npt.ArrayLike = 0.5,
    copies: Sequence[tuple[int, float]] = (),
    labels: LabelSpaceLike | None = None,
    seed: int | np.random.Generator = 0,
) -> PlantedVotes:
    """Draw items, then votes that are independent given the class, then copies of LFs.

    Parameters
    ----------
    n_items : int
    accuracy : array, shape (n_lfs,) or (n_lfs, n_classes)
        P(right | votes), of each LF or each LF and class; errors fall evenly on the other classes.
        Give this or ``confusion``.
    confusion : array, shape (n_lfs, n_classes, n_classes)
        As in :class:`PlantedVotes`.
    class_balance : array, shape (n_classes,), default (0.5, 0.5)
    propensity : float, or array of shape (n_lfs,) or (n_lfs, n_classes), default 0.5
    copies : sequence of (LF, probability)
        Each adds an LF that repeats that LF's answer (its abstentions too) with the probability
        and otherwise answers on its own, by the same table: 1 is an exact copy, less is a
        correlated LF.
    labels : optional
        Class names; ``"0", "1", ...`` if None.
    seed : int or Generator, default 0

    Raises
    ------
    ConfigError
        If shapes do not agree or a probability is none.

    Examples
    --------
    >>> planted = planted_votes(1000, accuracy=[0.9, 0.8, 0.7], copies=[(0, 1.0)])
    >>> planted.votes.shape
    (1000, 4)
    """
    balance = _distribution("class_balance", np.asarray(class_balance, dtype=np.float64))
    tables = _confusion(accuracy, confusion, len(balance))
    rates = _propensity(propensity, len(tables), len(balance))
    rng = np.random.default_rng(seed)
    truth = rng.choice(len(balance), size=n_items, p=balance)
    columns = [_draw(rng, tables[j][truth], rates[j][truth]) for j in range(len(tables))]
    for lf, probability in copies:
        if not 0 <= lf < len(tables) or not 0.0 <= probability <= 1.0:
            raise ConfigError(
                f"a copy is (LF below {len(tables)}, probability in [0, 1]), "
                f"found {(lf, probability)}"
            )
        own = _draw(rng, tables[lf][truth], rates[lf][truth])
        columns.append(np.where(rng.random(n_items) < probability, columns[lf], own))
        tables, rates = np.append(tables, tables[[lf]], 0), np.append(rates, rates[[lf]], 0)
    space = LabelSpace(range(len(balance)) if labels is None else labels)
    dense = np.column_stack(columns)
    votes = VoteMatrix.from_dense(dense, space, default_lf_names(len(columns)))
    return PlantedVotes(votes, truth, balance, tables, rates)


def _draw(rng: np.random.Generator, rows: FloatArray, rate: FloatArray) -> npt.NDArray[np.int64]:
    """One answer per item from its row of probabilities, or -1."""
    vote = (rng.random(len(rows))[:, None] > rows.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return np.where(rng.random(len(rows)) < rate, vote, -1)


def _confusion(
    accuracy: npt.ArrayLike | None, confusion: npt.ArrayLike | None, n_classes: int
) -> FloatArray:
    if (accuracy is None) == (confusion is None):
        raise ConfigError("give accuracy or confusion, one of the two")
    if confusion is not None:
        tables = np.asarray(confusion, dtype=np.float64)
        if tables.ndim != 3 or tables.shape[1:] != (n_classes, n_classes):
            raise ConfigError(
                f"confusion must have shape (n_lfs, {n_classes}, {n_classes}), found {tables.shape}"
            )
        return _distribution("each row of confusion", tables)
    right = np.asarray(accuracy, dtype=np.float64)
    if right.ndim == 1:
        right = np.repeat(right[:, None], n_classes, axis=1)
    if right.ndim != 2 or right.shape[1] != n_classes:
        raise ConfigError(
            f"accuracy must have shape (n_lfs,) or (n_lfs, {n_classes}), found {right.shape}"
        )
    if (right < 0).any() or (right > 1).any():
        raise ConfigError(f"accuracies must lie in [0, 1], found {right.min()} to {right.max()}")
    eye = np.eye(n_classes)
    wrong = (1.0 - right)[:, :, None] / max(n_classes - 1, 1) * (1.0 - eye)
    return np.asarray(right[:, :, None] * eye + wrong)


def _propensity(propensity: npt.ArrayLike, n_lfs: int, n_classes: int) -> FloatArray:
    rates = np.asarray(propensity, dtype=np.float64)
    if rates.ndim == 1:
        rates = rates[:, None]
    try:
        rates = np.broadcast_to(rates, (n_lfs, n_classes)).copy()
    except ValueError:
        raise ConfigError(
            f"propensity must be a number or have shape ({n_lfs},) or ({n_lfs}, {n_classes}), "
            f"found {np.shape(propensity)}"
        ) from None
    if (rates < 0).any() or (rates > 1).any():
        raise ConfigError(f"propensities must lie in [0, 1], found {rates.min()} to {rates.max()}")
    return rates


def _distribution(what: str, values: FloatArray) -> FloatArray:
    if (values < 0).any() or not np.allclose(values.sum(axis=-1), 1.0):
        raise ConfigError(f"{what} must be nonnegative and add up to 1, found {values.tolist()}")
    return values
