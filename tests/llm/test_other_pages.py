"""The code of the pages on confidence, routing and programs runs; a function is the model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from weaklabel import LabelModel, VoteMatrix, load_pack
from weaklabel.llm import CallableModel, PromptEnsemble, Question, Sampling

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROWS = [{"text": f"row {i} {'free' if i % 3 == 0 else 'song'}"} for i in range(60)]
GOLD = ["spam" if i % 3 == 0 else "ham" for i in range(60)]
PACK = """
from weaklabel import labeling_function

LABELS = ["spam", "ham"]

@labeling_function
def song(x):
    return "ham" if "song" in x.text and "1" in x.text else None

@labeling_function
def free(x):
    return "spam" if "free" in x.text else None
"""
PROGRAM = """```python
def lf(row):
    return "spam" if "free" in row["text"] else "ham"
```"""


def answer(question: Question, sampling: Sampling) -> list[str]:
    """Says it is an advertisement, the surer the freer; or writes a program."""
    text = question.messages[-1].text
    if question.choices is None:
        return [PROGRAM] * sampling.n
    return ["yes" if "free" in text and k != len(text) % 5 else "no" for k in range(8)]


def run_page(name: str, **known: Any) -> dict[str, Any]:
    """All that the code of a page defines."""
    blocks = re.findall(
        r"```python\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), flags=re.DOTALL
    )
    exec(compile("\n".join(blocks), name, "exec"), known)  # our own documentation
    return known


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)

    def client(name: str) -> CallableModel:
        return CallableModel(answer, name, takes="question")

    monkeypatch.setattr("weaklabel.llm.OpenAIClient", client)
    (tmp_path / "rules.py").write_text(PACK)
    return tmp_path


@pytest.mark.filterwarnings("ignore::weaklabel.errors.IdentifiabilityWarning")
def test_confidence() -> None:
    found = run_page("language_models_soft.md", rows=ROWS)
    assert isinstance(found["ensemble"], PromptEnsemble)
    votes: VoteMatrix = found["ensemble"].merged(found["result"].votes)
    assert votes.lf_names == ("is_ad@small", "is_ad@large")
    LabelModel().fit(votes)


def test_routing() -> None:
    found = run_page("routing.md", rows=ROWS)
    assert found["result"].cost == 60.0
    assert len(found["labels"]) == 60
    assert found["result"].probabilities.argmax(axis=1).tolist() == [i % 3 > 0 for i in range(60)]


@pytest.mark.slow
def test_programs(folder: Path) -> None:
    (folder / "rules.py").unlink()
    run_page("programs.md", rows=ROWS, gold=GOLD)
    (lf,) = load_pack("rules.py")
    assert [lf(row) for row in ROWS] == GOLD
