"""Table layout and literal readings against loops over the definition."""

from __future__ import annotations

import numpy as np
import pytest

from tests.inference.table_oracle import mixed_symbols, oracle_readings, random_layout
from weaklabel.inference.layout import Symbols, TableLayout, readings


def test_rows_are_the_observed_pairs_in_order():
    layout, table_row = TableLayout.of_votes(
        np.array([2, 0, 2, 1]), np.array([1, 0, 0, 1]), 4, Symbols.plain(2)
    )
    assert layout.row_lf.tolist() == [0, 1, 2, 2]
    assert layout.row_symbol.tolist() == [0, 1, 0, 1]
    assert table_row.tolist() == [3, 0, 2, 1]
    assert table_row.dtype == np.uint8
    assert layout.lfs.tolist() == [0, 1, 2]
    assert layout.segment.tolist() == [0, 1, 2, 2]
    assert layout.per_lf(np.arange(4.0)).tolist() == [0.0, 1.0, 5.0]


def test_many_lfs_and_classes_do_not_cost_their_product():
    rng = np.random.default_rng(0)
    lf, symbol = rng.integers(0, 1800, 3000), rng.integers(0, 1500, 3000)
    layout, table_row = TableLayout.of_votes(lf, symbol, 1800, Symbols.plain(1500))
    assert layout.n_rows == len(np.unique(lf * 1500 + symbol))
    assert (layout.row_lf[table_row] == lf).all()
    assert (layout.row_symbol[table_row] == symbol).all()


def test_find():
    layout, _ = TableLayout.of_votes(np.array([0, 2]), np.array([1, 0]), 3, Symbols.plain(2))
    assert layout.find(np.array([0, 0, 2, 1]), np.array([1, 0, 0, 1])).tolist() == [0, -1, 1, -1]
    # a symbol added to the alphabet later must not pass for another LF's
    assert layout.find(np.array([0, 0]), np.array([4, 1])).tolist() == [-1, 0]
    empty, _ = TableLayout.of_votes(np.zeros(0, int), np.zeros(0, int), 3, Symbols.plain(2))
    assert empty.find(np.array([0]), np.array([1])).tolist() == [-1]
    assert empty.per_lf(np.zeros((0, 2))).shape == (0, 2)


def test_plain_readings_are_the_identity_and_even_errors():
    layout, _ = TableLayout.of_votes(np.array([0, 0, 1]), np.array([0, 2, 1]), 2, Symbols.plain(3))
    right, wrong = readings(layout)
    assert right.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert wrong.tolist() == [[0, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5]]


@pytest.mark.parametrize("seed", range(8))
def test_readings_equal_the_definition(seed):
    rng = np.random.default_rng(seed)
    layout = random_layout(rng, mixed_symbols(), n_lfs=5)
    right, wrong = readings(layout)
    want_right, want_wrong = oracle_readings(layout)
    np.testing.assert_allclose(right, want_right, atol=1e-14)
    np.testing.assert_allclose(wrong, want_wrong, atol=1e-14)
    assert (layout.per_lf(right) <= 1 + 1e-12).all()
    assert (layout.per_lf(wrong) <= 1 + 1e-12).all()


def test_finding_in_large_sparse_tables():
    rng = np.random.default_rng(0)
    lf, symbol = rng.integers(0, 1800, 500), rng.integers(0, 1500, 500)
    layout, table_row = TableLayout.of_votes(lf, symbol, 1800, Symbols.plain(1500))
    assert (layout.find(lf, symbol) == table_row).all()
    few = layout.find(np.array([0, 1799]), np.array([0, 1499]))
    pairs = set(zip(lf.tolist(), symbol.tolist(), strict=True))
    assert [f >= 0 for f in few] == [(0, 0) in pairs, (1799, 1499) in pairs]
