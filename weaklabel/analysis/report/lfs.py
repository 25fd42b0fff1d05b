"""One line per labeling function: what it does, what the model makes of it, what gold says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.summary import LFSummary
from weaklabel.models.report import ModelReport
from weaklabel.votes import VoteMatrix


def lf_lines(
    votes: VoteMatrix, summary: LFSummary, report: ModelReport | None
) -> list[dict[str, Any]]:
    """The labeling functions as plain data, in the order of the votes.

    Parameters
    ----------
    votes : VoteMatrix
    summary : LFSummary
        Of these votes.
    report : ModelReport, optional
        What the model found, where it says.

    Returns
    -------
    list of dict
        A number that is not known is None, or left out where it is known of none.
    """
    by_symbol = _votes_by_symbol(votes)
    lines: list[dict[str, Any]] = [
        {
            "name": name,
            "polarity": list(summary.polarity[j]),
            "by_symbol": by_symbol[j],
            "fault": summary.first_faults.get(name),
        }
        for j, name in enumerate(summary.lf_names)
    ]
    for key, values in _numbers(summary, report).items():
        for line, value in zip(lines, values.tolist(), strict=True):
            line[key] = _plain(value)
    return lines


def _numbers(summary: LFSummary, report: ModelReport | None) -> dict[str, npt.NDArray[Any]]:
    """The columns of numbers there are, each of shape (n_lfs,)."""
    columns: dict[str, npt.NDArray[Any] | None] = {
        "votes": summary.n_votes,
        "coverage": summary.coverage,
        "overlap": summary.overlap,
        "conflict": summary.conflict,
        "faults": summary.n_faults,
        "ms": summary.ms_per_1000,
        "gold": summary.accuracy,
        "n_gold": summary.n_gold,
    }
    if summary.interval is not None:
        columns["gold_low"], columns["gold_high"] = summary.interval
    learned = summary.learned
    if learned is not None:
        columns |= {
            "learned": learned.accuracy,
            "learned_low": learned.low,
            "learned_high": learned.high,
            "weight": learned.weight,
            "counts_as": learned.effective_votes,
        }
    if report is not None:
        found = {lf.name: lf for lf in report.lfs}
        for key in ("as_constant", "as_noise"):
            columns[key] = np.array([getattr(found[name], key) for name in summary.lf_names])
    return {key: values for key, values in columns.items() if values is not None}


def _votes_by_symbol(votes: VoteMatrix) -> list[list[list[int]]]:
    """Of each labeling function [symbol, votes], the most frequent first."""
    n_symbols = len(votes.alphabet)
    pair, count = np.unique(
        votes.lf_index.astype(np.int64) * n_symbols + votes.symbol, return_counts=True
    )
    found: list[list[list[int]]] = [[] for _ in votes.lf_names]
    for key, n in zip(pair.tolist(), count.tolist(), strict=True):
        found[key // n_symbols].append([key % n_symbols, n])
    return [sorted(line, key=lambda cell: -cell[1]) for line in found]


def _plain(value: float) -> float | int | None:
    if isinstance(value, int):
        return value
    return None if math.isnan(value) else round(value, 5)
