r"""A Hugging Face model on this machine, which scores the allowed answers directly.

Where a question has choices, nothing is generated: each choice is scored as a whole,

.. math:: \log P(\text{choice} \mid \text{prompt}) = \sum_t \log P(w_t \mid \text{prompt}, w_{<t}),

over all of its tokens (full-label likelihood), so that the answer is always one of the choices and
comes with log-probabilities for soft votes. Longer choices have more tokens to be unlikely in;
``length_normalise`` divides the sum by their number (as in Brown et al., 2020, "Language Models are
Few-Shot Learners", section 2.4). Questions without choices are answered by generating.

The model and its tokenizer are read from a folder on disk; nothing is fetched.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from weaklabel.errors import ConfigError, MissingDependencyError
from weaklabel.llm.protocol import Answer, ImagePart, Question, QuestionError, Sampling
from weaklabel.llm.sending import Limits, Retries

Kind: TypeAlias = Literal["causal", "seq2seq"]

LIMIT: Final = 2048  # tokens of prompt and answer, where the model does not say


@dataclass(eq=False)
class _Waiting:
    question: Question
    sampling: Sampling
    answer: asyncio.Future[Answer]


class LocalModel:
    """A causal or sequence-to-sequence model in a folder; a :class:`LanguageModel`.

    Parameters
    ----------
    path : path
        Of a folder with a model and its tokenizer, as ``save_pretrained`` writes them.
    name : str, optional
        What the cache knows it by; the name of the folder and the settings that change answers if
        None. Change it when the weights change.
    kind : {"causal", "seq2seq"}, optional
        As the model's configuration says if None.
    device : str, default "cpu"
    batch_size : int, default 16
        Sequences (a question has one for each choice) in one pass. Questions that are asked at
        the same time are put into one pass; ``concurrency`` of :func:`weaklabel.llm.ask` decides
        how many that are.
    length_normalise : bool, default False
        Divide the log-probability of a choice by the number of its tokens.

    Raises
    ------
    ConfigError
        If there is no model in the folder, or a setting is out of range.
    MissingDependencyError
        If transformers or torch is not installed.

    Notes
    -----
    Padding does not change an answer but for rounding. A prompt that is too long for the model
    fails its row (``"too long"``).
    """

    limits = Limits()
    retries = Retries(attempts=1)

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        kind: Kind | None = None,
        device: str = "cpu",
        batch_size: int = 16,
        length_normalise: bool = False,
    ) -> None:
        self.path = Path(path)
        if not (self.path / "config.json").is_file():
            raise ConfigError(
                f"{self.path} must be a folder with a model (config.json, weights, tokenizer), "
                "as save_pretrained writes it; models are not fetched by name"
            )
        if kind is not None and kind not in get_args(Kind):
            raise ConfigError(f"kind must be 'causal' or 'seq2seq', found {kind!r}")
        if batch_size < 1:
            raise ConfigError(f"batch_size must be at least 1, found {batch_size!r}")
        suffix = "+length" if length_normalise else ""
        self.name = f"{self.path.resolve().name}{suffix}" if name is None else name
        self.device, self.batch_size = device, batch_size
        self.length_normalise = length_normalise
        self._model, self._tokenizer, self.kind = _load(self.path, kind, device)
        self._waiting: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"LocalModel({str(self.path)!r})"

    async def answer(self, question: Question, sampling: Sampling) -> Answer:
        """As :meth:`LanguageModel.answer`."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(question, sampling, loop.create_future())
        self._waiting.append(waiting)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        return await waiting.answer

    async def close(self) -> None:
        """Forget questions that nobody waits for any more."""
        self._waiting.clear()

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(0)  # lets all that can ask now ask
            if not self._waiting:
                return
            some: list[_Waiting] = []
            n = 0
            while self._waiting and (not some or n < self.batch_size):
                some.append(self._waiting.pop(0))
                n += len(some[-1].question.choices or ("",))
            try:
                answers = await asyncio.to_thread(self._answers, some)
            except Exception as error:
                failed = QuestionError("no answer", f"{type(error).__name__}: {error}")
                answers = [failed] * len(some)
            for waiting, answer in zip(some, answers, strict=True):
                if waiting.answer.done():
                    continue
                if isinstance(answer, QuestionError):
                    waiting.answer.set_exception(answer)
                else:
                    waiting.answer.set_result(answer)

    # -- in a thread -----------------------------------------------------------------------------

    def _answers(self, some: Sequence[_Waiting]) -> list[Answer | QuestionError]:
        start = time.perf_counter()
        out: list[Answer | QuestionError | None] = [None] * len(some)
        texts: list[str] = []
        choices: list[tuple[str, ...]] = []
        scored: list[int] = []
        for k, waiting in enumerate(some):
            try:
                text = self._prompt(waiting.question)
                if waiting.question.choices is None:
                    out[k] = self._generated(text, waiting.sampling)
                    continue
                self._check_length(text, waiting.question.choices)
            except QuestionError as error:
                out[k] = error
                continue
            scored.append(k)
            texts.append(text)
            choices.append(waiting.question.choices)
        for k, text, logprobs in zip(scored, texts, self._scores(texts, choices), strict=True):
            seconds = (time.perf_counter() - start) / len(some)
            best = max(logprobs, key=logprobs.__getitem__)
            n_tokens = len(self._ids(text))
            out[k] = Answer((best,), None, logprobs, n_tokens, 0, "stop", None, seconds)
        return [answer for answer in out if answer is not None]

    def _prompt(self, question: Question) -> str:
        if any(isinstance(part, ImagePart) for m in question.messages for part in m.content):
            raise QuestionError("rejected", "a local model takes text only, found an image")
        messages = [{"role": m.role, "content": m.text} for m in question.messages]
        if getattr(self._tokenizer, "chat_template", None):
            return str(
                self._tokenizer.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=True
                )
            )
        return "\n\n".join(m["content"] for m in messages)

    def _check_length(self, text: str, choices: Sequence[str]) -> None:
        n_tokens = len(self._ids(text))
        longest = max(len(self._choice_ids(choice, text)) for choice in choices)
        if n_tokens + longest > self.limit:
            raise QuestionError(
                "too long", f"{n_tokens:,} tokens and the answer; the model takes {self.limit:,}"
            )

    def _ids(self, text: str) -> list[int]:
        # A chat template has written the special tokens already.
        templated = bool(getattr(self._tokenizer, "chat_template", None))
        return list(self._tokenizer(text, add_special_tokens=not templated)["input_ids"])

    @property
    def limit(self) -> int:
        """Tokens of prompt and answer together."""
        for key in ("max_position_embeddings", "n_positions", "n_ctx"):
            value = getattr(self._model.config, key, None)
            if isinstance(value, int) and value > 0:
                return value
        return LIMIT

    def _choice_ids(self, choice: str, prompt: str) -> list[int]:
        """Tokens of a choice as it goes on from a prompt, a space between them if it needs one."""
        templated = bool(getattr(self._tokenizer, "chat_template", None))
        apart = self.kind == "seq2seq" or templated or prompt[-1:].isspace() or not prompt
        text = choice if apart else f" {choice}"
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return list(ids) or [self._pad]

    @property
    def _pad(self) -> int:
        for token in (self._tokenizer.pad_token_id, self._tokenizer.eos_token_id, 0):
            if token is not None:
                return int(token)
        return 0

    def _scores(
        self, texts: Sequence[str], choices: Sequence[Sequence[str]]
    ) -> list[dict[str, float]]:
        """Log-probability of each choice of each text."""
        pairs = [
            (self._ids(text), self._choice_ids(choice, text))
            for text, allowed in zip(texts, choices, strict=True)
            for choice in allowed
        ]
        values: list[float] = []
        for start in range(0, len(pairs), self.batch_size):
            values += self._batch(pairs[start : start + self.batch_size])
        if self.length_normalise:
            values = [v / len(ids) for v, (_, ids) in zip(values, pairs, strict=True)]
        found, at = [], 0
        for allowed in choices:
            found.append(dict(zip(allowed, values[at : at + len(allowed)], strict=True)))
            at += len(allowed)
        return found

    def _batch(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        import torch

        if self.kind == "seq2seq":
            inputs, mask = self._padded([prompt for prompt, _ in pairs])
            labels, label_mask = self._padded([choice for _, choice in pairs])
            targets = labels.masked_fill(~label_mask.bool(), -100)
            with torch.inference_mode():
                logits = self._model(
                    input_ids=inputs, attention_mask=mask, labels=targets
                ).logits.float()
            steps = torch.log_softmax(logits, dim=-1).gather(2, labels[:, :, None])[:, :, 0]
            return [float(v) for v in (steps * label_mask).sum(dim=1)]
        inputs, mask = self._padded([prompt + choice for prompt, choice in pairs])
        with torch.inference_mode():
            logits = self._model(input_ids=inputs, attention_mask=mask).logits.float()
        steps = torch.log_softmax(logits[:, :-1], dim=-1).gather(2, inputs[:, 1:, None])[:, :, 0]
        out = []
        for row, (prompt, choice) in zip(steps, pairs, strict=True):
            first = len(prompt) - 1  # the logits at a position are of the next token
            out.append(float(row[max(first, 0) : first + len(choice)].sum()))
        return out

    def _padded(self, sequences: Sequence[list[int]]) -> tuple[Any, Any]:
        import torch

        longest = max(map(len, sequences))
        ids = torch.full((len(sequences), longest), self._pad, dtype=torch.long)
        mask = torch.zeros((len(sequences), longest), dtype=torch.long)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence, dtype=torch.long)
            mask[row, : len(sequence)] = 1
        return ids.to(self.device), mask.to(self.device)

    def _generated(self, text: str, sampling: Sampling) -> Answer:
        import torch

        self._check_length(text, ("",))
        ids = torch.tensor([self._ids(text)], device=self.device)
        n_prompt = ids.shape[1]
        settings: dict[str, Any] = {
            "max_new_tokens": max(1, min(sampling.max_tokens, self.limit - n_prompt)),
            "do_sample": sampling.temperature > 0.0,
            "num_return_sequences": sampling.n if sampling.temperature > 0.0 else 1,
            "pad_token_id": self._pad,
        }
        if sampling.temperature > 0.0:
            settings["temperature"] = sampling.temperature
        with torch.random.fork_rng(enabled=sampling.seed is not None), torch.inference_mode():
            if sampling.seed is not None:
                torch.manual_seed(sampling.seed)
            made = self._model.generate(ids, attention_mask=torch.ones_like(ids), **settings)
        new = made[:, n_prompt:] if self.kind == "causal" else made[:, 1:]
        texts = self._tokenizer.batch_decode(new, skip_special_tokens=True)
        if sampling.temperature == 0.0:
            texts = texts * sampling.n
        ended = bool((new[0] == self._tokenizer.eos_token_id).any())
        finish = "stop" if ended or new.shape[1] < settings["max_new_tokens"] else "length"
        return Answer(tuple(texts), None, None, n_prompt, int(new.numel()), finish)


def _load(path: Path, kind: Kind | None, device: str) -> tuple[Any, Any, Kind]:
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise MissingDependencyError(error.name or "transformers", "text") from error
    try:
        config = transformers.AutoConfig.from_pretrained(path, local_files_only=True)
        found: Kind = "seq2seq" if config.is_encoder_decoder else "causal"
        chosen = found if kind is None else kind
        auto = (
            transformers.AutoModelForSeq2SeqLM
            if chosen == "seq2seq"
            else transformers.AutoModelForCausalLM
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, local_files_only=True)
        # Safetensors only: other formats of weights can run code when they are read.
        model = auto.from_pretrained(path, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise ConfigError(f"cannot load the model in {path}: {first}") from error
    moved: Any = model
    return moved.to(device).eval(), tokenizer, chosen
