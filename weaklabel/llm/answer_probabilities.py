r"""How probable a model finds each of the allowed answers.

From log-probabilities of **whole choices**: their softmax over the choices.

From **tokens**: the answers are followed letter by letter through what the model wrote. At each
position a token that was possible there counts for the answer it begins, as far as only one answer
begins so; where the model's own token still leaves several, the next position decides between them.
What belongs to no answer is left out and the rest made to sum to 1.

From **samples**: the share of samples that mean each answer, ``smoothing`` added to each count.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weaklabel.llm.answers import AnswerMap
from weaklabel.llm.protocol import Answer, TokenChoice

_KEY: Final = re.compile(r'\s*\{\s*"[^"]*"\s*:\s*"')


@dataclass(frozen=True)
class AnswerProbabilities:
    """Probabilities of the allowed answers; they sum to 1, or there are none.

    Attributes
    ----------
    probabilities : mapping of str to float
    detail : str
        Why there are none.
    """

    probabilities: Mapping[str, float]
    detail: str = ""


def answer_probabilities(
    answers: AnswerMap, answer: Answer, smoothing: float = 0.5
) -> AnswerProbabilities | None:
    """Probabilities of the allowed answers; None if the model gave a text only.

    Parameters
    ----------
    answers : AnswerMap
    answer : Answer
    smoothing : float
        Added to the count of each answer, where there are samples.
    """
    if answer.choice_logprobs is not None:
        return _of_choices(answers, answer.choice_logprobs)
    if answer.tokens is not None and len(answer.texts) <= 1:
        found = _of_tokens(answers.texts, answer.tokens)
        return _normalised(found, "no token of the answer begins an allowed one")
    if len(answer.texts) > 1:
        return _of_samples(answers, answer.texts, smoothing)
    return None


def _of_choices(answers: AnswerMap, logprobs: Mapping[str, float]) -> AnswerProbabilities:
    known = {text: logprobs[text] for text in answers.texts if text in logprobs}
    finite = [value for value in known.values() if value > -math.inf]
    if not finite:
        return AnswerProbabilities({}, "the model gave no probability to any allowed answer")
    top = max(finite)
    return _normalised({text: math.exp(value - top) for text, value in known.items()}, "")


def _of_samples(answers: AnswerMap, texts: Sequence[str], smoothing: float) -> AnswerProbabilities:
    counts = dict.fromkeys(answers.texts, 0.0)
    for text in texts:
        meant = answers.text_of(text)
        if meant is not None:
            counts[meant] += 1.0
    if not any(counts.values()):
        return AnswerProbabilities({}, f"none of {len(texts)} samples is an allowed answer")
    return _normalised({text: count + smoothing for text, count in counts.items()}, "")


def _normalised(found: Mapping[str, float], detail: str) -> AnswerProbabilities:
    total = sum(found.values())
    if total <= 0.0:
        return AnswerProbabilities({}, detail)
    return AnswerProbabilities({text: value / total for text, value in found.items()})


def _of_tokens(texts: Sequence[str], tokens: Sequence[TokenChoice]) -> dict[str, float]:
    mass = dict.fromkeys(texts, 0.0)
    plain = {text: text.casefold().strip() for text in texts}
    written, path = "", 1.0  # the answer so far, and its probability
    for position in _after_key(tokens):
        if not written and not _bare(position.token):
            continue  # white space and quotation marks before the answer
        options = {token: math.exp(logprob) for token, logprob in position.alternatives}
        options[position.token] = math.exp(position.logprob)
        for token, probability in options.items():
            begun = _fits(written + (_bare(token) if not written else token.casefold()), plain)
            if token == position.token or not begun:
                continue
            for text in begun:
                mass[text] += path * probability / len(begun)
        own = position.token
        written += _bare(own) if not written else own.casefold()
        path *= math.exp(position.logprob)
        begun = _fits(written, plain)
        if len(begun) <= 1:
            for text in begun:
                mass[text] += path
            return mass
    for text in _finished(written, plain):
        mass[text] += path
    return mass


def _after_key(tokens: Sequence[TokenChoice]) -> list[TokenChoice]:
    """The tokens of the value, where the answer is a JSON object; else all of them."""
    key = _KEY.match("".join(position.token for position in tokens))
    if key is None:
        return list(tokens)
    left, out = key.end(), []
    for position in tokens:
        if left >= len(position.token):
            left -= len(position.token)
            continue
        head = position.token[:left]  # of a token that ends the key and begins the value
        others = tuple(
            (token[left:], logprob)
            for token, logprob in position.alternatives
            if token.startswith(head)
        )
        out.append(TokenChoice(position.token[left:], position.logprob, others))
        left = 0
    return out


def _bare(token: str) -> str:
    return token.casefold().lstrip(" \t\r\n\"'`*▁Ġ")


def _fits(written: str, plain: Mapping[str, str]) -> list[str]:
    """Answers that begin so, or that this begins with."""
    written = written.rstrip(" \t\r\n\"'`*.,;:!")
    if not written:
        return []
    begun = [text for text, bare in plain.items() if bare.startswith(written)]
    if begun:
        return begun
    whole = [text for text, bare in plain.items() if _begins_with_word(written, bare)]
    return [max(whole, key=lambda text: len(plain[text]))] if whole else []


def _begins_with_word(written: str, bare: str) -> bool:
    return written.startswith(bare) and not written[len(bare) : len(bare) + 1].isalnum()


def _finished(written: str, plain: Mapping[str, str]) -> list[str]:
    """The answer that the whole text is, where another one goes on from it; else all it begins."""
    bare = written.strip(" \t\r\n\"'`*.,;:!")
    exact = [text for text, answer in plain.items() if answer == bare]
    return exact or _fits(written, plain)[:1]
