"""From a reply of a model to a pack that loads: asked, screened, written."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel import LabelModel, apply, load_pack
from weaklabel.errors import ArtifactError, ConfigError, DataError
from weaklabel.llm import AnswerCache, CallableModel, QuestionError
from weaklabel.llm.program_pack import pack_text, renamed, write_program_pack
from weaklabel.llm.program_rules import Program
from weaklabel.llm.program_screen import Screening, screen_programs
from weaklabel.llm.programs import Proposals, propose_programs
from weaklabel.llm.protocol import Answer
from weaklabel.llm.sandbox import ProgramLimits

LABELS = ["ham", "spam"]
SHORT = ProgramLimits(cpu_seconds=1, wall_seconds=1.0, memory_megabytes=256)

REPLY = '''```python
import re
from datetime import datetime

WORDS = {"free", "win"}

def free_words(row):
    """Advertisements promise something for nothing."""
    text = (row["text"] or "").lower()
    return "spam" if any(w in text for w in WORDS) else None

def greets(row):
    """Greetings are from friends."""
    return "ham" if re.match(r"hi|hello", row["text"] or "") else None

def forever(row):
    while True:
        pass

def evil(row):
    import os
    return os.getcwd()

def greedy(row):
    return "spam" if len([0] * (10**10 // 8)) else None
```'''
TAME = REPLY.replace("while True:", "while False:")
SECOND = '''```python
import datetime

WORDS = ("love", "song")

def free_words(row):
    """Another rule of the same name."""
    text = row.text or ""
    return "ham" if any(w in text for w in WORDS) else None

def again(row):
    """What free_words of the first reply says."""
    text = (row["text"] or "").lower()
    return "spam" if "free" in text or "win" in text else None

def never(row):
    return "spam" if "xyzzy" in (row["text"] or "") else None

def always(row):
    return "ham"

def backwards(row):
    return "ham" if "free" in (row["text"] or "") else None

def dated(row):
    return "ham" if datetime.date(2020, 1, 1).year == len(row["text"] or "") else None
```'''


def rows_and_gold(n: int = 120) -> tuple[list[dict[str, str]], list[str]]:
    kinds = [
        ("free money now", "spam"), ("win a prize", "spam"), ("hi there", "ham"),
        ("i love this song", "ham"), ("what is this", "ham"),
    ]  # fmt: skip
    chosen = [kinds[i % len(kinds)] for i in range(n)]
    return [{"text": text} for text, _ in chosen], [label for _, label in chosen]


def proposals(*replies: str, requests: int = 1) -> Proposals:
    rows, _ = rows_and_gold()
    model = CallableModel(lambda _: list(replies), "writer")
    return propose_programs("Find spam.", LABELS, rows, model, requests=requests)


def screened(**settings: object) -> Screening:
    rows, gold = rows_and_gold()
    return screen_programs(
        proposals(REPLY, SECOND), rows, LABELS, gold=gold, limits=SHORT, **settings
    )


@pytest.fixture(scope="module")
def screening() -> Screening:
    return screened()


def test_the_question_says_what_is_allowed_and_shows_rows():
    seen = []
    model = CallableModel(lambda text: seen.append(text) or REPLY, "writer")
    rows, _ = rows_and_gold()
    propose_programs("Find spam.", LABELS, rows, model, requests=1)
    assert "Find spam." in seen[0]
    assert "'ham', 'spam'" in seen[0]
    assert "row['text']" in seen[0]
    assert "free money now" in seen[0]
    assert "unicodedata" in seen[0]


def test_programs_that_are_not_allowed_are_refused_before_they_run():
    found = proposals(REPLY, "I am sorry.")
    assert [p.name for p in found.programs] == ["free_words", "greets", "forever", "greedy"]
    assert [r.name for r in found.refused] == ["evil", "reply 2"]
    assert "import of 'os'" in found.refused[0].reason


def test_misbehaving_programs_are_contained_reported_and_the_pack_is_written(screening, tmp_path):
    outcome = {line.name: line.dropped for line in screening.lines}
    assert "took longer" in outcome["forever"] or "processor time" in outcome["forever"]
    assert outcome["greedy"] == "used more than 256 MB of memory"
    path = write_program_pack(tmp_path / "rules.py", screening)
    text = path.read_text()
    for name in ("forever", "evil", "greedy"):
        assert f"#   {name}: " in text
        assert f"def {name}" not in text
    assert "READ THEM" in text


def test_what_is_kept_and_why_the_others_are_not(screening):
    outcome = {line.name: line.dropped for line in screening.lines}
    assert outcome["greets"] == ""
    assert outcome["again"] == "votes as free_words does"
    assert outcome["never"] == "votes on 0.00 % of the rows"
    assert outcome["always"] == "says the same class of nearly every row"
    assert outcome["backwards"] == "is right on 0 % of 24 gold rows"
    assert [p.name for p in screening.kept] == ["free_words", "greets", "free_words_2"]
    assert screening.votes is not None
    assert screening.votes.lf_names == ("free_words", "greets", "free_words_2")
    text = str(screening)
    assert "3 of" in text
    assert "one question a row (estimate)" in text


def test_without_gold_contradicting_the_others_counts():
    rows, _ = rows_and_gold()
    found = screen_programs(proposals(TAME, SECOND), rows, LABELS, limits=SHORT)
    outcome = {line.name: line.dropped for line in found.lines}
    assert outcome["backwards"].startswith("agrees with the others on 0 %")


def test_the_pack_loads_and_votes_as_the_screening_did(screening, tmp_path):
    pack = load_pack(write_program_pack(tmp_path / "rules.py", screening))
    assert pack.labels is not None
    assert list(pack.labels.names) == LABELS
    rows, gold = rows_and_gold()
    votes = apply(pack, rows, progress=False)
    assert np.array_equal(votes.to_dense(), screening.votes.to_dense())
    p = LabelModel().fit(votes).predict_proba(votes)
    covered = votes.n_votes_per_item > 0
    known = np.array([LABELS.index(g) for g in gold])
    assert (p.argmax(axis=1) == known)[covered].mean() == 1.0


def test_names_that_mean_two_things_are_told_apart(screening):
    text = pack_text(screening)
    assert "WORDS = {'free', 'win'}" in text or "WORDS = {'win', 'free'}" in text
    assert "WORDS_2 = ('love', 'song')" in text
    compile(text, "pack", "exec")


def test_renaming_leaves_parameters_alone():
    program = Program("f", "X = 1\ndef g(X):\n    return X\ndef f(row):\n    return g(X)\n")
    found = renamed(program, {"X": "Y", "f": "h"})
    assert found.name == "h"
    space: dict = {}
    exec(found.source, space)
    assert space["h"]({}) == 1
    assert "def g(X)" in found.source


def test_what_a_model_writes_cannot_leave_the_comment(tmp_path):
    rows, gold = rows_and_gold()
    model = CallableModel(lambda _: [TAME, "x\ny\x0cz"], "a\nb")
    found = propose_programs('Find\n"""\nimport os', LABELS, rows, model, requests=1)
    kept = screen_programs(found, rows, LABELS, gold=gold, limits=SHORT)
    pack = load_pack(write_program_pack(tmp_path / "rules.py", kept))
    assert len(pack) == 2
    head = (tmp_path / "rules.py").read_text().split("\n\n")[0]
    assert all(line.startswith("#") for line in head.splitlines())


