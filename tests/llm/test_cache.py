"""The answer cache: keys, durability, damage, several processes."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.llm.conftest import YES_NO, ScriptedModel, about_free, texts
from weaklabel.errors import CacheWarning, ConfigError
from weaklabel.llm import (
    Answer,
    AnswerCache,
    CallableModel,
    ImagePart,
    Message,
    PromptLabelingFunction,
    Question,
    Sampling,
    TextPart,
    TokenChoice,
    ask,
    plan,
)
from weaklabel.llm.stored import answer_from_json, answer_to_json, key_of

ROOT = Path(__file__).resolve().parents[2]

FULL = Answer(
    texts=("yes", "no"),
    tokens=(TokenChoice("yes", -0.1, (("yes", -0.1), ("no", -2.5))),),
    choice_logprobs={"yes": -0.1, "no": -2.5},
    prompt_tokens=12,
    completion_tokens=3,
    finish_reason="stop",
    refusal=None,
    seconds=0.25,
)


def question(text: str = "hi", **settings: object) -> Question:
    return Question((Message("user", text),), **settings)  # type: ignore[arg-type]


def test_an_answer_comes_back_as_it_was():
    for answer in (FULL, Answer(()), Answer((), refusal="no", finish_reason="stop")):
        assert answer_from_json(json.loads(json.dumps(answer_to_json(answer)))) == answer


def test_the_key_covers_all_that_decides_an_answer():
    keys = [
        key_of("m", question(), Sampling()),
        key_of("n", question(), Sampling()),
        key_of("m", question("ho"), Sampling()),
        key_of("m", Question((Message("system", "hi"),)), Sampling()),
        key_of("m", Question((Message("user", "h"), Message("user", "i"))), Sampling()),
        key_of("m", question(choices=("a",)), Sampling()),
        key_of("m", question(schema={"type": "object"}), Sampling()),
        key_of("m", Question((Message("user", (TextPart("hi"),)),)), Sampling()),
        key_of(
            "m", Question((Message("user", (TextPart("hi"), ImagePart(data=b"1"))),)), Sampling()
        ),
        key_of(
            "m", Question((Message("user", (TextPart("hi"), ImagePart(data=b"2"))),)), Sampling()
        ),
        *(
            key_of("m", question(), sampling)
            for sampling in (
                Sampling(temperature=0.5),
                Sampling(max_tokens=3),
                Sampling(n=2),
                Sampling(top_logprobs=5),
                Sampling(seed=1),
            )
        ),
    ]
    assert len(set(keys)) == len(keys)
    assert key_of("m", question(), Sampling()) == keys[0]
    assert len(keys[0]) == 32


def test_a_second_run_costs_nothing(tmp_path, spam: PromptLabelingFunction, model: ScriptedModel):
    first = ask(spam, texts(40), model=model, cache=tmp_path / "c", concurrency=8)
    second = ask(spam, texts(40), model=model, cache=tmp_path / "c")
    assert model.asked.total() == 40
    assert first.votes == second.votes
    (line,) = second.report.lines
    assert (line.calls, line.cached, line.cost) == (0, 40, 0.0)
    # More rows cost what is new.
    ask(spam, texts(45), model=model, cache=tmp_path / "c")
    assert model.asked.total() == 45


def test_a_changed_template_asks_only_its_column_again(tmp_path, model: ScriptedModel):
    def prompts(second: str) -> list[PromptLabelingFunction]:
        return [
            PromptLabelingFunction("a", "{text}", YES_NO),
            PromptLabelingFunction("b", second, YES_NO),
        ]

    ask(prompts("Spam? {text}"), texts(10), model=model, cache=tmp_path / "c")
    result = ask(prompts("Is it spam? {text}"), texts(10), model=model, cache=tmp_path / "c")
    assert [line.calls for line in result.report.lines] == [0, 10]
    assert [line.cached for line in result.report.lines] == [10, 0]


def test_a_changed_answer_map_costs_nothing_if_the_question_is_the_same(
    tmp_path, model: ScriptedModel
):
    def prompt(answers: dict[str, str]) -> PromptLabelingFunction:
        return PromptLabelingFunction("a", "{text}", answers)

    ask(prompt({"yes": "spam", "no": "ham"}), texts(10), model=model, cache=tmp_path / "c")
    turned = ask(prompt({"yes": "good", "no": "bad"}), texts(10), model=model, cache=tmp_path / "c")
    assert turned.report.calls == 0
    assert turned.votes.labels.names == ("good", "bad")


def test_every_answer_is_on_disk_before_the_next_question(tmp_path, spam: PromptLabelingFunction):
    path, seen = tmp_path / "c", []

    def function(prompt: str) -> str:
        with sqlite3.connect(path) as other:  # as another process would see it
            seen.append(other.execute("SELECT count(*) FROM answers_1").fetchone()[0])
        other.close()
        return about_free(prompt, 1)

    ask(spam, texts(20), model=CallableModel(function, "m"), cache=path, concurrency=1)
    assert seen == list(range(20))


def test_answers_that_come_together_are_one_transaction(tmp_path):
    cache = AnswerCache(tmp_path / "c")
    commits = []
    write = cache._write
    cache._write = lambda rows: (commits.append(len(rows)), write(rows))[1]  # type: ignore[method-assign, assignment]

    async def many() -> None:
        await asyncio.gather(*(cache.put(bytes([k]) * 32, "m", FULL) for k in range(50)))

    asyncio.run(many())
    assert commits == [50]
    assert len(cache) == 50
    assert cache.get(bytes([7]) * 32) == FULL
    cache.close()


def test_damage_is_noticed_set_aside_and_said(
    tmp_path, spam: PromptLabelingFunction, model: ScriptedModel
):
    path = tmp_path / "c"
    ask(spam, texts(400), model=model, cache=path)
    content = bytearray(path.read_bytes())
    assert len(content) > 12_000
    content[5000:11_000] = b"\xff" * 6000
    path.write_bytes(content)
    with pytest.warns(CacheWarning, match=r"is damaged .* set aside as c.damaged-1 and begun anew"):
        result = ask(spam, texts(400), model=model, cache=path)
    assert result.report.calls == 400
    assert bytes(content) == (tmp_path / "c.damaged-1").read_bytes()
    assert ask(spam, texts(400), model=model, cache=path).report.calls == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("my thesis"), "exists and is not an answer cache"),
        (lambda path: path.mkdir(), "is a folder; name a file"),
        (lambda path: _other_database(path), "exists and is not an answer cache"),
    ],
)
def test_other_files_are_left_alone(tmp_path, make, message, spam, model):
    path = tmp_path / "thesis"
    make(path)
    with pytest.raises(ConfigError, match=message):
        ask(spam, texts(3), model=model, cache=path)
    assert model.asked.total() == 0
    with pytest.raises(ConfigError, match=r"the folder .* does not exist"):
        AnswerCache(tmp_path / "no" / "c")


def _other_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE thesis (chapter)")
    database.close()


def test_an_empty_file_becomes_a_cache(tmp_path, spam, model):
    (tmp_path / "c").touch()
    assert ask(spam, texts(3), model=model, cache=tmp_path / "c").report.calls == 3


def test_an_answer_that_cannot_be_kept_ends_the_run(tmp_path, spam, model):
    cache = AnswerCache(tmp_path / "c")

    def broken(rows: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    cache._write = broken  # type: ignore[method-assign, assignment]
    result = ask(spam, texts(50), model=model, cache=cache, concurrency=1)
    assert result.report.status == "the answer cache cannot be written (database or disk is full)"
    assert result.votes.n_votes == 1  # paid for, so it counts
    assert model.asked.total() == 1
    cache.close()


CHILD = """
    import sys, time
    from tests.llm.conftest import texts, YES_NO
    from weaklabel.llm import CallableModel, PromptLabelingFunction, ask
    start, stop, seconds = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    def answer(prompt):
        time.sleep(seconds)
        print("call", flush=True)
        return "yes" if "free" in prompt else "no"
    ask(PromptLabelingFunction("spam", "{text}", YES_NO), texts(stop)[start:],
        model=CallableModel(answer, "m"), cache=sys.argv[1], concurrency=4)
"""


def child(path: Path, start: int, stop: int, seconds: float = 0.0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(path), str(start), str(stop)]
    return subprocess.Popen([*command, str(seconds)], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_processes_may_share_a_cache(tmp_path, spam: PromptLabelingFunction):
    path = tmp_path / "c"
    processes = [child(path, start, start + 150) for start in (0, 100, 200)]
    for process in processes:
        assert process.communicate(timeout=60)[0].count("call") <= 150
        assert process.returncode == 0
    model = CallableModel(lambda prompt: "no", "m")
    line = plan(spam, texts(350), model=model, cache=path).lines[0]
    assert (line.cached, line.calls) == (350, 0)


def test_kill_9_loses_at_most_the_requests_on_their_way(tmp_path, spam: PromptLabelingFunction):
    path = tmp_path / "c"
    process = child(path, 0, 5000, 0.002)
    assert process.stdout is not None
    for _ in range(100):
        process.stdout.readline()
    time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    n_before = 100 + process.communicate(timeout=60)[0].count("call")
    model = ScriptedModel(about_free, "m")
    result = ask(spam, texts(300), model=model, cache=path)
    assert result.votes.n_votes == 300
    assert n_before + model.asked.total() <= 300 + 4
