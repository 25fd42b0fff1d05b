"""Posteriors of the members, and their weighted average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weaklabel.inference.anchored.parameters import (
    EVIDENCE_WEIGHT,
    NORMALISED_WEIGHT,
    SHARE_WEIGHT,
    AnchoredParameters,
)
from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import Backend, FloatArray
from weaklabel.inference.shares import normalised, vote_mass
from weaklabel.inference.softmax import softmax


@dataclass(frozen=True, eq=False)
class Members:
    """Posteriors of the four members and their average, each of shape (n_rows, n_classes)."""

    share: FloatArray
    normalised_share: FloatArray
    evidence: FloatArray
    confusion: FloatArray | None
    average: FloatArray


def anchored_posterior(
    parameters: AnchoredParameters, backend: Backend, layout: TableLayout
) -> Members:
    """The members' posteriors of the rows of a backend, and their weighted average.

    Rows without votes get the class balance, or what silence says beside it.

    Notes
    -----
    O(n_votes * n_classes); four arrays of n_rows * n_classes.
    """
    rows = backend.rows
    uniform = np.full(layout.n_classes, 1.0 / layout.n_classes)
    symbol = layout.row_symbol[rows.table_row]
    symbols = layout.symbols

    def share(weight: FloatArray) -> FloatArray:
        mass = vote_mass(rows.indptr, symbol, symbols, weight[rows.table_row])
        return normalised(mass, uniform, pseudo=1.0)

    vote_share = share(parameters.vote_weight)
    class_share = share(parameters.share_weight)
    evidence = backend.posterior(parameters.evidence, parameters.silence)
    average = SHARE_WEIGHT * vote_share + NORMALISED_WEIGHT * class_share
    average += EVIDENCE_WEIGHT * evidence
    total = np.full(rows.n_patterns, SHARE_WEIGHT + NORMALISED_WEIGHT + EVIDENCE_WEIGHT)
    confusion = None
    if parameters.confusion is not None:
        confusion = backend.posterior(parameters.confusion, parameters.confusion_prior)
        is_many = np.concatenate([[0], np.cumsum(parameters.many[rows.table_row])])
        has_many = is_many[rows.indptr[1:]] > is_many[rows.indptr[:-1]]
        weight = parameters.confusion_weight * has_many
        average += weight[:, None] * confusion
        total += weight
    average /= total[:, None]
    if parameters.temperature != 1.0 or parameters.tilt.any() or parameters.correction.any():
        average = parameters.temperature * np.log(average) + parameters.tilt
        if parameters.correction.any():
            average += backend.scores(parameters.correction, np.zeros(layout.n_classes))
        average = softmax(average)
    if parameters.isotonic is not None:
        average = parameters.isotonic(average)
    empty = np.diff(rows.indptr) == 0
    for member in (vote_share, class_share, evidence):
        member[empty] = parameters.class_balance
    average[empty] = parameters.empty
    return Members(vote_share, class_share, evidence, confusion, average)
