"""Tables of mixed columns as features.

Every column gets a role (:mod:`weaklabel.endmodel.roles`) and an encoder of that role
(:mod:`weaklabel.endmodel.columns`); the features stand side by side in the order of the columns.
The matrix is dense where it is narrow and sparse where text or many categories make it wide.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, final

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from weaklabel.endmodel.columns import COLUMN_ENCODERS, ColumnEncoder
from weaklabel.endmodel.encoder import Encoder, FeatureSettings, Matrix, State, arrays_under
from weaklabel.endmodel.roles import choose_roles
from weaklabel.endmodel.rows import Rows, RowsKind
from weaklabel.errors import DataError

WIDEST_DENSE: Final = 512
MAX_NAMED: Final = 6  # column names listed in a description before it is cut


@final
class TableEncoder(Encoder):
    """The columns of a table, each by its role.

    Parameters
    ----------
    encoders : dict of str to ColumnEncoder
        The columns in use.
    dropped : dict of str to str
        The others, with the reason.
    """

    name: ClassVar[str] = "table"
    accepts: ClassVar[RowsKind] = "table"

    def __init__(self, encoders: dict[str, ColumnEncoder], dropped: dict[str, str]) -> None:
        self.encoders = encoders
        self.dropped = dropped

    @classmethod
    def fit(
        cls,
        rows: Rows,
        settings: FeatureSettings,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> TableEncoder:
        """Choose the roles and learn each column.

        Raises
        ------
        DataError
            If no column is left to learn from.
        """
        table: pd.DataFrame = rows.data
        roles, dropped = choose_roles(table, settings.columns)
        encoders = {
            name: COLUMN_ENCODERS[role].fit(name, table[name], settings)
            for name, role in roles.items()
            if role != "drop"
        }
        if not encoders:
            reasons = "; ".join(f"{name!r} is {why}" for name, why in dropped.items())
            raise DataError(
                f"no column of the table can be learned from: {reasons}. Give the role of at "
                "least one column, for instance columns={'name': 'category'}"
            )
        return cls(encoders, dropped)

    @property
    def n_features(self) -> int:
        """Features of all columns."""
        return sum(encoder.n_features for encoder in self.encoders.values())

    @property
    def roles(self) -> dict[str, str]:
        """Role of every column that is in use."""
        return {name: encoder.role for name, encoder in self.encoders.items()}

    def transform(self, rows: Rows) -> Matrix:
        """Features of the columns side by side."""
        table: pd.DataFrame = rows.data
        self._check_columns(table)
        blocks: list[Any] = [e.transform(name, table[name]) for name, e in self.encoders.items()]
        if self.n_features > WIDEST_DENSE:
            return sp.csr_matrix(sp.hstack([sp.csr_matrix(b) for b in blocks], format="csr"))
        return np.concatenate([b.toarray() if sp.issparse(b) else b for b in blocks], axis=1)

    def _check_columns(self, table: pd.DataFrame) -> None:
        missing = [name for name in self.encoders if name not in table.columns]
        if missing:
            raise DataError(
                f"the table lacks the columns {missing} the model was fitted on; "
                f"it has {table.columns.tolist()}"
            )
        known = self.encoders.keys() | self.dropped.keys()
        extra = [name for name in table.columns if name not in known]
        if extra:
            raise DataError(
                f"the table has columns the model was not fitted on: {extra}; "
                "pass table[list(model.feature_names_in_)]"
            )

    def describe(self) -> str:
        """Number of features, and the columns by role."""
        by_role: dict[str, list[str]] = {}
        for name, encoder in self.encoders.items():
            by_role.setdefault(encoder.role, []).append(name)
        parts = [f"{role}: {_listed(names)}" for role, names in by_role.items()]
        if self.dropped:
            parts.append(f"left out: {_listed([f'{n} ({w})' for n, w in self.dropped.items()])}")
        n_columns = len(self.encoders)
        columns = f"{n_columns} column{'s' if n_columns > 1 else ''}"
        return f"{self.n_features:,} features of {columns} ({'; '.join(parts)})"

    def state(self) -> State:
        """States of all columns."""
        columns: list[dict[str, Any]] = []
        arrays = {}
        for position, (name, encoder) in enumerate(self.encoders.items()):
            state = encoder.state()
            columns.append({"name": name, "role": encoder.role, "header": state.header})
            arrays.update(state.nested(str(position)))
        return State({"columns": columns, "dropped": self.dropped}, arrays)

    @classmethod
    def from_state(cls, state: State) -> TableEncoder:
        """The encoder that wrote the state."""
        encoders = {
            column["name"]: COLUMN_ENCODERS[column["role"]].from_state(
                State(column["header"], arrays_under(state.arrays, str(position)))
            )
            for position, column in enumerate(state.header["columns"])
        }
        return cls(encoders, dict(state.header["dropped"]))


def _listed(names: list[str]) -> str:
    if len(names) <= MAX_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: MAX_NAMED - 1])} and {len(names) - MAX_NAMED + 1} more"
