"""How right the packs are on rows they were not written for.

``python -m tests.packs.scores ../shared/data`` prints, for each pack with real rows at hand, how
much the pack covers, and how right the label model and a majority vote of its rules are there.
"""

from __future__ import annotations

import argparse
import ast
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from weaklabel import LabelModel, MajorityVote, VoteMatrix, apply, load_pack


def spouse_rows(folder: Path) -> pd.DataFrame:
    """The sentences of the spouse set with their two names as text."""
    table = pd.read_parquet(folder / "data_test.parquet")

    def names(column: str) -> list[str]:
        spans = map(ast.literal_eval, table[column])
        tokens = map(ast.literal_eval, table["tokens"])
        return [" ".join(some[a : b + 1]) for some, (a, b) in zip(tokens, spans, strict=True)]

    return pd.DataFrame(
        {
            "text": table["sentence"],
            "person1": names("person1_word_idx"),
            "person2": names("person2_word_idx"),
        }
    )


def real_rows(data: Path) -> Iterator[tuple[str, Any, Any]]:
    """Packs, rows and gold."""
    from sklearn.datasets import load_breast_cancer, load_wine

    for pack, folder in (("sentiment", "imdb_cosine"), ("news_topic", "agnews_full7600")):
        with np.load(data / "text" / folder / "votes_test.npz") as held:
            gold = held["Y"]
        yield pack, pd.read_parquet(data / "text" / folder / "data_test.parquet")[["text"]], gold
    with np.load(data / "wrench" / "spouse" / "votes_test.npz") as held:
        yield "spouse", spouse_rows(data / "wrench" / "spouse"), held["Y"]
    for pack, load in (("breast_cancer", load_breast_cancer), ("wine", load_wine)):
        table = load(as_frame=True)
        yield pack, table.data, table.target.to_numpy()


def scores(votes: VoteMatrix, gold: Any) -> dict[str, tuple[float, float, float]]:
    """Coverage, accuracy on covered rows, and F1 of class 1 with the others as class 0."""
    found = {}
    for model in (LabelModel(), MajorityVote()):
        soft = model.fit(votes).label(votes)
        codes = np.where(soft.covered, soft.harden(on_tie="first"), 0)
        both = int(((codes == 1) & (gold == 1)).sum())
        f1 = 2 * both / max(int((codes == 1).sum() + (gold == 1).sum()), 1)
        right = float((codes == gold)[soft.covered].mean())
        found[type(model).__name__] = (float(soft.covered.mean()), right, f1)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    warnings.simplefilter("ignore")
    print(
        f"{'pack':14} {'rows':>6}  {'model':13} {'covered':>7} {'right':>6} {'F1 of class 1':>14}"
    )
    for pack, rows, gold in real_rows(parser.parse_args().data):
        votes = apply(load_pack(f"labeling_functions.{pack}"), rows)
        for model, (covered, right, f1) in scores(votes, gold).items():
            print(f"{pack:14} {len(gold):6}  {model:13} {covered:7.3f} {right:6.3f} {f1:14.3f}")


if __name__ == "__main__":
    main()
