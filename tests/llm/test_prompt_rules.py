"""Prompts as labeling functions: in apply, in packs, in files of rules."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from labeling_functions import regex
from labeling_functions.prompts import PromptVotes, as_labeling_function, prompt
from tests.llm.conftest import YES_NO, ScriptedModel, about_free, failing, texts
from tests.llm.server import KEY, running
from weaklabel import ABSTAIN, Not, OneOf, VoteCache, apply, ask, load_pack
from weaklabel.errors import ConfigError, LabelingFunctionError, PackError
from weaklabel.llm import (
    CallableModel,
    PromptLabelingFunction,
    PromptSheet,
    SheetQuestion,
)

SPACE = ["ham", "spam"]


def is_spam(model: object, **settings: object) -> object:
    return prompt("is_spam", "{text}", YES_NO, model, labels=SPACE, **settings)  # type: ignore[arg-type]


def test_beside_other_labeling_functions():
    model = ScriptedModel(about_free)
    lfs = [regex("song", "song", "ham", labels=SPACE), is_spam(model)]
    votes = apply(lfs, texts(30), labels=SPACE)
    assert votes.to_dense().tolist() == [[ABSTAIN, 1] if i % 3 == 0 else [0, 0] for i in range(30)]
    alone = ask(PromptLabelingFunction("is_spam", "{text}", YES_NO, SPACE), texts(30), model=model)
    assert votes.select_lfs(["is_spam"]).to_dense().tolist() == alone.votes.to_dense().tolist()


def test_rich_votes_come_through():
    model = ScriptedModel(lambda text, attempt: text)
    answers = {"both": ["a", "b"], "other": {"not": "a"}, "dunno": "", "plain": "c"}
    lf = prompt("p", "{text}", answers, model, labels=["a", "b", "c"])
    rows = [{"text": text} for text in answers]
    assert [lf(row) for row in rows] == [OneOf("a", "b"), Not("a"), None, "c"]
    votes = apply([lf], rows)
    assert [votes.alphabet.describe(c) for c in votes.symbol] == ["one of a, b", "one of b, c", "c"]
    inside = lf.function
    assert isinstance(inside, PromptVotes)
    assert inside.prompt.answer_maps[0].votes["other"] == Not("a")


def test_what_a_negation_leaves_is_up_to_the_run():
    model = ScriptedModel(lambda text, attempt: text)
    lf = prompt("p", "{text}", {"yes": "a", "no": {"not": "a"}, "b": "b"}, model)
    votes = apply([lf], [{"text": "no"}], labels=["a", "b", "c"])
    assert [votes.alphabet.describe(code) for code in votes.symbol] == ["one of b, c"]


def test_a_prompt_that_skips_rows():
    model = ScriptedModel(about_free)
    short = PromptLabelingFunction("p", lambda text: text if len(text) < 9 else None, YES_NO)
    votes = apply([as_labeling_function(short, model)], [{"text": "free"}, {"text": "free " * 9}])
    assert votes.to_dense()[:, 0].tolist() == [0, ABSTAIN]


def test_equal_rows_and_second_runs_cost_nothing(tmp_path: Path):
    model = ScriptedModel(about_free)
    rows = [{"text": "free"}, {"text": None}, {"text": "song"}] * 300
    apply([is_spam(model)], rows)
    assert dict(model.asked) == {"free": 1, "song": 1}
    apply([is_spam(model, cache=tmp_path / "c")], rows)
    apply([is_spam(model, cache=tmp_path / "c")], rows)
    assert model.asked.total() == 4


def test_the_vote_cache_knows_prompt_and_model(tmp_path: Path):
    first, second = ScriptedModel(about_free), ScriptedModel(about_free, "second")

    def run(lf: object) -> int:
        cache = VoteCache(tmp_path / "votes")
        apply([lf], texts(10), cache=cache)
        return cache.n_computed

    assert [run(is_spam(first)), run(is_spam(first))] == [10, 0]
    assert run(is_spam(second)) == 10
    assert run(prompt("is_spam", "Spam? {text}", YES_NO, first, labels=SPACE)) == 10
    assert run(is_spam(first, max_calls=99, cache=tmp_path / "c")) == 0


def test_refusals_abstain_and_lost_requests_are_faults():
    rows = [*texts(6), {"text": "bad"}]
    votes = apply([is_spam(ScriptedModel(failing("refused")))], rows)
    assert votes.to_dense()[6, 0] == ABSTAIN
    assert not votes.faults
    with pytest.raises(LabelingFunctionError, match="no luck with 'bad'"):
        apply([is_spam(ScriptedModel(failing("timed out")))], rows)
    model = ScriptedModel(failing("timed out"))
    votes = apply([is_spam(model)], rows, on_error="abstain")
    assert votes.faults["is_spam"].count == 1
    assert votes.to_dense()[:6, 0].tolist() == [1, 0, 0, 1, 0, 0]
    assert all(model.asked[row["text"]] == 1 for row in texts(6))  # none is asked twice


def test_max_calls_holds_over_all_batches():
    model = ScriptedModel(about_free)
    with pytest.raises(LabelingFunctionError, match="max_calls"):
        apply([is_spam(model, max_calls=70)], texts(500))
    assert model.asked.total() <= 70


def test_what_cannot_be_a_labeling_function():
    sheet = PromptSheet(
        "s", "{text}", {"a": SheetQuestion("?", YES_NO), "b": SheetQuestion("?", YES_NO)}
    )
    with pytest.raises(ConfigError, match="fills 2 columns; a labeling function is one column"):
        as_labeling_function(sheet, ScriptedModel(about_free))
    with pytest.raises(ConfigError, match="prompt 'p' has no model; pass model="):
        as_labeling_function(PromptLabelingFunction("p", "{text}", YES_NO))
    with pytest.raises(ConfigError, match="max_calls of labeling function 'is_spam'"):
        is_spam(ScriptedModel(about_free), max_calls=0)
    with pytest.raises(ConfigError, match=r"must hold \{ not = class \} at 'yes', found \{'nor'"):
        prompt("p", "{text}", {"yes": {"nor": "a"}}, ScriptedModel(about_free))


def test_in_a_pack(tmp_path: Path):
    path = tmp_path / "pack.py"
    path.write_text(
        textwrap.dedent(
            """
            from labeling_functions.prompts import prompt
            from weaklabel import labeling_function
            from weaklabel.llm import CallableModel

            LABELS = ["ham", "spam"]
            model = CallableModel(lambda text: "yes" if "free" in text else "no", "m")

            is_spam = prompt("is_spam", "{text}", {"yes": "spam", "no": "ham"}, model)

            @labeling_function
            def song(x):
                return "ham" if "song" in x.text else None
            """
        )
    )
    votes = apply(load_pack(path), texts(6))
    assert votes.lf_names == ("is_spam", "song")
    assert votes.to_dense()[:, 0].tolist() == [1, 0, 0, 1, 0, 0]


def test_in_worker_processes():
    model = CallableModel(lambda text: "yes" if "free" in text else "no", "m")
    votes = apply([is_spam(model)], texts(200), n_jobs=2)
    assert votes == apply([is_spam(model)], texts(200))


RULES = """
labels = ["ham", "spam"]

