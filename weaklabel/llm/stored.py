"""Questions and answers as JSON, and the key of a question: what caches and recordings hold.

The key is the SHA-256 digest of the name of the model, the sampling, the messages, the choices and
the schema. Where the model is served from, the key to it, time-outs and rates are no part of it:
they do not decide the answer. Bytes of images count by their digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from weaklabel.llm.protocol import Answer, ImagePart, Message, Question, Sampling, TokenChoice

FORMAT: Final = 1  # of keys and stored answers


def key_of(model: str, question: Question, sampling: Sampling) -> bytes:
    """The key of a question put to a model: 32 bytes."""
    parts = [
        FORMAT,
        model,
        [sampling.temperature, sampling.max_tokens, sampling.n, sampling.top_logprobs,
         sampling.seed],
        messages_to_json(question.messages),
        question.choices,
        question.schema,
    ]  # fmt: skip
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=dict)
    return hashlib.sha256(text.encode()).digest()


def messages_to_json(messages: tuple[Message, ...]) -> list[Any]:
    """Messages as ``[role, text]``, or ``[role, [parts]]`` where there are images."""
    return [
        [m.role, m.content if isinstance(m.content, str) else [_part_to_json(p) for p in m.content]]
        for m in messages
    ]


def _part_to_json(part: Any) -> dict[str, Any]:
    if not isinstance(part, ImagePart):
        return {"text": part.text}
    if part.data is None:
        return {"image": part.url}
    return {"image": hashlib.sha256(part.data).hexdigest(), "type": part.media_type}


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """An answer as a JSON object; what is empty is left out."""
    out: dict[str, Any] = {
        "texts": list(answer.texts),
        "tokens_in": answer.prompt_tokens,
        "tokens_out": answer.completion_tokens,
        "seconds": round(answer.seconds, 6),
    }
    if answer.tokens is not None:
        out["tokens"] = [[t.token, t.logprob, list(t.alternatives)] for t in answer.tokens]
    if answer.choice_logprobs is not None:
        out["choices"] = dict(answer.choice_logprobs)
    if answer.finish_reason is not None:
        out["finish"] = answer.finish_reason
    if answer.refusal is not None:
        out["refusal"] = answer.refusal
    return out


def answer_from_json(data: Mapping[str, Any]) -> Answer:
    """The answer that :func:`answer_to_json` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not one.
    """
    tokens = data.get("tokens")
    return Answer(
        texts=tuple(map(str, data["texts"])),
        tokens=None if tokens is None else tuple(map(_token, tokens)),
        choice_logprobs=data.get("choices"),
        prompt_tokens=int(data["tokens_in"]),
        completion_tokens=int(data["tokens_out"]),
        finish_reason=data.get("finish"),
        refusal=data.get("refusal"),
        seconds=float(data["seconds"]),
    )


def _token(entry: Any) -> TokenChoice:
    token, logprob, others = entry
    return TokenChoice(token, logprob, tuple((other, value) for other, value in others))
