"""Apply labeling functions on this machine."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from contextlib import closing
from typing import TYPE_CHECKING, get_args

from weaklabel.applier.collect import Collector
from weaklabel.applier.column_engine import columns_read
from weaklabel.applier.engine import BatchAnswers, Memory, OnError, answer_batch
from weaklabel.applier.parallel import answer_in_processes, count_jobs
from weaklabel.applier.progress import LARGEST_BATCH, Pace, Progress
from weaklabel.applier.sources import RowsLike, Source, open_rows
from weaklabel.applier.space import declared_labels
from weaklabel.errors import ConfigError
from weaklabel.lf import LabelingFunction, Pack
from weaklabel.lf.pack import lfs_and_pack

if TYPE_CHECKING:
    from weaklabel.labels import LabelSpaceLike
    from weaklabel.votes import VoteMatrix


def apply(
    lfs: Pack | Iterable[LabelingFunction] | LabelingFunction,
    rows: RowsLike,
    *,
    labels: LabelSpaceLike | None = None,
    id_column: str | None = None,
    n_jobs: int = 1,
    on_error: OnError = "raise",
    progress: bool | None = None,
    batch_size: int | None = None,
) -> VoteMatrix:
    """Ask every labeling function about every row.

    Parameters
    ----------
    lfs : Pack or labeling functions
        With unique names; they become the columns, in this order.
    rows : list of dicts or objects, DataFrame, Arrow table, or path of a CSV or Parquet file
        See :mod:`weaklabel.applier.sources`. Missing values reach a labeling function as None.
    labels : LabelSpace, or anything it takes, optional
        The classes. If None: ``LABELS`` of the pack, else what the labeling functions declare, else
        inferred from their answers.
    id_column : str, optional
        The column that identifies a row. If None: ``ID_COLUMN`` of the pack, else the index of a
        DataFrame unless it is the plain ``0 .. n-1``, else the position.
    n_jobs : int, default 1
        Processes; -1 for all cores. Worth it from about ten seconds of work on.
    on_error : {"raise", "abstain"}, default "raise"
        What to do when a labeling function raises: stop, or count it as abstaining on that row and
        keep the first traceback in ``votes.faults``. An answer that is not a label always stops.
    progress : bool, optional
        Show a bar. If None: on a terminal, when the work takes longer than a second.
    batch_size : int, optional
        Rows at a time. The default adapts to the speed of the labeling functions. Neither this nor
        ``n_jobs`` changes the result.

    Returns
    -------
    VoteMatrix
        Rows in input order, with ids and fingerprints.

    Raises
    ------
    ConfigError
        No labeling functions, equal names, settings out of range, classes that contradict each
        other or cannot be inferred.
    DataError
        No rows, rows of an unknown kind, a missing or damaged file, a missing id column, ids that
        are missing or not unique.
    LabelingFunctionError
        A labeling function raised under ``"raise"``, or answered something that is not a label. Of
        several, the one on the first row is reported.

    Warns
    -----
    CoverageWarning
        If a labeling function failed on every row, or nobody voted at all.

    Notes
    -----
    O(n_items n_lfs) calls; memory for the votes, one batch, and the input.

    Examples
    --------
    >>> from weaklabel import labeling_function
    >>> @labeling_function
    ... def has_link(x):
    ...     return "spam" if "http" in x.text else None
    >>> apply([has_link], [{"text": "see http://x"}, {"text": "hi"}], labels=["ham", "spam"])
    VoteMatrix(2 items x 1 LFs, 1 votes, classes ham, spam)
    """
    checked, pack = lfs_and_pack(lfs)
    _check_settings(on_error, progress, batch_size)
    n_jobs = count_jobs(n_jobs)
    space = declared_labels(labels, pack, checked)
    if id_column is None and pack is not None:
        id_column = pack.id_column
    source = open_rows(rows, id_column)
    source.settle(columns_read(checked))
    collector = Collector(checked, source.ids, space)
    answers = _answers(source, checked, on_error, n_jobs, batch_size)
    # Closed on an error, so that worker processes end then and not when memory is swept.
    with closing(answers), Progress(source.n_rows, progress) as bar:
        for batch in answers:
            collector.add(batch)
            bar.advance(batch.n_rows)
    return collector.finish()


def _answers(
    source: Source,
    lfs: tuple[LabelingFunction, ...],
    on_error: OnError,
    n_jobs: int,
    batch_size: int | None,
) -> Generator[BatchAnswers, None, None]:
    if n_jobs > 1:
        share = -(-source.n_rows // (4 * n_jobs))  # a few batches each, so that none waits long
        pace = Pace(min(share, LARGEST_BATCH), batch_size)
        yield from answer_in_processes(source, lfs, on_error, n_jobs, pace)  # closes it as well
        return
    memory = Memory()
    pace = Pace(fixed=batch_size)
    for batch in source.batches(pace):
        start = time.perf_counter()
        answers = answer_batch(batch, lfs, on_error, memory)
        pace.took(batch.n_rows, time.perf_counter() - start)
        yield answers


def _check_settings(on_error: str, progress: bool | None, batch_size: int | None) -> None:
    if on_error not in get_args(OnError):
        raise ConfigError(f"on_error must be one of {get_args(OnError)}, found {on_error!r}")
    if progress not in (None, True, False):
        raise ConfigError(f"progress must be True, False or None, found {progress!r}")
    whole = isinstance(batch_size, int) and not isinstance(batch_size, bool)
    if batch_size is not None and not (whole and batch_size >= 1):
        raise ConfigError(f"batch_size must be at least 1, found {batch_size!r}")
