"""A progress bar over epochs: when asked for, or on a terminal when training may take long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from weaklabel.endmodel.training import Epoch

LONG: Final = 2_000_000
"""Stored feature values times hidden width from which training may take more than seconds."""


@contextmanager
def epoch_bar(progress: bool | None, work: int) -> Iterator[Callable[[Epoch], None]]:
    """A callback for :func:`weaklabel.endmodel.training.train` that moves a bar on stderr.

    Parameters
    ----------
    progress : bool, optional
        Whether to show it; None shows it for long work on a terminal.
    work : int
        Stored feature values times the width of the first hidden layer.
    """
    is_wanted = (work >= LONG and sys.stderr.isatty()) if progress is None else progress
    if not is_wanted:
        yield lambda epoch: None
        return
    from tqdm import tqdm

    with tqdm(desc="end model", unit=" epochs") as bar:

        def advance(epoch: Epoch) -> None:
            heldout = "" if epoch.heldout_loss is None else f", held-out {epoch.heldout_loss:.4f}"
            bar.set_postfix_str(f"loss {epoch.loss:.4f}{heldout}", refresh=False)
            bar.update()

        yield advance
