from __future__ import annotations

import pickle
import random

import pandas as pd
import pytest

from labeling_functions import gazetteer, keywords, pairs
from labeling_functions.rules import load_rules
from weaklabel import apply
from weaklabel.errors import ConfigError, DataError, PackError

LABELS = ["firm", "place"]
TABLE = """name,type,aliases
New York,city,NYC|Big Apple
New York Times,company,
Zürich,city,
Acme,company,Acme Inc.
Orange,company,
Orange,city,
Nile,river,
Nowhere,,
"""
TEXTS = [
    "He lives in new  YORK.",
    "He reads the New York Times",
    "the big apple and Zürich",
    "Zurich, Zuerich",
    "Acme in New York",
    "Acme, acme inc. in New York",
    "An Orange",
    "newyork",
    "The Nile",
    "",
    None,
]


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "names.csv"
    file.write_text(TABLE, encoding="utf-8")
    return file


def make(table, **settings):
    given = {
        "class_column": "type",
        "aliases_column": "aliases",
        "classes": {"city": "place", "company": "firm"},
        "labels": LABELS,
    }
    return gazetteer("g", table, **(given | settings))


def votes(lf, texts):
    rows = [{"text": text} for text in texts]
    return apply([lf], rows).to_dense()[:, 0].tolist()


def test_names_are_found_by_class_and_the_longest_counts(table):
    assert votes(make(table), TEXTS) == [1, 0, 1, -1, -1, -1, -1, -1, -1, -1, -1]
    most = votes(make(table, several="most"), TEXTS)
    assert most == [1, 0, 1, -1, -1, 0, -1, -1, -1, -1, -1]
    assert votes(make(table, ignore_accents=True), TEXTS)[3] == 1
    assert votes(make(table, ignore_case=False), TEXTS)[:3] == [-1, 0, 1]
    assert votes(make(table, ignore_case=False), ["the big apple", "NYC"]) == [-1, 1]
    assert votes(make(table, whole_words=False), ["newyork", "Acmes", "NYCs"]) == [-1, 0, 1]


def test_a_column_of_entities_is_matched_whole(table):
    lf = make(table, part="whole")
    assert votes(lf, ["New  York", "in New York", "ACME inc.", "Orange", 7, None]) == [
        1, -1, 0, -1, -1, -1,
    ]  # fmt: skip


def test_a_list_of_names_has_one_class(tmp_path):
    file = tmp_path / "drugs.txt"
    file.write_text("# drugs\nAspirin\nvitamin C\n", encoding="utf-8")
    lf = gazetteer("drug", file, "medicine")
    assert lf({"text": "took ASPIRIN twice"}) == "medicine"
    assert lf({"text": "vitamins"}) is None
    assert pickle.loads(pickle.dumps(lf))({"text": "Vitamin  C!"}) == "medicine"
    before = lf.fingerprint
    file.write_text("vitamin C\nAspirin\n", encoding="utf-8")  # the same names
    assert gazetteer("drug", file, "medicine").fingerprint == before
    file.write_text("Aspirin\n", encoding="utf-8")
    assert gazetteer("drug", file, "medicine").fingerprint != before


def test_classes_are_those_of_the_table_unless_mapped(table):
    lf = gazetteer("g", table, class_column="type", labels=["city", "company", "river"])
    assert votes(lf, ["the Nile", "Acme", "Nowhere", "Orange"]) == [2, 1, -1, -1]


@pytest.mark.parametrize("suffix", ["tsv", "parquet"])
def test_other_tables(tmp_path, suffix):
    frame = pd.DataFrame({"kind": ["a", "b"], "who": ["Ann Lee", "Bob"]})
    file = tmp_path / f"names.{suffix}"
    if suffix == "parquet":
        frame.to_parquet(file)
    else:
        frame.to_csv(file, index=False, sep="\t")
    lf = gazetteer("g", file, name_column="who", class_column="kind")
    assert lf({"text": "with bob"}) == "b"


def test_many_in_one_scan_vote_as_each_alone(tmp_path):
    rng = random.Random(0)
    words = ["ann", "lee", "é", "Ångström", "x", "new", "york", "ANN"]
    texts = [" ".join(rng.choices(words, k=rng.randint(0, 8))) for _ in range(300)]
    lfs = []
    for i in range(12):
        file = tmp_path / f"{i}.txt"
        names = {" ".join(rng.choices(words, k=rng.randint(1, 3))) for _ in range(4)}
        file.write_text("\n".join(sorted(names)), encoding="utf-8")
        settings = {
            "ignore_case": i % 2 == 0,
            "ignore_accents": i % 3 == 0,
            "part": "whole" if i % 5 == 4 else "within",
        }
        lfs.append(gazetteer(f"g{i}", file, "yes", labels=["no", "yes"], **settings))
    rows = [{"text": text} for text in texts]
    together = apply(lfs, rows).to_dense()
    for j, lf in enumerate(lfs):
        assert together[:, j].tolist() == votes(lf, texts)
        assert together[:5, j].tolist() == [-1 if (v := lf(row)) is None else v for row in rows[:5]]
    assert len(set(map(tuple, together.T.tolist()))) > 6


