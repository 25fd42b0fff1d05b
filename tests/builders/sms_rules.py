"""The 73 published SMS rules through the regex builder, against the published votes.

``python -m tests.builders.sms_rules DATA`` prints the share of equal cells by split, and each cell
that differs. On the 333,683 cells of the training rows there is none. In the other two splits the
published votes do not belong to the texts beside them: most lie on texts in which the pattern of
the rule does not occur at all, and they agree with gold far less often than the rules do on their
own rows. So the differences there are those of the files, not of the patterns.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from labeling_functions.patterns import regex
from weaklabel import LabelingFunction, apply

CLASSES = ["ham", "spam"]
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Split:
    """Votes of the rules and published votes on the same rows, shape (n_rows, 73)."""

    name: str
    ours: np.ndarray
    published: np.ndarray
    gold: np.ndarray

    @property
    def n_different(self) -> int:
        return int((self.ours != self.published).sum())

    def accuracy(self, votes: np.ndarray) -> float:
        return float((votes == self.gold[:, None])[votes >= 0].mean())


def published_rules(data: Path) -> list[LabelingFunction]:
    lines = (data / "raw" / "sms_spam_rules" / "rule.txt").read_text("utf-8").splitlines()
    listed = [line.split("\t") for line in lines]
    return [
        regex(f"rule_{number}", pattern, label, labels=CLASSES)
        for number, (label, pattern, _) in enumerate(listed)
    ]


def splits(data: Path) -> Iterator[Split]:
    rules = published_rules(data)
    folder = data / "wrench" / "sms"
    for name in SPLITS:
        rows = pq.read_table(folder / f"data_{name}.parquet", columns=["text"])
        with np.load(folder / f"votes_{name}.npz") as held:
            yield Split(name, apply(rules, rows).to_dense(), held["L"], held["Y"])


def main() -> None:
    found = list(splits(Path(sys.argv[1])))
    for split in found:
        print(
            f"{split.name}: {split.n_different} of {split.ours.size:,} cells differ "
            f"({1 - split.n_different / split.ours.size:.4%} equal); votes right: "
            f"ours {split.accuracy(split.ours):.1%}, "
            f"published {split.accuracy(split.published):.1%}"
        )
    different = sum(split.n_different for split in found)
    cells = sum(split.ours.size for split in found)
    print(f"all: {1 - different / cells:.4%} of {cells:,} cells equal")
    for split in found:
        voted = split.published >= 0
        print(
            f"{split.name}: {int((voted & (split.ours >= 0)).sum())} of {int(voted.sum())} "
            "published votes lie where the pattern occurs"
        )
    for split in found:
        for row, rule in np.argwhere(split.ours != split.published):
            print(
                split.name, row, f"rule_{rule}", split.ours[row, rule], split.published[row, rule]
            )


if __name__ == "__main__":
    main()
