"""The loop: fixed points, acceleration, monotone traces, and how it reports."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.errors import FitError
from weaklabel.inference.em import best_of, maximise
from weaklabel.inference.layout import Symbols, TableLayout
from weaklabel.inference.model import TableModel, pack, unpack
from weaklabel.inference.numpy_backend import NumpyBackend
from weaklabel.inference.priors import ClassPrior, Propensity
from weaklabel.inference.rows import Expected, VoteRows
from weaklabel.inference.tables import Accuracy, Confusion


def mixture_step(x):
    """A slow EM map with a known optimum: the multinomial of Dempster, Laird and Rubin (1977)."""
    y = np.array([125.0, 18.0, 20.0, 34.0])
    p = x[0] / (x[0] + x[1])
    objective = (
        y[0] * np.log(0.5 + p / 4) + (y[1] + y[2]) * np.log((1 - p) / 4) + y[3] * np.log(p / 4)
    )
    share = y[0] * (p / 4) / (0.5 + p / 4)
    return objective / 197, np.array([share + y[3], y[1] + y[2]])


def test_the_optimum_of_the_textbook_example():
    found = maximise(mixture_step, np.array([1.0, 1.0]), max_iter=100, tol=1e-14)
    assert found.converged
    p = found.counts[0] / found.counts.sum()
    assert p == pytest.approx(0.6268214980, abs=1e-7)
    assert found.status.startswith(f"converged in {found.n_iter} steps")


def votes_problem(seed, n_items=3000, n_lfs=9, n_classes=5, accuracy=(0.15, 0.5), coverage=0.3):
    """LFs that are barely better than chance: EM is slow here."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n_items)
    skill = rng.uniform(*accuracy, n_lfs)
    dense = np.where(
        rng.random((n_items, n_lfs)) < skill,
        y[:, None],
        rng.integers(0, n_classes, (n_items, n_lfs)),
    )
    voted = rng.random((n_items, n_lfs)) < coverage
    item, lf = np.nonzero(voted)
    layout, table_row = TableLayout.of_votes(lf, dense[voted], n_lfs, Symbols.plain(n_classes))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(item, minlength=n_items))])
    rows = VoteRows(indptr, table_row, None, layout.n_rows, n_classes, layout.row_lf)
    return layout, rows, y


def model_on(layout, kind, inference="map", strength=2.0, silence=False):
    accuracy, pseudo = np.full(layout.n_lfs, 0.7), np.full(layout.n_lfs, strength)
    tables = {
        "confusion": Confusion(layout, accuracy, pseudo, inference),
        "coin": Accuracy(layout, accuracy, pseudo, False, inference),
        "per_class": Accuracy(layout, accuracy, pseudo, True, inference),
    }[kind]
    propensity = None
    if silence:
        coverage = np.full(len(layout.lfs), 0.3)
        propensity = Propensity(layout, coverage, 5.0, inference)
    return TableModel(tables, ClassPrior(None, 1.0, inference), propensity)


def start_of(layout, rows, seed=0):
    rng = np.random.default_rng(seed)
    posterior = rng.dirichlet(np.ones(rows.n_classes), rows.n_patterns)
    first = np.minimum(rows.indptr[:-1], rows.n_votes - 1)
    posterior[np.arange(rows.n_patterns), layout.row_symbol[rows.table_row[first]]] += 2.0
    return NumpyBackend(rows).counts_of(posterior / posterior.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize("silence", [True, False])
@pytest.mark.parametrize("inference", ["map", "vb"])
@pytest.mark.parametrize("kind", ["confusion", "coin", "per_class"])
def test_the_objective_never_falls(kind, inference, silence, accelerate):
    for seed in range(3):
        layout, rows, _ = votes_problem(seed, n_items=400)
        model = model_on(layout, kind, inference, silence=silence)
        gold = Expected(np.ones((layout.n_rows, 5)), np.full(5, 8.0), np.nan)
        found = model.fit(
            NumpyBackend(rows),
            start_of(layout, rows),
            gold,
            440.0,
            max_iter=150,
            tol=1e-9,
            accelerate=accelerate,
        )
        assert np.diff(found.trace).min() >= -1e-12


def test_the_objective_never_falls_without_priors():
    for seed in range(5):
        layout, rows, _ = votes_problem(seed, n_items=300)
        found = model_on(layout, "confusion", strength=0.0).fit(
            NumpyBackend(rows), start_of(layout, rows), None, 300.0, max_iter=300, tol=1e-10
        )
        assert np.diff(found.trace).min() >= -1e-12


def test_acceleration_needs_a_third_of_the_steps_where_em_is_slow():
    """E-steps to within 1e-7 per item of the plain optimum, summed over slow problems."""
    total = {True: 0, False: 0}
    for seed in range(6):
        layout, rows, _ = votes_problem(seed, accuracy=(0.1, 0.35))
        model, start = model_on(layout, "confusion"), start_of(layout, rows, seed)
        found = {}
        for accelerate in (True, False):
            seen = []
            outcome = model.fit(
                NumpyBackend(rows),
                start,
                None,
                3000.0,
                max_iter=3000,
                tol=1e-11,
                accelerate=accelerate,
                progress=lambda n, objective, seen=seen: seen.append((n, objective)),
            )
            found[accelerate] = (outcome, np.array(seen))
        # where they end in different optima, each is measured against its own
        for accelerate, (outcome, seen) in found.items():
            reached = seen[:, 1] >= outcome.objective - 1e-7
            total[accelerate] += int(seen[np.argmax(reached), 0])
    assert total[True] <= total[False] / 3, total


def test_it_says_when_it_stops_early():
    layout, rows, _ = votes_problem(0, n_items=300)
    found = model_on(layout, "confusion").fit(
        NumpyBackend(rows), start_of(layout, rows), None, 300.0, max_iter=3, tol=0.0
    )
    assert not found.converged
    assert "stopped after max_iter=3 steps" in found.status
    assert "raise max_iter or tol" in found.status


def test_an_objective_that_is_not_finite_is_an_error():
    with pytest.raises(FitError, match="objective must stay finite, found nan at step 1"):
        maximise(lambda x: (np.nan, x), np.ones(2), max_iter=5, tol=1e-6)


def test_progress_sees_every_accepted_step():
    seen = []
    found = maximise(
        mixture_step,
        np.array([1.0, 1.0]),
        max_iter=50,
        tol=1e-10,
        progress=lambda n, objective: seen.append((n, objective)),
    )
    assert [objective for _, objective in seen] == found.trace.tolist()
    assert seen[-1][0] == found.n_iter


def test_the_best_of_several():
    starts = [np.array([1.0, 9.0]), np.array([9.0, 1.0])]
    outcomes = [
        maximise(mixture_step, s, max_iter=n, tol=0.0) for s, n in zip(starts, (1, 9), strict=True)
    ]
    assert best_of(outcomes) is outcomes[1]


def test_packing_is_undone():
    counts = np.arange(6.0).reshape(3, 2)
    flat = pack(Expected(counts, np.array([7.0, 8.0]), 0.0))
    again, classes = unpack(flat, (3, 2))
    assert (again == counts).all()
    assert classes.tolist() == [7.0, 8.0]
