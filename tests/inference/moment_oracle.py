"""Moments item by item, and exact moments of a known model."""

from __future__ import annotations

import itertools

import numpy as np

from weaklabel.inference.layout import Symbols, TableLayout
from weaklabel.inference.moments import Moments


def votes_of(rows, i):
    return [int(r) for r in rows.table_row[int(rows.indptr[i]) : int(rows.indptr[i + 1])]]


def oracle_moments(rows):
    size = rows.n_table_rows
    first, second = np.zeros(size), np.zeros((size, size))
    for i in range(rows.n_patterns):
        weight = 1.0 if rows.weight is None else rows.weight[i]
        for r in votes_of(rows, i):
            first[r] += weight
            for s in votes_of(rows, i):
                second[r, s] += weight
    return first, second


def oracle_triples(rows, value, silent):
    n_lfs = len(silent)
    total = np.zeros(value.shape[1])
    squares = np.zeros(value.shape[1])
    by_lf = np.zeros((n_lfs, value.shape[1]))
    for i in range(rows.n_patterns):
        weight = 1.0 if rows.weight is None else rows.weight[i]
        a = silent.copy()
        for r in votes_of(rows, i):
            a[rows.row_lf[r]] = value[r]
        e = np.zeros(value.shape[1])
        for triple in itertools.combinations(range(n_lfs), 3):
            product = a[list(triple)].prod(axis=0)
            e += product
            by_lf[list(triple)] += weight * product
        total += weight * e
        squares += weight * e**2
    return total, squares, by_lf


def plain_layout(n_lfs, n_classes):
    """All LFs cast all votes."""
    lf = np.repeat(np.arange(n_lfs), n_classes)
    symbol = np.tile(np.arange(n_classes), n_lfs)
    layout, _ = TableLayout.of_votes(lf, symbol, n_lfs, Symbols.plain(n_classes))
    return layout


def exact_moments(tables, balance, row_lf, weight=1e6):
    """Moments of infinitely many items of LFs that are independent given the class."""
    joint = (tables * balance) @ tables.T
    mean = tables @ balance
    same = row_lf[:, None] == row_lf[None, :]
    joint = np.where(same, np.diag(mean), joint)
    return Moments(weight, weight * mean, weight * joint)


def random_tables(rng, n_lfs, n_classes, low=0.5, high=0.9):
    """P(vote | class) of LFs that are better than chance on every class, and abstain."""
    blocks = []
    for _ in range(n_lfs):
        theta = rng.dirichlet(np.ones(n_classes), size=n_classes)  # (class, vote)
        right = rng.uniform(low, high, n_classes)
        theta = theta * (1.0 - right)[:, None] + np.diag(right)
        voting = rng.uniform(0.3, 0.9, n_classes)
        blocks.append((theta * voting[:, None]).T)
    return np.concatenate(blocks)  # (n_rows, n_classes)
