from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from weaklabel import LabelSpace, load_pack
from weaklabel.errors import PackError

HEAD = "from weaklabel import labeling_function, LabelingFunction\n"
GOOD = (
    '"""Spam in comments."""\n'
    + HEAD
    + """
LABELS = ["ham", "spam"]
ID_COLUMN = "id"

def keyword(word):
    return LabelingFunction(f"has_{word}", lambda x: "spam" if word in x.text else None)

@labeling_function
def second(x):
    return "ham"

@labeling_function(name="other")
def first(x):
    return "spam"

free = keyword("free")
alias = free
"""
)


def write(folder: Path, text: str, name: str = "pack.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_becomes_a_pack(tmp_path: Path) -> None:
    pack = load_pack(write(tmp_path, GOOD, "my rules.py"))
    assert [lf.name for lf in pack] == ["second", "other", "has_free"]
    assert pack.name == "my rules"
    assert pack.labels == LabelSpace(["ham", "spam"])
    assert pack.id_column == "id"
    assert pack.doc == "Spam in comments."
    assert pack.path == tmp_path / "my rules.py"
    assert len(pack) == 3
    assert pack["other"]({"text": ""}) == "spam"
    assert repr(pack) == "Pack('my rules', 3 labeling functions, classes ham, spam)"


def test_an_unknown_name_lists_those_there_are(tmp_path: Path) -> None:
    pack = load_pack(write(tmp_path, GOOD))
    with pytest.raises(PackError, match="no labeling function 'third'; it has second, other"):
        pack["third"]


def test_lfs_names_what_counts_and_in_which_order(tmp_path: Path) -> None:
    pack = load_pack(write(tmp_path, GOOD + "\nLFS = [free, second]\n"))
    assert [lf.name for lf in pack] == ["has_free", "second"]


def test_imported_labeling_functions_do_not_count_unless_listed(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "neighbour_xyz.py")
    text = HEAD + "from neighbour_xyz import *\nfrom neighbour_xyz import second as theirs\n"
    own = "\n@labeling_function\ndef own(x):\n    return 0\n"
    assert [lf.name for lf in load_pack(write(tmp_path, text + own))] == ["own"]
    listed = load_pack(write(tmp_path, text + own + "LFS = [own, theirs]\n"))
    assert [lf.name for lf in listed] == ["own", "second"]


def test_a_file_is_loaded_anew_and_leaves_one_module(tmp_path: Path) -> None:
    write(tmp_path, "WORD = 'a'\n", "neighbour_abc.py")
    text = HEAD + "from neighbour_abc import WORD\n@labeling_function\ndef f(x):\n    return WORD\n"
    path = write(tmp_path, text)
    before, search_path = set(sys.modules), list(sys.path)
    assert load_pack(path)["f"]({}) == "a"
    write(tmp_path, "WORD = 'bcd'\n", "neighbour_abc.py")
    assert load_pack(path)["f"]({}) == "bcd"
    (added,) = set(sys.modules) - before
    assert added.startswith("weaklabel_pack_pack_")
    assert sys.path == search_path
    del sys.modules[added]


def test_equally_named_files_do_not_meet(tmp_path: Path) -> None:
    packs = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder, f"WORD = '{number}'\n", "helper_same_name.py")
        text = "from helper_same_name import WORD\n@labeling_function\ndef f(x):\n    return WORD\n"
        packs.append(load_pack(write(folder, HEAD + text)))
    assert [pack["f"]({}) for pack in packs] == ["1", "2"]


def test_a_pack_pickles_by_reference_to_its_file(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "\nLFS = [free, keyword('win')]\n")
    pack = load_pack(path)
    for lf in pack:
        assert pickle.loads(pickle.dumps(lf)) is lf
    data = pickle.dumps(pack["has_win"])
    path.write_text(GOOD)
    del sys.modules[pack["has_win"].function.__module__]
    with pytest.raises(PackError, match="has changed since it was loaded; load it again"):
        pickle.loads(data)


