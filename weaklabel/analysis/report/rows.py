"""The rows of a report: their data, votes, labels, and what each vote did to the label."""

from __future__ import annotations

import json
import math
import numbers
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.report.inputs import Inputs
from weaklabel.analysis.report.sample import Sample
from weaklabel.models.explain import ExplanationTable
from weaklabel.votes import VoteMatrix

MAX_CELL: Final = 4000  # characters of a cell, where the room allows
MIN_CELL: Final = 120
MAX_COLUMNS: Final = 40
MAX_PROBABILITIES: Final = 6
PREVIEW_SHARE: Final = 0.5
_MISSING: Final = ("NaTType", "NAType")  # of pandas, which need not be loaded


def rows_section(inputs: Inputs, sample: Sample, room: int) -> dict[str, Any]:
    """The rows as plain data, in at most ``room`` bytes of JSON.

    Parameters
    ----------
    inputs : Inputs
    sample : Sample
    room : int
        Where it does not do, cells are cut shorter, then rows are left out from the end.

    Returns
    -------
    dict
        ``columns``, ``preview`` (position of the column that best tells a row), ``cell_limit``,
        ``scale`` of the explanations, and ``rows``.
    """
    facts = _facts(inputs, sample)
    records = [{} for _ in facts] if inputs.rows is None else inputs.rows.take(sample.positions)
    columns = list(dict.fromkeys(key for record in records for key in record))[:MAX_COLUMNS]
    limit = MAX_CELL
    while True:
        cells = [[_cell(record.get(name), limit) for name in columns] for record in records]
        rows = [{**fact, "cells": texts} for fact, texts in zip(facts, cells, strict=True)]
        sizes = np.array([json_size(row) for row in rows])
        if sizes.sum() <= room or limit <= MIN_CELL:
            break
        limit = max(limit // 2, MIN_CELL)
    kept = int(np.searchsorted(sizes.cumsum(), room, side="right"))
    return {
        "columns": columns,
        "preview": _preview(cells),
        "cell_limit": limit,
        "scale": _scale(inputs),
        "rows": rows[:kept],
    }


def json_size(value: Any) -> int:
    """Bytes that a value takes in the page."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Each of these takes six bytes in the page, where they are escaped.
    return len(text.encode("utf-8", "backslashreplace")) + 5 * sum(map(text.count, "<>&")) + 1


def _cell(value: Any, limit: int) -> str | None:
    """A value as text; a long text is cut and says how much is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if type(value).__name__ in _MISSING:
        return None
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral | bool):
        return f"{float(value):.6g}"
    if isinstance(value, bytes):
        return f"({len(value):,} bytes)"
    text = value if isinstance(value, str) else str(value)
    if len(text) <= limit:
        return text
    return f"{text[:limit]} … ({len(text) - limit:,} more characters)"


def _preview(cells: list[list[str | None]]) -> int | None:
    """The column that tells most of a row: the one with the longest texts."""
    if not cells or not cells[0]:
        return None
    lengths = np.array([[len(cell or "") for cell in row] for row in cells]).mean(axis=0)
    return int(lengths.argmax()) if lengths.max() > PREVIEW_SHARE * lengths.sum() else None


def _scale(inputs: Inputs) -> str | None:
    return None if inputs.model is None else inputs.model.explain(inputs.votes[:1], 0).scale


def _facts(inputs: Inputs, sample: Sample) -> list[dict[str, Any]]:
    """All but the data of each row."""
    positions = sample.positions
    part = inputs.votes[positions]
    explained = None if inputs.model is None else inputs.model.explain_all(part)
    votes = _votes(part, explained)
    ids = part.row_ids.tolist() if part.row_ids is not None else positions.tolist()
    facts: list[dict[str, Any]] = []
    for at, position in enumerate(positions.tolist()):
        fact: dict[str, Any] = {
            "id": str(ids[at]),
            "why": list(sample.reasons[at]),
            "against": round(float(sample.against[position]), 4),
            "votes": votes[at],
        }
        if inputs.labels is not None:
            fact["label"] = int(sample.decided[position])
            fact["p"] = _probabilities(inputs.labels.probabilities[position])
        if inputs.gold is not None:
            fact["gold"] = int(inputs.gold[position])
        if explained is not None:
            fact["top"], fact["next"] = int(explained.label[at]), int(explained.runner_up[at])
            fact["prior"] = round(float(explained.prior[at]), 3)
        facts.append(fact)
    return facts


def _probabilities(row: npt.NDArray[np.float64]) -> list[list[float]]:
    """The most probable classes as [code, probability]."""
    order = np.argsort(-row, kind="stable")[:MAX_PROBABILITIES]
    return [[int(k), round(float(row[k]), 4)] for k in order]


def _votes(part: VoteMatrix, explained: ExplanationTable | None) -> list[list[list[Any]]]:
    """Of each row [LF, symbol] per vote, with a model [LF, symbol, contribution, decisive].

    The votes that moved the label most come first; the contribution is None for a vote that the
    model does not use.
    """
    bounds = part.indptr.tolist()
    pairs = [[int(j), int(s)] for j, s in zip(part.lf_index, part.symbol, strict=True)]
    rows = [pairs[a:b] for a, b in pairwise(bounds)]
    if explained is None:
        return rows
    # A model has its own order of the labeling functions.
    column = part.lf_positions(explained.matrix.lf_names)
    found = {
        (int(i), column[j]): (round(float(c), 3), int(d))
        for i, j, c, d in zip(
            explained.item,
            explained.lf,
            explained.contribution,
            explained.decisive,
            strict=True,
        )
    }
    detailed = [
        [[j, s, *found.get((at, j), (None, 0))] for j, s in row] for at, row in enumerate(rows)
    ]
    return [sorted(row, key=lambda vote: -abs(vote[2] or 0.0)) for row in detailed]
