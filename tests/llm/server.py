"""A server on loopback that speaks the chat-completions protocol, and fails on request.

Written on asyncio's transports, so that one core answers several thousand requests a second and the
clients under test are what is measured. Runs in a thread (:func:`running`) or in a process of its
own (``python -m tests.llm.server``, which prints its port).

What it answers is decided by the text of the last message: ``reply(text)``. Which requests fail is
decided by a digest of that text and of the number of the attempt, so a run can be repeated.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

KEY = "sk-loopback"
MODEL = "tiny-chat"
FAULTS = ("429", "500", "slow", "cut", "not json")  # those that pass when asked again

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
            429: "Too Many Requests", 500: "Internal Server Error"}  # fmt: skip


@dataclass
class Behaviour:
    """How the server behaves; may be changed while it runs.

    Attributes
    ----------
    latency : float
        Seconds before every answer.
    fault_rate : float
        Share of texts whose first request fails in one of the ways in ``faults``.
    retry_after : float
        Of a 429, in seconds.
    slow : float
        Seconds that a slow answer takes on top.
    reply : callable
        From the text of the last message to the text of the answer.
    always : mapping of str to str
        A piece of a text to what every request with it gets: a fault, "refusal", "filter",
        "filtered prompt", "too long", "length", "quota" or "wrong json".
    logprobs : bool
        Whether log-probabilities are given where they are asked for.
    schema : bool
        Whether JSON schemas are taken.
    max_tokens : bool
        Whether the old name of the bound on the answer is taken.
    """

    latency: float = 0.0
    fault_rate: float = 0.0
    faults: tuple[str, ...] = FAULTS
    retry_after: float = 0.05
    slow: float = 0.2
    reply: Callable[[str], str] = lambda text: "yes" if "free" in text else "no"
    always: Mapping[str, str] = field(default_factory=dict)
    logprobs: bool = True
    schema: bool = True
    max_tokens: bool = True


class Log:
    """What was asked: requests and whole answers, by text."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.times: list[float] = []

    @property
    def n_requests(self) -> int:
        return self.requests.total()

    def summary(self) -> dict[str, Any]:
        return {
            "requests": self.n_requests,
            "answered": self.answered.total(),
            "texts": len(self.requests),
            "answered twice": sum(n > 1 for n in self.answered.values()),
            "most in flight": self.most_in_flight,
            "faults": dict(self.faults),
            "seconds": self.times[-1] - self.times[0] if self.times else 0.0,
        }