def test_a_list_votes_as_keywords_do(tmp_path):
    names = ["ann lee", "bob", "new york"]
    file = tmp_path / "names.txt"
    file.write_text("\n".join(names))
    texts = ["Ann  Lee", "bobby", "in New York, with Bob", "x" * 3_000_000 + " bob", None]
    one = votes(gazetteer("g", file, "yes", labels=["no", "yes"]), texts)
    assert (
        one == votes(keywords("k", names, "yes", labels=["no", "yes"]), texts) == [1, -1, 1, 1, -1]
    )


def test_both_names_of_a_pair_in_a_text(tmp_path):
    file = tmp_path / "spouses.csv"
    file.write_text("a,b\nAnn Lee,Bob\nCid,Dan\nCid,\n", encoding="utf-8")
    texts = [
        "Bob met ann  LEE",
        "Ann Lee and Bob",
        "Ann Lee and Dan",
        "Ann Leeds and Bob",
        "Dan, Ann Lee, Bob",
        "Bob Bob",
        None,
    ]
    lf = pairs("p", ["text"], "yes", file, labels=["no", "yes"])
    assert votes(lf, texts) == [1, 1, -1, -1, 1, -1, -1]
    ordered = pairs("p", ["text"], "yes", file, labels=["no", "yes"], ordered=True)
    assert votes(ordered, texts) == [-1, 1, -1, -1, 1, -1, -1]
    exact = pairs("r", ["text"], "yes", file, labels=["no", "yes"], ignore_case=False)
    rows = [{"text": text} for text in texts]
    both = apply([lf, pairs("q", ["text"], "yes", file, ordered=True), exact], rows)
    assert both.to_dense().T.tolist() == [
        [1, 1, -1, -1, 1, -1, -1],
        [-1, 1, -1, -1, 1, -1, -1],
        [-1, 1, -1, -1, 1, -1, -1],
    ]
    assert pickle.loads(pickle.dumps(lf))(rows[0]) == 1


def test_in_a_file_of_rules(table, tmp_path):
    (tmp_path / "rules.toml").write_text(
        'labels = ["firm", "place"]\n[[rules]]\nkind = "gazetteer"\nname = "g"\n'
        'file = "names.csv"\nclass_column = "type"\naliases_column = "aliases"\n'
        'classes = { city = "place", company = "firm" }\n'
    )
    (lf,) = load_rules(tmp_path / "rules.toml")
    assert lf.fingerprint == make(table).fingerprint
    assert lf({"text": "NYC"}) == 1
    (tmp_path / "rules.toml").write_text(
        '[[rules]]\nkind = "gazetteer"\nname = "g"\nlabel = "a"\nfile = "none.txt"\n'
    )
    with pytest.raises(PackError, match=r"line 1: file of labeling function 'g': cannot read"):
        load_rules(tmp_path / "rules.toml")


def test_wrong_settings_are_named(table, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("# nothing\n")
    with pytest.raises(ConfigError, match="must hold at least one name, found none"):
        gazetteer("g", names, "yes")
    with pytest.raises(ConfigError, match=r"label .* must be a class, found None"):
        gazetteer("g", names)
    with pytest.raises(ConfigError, match=r"label .* must be left out with class_column"):
        make(table, label="place")
    with pytest.raises(ConfigError, match=r"must be a CSV, TSV or Parquet table to have columns"):
        gazetteer("g", names, class_column="type")
    with pytest.raises(ConfigError, match=r"must have a column 'kind'; .* has name, type, aliases"):
        make(table, class_column="kind")
    with pytest.raises(ConfigError, match=r"classes .* must be about city, .* found 'town'"):
        make(table, classes={"town": "place"})
    with pytest.raises(ConfigError, match=r"classes .* must be a class: .*'town'"):
        make(table, classes={"city": "town"})
    with pytest.raises(ConfigError, match=r"class_column .* must be a class: .*'city'"):
        make(table, classes=None)
    with pytest.raises(ConfigError, match=r"part .* must be one of within, whole"):
        make(table, part="some")
    with pytest.raises(ConfigError, match=r"two names of columns \(or one, of texts\), found \[\]"):
        pairs("p", [], "yes", table)
    table.write_text("name,type,aliases\nNew York\n")
    with pytest.raises(DataError, match=r"record 2 has 1 values for 3 columns"):
        make(table)