def test_a_pack_is_not_overwritten_and_not_written_empty(screening, tmp_path):
    path = write_program_pack(tmp_path / "rules.py", screening)
    with pytest.raises(ArtifactError, match="overwrite=True"):
        write_program_pack(path, screening)
    assert write_program_pack(path, screening, overwrite=True) == path
    rows, _ = rows_and_gold()
    nothing = screen_programs(proposals("no"), rows, LABELS)
    with pytest.raises(DataError, match="no program was kept"):
        write_program_pack(tmp_path / "empty.py", nothing)


def test_the_cost_of_programs_beside_that_of_asking_about_every_row():
    rows, _ = rows_and_gold()
    answer = Answer((REPLY,), prompt_tokens=700, completion_tokens=300)
    model = CallableModel(lambda *_: answer, "writer", takes="question")
    prices = {"writer": {"input": 1.0, "output": 10.0}}
    found = propose_programs("Find spam.", LABELS, rows, model, requests=2, prices=prices).cost
    assert (found.requests, found.prompt_tokens, found.completion_tokens) == (2, 1400, 600)
    assert found.cost == pytest.approx((1400 + 6000) / 1e6)
    assert found.n_rows == 120
    assert found.row_tokens > 120 * 10
    assert found.row_cost is not None
    assert "programs" in str(found)


def test_a_request_that_fails_is_reported_and_a_cache_answers_the_second_time(tmp_path):
    calls = []

    def answer(question, sampling):
        calls.append(sampling.seed)
        if sampling.seed == 1:
            raise QuestionError("refused", "no code today")
        return Answer((REPLY,))

    model = CallableModel(answer, "writer", takes="question")
    rows, _ = rows_and_gold()
    cache = AnswerCache(tmp_path / "a.sqlite")
    found = propose_programs("Find spam.", LABELS, rows, model, cache=cache)
    assert ("reply 2", "refused: no code today") in [(r.name, r.reason) for r in found.refused]
    again = propose_programs("Find spam.", LABELS, rows, model, cache=cache)
    cache.close()
    assert again.programs == found.programs
    assert calls.count(0) == 1
    assert calls.count(1) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": " "}, "found an empty text"),
        ({"requests": 0}, "requests must be at least 1"),
        ({"fields": ["body"]}, "no column 'body'"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_asked(change, message):
    rows, _ = rows_and_gold()
    model = CallableModel(lambda _: pytest.fail("asked"), "m")
    settings = {"task": "t", "labels": LABELS, "rows": rows, "model": model} | change
    with pytest.raises(ConfigError, match=message):
        propose_programs(**settings)


def test_screening_settings_and_gold_must_fit():
    rows, _ = rows_and_gold()
    with pytest.raises(ConfigError, match="most_alike must lie"):
        screen_programs(proposals(REPLY), rows, LABELS, most_alike=2.0)
    with pytest.raises(ConfigError, match="one label per row, found 1"):
        screen_programs(proposals(REPLY), rows, LABELS, gold=["ham"])
