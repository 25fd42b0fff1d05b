"""Speed of keyword rules: against Snorkel's PandasLFApplier, and on many keywords and texts.

``python -m tests.bench.keywords`` compares 10 rules on 100,000 rows with Snorkel (the extra
``bench``), on the same rules in the same run. ``python -m tests.bench.keywords --large`` applies
2,000 keywords, as rules of one keyword each, to 1,000,000 short texts and prints the peak
of memory.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from labeling_functions.rules import load_rules
from tests.bench.apply import ABSTAIN, seconds_of, snorkel_applier
from weaklabel import Pack, apply

WORDS_PER_TEXT = 14
PER_RULE = 5


def make_words(n_words: int, seed: int = 0) -> list[str]:
    """Different made-up words of two to eight letters."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    found: dict[str, None] = {}
    while len(found) < n_words:
        found["".join(rng.choice(letters, rng.integers(2, 9)))] = None
    return list(found)


def make_texts(words: Sequence[str], n_rows: int, seed: int = 0) -> pd.DataFrame:
    """Texts of words with the frequencies of a language (Zipf's law)."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, len(words) + 1)
    drawn = rng.choice(len(words), (n_rows, WORDS_PER_TEXT), p=share / share.sum())
    listed = np.array(words, dtype=object)
    return pd.DataFrame({"text": [" ".join(listed[row]) for row in drawn]})


def write_rules(folder: Path, rules: Sequence[Sequence[str]]) -> Pack:
    """The rules as a file, loaded."""
    lines = ['labels = ["ham", "spam"]']
    for number, phrases in enumerate(rules):
        lines += ["[[rules]]", 'kind = "keywords"', f'name = "k{number}"', 'label = "spam"']
        lines += [f"phrases = {json.dumps(list(map(str, phrases)))}"]
    path = folder / "rules.toml"
    path.write_text("\n".join(lines))
    return load_rules(path)


def plain_function(number: int, phrases: Sequence[str]) -> Callable[[Any], int]:
    """The same rule as one would write it for Snorkel."""
    pattern = re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.IGNORECASE)

    def function(x: Any) -> int:
        return 1 if pattern.search(x.text) else ABSTAIN

    function.__name__ = f"k{number}"
    return function


def against_snorkel(n_rows: int, repeat: int) -> None:
    """Print the seconds of both and the ratio."""
    words = make_words(20_000)
    frame = make_texts(words, n_rows)
    rng = np.random.default_rng(1)
    rules = [[words[i] for i in rng.choice(np.arange(100, 20_000), PER_RULE)] for _ in range(10)]
    with TemporaryDirectory() as folder:
        pack = write_rules(Path(folder), rules)
    snorkel = snorkel_applier([plain_function(i, some) for i, some in enumerate(rules)])
    if snorkel is None:
        sys.exit("Snorkel is not installed; install the extra `bench`")
    for _ in range(repeat):
        ours, votes = seconds_of(lambda: apply(pack, frame))
        theirs, matrix = seconds_of(lambda: snorkel.apply(frame, progress_bar=False))
        same = np.array_equal(votes.to_dense(), matrix)
        print(
            f"{n_rows:,} rows x 10 keyword rules: weaklabel {ours:.3f} s, Snorkel {theirs:.2f} s, "
            f"ratio {theirs / ours:.0f}, votes {'identical' if same else 'DIFFERENT'}"
        )


def large(n_rows: int, n_keywords: int) -> None:
    """Print seconds and memory of many keywords on many texts."""
    words = make_words(20_000)
    frame = make_texts(words, n_rows)
    rng = np.random.default_rng(1)
    keywords = rng.choice(words[100:], n_keywords, replace=False)
    with TemporaryDirectory() as folder:
        pack = write_rules(Path(folder), [[word] for word in keywords])
        path = Path(folder) / "rows.parquet"
        frame.to_parquet(path)
        del frame
        before = peak_gigabytes()
        start = time.perf_counter()
        votes = apply(pack, path)
        seconds = time.perf_counter() - start
    print(
        f"{n_rows:,} texts x {n_keywords:,} keyword rules: {seconds:.1f} s, {votes.n_votes:,} "
        f"votes, peak {peak_gigabytes():.2f} GB ({before:.2f} GB before)"
    )


def peak_gigabytes() -> float:
    """Most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--keywords", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    if given.large:
        large(given.rows or 1_000_000, given.keywords)
    else:
        against_snorkel(given.rows or 100_000, given.repeat)


if __name__ == "__main__":
    main()
