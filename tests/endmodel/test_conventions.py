"""scikit-learn's own checks of an estimator."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from weaklabel.endmodel import EndModel

BATCHES = (
    "mini-batches of repeated rows are other mini-batches than those of weighted rows (as for "
    "scikit-learn's own MLPClassifier and SGDClassifier)"
)


def expected_failures(estimator: EndModel) -> dict[str, str]:
    if estimator.head == "linear":  # sums over all rows: a row of weight 2 is two rows
        return {}
    return {
        "check_sample_weight_equivalence_on_dense_data": BATCHES,
        "check_sample_weight_equivalence_on_sparse_data": BATCHES,
    }


@pytest.mark.slow
@parametrize_with_checks(
    [EndModel(), EndModel(head="mlp")], expected_failed_checks=expected_failures
)
@pytest.mark.filterwarnings("ignore")  # the checks provoke warnings on purpose
def test_estimator_checks(estimator: Any, check: Any) -> None:
    check(estimator)
