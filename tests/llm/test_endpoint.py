"""The real SDK against a real server on loopback that fails on request."""

from __future__ import annotations

import asyncio
import base64
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.bench.language_models import killed, throughput
from tests.llm.conftest import YES_NO, texts
from tests.llm.server import FAULTS, KEY, Server, running
from weaklabel.errors import ConfigError
from weaklabel.llm import (
    Limits,
    OpenAIClient,
    PromptLabelingFunction,
    PromptSheet,
    Retries,
    Sampling,
    SheetQuestion,
    StoppedAsking,
    ask,
    prompt_ensemble,
)
from weaklabel.llm.openai_client import _lists, _retry_after

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ENV = "WEAKLABEL_TEST_KEY"
QUICK = Retries(attempts=4, first=0.01, longest=0.05)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv(ENV, KEY)
    with running() as found:
        yield found


def client(server: Server, model: str = "tiny-chat", **settings: object) -> OpenAIClient:
    given = {"key_env": ENV, "retries": QUICK, "timeout": 10.0, **settings}
    return OpenAIClient(model, server.url, **given)  # type: ignore[arg-type]


# -- what is sent ----------------------------------------------------------------------------------


def test_what_the_endpoint_gets_and_gives(server: Server):
    prompt = PromptLabelingFunction(
        "spam", "Spam?\n\n{text}", YES_NO, system="Be brief.",
        sampling=Sampling(temperature=0.5, max_tokens=7, n=2, top_logprobs=3, seed=11),
    )  # fmt: skip
    result = ask(prompt, [{"text": "free"}], model=client(server), keep_answers=True)
    (body,) = server.log.bodies
    assert body == {
        "model": "tiny-chat",
        "messages": [
            {"role": "system", "content": prompt.system_text},
            {"role": "user", "content": "Spam?\n\nfree"},
        ],
        "temperature": 0.5, "max_tokens": 7, "n": 2, "logprobs": True, "top_logprobs": 3,
        "seed": 11,
    }  # fmt: skip
    answer = result.answer(0, "spam")
    assert answer is not None
    assert answer.texts == ("yes", "yes")
    assert answer.tokens is not None
    assert answer.tokens[0].token == "yes"
    assert answer.tokens[0].alternatives == (("yes", -0.145), ("no", -2.0))
    assert (answer.prompt_tokens, answer.completion_tokens) == (10, 4)
    assert answer.finish_reason == "stop"


def test_no_logprobs_is_no_failure(server: Server):
    server.behaviour.logprobs = False
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO, sampling=Sampling(top_logprobs=3))
    result = ask(prompt, texts(3), model=client(server), keep_answers=True)
    answer = result.answer(0, 0)
    assert answer is not None
    assert answer.tokens is None
    assert result.votes.n_votes == 3


def test_images_go_as_urls_and_as_data(server: Server):
    prompt = PromptLabelingFunction("cat", "{text}", YES_NO, images=["photo"])
    rows = [{"text": "a", "photo": "https://example.org/a.png"}, {"text": "b", "photo": PNG}]
    ask(prompt, rows, model=client(server), concurrency=1)
    sent = [body["messages"][-1]["content"][1] for body in server.log.bodies]
    assert sent == [
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {
            "type": "image_url",
            "image_url": {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()},
        },
    ]


def sheet() -> PromptSheet:
    return PromptSheet(
        "sheet",
        "{text}",
        {"a": SheetQuestion("A?", YES_NO), "b": SheetQuestion("B?", YES_NO)},
    )


def test_a_schema_is_sent(server: Server):
    server.behaviour.reply = lambda text: '{"a": "yes", "b": "no"}'
    result = ask(sheet(), texts(3), model=client(server))
    assert result.votes.to_dense().tolist() == [[0, 1]] * 3
    described = server.log.bodies[0]["response_format"]
    assert described["type"] == "json_schema"
    assert described["json_schema"]["strict"] is True
    assert set(described["json_schema"]["schema"]["properties"]) == {"a", "b"}


def test_a_schema_that_is_refused_is_left_out_from_then_on(server: Server):
    server.behaviour.schema = False
    server.behaviour.reply = lambda text: 'Here you are: {"a": "yes", "b": "no"}'
    result = ask(sheet(), texts(10), model=client(server), concurrency=4)
    assert result.votes.n_votes == 20
    assert not result.failures
    assert result.report.calls == 11  # the first question went alone, and was sent twice
    assert ["response_format" in body for body in server.log.bodies] == [True] + [False] * 10


