"""Asking models that are functions: votes, failures, budgets, equal questions, interruption."""

from __future__ import annotations

import _thread
import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.llm.conftest import YES_NO, ScriptedModel, about_free, failing, texts
from weaklabel import ABSTAIN, VoteMatrix
from weaklabel.errors import ConfigError, DataError, VotesError
from weaklabel.llm import (
    Answer,
    CallableModel,
    EndpointError,
    InterruptedAsking,
    PromptLabelingFunction,
    PromptSheet,
    QuestionError,
    Sampling,
    SheetQuestion,
    StoppedAsking,
    ask,
    plan,
)

PRICES = {"scripted": {"input": 1000.0, "output": 1000.0}}  # 0.001 a token


def expected(n: int) -> list[int]:
    return [0 if i % 3 == 0 else 1 for i in range(n)]


# -- votes -----------------------------------------------------------------------------------------


def test_prompts_vote(spam: PromptLabelingFunction, model: ScriptedModel):
    other = PromptLabelingFunction("song", "A song? {text}", {"yes": "spam", "no": None})
    result = ask([spam, other], texts(30), model=model)
    assert isinstance(result.votes, VoteMatrix)
    assert result.votes.lf_names == ("spam", "song")
    assert result.votes.labels.names == ("spam", "ham")
    dense = result.votes.to_dense()
    assert dense[:, 0].tolist() == expected(30)
    assert dense[:, 1].tolist() == [0 if i % 3 == 0 else ABSTAIN for i in range(30)]
    assert result.report.is_complete
    assert result.report.calls == 60
    assert not result.failures
    assert result.answered.all()
    assert model.closed == 1


@pytest.mark.parametrize("kind", ["dicts", "frame", "arrow"])
def test_rows_of_any_kind_and_their_ids(
    kind: str, spam: PromptLabelingFunction, model: ScriptedModel
):
    listed = [{"key": f"k{i}", **row} for i, row in enumerate(texts(6))]
    rows = {
        "dicts": listed,
        "frame": pd.DataFrame(listed),
        "arrow": pa.Table.from_pylist(listed),
    }[kind]
    votes = ask(spam, rows, model=model, id_column="key").votes
    assert votes.to_dense()[:, 0].tolist() == expected(6)
    assert votes.ids.tolist() == [f"k{i}" for i in range(6)]


def test_the_index_of_a_frame_identifies_rows(spam: PromptLabelingFunction, model: ScriptedModel):
    frame = pd.DataFrame(texts(3), index=["a", "b", "c"])
    assert ask(spam, frame, model=model).votes.ids.tolist() == ["a", "b", "c"]
    with pytest.raises(VotesError, match="row ids must be unique"):
        ask(spam, pd.DataFrame(texts(2), index=["a", "a"]), model=model)


def test_missing_values_are_not_asked_about(spam: PromptLabelingFunction, model: ScriptedModel):
    rows = pd.DataFrame({"text": ["free", None, float("nan"), "song"]})
    result = ask(spam, rows, model=model)
    assert result.votes.to_dense()[:, 0].tolist() == [0, ABSTAIN, ABSTAIN, 1]
    assert (result.report.calls, result.failures) == (2, ())
    assert result.answered[:, 0].tolist() == [True, False, False, True]
    assert ask(spam, [{"text": "free"}, {"other": 1}], model=model).report.calls == 1


def test_equal_questions_are_asked_once(spam: PromptLabelingFunction, model: ScriptedModel):
    twin = PromptLabelingFunction("twin", "{text}", {"yes": None, "no": "ham"}, ["spam", "ham"])
    rows = [{"text": "free"}, {"text": "song"}] * 20
    result = ask([spam, twin], rows, model=model, concurrency=8)
    assert dict(model.asked) == {"free": 1, "song": 1}
    dense = result.votes.to_dense()
    assert dense[:, 0].tolist() == [0, 1] * 20
    assert dense[:, 1].tolist() == [ABSTAIN, 1] * 20


