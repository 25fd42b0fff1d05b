"""How close asking comes to the throughput of the endpoint, and what a killed run costs.

``python -m tests.bench.language_models`` asks the server of ``tests/llm/server.py``, which runs in
a process of its own with a latency of 50 ms, through the real SDK:

0. the same calls by the SDK alone, in a loop without retries, cache, votes or report: what the
   machine can do at the moment (on a busy one, less than the ideal);
1. three prompts on 5,000 rows, 64 requests at a time, 5 % of the questions failing once (429, 500,
   slow, cut, not JSON). Ideal is calls * latency / concurrency, faults not counted;
2. the same without faults; the process is killed (``kill -9``) when the server has answered half,
   and run again. Counted are the requests that reached the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.llm.server import KEY, MODEL

PROMPTS = ("Is this an advertisement?", "Does this ask for money?", "Is this written by a bot?")


def server_log(port: int) -> dict[str, Any]:
    """What the server has seen."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/log") as response:
        return json.loads(response.read())


@contextmanager
def serving(latency: float, fault_rate: float) -> Iterator[int]:
    """A server in a process of its own; gives its port."""
    command = [sys.executable, "-m", "tests.llm.server", "--latency", str(latency)]
    command += ["--fault-rate", str(fault_rate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def ask_all(port: int, n_rows: int, concurrency: int, cache: Path) -> dict[str, Any]:
    """One run of the library; what it says about itself."""
    import openai  # noqa: F401  (its import, a second, is not part of the run)

    from weaklabel.llm import OpenAIClient, PromptLabelingFunction, ask

    os.environ["WEAKLABEL_TEST_KEY"] = KEY
    model = OpenAIClient(MODEL, f"http://127.0.0.1:{port}/v1", key_env="WEAKLABEL_TEST_KEY")
    answers = {"yes": "spam", "no": "ham"}
    prompts = [
        PromptLabelingFunction(f"prompt_{k}", f"{text}\n\n{{text}}", answers)
        for k, text in enumerate(PROMPTS)
    ]
    rows = [{"text": f"row {i}: {'free money' if i % 3 else 'lovely song'}"} for i in range(n_rows)]
    start = time.perf_counter()
    result = ask(prompts, rows, model=model, cache=cache, concurrency=concurrency)
    return {
        "seconds": time.perf_counter() - start,
        "votes": result.votes.n_votes,
        "failures": len(result.failures),
        "unasked": result.report.n_unasked,
        "calls": result.report.calls,
        "cached": sum(line.cached for line in result.report.lines),
        "status": result.report.status,
    }


def sdk_alone(n_calls: int, concurrency: int, latency: float) -> dict[str, Any]:
    """Seconds of as many calls of ``chat.completions.create`` by as many tasks."""
    import openai

    async def all_calls(port: int) -> float:
        client = openai.AsyncOpenAI(
            api_key=KEY, base_url=f"http://127.0.0.1:{port}/v1", max_retries=0
        )
        numbers = iter(range(n_calls))

        async def work() -> None:
            for number in numbers:
                messages = [{"role": "user", "content": f"{PROMPTS[0]}\n\nrow {number}"}]
                await client.chat.completions.create(
                    model=MODEL, messages=messages, temperature=0, max_tokens=64
                )

        start = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        seconds = time.perf_counter() - start
        await client.close()
        return seconds

    with serving(latency, 0.0) as port:
        before = time.process_time()
        seconds = asyncio.run(all_calls(port))
        busy = time.process_time() - before
    ideal = n_calls * latency / concurrency
    return {
        "seconds": seconds,
        "ideal": ideal,
        "share of ideal": ideal / seconds,
        "CPU ms a call": busy / n_calls * 1000.0,
    }


def throughput(n_rows: int, concurrency: int, latency: float, faults: float) -> dict[str, Any]:
    """Seconds against the ideal, and whether every row was answered once."""
    with tempfile.TemporaryDirectory() as folder, serving(latency, faults) as port:
        before = time.process_time()
        out = ask_all(port, n_rows, concurrency, Path(folder) / "answers.sqlite")
        busy = time.process_time() - before
        seen = server_log(port)
    ideal = n_rows * len(PROMPTS) * latency / concurrency
    return {
        **out,
        "ideal": ideal,
        "share of ideal": ideal / out["seconds"],
        "CPU ms a call": busy / out["calls"] * 1000.0,
        "server": seen,
    }


def killed(n_rows: int, concurrency: int, latency: float) -> dict[str, Any]:
    """Requests at the server after a run that was killed half-way, and its repetition."""
    n_calls = n_rows * len(PROMPTS)
    with tempfile.TemporaryDirectory() as folder, serving(latency, 0.0) as port:
        cache = Path(folder) / "answers.sqlite"
        command = [sys.executable, "-m", "tests.bench.language_models", "--run", str(port)]
        command += ["--rows", str(n_rows), "--concurrency", str(concurrency), "--cache", str(cache)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while server_log(port)["answered"] < n_calls // 2:
                if process.poll() is not None:
                    raise RuntimeError("the run ended before it could be killed")
                time.sleep(0.02)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        before = server_log(port)
        out = ask_all(port, n_rows, concurrency, cache)
        after = server_log(port)
    return {
        **out,
        "requests before the kill": before["requests"],
        "requests in total": after["requests"],
        "allowed": n_calls + concurrency,
    }


def show(title: str, found: dict[str, Any]) -> None:
    """Print what was found."""
    print(title)
    for key, value in found.items():
        print(f"  {key:<26}{value:.3f}" if isinstance(value, float) else f"  {key:<26}{value}")


def main() -> None:
    """Run both, or with --run only the asking."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--faults", type=float, default=0.05)
    parser.add_argument("--run", type=int, metavar="PORT", help="only ask the server at this port")
    parser.add_argument("--cache", type=Path, default=Path("answers.sqlite"))
    given = parser.parse_args()
    if given.run is not None:
        print(json.dumps(ask_all(given.run, given.rows, given.concurrency, given.cache)))
        return
    shape = f"{given.rows:,} rows x {len(PROMPTS)} prompts, {given.latency * 1000:.0f} ms"
    print(f"{shape}, {given.concurrency} at a time; load {os.getloadavg()[0]:.2f}")
    alone = sdk_alone(given.rows * len(PROMPTS), given.concurrency, given.latency)
    show("the SDK alone", alone)
    found = throughput(given.rows, given.concurrency, given.latency, given.faults)
    show(f"throughput with {given.faults:.0%} faults", found)
    show("killed half-way and run again", killed(given.rows, given.concurrency, given.latency))


if __name__ == "__main__":
    main()
