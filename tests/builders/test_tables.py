from __future__ import annotations

import pickle

import pandas as pd
import pytest

from labeling_functions.known_pairs import pairs
from labeling_functions.rules import load_rules
from labeling_functions.tables import labels_of, lookup
from weaklabel import apply
from weaklabel.errors import ConfigError, DataError, PackError

LABELS = ["no", "yes"]
RULES = """
labels = ["no", "yes"]
rules = [
    { kind = "labels_of", name = "old", column = "id", file = "old.csv" },
    { kind = "lookup", name = "cc", column = "cc", values = { de = "yes", us = "no" } },
    { kind = "threshold", name = "big", column = "n", above = 5, label_above = "yes" },
    { kind = "date_range", name = "new", column = "t", after = 2024-01-01, label = "no" },
    { kind = "text_statistic", name = "long", statistic = "words", above = 2, label_above = "yes" },
    { kind = "in_range", name = "mid", column = "n", low = 1, high = 2, label = "no" },
]
"""


def votes(lf, rows):
    return apply([lf], rows).to_dense()[:, 0].tolist()


def test_the_class_of_a_category():
    lf = lookup("l", "cc", {"de": "yes", "US": "no", "7": "yes"}, labels=LABELS)
    rows = [{"cc": value} for value in ["DE", "us", "ch", None, 7, " de ", float("nan")]]
    assert votes(lf, rows) == [1, 0, -1, -1, 1, 1, -1]
    exact = lookup("l", "cc", {"de": "yes"}, labels=LABELS, ignore_case=False)
    assert votes(exact, [{"cc": "DE"}, {"cc": "de"}]) == [-1, 1]
    assert lookup("l", "cc", {"de": "yes"})({"cc": "de"}) == "yes"


def test_known_pairs(tmp_path):
    file = tmp_path / "spouses.csv"
    file.write_text('a,b\n"Ann  Lee",Bob\nCid,\n', encoding="utf-8")
    rows = [
        {"p": "ann lee", "q": "BOB"},
        {"p": "Bob", "q": "Ann Lee"},
        {"p": "Cid", "q": None},
        {"p": "Ann", "q": "Bob"},
    ]
    either = pairs("p", ["p", "q"], "yes", file, labels=LABELS)
    assert votes(either, rows) == [1, 1, -1, -1]
    assert votes(pairs("p", ["p", "q"], "yes", file, labels=LABELS, ordered=True), rows) == [
        1, -1, -1, -1,
    ]  # fmt: skip
    assert pickle.loads(pickle.dumps(either))(rows[0]) == 1


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_labels_of_another_table(tmp_path, suffix):
    table = pd.DataFrame({"id": [1, 2, 3, 1], "label": ["yes", "no", None, "yes"]})
    file = tmp_path / f"old.{suffix}"
    if suffix == "parquet":
        table.to_parquet(file)
    else:
        table.to_csv(file, index=False, sep="\t" if suffix == "tsv" else ",")
    lf = labels_of("old", "id", file, labels=LABELS)
    assert votes(lf, [{"id": value} for value in (1, 2, 3, 4, None, "1")]) == [1, 0, -1, -1, -1, 1]


def test_a_table_that_changed_changes_the_fingerprint(tmp_path):
    file = tmp_path / "old.csv"
    file.write_text("id,label\n1,yes\n2,no\n")
    before = labels_of("old", "id", file).fingerprint
    file.write_text("id,label\n1,no\n2,no\n")
    assert labels_of("old", "id", file).fingerprint != before
    file.write_text("id,label\n1,yes\n2,no\n")
    assert labels_of("old", "id", file).fingerprint == before
    pair = pairs("p", ["a", "b"], "yes", file).fingerprint
    file.write_text("id,label\n1,yes\n3,no\n")
    assert pairs("p", ["a", "b"], "yes", file).fingerprint != pair


def test_in_a_file_of_rules(tmp_path):
    (tmp_path / "old.csv").write_text("id,label\n1,yes\n")
    (tmp_path / "rules.toml").write_text(RULES)
    row = {"id": 1, "cc": "us", "n": 7, "t": "2024-05-01", "text": "a b c"}
    assert [lf(row) for lf in load_rules(tmp_path / "rules.toml")] == [1, 0, 1, 0, 1, None]


def test_wrong_tables_are_named(tmp_path):
    file = tmp_path / "old.csv"
    file.write_text("id,label\n1,yes\n1,no\n")
    with pytest.raises(ConfigError, match="must have one label for each key, found two for '1'"):
        labels_of("old", "id", file)
    with pytest.raises(ConfigError, match=r"must have a column 'key'; .*old\.csv has id, label"):
        labels_of("old", "id", file, key="key")
    file.write_text("id,label\n1,perhaps\n")
    with pytest.raises(ConfigError, match=r"file .* must be a class"):
        labels_of("old", "id", file, labels=LABELS)
    file.write_text("id,label\n1\n")
    with pytest.raises(DataError, match="record 2 has 1 values for 2 columns"):
        labels_of("old", "id", file)
    file.write_text("")
    with pytest.raises(DataError, match="it is empty"):
        labels_of("old", "id", file)
    file.write_text("id,label\n")
    with pytest.raises(ConfigError, match="must hold at least one label, found none"):
        labels_of("old", "id", file)
    with pytest.raises(DataError, match=r"cannot read .*none\.csv: No such file"):
        labels_of("old", "id", tmp_path / "none.csv")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"cannot read .*bad\.parquet"):
        labels_of("old", "id", tmp_path / "bad.parquet")
    with pytest.raises(ConfigError, match=r"columns .* must be two names of columns .*found 'a'"):
        pairs("p", "a", "yes", file)
    with pytest.raises(ConfigError, match=r"values .* must map categories to classes"):
        lookup("l", "cc", {})
    (tmp_path / "rules.toml").write_text(
        '[[rules]]\nkind = "labels_of"\nname = "o"\ncolumn = "id"\nfile = "none.csv"\n'
    )
    with pytest.raises(PackError, match=r"line 1: file of labeling function 'o': cannot read"):
        load_rules(tmp_path / "rules.toml")
