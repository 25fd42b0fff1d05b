"""Many processes: batches go out, answers come back, in order.

Worker processes are started afresh by joblib's ``loky`` (not forked), so threads and open
connections of this process cannot hang them, and scripts need no ``__main__`` guard. Labeling
functions of a pack file are loaded again from the file; those of an importable module are imported;
all others, lambdas, closures and notebook cells included, travel by value through cloudpickle.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from weaklabel.applier.batch import Batch
from weaklabel.applier.engine import BatchAnswers, Failure, OnError, answer_batch
from weaklabel.errors import ConfigError, DataError, WeakLabelError
from weaklabel.lf import LabelingFunction


def answer_in_processes(
    batches: Iterable[Batch], lfs: Sequence[LabelingFunction], on_error: OnError, n_jobs: int
) -> Iterator[BatchAnswers]:
    """As :func:`weaklabel.applier.engine.answer_batch` on each batch, in order.

    Raises
    ------
    ConfigError
        If a labeling function cannot be sent to a worker process.
    DataError
        If the rows cannot.
    """
    from joblib import Parallel, delayed

    payload = _payload(lfs, on_error)  # once in a file, not once per batch: resources may be large
    handle, path = tempfile.mkstemp(prefix="weaklabel-", suffix=".task")
    results: Any = None
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(payload)
        pool = Parallel(
            n_jobs=n_jobs,
            backend="loky",
            batch_size=1,
            pre_dispatch=2 * n_jobs,
            return_as="generator",
            max_nbytes=None,
        )
        results = pool(delayed(_work)(path, batch) for batch in _until_error(batches))
        for result in _translated(results):
            if isinstance(result, Exception):
                raise result
            yield _unpacked(result)
    finally:
        if results is not None:
            results.close()
        Path(path).unlink(missing_ok=True)


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


def _until_error(batches: Iterable[Batch]) -> Iterator[Batch | Exception]:
    """The batches; an exception becomes the last of them.

    joblib reads its tasks in a thread of its own, where an exception would be lost.
    """
    try:
        yield from batches
    except Exception as error:
        yield error


def _translated(results: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from results
    except WeakLabelError:
        raise
    except Exception as error:
        if "pickle" in f"{type(error).__name__} {error}".lower():
            raise DataError(
                f"the rows cannot be sent to worker processes: {error}; pass n_jobs=1"
            ) from error
        raise


def _payload(lfs: Sequence[LabelingFunction], on_error: OnError) -> bytes:
    import cloudpickle  # type: ignore[import-untyped]

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


def _work(path: str, batch: Batch | Exception) -> BatchAnswers | Exception:
    if isinstance(batch, Exception):
        return batch
    lfs, on_error, touched = _task(path)
    return _packed(answer_batch(batch, lfs, on_error, touched))


@lru_cache(maxsize=1)
def _task(path: str) -> tuple[tuple[LabelingFunction, ...], OnError, dict[str, None]]:
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
    return lfs, on_error, {}


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
    return replace(answers, failure=_with_error(failure, error))


def _with_error(failure: Failure, error: BaseException | None) -> Failure:
    return replace(failure, error=error)


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
