r"""Contextual calibration: taking out what a prompt answers before it has read anything.

A prompt prefers some answers whatever the input: because of their order, of the examples, or
because they are common words. The preference is measured on inputs that say nothing about the
class, and divided out:

.. math:: p'(a) \propto p(a) / p_0(a).

- :func:`content_free_prior`: the inputs are ``"N/A"``, ``"[MASK]"`` and the empty text (Zhao et
  al., 2021, "Calibrate Before Use": W = diag(p_0)^-1, b = 0, made to sum to 1);
- :func:`domain_context_prior`: the inputs are random words of the rows themselves, as many as a row
  has (Fei et al., 2023, "Mitigating Label Biases for In-context Learning"), which also takes out
  what the words of the domain suggest.

Either is asked once for a prompt and given to :class:`weaklabel.llm.SoftVotes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from weaklabel.errors import ConfigError, DataError
from weaklabel.llm.answer_probabilities import answer_probabilities
from weaklabel.llm.asking import ask
from weaklabel.llm.prompt import PromptLabelingFunction
from weaklabel.llm.protocol import LanguageModel
from weaklabel.llm.rows import table_of

CONTENT_FREE: Final = ("N/A", "[MASK]", "")
N_CONTEXTS: Final = 20  # as in Fei et al.
FLOOR: Final = 1e-4  # an answer never given to an empty input is not thereby infinitely telling


@dataclass(frozen=True)
class AnswerPrior:
    """What a prompt answers to inputs that say nothing.

    Attributes
    ----------
    probabilities : tuple of (text, float)
        Of each allowed answer; they sum to 1.
    source : str
        In words.
    """

    probabilities: tuple[tuple[str, float], ...]
    source: str

    def corrected(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """Probabilities of answers without the preference of the prompt; they sum to 1.

        Raises
        ------
        ConfigError
            If the prior is that of another answer map.
        """
        prior = dict(self.probabilities)
        unknown = [text for text in probabilities if text not in prior]
        if unknown:
            raise ConfigError(
                f"the calibration does not know the answer {unknown[0]!r}; it was measured for "
                f"{', '.join(map(repr, prior))}; measure it with the same answers"
            )
        raw = {text: p / max(prior[text], FLOOR) for text, p in probabilities.items()}
        total = sum(raw.values())
        return {text: value / total for text, value in raw.items()}


def content_free_prior(
    prompt: PromptLabelingFunction,
    *,
    model: LanguageModel | None = None,
    inputs: Sequence[str] = CONTENT_FREE,
    **settings: Any,
) -> AnswerPrior:
    """What a prompt answers when every field is ``"N/A"``, ``"[MASK]"`` or empty.

    Parameters
    ----------
    prompt : PromptLabelingFunction
        Its sampling must ask for log-probabilities or several samples, unless the model scores
        choices.
    model : LanguageModel, optional
        Where the prompt does not bring its own.
    inputs : sequence of str
    **settings
        Of :func:`weaklabel.llm.ask`, such as ``cache``.

    Raises
    ------
    DataError
        If no input got probabilities.
    """
    rows = [dict.fromkeys(prompt.renderer.fields, text) for text in inputs]
    return _prior(prompt, rows, model, f"content-free inputs {list(inputs)}", settings)


def domain_context_prior(
    prompt: PromptLabelingFunction,
    rows: Any,
    *,
    model: LanguageModel | None = None,
    n: int = N_CONTEXTS,
    seed: int = 0,
    **settings: Any,
) -> AnswerPrior:
    """What a prompt answers to random words of the rows.

    Parameters
    ----------
    prompt, model, **settings
        As :func:`content_free_prior`.
    rows : list of dicts, DataFrame, or Arrow table
        Where the words come from; each field from its own column, a text of as many words as the
        rows have on average.
    n : int, default 20
        Texts.
    seed : int, default 0

    Raises
    ------
    ConfigError
        If ``n`` is less than 1.
    DataError
        If a column has no words, or no input got probabilities.
    """
    if n < 1:
        raise ConfigError(f"n must be at least 1, found {n!r}")
    table, rng = table_of(rows), np.random.default_rng(seed)
    made: list[dict[str, str]] = [{} for _ in range(n)]
    for name in prompt.renderer.fields:
        if name not in table.names:
            raise DataError(f"the rows have no column {name!r}, which the prompt reads")
        texts = [str(value).split() for value in table.column(name) if value is not None]
        words = [word for text in texts for word in text]
        if not words:
            raise DataError(f"the column {name!r} has no words to draw from")
        length = max(1, round(len(words) / len(texts)))
        for row in made:
            row[name] = " ".join(words[k] for k in rng.integers(0, len(words), length))
    return _prior(prompt, made, model, f"{n} texts of random words, seed {seed}", settings)


def _prior(
    prompt: PromptLabelingFunction,
    rows: list[dict[str, str]],
    model: LanguageModel | None,
    source: str,
    settings: dict[str, Any],
) -> AnswerPrior:
    result = ask([prompt], rows, model=model, keep_answers=True, **settings)
    total = dict.fromkeys(prompt.answer_map.texts, 0.0)
    n_found = 0
    for i in range(len(rows)):
        answer = result.answer(i, 0)
        found = None if answer is None else answer_probabilities(prompt.answer_map, answer)
        if found is not None and found.probabilities:
            n_found += 1
            for text, p in found.probabilities.items():
                total[text] += p
    if not n_found:
        why = result.failures[0].message if result.failures else "the answers are texts only"
        raise DataError(
            f"no input without content got probabilities from prompt {prompt.name!r} ({why}); "
            "ask for them with Sampling(top_logprobs=...) or Sampling(n=..., temperature=...)"
        )
    return AnswerPrior(tuple((text, p / n_found) for text, p in total.items()), source)