def test_a_sheet_costs_one_call_a_row():
    sheet = PromptSheet(
        "sheet",
        "{text}",
        {
            "free": SheetQuestion("Free?", YES_NO),
            "long": SheetQuestion("Long?", {"yes": "spam", "no": None}),
        },
    )
    replies = ['{"free": "yes", "long": "no"}', '{"free": "no"}', "neither"]
    model = ScriptedModel(lambda text, attempt: replies[int(text)])
    result = ask(sheet, [{"text": str(i)} for i in range(3)], model=model)
    assert result.votes.lf_names == ("free", "long")
    assert result.votes.to_dense().tolist() == [[0, -1], [1, -1], [-1, -1]]
    assert result.report.calls == 3
    assert [(f.row, f.lf) for f in result.failures] == [(2, "free"), (1, "long"), (2, "long")]


def test_prompts_may_bring_their_own_models(model: ScriptedModel):
    contrary = ScriptedModel(lambda text, attempt: "no" if "free" in text else "yes", "contrary")
    prompts = [
        PromptLabelingFunction("a", "{text}", YES_NO),
        PromptLabelingFunction("b", "{text}", YES_NO, model=contrary),
    ]
    dense = ask(prompts, texts(9), model=model).votes.to_dense()
    assert (dense[:, 0] == 1 - dense[:, 1]).all()


def test_votes_do_not_depend_on_the_order_of_answers(spam: PromptLabelingFunction):
    async def slowly(prompt: str) -> str:
        await asyncio.sleep(0.001 * (hash(prompt) % 5))
        return about_free(prompt, 1)

    one = ask(spam, texts(60), model=CallableModel(slowly, "m"), concurrency=1)
    many = ask(spam, texts(60), model=CallableModel(slowly, "m"), concurrency=32)
    assert one.votes == many.votes


def test_asking_inside_a_running_event_loop(spam: PromptLabelingFunction, model: ScriptedModel):
    async def notebook() -> int:
        return ask(spam, texts(5), model=model).votes.n_votes

    assert asyncio.run(notebook()) == 5


def test_answers_can_be_kept(spam: PromptLabelingFunction, model: ScriptedModel):
    result = ask(spam, texts(4), model=model, keep_answers=True)
    answer = result.answer(0, "spam")
    assert answer is not None
    assert answer.texts == ("yes",)
    with pytest.raises(ConfigError, match="pass keep_answers=True"):
        ask(spam, texts(4), model=model).answer(0, "spam")


# -- functions as models ---------------------------------------------------------------------------


def test_functions_of_all_kinds_are_models(spam: PromptLabelingFunction):
    seen = []

    def with_question(question: object, sampling: Sampling) -> Answer:
        seen.append(sampling)
        return Answer(("yes",))

    async def coroutine(prompt: str) -> list[str]:
        return ["no", "no"]

    first = ask(spam, texts(2), model=CallableModel(with_question, "q", takes="question"))
    assert first.votes.to_dense()[:, 0].tolist() == [0, 0]
    assert seen == [spam.sampling] * 2
    second = ask(spam, texts(2), model=CallableModel(coroutine, "c"))
    assert second.votes.to_dense()[:, 0].tolist() == [1, 1]


def test_what_a_function_raises_is_the_reason(spam: PromptLabelingFunction):
    def function(prompt: str) -> object:
        if "0" in prompt:
            raise ValueError("odd")
        if "1" in prompt:
            raise TimeoutError
        return 3 if "2" in prompt else "yes"

    model = CallableModel(function, "m", retries=ScriptedModel(about_free).retries)
    failures = ask(spam, texts(4), model=model).failures
    assert [(f.row, f.kind, f.attempts) for f in failures] == [
        (0, "no answer", 1), (1, "timed out", 3), (2, "no answer", 1),
    ]  # fmt: skip
    assert failures[0].message == "ValueError: odd"
    assert "must return a text or an Answer, found 3" in failures[2].message


