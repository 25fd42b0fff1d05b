"""A server that nobody here wrote: ``transformers serve``, with a tiny random model on disk."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.llm.conftest import YES_NO, texts
from tests.llm.tiny_model import save_tiny_model
from weaklabel.llm import (
    OpenAIClient,
    PromptLabelingFunction,
    Question,
    Retries,
    Sampling,
    StoppedAsking,
    ask,
    plan,
)
from weaklabel.llm.budget import most_tokens

pytestmark = pytest.mark.slow

PROMPT = PromptLabelingFunction(
    "spam", "is this spam? {text}", YES_NO, sampling=Sampling(max_tokens=6)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hub = tmp_path_factory.mktemp("hub")
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(hub), "OMP_NUM_THREADS": "1"}
    command = [str(Path(sys.executable).parent / "transformers"), "serve", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    log = (hub / "log").open("w")
    with subprocess.Popen(command, env=env, stdout=log, stderr=log) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/health", process, hub / "log")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()
            log.close()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")


def client(url: str, model: str) -> OpenAIClient:
    return OpenAIClient(model, url, key_env=None, retries=Retries(attempts=2, first=0.1))


def generated(folder: Path, questions: list[Question]) -> list[tuple[str, int]]:
    """What the model says by itself, greedily, and the tokens of the prompt."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    out = []
    for question in questions:
        turns = [{"role": m.role, "content": m.text} for m in question.messages]
        given = tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.no_grad():
            tokens = model.generate(**given, max_new_tokens=6, do_sample=False)
        n_prompt = given["input_ids"].shape[1]
        said = tokenizer.decode(tokens[0, n_prompt:], skip_special_tokens=True)
        out.append((said, n_prompt))
    return out


def test_answers_are_those_of_the_model(url: str, folder: Path, tmp_path: Path):
    rows = texts(8)
    model = client(url, str(folder))
    result = ask(PROMPT, rows, model=model, concurrency=4, cache=tmp_path / "c", keep_answers=True)
    assert result.report.is_complete
    assert result.answered.all()
    questions = [q for q in PROMPT.questions(rows) if q is not None]
    for i, (said, n_prompt) in enumerate(generated(folder, questions)):
        answer = result.answer(i, "spam")
        assert answer is not None
        assert answer.texts[0] == said
        assert answer.prompt_tokens == n_prompt
        assert 1 <= answer.completion_tokens <= 6
        bound = most_tokens(questions[i], PROMPT.sampling)
        assert answer.prompt_tokens <= bound.prompt
        assert answer.completion_tokens <= bound.completion
    # Random weights do not answer the question, and no label is made of what they say.
    assert result.votes.n_votes + len(result.failures) == 8
    assert {f.kind for f in result.failures} <= {"malformed", "no answer"}
    assert plan(PROMPT, rows, model=model, cache=tmp_path / "c").calls == 0


def test_an_answer_map_of_what_it_says_becomes_votes(url: str, folder: Path):
    rows = texts(6)
    model = client(url, str(folder))
    first = ask(PROMPT, rows, model=model, keep_answers=True)
    answer = first.answer(0, "spam")
    assert answer is not None
    own = PromptLabelingFunction(
        "own", "is this spam? {text}", {answer.texts[0]: "a", "quite another": "b"},
        system=PROMPT.system_text, instruct=False, sampling=Sampling(max_tokens=6),
    )  # fmt: skip
    dense = ask(own, rows, model=model).votes.to_dense()
    assert dense[0, 0] == 0


def test_an_unknown_model_stops_at_once(url: str):
    with pytest.raises(StoppedAsking, match="does not take 'another-model'") as caught:
        ask(PROMPT, texts(30), model=client(url, "another-model"), concurrency=8)
    assert caught.value.result.report.calls == 1
