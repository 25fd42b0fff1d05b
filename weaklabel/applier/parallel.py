"""Many processes: batches go out, answers come back, in order.

Worker processes are started afresh by joblib's ``loky`` (not forked), so threads and open
connections of this process cannot hang them, and scripts need no ``__main__`` guard. Labeling
functions of a pack file are loaded again from the file; those of an importable module are imported;
all others, lambdas, closures and notebook cells included, travel by value through cloudpickle.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from weaklabel.applier.batch import Batch
from weaklabel.applier.engine import BatchAnswers, Memory, OnError, answer_batch
from weaklabel.applier.progress import Pace
from weaklabel.errors import ConfigError, DataError, LabelingFunctionError, WeakLabelError
from weaklabel.lf import LabelingFunction

Timed: TypeAlias = tuple[BatchAnswers, float]
Task: TypeAlias = tuple[Batch, tuple[int, ...] | None] | None

IDLE_SECONDS: Final = 120  # after which idle workers end


def answer_in_processes(
    tasks: Iterable[Task],
    lfs: Sequence[LabelingFunction],
    on_error: OnError,
    n_jobs: int,
    pace: Pace,
) -> Iterator[BatchAnswers | None]:
    """As :func:`weaklabel.applier.engine.answer_batch` on each task, in order.

    Parameters
    ----------
    tasks : iterable of (Batch, tuple of int or None), or None
        What to ask, and which labeling functions (None: all). The answer to None is None.
    lfs, on_error, n_jobs, pace
        As elsewhere.

    Raises
    ------
    ConfigError
        If a labeling function cannot be sent to a worker process.
    DataError
        If the rows cannot.
    LabelingFunctionError
        If a worker process dies.

    Notes
    -----
    At most ``2 * n_jobs`` batches are under way, so memory stays bounded. The workers stay for a
    while after the work, because starting them takes about a second; when the work ends early, by
    an error or an interrupt, they are ended at once.
    """
    from joblib.externals.loky import get_reusable_executor

    waiting: deque[Future[Timed] | None] = deque()
    executor: Any = None
    with _task_file(_payload(lfs, on_error)) as path:
        try:
            for task in tasks:
                if task is not None and executor is None:
                    executor = get_reusable_executor(
                        max_workers=n_jobs, timeout=IDLE_SECONDS, env=_thread_limits(n_jobs)
                    )
                waiting.append(None if task is None else executor.submit(_work, path, *task))
                while waiting and (waiting[0] is None or len(waiting) >= 2 * n_jobs):
                    yield _answers_of(waiting.popleft(), pace)
            while waiting:
                yield _answers_of(waiting.popleft(), pace)
        except BaseException:
            if executor is not None:
                _end(executor, [future for future in waiting if future is not None])
            raise


def _end(executor: Any, waiting: Iterable[Future[Timed]]) -> None:
    """Kill the workers, whatever they are at."""
    give_up = time.monotonic() + 1.0
    # The executor's own thread must have passed on what was submitted, or it trips over the rest.
    while any(not (f.running() or f.done()) for f in waiting) and time.monotonic() < give_up:
        time.sleep(0.005)
    executor.shutdown(wait=True, kill_workers=True)


@contextmanager
def _task_file(payload: bytes) -> Iterator[str]:
    """The labeling functions in a file: resources may be large, and batches are many."""
    handle, path = tempfile.mkstemp(prefix="weaklabel-", suffix=".task")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(payload)
        yield path
    finally:
        Path(path).unlink(missing_ok=True)


def _thread_limits(n_jobs: int) -> dict[str, str]:
    """Numerical libraries start a thread per core in every process if nobody stops them."""
    from joblib import cpu_count

    share = str(max(cpu_count() // n_jobs, 1))
    return dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), share)


def _answers_of(future: Future[Timed] | None, pace: Pace) -> BatchAnswers | None:
    if future is None:
        return None
    from joblib.externals.loky.process_executor import BrokenProcessPool

    try:
        answers, seconds = future.result()
        pace.took(answers.n_rows, seconds)
        return _unpacked(answers)
    except WeakLabelError:
        raise
    except BrokenProcessPool as error:
        if "pickle" in str(error).lower():
            raise _cannot_be_sent(error) from error
        raise LabelingFunctionError(
            "a worker process died while it ran the labeling functions, for lack of memory or by "
            "a crash in compiled code; pass a smaller batch_size, or n_jobs=1 to see where"
        ) from error
    except Exception as error:
        if "pickle" in f"{type(error).__name__} {error}".lower():
            raise _cannot_be_sent(error) from error
        raise


def _cannot_be_sent(error: Exception) -> DataError:
    cause = error.__cause__ or error
    text = str(cause).strip().splitlines() or [str(error)]
    return DataError(f"the rows cannot be sent to worker processes: {text[-1]}; pass n_jobs=1")


def count_jobs(n_jobs: int) -> int:
    """The number of processes that ``n_jobs`` asks for; -1 is one for each available core.

    Raises
    ------
    ConfigError
        If it is neither -1 nor at least 1.
    """
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or (n_jobs < 1 and n_jobs != -1):
        raise ConfigError(f"n_jobs must be at least 1, or -1 for all cores, found {n_jobs!r}")
    if n_jobs == -1:
        from joblib import cpu_count

        return int(cpu_count())
    return n_jobs


def _payload(lfs: Sequence[LabelingFunction], on_error: OnError) -> bytes:
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps((tuple(lfs), on_error)))
    except Exception as error:
        culprit = next((lf.name for lf in lfs if not _can_be_sent(lf)), None)
        who = f"labeling function {culprit!r}" if culprit else "a labeling function"
        raise ConfigError(
            f"{who} cannot be sent to worker processes: {error}; "
            "make the object it refers to inside the function, or pass n_jobs=1"
        ) from error


def _can_be_sent(value: Any) -> bool:
    import cloudpickle

    try:
        cloudpickle.dumps(value)
    except Exception:
        return False
    return True


# -- in the worker ---------------------------------------------------------------------------------


def _work(path: str, batch: Batch, positions: tuple[int, ...] | None) -> Timed:
    lfs, on_error, memory = _task(path)
    if positions is not None:
        lfs = tuple(lfs[j] for j in positions)
    start = time.perf_counter()
    answers = answer_batch(batch, lfs, on_error, memory)
    return _packed(answers), time.perf_counter() - start


@lru_cache(maxsize=1)
def _task(path: str) -> tuple[tuple[LabelingFunction, ...], OnError, Memory]:
    import cloudpickle

    try:
        lfs, on_error = cloudpickle.loads(Path(path).read_bytes())
    except WeakLabelError:
        raise
    except Exception as error:
        raise ConfigError(
            f"the labeling functions cannot be loaded in a worker process: "
            f"{type(error).__name__}: {error}; define them in a pack file, or pass n_jobs=1"
        ) from error
    return lfs, on_error, Memory()


def _packed(answers: BatchAnswers) -> BatchAnswers:
    """The exception of a failure as bytes: one that cannot be pickled must not hide the failure."""
    if answers.failure is None:
        return answers
    return replace(answers, failure=replace(answers.failure, error=_Sent(answers.failure.error)))


def _unpacked(answers: BatchAnswers) -> BatchAnswers:
    failure = answers.failure
    if failure is None:
        return answers
    error = failure.error.received() if isinstance(failure.error, _Sent) else failure.error
    return replace(answers, failure=replace(failure, error=error))


class _Sent(Exception):
    """An exception on its way between processes."""

    def __init__(self, error: BaseException | bytes | None) -> None:
        import cloudpickle

        if isinstance(error, BaseException):
            try:
                error = bytes(cloudpickle.dumps(error))
            except Exception:
                error = None
        super().__init__(error)

    def received(self) -> BaseException | None:
        """The exception, or None if it cannot be made again."""
        import cloudpickle

        content = self.args[0]
        if content is None:
            return None
        try:
            error = cloudpickle.loads(content)
        except Exception:
            return None
        return error if isinstance(error, BaseException) else None
