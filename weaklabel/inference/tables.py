"""Tables of P(symbol | class) from expected counts: the M-steps.

A parametrisation says what the table of an LF may look like and what is believed of it beforehand.
It is a pure function of expected counts,

    counts[r, y] = expected number of items of class y on which table row r was voted
    tables(counts) -> log_table[r, y], penalty

where ``penalty`` is the log prior density of the tables (inference ``"map"``) or minus the
divergence of their posterior from their prior (``"vb"``). Log-likelihood plus penalties is then
what EM raises: the log posterior density, or the evidence lower bound.

==================  =================================================  ===========================
parametrisation     P(v | y) of labeling function j                    prior
==================  =================================================  ===========================
:class:`Confusion`  theta[v, y], free columns                          Dirichlet(a * base[:, y])
:class:`Accuracy`   p right[v, y] + (1 - p) wrong[v, y],               Beta(a acc, a (1 - acc))
                    p = p_j or p_jy
==================  =================================================  ===========================

with ``right`` and ``wrong`` from :func:`~weaklabel.inference.layout.readings`, and
``base = acc * right + (1 - acc) * wrong``: before any vote is seen an LF is right with probability
``acc``, and that belief weighs as much as ``a`` votes per class. The priors are the densities with
mode at the stated means, so that the MAP estimate is (count + a * mean) / (total + a).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from weaklabel.inference.layout import REASON, TableLayout, readings
from weaklabel.inference.rows import FloatArray, IntArray

Inference = Literal["map", "vb"]

COUNT_FLOOR = 1e-10
"""Least expected count where no prior keeps it positive (maximum likelihood)."""

SURE = 1e5
"""Log-odds of a strong rule: more than all other votes on a row can add up to."""


@dataclass(frozen=True, eq=False)
class Tables:
    """What a parametrisation makes of expected counts.

    Attributes
    ----------
    log_table : array, shape (n_rows, n_classes)
        log P(symbol | class); under ``"vb"`` its expectation under the posterior of the tables.
    penalty : float
        Log prior density, or minus the divergence of posterior from prior.
    """

    log_table: FloatArray
    penalty: float


class Parametrisation(Protocol):
    """Tables as a function of expected counts."""

    def tables(self, counts: FloatArray) -> Tables:
        """The M-step; ``counts`` has shape (n_rows, n_classes)."""
        ...


@dataclass(frozen=True, eq=False)
class Confusion:
    """A free table for each LF under a Dirichlet prior (Dawid-Skene, IBCC).

    Attributes
    ----------
    layout : TableLayout
    accuracy, strength : array, shape (n_lfs,)
        Prior accuracy in (0, 1) and pseudo-votes per class, at least 0, of each LF.
    inference : {"map", "vb"}

    Notes
    -----
    Symbols an LF never used have no row; their probability strength * base / (total + strength) is
    accounted for in the denominators and in the penalty, so the tables are those of the whole
    alphabet.
    """

    layout: TableLayout
    accuracy: FloatArray
    strength: FloatArray
    inference: Inference = "map"

    @cached_property
    def pseudo_counts(self) -> FloatArray:
        """strength * base, shape (n_rows, n_classes)."""
        right, wrong = readings(self.layout)
        accuracy = self.accuracy[self.layout.row_lf, None]
        base = accuracy * right + (1.0 - accuracy) * wrong
        base *= self.strength[self.layout.row_lf, None]
        return base

    @cached_property
    def _unseen(self) -> FloatArray:
        """Pseudo-counts of symbols without a row, shape (n_active, n_classes)."""
        rest = self.strength[self.layout.lfs, None] - self.layout.per_lf(self.pseudo_counts)
        return np.maximum(rest, 0.0)

    def tables(self, counts: FloatArray) -> Tables:
        """MAP: log((C + a base) / (N + a)); VB: the expectations with digamma for log."""
        smoothed = counts + self.pseudo_counts
        if self.inference == "vb":
            return self._variational(smoothed, counts)
        np.maximum(smoothed, COUNT_FLOOR, out=smoothed)
        log_total = np.log(self.layout.per_lf(smoothed) + self._unseen)  # (n_active, n_classes)
        log_table = np.log(smoothed, out=smoothed)
        log_table -= log_total[self.layout.segment]
        penalty = np.vdot(self.pseudo_counts, log_table) - np.vdot(self._unseen, log_total)
        return Tables(log_table, float(penalty))

    def _variational(self, alpha: FloatArray, counts: FloatArray) -> Tables:
        from scipy.special import digamma, gammaln

        layout, before = self.layout, self.pseudo_counts
        total = layout.per_lf(alpha) + self._unseen
        prior_total = np.broadcast_to(self.strength[layout.lfs, None], total.shape)
        log_table = digamma(alpha) - digamma(total)[layout.segment]
        divergence = (
            (gammaln(total) - gammaln(prior_total)).sum()
            - (gammaln(alpha) - gammaln(before)).sum()
            + np.vdot(counts, log_table)
        )
        return Tables(log_table, -float(divergence))


@dataclass(frozen=True, eq=False)
class Accuracy:
    """One accuracy per LF (one-coin), or per LF and class; errors fall evenly.

    Attributes
    ----------
    layout : TableLayout
    accuracy, strength : array, shape (n_lfs,)
        Prior accuracy in (0, 1) and pseudo-votes, at least 0, of each LF.
    per_class : bool
        Whether each class has its own accuracy.
    inference : {"map", "vb"}

    Notes
    -----
    Where a symbol can be both a right and a wrong answer (confidence bins), the M-step has no
    closed form; whether each such vote was right is then one more latent variable, iterated to its
    fixed point. Reasons to abstain say nothing about accuracy and get a constant row.
    """

    layout: TableLayout
    accuracy: FloatArray
    strength: FloatArray
    per_class: bool = False
    inference: Inference = "map"

    @cached_property
    def _readings(self) -> tuple[FloatArray, FloatArray]:
        return readings(self.layout)

    @cached_property
    def _is_vote(self) -> FloatArray:
        """1 for rows that say something about the class, 0 for reasons; shape (n_rows, 1)."""
        kind = self.layout.symbols.kind[self.layout.row_symbol]
        return np.asarray((kind != REASON).astype(np.float64)[:, None])

    @cached_property
    def _needs_split(self) -> bool:
        right, wrong = self._readings
        return bool(np.any((right > 0) & (wrong > 0) & (self._is_vote > 0)))

    def tables(self, counts: FloatArray) -> Tables:
        """Accuracies from the right share of the counts, then the tables they imply."""
        log_right, log_wrong, penalty = self._log_accuracies(counts)
        right, wrong = self._readings
        segment = self.layout.segment
        table = np.exp(log_right)[segment] * right + np.exp(log_wrong)[segment] * wrong
        log_table = np.log(np.maximum(table, 1e-300))
        log_table = np.where(self._is_vote > 0, log_table, np.log(np.maximum(right, 1e-300)))
        return Tables(log_table, penalty)

    def accuracies(self, counts: FloatArray) -> FloatArray:
        """The accuracy of each LF that has rows, shape (n_active, 1) or (n_active, n_classes)."""
        right, wrong = self._right_and_wrong_counts(counts)
        return np.asarray(right / np.maximum(right + wrong, 1e-300))

    def _prior(self) -> tuple[FloatArray, FloatArray]:
        accuracy = self.accuracy[self.layout.lfs, None]
        strength = self.strength[self.layout.lfs, None]
        return strength * accuracy, strength * (1.0 - accuracy)

    def _right_and_wrong_counts(self, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Prior plus expected counts of right and of wrong votes, shape (n_active, 1 or K)."""
        right, wrong = self._readings
        prior_right, prior_wrong = self._prior()
        votes = counts * self._is_vote
        share = right / np.maximum(right + wrong, 1e-300)  # 1 or 0 unless a symbol can be both
        for _ in range(200 if self._needs_split else 1):
            mine = self._collect(votes * share)
            n_right = mine + prior_right
            n_wrong = self._collect(votes) - mine + prior_wrong
            if not self._needs_split:
                break
            log_p, log_q = self._expected_logs(n_right, n_wrong)
            odds_right = np.exp(log_p)[self.layout.segment] * right
            odds_wrong = np.exp(log_q)[self.layout.segment] * wrong
            updated = odds_right / np.maximum(odds_right + odds_wrong, 1e-300)
            change = float(np.abs(updated - share).max())
            share = updated
            if change < 1e-12:
                break
        return n_right, n_wrong

    def _collect(self, values: FloatArray) -> FloatArray:
        if not self.per_class:
            values = values.sum(axis=1, keepdims=True)
        return self.layout.per_lf(values)

    def _expected_logs(
        self, n_right: FloatArray, n_wrong: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        if self.inference == "vb":
            from scipy.special import digamma

            total = digamma(n_right + n_wrong)
            return digamma(n_right) - total, digamma(n_wrong) - total
        n_right, n_wrong = np.maximum(n_right, COUNT_FLOOR), np.maximum(n_wrong, COUNT_FLOOR)
        total = np.log(n_right + n_wrong)
        return np.log(n_right) - total, np.log(n_wrong) - total

    def _log_accuracies(self, counts: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        n_right, n_wrong = self._right_and_wrong_counts(counts)
        log_p, log_q = self._expected_logs(n_right, n_wrong)
        prior_right, prior_wrong = self._prior()
        if self.inference == "map":
            return log_p, log_q, float((prior_right * log_p + prior_wrong * log_q).sum())
        from scipy.special import betaln

        gain = betaln(n_right, n_wrong) - betaln(prior_right, prior_wrong)
        gain -= (n_right - prior_right) * log_p + (n_wrong - prior_wrong) * log_q
        return log_p, log_q, float(gain.sum())


@dataclass(frozen=True, eq=False)
class Pinned:
    """Another parametrisation in which the tables of some LFs are given and stay as they are.

    Attributes
    ----------
    free : Parametrisation
    rows : array of int, shape (n_pinned,)
        The rows that are given.
    log_table : array, shape (n_pinned, n_classes)
    """

    free: Parametrisation
    rows: IntArray
    log_table: FloatArray

    def tables(self, counts: FloatArray) -> Tables:
        """The tables of the others from their counts; pinned rows as given."""
        counts = counts.copy()
        counts[self.rows] = 0.0  # so that the penalty of the pinned LFs does not vary
        found = self.free.tables(counts)
        found.log_table[self.rows] = self.log_table
        return found


def fixed_log_table(layout: TableLayout, rows: IntArray, accuracy: FloatArray) -> FloatArray:
    """Rows of LFs whose accuracy is known: log(p right + (1 - p) wrong).

    Parameters
    ----------
    layout : TableLayout
    rows : array of int, shape (n_pinned,)
    accuracy : array, shape (n_pinned,)
        In (0, 1).

    Returns
    -------
    array, shape (n_pinned, n_classes)
    """
    right, wrong = readings(layout)
    p = accuracy[:, None]
    return np.asarray(np.log(np.maximum(p * right[rows] + (1.0 - p) * wrong[rows], 1e-300)))


def strong_log_table(layout: TableLayout, rows: IntArray) -> FloatArray:
    """Rows of rules that must win: 0 on the classes a symbol speaks for, -SURE elsewhere.

    Two strong rules that contradict each other cancel, and the other votes decide.
    """
    member = layout.symbols.membership[layout.row_symbol[rows]]
    return np.where(member >= 1.0, 0.0, -SURE)
