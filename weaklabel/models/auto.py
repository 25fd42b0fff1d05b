"""The front door: a label model that is safe to use without settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.inference.anchored import (
    AnchoredParameters,
    Members,
    anchored_contributions,
    anchored_posterior,
    fit_anchored,
)
from weaklabel.inference.backends import make_backend
from weaklabel.inference.em import Progress
from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import Expected, FloatArray, VoteRows
from weaklabel.models.base import LabelModelBase
from weaklabel.models.checks import Votes
from weaklabel.models.statistics import PatternTable, symbols_of
from weaklabel.models.symbols import recoded
from weaklabel.votes import VoteMatrix

GOLD_WEIGHT = 10.0
BLOCK_CELLS = 1 << 23
_ARRAYS = ("vote_weight", "share_weight", "evidence", "silence", "confusion_prior", "many", "tilt")


class LabelModel(LabelModelBase):
    """The recommended label model: careful, deterministic, no settings to choose.

    It never wanders far from the votes: the average of the vote share, a vote share in which
    classes that many LFs vote for count less, one step of evidence from there, and, where LFs vote
    for several classes, a few steps of confusion-matrix EM
    (:mod:`weaklabel.inference.anchored`). A class balance given to ``fit`` tilts the result half
    of the way to it; gold rows count ten times in the evidence. Maximum likelihood, the textbook
    choice, is worse than a majority vote on most real labeling functions.

    Examples
    --------
    >>> from weaklabel import LabelModel
    >>> votes = [[0, 0, 1], [1, 1, -1], [0, -1, 0], [-1, -1, -1]]
    >>> LabelModel().fit(votes).predict(votes).tolist()
    [0, 1, 0, -1]
    """

    layout_: TableLayout
    parameters_: AnchoredParameters

    def __init__(self) -> None:
        pass

    def _fit(
        self, table: PatternTable, balance: FloatArray | None, progress: Progress | None
    ) -> None:
        layout, table_row = table.layout()
        rows = VoteRows(
            table.indptr,
            table_row,
            table.pattern_weight,
            layout.n_rows,
            layout.n_classes,
            layout.row_lf,
        )
        gold = table.gold_counts(layout, table_row)
        if gold is not None:
            gold = Expected(gold.counts * GOLD_WEIGHT, gold.class_counts * GOLD_WEIGHT, np.nan)
        uniform = np.full(table.n_classes, 1.0 / table.n_classes)
        self.layout_ = layout
        self.class_balance_ = uniform if balance is None else balance
        self.parameters_ = fit_anchored(make_backend(rows), layout, balance, gold)
        self.n_iter_ = 1
        self.objective_trace_ = np.zeros(0)
        self.status_ = "one step of evidence from the vote share; nothing is iterated to an optimum"

    def members(self, votes: Votes) -> Members:
        """Posteriors of the members whose average the model is."""
        return self._members(self._votes(votes))

    def _members(self, votes: VoteMatrix) -> Members:
        layout, parameters, table_row = self._rows_of(votes)
        rows = VoteRows(
            votes.indptr,
            table_row.astype(np.min_scalar_type(max(layout.n_rows - 1, 0))),
            None,
            layout.n_rows,
            layout.n_classes,
            layout.row_lf,
        )
        return anchored_posterior(parameters, make_backend(rows), layout)

    def _predict_proba(self, votes: VoteMatrix) -> FloatArray:
        step = max(BLOCK_CELLS // len(self.labels_), 1)  # members are not kept for all rows at once
        if votes.n_items <= step:
            return self._members(votes).average
        out = np.empty((votes.n_items, len(self.labels_)))
        for first in range(0, votes.n_items, step):
            part = slice(first, first + step)
            out[part] = self._members(votes[part]).average
        return out

    def _contributions(self, votes: VoteMatrix) -> tuple[FloatArray, FloatArray]:
        layout, parameters, table_row = self._rows_of(votes)
        return anchored_contributions(parameters, votes.indptr, table_row, layout)

    def _rows_of(
        self, votes: VoteMatrix
    ) -> tuple[TableLayout, AnchoredParameters, npt.NDArray[Any]]:
        """Votes as table rows; a pair (LF, symbol) the fit did not see is read literally."""
        alphabet, code = recoded(self.alphabet_, votes.alphabet)
        symbol = votes.symbol if code is None else code[votes.symbol]
        table_row = self.layout_.find(votes.lf_index, symbol)
        if (table_row >= 0).all():
            return self.layout_, self.parameters_, table_row
        fitted = self.layout_
        layout, both = TableLayout.of_votes(
            np.concatenate([fitted.row_lf, votes.lf_index.astype(np.int64)]),
            np.concatenate([fitted.row_symbol, symbol.astype(np.int64)]),
            fitted.n_lfs,
            symbols_of(alphabet),
        )
        known = both[: fitted.n_rows].astype(np.int64)
        return layout, self.parameters_.extended(layout, known), both[fitted.n_rows :]

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        found = self.parameters_
        arrays = {name: getattr(found, name) for name in _ARRAYS}
        arrays |= {"row_lf": self.layout_.row_lf, "row_symbol": self.layout_.row_symbol}
        return arrays if found.confusion is None else arrays | {"confusion": found.confusion}

    def _header(self) -> dict[str, Any]:
        return {"many_share": self.parameters_.many_share}

    def _restore(self, header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self.layout_ = TableLayout(
            arrays["row_lf"], arrays["row_symbol"], len(self.lf_names_), symbols_of(self.alphabet_)
        )
        self.parameters_ = AnchoredParameters(
            **{name: arrays[name] for name in _ARRAYS},
            confusion=arrays.get("confusion"),
            many_share=header["many_share"],
            class_balance=self.class_balance_,
        )
