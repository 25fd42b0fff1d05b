"""What X and y may be, and what is said about those that cannot be used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch

from weaklabel.endmodel.rows import read_rows
from weaklabel.endmodel.targets import check_classes, check_match, read_targets, row_weights
from weaklabel.errors import ConfigError, CoverageWarning, DataError, FitError
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels

TEXTS = ["one", "two", "three"]
SPACE = LabelSpace(["ham", "spam"])


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        pd.Series(TEXTS),
        pd.Series(TEXTS).astype("category"),
        pa.array(TEXTS),
        pa.chunked_array([TEXTS[:1], TEXTS[1:]]),
    ],
    ids=["list", "tuple", "U", "object", "Series", "category", "Arrow", "chunked"],
)
def test_texts_may_come_in_any_sequence(texts: Any) -> None:
    rows = read_rows(texts)
    assert (rows.kind, rows.data) == ("text", TEXTS)


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), "table"),
        (pa.table({"a": [1, 2], "b": ["x", None]}), "table"),
        ([{"a": 1, "b": "x"}, {"a": 2, "b": None}], "table"),
        (np.eye(2), "dense"),
        ([[1.0, 0.0], [0.0, 1.0]], "dense"),
        (torch.eye(2), "dense"),
        (np.eye(2).astype(object), "dense"),
        (sp.eye_array(2, format="coo"), "sparse"),
    ],
)
def test_the_kind_of_rows_is_recognised(table: Any, kind: str) -> None:
    rows = read_rows(table)
    assert (rows.kind, len(rows)) == (kind, 2)


def test_reading_changes_nothing_the_caller_holds() -> None:
    frame = pd.DataFrame({0: [1.0, np.nan]}, index=["p", "q"])
    before = frame.copy()
    read_rows(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "X has no rows"),
        (pd.DataFrame({"a": []}), "X has no rows"),
        (np.zeros((0, 2)), "X has no rows"),
        (["a", None], r"missing in row 1 \(1 of 2 rows\).*fillna"),
        (pd.Series(["a", float("nan")]), "missing in row 1"),
        (["a", 3], "row 1 is 3 of type int"),
        ([b"a"], "row 0 is b'a' of type bytes"),
        ("a text", "single str; wrap it in a list"),
        ([{"a": 1}, "b"], "row 1 is 'b' of type str"),
        (np.arange(3), r"shape \(3,\)"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (np.array([[1.0, np.nan]]), "NaN in row 0, column 1"),
        (np.array([[1.0], [np.inf]]), "inf in row 1, column 0"),
        (sp.csr_array(np.array([[0.0, 0.0], [0.0, np.nan]])), "NaN in row 1, column 1"),
        (np.array([["a", "b"]]), "must hold numbers.*DataFrame"),
        (np.array([[1j]]), "Complex data not supported"),
        (pd.Series([1, 2]), r"found int64.*to_frame"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), r"unique, found \['a'\]"),
    ],
)
def test_rows_that_cannot_be_used_are_named(X: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_rows(X)


def test_the_remedy_for_missing_texts_works() -> None:
    assert read_rows(pd.Series(["a", None]).fillna("")).data == ["a", ""]


def test_targets_of_soft_labels_carry_names_and_coverage() -> None:
    targets = read_targets(SoftLabels([[0.9, 0.1], [0.5, 0.5]], SPACE, [2, 0]))
    assert targets.classes.tolist() == ["ham", "spam"]
    assert targets.covered.tolist() == [True, False]


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["b", "a"], ["a", "b"]),
        ([2, 1], [1, 2]),
        ([True, False], [False, True]),
        (np.array(["b", "a"]), ["a", "b"]),
        (pd.Series(["b", "a"]), ["a", "b"]),
        (pa.array(["b", "a"]), ["a", "b"]),
        ([1.0, -1.0], [-1.0, 1.0]),
    ],
)
def test_hard_labels_are_one_hot_rows(y: Any, classes: list[Any]) -> None:
    targets = read_targets(y)
    assert targets.classes.tolist() == classes
    assert targets.probabilities.tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_missing_hard_labels_are_uncovered_rows_with_the_class_frequencies() -> None:
    targets = read_targets(["a", None, "b", "a"])
    assert targets.covered.tolist() == [True, False, True, True]
    np.testing.assert_allclose(targets.probabilities[1], [2 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "y is None"),
        ([[0.5, 0.6]], r"row 0 is \[0.5, 0.6\] with sum 1.1"),
        ([[1.5, -0.5]], "at least 0"),
        ([[np.nan, 1.0]], "finite"),
        ([["a", "b"]], "must hold class probabilities"),
        ([0, 1, -1], "an abstention in weaklabel"),
        (["a", 1], "found 'a' and 1"),
        ([0.5, 1.0], "continuous.*found 0.5"),
        (np.zeros((1, 1, 1)), r"shape \(1, 1, 1\)"),
    ],
)
def test_labels_that_cannot_be_used_are_named(y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_targets(y)


def test_lengths_of_x_and_y_must_agree() -> None:
    labels = SoftLabels([[1.0, 0.0]] * 2, SPACE)
    with pytest.raises(DataError, match="X has 3 and the soft labels 2"):
        check_match(read_rows(TEXTS), read_targets(labels), labels)


def test_ids_in_another_order_are_found_out_and_the_remedy_works() -> None:
    labels = SoftLabels([[1.0, 0.0]] * 3, SPACE, ids=np.array(["a", "b", "c"]))
    texts = pd.Series(TEXTS, index=["a", "c", "b"])
    with pytest.raises(DataError, match=r"row 1 is 'c' in X and 'b'.*X.loc\[labels.ids\]"):
        check_match(read_rows(texts), read_targets(labels), labels)
    check_match(read_rows(texts.loc[labels.ids]), read_targets(labels), labels)


def test_another_index_than_the_ids_is_no_contradiction() -> None:
    labels = SoftLabels([[1.0, 0.0]] * 3, SPACE, ids=np.array(["a", "b", "c"]))
    check_match(read_rows(pd.Series(TEXTS, index=[7, 8, 9])), read_targets(labels), labels)


@pytest.mark.parametrize(
    ("policy", "weights"),
    [("exclude", [2.0, 0.0]), ("downweight", [2.0, 0.3]), ("keep", [2.0, 3.0])],
)
def test_uncovered_rows_are_weighted_by_the_policy(policy: str, weights: list[float]) -> None:
    targets = read_targets(SoftLabels([[0.9, 0.1], [0.5, 0.5]], SPACE, [1, 0]))
    np.testing.assert_allclose(row_weights(targets, policy, [2.0, 3.0]), weights)


def test_weights_that_cannot_be_used_are_named() -> None:
    targets = read_targets(SoftLabels([[0.9, 0.1], [0.5, 0.5]], SPACE, [1, 0]))
    with pytest.raises(DataError, match=r"found -1\.0 in row 1"):
        row_weights(targets, "keep", [1.0, -1.0])
    with pytest.raises(DataError, match=r"shape \(2,\).*found \(3,\)"):
        row_weights(targets, "keep", [1.0, 1.0, 1.0])
    with pytest.raises(FitError, match="zero"):
        row_weights(targets, "keep", [0.0, 0.0])
    with pytest.raises(ConfigError, match="exclude, downweight, keep; found 'drop'"):
        row_weights(targets, "drop")


def test_no_covered_row_is_an_error() -> None:
    targets = read_targets(SoftLabels([[0.5, 0.5]] * 2, SPACE, [0, 0]))
    with pytest.raises(FitError, match="none of the 2 rows is covered"):
        row_weights(targets, "exclude")


def test_one_class_is_an_error_and_one_likeliest_class_a_warning() -> None:
    classes = np.array(["ham", "spam"])
    with pytest.raises(FitError, match=r"to one class, 'spam'\. Add labeling functions"):
        check_classes(np.array([[0.0, 1.0]] * 2), np.ones(2), classes)
    with pytest.warns(CoverageWarning, match="'ham' is the likeliest class of every row"):
        check_classes(np.array([[0.9, 0.1], [0.8, 0.2]]), np.ones(2), classes)


def test_ids_that_do_not_match_the_rows_are_named() -> None:
    space = LabelSpace(["ham", "spam"])
    half = np.full((3, 2), 0.5)
    texts = pd.Series(["a", "b", "c"], index=["r1", "r2", "r3"])
    rows = read_rows(texts)

    def check(ids: list[Any]) -> None:
        soft = SoftLabels(half, space, ids=np.array(ids))
        check_match(rows, read_targets(soft), soft)

    check(["r1", "r2", "r3"])
    check([7, 8, 9])  # an index of another kind says nothing
    with pytest.raises(DataError, match=r"different order: row 0 is 'r1' in X and 'r2'"):
        check(["r2", "r1", "r3"])
    with pytest.raises(DataError, match=r"do not match in 1 rows: row 2 is 'r3' in X and 'r9'"):
        check(["r1", "r2", "r9"])
