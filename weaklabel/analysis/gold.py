"""Gold labels of rows that are measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.errors import DataError
from weaklabel.labels import LabelSpace


def gold_codes(labels: LabelSpace, gold: Any, n_items: int) -> npt.NDArray[np.int64]:
    """Class codes of gold labels, shape (n_items,), -1 where unknown.

    Raises
    ------
    LabelError
        If one is not a label.
    DataError
        If there is not one per row.
    """
    codes = labels.encode(gold, what="gold label")
    if len(codes) != n_items:
        raise DataError(
            f"there must be one gold label per row: found {len(codes)} for {n_items} rows"
        )
    return codes
