"""Apply labeling functions on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable
from contextlib import closing
from typing import TYPE_CHECKING, get_args

from weaklabel.applier.cache import VoteCache, cache_of
from weaklabel.applier.cached import CachedRun
from weaklabel.applier.collect import Collector
from weaklabel.applier.column_engine import columns_read
from weaklabel.applier.engine import BatchAnswers, Memory, OnError, answer_batch
from weaklabel.applier.parallel import Task, answer_in_processes, count_jobs
from weaklabel.applier.progress import LARGEST_BATCH, Pace, Progress
from weaklabel.applier.sources import RowsLike, open_rows
from weaklabel.applier.space import declared_labels
from weaklabel.applier.timing import Timing
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
    cache: str | os.PathLike[str] | VoteCache | None = None,
    timing: Timing | None = None,
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
    cache : path or VoteCache, optional
        A folder of its own for votes to be kept in. What has been asked before, the same labeling
        function about the same rows, is not asked again; see :class:`weaklabel.VoteCache`. It
        does not change the result as long as a labeling function answers equal rows alike, and
        its fingerprint or ``version`` changes when its answers do.
    timing : Timing, optional
        Is told how long each labeling function takes; ``lf_summary(votes, timing=timing)`` shows
        it.

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
    CacheWarning
        If kept votes cannot be used, or votes cannot be kept.

    Notes
    -----
    With a cache, finished chunks of rows survive whatever happens to the process; rows appended
    since are the only ones asked about, and a labeling function that was edited is the only one
    that is asked. O(n_items n_lfs) calls; memory for the votes, one batch, and the input.

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
    kept = cache_of(cache)
    source = open_rows(rows, id_column)
    source.settle(columns_read(checked))
    collector = Collector(checked, source.ids, space)
    pace = _pace(source.n_rows, n_jobs, batch_size)
    with Progress(source.n_rows, progress) as bar:
        run = None
        tasks: Iterable[Task] = ((batch, None) for batch in source.batches(pace))
        if kept is not None:
            run = CachedRun(source, checked, on_error, kept, pace, bar.advance)
            tasks = run.tasks()
        answers = _answers(tasks, checked, on_error, n_jobs, pace)
        # Closed on an error, so that worker processes end then and not when memory is swept.
        with closing(answers):
            for batch in answers if run is None else run.answers(answers):
                assert batch is not None
                collector.add(batch)
                if timing is not None:
                    timing.add([lf.name for lf in checked], batch)
                if run is None:
                    bar.advance(batch.n_rows)
    if kept is not None:
        kept.warn()
    return collector.finish()


def _pace(n_rows: int, n_jobs: int, batch_size: int | None) -> Pace:
    if n_jobs == 1:
        return Pace(fixed=batch_size)
    share = -(-n_rows // (4 * n_jobs))  # a few batches each, so that none waits long
    return Pace(min(share, LARGEST_BATCH), batch_size)


def _answers(
    tasks: Iterable[Task],
    lfs: tuple[LabelingFunction, ...],
    on_error: OnError,
    n_jobs: int,
    pace: Pace,
) -> Generator[BatchAnswers | None, None, None]:
    if n_jobs > 1:
        yield from answer_in_processes(tasks, lfs, on_error, n_jobs, pace)  # closes it as well
        return
    memory = Memory()
    for task in tasks:
        if task is None:
            yield None
            continue
        batch, positions = task
        asked = lfs if positions is None else tuple(lfs[j] for j in positions)
        start = time.perf_counter()
        answers = answer_batch(batch, asked, on_error, memory)
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
