"""Junction trees and joint tables: exact on populations of all votes with their probabilities."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from weaklabel.inference.joint import (
    fit_joint_tables,
    said_by,
    shared_interactions,
    with_interactions,
)
from weaklabel.inference.junction import JunctionTree, edges_to_drop
from weaklabel.inference.numpy_backend import NumpyBackend
from weaklabel.inference.rows import VoteRows

CHAIN = [(0, 1), (1, 2)]


def test_a_graph_without_edges():
    tree = JunctionTree.of(4, [])
    assert tree.cliques == ()
    assert tree.separators == ()
    assert tree.width == 0
    assert tree.component.tolist() == [0, 1, 2, 3]


def test_a_chain_and_a_pair():
    tree = JunctionTree.of(7, [(2, 1), (0, 1), (5, 4), (1, 0)])
    assert tree.cliques == ((0, 1), (1, 2), (4, 5))
    assert tree.separators == ((1,),)
    assert tree.component.tolist() == [0, 0, 0, 3, 4, 4, 6]
    assert tree.width == 1


def test_a_cycle_is_made_chordal():
    cycle = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]
    tree = JunctionTree.of(5, cycle)
    assert tree.width == 2
    assert len(tree.cliques) == 3
    assert len(tree.separators) == 2
    for pair in cycle:
        assert any(set(pair) <= set(clique) for clique in tree.cliques)
    for lf in range(5):  # running intersection: each LF is counted once
        n = sum(lf in c for c in tree.cliques) - sum(lf in s for s in tree.separators)
        assert n == 1


@pytest.mark.parametrize("max_width", [1, 2, 3])
def test_dropping_the_edges_named_is_enough(max_width):
    rng = np.random.default_rng(0)
    pairs = [p for p in itertools.combinations(range(8), 2) if rng.random() < 0.7]
    dropped = edges_to_drop(8, pairs, max_width)
    assert dropped
    left = [p for p in pairs if p not in dropped]
    assert JunctionTree.of(8, left).width <= max_width
    assert edges_to_drop(8, left, max_width) == []


def population(seed=0, silent=0.0):
    """All votes of 6 LFs, of which 0 - 1 - 2 are a chain given the class, with probabilities."""
    rng = np.random.default_rng(seed)
    balance = np.array([0.6, 0.4])
    right = rng.uniform(0.6, 0.9, (6, 2))
    repeat = 0.5  # LF 1 repeats LF 0, LF 2 repeats LF 1, with this probability
    patterns, joint = [], []
    for votes in itertools.product([0, 1], repeat=6):
        p = balance.copy()
        for y in (0, 1):
            for j, v in enumerate(votes):
                own = right[j, y] if v == y else 1.0 - right[j, y]
                if j in (1, 2):
                    own = repeat * (v == votes[j - 1]) + (1.0 - repeat) * own
                p[y] *= own
        patterns.append(votes)
        joint.append(p)
    joint = np.array(joint)
    indptr, table_row, weight = [0], [], []
    for voting in itertools.product([True, False], repeat=6):
        share = np.prod([1.0 - silent if v else silent for v in voting])
        if share == 0:
            continue
        for votes, p in zip(patterns, joint, strict=True):
            table_row += [2 * j + votes[j] for j in range(6) if voting[j]]
            indptr.append(len(table_row))
            weight.append(1e4 * share * p.sum())
    rows = VoteRows(
        np.array(indptr),
        np.array(table_row, dtype=np.uint8),
        np.array(weight),
        12,
        2,
        np.repeat(np.arange(6), 2),
    )
    single = np.zeros((12, 2))  # P(vote | class)
    for votes, p in zip(patterns, joint, strict=True):
        for j, v in enumerate(votes):
            single[2 * j + v] += (1.0 - silent) * p / balance
    return rows, single, balance, np.array(patterns), joint


def test_who_says_what_together():
    rows, *_ = population(silent=0.5)
    item, said = said_by(rows, (0, 2))
    for i in range(rows.n_patterns):
        votes = rows.table_row[rows.indptr[i] : rows.indptr[i + 1]].tolist()
        mine = [next((r for r in votes if r // 2 == lf), -1) for lf in (0, 2)]
        if -1 in mine:
            assert i not in item
        else:
            assert said[np.flatnonzero(item == i)[0]].tolist() == mine


def test_a_chain_has_its_exact_posterior(monkeypatch):
    monkeypatch.setattr("weaklabel.inference.joint.JOINT_STRENGTH", 1e-9)
    rows, single, balance, _, joint = population()
    tree = JunctionTree.of(6, CHAIN)
    tables = fit_joint_tables(rows, tree, single, single @ balance, balance)
    extended, log_table = with_interactions(rows, tree, tables, np.log(single))
    found = NumpyBackend(extended).posterior(log_table, np.log(balance))
    np.testing.assert_allclose(found, joint / joint.sum(axis=1, keepdims=True), atol=1e-8)
    apart = NumpyBackend(rows).posterior(np.log(single), np.log(balance))
    assert np.abs(apart - found).max() > 0.05


def test_silent_members_are_left_out(monkeypatch):
    monkeypatch.setattr("weaklabel.inference.joint.JOINT_STRENGTH", 1e-9)
    rows, single, balance, patterns, joint = population(silent=0.5)
    tree = JunctionTree.of(6, CHAIN)
    tables = fit_joint_tables(rows, tree, single, single @ balance, balance)
    for votes in ((0, 0), (0, 1), (1, 0), (1, 1)):
        has = (patterns[:, :2] == votes).all(axis=1)
        want = 0.25 * joint[has].sum(axis=0) / balance
        key = (votes[0], 2 + votes[1])
        np.testing.assert_allclose(np.exp(tables.log_row(key, np.log(single))), want, atol=1e-8)
    assert tables.log_row((3,), np.log(single)) == pytest.approx(np.log(single[3]))
    assert tables.log_row((0, 11), np.log(single)) == pytest.approx(
        np.log(single[0]) + np.log(single[11])
    )


def test_interactions_are_shared_by_the_votes_they_are_of():
    rows, single, balance, *_ = population(silent=0.5)
    tree = JunctionTree.of(6, CHAIN)
    tables = fit_joint_tables(rows, tree, single, single @ balance, balance)
    extended, log_table = with_interactions(rows, tree, tables, np.log(single))
    whole = NumpyBackend(extended).scores(log_table, np.log(balance))
    each = np.log(single)[rows.table_row] + shared_interactions(rows, tree, tables, np.log(single))
    item = np.repeat(np.arange(rows.n_patterns), np.diff(rows.indptr))
    added = np.tile(np.log(balance), (rows.n_patterns, 1))
    np.add.at(added, item, each)
    np.testing.assert_allclose(added, whole, atol=1e-12)


def test_independent_lfs_declared_dependent_change_nothing(monkeypatch):
    monkeypatch.setattr("weaklabel.inference.joint.JOINT_STRENGTH", 1e-9)
    rows, single, balance, *_ = population(silent=0.3)
    tree = JunctionTree.of(6, [(3, 4)])
    tables = fit_joint_tables(rows, tree, single, single @ balance, balance)
    extended, log_table = with_interactions(rows, tree, tables, np.log(single))
    interactions = log_table[len(single) :]
    spread = np.ptp(interactions, axis=1)
    np.testing.assert_allclose(spread, 0.0, atol=1e-7)
    assert extended.n_table_rows == len(log_table)


def test_nothing_dependent_says_nothing():
    rows, single, balance, *_ = population()
    tree = JunctionTree.of(6, [])
    tables = fit_joint_tables(rows, tree, single, single @ balance, balance)
    extended, log_table = with_interactions(rows, tree, tables, np.log(single))
    assert extended is rows
    assert (log_table == np.log(single)).all()
