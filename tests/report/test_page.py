"""The page as text: nothing escapes, nothing is fetched, the same inputs give the same page."""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.report.conftest import HOSTILE, data_of
from weaklabel import LabelModel, VoteMatrix
from weaklabel.analysis.report import page as page_module
from weaklabel.analysis.report import report_page, write_report
from weaklabel.analysis.report.html import Html, element, json_block
from weaklabel.errors import ArtifactError

ROOT = Path(__file__).resolve().parents[2]


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.texts.append(data)


def test_elements_escape_text_and_attributes():
    made = element("p", HOSTILE, title=HOSTILE, data_x=None, hidden=True)
    parsed = Elements(made)
    assert parsed.found == [("p", {"title": HOSTILE, "hidden": None})]
    assert "".join(parsed.texts) == HOSTILE


def test_markup_is_kept_and_children_are_flattened():
    inner = element("b", "x")
    assert element("p", inner, ["<", Html("<hr>")], None, 3) == "<p><b>x</b>&lt;<hr>3</p>"


def test_json_cannot_end_its_element():
    block = json_block("data", {"text": HOSTILE})
    assert block.count("<") == 2
    assert data_of(block) == {"text": HOSTILE}


def test_hostile_names_classes_texts_and_titles_are_text(case):
    votes = VoteMatrix.from_dense(
        np.array([[0, 1, 0], [1, 1, -1], [0, 0, 1]] * 5),
        labels=[f"a{HOSTILE}", f"b{HOSTILE}"],
        lf_names=[f"{HOSTILE}{j}" for j in range(3)],
        row_ids=np.array([f"{HOSTILE}{i}" for i in range(15)], dtype=object),
    )
    rows = [{f"column{HOSTILE}": HOSTILE}] * 15
    model = LabelModel().fit(votes)
    page = report_page(
        votes, model, gold=[f"a{HOSTILE}"] * 15, rows=rows, title=HOSTILE, about={"x": HOSTILE}
    )
    parsed = Elements(page)
    tags = {tag for tag, _ in parsed.found}
    assert "img" not in tags
    assert sum(tag == "script" for tag, _ in parsed.found) == 2
    assert not [k for _, attributes in parsed.found for k in attributes if k.startswith("on")]
    assert HOSTILE in html.unescape(page)
    assert data_of(page)["sample"]["rows"][0]["cells"] == [HOSTILE]
    assert not parsed.open


def test_every_element_is_closed_and_every_id_is_unique(case):
    parsed = Elements(case.page())
    assert not parsed.open
    ids = [attributes["id"] for _, attributes in parsed.found if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_headings_do_not_skip_a_level(case):
    levels = [int(t[1]) for t, _ in Elements(case.page()).found if re.fullmatch("h[1-6]", t)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_policy_allows_the_one_script_and_the_one_style_and_nothing_else(case):
    page = case.page()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in html.unescape(policy.group(1)).split(";"))
    assert rules["default-src"] == "'none'"
    for kind in ("script", "style"):
        content = re.search(rf"<{kind}>(.*?)</{kind}>", page, re.S)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content.group(1).encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert 'style="' not in page


def test_nothing_points_out_of_the_page(case):
    for _, attributes in Elements(case.page()).found:
        for name in ("src", "href", "action", "srcset", "data"):
            assert (attributes.get(name) or "#").startswith("#"), attributes
    assert "http:" not in re.sub(r"http://www\.w3\.org/2000/svg", "", case.page())
    assert "https:" not in case.page()
    assert "@import" not in case.page()


def test_scripts_make_text_and_never_markup(case):
    script = case.page().rpartition("<script>")[2]
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert word not in script


def test_charts_have_words(case):
    charts = [a for t, a in Elements(case.page()).found if t == "svg" and a.get("class") == "chart"]
    assert len(charts) == 2
    for chart in charts:
        assert chart["role"] == "img"
        assert re.search(r"\d", str(chart["aria-label"]))
    others = [a for t, a in Elements(case.page()).found if t == "svg" and a not in charts]
    assert others
    assert all(a.get("aria-hidden") == "true" for a in others)


def test_the_same_inputs_make_the_same_page_in_any_process(case, tmp_path):
    case.votes.save(tmp_path / "votes.npz")
    code = (
        "import hashlib, sys; from weaklabel import VoteMatrix, LabelModel\n"
        "from weaklabel.analysis.report import report_page\n"
        "votes = VoteMatrix.load(sys.argv[1])\n"
        "page = report_page(votes, LabelModel().fit(votes))\n"
        "print(hashlib.sha256(page.encode()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "votes.npz"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    here = report_page(case.votes, LabelModel().fit(case.votes))
    assert done.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()
    assert case.page() == case.page()


def test_a_lone_surrogate_is_written(case, tmp_path):
    rows = [{"text": "half \ud800 a character"}] * 300
    path = write_report(tmp_path / "r.html", case.votes, rows=rows)
    assert data_of(path.read_text("utf-8"))["sample"]["rows"][0]["cells"] == [rows[0]["text"]]


def test_an_existing_file_is_left_as_it_is(case, tmp_path):
    path = tmp_path / "r.html"
    path.write_text("mine")
    with pytest.raises(ArtifactError, match="exists and is left as it is"):
        write_report(path, case.votes)
    assert path.read_text() == "mine"
    write_report(path, case.votes, overwrite=True)
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_every_file_of_the_page_is_used_and_part_of_the_wheel():
    folder = Path(page_module.__file__).parent / "page"
    names = {path.name for path in folder.iterdir()}
    assert names == {"page.html", "page.css", *page_module.SCRIPTS}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packed = settings["tool"]["setuptools"]["package-data"]["weaklabel.analysis.report"]
    assert packed == ["page/*"]


def test_every_place_of_the_template_is_filled(case):
    markup = re.sub(r"<(script|style).*?</\1>", "", case.page(), flags=re.S)
    assert "{{" not in markup
    assert case.page(title="{{data}} {{script}}").count('<script type="application/json"') == 1
