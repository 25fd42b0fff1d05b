from __future__ import annotations

import enum
import pickle

import pandas as pd
import pytest

from labeling_functions.keyword_rules import keywords
from weaklabel import LabelSpace, apply
from weaklabel.errors import ConfigError, PackError


def votes(lf, texts, **settings):
    return apply([lf], [{"text": text} for text in texts], **settings).to_dense()[:, 0].tolist()


def test_words_of_any_case_that_stand_alone():
    lf = keywords("prize", ["free entry", "won"], "spam", labels=["ham", "spam"])
    texts = ["You WON!", "wonder", "free\n entry", "freeentry", None, ""]
    assert votes(lf, texts) == [1, -1, 1, -1, -1, -1]


def test_settings_of_what_counts():
    texts = ["win win", "win", "WIN a Prize", "windy", "win, unless not"]
    labels = ["a", "b"]
    assert votes(keywords("k", "win", "b", labels=labels, min_count=2), texts) == [
        1,
        -1,
        -1,
        -1,
        -1,
    ]
    exact = keywords("k", "win", "b", labels=labels, ignore_case=False)
    assert votes(exact, texts) == [1, 1, -1, -1, 1]
    part = keywords("k", "win", "b", labels=labels, whole_words=False)
    assert votes(part, texts) == [1, 1, 1, 1, 1]
    both = keywords("k", ["win", "prize"], "b", labels=labels, all_of=True)
    assert votes(both, texts) == [-1, -1, 1, -1, -1]
    but = keywords("k", "win", "b", labels=labels, unless="unless")
    assert votes(but, texts) == [1, 1, 1, -1, -1]


class Task(enum.Enum):
    HAM = 0
    SPAM = 1


@pytest.mark.parametrize(
    ("label", "labels", "expected"),
    [("spam", None, "spam"), (1, None, 1), (Task.SPAM, None, 1), ("spam", ["ham", "spam"], 1)],
)
def test_a_label_is_a_name_a_code_or_an_enum_member(label, labels, expected):
    assert keywords("k", "win", label, labels=labels)({"text": "win"}) == expected


def test_without_labels_the_classes_are_inferred():
    lfs = [keywords("a", "win", "spam"), keywords("b", "hi", "ham")]
    matrix = apply(lfs, [{"text": "win"}, {"text": "hi"}])
    assert matrix.labels == LabelSpace(["ham", "spam"])
    assert matrix.to_dense().tolist() == [[1, -1], [-1, 0]]


def test_many_rules_at_once_answer_as_each_alone():
    rows = pd.DataFrame({"text": ["win a free prize", "free", None, "nothing", "win win"] * 30})
    lfs = [keywords(f"k{i}", w, "b", labels=["a", "b"]) for i, w in enumerate(["win", "free", "a"])]
    lfs.append(keywords("twice", "win", "a", labels=["a", "b"], min_count=2))
    whole = apply(lfs, rows, batch_size=7)
    for position, lf in enumerate(lfs):
        alone = apply([lf], rows)
        assert alone.to_dense()[:, 0].tolist() == whole.to_dense()[:, position].tolist()
        assert alone.lf_fingerprints[0] == whole.lf_fingerprints[position]


def test_mixed_and_numeric_columns_are_read_as_written():
    assert votes(keywords("k", "7", "b", labels=["a", "b"]), [7, "7", 7.0, None, b"7", ["7"]]) == [
        1, 1, 1, -1, -1, -1,
    ]  # fmt: skip


def test_phrases_from_a_file_change_the_fingerprint(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("# prizes\nwin\n\nfree entry\n")
    before = keywords("k", [], "spam", file=file)
    assert before({"text": "free entry"}) == "spam"
    assert before.fingerprint == keywords("k", ["win", "free entry"], "spam").fingerprint
    file.write_text("win\n")
    after = keywords("k", [], "spam", file=file)
    assert after({"text": "free entry"}) is None
    assert after.fingerprint != before.fingerprint


def test_each_setting_changes_the_fingerprint():
    seen = {
        keywords("k", "win", "a").fingerprint,
        keywords("k", "won", "a").fingerprint,
        keywords("k", "win", "b").fingerprint,
        keywords("k", "win", "a", column="title").fingerprint,
        keywords("k", "win", "a", min_count=2).fingerprint,
        keywords("k", "win", "a", unless="x").fingerprint,
        keywords("k", "win", "a", ignore_case=False).fingerprint,
        keywords("k", "win", "a", labels=["a", "b"]).fingerprint,
    }
    assert len(seen) == 8
    assert keywords("k", "win", "a").fingerprint in seen


def test_it_travels_to_other_processes():
    lf = pickle.loads(pickle.dumps(keywords("k", "win", "a")))
    assert lf({"text": "win"}) == "a"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"phrases": []}, "phrases of labeling function 'k' must hold at least one text"),
        ({"phrases": [" "]}, r"must hold texts that are not empty, found ' ' at 0"),
        ({"phrases": [1]}, r"found 1 at 0"),
        ({"phrases": 3}, "phrases .* must be a list of texts, found 3"),
        ({"label": None}, "label .* must be a class, found None"),
        ({"label": "x", "labels": ["a"]}, "label .* must be a class: .*'x'"),
        ({"min_count": 0}, "min_count .* must be a whole number >= 1, found 0"),
        ({"min_count": True}, "found True"),
        ({"ignore_case": 1}, "ignore_case .* must be true or false, found 1"),
        ({"column": ""}, "column .* must be the name of a column, found ''"),
        ({"name": " "}, "name .* must be a text that is not empty"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    given = {"name": "k", "phrases": ["win"], "label": "a"} | settings
    with pytest.raises(ConfigError, match=message):
        keywords(**given)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(PackError, match=r"cannot read .*none\.txt: No such file"):
        keywords("k", label="a", file=tmp_path / "none.txt")
    (tmp_path / "empty.txt").write_text("# only a comment\n")
    with pytest.raises(ConfigError, match="must hold at least one phrase"):
        keywords("k", label="a", file=tmp_path / "empty.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(PackError, match="is not text in UTF-8"):
        keywords("k", label="a", file=tmp_path / "latin.txt")
