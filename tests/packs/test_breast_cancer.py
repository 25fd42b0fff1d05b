"""The threshold pack: every rule on both sides of its gap, missing values, sanity on real rows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from weaklabel import apply, label_quality, lf_summary, load_pack

MODULE = "labeling_functions.breast_cancer"
PACK = load_pack(MODULE)

# rule: column, a benign value, a value in the gap, a malignant value; None where it never votes so
SIDES = {
    "nucleus_size": ("mean radius", 9.5, 14.0, 21.0),
    "largest_nuclei": ("worst area", 400.0, 800.0, 2000.0),
    "size_varies": ("area error", 12.0, 30.0, 120.0),
    "dented_outline": ("worst concave points", 0.03, 0.12, 0.25),
    "deep_dents": ("mean concavity", 0.01, 0.08, 0.3),
    "round_or_stretched": ("worst compactness", 0.08, 0.25, 0.6),
    "uneven_chromatin": ("worst texture", 16.0, 25.0, 35.0),
    "ragged_outline": ("worst smoothness", None, 0.12, 0.18),
    "lopsided": ("worst symmetry", None, 0.28, 0.45),
}


def test_both_ways_of_loading_agree():
    import labeling_functions.breast_cancer as module

    assert module.__file__ is not None
    by_path = load_pack(Path(module.__file__))
    assert [lf.name for lf in by_path] == [lf.name for lf in PACK]
    assert by_path.labels == PACK.labels


def test_pack_is_well_formed():
    names = [lf.name for lf in PACK]
    assert len(set(names)) == len(names) == 10
    assert set(names) == {*SIDES, "small_and_smooth"}
    assert PACK.labels is not None
    assert PACK.labels.names == tuple(load_breast_cancer().target_names)
    assert all(lf.function.__doc__ for lf in PACK)


@pytest.mark.parametrize("name", SIDES)
def test_rule_votes_outside_its_gap_only(name):
    column, benign, between, malignant = SIDES[name]
    rule = PACK[name]
    if benign is not None:
        assert rule({column: benign}) == "benign"
    assert rule({column: between}) is None
    assert rule({column: malignant}) == "malignant"


@pytest.mark.parametrize("name", SIDES)
@pytest.mark.parametrize("missing", [None, math.nan, pd.NA], ids=repr)
def test_missing_value_gets_no_vote(name, missing):
    assert PACK[name]({SIDES[name][0]: missing}) is None


@pytest.mark.parametrize(
    ("radius", "concavity", "expected"),
    [
        (12.0, 0.1, "benign"),
        (20.0, 0.1, None),
        (12.0, 0.5, None),
        (None, 0.1, None),
        (12.0, None, None),
    ],
)
def test_small_and_smooth_needs_both(radius, concavity, expected):
    row = {"worst radius": radius, "worst concavity": concavity}
    assert PACK["small_and_smooth"](row) == expected


def test_numpy_and_integer_values_are_read():
    for value in (9, np.int64(9), np.float32(9.0), np.float64(9.0)):
        assert PACK["nucleus_size"]({"mean radius": value}) == "benign"


def test_votes_on_the_real_table_are_many_and_mostly_right():
    table = load_breast_cancer(as_frame=True)
    votes = apply(PACK, table.data)
    assert (votes.n_votes_per_item > 0).mean() > 0.95
    dense = votes.to_dense()
    gold = table.target.to_numpy()
    for code in (0, 1):  # each class gets its votes, and nearly all of them from its own rows
        voted = dense == code
        assert voted.sum() > 500
        assert (gold[:, None] == code)[np.nonzero(voted)[0]].mean() > 0.85
    # the conflict is real: the pack is a demonstration of aggregation, not of a perfect rule
    assert lf_summary(votes).frame["conflict"].max() > 0.05


def test_a_row_of_nulls_is_uncovered():
    table = load_breast_cancer(as_frame=True).data.head(3).copy()
    table.loc[1] = np.nan
    votes = apply(PACK, table)
    assert votes.n_votes_per_item[1] == 0
    assert (votes.n_votes_per_item[[0, 2]] > 0).all()


def test_majority_vote_of_the_pack():
    from weaklabel import MajorityVote

    table = load_breast_cancer(as_frame=True)
    votes = apply(PACK, table.data)
    labels = MajorityVote().fit(votes).label(votes)
    assert label_quality(labels, table.target).accuracy_covered > 0.92
