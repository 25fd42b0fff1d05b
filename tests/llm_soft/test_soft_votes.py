"""From probabilities of answers to confident votes, and what label models make of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.bench.soft_votes import brier_and_accuracy, planted
from weaklabel import Confident, DawidSkene, LabelModel, Not, OneOf, Reason
from weaklabel.errors import ConfigError, DataError
from weaklabel.llm import (
    Answer,
    AnswerMap,
    CallableModel,
    PromptLabelingFunction,
    Question,
    Sampling,
    ask,
)
from weaklabel.llm.contextual import AnswerPrior, content_free_prior, domain_context_prior
from weaklabel.llm.soft_votes import SoftVotes, equal_mass_edges, soft_vote_matrix

SPAM = AnswerMap({"yes": "spam", "no": "ham", "unsure": None})


def said(**probabilities: float) -> Answer:
    logs = {text: math.log(p) for text, p in probabilities.items()}
    return Answer((max(logs, key=logs.__getitem__),), choice_logprobs=logs)


def test_the_most_probable_class_and_its_share_of_what_is_not_abstaining():
    vote = SoftVotes()(SPAM, said(yes=0.6, no=0.2, unsure=0.2)).vote
    assert vote == Confident("spam", pytest.approx(0.75))


def test_an_abstaining_answer_that_is_the_most_probable_abstains():
    assert SoftVotes()(SPAM, said(yes=0.3, no=0.2, unsure=0.5)).vote is None
    answers = AnswerMap({"yes": "spam", "no": "ham", "too short": Reason("too short")})
    logs = {"yes": -2.0, "no": -3.0, "too short": -0.1}
    reading = SoftVotes()(answers, Answer(("too short",), choice_logprobs=logs))
    assert reading.vote == Reason("too short")


def test_sets_keep_their_meaning_and_a_set_of_one_class_is_that_class():
    labels = ["a", "b", "c"]
    answers = AnswerMap({"x": "a", "y": Not("a")})
    vote = SoftVotes(labels=labels)(answers, said(x=0.2, y=0.8)).vote
    assert vote == Not("a")
    assert SoftVotes(labels=["a", "b"])(answers, said(x=0.2, y=0.8)).vote == Confident(
        "b", pytest.approx(0.8)
    )
    answers = AnswerMap({"x": "a", "y": OneOf("a", "b"), "z": "c"})
    vote = SoftVotes(labels=labels)(answers, said(x=0.5, y=0.3, z=0.2)).vote
    assert vote == Confident("a", pytest.approx(0.65))


def test_without_probabilities_the_text_is_read():
    assert SoftVotes()(SPAM, Answer(("Yes!",))).vote == "spam"
    assert SoftVotes()(SPAM, Answer(("pardon?",))).problem == "malformed"
    assert SoftVotes()(SPAM, Answer(("hm", "hmm"))).problem == "malformed"


def test_calibration_divides_by_what_is_answered_to_nothing():
    prior = AnswerPrior((("yes", 0.8), ("no", 0.1), ("unsure", 0.1)), "by hand")
    plain = SoftVotes()(SPAM, said(yes=0.6, no=0.3, unsure=0.1)).vote
    calibrated = SoftVotes(prior)(SPAM, said(yes=0.6, no=0.3, unsure=0.1)).vote
    assert plain.label == "spam"
    assert calibrated == Confident("ham", pytest.approx(3.0 / 3.75))
    with pytest.raises(ConfigError, match="does not know the answer 'maybe'"):
        prior.corrected({"maybe": 1.0})


def test_the_reader_is_part_of_the_fingerprint_of_a_prompt():
    def made(reader: SoftVotes) -> str:
        return PromptLabelingFunction("p", "{text}", SPAM.votes, reader=reader).fingerprint

    prior = AnswerPrior((("yes", 0.8), ("no", 0.2)), "")
    assert made(SoftVotes()) == made(SoftVotes())
    assert len({made(SoftVotes()), made(SoftVotes(prior)), made(SoftVotes(smoothing=1.0))}) == 3


def test_smoothing_must_not_be_negative():
    with pytest.raises(ConfigError, match="found -1"):
        SoftVotes(smoothing=-1)


# -- bins ------------------------------------------------------------------------------------------


def test_bins_of_equal_mass():
    confidences = np.linspace(0.5, 0.999, 1000)
    edges = equal_mass_edges(confidences, 4)
    counts = np.bincount(np.searchsorted(edges, confidences, side="right"))
    assert counts.tolist() == pytest.approx([250] * 4, abs=1)


def test_equal_confidences_fall_into_one_bin():
    assert equal_mass_edges([0.9] * 10, 4) == ()
    assert equal_mass_edges([0.6] * 5 + [0.9] * 5 + [float("nan")], 4) == (0.9,)
    assert equal_mass_edges([1.0, 1.0, 0.5, 0.5], 3) == ()


def test_bins_need_confidences_in_range():
    with pytest.raises(DataError, match=r"found 1\.5"):
        equal_mass_edges([0.5, 1.5])
    with pytest.raises(DataError, match="no confidence"):
        equal_mass_edges([float("nan")])
    with pytest.raises(ConfigError, match="found 0"):
        equal_mass_edges([0.5], 0)


def test_a_matrix_of_probabilities_becomes_binned_votes():
    nan = float("nan")
    p = [[[0.9, 0.1], [0.4, 0.6]], [[0.2, 0.8], [nan, nan]]]
    votes = soft_vote_matrix(p, ["ham", "spam"], edges=[0.7], lf_names=["a", "b"])
    table = votes.to_wide()
    assert table["a"].tolist() == ["ham @ 0.7-1", "spam @ 0.7-1"]
    assert table["b"].iloc[0] == "spam @ 0-0.7"
    assert votes.n_votes == 3


@pytest.mark.parametrize("wrong", [[[0.5, 0.5]], [[[0.9, 0.3]]], [[[1.2, -0.2]]]])
def test_probabilities_must_be_some(wrong):
    with pytest.raises(DataError):
        soft_vote_matrix(wrong, ["a", "b"])


# -- the bar ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [LabelModel, DawidSkene])
def test_soft_votes_have_a_lower_brier_score_and_no_lower_accuracy(model):
    hard_scores, soft_scores = [], []
    for seed in range(3):
        probabilities, gold = planted(3000, seed)
        hard, soft = brier_and_accuracy(model, probabilities, gold)
        hard_scores.append(hard)
        soft_scores.append(soft)
    (hard_brier, hard_accuracy), (soft_brier, soft_accuracy) = (
        np.mean(hard_scores, axis=0),
        np.mean(soft_scores, axis=0),
    )
    assert soft_brier < hard_brier
    assert soft_accuracy >= hard_accuracy


# -- through asking --------------------------------------------------------------------------------


def biased(question: Question, sampling: Sampling) -> Answer:
    """A model that likes to say yes, and less so the more often "no" is written."""
    score = 2.0 - question.messages[-1].text.split().count("no")
    p = 1.0 / (1.0 + math.exp(-score))
    return Answer(("yes",), choice_logprobs={"yes": math.log(p), "no": math.log(1.0 - p)})


def biased_prompt(**settings: Any) -> PromptLabelingFunction:
    return PromptLabelingFunction(
        "p", "Spam? {text}", {"yes": "spam", "no": "ham"},
        model=CallableModel(biased, "biased", takes="question"), **settings,
    )  # fmt: skip


def test_the_preference_for_an_answer_is_measured_on_inputs_without_content():
    prior = content_free_prior(biased_prompt(), progress=False)
    yes = 1.0 / (1.0 + math.exp(-2.0))
    assert dict(prior.probabilities) == pytest.approx({"yes": yes, "no": 1.0 - yes})
    rows = [{"text": "no"}, {"text": "fine"}]
    plain = ask([biased_prompt(reader=SoftVotes())], rows, progress=False)
    better = ask([biased_prompt(reader=SoftVotes(prior))], rows, progress=False)
    assert plain.votes.to_wide()["p"].str.startswith("spam").tolist() == [True, True]
    assert better.votes.to_wide()["p"].str.startswith("ham").tolist()[0]


def test_the_preference_is_measured_on_words_of_the_rows_too():
    rows = [{"text": "no no no no a b"}, {"text": None}]
    prior = domain_context_prior(biased_prompt(), rows, n=40, progress=False)
    again = domain_context_prior(biased_prompt(), rows, n=40, progress=False)
    assert prior == again
    assert dict(prior.probabilities)["yes"] < 0.5  # four of six words are "no"
    with pytest.raises(DataError, match="no column 'text'"):
        domain_context_prior(biased_prompt(), [{"body": "x"}], progress=False)
    with pytest.raises(DataError, match="has no words"):
        domain_context_prior(biased_prompt(), [{"text": " "}], progress=False)


def test_a_preference_cannot_be_measured_from_texts():
    prompt = PromptLabelingFunction(
        "p", "Spam? {text}", {"yes": "spam", "no": "ham"}, model=CallableModel(lambda _: "yes", "m")
    )
    with pytest.raises(DataError, match=r"texts only.*top_logprobs"):
        content_free_prior(prompt, progress=False)


def test_bins_chosen_from_a_first_run_cost_no_second_one(tmp_path):
    rows = [{"text": "no " * (i % 5)} for i in range(30)]
    prompt = biased_prompt(reader=SoftVotes())
    first = ask([prompt], rows, cache=tmp_path / "a.sqlite", keep_answers=True, progress=False)
    answers = [first.answer(i, 0) for i in range(30)]
    edges = equal_mass_edges(
        prompt.read(answer)[0].vote.confidence for answer in answers if answer is not None
    )
    second = ask(
        [prompt], rows, cache=tmp_path / "a.sqlite", confidence_edges=edges, progress=False
    )
    assert second.report.calls == 0
    assert second.votes.alphabet.confidence_edges == edges
