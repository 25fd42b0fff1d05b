"""M-steps against loops and against a numerical optimiser; penalties against their definitions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from tests.inference.table_oracle import (
    mixed_symbols,
    oracle_confusion,
    oracle_readings,
    random_layout,
)
from weaklabel.inference.layout import REASON, Symbols, TableLayout
from weaklabel.inference.tables import (
    SURE,
    Accuracy,
    Confusion,
    Pinned,
    fixed_log_table,
    strong_log_table,
)


def problem(seed, symbols=None, n_lfs=4):
    rng = np.random.default_rng(seed)
    layout = random_layout(rng, mixed_symbols() if symbols is None else symbols, n_lfs)
    counts = rng.gamma(1.0, 5.0, size=(layout.n_rows, layout.n_classes))
    accuracy = rng.uniform(0.4, 0.9, n_lfs)
    strength = rng.uniform(0.5, 8.0, n_lfs)
    return layout, counts, accuracy, strength


@pytest.mark.parametrize("seed", range(6))
def test_confusion_equals_the_loop(seed):
    layout, counts, accuracy, strength = problem(seed)
    found = np.exp(Confusion(layout, accuracy, strength).tables(counts).log_table)
    want, other = oracle_confusion(layout, counts, accuracy, strength)
    np.testing.assert_allclose(found, want, atol=1e-12)
    for (j, y), rest in other.items():
        assert found[layout.row_lf == j, y].sum() + rest == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("make", ["confusion", "accuracy", "per_class"])
@pytest.mark.parametrize("seed", range(4))
def test_likelihood_of_every_symbol_type_by_enumeration(make, seed):
    """log P(row) from the tables = brute force over classes and over whether each LF is right."""
    layout, counts, accuracy, strength = problem(seed)
    model = {
        "confusion": Confusion(layout, accuracy, strength),
        "accuracy": Accuracy(layout, accuracy, strength),
        "per_class": Accuracy(layout, accuracy, strength, per_class=True),
    }[make]
    log_table = model.tables(counts).log_table
    prior = np.array([0.2, 0.5, 0.3])
    rows_of = [np.flatnonzero(layout.row_lf == j) for j in layout.lfs]
    right, wrong = oracle_readings(layout)
    table, _ = oracle_confusion(layout, counts, accuracy, strength)
    skills = None if make == "confusion" else model.accuracies(counts)
    for votes in itertools.islice(itertools.product(*rows_of), 200):
        fast = np.log(prior) + log_table[list(votes)].sum(axis=0)
        for y in range(3):
            total = prior[y]
            for j, r in enumerate(votes):
                if make == "confusion":
                    total *= table[r, y]
                    continue
                p = skills[j, y if make == "per_class" else 0]
                was_right, was_wrong = p * right[r, y], (1 - p) * wrong[r, y]
                total *= was_right + was_wrong
            assert math.exp(fast[y]) == pytest.approx(total, rel=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_confusion_maximises_expected_log_likelihood_plus_prior(seed):
    """No other table, the unseen remainder included, has a higher objective."""
    layout, counts, accuracy, strength = problem(seed, n_lfs=2)
    model = Confusion(layout, accuracy, strength)
    found = model.tables(counts)
    best = np.vdot(counts, found.log_table) + found.penalty
    pseudo = model.pseudo_counts
    unseen = strength[layout.lfs, None] - layout.per_lf(pseudo)
    assert (unseen > -1e-12).all()
    rest = np.log(np.maximum(1 - layout.per_lf(np.exp(found.log_table)), 1e-300))
    terms = np.where(unseen > 1e-9, unseen * rest, 0.0)
    scale = np.where(unseen > 1e-9, unseen * (np.log(np.maximum(unseen, 1e-300))), 0.0)
    full = np.vdot(counts + pseudo, found.log_table) + terms.sum()
    # the penalty leaves out a constant: sum of unseen * log(unseen)
    assert full == pytest.approx(best + scale.sum(), rel=1e-9)
    rng = np.random.default_rng(seed)
    for _ in range(50):
        noise = np.exp(0.05 * rng.standard_normal(counts.shape))
        table = np.exp(found.log_table) * noise
        other = np.exp(0.05 * rng.standard_normal(unseen.shape)) * np.exp(rest)
        total = layout.per_lf(table) + np.where(unseen > 1e-9, other, 0.0)
        log_table = np.log(table) - np.log(total)[layout.segment]
        log_other = np.log(other) - np.log(total)
        worse = np.vdot(counts + pseudo, log_table)
        worse += np.where(unseen > 1e-9, unseen * log_other, 0.0).sum()
        assert worse <= full + 1e-9


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_accuracy_maximises_expected_log_likelihood_plus_prior(seed, per_class):
    layout, counts, accuracy, strength = problem(seed)
    model = Accuracy(layout, accuracy, strength, per_class)
    right, wrong = oracle_readings(layout)
    skills = model.accuracies(counts)
    for a, j in enumerate(layout.lfs):
        votes = (layout.row_lf == j) & (layout.symbols.kind[layout.row_symbol] != REASON)
        for column in range(skills.shape[1]):
            ys = [column] if per_class else [0, 1, 2]

            def loss(p, votes=votes, ys=ys, j=j):
                table = p * right[votes][:, ys] + (1 - p) * wrong[votes][:, ys]
                fit = (counts[votes][:, ys] * np.log(table)).sum()
                prior = accuracy[j] * math.log(p) + (1 - accuracy[j]) * math.log(1 - p)
                return -(fit + strength[j] * prior)

            found = optimize.minimize_scalar(
                loss, bounds=(1e-6, 1 - 1e-6), method="bounded", options={"xatol": 1e-10}
            )
            assert skills[a, column] == pytest.approx(found.x, abs=1e-5)


def test_accuracy_of_plain_votes_is_the_share_of_right_ones():
    layout, _ = TableLayout.of_votes(np.array([0, 0, 0]), np.arange(3), 1, Symbols.plain(3))
    counts = np.array([[8.0, 1.0, 1.0], [1.0, 7.0, 0.0], [0.0, 1.0, 6.0]])
    none = Accuracy(layout, np.array([0.75]), np.array([0.0]))
    assert none.accuracies(counts)[0, 0] == pytest.approx(21 / 25)
    some = Accuracy(layout, np.array([0.75]), np.array([4.0]))
    assert some.accuracies(counts)[0, 0] == pytest.approx((21 + 3) / 29)
    each = Accuracy(layout, np.array([0.75]), np.array([0.0]), per_class=True)
    np.testing.assert_allclose(each.accuracies(counts)[0], [8 / 9, 7 / 9, 6 / 7])


def test_reasons_do_not_count_as_right_answers():
    symbols = mixed_symbols()
    reason = int(np.flatnonzero(symbols.kind == REASON)[0])
    layout, _ = TableLayout.of_votes(np.array([0, 0, 0]), np.array([0, 1, reason]), 1, symbols)
    counts = np.array([[6.0, 2.0, 0.0], [2.0, 6.0, 0.0], [100.0, 0.0, 0.0]])
    model = Accuracy(layout, np.array([0.75]), np.array([0.0]))
    assert model.accuracies(counts)[0, 0] == pytest.approx(12 / 16)
    assert np.ptp(model.tables(counts).log_table[2]) == 0.0
    learned = Confusion(layout, np.array([0.75]), np.array([1.0])).tables(counts).log_table[2]
    assert learned[0] > learned[1]  # a confusion table learns that this reason means class 0


def test_variational_penalties_are_minus_divergences():
    """Against scipy.stats: entropies and numerical integration of the Beta case."""
    layout, _ = TableLayout.of_votes(np.array([0, 0]), np.arange(2), 1, Symbols.plain(2))
    counts = np.array([[8.0, 1.5], [2.0, 6.0]])
    accuracy, strength = np.array([0.7]), np.array([4.0])
    found = Confusion(layout, accuracy, strength, "vb").tables(counts)
    base = np.array([[0.7, 0.3], [0.3, 0.7]])

    def divergence(a, b):
        p, q = stats.beta(*a), stats.beta(*b)
        return integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), 0, 1)[0]

    want = sum(divergence(counts[:, y] + 4 * base[:, y], 4 * base[:, y]) for y in range(2))
    assert found.penalty == pytest.approx(-want, rel=1e-6)
    for y in range(2):
        a = counts[:, y] + 4 * base[:, y]
        expected = integrate.quad(lambda x, a=a: stats.beta(*a).pdf(x) * np.log(x), 0, 1)[0]
        assert found.log_table[0, y] == pytest.approx(expected, rel=1e-6)
    coin = Accuracy(layout, accuracy, strength, False, "vb").tables(counts)
    want = divergence((14 + 2.8, 3.5 + 1.2), (2.8, 1.2))
    assert coin.penalty == pytest.approx(-want, rel=1e-6)


def test_pinned_tables_stay():
    layout, counts, accuracy, strength = problem(3)
    rows = np.flatnonzero(layout.row_lf == layout.lfs[0])
    given = fixed_log_table(layout, rows, np.full(len(rows), 0.9))
    model = Pinned(Confusion(layout, accuracy, strength), rows, given)
    first, second = model.tables(counts), model.tables(2.0 * counts)
    assert (first.log_table[rows] == given).all()
    assert (second.log_table[rows] == given).all()
    changed = counts.copy()
    changed[rows] *= 7.0
    assert model.tables(changed).penalty == first.penalty


def test_strong_rules_speak_for_their_classes():
    symbols = mixed_symbols()
    layout, _ = TableLayout.of_votes(np.array([0, 0]), np.array([1, 3]), 1, symbols)
    assert strong_log_table(layout, np.arange(2)).tolist() == [
        [-SURE, 0.0, -SURE],
        [0.0, 0.0, -SURE],
    ]


def test_maximum_likelihood_keeps_tables_finite():
    layout, _ = TableLayout.of_votes(np.array([0, 0]), np.arange(2), 1, Symbols.plain(3))
    none = np.zeros(1)
    for model in (
        Confusion(layout, np.full(1, 0.7), none),
        Accuracy(layout, np.full(1, 0.7), none),
        Accuracy(layout, np.full(1, 0.7), none, per_class=True),
    ):
        assert np.isfinite(model.tables(np.zeros((2, 3))).log_table).all()
