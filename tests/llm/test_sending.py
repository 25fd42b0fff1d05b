"""Rates, retries, the ledger and prices."""

from __future__ import annotations

import asyncio
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.llm.conftest import ScriptedModel, about_free, failing, texts
from weaklabel.errors import ConfigError
from weaklabel.llm import (
    CallableModel,
    ImagePart,
    Limits,
    Message,
    PriceTable,
    PromptLabelingFunction,
    Question,
    QuestionError,
    Retries,
    Sampling,
    Sender,
    TextPart,
    ask,
    plan,
    read_prices,
    write_price_table,
)
from weaklabel.llm.budget import Ledger, Tokens, likely_tokens, most_tokens
from weaklabel.llm.prices import Price
from weaklabel.llm.sending import BURST_SECONDS, RateLimit

HELLO = Question((Message("user", "hello"),))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(
    st.lists(st.tuples(st.floats(0, 2), st.floats(0.1, 30)), min_size=1, max_size=40),
    st.floats(60, 6000),
)
def test_no_stretch_of_time_sees_more_than_the_rate(events: list[tuple[float, float]], rate: float):
    clock = Clock()
    limit = RateLimit(rate, clock)
    sent: list[tuple[float, float]] = []
    for pause, amount in events:
        clock.now += pause
        sent.append((clock.now + limit.turn(amount), amount))
    per_second = rate / 60.0
    for k, (first, _) in enumerate(sent):
        passed = 0.0
        for last, amount in sent[k:]:
            assert passed <= per_second * (last - first + BURST_SECONDS) + 1e-6
            passed += amount


def test_turns_come_in_order_and_at_the_rate():
    clock = Clock()
    limit = RateLimit(600.0, clock)  # 10 a second
    turns = [limit.turn(1) for _ in range(30)]
    assert turns == sorted(turns)
    assert turns[10] == 0.0  # the burst, and the one that ends it
    assert turns[29] == pytest.approx(1.9)
    limit.correct(10)
    assert limit.turn(1) == pytest.approx(3.0)
    assert RateLimit(None).turn(1e9) == 0.0


def test_requests_are_paced(spam: PromptLabelingFunction):
    model = CallableModel(lambda prompt: "yes", "m", limits=Limits(requests_per_minute=1200))
    result = ask(spam, texts(30), model=model, concurrency=16)  # 20 at once, then 20 a second
    assert result.report.seconds >= 0.4


def test_tokens_are_paced_by_their_true_number(spam: PromptLabelingFunction):
    model = ScriptedModel(about_free)
    model.limits = Limits(tokens_per_minute=12 * 60 * 20)  # type: ignore[attr-defined]
    result = ask(spam, texts(30), model=model, concurrency=4)  # 20 answers of 12 tokens a second
    assert 0.3 <= result.report.seconds <= 5.0


def test_retries_wait_longer_each_time_and_honour_the_endpoint():
    retries = Retries(first=1.0, longest=8.0)
    rng = random.Random(0)
    waits = [retries.wait(k, None, rng) for k in range(1, 7)]
    for wait, top in zip(waits, [1, 2, 4, 8, 8, 8], strict=True):
        assert top / 2 <= wait <= top
    assert 3.0 < retries.wait(1, 3.0, rng) <= 3.1
    assert retries.wait(1, 0.0, rng) == 0.0
    again = random.Random(0)
    assert waits == [retries.wait(k, None, again) for k in range(1, 7)]


def test_a_wait_that_is_too_long_is_a_failure():
    def script(text: str, attempt: int) -> str:
        raise QuestionError("rate limited", "come back tomorrow", retry_after=86_400.0)

    model = ScriptedModel(script)
    with pytest.raises(QuestionError, match="come back tomorrow"):
        asyncio.run(Sender(model).answer(HELLO, Sampling()))
    assert model.asked.total() == 1


def test_a_sender_is_a_model_that_retries():
    model = ScriptedModel(failing("server error", times=2, on="hello"))
    answer = asyncio.run(Sender(model).answer(HELLO, Sampling()))
    assert answer.texts == ("no",)
    assert model.asked["hello"] == 3
    model = ScriptedModel(failing("server error", on="hello"))
    with pytest.raises(QuestionError) as caught:
        asyncio.run(Sender(model).answer(HELLO, Sampling()))
    assert (caught.value.kind, caught.value.attempts) == ("server error", 3)


