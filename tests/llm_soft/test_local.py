"""Tiny models with random weights, saved to disk and loaded as any other."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from tests.llm.tiny_model import save_tiny_model
from weaklabel.errors import ConfigError
from weaklabel.llm import Message, PromptLabelingFunction, Question, QuestionError, Sampling, ask
from weaklabel.llm.contextual import content_free_prior
from weaklabel.llm.local import LocalModel
from weaklabel.llm.protocol import LanguageModel
from weaklabel.llm.soft_votes import SoftVotes

pytestmark = pytest.mark.slow

GREEDY = Sampling()
CHOICES = ("yes", "no", "not at all sure")


def save_tiny_t5(folder: Path) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    words = [
        "<pad>",
        "</s>",
        "<unk>",
        *["is", "this", "spam", "yes", "no", "not", "at", "all", "sure", "free", "money", "song"],
    ]
    tokenizer = Tokenizer(models.WordLevel({w: k for k, w in enumerate(words)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(words), d_model=16, d_kv=4, d_ff=32, num_layers=1, num_heads=2,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    causal = tmp_path_factory.mktemp("causal")
    save_tiny_model(causal)
    return {"causal": causal, "seq2seq": save_tiny_t5(tmp_path_factory.mktemp("t5"))}


def question(text: str, choices: tuple[str, ...] | None = CHOICES) -> Question:
    return Question((Message("user", text),), choices)


def answers(model: LocalModel, questions: list[Question], sampling: Sampling = GREEDY) -> Any:
    async def every() -> Any:
        made = (model.answer(q, sampling) for q in questions)
        return await asyncio.gather(*made, return_exceptions=True)

    return asyncio.run(every())


def one_by_one(model: LocalModel, text: str, choice: str) -> float:
    """Log-probability of a choice, one token at a time and without padding."""
    import torch

    prompted = model._prompt(question(text))
    prompt, ids, total = model._ids(prompted), model._choice_ids(choice, prompted), 0.0
    for t, token in enumerate(ids):
        with torch.inference_mode():
            if model.kind == "causal":
                given = torch.tensor([[*prompt, *ids[:t]]])
                logits = model._model(input_ids=given).logits[0, -1]
            else:
                logits = model._model(
                    input_ids=torch.tensor([prompt]),
                    decoder_input_ids=torch.tensor([[0, *ids[:t]]]),
                ).logits[0, -1]
        total += float(torch.log_softmax(logits.float(), -1)[token])
    return total


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_choices_are_scored_over_all_their_tokens_whatever_the_batch(folders, kind):
    model = LocalModel(folders[kind], batch_size=4)
    assert model.kind == kind
    assert isinstance(model, LanguageModel)
    texts = ["is this spam", "free money free money song", "song"]
    found = answers(model, [question(t) for t in texts])
    for text, answer in zip(texts, found, strict=True):
        expected = {choice: one_by_one(model, text, choice) for choice in CHOICES}
        assert answer.choice_logprobs == pytest.approx(expected, abs=1e-4)
        assert answer.texts == (max(expected, key=expected.__getitem__),)
        assert answer.prompt_tokens > 0


def test_length_normalisation_divides_by_the_tokens_of_the_choice(folders):
    plain, fair = (LocalModel(folders["causal"], length_normalise=on) for on in (False, True))
    assert plain.name != fair.name
    a, b = (answers(m, [question("is this spam")])[0] for m in (plain, fair))
    for choice in CHOICES:
        n_tokens = len(plain._choice_ids(choice, ""))
        assert b.choice_logprobs[choice] == pytest.approx(a.choice_logprobs[choice] / n_tokens)
    assert len(plain._choice_ids(CHOICES[2], "")) > len(plain._choice_ids(CHOICES[0], ""))


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_without_choices_it_writes_and_the_seed_decides(folders, kind):
    model = LocalModel(folders[kind])
    greedy = answers(model, [question("is this", None)] * 2, Sampling(max_tokens=4))
    assert greedy[0].texts == greedy[1].texts
    drawn = Sampling(temperature=1.0, max_tokens=6, n=3, seed=1)
    first, second = (answers(model, [question("is this", None)], drawn)[0] for _ in range(2))
    assert len(first.texts) == 3
    assert first.texts == second.texts


def test_prompts_that_are_too_long_and_images_fail_alone(folders):
    from weaklabel.llm import ImagePart

    model = LocalModel(folders["causal"])
    picture = Question((Message("user", (ImagePart(url="https://x"),)),), CHOICES)
    long, image, good = answers(model, [question("spam " * 5000), picture, question("spam")])
    assert isinstance(long, QuestionError)
    assert long.kind == "too long"
    assert isinstance(image, QuestionError)
    assert image.kind == "rejected"
    assert good.texts[0] in CHOICES


def test_a_prompt_votes_softly_through_ask_and_calibration_takes_out_its_preference(folders):
    model = LocalModel(folders["causal"])
    answers_map = {"yes": "spam", "no": "ham"}

    def prompt(**settings: Any) -> PromptLabelingFunction:
        return PromptLabelingFunction("p", "is this spam {text}", answers_map, **settings)

    rows = [{"text": text} for text in ("free money", "song", "free song", "money")]
    result = ask([prompt(reader=SoftVotes())], rows, model=model, progress=False, keep_answers=True)
    assert result.votes.n_votes == 4
    assert not result.failures
    vote = prompt(reader=SoftVotes()).read(result.answer(0, 0))[0].vote
    logs = result.answer(0, 0).choice_logprobs
    high = max(logs.values())
    share = 1.0 / sum(math.exp(value - high) for value in logs.values())
    assert vote.confidence == pytest.approx(share)
    prior = content_free_prior(prompt(), model=model, progress=False)
    calibrated = prompt(reader=SoftVotes(prior)).read(result.answer(0, 0))[0].vote
    assert calibrated.confidence != pytest.approx(vote.confidence)


def test_a_folder_without_a_model_and_bad_settings_are_refused(tmp_path, folders):
    with pytest.raises(ConfigError, match="not fetched by name"):
        LocalModel("some/hub-name")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot load the model"):
        LocalModel(tmp_path)
    with pytest.raises(ConfigError, match="batch_size must be at least 1"):
        LocalModel(folders["causal"], batch_size=0)
    with pytest.raises(ConfigError, match="found 'rnn'"):
        LocalModel(folders["causal"], kind="rnn")
