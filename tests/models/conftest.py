"""Votes whose right answer is obvious, and every model."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.models import (
    ClassConditionalAccuracy,
    DawidSkene,
    LabelModel,
    MajorityVote,
    MatrixCompletion,
    OneCoin,
    Triplets,
)
from weaklabel.votes import VoteMatrix

MODELS = {
    "MajorityVote": MajorityVote,
    "DawidSkene": DawidSkene,
    "DawidSkene(vb)": lambda: DawidSkene(inference="vb"),
    "DawidSkene(informative)": lambda: DawidSkene(abstain="informative"),
    "OneCoin": OneCoin,
    "OneCoin(vb)": lambda: OneCoin(inference="vb"),
    "ClassConditionalAccuracy": ClassConditionalAccuracy,
    "LabelModel": LabelModel,
    "MatrixCompletion": MatrixCompletion,
    "Triplets": Triplets,
}


@pytest.fixture(params=list(MODELS))
def make_model(request):
    return MODELS[request.param]


@pytest.fixture
def votes():
    return good_votes()


def good_votes(n_items=400, n_classes=3, n_lfs=7, accuracy=0.8, coverage=0.7, seed=0, truth=False):
    """Independent LFs of one accuracy; a few rows without votes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n_items)
    wrong = (y[:, None] + rng.integers(1, n_classes, (n_items, n_lfs))) % n_classes
    dense = np.where(rng.random((n_items, n_lfs)) < accuracy, y[:, None], wrong)
    dense[rng.random((n_items, n_lfs)) > coverage] = -1
    dense[:3] = -1
    matrix = VoteMatrix.from_dense(
        dense,
        labels=["red", "green", "blue"][:n_classes] if n_classes <= 3 else range(n_classes),
        row_ids=[f"row-{i}" for i in range(n_items)],
    )
    return (matrix, y) if truth else matrix