def test_no_more_than_concurrency_are_on_their_way(spam: PromptLabelingFunction):
    inside, most = 0, 0

    async def function(prompt: str) -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.002)
        inside -= 1
        return "yes"

    ask(spam, texts(100), model=CallableModel(function, "m"), concurrency=7)
    assert most == 7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Limits(requests_per_minute=0), "requests_per_minute must be more than 0, found 0"),
        (lambda: Limits(tokens_per_minute=-1), "tokens_per_minute must be more than 0"),
        (lambda: Retries(attempts=0), "attempts must be at least 1, found 0"),
        (lambda: Retries(first=2, longest=1), "0 <= first <= longest must hold"),
        (lambda: CallableModel("gpt", "m"), "must be a function, found 'gpt'"),  # type: ignore[arg-type]
        (lambda: CallableModel(print, " "), "the model needs a name"),
        (lambda: CallableModel(print, "m", takes="row"), "takes must be 'text' or"),  # type: ignore[arg-type]
        (lambda: CallableModel(print, "m", threads=0), "threads must be at least 1"),
        (lambda: Sampling(temperature=-1), "temperature must be a number >= 0, found -1"),
        (lambda: Sampling(temperature=float("nan")), "temperature must be a number >= 0"),
        (lambda: Sampling(max_tokens=0), "max_tokens must be a whole number >= 1, found 0"),
        (lambda: Sampling(n=0), "n must be a whole number >= 1, found 0"),
        (lambda: Sampling(n=True), "n must be a whole number >= 1, found True"),
        (lambda: Sampling(top_logprobs=-1), "top_logprobs must be a whole number >= 0, found -1"),
    ],
)
def test_settings_that_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


# -- tokens and money ------------------------------------------------------------------------------


@given(st.text(max_size=200), st.text(max_size=50))
def test_the_upper_bound_bounds_the_bytes(system: str, text: str):
    question = Question((Message("system", system), Message("user", text)))
    n_bytes = len((system + text).encode("utf-8", "surrogatepass"))
    most = most_tokens(question, Sampling(max_tokens=9, n=3))
    assert most.prompt >= n_bytes
    assert most.completion == 27
    likely = likely_tokens(question, Sampling(max_tokens=9, n=3))
    assert likely.completion <= most.completion
    assert likely.prompt <= most.prompt


def test_images_and_schemas_count():
    image = Question((Message("user", (TextPart("hi"), ImagePart(data=b"x"))),))
    plain = Question((Message("user", "hi"),))
    bound = most_tokens(plain, Sampling())
    assert most_tokens(image, Sampling(), 1000).prompt == bound.prompt + 1000
    with_schema = Question(plain.messages, schema={"type": "object"})
    assert most_tokens(with_schema, Sampling()).prompt > bound.prompt


@given(
    st.lists(st.tuples(st.integers(1, 100), st.floats(0, 1), st.sampled_from("aftc")), max_size=60),
    st.floats(0.01, 0.3),
)
def test_the_ledger_never_passes_its_limit(calls: list[tuple[int, float, str]], limit: float):
    """Whatever is answered (a), fails free (f), fails charged (t) or stays on its way (c)."""
    price = Price(1000.0, 0.0)
    ledger = Ledger(max_cost=limit)

    async def run() -> None:
        for tokens, share, how in calls:
            if not ledger.fits(price.cost(tokens, 0)):
                continue
            reservation = await ledger.reserve(price, Tokens(tokens, 0))
            assert reservation is not None
            if how == "a":
                from weaklabel.llm import Answer

                used = Answer(("x",), prompt_tokens=max(int(tokens * share), 1))
                ledger.settle(reservation, used, True)
            elif how != "c":
                ledger.settle(reservation, None, how == "t")
            assert ledger.cost + ledger.reserved <= limit * (1 + 1e-9)

    asyncio.run(run())
    assert ledger.cost <= limit * (1 + 1e-9)


def test_a_request_waits_for_money_that_is_only_reserved():
    price, ledger = Price(1000.0, 0.0), Ledger(max_cost=0.015)

    async def run() -> None:
        first = await ledger.reserve(price, Tokens(10, 0))
        assert first is not None
        waiting = asyncio.create_task(ledger.reserve(price, Tokens(10, 0)))
        await asyncio.sleep(0)
        assert not waiting.done()
        ledger.settle(first, None, charged=False)
        assert await waiting is not None
        assert ledger.calls == 2

    asyncio.run(run())


