"""Soft votes, ensembles and routing through the real SDK against a real server on loopback."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from tests.llm.server import KEY, Behaviour, Server, running
from weaklabel import LabelModel, VoteMatrix
from weaklabel.llm import (
    OpenAIClient,
    PromptLabelingFunction,
    PromptVotes,
    Sampling,
    SoftVotes,
    ask,
    content_free_prior,
    prompt_ensemble,
    route,
)

pytestmark = pytest.mark.slow

ENV = "WEAKLABEL_TEST_KEY"
PROMPT = PromptLabelingFunction(
    "ad", "An advertisement? {text}", {"yes": "spam", "no": "ham"}, ["ham", "spam"],
    sampling=Sampling(top_logprobs=5), reader=SoftVotes(),
)  # fmt: skip
ROWS = [{"text": f"{'free money' if i % 3 == 0 else 'a song'} {i}"} for i in range(60)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv(ENV, KEY)
    with running() as found:
        yield found


def client(server: Server, model: str = "tiny-chat") -> OpenAIClient:
    return OpenAIClient(model, server.url, key_env=ENV, timeout=10.0)


def test_log_probabilities_of_tokens_become_confidences(server):
    result = ask([PROMPT], ROWS, model=client(server), progress=False, keep_answers=True)
    assert result.votes.n_votes == len(ROWS)
    vote = PROMPT.read(result.answer(0, "ad"))[0].vote
    own, other = math.exp(-0.145), math.exp(-2.0)
    assert vote.confidence == pytest.approx(own / (own + other))
    prior = content_free_prior(PROMPT, model=client(server), progress=False)
    assert sum(p for _, p in prior.probabilities) == pytest.approx(1.0)


def test_an_endpoint_without_log_probabilities_gives_plain_votes(monkeypatch):
    monkeypatch.setenv(ENV, KEY)
    with running(Behaviour(logprobs=False)) as server:
        votes = ask([PROMPT], ROWS, model=client(server), progress=False).votes
    assert votes.n_votes == len(ROWS)
    assert votes.alphabet.is_plain


def test_an_ensemble_is_asked_as_columns(server):
    ensemble = prompt_ensemble(PROMPT, {"short": "{text} advertisement?"})
    votes = ask(list(ensemble), ROWS, model=client(server), progress=False).votes
    assert votes.lf_names == ensemble.names


def test_routing_asks_the_server_about_the_rows_it_chose_and_no_others(server, tmp_path):
    rule = np.where(np.arange(60) % 2 == 0, np.arange(60) % 3 == 0, -1)
    free = VoteMatrix.from_dense(rule[:, None], labels=["ham", "spam"], lf_names=["rule"])

    def run():
        paid = PromptVotes(
            [PROMPT], ROWS, model=client(server), cache=tmp_path / "a.sqlite", progress=False
        )
        return route(free, paid, LabelModel(), budget=20)

    first = run()
    assert server.log.n_requests == len(first.asked) == 20
    second = run()
    assert server.log.n_requests == 20
    assert np.array_equal(first.probabilities, second.probabilities)
