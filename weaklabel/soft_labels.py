"""Soft labels: what a label model says about every row, with its provenance.

A :class:`SoftLabels` holds one probability per row and class, the number of votes behind each row,
and a manifest of how the labels came about (classes, labeling functions and their fingerprints,
model, settings, versions). As a table it has the columns

=================  ==========================================================================
``id``             the row id, or the position where the rows had none
``p_<class>``      probability of each class; they sum to 1
``label``          the hard label: the most probable class, null without votes or on a tie
``confidence``     probability of the most probable class
``entropy``        entropy of the probabilities in nats; 0 is certain, log K knows nothing
``n_votes``        labeling functions that voted
``covered``        whether any voted
=================  ==========================================================================

and whatever columns of the input are passed through. The Parquet file carries the manifest in its
metadata.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ArtifactError, DataError
from weaklabel.labels import ABSTAIN, LabelSpace
from weaklabel.storage import atomic_path
from weaklabel.version import __version__

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

OnTie: TypeAlias = Literal["abstain", "first", "random"]
Uncovered: TypeAlias = Literal["abstain", "argmax"]

MANIFEST_KEY: Final = b"weaklabel"
MANIFEST_VERSION: Final = 1
TIE_TOLERANCE: Final = 1e-9  # probabilities closer than this to the largest count as tied with it
SUM_TOLERANCE: Final = 1e-6
PROBABILITY_PREFIX: Final = "p_"


@dataclass(frozen=True, eq=False)
class SoftLabels:
    """Class probabilities of rows, and what stands behind them.

    Parameters
    ----------
    probabilities : array of float, shape (n_items, n_classes)
        Rows sum to 1.
    labels : LabelSpace
        The classes, in column order.
    n_votes : array of int, shape (n_items,), optional
        Votes on each row; all ones if None (labels that did not come from votes).
    ids : array, shape (n_items,), optional
        Row ids (integers or strings); positions if None.
    provenance : mapping, optional
        JSON-able facts about the origin; written into the Parquet metadata.

    Raises
    ------
    DataError
        If a row is negative, not finite or does not sum to 1, or lengths do not agree.

    Examples
    --------
    >>> soft = SoftLabels([[0.9, 0.1], [0.5, 0.5]], LabelSpace(["ham", "spam"]))
    >>> soft.harden().tolist()
    [0, -1]
    """

    probabilities: npt.NDArray[np.float64]
    labels: LabelSpace
    n_votes: npt.NDArray[np.int32] = None  # type: ignore[assignment]  # ones, filled in below
    ids: npt.NDArray[Any] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = LabelSpace(self.labels)
        probabilities = np.asarray(self.probabilities, dtype=np.float64)
        check_probabilities(probabilities, len(labels))
        n_items = len(probabilities)
        votes = np.ones(n_items, np.int32) if self.n_votes is None else np.asarray(self.n_votes)
        if votes.shape != (n_items,):
            raise DataError(f"n_votes must have shape ({n_items},), found {votes.shape}")
        ids = None if self.ids is None else np.asarray(self.ids)
        if ids is not None and ids.shape != (n_items,):
            raise DataError(f"ids must have shape ({n_items},), found {ids.shape}")
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "probabilities", _read_only(probabilities))
        object.__setattr__(self, "n_votes", _read_only(votes.astype(np.int32, copy=False)))
        object.__setattr__(self, "ids", None if ids is None else _read_only(ids))

    # -- what is known of each row ---------------------------------------------------------------

    @property
    def n_items(self) -> int:
        """Number of rows."""
        return len(self.probabilities)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.labels)

    def __len__(self) -> int:
        return self.n_items

    def __repr__(self) -> str:
        return (
            f"SoftLabels({self.n_items:,} items, {self.n_classes} classes, "
            f"{int(self.covered.sum()):,} covered)"
        )

    @property
    def covered(self) -> npt.NDArray[np.bool_]:
        """Whether any labeling function voted, shape (n_items,)."""
        return np.asarray(self.n_votes > 0)

    @cached_property
    def confidence(self) -> npt.NDArray[np.float64]:
        """Probability of the most probable class, shape (n_items,)."""
        return np.asarray(self.probabilities.max(axis=1, initial=0.0))

    @cached_property
    def entropy(self) -> npt.NDArray[np.float64]:
        """Entropy of each row in nats, shape (n_items,), in [0, log K]."""
        p = self.probabilities
        logs = np.log(np.where(p > 0, p, 1.0))
        return np.asarray(np.maximum(-(p * logs).sum(axis=1), 0.0))

    def harden(
        self,
        on_tie: OnTie = "abstain",
        uncovered: Uncovered = "abstain",
        random_state: int = 0,
    ) -> npt.NDArray[np.int64]:
        """Hard labels as class codes.

        Parameters
        ----------
        on_tie : {"abstain", "first", "random"}
            What a row gets whose most probable classes tie: -1, the first of them, or one of them
            drawn by ``random_state`` and the row's position.
        uncovered : {"abstain", "argmax"}
            Whether rows without votes get -1 or, like the others, their most probable class.
        random_state : int

        Returns
        -------
        array of int64, shape (n_items,)
            In ``-1 .. K-1``.
        """
        codes = argmax_with_ties(self.probabilities, on_tie, random_state)
        if uncovered == "abstain":
            codes[~self.covered] = ABSTAIN
        return codes

    # -- tables and files ------------------------------------------------------------------------

    def manifest(self) -> dict[str, Any]:
        """The provenance written into files: versions, labels, counts, and what the model added."""
        return {
            "manifest_version": MANIFEST_VERSION,
            "weaklabel_version": __version__,
            "labels": list(self.labels.names),
            "n_rows": self.n_items,
            "n_covered": int(self.covered.sum()),
            "has_ids": self.ids is not None,
            **self.provenance,
        }

    def to_arrow(self, columns: pa.Table | pd.DataFrame | None = None) -> pa.Table:
        """The labels as an Arrow table with the manifest in the schema metadata.

        Parameters
        ----------
        columns : pyarrow.Table or pandas.DataFrame, optional
            Input columns to pass through, one row per item in the same order.

        Raises
        ------
        DataError
            If ``columns`` has another number of rows, or a name the labels use.
        """
        import pyarrow as pa

        hard = [None if c == ABSTAIN else self.labels.names[c] for c in self.harden().tolist()]
        ids = np.arange(self.n_items) if self.ids is None else self.ids
        data: dict[str, Any] = {"id": pa.array(ids.tolist() if ids.dtype == object else ids)}
        for k, name in enumerate(self.labels.names):
            data[PROBABILITY_PREFIX + name] = pa.array(self.probabilities[:, k])
        data["label"] = pa.array(hard, type=pa.string())
        data["confidence"] = pa.array(self.confidence)
        data["entropy"] = pa.array(self.entropy)
        data["n_votes"] = pa.array(self.n_votes)
        data["covered"] = pa.array(self.covered)
        if columns is not None:
            data.update(_passed_through(columns, self.n_items, set(data)))
        metadata = {MANIFEST_KEY: json.dumps(self.manifest(), sort_keys=True).encode()}
        return pa.table(data).replace_schema_metadata(metadata)

    def to_pandas(self, columns: pa.Table | pd.DataFrame | None = None) -> pd.DataFrame:
        """The labels as a data frame; see :meth:`to_arrow`."""
        frame: pd.DataFrame = self.to_arrow(columns).to_pandas()
        return frame

    def to_parquet(
        self,
        path: str | os.PathLike[str],
        columns: pa.Table | pd.DataFrame | None = None,
        *,
        overwrite: bool = False,
    ) -> Path:
        """Write a Parquet file that carries the manifest in its metadata.

        Parameters
        ----------
        path : path
        columns : pyarrow.Table or pandas.DataFrame, optional
            Input columns to pass through.
        overwrite : bool, default False

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ArtifactError
            If the file exists and ``overwrite`` is false, or it cannot be written.
        """
        import pyarrow.parquet as pq

        table = self.to_arrow(columns)
        with atomic_path(path, overwrite=overwrite) as temporary:
            pq.write_table(table, temporary)
        return Path(path)

    def to_csv(
        self,
        path: str | os.PathLike[str],
        columns: pa.Table | pd.DataFrame | None = None,
        *,
        overwrite: bool = False,
    ) -> Path:
        """Write a CSV file with a header line; it has no room for the manifest.

        Parameters and errors as :meth:`to_parquet`. Probabilities are written so that they read
        back to the same float64.
        """
        frame = self.to_pandas(columns)
        with atomic_path(path, overwrite=overwrite) as temporary:
            frame.to_csv(temporary, index=False)
        return Path(path)

    def write(
        self,
        path: str | os.PathLike[str],
        columns: pa.Table | pd.DataFrame | None = None,
        *,
        overwrite: bool = False,
    ) -> Path:
        """Write CSV or Parquet by the suffix of ``path``."""
        if file_format(path) == "csv":
            return self.to_csv(path, columns, overwrite=overwrite)
        return self.to_parquet(path, columns, overwrite=overwrite)

    @classmethod
    def from_arrow(cls, table: pa.Table) -> SoftLabels:
        """Soft labels from a table of :meth:`to_arrow`, or from any with ``p_<class>`` columns.

        Raises
        ------
        DataError
            If there is no ``p_<class>`` column, or the probabilities do not sum to 1.
        """
        manifest = json.loads((table.schema.metadata or {}).get(MANIFEST_KEY, b"{}"))
        names = manifest.pop("labels", None)
        if names is None:
            prefix = len(PROBABILITY_PREFIX)
            names = [c[prefix:] for c in table.column_names if c.startswith(PROBABILITY_PREFIX)]
        missing = [n for n in names if PROBABILITY_PREFIX + n not in table.column_names]
        if not names or missing:
            raise DataError(
                f"soft labels need one column {PROBABILITY_PREFIX}<class> per class; "
                f"missing {missing or 'all'}, found the columns {table.column_names}"
            )
        columns = [
            table.column(PROBABILITY_PREFIX + n).to_numpy().astype(np.float64) for n in names
        ]
        has_ids = manifest.pop("has_ids", "id" in table.column_names)
        for key in ("manifest_version", "weaklabel_version", "n_rows", "n_covered"):
            manifest.pop(key, None)
        return cls(
            np.stack(columns, axis=1),
            LabelSpace(names),
            _votes_of(table),
            _ids_of(table.column("id")) if has_ids else None,
            manifest,
        )

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> SoftLabels:
        """Read a CSV or Parquet file of soft labels.

        Raises
        ------
        ArtifactError
            If the file is missing or damaged.
        DataError
            If it holds no soft labels.
        """
        return cls.from_arrow(read_table(path))


def check_probabilities(probabilities: npt.NDArray[np.float64], n_classes: int) -> None:
    """Raise DataError unless the array is (n, n_classes) with rows that are distributions."""
    if probabilities.ndim != 2 or probabilities.shape[1] != n_classes:
        raise DataError(
            f"probabilities must have shape (n_items, {n_classes}), found {probabilities.shape}"
        )
    if not len(probabilities):
        return
    sums = probabilities.sum(axis=1)
    bad = ~(np.abs(sums - 1.0) <= SUM_TOLERANCE) | ~(probabilities.min(axis=1) >= 0.0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            "each row of probabilities must be finite, at least 0, and sum to 1; "
            f"row {row} is {np.round(probabilities[row, :8], 6).tolist()} "
            f"with sum {sums[row]:g} ({int(bad.sum())} such rows)"
        )


def argmax_with_ties(
    probabilities: npt.NDArray[np.float64], on_tie: OnTie, random_state: int
) -> npt.NDArray[np.int64]:
    """The most probable class of each row; ties (within 1e-9) by the named policy.

    Returns
    -------
    array of int64, shape (n_items,)
        -1 for a tie under ``"abstain"``.
    """
    if on_tie not in ("abstain", "first", "random"):
        raise DataError(f"on_tie must be 'abstain', 'first' or 'random', found {on_tie!r}")
    if not len(probabilities):
        return np.empty(0, dtype=np.int64)
    near = probabilities >= probabilities.max(axis=1, keepdims=True) - TIE_TOLERANCE
    codes: npt.NDArray[np.int64] = near.argmax(axis=1).astype(np.int64)
    tied = np.flatnonzero(near.sum(axis=1) > 1)
    if on_tie == "abstain":
        codes[tied] = ABSTAIN
    elif on_tie == "random" and len(tied):
        rng = np.random.default_rng(random_state)
        draw = rng.random(len(probabilities))[tied]  # by position: the same row, the same draw
        rank = np.floor(draw * near[tied].sum(axis=1)).astype(np.int64)
        codes[tied] = (near[tied].cumsum(axis=1) > rank[:, None]).argmax(axis=1)
    return codes


def file_format(path: str | os.PathLike[str]) -> Literal["csv", "parquet"]:
    """The table format a file name asks for.

    Raises
    ------
    ArtifactError
        If the suffix is neither ``.csv`` nor ``.parquet``.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".csv":
        return "csv"
    if suffix in (".parquet", ".pq"):
        return "parquet"
    raise ArtifactError(
        f"tables are written as .csv or .parquet, found the name {Path(path).name!r}"
    )


