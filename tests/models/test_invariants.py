"""What must not change the answer, and what must change it along."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.models.conftest import MODELS
from weaklabel.models import DawidSkene, LabelModel, MajorityVote, OneCoin
from weaklabel.votes import VoteMatrix
from weaklabel.votes.synthetic import planted_votes

TIGHT = {"tol": 1e-13, "max_iter": 2000}
EXACT = {
    "MajorityVote": MajorityVote,
    "DawidSkene": lambda: DawidSkene(**TIGHT),
    "DawidSkene(vb)": lambda: DawidSkene(inference="vb", **TIGHT),
    "DawidSkene(informative)": lambda: DawidSkene(abstain="informative", **TIGHT),
    "OneCoin": lambda: OneCoin(**TIGHT),
    "LabelModel": LabelModel,
}


@pytest.fixture(params=list(EXACT))
def make_exact(request):
    return EXACT[request.param]


@st.composite
def small_votes(draw):
    n_items, n_lfs = draw(st.integers(6, 40)), draw(st.integers(3, 6))
    n_classes = draw(st.integers(2, 4))
    seed = draw(st.integers(0, 10_000))
    planted = planted_votes(
        n_items,
        accuracy=np.random.default_rng(seed).uniform(0.4, 0.95, n_lfs),
        class_balance=np.full(n_classes, 1 / n_classes),
        propensity=draw(st.floats(0.3, 1.0)),
        seed=seed,
    )
    return planted.votes.to_dense(), n_classes


def fitted(make, dense, n_classes, **more):
    votes = VoteMatrix.from_dense(dense, labels=range(n_classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make().fit(votes, **more), votes


COMMON = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)


@given(small_votes(), st.randoms(use_true_random=False))
@COMMON
def test_permuting_rows_lfs_or_classes_permutes_the_answer(make_exact, problem, random):
    dense, n_classes = problem
    if (dense == -1).all():
        return
    model, votes = fitted(make_exact, dense, n_classes)
    p = model.predict_proba(votes)
    rows = np.array(random.sample(range(len(dense)), len(dense)))
    other, turned = fitted(make_exact, dense[rows], n_classes)
    np.testing.assert_allclose(other.predict_proba(turned), p[rows], atol=1e-9)
    lfs = np.array(random.sample(range(dense.shape[1]), dense.shape[1]))
    other, turned = fitted(make_exact, dense[:, lfs], n_classes)
    np.testing.assert_allclose(other.predict_proba(turned), p, atol=2e-5)
    classes = np.array(random.sample(range(n_classes), n_classes))
    renamed = np.where(dense >= 0, classes[dense], -1)
    other, turned = fitted(make_exact, renamed, n_classes)
    np.testing.assert_allclose(other.predict_proba(turned)[:, classes], p, atol=2e-5)


@given(small_votes())
@COMMON
def test_duplicating_all_rows_changes_no_parameter_without_priors(problem):
    dense, n_classes = problem
    if (dense == -1).all():
        return

    # A fixed number of steps: without priors the optimum may be flat, and then where the iteration
    # comes to rest is a matter of rounding.
    def make():
        return DawidSkene(
            prior_strength=0, class_prior_strength=0, tol=0, max_iter=15, accelerate=False
        )

    once, votes = fitted(make, dense, n_classes)
    twice, _ = fitted(make, np.vstack([dense, dense]), n_classes)
    np.testing.assert_allclose(twice.predict_proba(votes), once.predict_proba(votes), atol=1e-9)


@given(small_votes())
@COMMON
def test_predicting_in_chunks_equals_predicting_at_once(make_exact, problem):
    dense, n_classes = problem
    if (dense == -1).all():
        return
    model, votes = fitted(make_exact, dense, n_classes)
    whole = model.predict_proba(votes)
    parts = [model.predict_proba(votes[a : a + 7]) for a in range(0, votes.n_items, 7)]
    np.testing.assert_allclose(np.vstack(parts), whole, atol=1e-12)


@given(small_votes())
@COMMON
def test_probabilities_are_probabilities_on_any_votes(problem):
    dense, n_classes = problem
    if (dense == -1).all():
        return
    for make in MODELS.values():
        model, votes = fitted(make, dense, n_classes)
        p = model.predict_proba(votes)
        assert np.isfinite(p).all()
        assert (p >= 0).all()
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)


def test_the_result_does_not_depend_on_backend_or_threads():
    votes = planted_votes(3000, accuracy=[0.8, 0.7, 0.65, 0.9], seed=1).votes
    base = DawidSkene(backend="numpy").fit(votes).predict_proba(votes)
    one = DawidSkene(backend="numba", n_threads=1).fit(votes)
    two = DawidSkene(backend="numba", n_threads=2).fit(votes)
    assert one.parameters_hash() == two.parameters_hash()
    np.testing.assert_allclose(one.predict_proba(votes), base, atol=1e-9)
