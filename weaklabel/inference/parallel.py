"""Blocks of work on threads, with results that do not depend on the number of threads.

The caller cuts the work into blocks by the problem alone. Threads take blocks in order; each keeps
a block's sums in its own slot and adds them to the total when all blocks before it have been added.
So every sum is formed in the same order whatever the number of threads, and memory grows with the
threads, not with the blocks.

Threads are started for each call (about 50 microseconds each) and end with it: there is no pool to
be inherited by a forked process, and compiled kernels release the global lock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

BlockFunction = Callable[[int, int], None]
"""Called with the block and the slot of the thread."""


def available_threads() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_blocks(
    n_blocks: int, n_threads: int, compute: BlockFunction, add: BlockFunction | None = None
) -> None:
    """Call ``compute(block, slot)`` for every block and ``add(block, slot)`` in block order.

    Parameters
    ----------
    n_blocks : int
    n_threads : int
        Slots are ``0 .. n_threads - 1``.
    compute : callable
        Runs concurrently in different slots.
    add : callable, optional
        Runs alone, for blocks in ascending order.

    Raises
    ------
    BaseException
        The first error of a call, after all threads have ended.
    """
    if n_threads == 1 or n_blocks <= 1:
        for block in range(n_blocks):
            compute(block, 0)
            if add is not None:
                add(block, 0)
        return
    _Crew(n_blocks, compute, add).run(min(n_threads, n_blocks))


class _Crew:
    """The threads of one call; the calling thread is one of them."""

    def __init__(self, n_blocks: int, compute: BlockFunction, add: BlockFunction | None) -> None:
        self.n_blocks, self.compute, self.add = n_blocks, compute, add
        self.next_block = 0
        self.turn = threading.Condition()
        self.n_added = 0
        self.error: BaseException | None = None

    def run(self, n_threads: int) -> None:
        helpers = [
            threading.Thread(target=self.work, args=(slot,), daemon=True)
            for slot in range(1, n_threads)
        ]
        for helper in helpers:
            helper.start()
        self.work(0)
        for helper in helpers:
            helper.join()
        if self.error is not None:
            raise self.error

    def work(self, slot: int) -> None:
        try:
            while (block := self.take()) is not None:
                self.compute(block, slot)
                self.hand_in(block, slot)
        except BaseException as error:  # handed to the caller, who raises it
            with self.turn:
                self.error = self.error or error
                self.turn.notify_all()

    def take(self) -> int | None:
        with self.turn:
            if self.error is not None or self.next_block == self.n_blocks:
                return None
            self.next_block += 1
            return self.next_block - 1

    def hand_in(self, block: int, slot: int) -> None:
        with self.turn:
            self.turn.wait_for(lambda: self.n_added == block or self.error is not None)
            if self.add is not None and self.error is None:
                self.add(block, slot)
            self.n_added += 1
            self.turn.notify_all()
