"""Spam among YouTube comments, learned without reading a single label.

Usage::

    python examples/youtube_spam.py DATA_DIR

DATA_DIR holds the five CSV files of the YouTube Spam Collection (one per music video; columns
COMMENT_ID, AUTHOR, DATE, CONTENT, CLASS). For each of the five ways to leave one file out, the
labeling functions vote on all comments, a label model is fitted on the votes of the other four
files, an end model is trained on its soft labels, and everything is scored. CLASS is split off when
the files are read and used by the scores only.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from labeling_functions.youtube_spam import readable
from weaklabel import EndModel, LabelModel, MajorityVote, apply, label_quality, load_pack

N_FILES = 5
COLUMNS = ["CONTENT", "CLASS"]


def read_comments(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """The comments of all files, with the column ``file``, and apart from them their classes.

    Nothing is dropped: some comments were posted more than once, and three values of COMMENT_ID
    occur twice, so rows are known by their position.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"DATA_DIR must be a folder, found no folder at {folder}")
    paths = sorted(folder.glob("*.csv"))
    if len(paths) != N_FILES:
        found = ", ".join(p.name for p in paths) or "none"
        raise FileNotFoundError(
            f"DATA_DIR must hold the {N_FILES} CSV files of the YouTube Spam Collection, "
            f"found in {folder}: {found}"
        )
    tables = []
    for path in paths:
        try:
            table = pd.read_csv(path, encoding="utf-8")
        except ValueError as error:  # not UTF-8, not CSV, empty
            raise ValueError(f"cannot read {path}: {error}") from error
        missing = [c for c in COLUMNS if c not in table.columns]
        if missing:
            raise ValueError(
                f"{path} has no column {', '.join(missing)}; it has {list(table.columns)}"
            )
        tables.append(table.assign(file=path.stem))
    comments = pd.concat(tables, ignore_index=True)
    return comments.drop(columns="CLASS"), comments["CLASS"]


def leave_one_file_out(folder: Path, random_state: int = 0) -> pd.DataFrame:
    """One row per held-out file and a last row of averages; all columns but ``n`` are shares.

    =====================  ====================================================================
    ``coverage``           training comments with at least one vote
    ``majority``           accuracy of the majority vote on them (a tie counts one half)
    ``label model``        accuracy of the label model on them
    ``label model (new)``  the same on the held-out file, whose votes it was not fitted on
    ``end model (new)``    accuracy of the end model on all comments of the held-out file
    ``reposts``            held-out comments whose exact text also occurs in the other files
    =====================  ====================================================================
    """
    comments, gold = read_comments(folder)
    votes = apply(load_pack("labeling_functions.youtube_spam"), comments)
    texts = comments["CONTENT"].map(readable).to_numpy()
    rows = []
    for file in comments["file"].unique():
        test = (comments["file"] == file).to_numpy()
        train = ~test
        model = LabelModel().fit(votes[train])
        labels = model.label(votes[train])
        majority = MajorityVote().fit(votes[train]).label(votes[train])
        classifier = EndModel(random_state=random_state).fit(texts[train], labels)
        names = np.asarray(votes.labels.names)[gold[test]]
        rows.append(
            {
                "held out": file,
                "n": int(test.sum()),
                "coverage": labels.covered.mean(),
                "majority": label_quality(majority, gold[train]).accuracy_covered,
                "label model": label_quality(labels, gold[train]).accuracy_covered,
                "label model (new)": label_quality(
                    model.label(votes[test]), gold[test]
                ).accuracy_covered,
                "end model (new)": np.mean(classifier.predict(texts[test]) == names),
                "reposts": np.isin(texts[test], texts[train]).mean(),
            }
        )
    table = pd.DataFrame(rows).set_index("held out").astype(float)
    table.loc["average"] = table.mean()
    return table.astype({"n": int})


def main() -> None:
    """Print the table of :func:`leave_one_file_out`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "data_dir", metavar="DATA_DIR", type=Path, help="folder of the five CSV files"
    )
    arguments = parser.parse_args()
    try:
        table = leave_one_file_out(arguments.data_dir)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    print(table.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