# -- price tables ----------------------------------------------------------------------------------


def test_price_tables_in_all_forms(tmp_path):
    toml, as_json = tmp_path / "p.toml", tmp_path / "p.json"
    toml.write_text(
        'currency = "EUR"\ndate = "2030-01-01"\n'
        '[models."gpt-x"]\ninput = 2\noutput = 8.0\nimage_tokens = 100\n'
    )
    as_json.write_text(json.dumps({"models": {"gpt-x": {"input": 2, "output": 8.0}}}))
    table = read_prices(toml)
    assert (table.currency, table.date) == ("EUR", "2030-01-01")
    assert table.of("gpt-x") == Price(2.0, 8.0, 100)
    assert table.of("gpt-x").cost(1_000_000, 500_000) == 6.0
    assert read_prices(as_json).of("gpt-x") == Price(2.0, 8.0)
    assert read_prices({"gpt-x": {"input": 2, "output": 8}}).of("gpt-x") == Price(2.0, 8.0)
    assert isinstance(read_prices(table), PriceTable)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"input": 1}, "the output price of 'm' .* must be a number >= 0 .* found None"),
        ({"input": -1, "output": 1}, "the input price of 'm'"),
        ({"input": "1", "output": 1}, "found '1'"),
        ({"input": 1, "output": 1, "cached": 2}, "has no key 'cached'; the keys are input, output"),
        (3, "must be {input, output} per million tokens, found 3"),
    ],
)
def test_prices_that_are_refused(entry: object, message: str):
    with pytest.raises(ConfigError, match=message):
        read_prices({"m": entry})


def test_files_that_are_no_price_tables(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the price table"):
        read_prices(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("models = [")
    with pytest.raises(ConfigError, match="is not well formed"):
        read_prices(tmp_path / "bad.toml")


def test_a_table_to_fill_in_holds_no_prices(tmp_path):
    path = write_price_table(tmp_path / "prices.toml", ["gpt-x"])
    with pytest.raises(ConfigError, match=r"the input price of 'gpt-x' .* found None"):
        read_prices(path)
    filled = path.read_text().replace("# input = ", "input = 1").replace("# output =", "output = 2")
    path.write_text(filled)
    assert read_prices(path).of("gpt-x") == Price(1.0, 2.0)
    with pytest.raises(ConfigError, match="exists; edit it"):
        write_price_table(path, ["gpt-x"])


# -- plans -----------------------------------------------------------------------------------------


def test_a_plan_asks_nothing_and_bounds_the_cost(tmp_path, spam: PromptLabelingFunction):
    model = ScriptedModel(about_free)
    prices = {"scripted": {"input": 1000.0, "output": 1000.0}}
    rows = [*texts(20), *texts(5), {"text": None}]
    ask(spam, texts(4), model=model, cache=tmp_path / "c")
    found = plan(spam, rows, model=model, cache=tmp_path / "c", prices=prices)
    assert model.asked.total() == 4
    (line,) = found.lines
    assert (line.rows, line.distinct, line.cached, line.calls) == (25, 20, 4, 16)
    result = ask(spam, rows, model=model, cache=tmp_path / "c", prices=prices)
    assert found.calls == result.report.calls == 16
    assert found.most is not None
    assert found.cost is not None
    assert result.report.cost <= found.most
    assert found.cost <= found.most
    assert "16 calls, about" in str(found)
    assert found.to_dict()["prompts"][0]["calls"] == 16
    unpriced = plan(spam, rows, model=model)
    assert (unpriced.cost, unpriced.most) == (None, None)
    assert str(unpriced).endswith("20 calls; no price table, so no cost")


def test_the_bar_shows_cost_and_time_left(spam: PromptLabelingFunction, capsys):
    prices = {"scripted": {"input": 1000.0, "output": 1000.0}}
    ask(spam, texts(50), model=ScriptedModel(about_free), prices=prices, progress=True)
    shown = capsys.readouterr().err
    assert "asking: 100%" in shown
    assert "50/50" in shown
    assert "0.6 USD" in shown
    ask(spam, texts(50), model=ScriptedModel(about_free), max_calls=17, progress=True)
    assert "17/50" in capsys.readouterr().err
    ask(spam, texts(50), model=ScriptedModel(about_free))
    assert capsys.readouterr() == ("", "")
