"""Calibration of soft labels against loops and scikit-learn's metrics."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from weaklabel.analysis import label_quality, reliability, wilson_interval
from weaklabel.errors import ConfigError, DataError, LabelError
from weaklabel.inference.calibration import expected_calibration_error
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels

SPACE = LabelSpace(["a", "b", "c"])


@pytest.fixture(scope="module")
def soft() -> SoftLabels:
    rng = np.random.default_rng(0)
    return SoftLabels(rng.dirichlet(np.ones(3), 300), SPACE, n_votes=rng.integers(0, 3, 300))


@pytest.fixture(scope="module")
def gold(soft) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.array([rng.choice(3, p=p) for p in soft.probabilities])


def test_scores_agree_with_scikit_learn_and_with_label_quality(soft, gold):
    found, quality = reliability(soft, gold), label_quality(soft, gold)
    assert found.log_loss == pytest.approx(metrics.log_loss(gold, soft.probabilities))
    assert (found.log_loss, found.brier) == (quality.log_loss, quality.brier)
    binary = SoftLabels(np.c_[soft.confidence, 1 - soft.confidence], LabelSpace(["x", "y"]))
    truth = (gold > 0).astype(int)
    half = metrics.brier_score_loss(1 - truth, binary.probabilities[:, 0])
    assert reliability(binary, truth).brier == pytest.approx(2 * half)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1)), min_size=1, max_size=60))
def test_bins_agree_with_a_loop(rows):
    # probabilities on the edges of the bins and between them
    p = np.array([k / 20 for k, _ in rows])
    truth = [g for _, g in rows]
    soft = SoftLabels(np.c_[1 - p, p], LabelSpace(["no", "yes"]))
    bins = reliability(soft, truth, per_class=True).classes["yes"]
    expected = [[] for _ in range(10)]
    for (k, _), g in zip(rows, truth, strict=True):
        expected[min(k // 2, 9)].append((k / 20, g))
    assert bins.count.tolist() == [len(b) for b in expected]
    total = 0.0
    for b, members in enumerate(expected):
        if not members:
            assert np.isnan(bins.accuracy[b])
            continue
        claim, share = np.mean(members, axis=0)
        assert bins.confidence[b] == pytest.approx(claim)
        assert bins.accuracy[b] == pytest.approx(share)
        assert bins.low[b] <= share <= bins.high[b]
        total += len(members) * abs(claim - share)
    assert bins.ece == pytest.approx(total / len(rows))


def test_ece_is_that_of_the_inference_layer(soft, gold):
    found = reliability(soft, gold, n_bins=15)
    assert found.ece == pytest.approx(
        expected_calibration_error(soft.probabilities, gold, np.ones(300))
    )


def test_calibrated_labels_have_no_gap_beyond_chance_and_boasting_ones_do():
    rng = np.random.default_rng(3)
    soft = SoftLabels(rng.dirichlet(np.ones(3), 5000), SPACE)
    gold = np.array([rng.choice(3, p=p) for p in soft.probabilities])
    assert reliability(soft, gold).bins.largest_gap < 0.05
    sharp = soft.probabilities**4
    boasting = SoftLabels(sharp / sharp.sum(axis=1, keepdims=True), SPACE)
    found = reliability(boasting, gold)
    assert found.bins.largest_gap > 0.2
    assert found.ece > reliability(soft, gold).ece + 0.1
    assert "claims too much" in found.to_text()


def test_the_order_of_rows_does_not_matter(soft, gold):
    order = np.random.default_rng(2).permutation(300)
    shuffled = SoftLabels(soft.probabilities[order], SPACE, soft.n_votes[order])
    for binning in ("uniform", "quantile"):
        a = reliability(soft, gold, per_class=True, binning=binning).to_pandas()
        b = reliability(shuffled, gold[order], per_class=True, binning=binning).to_pandas()
        np.testing.assert_allclose(a.drop(columns="class"), b.drop(columns="class"), rtol=1e-12)


def test_quantile_bins_hold_about_equally_many_rows(soft, gold):
    bins = reliability(soft, gold, binning="quantile").bins
    assert bins.count.sum() == 300
    assert set(bins.count) == {30}
    same = SoftLabels([[0.7, 0.3]] * 4, LabelSpace(["a", "b"]))
    assert reliability(same, [0, 0, 0, 1], binning="quantile").bins.count.tolist() == [4]


def test_a_tie_is_right_in_part():
    soft = SoftLabels([[0.5, 0.5]] * 4, LabelSpace(["a", "b"]))
    assert reliability(soft, [0, 0, 0, 0]).ece == 0.0


def test_rows_without_gold_or_votes_can_be_left_out(soft, gold):
    partly = np.where(np.arange(300) < 100, gold, -1)
    assert reliability(soft, partly).n_gold == 100
    covered = reliability(soft, gold, covered_only=True)
    assert covered.n_gold == int(soft.covered.sum())
    kept = SoftLabels(soft.probabilities[soft.covered], SPACE)
    assert covered.log_loss == reliability(kept, gold[soft.covered]).log_loss


def test_json_and_text(soft, gold):
    found = reliability(soft, gold, per_class=True)
    as_json = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert sum(b["count"] for b in as_json["bins"]) == 300
    assert set(as_json["classes"]) == {"a", "b", "c"}
    text = found.to_text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert "expected calibration error" in text


def test_bad_input_is_refused(soft, gold):
    with pytest.raises(ConfigError, match="n_bins must be at least 1, found 0"):
        reliability(soft, gold, n_bins=0)
    with pytest.raises(ConfigError, match="binning must be 'uniform' or 'quantile'"):
        reliability(soft, gold, binning="log")
    with pytest.raises(DataError, match="one gold label per row: found 2 for 300 rows"):
        reliability(soft, [0, 1])
    with pytest.raises(DataError, match="no row has a gold label"):
        reliability(soft, np.full(300, -1))
    with pytest.raises(LabelError, match="gold label 'z' at position 0"):
        reliability(soft, ["z"] * 300)


def test_wilson_covers_what_it_says():
    # exact coverage over all outcomes of 20 draws: near 95 %, as Wilson's interval is known for
    from scipy.stats import binom

    k = np.arange(21)
    low, high = wilson_interval(k, np.full(21, 20))
    shares = np.linspace(0.05, 0.95, 91)
    covered = [binom.pmf(k, 20, p)[(low <= p) & (p <= high)].sum() for p in shares]
    assert 0.94 < np.mean(covered) < 0.97
    assert (low[0], high[20]) == (0.0, 1.0)