def test_a_sync_function_is_called_by_one_thread_at_a_time(spam: PromptLabelingFunction):
    inside, most = [], []

    def function(prompt: str) -> str:
        inside.append(1)
        most.append(len(inside))
        inside.pop()
        return "yes"

    ask(spam, texts(50), model=CallableModel(function, "m"), concurrency=16)
    assert max(most) == 1


# -- failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "attempts"),
    [
        ("refused", 1), ("filtered", 1), ("too long", 1), ("rejected", 1), ("no answer", 1),
        ("timed out", 3), ("rate limited", 3), ("malformed", 3),
    ],
)  # fmt: skip
def test_one_bad_row_abstains_and_the_others_go_on(
    kind: str, attempts: int, spam: PromptLabelingFunction
):
    rows = [*texts(10), {"text": "bad"}, *texts(10)]
    model = ScriptedModel(failing(kind))
    result = ask(spam, rows, model=model, concurrency=4)
    assert result.votes.to_dense()[:, 0].tolist() == [*expected(10), ABSTAIN, *expected(10)]
    (failure,) = result.failures
    assert (failure.row_id, failure.lf, failure.kind, failure.attempts) == (
        10, "spam", kind, attempts,
    )  # fmt: skip
    assert failure.message == "no luck with 'bad'"
    assert model.asked["bad"] == attempts
    assert result.votes.faults["spam"].count == 1
    assert result.report.is_complete
    table = result.failures_table()
    assert table.loc[0, "kind"] == kind
    assert list(table) == ["row_id", "row", "lf", "kind", "message", "attempts"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer((), refusal="I will not"), "refused"),
        (Answer(("",), finish_reason="content_filter"), "filtered"),
        (Answer(("maybe so",), finish_reason="stop"), "malformed"),
        (Answer(("Let me think about",), finish_reason="length"), "malformed"),
        (Answer(("  ",), finish_reason="stop"), "no answer"),
        (
            Answer(
                (),
            ),
            "no answer",
        ),
    ],
)
def test_answers_that_say_nothing(answer: Answer, kind: str, spam: PromptLabelingFunction):
    result = ask(spam, [{"text": "x"}], model=ScriptedModel(lambda text, attempt: answer))
    assert result.votes.n_votes == 0
    assert [f.kind for f in result.failures] == [kind]
    assert result.answered.all()  # it was paid for
    if answer.finish_reason == "length":
        assert result.failures[0].message.endswith("it was cut at max_tokens")


def test_reasons_can_be_votes(spam: PromptLabelingFunction):
    rows = [{"text": "bad"}, {"text": "free"}]
    votes = ask(spam, rows, model=ScriptedModel(failing("refused")), on_error="reason").votes
    assert [votes.alphabet.describe(code) for code in votes.symbol] == ["abstain: refused", "spam"]


def test_failures_can_be_raised(spam: PromptLabelingFunction):
    rows = [{"text": "bad"}, {"text": "free"}]
    with pytest.raises(StoppedAsking, match="1 rows failed; the first: 'spam' on row 0") as caught:
        ask(spam, rows, model=ScriptedModel(failing("refused")), on_error="raise")
    assert caught.value.result.votes.n_votes == 1


def test_retry_failed_asks_only_what_failed(spam: PromptLabelingFunction):
    model = ScriptedModel(failing("timed out", times=4))
    rows = [*texts(6), {"text": "bad free 1"}, {"text": "bad 2"}]
    first = ask(spam, rows, model=model)
    assert [f.row for f in first.failures] == [6, 7]
    model.asked["bad 2"] -= 3  # fails the second time, too
    second = first.retry_failed()
    assert second.votes.to_dense()[:, 0].tolist() == [*expected(6), 0, ABSTAIN]
    assert [f.row for f in second.failures] == [7]
    assert all(model.asked[row["text"]] == 1 for row in texts(6))
    model.asked["bad 2"] = 4
    assert second.retry_failed().votes.n_votes == 8
    n = model.asked.total()
    assert not second.retry_failed().failures
    assert model.asked.total() == n


