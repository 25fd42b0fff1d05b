"""Free tables of cliques beside the tables of single labeling functions.

A parametrisation with one accuracy per LF says nothing about a clique, whose symbols are joint
outcomes. Cliques therefore have free tables whatever the others have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import FloatArray, IntArray
from weaklabel.inference.tables import Confusion, Inference, Parametrisation, Tables


@dataclass(frozen=True, eq=False)
class CliqueTables:
    """Free tables for some LFs, another parametrisation for the rest.

    Attributes
    ----------
    rest : Parametrisation
    free : Confusion
        Over the same layout.
    is_free : array of bool, shape (n_rows,)
        Rows of LFs that have a free table; all rows of an LF or none.
    """

    rest: Parametrisation
    free: Confusion
    is_free: IntArray

    @staticmethod
    def over(
        rest: Parametrisation,
        layout: TableLayout,
        is_free: IntArray,
        accuracy: FloatArray,
        strength: FloatArray,
        inference: Inference,
    ) -> Parametrisation:
        """``rest`` with free tables on some rows; itself where all are free already."""
        if isinstance(rest, Confusion) or not is_free.any():
            return rest
        return CliqueTables(rest, Confusion(layout, accuracy, strength, inference), is_free)

    def tables(self, counts: FloatArray) -> Tables:
        """Each row from its own parametrisation; counts of the other kind are not seen there."""
        mine = self.is_free[:, None]
        free = self.free.tables(np.where(mine, counts, 0.0))
        rest = self.rest.tables(np.where(mine, 0.0, counts))
        log_table = np.where(mine, free.log_table, rest.log_table)
        # Each adds the penalty of its tables at the prior for the rows it does not own: a constant.
        return Tables(log_table, free.penalty + rest.penalty)
