"""Choosing a backend: NumPy for small work, compiled kernels for large, torch on request.

All backends compute the same numbers (:mod:`weaklabel.inference.rows`); the choice is about time.
It depends on the problem only, never on the machine's load or number of threads, so that the same
votes give the same bits.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from weaklabel.errors import ConfigError
from weaklabel.inference.rows import Backend, Expected, VoteRows

__all__ = ["Backend", "BackendKind", "Expected", "VoteRows", "make_backend", "wants_compiled"]

BackendKind = Literal["auto", "numpy", "numba", "torch"]

COMPILED_FROM_NS = 5e6
"""Predicted time of an E-step without compiled code from which compiled code is used.

At 5 ms a step, a fit of 100 steps takes half a second: less than the first compilation.
"""


def wants_compiled(n_patterns: int, n_votes: int, n_classes: int) -> bool:
    """Whether ``kind="auto"`` takes compiled kernels for a problem of this size.

    Sparse products take about 8 ns a vote plus 0.7 ns a vote and class (measured, one core).
    """
    return (n_votes + n_patterns) * (8 + 0.7 * n_classes) >= COMPILED_FROM_NS


def make_backend(
    rows: VoteRows,
    *,
    kind: BackendKind = "auto",
    device: str | None = None,
    n_threads: int | None = None,
) -> Backend:
    """The backend for these votes.

    Parameters
    ----------
    rows : VoteRows
    kind : {"auto", "numpy", "numba", "torch"}, default "auto"
        ``"auto"`` is NumPy for small work and numba for large; torch if ``device`` is given.
    device : str, optional
        A torch device such as ``"cuda"``; only for ``"auto"`` and ``"torch"``.
    n_threads : int, optional
        Threads of the compiled kernels; default all cores. It changes no bit of the result.

    Raises
    ------
    ConfigError
        If ``kind`` is unknown, if ``device`` is given for a kind without devices, or if
        ``n_threads`` is below 1.
    """
    if kind not in ("auto", "numpy", "numba", "torch"):
        raise ConfigError(
            f"backend must be 'auto', 'numpy', 'numba' or 'torch', found {kind!r}; "
            "'auto' chooses by size"
        )
    if device is not None and kind in ("numpy", "numba"):
        raise ConfigError(
            f"backend {kind!r} runs on the CPU and takes no device, found device={device!r}; "
            "leave the device out or use backend='torch'"
        )
    if n_threads is not None and n_threads < 1:
        raise ConfigError(f"n_threads must be at least 1, found {n_threads}; leave it out for all")
    _check_rows(rows)
    if kind == "torch" or device is not None:
        from weaklabel.inference.torch_backend import TorchBackend

        return TorchBackend(rows, device=device or "cpu")
    if kind == "numba" or (
        kind == "auto" and wants_compiled(rows.n_patterns, rows.n_votes, rows.n_classes)
    ):
        from weaklabel.inference.numba_backend import NumbaBackend

        return NumbaBackend(rows, n_threads=n_threads)
    from weaklabel.inference.numpy_backend import NumpyBackend

    return NumpyBackend(rows, "asked for" if kind == "numpy" else "small work needs no compiler")


def _check_rows(rows: VoteRows) -> None:
    """Compiled code does not check bounds, so an index out of range must not reach it."""
    found = int(rows.table_row.max()) if rows.n_votes else -1
    if found >= rows.n_table_rows:
        raise ValueError(
            f"table rows must lie below n_table_rows={rows.n_table_rows}, found {found}"
        )
    if len(rows.row_lf) != rows.n_table_rows:
        raise ValueError(
            f"row_lf must name the LF of each of the {rows.n_table_rows} table rows, "
            f"found {len(rows.row_lf)}"
        )
    if rows.weight is not None and rows.weight.shape != (rows.n_patterns,):
        raise ValueError(f"weight must have shape ({rows.n_patterns},), found {rows.weight.shape}")
    if int(rows.indptr[0]) != 0 or int(rows.indptr[-1]) != rows.n_votes:
        raise ValueError(
            f"indptr must run from 0 to n_votes={rows.n_votes}, "
            f"found {int(rows.indptr[0])} to {int(rows.indptr[-1])}"
        )
    n_runs = np.count_nonzero(np.diff(rows.row_lf)) + (len(rows.row_lf) > 0)
    if n_runs != len(np.unique(rows.row_lf)):
        raise ValueError("the table rows of one LF must be contiguous in row_lf; sort them by LF")
