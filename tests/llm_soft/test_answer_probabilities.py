"""Probabilities of answers from choices, tokens and samples."""

from __future__ import annotations

import math

import pytest

from weaklabel.llm import Answer, AnswerMap, TokenChoice
from weaklabel.llm.answer_probabilities import AnswerProbabilities, answer_probabilities

YES_NO = AnswerMap({"yes": "spam", "no": "ham"})


def token(text: str, p: float, **others: float) -> TokenChoice:
    alternatives = {text: p, **others}
    return TokenChoice(
        text, math.log(p), tuple((key, math.log(value)) for key, value in alternatives.items())
    )


def of(answers: AnswerMap, answer: Answer, smoothing: float = 0.5) -> AnswerProbabilities:
    found = answer_probabilities(answers, answer, smoothing)
    assert found is not None
    return found


def test_choices_are_made_to_sum_to_one():
    answer = Answer(("yes",), choice_logprobs={"yes": math.log(0.03), "no": math.log(0.01)})
    assert of(YES_NO, answer).probabilities == pytest.approx({"yes": 0.75, "no": 0.25})


def test_choices_of_very_small_probability_do_not_underflow():
    answer = Answer(("yes",), choice_logprobs={"yes": -2000.0, "no": -2000.0 - math.log(3)})
    assert of(YES_NO, answer).probabilities == pytest.approx({"yes": 0.75, "no": 0.25})


def test_no_choice_with_a_probability_is_said_so():
    found = of(YES_NO, Answer(("x",), choice_logprobs={"yes": -math.inf, "maybe": -1.0}))
    assert not found.probabilities
    assert "no probability" in found.detail


def test_tokens_that_begin_an_answer_count_for_it_whatever_their_case_and_spaces():
    tokens = (token("\n", 0.9), token(" Yes", 0.6, yes=0.1, No=0.2, The=0.1))
    answer = Answer((" Yes",), tokens)
    assert of(YES_NO, answer).probabilities == pytest.approx({"yes": 0.7 / 0.9, "no": 0.2 / 0.9})


def test_answers_with_a_common_beginning_are_told_apart_where_they_part():
    answers = AnswerMap({"not spam": "ham", "not sure": None, "spam": "spam"})
    tokens = (token("not", 0.8, spam=0.2), token(" spam", 0.75, **{" sure": 0.25}))
    found = of(answers, Answer(("not spam",), tokens)).probabilities
    assert found == pytest.approx({"not spam": 0.6, "not sure": 0.2, "spam": 0.2})


def test_a_token_that_several_answers_begin_with_is_shared_when_it_was_not_taken():
    answers = AnswerMap({"not spam": "ham", "not sure": None, "spam": "spam"})
    found = of(answers, Answer(("spam",), (token("spam", 0.6, **{"not": 0.4}),))).probabilities
    assert found == pytest.approx({"not spam": 0.2, "not sure": 0.2, "spam": 0.6})


def test_an_answer_that_another_one_goes_on_from():
    answers = AnswerMap({"spam": "spam", "spam link": "link"})
    tokens = (token("spam", 0.9), token(".", 0.8, **{" link": 0.1}))
    found = of(answers, Answer(("spam.",), tokens)).probabilities
    assert found["spam"] > 0.8


def test_tokens_that_begin_no_answer_are_said_so():
    found = of(YES_NO, Answer(("Well",), (token("Well", 0.9),)))
    assert not found.probabilities
    assert "no token" in found.detail


def test_samples_are_counted_smoothed_and_normalised():
    answer = Answer(("Yes.", "yes", "No", "the sky is blue"))
    assert of(YES_NO, answer).probabilities == pytest.approx({"yes": 2.5 / 4, "no": 1.5 / 4})
    assert of(YES_NO, answer, 0.0).probabilities == pytest.approx({"yes": 2 / 3, "no": 1 / 3})


def test_samples_that_mean_nothing_are_said_so():
    found = of(YES_NO, Answer(("hm", "hmm")))
    assert not found.probabilities
    assert "none of 2 samples" in found.detail


def test_a_plain_text_has_no_probabilities():
    assert answer_probabilities(YES_NO, Answer(("yes",))) is None


def test_the_value_of_a_json_answer_is_what_counts():
    tokens = (token('{"', 0.9), token("answer", 0.9), token('": "', 0.9, no=0.1),
              token("yes", 0.75, no=0.25), token('"}', 1.0))  # fmt: skip
    found = of(YES_NO, Answer(('{"answer": "yes"}',), tokens)).probabilities
    assert found == pytest.approx({"yes": 0.75, "no": 0.25})
    joined = (token('{"answer":', 0.9), token(' "yes', 0.75, **{' "no': 0.25}), token('"}', 1.0))
    found = of(YES_NO, Answer(('{"answer": "yes"}',), joined)).probabilities
    assert found == pytest.approx({"yes": 0.75, "no": 0.25})


def test_samples_may_be_json():
    answer = Answer(('{"answer": "yes"}', '{"answer": "no"}', '{"answer": "yes"}'))
    assert of(YES_NO, answer, 0.0).probabilities == pytest.approx({"yes": 2 / 3, "no": 1 / 3})
