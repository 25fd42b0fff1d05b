"""Tables that would not fit are refused before they are allocated, with advice that works."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.errors import FitError
from weaklabel.models import DawidSkene, MajorityVote
from weaklabel.models.table_model import WORKING_COPIES
from weaklabel.votes import VoteMatrix


def test_tables_larger_than_memory(monkeypatch):
    rng = np.random.default_rng(0)
    n_classes, n_lfs = 400, 50
    dense = np.where(rng.random((300, n_lfs)) < 0.2, rng.integers(0, n_classes, (300, n_lfs)), -1)
    votes = VoteMatrix.from_dense(dense, labels=range(n_classes))
    n_rows = len(np.unique(votes.lf_index.astype(int) * n_classes + votes.symbol))
    needed = 8.0 * WORKING_COPIES * n_rows * n_classes
    monkeypatch.setattr("weaklabel.models.checks.available_memory", lambda: 0.9 * needed)
    message = rf"{n_rows:,} table rows \(pairs of LF and symbol\) x 400 classes needs about"
    with pytest.warns(UserWarning, match="fewer rows"), pytest.raises(FitError, match=message):
        DawidSkene().fit(votes)
    with pytest.warns(UserWarning, match="fewer rows"):  # the remedies
        DawidSkene().fit(votes.select_lfs(range(40)))
    with pytest.warns(UserWarning, match="fewer rows"):
        MajorityVote().fit(votes)