[[rules]]
kind = "prompt"
name = "is_spam"
template = "Spam?\\n\\n{text}"
language_model = "tiny-chat"
base_url = "URL"
key_env = "WEAKLABEL_TEST_KEY"
cache = "answers.sqlite"
answers = { yes = "spam", no = "ham", unsure = "" }

[[rules]]
kind = "regex"
name = "song"
label = "ham"
pattern = "song"
"""


@pytest.mark.slow
def test_in_a_file_of_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WEAKLABEL_TEST_KEY", KEY)
    with running() as server:
        path = tmp_path / "rules.toml"
        path.write_text(RULES.replace("URL", server.url))
        votes = apply(load_pack(path), texts(6))
        assert votes.lf_names == ("is_spam", "song")
        assert votes.to_dense()[:, 0].tolist() == [1, 0, 0, 1, 0, 0]
        assert (tmp_path / "answers.sqlite").is_file()
        apply(load_pack(path), texts(6))
        assert server.log.n_requests == 6
        path.write_text(RULES.replace("{text}", "{body}"))
        with pytest.raises(LabelingFunctionError, match="body"):
            apply(load_pack(path), texts(6))
        path.write_text(RULES.replace('no = "ham"', 'no = "hm"'))
        with pytest.raises(PackError, match=r"rules.toml, line 4.*the answer 'no' of the answer"):
            load_pack(path)
