"""What does not fit together is refused, in a sentence, and nothing is written."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel import DawidSkene, LabelModel, VoteMatrix
from weaklabel.analysis.report import report_page, write_report
from weaklabel.errors import ConfigError, DataError, FitError, LabelError, VotesError
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels


def test_labels_of_other_rows(case):
    labels = case.model.label(case.votes)
    ids = np.array([f"other-{i}" for i in range(300)], dtype=object)
    ids[:298] = labels.ids[:298]
    other = SoftLabels(labels.probabilities, labels.labels, labels.n_votes, ids)
    with pytest.raises(DataError, match=r"2 of 300 ids.*have no label: 'row-298', 'row-299'"):
        report_page(case.votes, labels=other)


def test_labels_of_fewer_rows(case):
    labels = case.model.label(case.votes[:200])
    with pytest.raises(DataError, match="300 rows of votes and 200 of labels"):
        report_page(case.votes, labels=labels)


def test_labels_of_other_classes(case):
    labels = SoftLabels(np.full((300, 2), 0.5), LabelSpace(["no", "yes"]), ids=case.votes.row_ids)
    with pytest.raises(DataError, match="ham, spam in the votes and no, yes in the labels"):
        report_page(case.votes, labels=labels)


def test_labels_made_from_other_votes_on_rows_of_the_same_ids(case):
    labels = case.model.label(case.votes)
    turned = SoftLabels(
        labels.probabilities[::-1],
        labels.labels,
        labels.n_votes[::-1],
        labels.ids,
        labels.provenance,
    )
    with pytest.raises(DataError, match="the labels were made from other votes: row row-"):
        report_page(case.votes, labels=turned)


def test_rows_and_gold_of_another_length(case):
    with pytest.raises(DataError, match="found 299 for 300"):
        report_page(case.votes, rows=case.rows[:299])
    with pytest.raises(DataError, match="found 299 for 300 rows"):
        report_page(case.votes, gold=case.gold[:299])


def test_gold_that_is_no_label_or_never_known(case):
    with pytest.raises(LabelError, match="'eggs'"):
        report_page(case.votes, gold=["eggs", *case.gold[1:]])
    with pytest.raises(DataError, match="no row has a gold label"):
        report_page(case.votes, gold=[None] * 300)


def test_a_model_that_is_not_of_these_votes(case):
    with pytest.raises(FitError, match="not fitted yet"):
        report_page(case.votes, LabelModel())
    other = DawidSkene().fit([[0, 1, 0], [1, 1, 1], [0, 0, 0]] * 5)
    with pytest.raises(VotesError):
        report_page(case.votes, other)


def test_nothing_to_report_on():
    nothing = VoteMatrix([0], [], [], ["a", "b"], ["one"])
    with pytest.raises(ConfigError, match="at least one row and one labeling function"):
        report_page(nothing)


@pytest.mark.parametrize("max_rows", [0, -1, 2.5, True])
def test_the_number_of_rows_is_a_positive_number(case, max_rows):
    with pytest.raises(ConfigError, match="max_rows must be a whole number of at least 1"):
        report_page(case.votes, max_rows=max_rows)


def test_nothing_is_written_on_an_error(case, tmp_path):
    with pytest.raises(DataError):
        write_report(tmp_path / "r.html", case.votes, rows=[])
    assert list(tmp_path.iterdir()) == []