class Connection(asyncio.Protocol):
    """One client's connection: HTTP/1.1, one request at a time, kept alive."""

    def __init__(self, behaviour: Behaviour, log: Log) -> None:
        self.behaviour = behaviour
        self.log = log
        self.buffer = b""
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        method, path, _ = lines[0].split(" ")
        self.handle(method, path, headers, rest[:length])

    # -- what is asked ---------------------------------------------------------------------------

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        if path == "/log":
            return self.send(200, self.log.summary())
        if headers.get("authorization") != f"bearer {KEY}":
            return self.send_error(401, "Incorrect API key provided", "invalid_api_key")
        if path == "/v1/models":
            return self.send(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        if path != "/v1/chat/completions" or method != "POST":
            return self.send_error(404, f"no such page {path}", "unknown_url")
        return self.complete(json.loads(body))

    def complete(self, request: dict[str, Any]) -> None:
        if request["model"] != MODEL:
            message = f"The model `{request['model']}` does not exist"
            self.send_error(404, message, "model_not_found")
            return
        text = last_text(request)
        attempt = self.log.requests[text]
        self.log.requests[text] += 1
        self.log.bodies.append(request)
        self.log.times.append(time.perf_counter())
        self.log.in_flight += 1
        self.log.most_in_flight = max(self.log.most_in_flight, self.log.in_flight)
        fault = self.fault_for(text, attempt)
        delay = self.behaviour.latency + (self.behaviour.slow if fault == "slow" else 0.0)
        if fault is not None:
            self.log.faults[fault] += 1
        asyncio.get_running_loop().call_later(delay, self.finish, request, text, fault)

    def fault_for(self, text: str, attempt: int) -> str | None:
        for piece, fault in self.behaviour.always.items():
            if piece in text:
                return fault
        if attempt or not self.behaviour.fault_rate:
            return None
        digest = hashlib.sha256(text.encode()).digest()
        if int.from_bytes(digest[:4], "big") / 2**32 >= self.behaviour.fault_rate:
            return None
        return self.behaviour.faults[digest[4] % len(self.behaviour.faults)]

    def finish(self, request: dict[str, Any], text: str, fault: str | None) -> None:
        self.log.in_flight -= 1
        self.log.times.append(time.perf_counter())
        if self.transport.is_closing():
            return None
        if fault == "429":
            wait = f"Retry-After: {self.behaviour.retry_after}\r\n"
            return self.send_error(429, "Rate limit reached", "rate_limit_exceeded", wait)
        if fault == "500":
            return self.send_error(500, "The server had an error", "server_error")
        if fault == "cut":
            self.transport.write(b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"id": "x", "cho')
            return self.transport.close()
        if fault == "not json":
            return self.send_bytes(200, b'{"id": "x", "choices": [{"ind')
        if fault == "wrong json":
            return self.send(200, {"greeting": "hello"})
        if fault == "too long":
            message = "This model's maximum context length is 8192 tokens"
            return self.send_error(400, message, "context_length_exceeded")
        if fault == "filtered prompt":
            return self.send_error(400, "The response was filtered", "content_filter")
        if fault == "quota":
            message = "You exceeded your current quota"
            return self.send_error(429, message, "insufficient_quota")
        if "max_tokens" in request and not self.behaviour.max_tokens:
            message = "'max_tokens' is not supported; use 'max_completion_tokens' instead"
            return self.send_error(400, message, "unsupported_parameter")
        if request.get("response_format") and not self.behaviour.schema:
            return self.send_error(400, "response_format is not supported", "unsupported")
        self.log.answered[text] += 1
        return self.send(200, completion(request, text, fault, self.behaviour))

    # -- what is answered ------------------------------------------------------------------------

    def send_error(self, status: int, message: str, code: str, more: str = "") -> None:
        self.send(status, {"error": {"message": message, "type": code, "code": code}}, more)

    def send(self, status: int, value: Any, more: str = "") -> None:
        self.send_bytes(status, json.dumps(value).encode(), more)

    def send_bytes(self, status: int, body: bytes, more: str = "") -> None:
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{more}\r\n"
        )
        self.transport.write(head.encode() + body)


def last_text(request: Mapping[str, Any]) -> str:
    """The text of the last message of a request."""
    content = request["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def completion(
    request: Mapping[str, Any], text: str, fault: str | None, behaviour: Behaviour
) -> dict[str, Any]:
    """The body of a whole answer."""
    said = behaviour.reply(text)
    message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": None}
    reason = {"filter": "content_filter", "length": "length"}.get(fault or "", "stop")
    if fault == "refusal":
        message |= {"content": None, "refusal": "I cannot help with that."}
    if fault == "filter":
        message["content"] = ""
    choice: dict[str, Any] = {"message": message, "finish_reason": reason, "logprobs": None}
    if request.get("logprobs") and behaviour.logprobs:
        other = {"token": "no" if said == "yes" else "yes", "logprob": -2.0, "bytes": None}
        own = {"token": said, "logprob": -0.145, "bytes": None}
        choice["logprobs"] = {"content": [{**own, "top_logprobs": [own, other]}], "refusal": None}
    n = request.get("n") or 1
    usage = {"prompt_tokens": len(text) // 4 + 8, "completion_tokens": 2 * n}
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": request["model"],
        "choices": [{"index": i, **choice} for i in range(n)],
        "usage": usage | {"total_tokens": usage["prompt_tokens"] + usage["completion_tokens"]},
    }


@dataclass
class Server:
    """A running server."""

    url: str
    behaviour: Behaviour
    log: Log


@contextmanager
def running(behaviour: Behaviour | None = None) -> Iterator[Server]:
    """A server in a thread of this process."""
    behaviour = Behaviour() if behaviour is None else behaviour
    log, ports = Log(), []
    ready = threading.Event()
    loop = asyncio.new_event_loop()

    async def start() -> asyncio.Server:
        server = await loop.create_server(lambda: Connection(behaviour, log), "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        return server

    def serve() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(start())
        loop.run_forever()
        server.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield Server(f"http://127.0.0.1:{ports[0]}/v1", behaviour, log)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def _serve(behaviour: Behaviour) -> None:
    log = Log()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(behaviour, log), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until killed; print the port first."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--fault-rate", type=float, default=0.0)
    given = parser.parse_args()
    asyncio.run(_serve(Behaviour(latency=given.latency, fault_rate=given.fault_rate)))


if __name__ == "__main__":
    main()
