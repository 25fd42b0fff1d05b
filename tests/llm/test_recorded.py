"""Recorded responses: a run that anyone can repeat."""

from __future__ import annotations

import json

import pytest

from tests.llm.conftest import YES_NO, ScriptedModel, about_free, failing, texts
from weaklabel.errors import ArtifactError
from weaklabel.llm import PromptLabelingFunction, RecordedModel, ask, record_to


def test_a_recorded_run_gives_the_same_votes(tmp_path, spam: PromptLabelingFunction):
    path, model = tmp_path / "answers.jsonl", ScriptedModel(about_free)
    first = ask(spam, texts(12), model=record_to(path, model))
    assert model.closed == 1
    recorded = RecordedModel(path)
    assert (len(recorded), recorded.name) == (12, "scripted")
    again = ask(spam, texts(12), model=recorded)
    assert first.votes == again.votes
    entry = json.loads(path.read_text().splitlines()[0])
    assert entry["messages"][-1][1].startswith("row ")
    assert entry["sampling"]["temperature"] == 0.0


def test_recording_appends_and_leaves_failures_out(tmp_path, spam: PromptLabelingFunction):
    path = tmp_path / "answers.jsonl"
    ask(
        spam,
        [{"text": "bad"}, {"text": "x"}],
        model=record_to(path, ScriptedModel(failing("refused"))),
    )
    ask(spam, [{"text": "y"}], model=record_to(path, ScriptedModel(about_free)))
    assert len(RecordedModel(path)) == 2


def test_what_was_not_recorded_fails(tmp_path, spam: PromptLabelingFunction):
    path = tmp_path / "answers.jsonl"
    ask(spam, texts(2), model=record_to(path, ScriptedModel(about_free)))
    result = ask(spam, [*texts(2), {"text": "new"}], model=RecordedModel(path))
    assert [(f.row, f.kind) for f in result.failures] == [(2, "no answer")]
    assert "this question was not recorded: 'new'" in result.failures[0].message
    changed = PromptLabelingFunction("spam", "Spam? {text}", YES_NO)
    assert len(ask(changed, texts(2), model=RecordedModel(path)).failures) == 2


def test_files_that_are_no_recordings(tmp_path, spam: PromptLabelingFunction):
    path = tmp_path / "answers.jsonl"
    with pytest.raises(ArtifactError, match="cannot read the recorded answers"):
        RecordedModel(path)
    path.write_text("")
    with pytest.raises(ArtifactError, match="must hold the answers of one model, found none"):
        RecordedModel(path)
    path.write_text('{"model": "m"}\n')
    with pytest.raises(ArtifactError, match="line 1: not a recorded answer"):
        RecordedModel(path)
    path.unlink()
    for name in ("one", "two"):
        ask(spam, texts(1), model=record_to(path, ScriptedModel(about_free, name)))
    with pytest.raises(ArtifactError, match="must hold the answers of one model, found one, two"):
        RecordedModel(path)
    with pytest.raises(ArtifactError, match=r"the folder of .* does not exist"):
        record_to(tmp_path / "no" / "answers.jsonl", ScriptedModel(about_free))