def test_a_module_is_a_pack_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_packs_xyz").mkdir()
    write(tmp_path / "my_packs_xyz", "", "__init__.py")
    write(tmp_path / "my_packs_xyz", GOOD, "spam.py")
    monkeypatch.syspath_prepend(tmp_path)
    pack = load_pack("my_packs_xyz.spam")
    assert pack.name == "my_packs_xyz.spam"
    assert [lf.name for lf in pack] == ["second", "other", "has_free"]
    for name in ("my_packs_xyz.spam", "my_packs_xyz"):
        del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n\ndef f(:\n", r"pack\.py, line 3: invalid syntax: def f\(:; correct the line"),
        (
            HEAD + "import no_such_module_xyz\n",
            r"pack\.py, line 2 \(import no_such_module_xyz\): cannot import 'no_such_module_xyz'.*"
            "install what is missing",
        ),
        (
            HEAD + "from weaklabel import no_such_name\n",
            r"pack\.py, line 2 .*cannot import 'weaklabel'.*no_such_name",
        ),
        (
            HEAD + "\nLIMIT = 1 / 0\n",
            r"pack\.py, line 3 \(LIMIT = 1 / 0\): ZeroDivisionError: division by zero",
        ),
        (HEAD, r"pack\.py defines no labeling functions; decorate"),
        ("def f(x):\n    return 1\n", "defines no labeling functions"),
        ("", "defines no labeling functions"),
        (
            HEAD + "@labeling_function\ndef f(x): ...\n\n@labeling_function()\ndef f(x): ...\n",
            r"pack\.py, line 6: a labeling function 'f' is already defined in line 3; rename",
        ),
        (
            HEAD + "rule = labeling_function(version='2')\n@rule\ndef f(x): ...\n\n"
            "@rule\ndef f(x): ...\n",
            r"pack\.py, line 7: a labeling function 'f' is already defined in line 4; rename",
        ),
        (
            HEAD
            + "@labeling_function\ndef f(x): ...\n@labeling_function(name='f')\ndef g(x): ...\n",
            r"pack\.py, line 4: two labeling functions are named 'f' \(the first in line 2\)",
        ),
        (
            HEAD + "def f(x): ...\nLFS = [f]\n",
            r"LFS must hold labeling functions, found <function f .* at position 0; decorate",
        ),
        (HEAD + "LFS = 'f'\n", "LFS must be a list of labeling functions, found 'f'"),
        (HEAD + "LFS = []\n", "defines no labeling functions"),
        (
            HEAD + "@labeling_function\ndef f(x): ...\nLABELS = ['a', 'a']\n",
            r"pack\.py: LABELS must be a list of class names.*'a' twice",
        ),
        (HEAD + "@labeling_function\ndef f(x): ...\nLABELS = 3\n", "LABELS must be a list"),
        (
            HEAD + "@labeling_function\ndef f(x): ...\nID_COLUMN = 3\n",
            "ID_COLUMN must be the name of a column, found 3",
        ),
        (HEAD + "labeling_function(lambda x: 1)\n", "line 2 .*ConfigError: a lambda has no name"),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_the_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    before = set(sys.modules)
    with pytest.raises(PackError, match=message):
        load_pack(write(tmp_path, text))
    assert {name for name in set(sys.modules) - before if "pack" in name} == set()


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pack.py"
    path.write_bytes(b"x = '\xff\xfe'\n")
    with pytest.raises(PackError, match=r"pack\.py"):
        load_pack(path)
    path.write_bytes(b"x = 1\0\n")
    with pytest.raises(PackError, match=r"pack\.py"):
        load_pack(path)


def test_what_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PackError, match=r"there is no file .*nowhere\.py; give the path"):
        load_pack(tmp_path / "nowhere.py")
    with pytest.raises(PackError, match=r"is a folder; give one \.py file"):
        load_pack(f"{tmp_path}/")
    with pytest.raises(PackError, match="no file and no importable module 'no_such_module_xyz'"):
        load_pack("no_such_module_xyz")
    monkeypatch.chdir(tmp_path)
    write(tmp_path, GOOD, "rules_xyz.py")
    with pytest.raises(PackError, match=r"did you mean the file rules_xyz\.py\?"):
        load_pack("rules_xyz")


def test_the_failed_reload_of_a_file_keeps_what_was_loaded(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    module = load_pack(path)["second"].function.__module__
    write(tmp_path, "def f(:")
    with pytest.raises(PackError):
        load_pack(path)
    assert module in sys.modules