def test_retry_replaces_what_the_cache_holds(tmp_path, spam: PromptLabelingFunction):
    replies = iter(["hm", "yes"])
    model = ScriptedModel(lambda text, attempt: next(replies))
    first = ask(spam, [{"text": "x"}], model=model, cache=tmp_path / "c")
    assert [f.kind for f in first.failures] == ["malformed"]
    again = ask(spam, [{"text": "x"}], model=model, cache=tmp_path / "c")
    assert (again.report.calls, [f.kind for f in again.failures]) == (0, ["malformed"])
    assert again.retry_failed().votes.n_votes == 1
    assert ask(spam, [{"text": "x"}], model=model, cache=tmp_path / "c").votes.n_votes == 1


def test_a_row_that_does_not_fit_the_template(model: ScriptedModel):
    price = PromptLabelingFunction("p", "{text} for {price:.2f}", YES_NO)
    rows = [{"text": "free", "price": 1.0}, {"text": "free", "price": "dear"}]
    result = ask(price, rows, model=model)
    assert result.votes.to_dense()[:, 0].tolist() == [0, ABSTAIN]
    (failure,) = result.failures
    assert (failure.row, failure.kind, failure.attempts) == (1, "rejected", 0)
    assert "the template could not be filled: ValueError" in failure.message
    assert len(result.retry_failed().failures) == 1


def test_a_refused_key_stops_the_run_and_keeps_what_was_answered(spam: PromptLabelingFunction):
    def script(text: str, attempt: int) -> str:
        if "row 20 " in text:
            raise EndpointError("the key was withdrawn")
        return about_free(text, attempt)

    model = ScriptedModel(script)
    with pytest.raises(StoppedAsking, match="the key was withdrawn") as caught:
        ask(spam, texts(100), model=model, concurrency=2)
    result = caught.value.result
    assert 15 <= result.votes.n_votes <= 30
    assert result.report.n_unasked == 100 - result.votes.n_votes
    assert "the key was withdrawn" in result.report.status
    assert model.asked.total() <= 22 + 2


def test_an_unknown_model_costs_one_request(spam: PromptLabelingFunction):
    def script(text: str, attempt: int) -> str:
        raise EndpointError("no such model")

    model = ScriptedModel(script)
    with pytest.raises(StoppedAsking, match="no such model"):
        ask(spam, texts(100), model=model, concurrency=32)
    assert model.asked.total() == 1


def test_an_endpoint_that_went_away_is_given_up(spam: PromptLabelingFunction):
    def script(text: str, attempt: int) -> str:
        if int(text.split()[1]) >= 40:
            raise QuestionError("connection", "refused")
        return "yes"

    model = ScriptedModel(script)
    with pytest.raises(StoppedAsking, match="25 questions in a row got no answer") as caught:
        ask(spam, texts(500), model=model, concurrency=4)
    assert caught.value.result.votes.n_votes == 40
    assert len(model.asked) <= 40 + 25 + 4 * 4


def test_requests_that_are_all_rejected_are_given_up_and_a_stretch_of_them_is_not(
    spam: PromptLabelingFunction,
):
    model = ScriptedModel(failing("rejected", on="row"))
    with pytest.raises(StoppedAsking, match="25 questions in a row got no answer"):
        ask(spam, texts(200), model=model, concurrency=2)
    assert model.asked.total() < 40
    rows = [{"text": "first"}, *texts(60), {"text": "last"}]
    result = ask(spam, rows, model=ScriptedModel(failing("rejected", on="row")))
    assert result.report.is_complete
    assert (result.votes.n_votes, len(result.failures)) == (2, 60)


def test_mistakes_of_the_user_are_not_hidden():
    def reader(answers: object, answer: Answer) -> object:
        raise RuntimeError("a mistake in the reader")

    prompt = PromptLabelingFunction("p", "{text}", YES_NO, reader=reader)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="a mistake in the reader"):
        ask(prompt, texts(20), model=ScriptedModel(about_free))


