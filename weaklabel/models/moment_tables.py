"""Tables around an estimator from moments: what it starts from, and what is made of its answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weaklabel.inference.layout import CLASS, TableLayout
from weaklabel.inference.moments import Moments
from weaklabel.inference.rows import Expected, FloatArray, IntArray
from weaklabel.inference.tables import fixed_log_table

PROBABILITY_FLOOR = 1e-9
GOLD_BALANCE_STRENGTH = 10.0
"""Gold rows that the class balance found without gold is worth."""
MOMENT_STRENGTH = 100.0
MOMENT_SHARE = 0.1
"""Gold rows of a class that the tables found from moments are worth: a tenth of the rows of the
class, at most a hundred."""


@dataclass(frozen=True, eq=False)
class MomentProblem:
    """What an estimator of tables gets.

    Attributes
    ----------
    moments : Moments
    layout : TableLayout
    information : array, shape (n_rows, n_rows)
        What a pair of votes counts; 0 unless their LFs are independent given the class.
    balance : array, shape (n_classes,)
    prior : array, shape (n_rows, n_classes)
        P(vote | class) believed beforehand; consistent with the share of each vote.
    strength : float
        Items that belief is worth.
    """

    moments: Moments
    layout: TableLayout
    information: FloatArray
    balance: FloatArray
    prior: FloatArray
    strength: float

    @property
    def independent(self) -> IntArray:
        """Whether two votes are of independent LFs, bool of shape (n_rows, n_rows)."""
        return np.asarray(self.information > 0)


@dataclass(frozen=True, eq=False)
class Estimated:
    """What an estimator gives back; see the attributes of a fitted model."""

    tables: FloatArray
    trace: FloatArray
    n_iter: int
    status: str


def prior_tables(
    layout: TableLayout, mean: FloatArray, balance: FloatArray, accuracy: float
) -> FloatArray:
    """P(vote | class) if every LF were right with one probability; sum_y pi[y] of it is the mean.

    Entries above 1, which a frequent vote for a rare class would need, stay as they are here.
    """
    every = np.arange(layout.n_rows)
    reading = np.exp(fixed_log_table(layout, every, np.full(layout.n_rows, accuracy)))
    return np.asarray(reading * (mean / np.maximum(reading @ balance, 1e-300))[:, None])


def balance_with_gold(balance: FloatArray, gold: Expected) -> FloatArray:
    """The classes of gold rows, with a balance found without them as pseudo-rows."""
    total = gold.class_counts + GOLD_BALANCE_STRENGTH * balance
    return np.asarray(total / total.sum())


def tables_with_gold(
    tables: FloatArray, gold: Expected | None, problem: MomentProblem
) -> FloatArray:
    """Votes on gold rows counted, with the tables found from moments as pseudo-rows."""
    if gold is None:
        return tables
    items = problem.moments.weight * problem.balance
    strength = np.minimum(MOMENT_STRENGTH, MOMENT_SHARE * items)
    return np.asarray((strength * tables + gold.counts) / (strength + gold.class_counts))


def even_propensity(
    layout: TableLayout, tables: FloatArray, mean: FloatArray, several: IntArray
) -> FloatArray:
    """Tables by which LFs that cast several votes vote equally often on every class."""
    tables = np.maximum(tables, PROBABILITY_FLOOR)
    even = tables / layout.per_lf(tables)[layout.segment]
    even *= layout.per_lf(mean)[layout.segment, None]
    return np.where(several[layout.segment, None], even, tables)


def proper(layout: TableLayout, tables: FloatArray) -> FloatArray:
    """Tables above 0 whose rows of one LF add up to at most 1."""
    tables = np.maximum(tables, PROBABILITY_FLOOR)
    total = layout.per_lf(tables)[layout.segment]
    return np.asarray(tables / np.maximum(total, 1.0))


def names_one_class(layout: TableLayout) -> IntArray:
    """Whether a table row is a vote for the class, bool of shape (n_rows, n_classes)."""
    is_class = layout.symbols.kind[layout.row_symbol] == CLASS
    member = layout.symbols.membership[layout.row_symbol] >= 1.0
    return np.asarray(member & is_class[:, None])
