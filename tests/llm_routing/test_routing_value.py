"""What asking is worth, against sums written out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weaklabel.llm.routing_value import (
    answer_bins,
    answer_table,
    chosen,
    entropy,
    expected_drop,
    standing_for,
)


def test_entropy_of_certainty_and_of_nothing():
    assert entropy(np.array([[1.0, 0.0], [0.5, 0.5]])) == pytest.approx([0.0, math.log(2)])


def test_the_drop_is_the_mutual_information_of_class_and_answer():
    rng = np.random.default_rng(0)
    q, table = rng.dirichlet(np.ones(3), 5), rng.dirichlet(np.ones(4), 3).T
    for row, found in zip(q, expected_drop(q, table), strict=True):
        joint = row * table  # (answers, classes)
        apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
        assert found == pytest.approx((joint * np.log(joint / apart)).sum())


def test_an_answer_that_says_nothing_is_worth_nothing_and_one_that_says_all_is_worth_all():
    q = np.array([[0.3, 0.7], [0.5, 0.5]])
    assert expected_drop(q, np.full((2, 2), 0.5)) == pytest.approx([0.0, 0.0], abs=1e-12)
    assert expected_drop(q, np.eye(2)) == pytest.approx(entropy(q))


def test_with_no_rows_asked_for_a_class_the_prior_says_that_answers_tell_nothing_of_it():
    table = answer_table(np.array([0, 1, 1]), np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]))
    assert table.sum(axis=0) == pytest.approx([1.0, 1.0])
    assert table[:, 1] == pytest.approx([1 / 3, 2 / 3])


def test_answers_are_told_apart_by_class_confidence_and_silence():
    paid = np.array([[0.5, 0.5], [0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    bins = answer_bins(paid, np.array([True, False, False, False, False]))
    assert bins[0] == 0
    assert bins[2] < bins[3] < bins[1] < bins[4]


def test_rows_stand_for_the_rows_with_the_same_free_votes():
    pattern = np.array([0, 0, 0, 0, 1, 1])
    asked = np.array([True, False, True, False, False, False])
    weight = standing_for(pattern, asked)
    assert weight.tolist() == [2.0, 0.0, 2.0, 0.0, 1.0, 1.0]
    assert weight.sum() == len(pattern)


def test_rows_are_chosen_by_value_within_the_money_and_ties_by_the_tie_breaker():
    value, cost = np.array([1.0, 3.0, 3.0, -np.inf, 2.0]), np.array([1.0, 2.0, 2.0, 1.0, 2.0])
    tie = np.array([0.1, 0.9, 0.2, 0.0, 0.0])
    order = chosen(value, cost, np.arange(5), tie, 5.0, 1.0)
    assert order.tolist() == [2, 1]


def test_one_pattern_gets_its_share_of_a_round_while_others_are_left():
    value = np.array([5.0, 5.0, 5.0, 5.0, 4.9, 4.9, 4.9, 4.9])
    pattern = np.array([0, 0, 0, 0, 1, 2, 3, 4])
    order = chosen(value, np.ones(8), pattern, np.zeros(8), 4.0, 0.25)
    assert order.tolist() == [0, 1, 4, 5]  # it has half of all there is to gain
    value[4:] = 0.0
    order = chosen(value, np.ones(8), pattern, np.zeros(8), 4.0, 0.25)
    assert order.tolist() == [0, 1, 2, 3]  # it has all
    value[4:] = 4.9
    alone = chosen(value, np.ones(8), np.zeros(8, dtype=int), np.zeros(8), 4.0, 0.25)
    assert alone.tolist() == [0, 1, 2, 3]