# -- budgets ---------------------------------------------------------------------------------------


def test_max_calls_is_never_passed(spam: PromptLabelingFunction, model: ScriptedModel):
    result = ask(spam, texts(50), model=model, max_calls=17, concurrency=8)
    assert model.asked.total() == 17
    assert result.votes.n_votes == 17
    assert result.votes.item_index().tolist() == list(range(17))  # the first rows, in order
    assert result.report.status == "stopped at max_calls=17"
    assert result.report.n_unasked == 33
    assert result.answered[:, 0].sum() == 17


def test_requests_sent_again_count(spam: PromptLabelingFunction):
    model = ScriptedModel(failing("timed out", on="row"))
    result = ask(spam, texts(50), model=model, max_calls=10, concurrency=3)
    assert model.asked.total() == 10
    assert result.report.calls == 10


@pytest.mark.parametrize("concurrency", [1, 8])
def test_max_cost_is_never_passed(
    concurrency: int, spam: PromptLabelingFunction, model: ScriptedModel
):
    # Each answer costs 12 tokens, 0.012; before it is sent, an upper bound of more is set aside.
    free = plan(spam, texts(1), model=model, prices=PRICES)
    assert free.most is not None
    assert free.most > 0.012
    result = ask(spam, texts(60), model=model, max_cost=0.4, prices=PRICES, concurrency=concurrency)
    assert result.report.cost == pytest.approx(0.012 * model.asked.total())
    assert result.report.cost <= 0.4
    assert result.report.cost + free.most * 1.2 > 0.4  # and it is not given up too early
    assert result.report.status.startswith("stopped at max_cost=0.4")


def test_a_budget_that_just_fits_is_used_up(spam: PromptLabelingFunction, model: ScriptedModel):
    most = plan(spam, texts(1), model=model, prices=PRICES).most
    result = ask(spam, texts(1), model=model, max_cost=most, prices=PRICES)
    assert result.report.is_complete


def test_requests_that_may_have_been_served_count_as_charged(spam: PromptLabelingFunction):
    most = plan(spam, [{"text": "bad"}], model=ScriptedModel(about_free), prices=PRICES).most
    for kind, attempts, charged in [("timed out", 3, True), ("rate limited", 3, False)]:
        result = ask(
            spam, [{"text": "bad"}], model=ScriptedModel(failing(kind)), prices=PRICES, max_cost=9.0
        )
        assert result.report.calls == attempts
        assert result.report.cost == pytest.approx(attempts * most if charged else 0.0)


def test_a_stopped_run_goes_on_with_the_same_cache(
    tmp_path, spam: PromptLabelingFunction, model: ScriptedModel
):
    ask(spam, texts(30), model=model, max_calls=12, cache=tmp_path / "c")
    result = ask(spam, texts(30), model=model, cache=tmp_path / "c")
    assert result.votes.to_dense()[:, 0].tolist() == expected(30)
    assert model.asked.total() == 30


# -- Ctrl-C ----------------------------------------------------------------------------------------


def test_an_interrupt_keeps_what_was_answered(tmp_path, spam: PromptLabelingFunction):
    async def function(prompt: str) -> str:
        if "row 25 " in prompt:
            _thread.interrupt_main()
            await asyncio.sleep(60)
        await asyncio.sleep(0.001)
        return about_free(prompt, 1)

    assert threading.current_thread() is threading.main_thread()
    model = CallableModel(function, "m")
    with pytest.raises(InterruptedAsking) as caught:
        ask(spam, texts(10_000), model=model, concurrency=2, cache=tmp_path / "c")
    assert isinstance(caught.value, KeyboardInterrupt)
    result = caught.value.result
    assert result.report.status == "interrupted"
    assert result.votes.n_votes >= 20
    known = plan(spam, texts(10_000), model=model, cache=tmp_path / "c").lines[0].cached
    assert known == result.votes.n_votes


