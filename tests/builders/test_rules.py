from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from labeling_functions.rules import load_rules
from weaklabel import LabelSpace, apply, load_pack
from weaklabel.errors import MissingDependencyError, PackError

GOOD = r"""
labels = ["ham", "spam"]
column = "body"
id_column = "id"
doc = "Spam in messages."

[[rules]]
kind = "keywords"
name = "prize"
label = "spam"
phrases = [
    "free entry",
    "you have won",
]

[[rules]]
kind = "regex"
name = "phone"
label = "spam"
pattern = '\b\d{11}\b'

[[rules]]
kind = "keywords"
name = "greeting"
label = "ham"
column = "title"
file = "greetings.txt"
"""
YAML = r"""
labels: [ham, spam]
column: body
rules:
  - kind: regex
    name: phone
    label: spam
    pattern: '\b\d{11}\b'
  - kind: keywords
    name: prize
    label: spam
    phrases: [free entry, you have won]
"""


def write(folder: Path, text: str, name: str = "rules.toml") -> Path:
    (folder / "greetings.txt").write_text("hello\ngood morning\n")
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_becomes_a_pack(tmp_path):
    pack = load_rules(write(tmp_path, GOOD))
    assert [lf.name for lf in pack] == ["prize", "phone", "greeting"]
    assert pack.labels == LabelSpace(["ham", "spam"])
    assert (pack.name, pack.doc, pack.id_column) == ("rules", "Spam in messages.", "id")
    rows = [
        {"id": "x", "body": "Free entry, call 08712345678", "title": "Hello!"},
        {"id": "y", "body": None, "title": "Good  Morning"},
    ]
    votes = apply(pack, rows)
    assert votes.to_dense().tolist() == [[1, 1, 0], [-1, -1, 0]]
    assert votes.ids.tolist() == ["x", "y"]


def test_the_front_door_loads_it_and_worker_processes_too(tmp_path):
    pack = load_pack(write(tmp_path, GOOD))
    rows = [{"id": i, "body": "you have won" if i % 3 else "", "title": "hello"} for i in range(99)]
    one, two = apply(pack, rows), apply(pack, rows, n_jobs=2, batch_size=10)
    assert (one.to_dense() == two.to_dense()).all()
    assert one.lf_fingerprints == two.lf_fingerprints


def test_editing_one_rule_changes_its_fingerprint_only(tmp_path):
    before = load_rules(write(tmp_path, GOOD))
    after = load_rules(write(tmp_path, GOOD.replace("you have won", "you won")))
    assert [a.fingerprint == b.fingerprint for a, b in zip(before, after, strict=True)] == [
        False, True, True,
    ]  # fmt: skip
    (tmp_path / "greetings.txt").write_text("hello\n")
    resource = load_rules(tmp_path / "rules.toml")
    assert resource["greeting"].fingerprint != after["greeting"].fingerprint
    assert resource["phone"].fingerprint == after["phone"].fingerprint


def test_yaml_says_the_same(tmp_path):
    pytest.importorskip("yaml")
    pack = load_pack(write(tmp_path, YAML, "rules.yaml"))
    toml = load_rules(write(tmp_path, GOOD))
    for lf in pack:
        assert lf.fingerprint == toml[lf.name].fingerprint


def test_yaml_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingDependencyError, match=r"weaklabel\[yaml\]"):
        load_rules(write(tmp_path, YAML, "rules.yml"))


def test_the_command_line_runs_it(tmp_path):
    rules = write(tmp_path, GOOD)
    data = tmp_path / "rows.csv"
    data.write_text("id,body,title\n" + "".join(
        f"{i},{'you have won' if i % 2 else 'see you'},{'' if i % 2 else 'hello'}\n"
        for i in range(40)
    ))  # fmt: skip
    out = tmp_path / "labels.csv"
    program = Path(sys.executable).with_name("weaklabel")
    done = subprocess.run(
        [program, "run", rules, data, "--out", out], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "prize" in done.stdout
    assert len(out.read_text().splitlines()) == 41


RULE = '[[rules]]\nkind = "keywords"\nname = "a"\nlabel = "spam"\nphrases = ["x"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nlabels = [\n", r"line 2, key labels: not well-formed TOML: Invalid value"),
        (RULE + 'x = "\\d"\n', r"line 6, column \d+, key x: not well-formed TOML: .*single quotes"),
        ("", r"rules\.toml: there must be at least one \[\[rules\]\]"),
        ("label = []\n" + RULE, r"line 1: there is no key 'label' \(did you mean 'labels'\?\)"),
        ('labels = "spam"\n' + RULE, r"line 1: labels must be a list of class names: found 'spam'"),
        ('labels = ["a", "a"]\n' + RULE, r"line 1: labels must be a list .*'a' twice"),
        ('column = ""\n' + RULE, r"line 1: column must be a text that is not empty"),
        (RULE + "[[rules]]\n", r"line 6: kind must be one of keywords, .*; there is none"),
        (RULE.replace("keywords", "keyword"), r"line 2: kind .* \(did you mean 'keywords'\?\)"),
        (RULE + "phrase = 1\n", r"line 6: there is no key 'phrase' \(did you mean 'phrases'\?\)"),
        (RULE + "min_count = 0\n", r"line 6: min_count of rule 'a' must be a whole number >= 1"),
        ('labels = ["ham"]\n\n' + RULE, r"line 6: label of rule 'a' must be a class: .*'spam'"),
        (RULE.replace('name = "a"\n', ""), r"line 1: a rule of kind 'keywords' needs the key 'n"),
        (RULE + RULE, r"line 8: two rules are named 'a' \(the first in line 3\)"),
        (RULE + 'file = "none.txt"\n', r"line 1: file of labeling function 'a': cannot read"),
        ('rules = ["x"]', r"rule 1: a rule must be a table of keys, found 'x'"),
        (
            RULE.replace("keywords", "regex").replace('phrases = ["x"]', "pattern = '(x'"),
            r"line 5: pattern of rule 'a' must be a regular expression, found '\(x'",
        ),
    ],
)
def test_bad_toml_names_line_and_key(tmp_path, text, message):
    with pytest.raises(PackError, match=message):
        load_rules(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("labels: [a\nrules: x", r"line 2, column \d+: not well-formed YAML"),
        (YAML.replace("phrases", "phrase"), r"line 12: there is no key 'phrase'"),
        (YAML.replace("label: spam", "label: 7", 1), r"line 7: label of rule 'phone' must be a"),
        ("- a\n- b", r"must hold keys such as labels and rules, found \['a', 'b'\]"),
    ],
)
def test_bad_yaml_names_line_and_key(tmp_path, text, message):
    pytest.importorskip("yaml")
    with pytest.raises(PackError, match=message):
        load_rules(write(tmp_path, text, "rules.yaml"))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(PackError, match="there is no file"):
        load_rules(tmp_path / "none.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(PackError, match=r"cannot read .*directory"):
        load_rules(tmp_path / "folder.toml")
    (tmp_path / "latin.toml").write_bytes(b"doc = 'caf\xe9'")
    with pytest.raises(PackError, match="not text in UTF-8"):
        load_rules(tmp_path / "latin.toml")
