"""Votes with their truth, texts and model, to draw reports of."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from weaklabel import LabelModel, VoteMatrix
from weaklabel.analysis.report import report_page
from weaklabel.votes.synthetic import planted_votes

HOSTILE = '</script><img src=x onerror="window.hit=1"><!--<script>window.hit=1</script>\'"&\u2028'


@dataclass(frozen=True)
class Case:
    """The parts of a report."""

    votes: VoteMatrix
    gold: list[str]
    rows: list[dict[str, Any]]
    model: LabelModel

    def page(self, **changes: Any) -> str:
        parts = {"model": self.model, "gold": self.gold, "rows": self.rows, **changes}
        return report_page(self.votes, **parts)


@pytest.fixture(scope="session")
def case() -> Case:
    """300 rows with ids and data, 6 LFs, one a near-copy; every tenth gold is unknown."""
    planted = planted_votes(
        300,
        accuracy=[0.9, 0.8, 0.75, 0.7, 0.6],
        propensity=0.4,
        copies=[(0, 0.98)],
        labels=["ham", "spam"],
        class_balance=[0.7, 0.3],
    )
    drawn = planted.votes
    ids = np.array([f"row-{i:03d}" for i in range(300)], dtype=object)
    names = ["money", "prize", "caps", "short", "hello", "money again"]
    votes = VoteMatrix(
        drawn.indptr, drawn.lf_index, drawn.symbol, drawn.alphabet, names, row_ids=ids
    )
    gold = [None if i % 10 == 0 else ["ham", "spam"][t] for i, t in enumerate(planted.truth)]
    rows = [
        {"text": f"message number {i} about {'money' if i % 3 else 'dinner'}", "length": i / 7}
        for i in range(300)
    ]
    return Case(votes, gold, rows, LabelModel().fit(votes))


def data_of(page: str) -> Any:
    """The JSON that a page carries."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found.group(1))
