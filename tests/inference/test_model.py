"""Objective, gold and silence against the model written out as loops over items and classes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from tests.inference.test_em import model_on, start_of, votes_problem
from weaklabel.inference.model import pack, unpack, with_gold
from weaklabel.inference.numpy_backend import NumpyBackend
from weaklabel.inference.priors import ClassPrior
from weaklabel.inference.rows import Expected, VoteRows


def joint_by_loops(layout, rows, model, parameters):
    """log P(votes, silences, class) of each item, from the probabilities themselves."""
    out = np.zeros((rows.n_patterns, rows.n_classes))
    log_vote = None
    if parameters.silence is not None:
        log_vote = np.log1p(-np.exp(parameters.silence))
    tables = parameters.log_table.copy()
    if log_vote is not None:
        tables -= (log_vote - parameters.silence)[layout.segment]
    for i in range(rows.n_patterns):
        mine = rows.table_row[rows.indptr[i] : rows.indptr[i + 1]]
        for y in range(rows.n_classes):
            out[i, y] = parameters.log_class[y] + sum(tables[r, y] for r in mine)
            if log_vote is not None:
                voted = {int(layout.segment[r]) for r in mine}
                for a in range(len(layout.lfs)):
                    out[i, y] += (log_vote if a in voted else parameters.silence)[a, y]
    return out


@pytest.mark.parametrize("silence", [False, True])
def test_objective_and_step_equal_the_loops(silence):
    layout, rows, _ = votes_problem(1, n_items=40, n_lfs=4, n_classes=3)
    model = model_on(layout, "confusion", silence=silence)
    start = start_of(layout, rows)
    objective, image = model.step(NumpyBackend(rows), None, 40.0)(pack(start))
    parameters = model.parameters(start.counts, start.class_counts)
    joint = joint_by_loops(layout, rows, model, parameters)
    assert objective == pytest.approx(
        (logsumexp(joint, axis=1).sum() + parameters.penalty) / 40.0, rel=1e-12
    )
    posterior = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    counts, classes = unpack(image, (layout.n_rows, 3))
    np.testing.assert_allclose(classes, posterior.sum(axis=0), atol=1e-10)
    want = NumpyBackend(rows).counts_of(posterior).counts
    np.testing.assert_allclose(counts, want, atol=1e-10)


@pytest.mark.parametrize("silence", [False, True])
def test_gold_items_equal_items_whose_posterior_is_clamped(silence):
    """Constant counts plus their log joint = the same items in the sum with their class known."""
    layout, rows, y = votes_problem(2, n_items=60, n_lfs=4, n_classes=3)
    model = model_on(layout, "confusion", silence=silence)
    known = np.arange(60) < 15
    weight = np.where(known, 0.0, 1.0)
    hidden = VoteRows(rows.indptr, rows.table_row, weight, layout.n_rows, 3, layout.row_lf)
    one_hot = np.eye(3)[y] * known[:, None]
    gold = NumpyBackend(rows).counts_of(one_hot)
    start = start_of(layout, hidden)
    objective, _ = model.step(NumpyBackend(hidden), gold, 60.0)(pack(start))
    parameters = model.parameters(*with_gold(start.counts, start.class_counts, gold))
    joint = joint_by_loops(layout, rows, model, parameters)
    clamped = np.where(known, joint[np.arange(60), y], logsumexp(joint, axis=1))
    assert objective == pytest.approx((clamped.sum() + parameters.penalty) / 60.0, rel=1e-12)


def test_class_prior():
    given = ClassPrior(np.array([0.25, 0.75]), 1.0)
    log_prior, penalty = given.log_prior(np.array([100.0, 1.0]))
    np.testing.assert_allclose(np.exp(log_prior), [0.25, 0.75])
    assert penalty == 0.0
    estimated, penalty = ClassPrior(None, 2.0).log_prior(np.array([6.0, 0.0]))
    np.testing.assert_allclose(np.exp(estimated), [0.8, 0.2])
    assert penalty == pytest.approx(2.0 * np.log(0.8 * 0.2))


def test_silence_and_votes_of_one_lf_are_its_propensity():
    layout, _, _ = votes_problem(3, n_items=50, n_lfs=3, n_classes=2)
    model = model_on(layout, "confusion", silence=True)
    counts = Expected(np.full((layout.n_rows, 2), 4.0), np.array([40.0, 20.0]), np.nan)
    log_vote, log_silence, _ = model.propensity.logs(counts.counts, counts.class_counts)
    np.testing.assert_allclose(np.exp(log_vote) + np.exp(log_silence), 1.0)
    # two symbols an LF, 4 counts each; coverage 0.3 weighs 5 items
    np.testing.assert_allclose(np.exp(log_vote), np.tile([9.5 / 45, 9.5 / 25], (3, 1)))
