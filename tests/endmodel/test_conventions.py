"""scikit-learn's own checks of an estimator."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from weaklabel.endmodel import EndModel

SPLIT = (
    "the weight decay is chosen on held-out rows, and repeating rows moves others into the "
    "held-out part"
)


def expected_failures(estimator: EndModel) -> dict[str, str]:
    return {
        "check_sample_weight_equivalence_on_dense_data": SPLIT,
        "check_sample_weight_equivalence_on_sparse_data": SPLIT,
    }


@pytest.mark.slow
@parametrize_with_checks(
    [EndModel(), EndModel(head="mlp")], expected_failed_checks=expected_failures
)
@pytest.mark.filterwarnings("ignore")  # the checks provoke warnings on purpose
def test_estimator_checks(estimator: Any, check: Any) -> None:
    check(estimator)