# -- bad input -------------------------------------------------------------------------------------


def bad_inputs() -> Iterator[tuple[dict[str, object], str]]:
    yield {"max_calls": 0}, r"max_calls must be a whole number >= 1, found 0.*use plan"
    yield {"max_calls": True}, "max_calls must be a whole number"
    yield {"max_cost": 0, "prices": PRICES}, "max_cost must be a number more than 0, found 0"
    yield {"max_cost": float("nan"), "prices": PRICES}, "max_cost must be a number more than 0"
    yield {"max_cost": 1.0}, "max_cost needs prices="
    yield {"prices": {}}, "the price table has no model 'scripted'; it has none"
    yield {"prices": {"other": {"input": 1, "output": 1}}}, "no model 'scripted'; it has 'other'"
    yield {"on_error": "ignore"}, "on_error must be one of"
    yield {"concurrency": 0}, "concurrency must be a whole number >= 1"
    yield {"labels": ["good", "bad"]}, "the answer 'yes' of the answer map of prompt 'spam'"
    yield {"model": None}, "prompt 'spam' has no model; pass model="
    yield {"model": "gpt"}, "must have a name and an answer method, found 'gpt'"


@pytest.mark.parametrize(("settings", "message"), list(bad_inputs()))
def test_wrong_settings_cost_nothing(
    settings: dict[str, object],
    message: str,
    spam: PromptLabelingFunction,
    model: ScriptedModel,
):
    with pytest.raises(ConfigError, match=message):
        ask(spam, texts(3), **{"model": model, **settings})  # type: ignore[arg-type]
    assert model.asked.total() == 0


def test_wrong_prompts_and_rows_cost_nothing(spam: PromptLabelingFunction, model: ScriptedModel):
    with pytest.raises(ConfigError, match="prompt 'spam' reads the column 'text', which is not"):
        ask(spam, [{"body": "x"}], model=model)
    with pytest.raises(DataError, match="there are no rows"):
        ask(spam, [], model=model)
    with pytest.raises(DataError, match=r"must be a list of dicts.*found str; read a file with"):
        ask(spam, "rows.csv", model=model)
    with pytest.raises(DataError, match="rows must be dicts, found a str at position 0"):
        ask(spam, ["x"], model=model)
    with pytest.raises(DataError, match="there is no column 'id' for the row ids"):
        ask(spam, texts(2), model=model, id_column="id")
    with pytest.raises(ConfigError, match="there are no prompts"):
        ask([], texts(2), model=model)
    with pytest.raises(ConfigError, match="expected prompts, found <function"):
        ask([about_free], texts(2), model=model)
    with pytest.raises(VotesError, match="LF names must be unique, found 'spam' twice"):
        ask([spam, spam], texts(2), model=model)
    other = PromptLabelingFunction("other", "{text}", {"yes": "good", "no": "bad"})
    with pytest.raises(ConfigError, match="prompt 'other' votes on good, bad, another on spam"):
        ask([spam, other], texts(2), model=model)
    assert model.asked.total() == 0


def test_the_report_adds_up(spam: PromptLabelingFunction):
    rows = [{"text": "bad"}, {"text": "hm"}, *texts(8)]
    replies = failing("refused")
    model = ScriptedModel(lambda text, k: "hm?" if text == "hm" else replies(text, k))
    result = ask(spam, rows, model=model, prices=PRICES)
    (line,) = result.report.lines
    assert (line.rows, line.votes, line.calls, line.refused, line.malformed) == (10, 8, 10, 1, 1)
    assert (line.prompt_tokens, line.completion_tokens) == (90, 18)
    assert line.cost == pytest.approx(0.108)
    assert 0.0 <= line.seconds_median <= line.seconds_95
    text = str(result.report)
    assert "complete: 10 calls" in text
    assert "USD" in text
    assert " cost " in text
    assert " cost " not in str(ask(spam, rows, model=model).report)  # nobody knows it
    assert np.isclose(result.report.to_dict()["cost"], line.cost)
