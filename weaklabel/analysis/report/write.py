"""The report of votes and labels as one HTML file that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt

from weaklabel.analysis.report.inputs import check_inputs
from weaklabel.analysis.report.page import make_page
from weaklabel.analysis.report.parts import Parts, data_of
from weaklabel.analysis.report.sections import slots_of
from weaklabel.applier.timing import Timing
from weaklabel.errors import ConfigError
from weaklabel.models import LabelModelBase
from weaklabel.soft_labels import SoftLabels
from weaklabel.storage import atomic_path, check_target
from weaklabel.votes import VoteMatrix

MAX_ROWS: Final = 2000
TITLE: Final = "Weak supervision report"


def write_report(
    path: str | os.PathLike[str],
    votes: VoteMatrix | npt.ArrayLike,
    model: LabelModelBase | None = None,
    labels: SoftLabels | None = None,
    gold: Any = None,
    rows: Any = None,
    *,
    timing: Timing | None = None,
    title: str | None = None,
    about: Mapping[str, str] | None = None,
    max_rows: int = MAX_ROWS,
    overwrite: bool = False,
) -> Path:
    """Write a page of tables and charts about votes and what was made of them.

    One HTML file, opened by any browser, that loads nothing from anywhere. The same inputs give the
    same file. Numbers and charts are of all rows; of single rows at most ``max_rows`` are in it,
    those that teach most and some drawn at random.

    Parameters
    ----------
    path : path
    votes : VoteMatrix, or array of int, shape (n_items, n_lfs)
        In an array, -1 is an abstention.
    model : label model, optional
        Fitted; adds what each vote did to the label and, if ``labels`` are not given, the labels.
    labels : SoftLabels, optional
        Of these rows; found by their ids.
    gold : sequence, shape (n_items,), optional
        Class names or codes; None, NaN or -1 where unknown. Adds what is right and wrong.
    rows : DataFrame, Arrow table, or sequence of mappings, length n_items, optional
        The data of the rows, in the order of the votes.
    timing : Timing, optional
        What ``apply(..., timing=timing)`` recorded.
    title : str, optional
    about : mapping of str to str, optional
        Lines for the head of the page, such as where the data is from or when this was made.
    max_rows : int, default 2000
        Rows shown one by one. Long texts are cut where the file would pass 10 MB.
    overwrite : bool, default False

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ArtifactError
        If the file exists and ``overwrite`` is false, or it cannot be written.
    ConfigError
        If there is no row or no labeling function, or ``max_rows`` is not positive.
    DataError
        If labels, gold or rows are not of the rows of the votes.
    LabelError, VotesError, FitError
        If gold holds what is no label, or the model is not one of these votes.

    Notes
    -----
    O(sum of squared votes per row) for the map of agreement, else O(n_votes * n_classes).
    """
    target = check_target(path, overwrite=overwrite)
    page = report_page(
        votes, model, labels, gold, rows, timing=timing, title=title, about=about, max_rows=max_rows
    )
    with atomic_path(target, overwrite=overwrite) as temporary:
        # A lone surrogate, half a character of UTF-16, has no place in UTF-8.
        temporary.write_bytes(page.encode("utf-8", "backslashreplace"))
    return target


def report_page(
    votes: VoteMatrix | npt.ArrayLike,
    model: LabelModelBase | None = None,
    labels: SoftLabels | None = None,
    gold: Any = None,
    rows: Any = None,
    *,
    timing: Timing | None = None,
    title: str | None = None,
    about: Mapping[str, str] | None = None,
    max_rows: int = MAX_ROWS,
) -> str:
    """The page of :func:`write_report` as text; parameters and errors as there."""
    if isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 1:
        raise ConfigError(f"max_rows must be a whole number of at least 1, found {max_rows!r}")
    inputs = check_inputs(votes, model, labels, gold, rows)
    parts = Parts.of(inputs, timing, max_rows)
    return make_page(slots_of(parts, title or TITLE, about or {}), data_of(parts))
