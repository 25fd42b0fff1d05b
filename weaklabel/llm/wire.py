"""The chat-completions protocol: requests and responses as JSON, without a connection."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from weaklabel.llm.protocol import (
    Answer,
    ImagePart,
    Message,
    Question,
    QuestionError,
    Sampling,
    TokenChoice,
)

MOST_TOP_LOGPROBS: Final = 20  # the protocol's own limit


def request_of(
    model: str,
    question: Question,
    sampling: Sampling,
    *,
    schema: bool = True,
    max_tokens_key: str = "max_tokens",
) -> dict[str, Any]:
    """The body of a request.

    Parameters
    ----------
    schema : bool
        Whether the endpoint enforces a JSON schema.
    max_tokens_key : {"max_tokens", "max_completion_tokens"}
        What the endpoint calls the bound on the answer.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in question.messages],
        "temperature": sampling.temperature,
        max_tokens_key: sampling.max_tokens,
    }
    if sampling.n > 1:
        body["n"] = sampling.n
    if sampling.top_logprobs:
        body["logprobs"] = True
        body["top_logprobs"] = min(sampling.top_logprobs, MOST_TOP_LOGPROBS)
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if question.schema is not None and schema:
        described = {"name": "reply", "strict": True, "schema": dict(question.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": described}
    return body


def _message(message: Message) -> dict[str, Any]:
    if isinstance(message.content, str):
        return {"role": message.role, "content": message.content}
    return {"role": message.role, "content": [_part(part) for part in message.content]}


def _part(part: Any) -> dict[str, Any]:
    if not isinstance(part, ImagePart):
        return {"type": "text", "text": part.text}
    url = part.url
    if part.data is not None:
        url = f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def answer_of(data: Any, seconds: float) -> Answer:
    """The answer in the body of a response.

    Raises
    ------
    QuestionError
        Of kind ``"malformed"``, if it is not a chat completion.
    """
    try:
        return _answer(data, seconds)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise QuestionError(
            "malformed", f"the response is no chat completion ({error!r}): {str(data)[:200]}"
        ) from None


def _answer(data: Mapping[str, Any], seconds: float) -> Answer:
    choices = data["choices"]
    first = choices[0]
    texts = tuple(str(c["message"].get("content") or "") for c in choices)
    usage = data.get("usage") or {}
    return Answer(
        texts=texts,
        tokens=_tokens((first.get("logprobs") or {}).get("content")),
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        finish_reason=first.get("finish_reason"),
        refusal=first["message"].get("refusal"),
        seconds=seconds,
    )


def _tokens(content: Sequence[Mapping[str, Any]] | None) -> tuple[TokenChoice, ...] | None:
    if not content:
        return None
    return tuple(
        TokenChoice(
            str(entry["token"]),
            float(entry["logprob"]),
            tuple((str(t["token"]), float(t["logprob"])) for t in entry.get("top_logprobs") or ()),
        )
        for entry in content
    )
