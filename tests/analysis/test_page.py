"""docs/analysis.md: its names exist, and its commands run and print the tables shown."""

from __future__ import annotations

import re

import pytest

import weaklabel.analysis
from tests.analysis.page import PAGE, blocks, outputs


def test_every_function_of_the_table_is_public():
    top = PAGE.read_text(encoding="utf-8").split("## ")[0]
    table = "\n".join(line for line in top.splitlines() if line.startswith("|"))
    names = set(re.findall(r"`([a-z_]+)(?:\([a-z]+=\.\.\.\))?`", table))
    assert len(names & set(weaklabel.analysis.__all__)) == 9
    assert names - set(weaklabel.analysis.__all__) <= {"report"}


def headers(text: str) -> set[str]:
    """The words of the header of each table: the lines above its rule."""
    lines = text.splitlines()
    rules = [i for i, line in enumerate(lines) if re.match(r"-{4}[- ]*$", line)]
    return {" ".join(lines[i - 1].split()) for i in rules}


def masked(text: str) -> str:
    """The first line with its numbers masked."""
    return re.sub(r"[0-9.,]+", "#", text.strip().splitlines()[0])


@pytest.mark.slow
def test_the_commands_of_the_page_run_and_print_what_it_shows(tmp_path, shared_data):
    found = outputs(tmp_path, shared_data / "raw" / "youtube_spam_collection")
    assert len(found) == sum(m[3] is not None for m in blocks(PAGE.read_text(encoding="utf-8")))
    for code, shown, now in found:
        assert shown.strip(), code
        assert headers(shown) <= headers(now), code
        # the numbers follow the model; `python -m tests.analysis.page` writes them anew
        assert masked(shown) == masked(now), code
