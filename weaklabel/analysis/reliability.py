"""Whether the probabilities of soft labels mean what they say.

Of the rows labelled with a confidence near 0.8, eight in ten should be right. The *reliability
bins* show it bin by bin, with Wilson's interval for the small ones; the *expected calibration
error* is the mean gap between confidence and accuracy, weighted by rows. Log loss and Brier score
ask for both calibration and sharpness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.gold import gold_codes
from weaklabel.analysis.numbers import decisions, plain, ratio
from weaklabel.analysis.quality import SMALLEST
from weaklabel.analysis.text import Cells, number, percent
from weaklabel.analysis.wilson import in_words, wilson_interval
from weaklabel.errors import ConfigError, DataError
from weaklabel.soft_labels import SoftLabels

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Binning = Literal["uniform", "quantile"]

N_BINS = 10


@dataclass(frozen=True, eq=False)
class ReliabilityBins:
    """Rows by what was claimed of them, and how often it was so.

    Attributes
    ----------
    edges : array, shape (n_bins + 1,)
        A bin is ``[edges[b], edges[b + 1])``, the last one closed.
    count : array of int, shape (n_bins,)
    confidence : array, shape (n_bins,)
        Mean of what was claimed; NaN in an empty bin.
    accuracy, low, high : array, shape (n_bins,)
        Share on which it was so, with Wilson's 95 % interval; NaN in an empty bin.
    """

    edges: FloatArray
    count: IntArray
    confidence: FloatArray
    accuracy: FloatArray
    low: FloatArray
    high: FloatArray

    @property
    def ece(self) -> float:
        """Mean gap between confidence and accuracy, weighted by rows, in [0, 1]."""
        full = self.count > 0
        gap = np.abs(self.confidence[full] - self.accuracy[full])
        return float(self.count[full] @ gap / max(int(self.count.sum()), 1))

    @property
    def largest_gap(self) -> float:
        """The largest gap of a bin that its interval does not explain; 0 if there is none."""
        full = self.count > 0
        outside = (self.confidence < self.low) | (self.confidence > self.high)
        gap = np.abs(self.confidence - self.accuracy)
        return float(np.max(gap, where=full & outside, initial=0.0))

    def to_dict(self) -> list[dict[str, Any]]:
        """One dict per bin; what is not known is None."""
        columns = {
            "low_edge": self.edges[:-1],
            "high_edge": self.edges[1:],
            "count": self.count,
            "confidence": self.confidence,
            "accuracy": self.accuracy,
            "low": self.low,
            "high": self.high,
        }
        rows = zip(*[values.tolist() for values in columns.values()], strict=True)
        return [{k: plain(v) for k, v in zip(columns, row, strict=True)} for row in rows]

    def cells(self) -> Cells:
        """The bins that have rows, as text cells."""
        digits = 2 if np.allclose(self.edges, self.edges.round(2)) else 3
        rows = [
            (
                f"{self.edges[b]:.{digits}f}-{self.edges[b + 1]:.{digits}f}",
                str(self.count[b]),
                percent(self.confidence[b]),
                percent(self.accuracy[b]),
                in_words(self.low[b], self.high[b]),
                _verdict(self.confidence[b], self.low[b], self.high[b]),
            )
            for b in np.flatnonzero(self.count).tolist()
        ]
        header = ("claimed", "rows", "mean claim", "true", "95% interval", "")
        numeric = (False, True, True, True, True, False)
        n = 6 if any(row[-1] for row in rows) else 5
        return Cells(header[:n], tuple(row[:n] for row in rows), numeric[:n])


@dataclass(frozen=True, eq=False)
class Reliability:
    """How far probabilities can be believed, measured on rows with gold.

    Attributes
    ----------
    n_gold : int
        Rows measured.
    log_loss : float
        Mean ``-log p[gold]`` in nats.
    brier : float
        Mean squared distance ``sum_k (p_k - [k = gold])^2``, in [0, 2].
    ece : float
        Of the most probable class.
    bins : ReliabilityBins
        Of the most probable class: its probability, and how often it is right.
    classes : mapping of class name to ReliabilityBins
        Of each class: its probability, and how often it is the gold class. Empty unless asked for.
    covered_only : bool
    """

    n_gold: int
    log_loss: float
    brier: float
    bins: ReliabilityBins
    classes: Mapping[str, ReliabilityBins]
    covered_only: bool

    @property
    def ece(self) -> float:
        """Expected calibration error of the most probable class, in [0, 1]."""
        return self.bins.ece

    def to_pandas(self) -> pd.DataFrame:
        """One line per bin; ``class`` is None for the bins of the most probable class."""
        import pandas as pd

        tables = [(None, self.bins), *self.classes.items()]
        return pd.DataFrame(
            [{"class": name, **row} for name, bins in tables for row in bins.to_dict()]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "n_gold": self.n_gold,
            "covered_only": self.covered_only,
            "log_loss": self.log_loss,
            "brier": self.brier,
            "ece": self.ece,
            "bins": self.bins.to_dict(),
            "classes": {
                name: {"ece": bins.ece, "bins": bins.to_dict()}
                for name, bins in self.classes.items()
            },
        }

    def to_text(self, width: int = 80) -> str:
        """The scores and the bins as text."""
        rows = "rows with gold and a vote" if self.covered_only else "rows with gold"
        lines = [
            f"{rows:27}  {self.n_gold}",
            f"{'log loss (nats)':27}  {number(self.log_loss)}",
            f"{'Brier score':27}  {number(self.brier)}",
            f"{'expected calibration error':27}  {percent(self.ece)}",
            "",
            self.bins.cells().to_text(width),
        ]
        for name, bins in self.classes.items():
            lines += ["", f"{name}: calibration error {percent(bins.ece)}", ""]
            lines.append(bins.cells().to_text(width))
        return "\n".join(lines)


def reliability(
    soft_labels: SoftLabels,
    gold: Any,
    *,
    n_bins: int = N_BINS,
    binning: Binning = "uniform",
    per_class: bool = False,
    covered_only: bool = False,
) -> Reliability:
    """Measure the calibration of soft labels against gold they were not made from.

    Parameters
    ----------
    soft_labels : SoftLabels
    gold : sequence, shape (n_items,)
        Class names or codes; None, NaN or -1 where unknown. Rows are matched by position.
    n_bins : int, default 10
    binning : {"uniform", "quantile"}, default "uniform"
        Bins of equal width, or of about equally many rows.
    per_class : bool, default False
        Also of each class: is it the gold class as often as its probability says?
    covered_only : bool, default False
        Leave out rows without votes, whose probability is the class balance.

    Returns
    -------
    Reliability

    Raises
    ------
    ConfigError
        If a setting is out of range.
    DataError
        If gold has another length than the labels have rows, or no row that counts has gold.
    LabelError
        If a gold value is not a label.

    Notes
    -----
    O(n_gold * n_classes). Where classes tie for the most probable, each counts as decided in part,
    as in :func:`label_quality`.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017, equation 3.

    Examples
    --------
    >>> from weaklabel.labels import LabelSpace
    >>> labels = SoftLabels([[0.8, 0.2]] * 5, LabelSpace(["a", "b"]))
    >>> round(reliability(labels, ["a", "a", "a", "a", "b"]).ece, 3)
    0.0
    """
    if isinstance(n_bins, bool) or not isinstance(n_bins, int) or n_bins < 1:
        raise ConfigError(f"n_bins must be at least 1, found {n_bins!r}")
    if binning not in get_args(Binning):
        raise ConfigError(f"binning must be 'uniform' or 'quantile', found {binning!r}")
    codes = gold_codes(soft_labels.labels, gold, soft_labels.n_items)
    known = codes >= 0
    if covered_only:
        known &= soft_labels.covered
    if not known.any():
        what = "row with a vote" if covered_only else "row"
        raise DataError(f"no {what} has a gold label; at least one is needed to measure")
    p, codes = soft_labels.probabilities[known], codes[known]
    at = np.arange(len(p))
    right = decisions(p)[at, codes]
    classes = {
        name: _bins(p[:, k], (codes == k).astype(np.float64), n_bins, binning)
        for k, name in enumerate(soft_labels.labels.names if per_class else ())
    }
    return Reliability(
        n_gold=len(p),
        log_loss=float(-np.log(np.maximum(p[at, codes], SMALLEST)).mean()),
        brier=float(((p**2).sum(axis=1) - 2.0 * p[at, codes] + 1.0).mean()),
        bins=_bins(p.max(axis=1), right, n_bins, binning),
        classes=classes,
        covered_only=covered_only,
    )


def _bins(claim: FloatArray, true: FloatArray, n_bins: int, binning: Binning) -> ReliabilityBins:
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    if binning == "quantile":
        edges = np.unique(np.quantile(claim, edges))
        edges = edges if len(edges) > 1 else np.array([edges[0], edges[0]])
    n_bins = len(edges) - 1
    # rounded, so that 0.3 as a sum of tenths falls where 0.3 falls
    of_row = np.searchsorted(edges.round(12), claim.round(12), side="right") - 1
    of_row = np.clip(of_row, 0, n_bins - 1)
    count = np.bincount(of_row, minlength=n_bins)
    n_true = np.bincount(of_row, true, n_bins)
    low, high = wilson_interval(n_true, count)
    return ReliabilityBins(
        edges, count, ratio(np.bincount(of_row, claim, n_bins), count), ratio(n_true, count), low,
        high,
    )  # fmt: skip


def _verdict(claim: float, low: float, high: float) -> str:
    return "claims too much" if claim > high else "claims too little" if claim < low else ""
