"""The vote cache: what a second run costs after one of many labeling functions was edited.

``python -m tests.bench.cache [--rows 1000000] [--lfs 50]`` prints sizes, seconds, what was computed
and what was reused, the bar, and whether the votes are those without a cache.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.apply import KEYWORDS, WORDS, make_texts
from tests.bench.measure import Table
from weaklabel import ABSTAIN, LabelingFunction, VoteCache, VoteMatrix, apply

BAR = 3.0


def rule(words: tuple[str, ...], label: int) -> Callable[[Any], int]:
    """An ordinary labeling function: any of some words, whatever the case."""

    def function(x: Any) -> int:
        text = x.text.lower()
        return label if all(word in text for word in words) else ABSTAIN

    return function


def rules(n_lfs: int) -> list[LabelingFunction]:
    """Labeling functions of one or two words each."""
    made = []
    for j in range(n_lfs):
        word, label = KEYWORDS[j % len(KEYWORDS)]
        other = WORDS[(j // len(KEYWORDS)) % len(WORDS)]
        made.append(LabelingFunction(f"rule_{j}", rule((word, other), label)))
    return made


def timed(work: Callable[[], VoteMatrix]) -> tuple[float, VoteMatrix]:
    """Seconds of one run, and its votes."""
    start = time.perf_counter()
    votes = work()
    return time.perf_counter() - start, votes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--lfs", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=3, help="edits; the best counts")
    options = parser.parse_args()
    frame = make_texts(options.rows)
    lfs = rules(options.lfs)
    labels = ["ham", "spam"]
    table = Table(f"{options.rows:,} rows x {options.lfs} labeling functions, pandas DataFrame")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "votes.cache"
        plain, expected = timed(lambda: apply(lfs, frame, labels=labels, progress=False))
        table.seconds("all of them, without a cache", plain)
        cache = VoteCache(path)
        first, _ = timed(lambda: apply(lfs, frame, labels=labels, progress=False, cache=cache))
        table.seconds("all of them, filling the cache", first, cache.summary())
        cache = VoteCache(path)
        again, votes = timed(lambda: apply(lfs, frame, labels=labels, progress=False, cache=cache))
        table.seconds("all of them again", again, cache.summary())
        same = bool((votes.to_dense() == expected.to_dense()).all())
        alone = edited = float("inf")
        for turn in range(options.repeat):  # in turns, so that a busy machine hits both
            new = LabelingFunction("rule_7", rule((WORDS[turn], "song"), 0))
            changed = [*lfs[:7], new, *lfs[8:]]
            seconds, column = timed(lambda: apply([new], frame, labels=labels, progress=False))  # noqa: B023
            alone = min(alone, seconds)
            cache = VoteCache(path)
            seconds, votes = timed(
                lambda: apply(changed, frame, labels=labels, progress=False, cache=cache)  # noqa: B023
            )
            edited = min(edited, seconds)
            same = same and cache.n_computed == options.rows
            same = same and bool((votes.to_dense()[:, 7] == column.to_dense()[:, 0]).all())
    table.seconds("the edited one alone, without a cache", alone)
    table.seconds("all of them after the edit", edited, f"{cache.n_computed:,} votes computed")
    verdict = "reached" if edited < BAR * alone else "NOT reached"
    table.line(
        "after the edit / the edited one alone",
        f"{edited / alone:.2f} x",
        f"bar {BAR:g} x: {verdict}",
    )
    table.line("votes identical, one column computed", str(same))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