def read_table(path: str | os.PathLike[str]) -> pa.Table:
    """A CSV or Parquet file as an Arrow table; an empty cell of a CSV file is null.

    Raises
    ------
    ArtifactError
        If the file is missing, damaged, or of another format.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from weaklabel.csv_file import CsvFile

    source = Path(path)
    form = file_format(source)
    if not source.is_file():
        raise ArtifactError(f"there is no file {source}")
    try:
        return CsvFile(source).table() if form == "csv" else pq.read_table(source)
    except (pa.ArrowInvalid, OSError, DataError) as error:
        raise ArtifactError(
            f"{source} is damaged or not a {form} file ({error}); write it again"
        ) from error


def _passed_through(columns: Any, n_items: int, taken: set[str]) -> dict[str, Any]:
    import pyarrow as pa

    table = (
        columns
        if isinstance(columns, pa.Table)
        else pa.Table.from_pandas(columns, preserve_index=False)
    )
    if table.num_rows != n_items:
        raise DataError(
            f"columns passed through must have one row per item ({n_items}), found {table.num_rows}"
        )
    clash = sorted(taken & set(table.column_names))
    if clash:
        raise DataError(
            f"columns passed through must not be named like a column of the labels, "
            f"found {clash}; rename or leave them out"
        )
    return {name: table.column(name) for name in table.column_names}


def _votes_of(table: pa.Table) -> npt.NDArray[np.int32]:
    if "n_votes" not in table.column_names:
        return np.ones(table.num_rows, dtype=np.int32)
    return np.asarray(table.column("n_votes").to_numpy(), dtype=np.int32)


def _ids_of(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_integer(column.type):
        return np.asarray(column.to_numpy())
    ids = np.empty(len(column), dtype=object)
    ids[:] = column.to_pylist()
    return ids


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
