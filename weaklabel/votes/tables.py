"""Vote matrices from and to the tables people have: long (a crowd) and wide (one column per LF)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.errors import LabelError, VotesError
from weaklabel.labels import ABSTAIN, LabelSpace, LabelSpaceLike, VoteAlphabet
from weaklabel.votes.build import assemble
from weaklabel.votes.matrix import OnDuplicate, VoteMatrix, check_row_ids, quoted

if TYPE_CHECKING:
    import pandas as pd


def from_long(
    table: Any,
    item: str = "item",
    source: str = "source",
    label: str = "label",
    labels: LabelSpaceLike | VoteAlphabet | None = None,
    *,
    on_duplicate: OnDuplicate = "error",
) -> VoteMatrix:
    """A vote matrix from a table with one row per vote: a crowd, or a panel of judges.

    Parameters
    ----------
    table : DataFrame, Arrow table, mapping of columns, or path of a CSV or Parquet file
    item, source, label : str
        Names of the three columns. A missing label is an abstention.
    labels : optional
        The classes; the distinct labels found, sorted, if None.
    on_duplicate : {"error", "first", "last"}
        What to do with two votes of one source on one item.

    Returns
    -------
    VoteMatrix
        Items in order of first appearance, with their ids; sources sorted by name.

    Raises
    ------
    VotesError
        If a column is missing, an item or source is null, there is no row, or a pair repeats.
    LabelError
        If a label is not among ``labels``; the message names the first and its row.
    """
    frame = as_frame(table)
    _check_columns(frame, [item, source, label])
    if not len(frame):
        raise VotesError("the table of votes has no rows; give at least one vote")
    for name in (item, source):
        missing = frame[name].isna().to_numpy()
        if missing.any():
            raise VotesError(
                f"every vote needs a value in the column {name!r}; it is missing in row "
                f"{int(np.flatnonzero(missing)[0])} ({int(missing.sum())} such rows)"
            )
    import pandas as pd

    item_codes, items = pd.factorize(frame[item])
    names = frame[source].astype(str)
    source_codes, sources = pd.factorize(names, sort=True)
    alphabet, codes = _read_columns([frame[label]], [label], labels, minus_one_abstains=False)
    voted = codes[0] != ABSTAIN
    return assemble(
        item_codes[voted],
        source_codes[voted],
        codes[0][voted],
        len(items),
        alphabet,
        list(sources),
        np.asarray(items),
        on_duplicate=on_duplicate,
    )


def to_long(votes: VoteMatrix) -> pd.DataFrame:
    """One row per vote: ``item``, ``source``, ``label`` (the symbol in words)."""
    import pandas as pd

    words = np.array(_words(votes.alphabet), dtype=object)
    return pd.DataFrame(
        {
            "item": votes.ids[votes.item_index()],
            "source": np.array(votes.lf_names, dtype=object)[votes.lf_index],
            "label": words[votes.symbol],
        }
    )


def from_wide(
    table: Any,
    id_column: str | None = None,
    lf_columns: Sequence[str] | None = None,
    labels: LabelSpaceLike | VoteAlphabet | None = None,
) -> VoteMatrix:
    """A vote matrix from a table with one row per item and one column per LF.

    Parameters
    ----------
    table : DataFrame, Arrow table, mapping of columns, or path of a CSV or Parquet file
    id_column : str, optional
        Column of unique row ids; else the index of a DataFrame that has one, else positions.
    lf_columns : sequence of str, optional
        The columns that hold votes; all but ``id_column`` if None.
    labels : optional
        The classes; the distinct labels of all columns, sorted, if None.

    Returns
    -------
    VoteMatrix
        Missing cells and -1 are abstentions.

    Raises
    ------
    VotesError
        If a column is missing, there is no LF column, or ids repeat.
    LabelError
        If a cell is not a label; the message names the LF and the row.
    """
    import pandas as pd

    frame = as_frame(table)
    names = [c for c in frame.columns if c != id_column] if lf_columns is None else list(lf_columns)
    _check_columns(frame, ([] if id_column is None else [id_column]) + names)
    ids: Any = None
    if id_column is not None:
        ids = frame[id_column].to_numpy()
    elif not isinstance(frame.index, pd.RangeIndex):
        ids = frame.index.to_numpy()
    lf_names = [str(n) for n in names]
    alphabet, codes = _read_columns([frame[n] for n in names], lf_names, labels)
    dense = np.stack(codes, axis=1) if codes else np.empty((len(frame), 0), dtype=np.int64)
    if ids is not None:
        ids = check_row_ids(ids, len(frame))
    return VoteMatrix.from_dense(dense, alphabet, lf_names, ids)


def to_wide(votes: VoteMatrix) -> pd.DataFrame:
    """One row per item (indexed by id), one column per LF: symbols in words, None for abstain."""
    import pandas as pd

    words = np.array([*_words(votes.alphabet), None], dtype=object)  # -1 picks the last
    dense = votes.to_dense()
    columns = {name: words[dense[:, j]] for j, name in enumerate(votes.lf_names)}
    index = None if votes.row_ids is None else pd.Index(votes.row_ids, name="id")
    return pd.DataFrame(columns, index=index, dtype=object)


def as_frame(table: Any) -> pd.DataFrame:
    """A pandas view of a table: DataFrame, Arrow table, mapping of columns, or a file.

    Raises
    ------
    VotesError
        If it is none of these, or the file cannot be read.
    """
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, str | os.PathLike):
        from weaklabel.soft_labels import read_table

        frame: pd.DataFrame = read_table(Path(table)).to_pandas()
        return frame
    if isinstance(table, Mapping):
        return pd.DataFrame(dict(table))
    if hasattr(table, "to_pandas"):
        converted: pd.DataFrame = table.to_pandas()
        return converted
    raise VotesError(
        "votes are read from a DataFrame, an Arrow table, a mapping of columns or a file, "
        f"found {type(table).__name__}"
    )


def _check_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    for name in names:
        if name not in frame.columns:
            raise VotesError(
                f"there is no column {name!r}; the columns are "
                f"{quoted([str(c) for c in frame.columns])}"
            )


def _words(alphabet: VoteAlphabet) -> list[str]:
    return [alphabet.describe(code) for code in range(len(alphabet))]


def _read_columns(
    columns: Sequence[pd.Series[Any]],
    names: Sequence[str],
    labels: LabelSpaceLike | VoteAlphabet | None,
    *,
    minus_one_abstains: bool = True,
) -> tuple[VoteAlphabet, list[npt.NDArray[np.int64]]]:
    """Alphabet and symbol codes of columns of labels; an alphabet also reads its own words."""
    values = [column.tolist() for column in columns]
    if labels is None:
        found: set[Any] = set()
        for listed in values:
            found.update(listed)
        if minus_one_abstains:
            found.discard(ABSTAIN)
        labels = LabelSpace.infer(found)
    alphabet = labels if isinstance(labels, VoteAlphabet) else VoteAlphabet(LabelSpace(labels))
    extra = {alphabet.describe(c): c for c in range(len(alphabet.labels), len(alphabet))}
    return alphabet, [
        _encode(alphabet.labels, listed, extra, name)
        for listed, name in zip(values, names, strict=True)
    ]


def _encode(
    labels: LabelSpace, values: list[Any], extra: Mapping[str, int], name: str
) -> npt.NDArray[np.int64]:
    rich = {i: extra[v] for i, v in enumerate(values) if isinstance(v, str) and v in extra}
    plain = [None if i in rich else v for i, v in enumerate(values)] if rich else values
    try:
        codes = labels.encode(plain, what="vote")
    except LabelError as error:
        raise LabelError(f"column {name!r}: {error}") from None
    for position, code in rich.items():
        codes[position] = code
    return codes