def test_the_new_name_of_max_tokens(server: Server):
    server.behaviour.max_tokens = False
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO, sampling=Sampling(max_tokens=9))
    result = ask(prompt, texts(10), model=client(server), concurrency=4)
    assert result.votes.n_votes == 10
    assert result.report.calls == 11
    assert ["max_tokens" in body for body in server.log.bodies] == [True] + [False] * 10
    assert server.log.bodies[-1]["max_completion_tokens"] == 9


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_that_pass(fault: str, server: Server):
    server.behaviour.fault_rate, server.behaviour.faults = 1.0, (fault,)
    server.behaviour.slow = 0.05
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    result = ask(prompt, texts(20), model=client(server), concurrency=8)
    assert result.votes.n_votes == 20
    assert not result.failures
    assert server.log.faults[fault] == 20
    assert set(server.log.answered.values()) == {1}
    assert result.report.calls == server.log.n_requests == (20 if fault == "slow" else 40)


def test_retry_after_is_honoured(server: Server):
    server.behaviour.fault_rate, server.behaviour.faults = 1.0, ("429",)
    server.behaviour.retry_after = 0.4
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    start = time.perf_counter()
    ask(prompt, texts(1), model=client(server))
    assert 0.4 <= time.perf_counter() - start < 5.0


class Refusal:
    """An error of the SDK, as far as its headers go."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.response = SimpleNamespace(headers=headers)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None), ({"retry-after": "7"}, 7.0), ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "soon"}, None), ({"retry-after": "-3"}, 0.0),
        ({"retry-after": formatdate(0, usegmt=True)}, 0.0),
    ],
)  # fmt: skip
def test_retry_after_in_all_forms(headers: dict[str, str], seconds: float | None):
    assert _retry_after(Refusal(headers)) == seconds


def test_retry_after_as_a_date():
    found = _retry_after(Refusal({"retry-after": formatdate(time.time() + 30, usegmt=True)}))
    assert found is not None
    assert 25.0 < found <= 30.0


@pytest.mark.parametrize(
    ("fault", "kind", "attempts", "message"),
    [
        ("429", "rate limited", 4, "Rate limit reached"),
        ("500", "server error", 4, "500: The server had an error"),
        ("cut", "connection", 4, "the connection failed"),
        ("not json", "malformed", 4, "the response is not JSON"),
        ("wrong json", "malformed", 4, "is no chat completion"),
        ("refusal", "refused", 1, "I cannot help with that."),
        ("filter", "filtered", 1, "the endpoint filtered the answer"),
        ("filtered prompt", "filtered", 1, "The response was filtered"),
        ("too long", "too long", 1, "maximum context length is 8192"),
    ],
)
def test_faults_that_stay(fault: str, kind: str, attempts: int, message: str, server: Server):
    server.behaviour.always = {"bad": fault}
    server.behaviour.retry_after = 0.01
    rows = [*texts(5), {"text": "bad"}, *texts(5)]
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    result = ask(prompt, rows, model=client(server))
    assert result.votes.n_votes == 10
    (failure,) = result.failures
    assert (failure.row, failure.kind, failure.attempts) == (5, kind, attempts)
    assert message in failure.message
    server.behaviour.always = {}
    n = server.log.n_requests
    healed = result.retry_failed()
    assert healed.votes.n_votes == 11
    assert server.log.n_requests == n + 1


def test_time_outs(server: Server):
    server.behaviour.always, server.behaviour.slow = {"bad": "slow"}, 3.0
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    model = client(server, timeout=0.2, retries=Retries(attempts=2, first=0.0))
    result = ask(prompt, [*texts(3), {"text": "bad"}], model=model)
    (failure,) = result.failures
    assert (failure.kind, failure.attempts) == ("timed out", 2)
    assert failure.message == "no answer within 0.2 s"


def test_a_quota_that_is_used_up_stops_the_run(server: Server, tmp_path: Path):
    server.behaviour.always = {"row 30 ": "quota"}
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    model = client(server)
    with pytest.raises(StoppedAsking, match="the account has no quota left") as caught:
        ask(prompt, texts(200), model=model, concurrency=4, cache=tmp_path / "c")
    n_votes = caught.value.result.votes.n_votes
    assert 25 <= n_votes <= 40
    server.behaviour.always = {}
    result = ask(prompt, texts(200), model=model, cache=tmp_path / "c")
    assert result.report.calls == 200 - n_votes
    assert set(server.log.answered.values()) == {1}


# -- before the first paid call --------------------------------------------------------------------


def test_no_key(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(ENV)
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    with pytest.raises(ConfigError, match=f"set the environment variable {ENV}, or pass key_env"):
        ask(prompt, texts(5), model=client(server))
    assert server.log.n_requests == 0


def test_a_wrong_key(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(ENV, "sk-wrong")
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    with pytest.raises(StoppedAsking, match="refuses the key for 'tiny-chat'") as caught:
        ask(prompt, texts(5), model=client(server))
    assert server.log.n_requests == 0
    assert caught.value.result.report.n_unasked == 5


def test_an_unknown_model(server: Server):
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    with pytest.raises(StoppedAsking, match="knows no model 'huge-chat'"):
        ask(prompt, texts(50), model=client(server, "huge-chat"), concurrency=16)
    assert server.log.n_requests == 0  # those that know the model


@pytest.mark.parametrize("names", [("tiny-chat", "huge-chat"), ("huge-chat", "tiny-chat")])
def test_an_unknown_model_beside_one_that_is_there_costs_nothing(
    names: tuple[str, str], server: Server
):
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    ensemble = prompt_ensemble(prompt, models=[client(server, name) for name in names])
    with pytest.raises(StoppedAsking, match="knows no model 'huge-chat'"):
        ask(list(ensemble), texts(50))
    assert server.log.n_requests == 0


@pytest.mark.parametrize("listed", ["{}", "[]", '{"data": []}', '{"data": [{}]}', "no", "null"])
def test_lists_of_models_that_say_nothing(listed: str):
    assert _lists(listed, "m") is None


def test_no_server(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(ENV, KEY)
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    model = OpenAIClient("tiny-chat", "http://127.0.0.1:9/v1", key_env=ENV)
    with pytest.raises(StoppedAsking, match=r"no answer from http://127.0.0.1:9.*base_url"):
        ask(prompt, texts(5), model=model)


def test_settings_that_are_refused():
    with pytest.raises(ConfigError, match="the model must be a name, found ''"):
        OpenAIClient("")
    with pytest.raises(ConfigError, match="timeout must be more than 0 seconds, found 0"):
        OpenAIClient("m", timeout=0)


# -- rates and shape -------------------------------------------------------------------------------


def test_concurrency_and_rate_at_the_server(server: Server):
    server.behaviour.latency = 0.02
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    ask(prompt, texts(200), model=client(server), concurrency=24)
    assert server.log.most_in_flight == 24
    limited = client(server, limits=Limits(requests_per_minute=60 * 40), name="limited")
    before = server.log.n_requests
    start = time.perf_counter()
    ask(prompt, texts(80), model=limited, concurrency=24)
    assert server.log.n_requests - before == 80
    assert time.perf_counter() - start >= 0.95  # 40 at once, then 40 a second


def test_a_client_can_be_used_from_run_to_run_and_closed_in_between(server: Server):
    model = client(server)
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    for n in (3, 5):
        assert ask(prompt, texts(n), model=model).votes.n_votes == n

    async def alone() -> None:
        question = prompt.question({"text": "free"})
        assert question is not None
        assert (await model.answer(question, prompt.sampling)).texts == ("yes",)
        await model.close()

    asyncio.run(alone())
    assert repr(model) == f"OpenAIClient('tiny-chat', {server.url!r})"


def test_a_client_can_be_sent_to_another_process(server: Server):
    model = client(server)
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    ask(prompt, texts(2), model=model)
    copy = pickle.loads(pickle.dumps(model))
    assert ask(prompt, texts(3), model=copy).votes.n_votes == 3


def test_the_sdk_does_not_retry_by_itself(server: Server):
    import openai

    async def counted() -> int:
        model = client(server)
        retries = model.connect().max_retries
        await model.close()
        return retries

    assert asyncio.run(counted()) == 0
    assert openai.DEFAULT_MAX_RETRIES > 0  # what it would do


# -- the bars, on fewer rows -----------------------------------------------------------------------


def test_every_row_is_answered_once_under_faults():
    found = throughput(1000, 64, 0.05, 0.05)
    assert found["votes"] == 3000
    assert (found["failures"], found["unasked"]) == (0, 0)
    assert found["server"]["answered"] == 3000
    assert found["server"]["answered twice"] == 0
    assert found["server"]["most in flight"] <= 64
    assert sum(found["server"]["faults"].values()) > 50


def test_a_killed_run_costs_at_most_what_was_on_its_way():
    found = killed(1000, 64, 0.05)
    assert found["votes"] == 3000
    assert found["requests in total"] <= found["allowed"]
    assert found["cached"] >= found["requests before the kill"] - 64


INTERRUPTED = """
    import sys
    from tests.llm.conftest import texts, YES_NO
    from weaklabel.llm import InterruptedAsking, OpenAIClient, PromptLabelingFunction, ask
    model = OpenAIClient("tiny-chat", sys.argv[1], key_env="WEAKLABEL_TEST_KEY")
    try:
        ask(PromptLabelingFunction("spam", "{text}", YES_NO), texts(5000), model=model,
            cache=sys.argv[2], concurrency=8)
    except KeyboardInterrupt as stop:
        print(stop.result.votes.n_votes, stop.result.report.status)
"""


def test_ctrl_c_in_a_script(server: Server, tmp_path: Path):
    server.behaviour.latency = 0.02
    command = [sys.executable, "-c", textwrap.dedent(INTERRUPTED), server.url, str(tmp_path / "c")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ)
    while server.log.answered.total() < 100:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    n_votes, status = said.split()
    assert status == "interrupted"
    assert 90 <= int(n_votes) <= server.log.answered.total()
    prompt = PromptLabelingFunction("spam", "{text}", YES_NO)
    again = ask(prompt, texts(200), model=client(server), cache=tmp_path / "c")
    assert sum(line.cached for line in again.report.lines) == min(int(n_votes), 200)
