"""Speed of ``apply`` against Snorkel's PandasLFApplier, on the same functions in the same run.

``python -m tests.bench.apply [--rows 100000] [--repeat 3]`` prints sizes, seconds, the ratio, and
whether the votes are identical. Needs the ``bench`` extra (Snorkel).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from weaklabel import ABSTAIN, LabelingFunction, apply

SPAM, HAM = 1, 0
KEYWORDS = (
    ("check", SPAM), ("subscribe", SPAM), ("http", SPAM), ("free", SPAM), ("money", SPAM),
    ("please", SPAM), ("song", HAM), ("love", HAM), ("great", HAM), ("video", HAM),
)  # fmt: skip
WORDS = (  # noqa: SIM905
    "check out my channel please subscribe http free money love this song great video the a of to "
    "and it is was so very good music best ever views million years old still here listening"
).split()


def make_texts(n_rows: int, seed: int = 0) -> pd.DataFrame:
    """Short comments of 5 to 30 words, and an id and a number beside them."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(5, 31, n_rows)
    words = np.array(WORDS, dtype=object)[rng.integers(0, len(WORDS), lengths.sum())]
    ends = np.cumsum(lengths)
    texts = [" ".join(words[end - n : end]) for end, n in zip(ends, lengths, strict=True)]
    return pd.DataFrame({"id": np.arange(n_rows), "text": texts, "n_words": lengths})


def keyword_function(word: str, label: int) -> Callable[[Any], int]:
    """An ordinary labeling function: a keyword in the text, whatever the case."""

    def function(x: Any) -> int:
        return label if word in x.text.lower() else ABSTAIN

    function.__name__ = f"has_{word}"
    return function


def seconds_of(work: Callable[[], Any]) -> tuple[float, Any]:
    """Time of one run, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def snorkel_applier(functions: list[Callable[[Any], int]]) -> Any:
    """Snorkel's applier for the same functions."""
    try:
        from snorkel.labeling import LabelingFunction as SnorkelFunction
        from snorkel.labeling import PandasLFApplier
    except ImportError as error:
        sys.exit(f"Snorkel cannot be imported ({error}); pip install 'weaklabel[bench]'")
    return PandasLFApplier([SnorkelFunction(f.__name__, f) for f in functions])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the best counts")
    options = parser.parse_args()
    frame = make_texts(options.rows)
    functions = [keyword_function(word, label) for word, label in KEYWORDS]
    applier = snorkel_applier(functions)
    lfs = [LabelingFunction(f.__name__, f) for f in functions]

    ours = theirs = float("inf")
    for _ in range(options.repeat):  # in turns, so that a busy machine hits both
        seconds, expected = seconds_of(lambda: applier.apply(frame, progress_bar=False))
        theirs = min(theirs, seconds)
        seconds, votes = seconds_of(lambda: apply(lfs, frame, progress=False))
        ours = min(ours, seconds)
    same = bool((votes.to_dense() == expected).all())

    print(f"{options.rows:,} rows x {len(lfs)} keyword LFs in one process, pandas DataFrame")
    print(f"best of {options.repeat} runs each, in turns")
    print(f"weaklabel.apply          {ours:8.3f} s")
    print(f"snorkel PandasLFApplier  {theirs:8.3f} s")
    print(f"ratio                    {theirs / ours:8.1f} x")
    print(f"votes identical: {same} ({votes.n_votes:,} votes)")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
