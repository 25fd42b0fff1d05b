"""Whatever fails, however the run is stopped and however often it is begun again."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.llm.conftest import YES_NO, ScriptedModel, about_free
from weaklabel.llm import PromptLabelingFunction, QuestionError, ask

KINDS = ("refused", "too long", "timed out", "rate limited", "server error", "malformed")
PRICES = {"scripted": {"input": 1000.0, "output": 1000.0}}
N_ROWS = 25


@settings(max_examples=40, deadline=None)
@given(
    faults=st.dictionaries(
        st.integers(0, N_ROWS - 1),
        st.tuples(st.sampled_from(KINDS), st.integers(1, 6)),
        max_size=12,
    ),
    distinct=st.integers(1, N_ROWS),
    concurrency=st.integers(1, 9),
    budgets=st.lists(
        st.one_of(
            st.none(),
            st.integers(1, 40).map(lambda n: ("calls", n)),
            st.floats(0.05, 2.0).map(lambda x: ("cost", x)),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_every_row_is_answered_failed_or_left_and_no_answer_is_paid_for_twice(
    faults: dict[int, tuple[str, int]],
    distinct: int,
    concurrency: int,
    budgets: list[tuple[str, float] | None],
):
    answered: list[str] = []

    def script(text: str, attempt: int) -> str:
        kind, times = faults.get(int(text.split()[1]), ("", 0))
        if attempt <= times:
            raise QuestionError(kind, "as planned")  # type: ignore[arg-type]
        answered.append(text)
        return about_free(text, attempt)

    model = ScriptedModel(script)
    rows = [
        {"text": f"row {i % distinct} {'free' if i % distinct % 3 else ''}"} for i in range(N_ROWS)
    ]
    prompt = PromptLabelingFunction("p", "{text}", YES_NO)
    with tempfile.TemporaryDirectory() as folder:
        for budget in budgets:
            before = model.asked.total()
            limit: dict[str, float] = {} if budget is None else {f"max_{budget[0]}": budget[1]}
            result = ask(
                prompt, rows, model=model, cache=Path(folder) / "c", concurrency=concurrency,
                prices=PRICES, **limit,  # type: ignore[arg-type]
            )  # fmt: skip
            calls = model.asked.total() - before
            assert result.report.calls == calls
            assert calls <= limit.get("max_calls", calls)
            assert result.report.cost <= limit.get("max_cost", 1e9) * (1 + 1e-9)
            dense = result.votes.to_dense()[:, 0]
            failed = {failure.row for failure in result.failures}
            for i, row in enumerate(rows):
                wanted = 0 if "free" in row["text"] else 1
                assert result.answered[i, 0] == (dense[i] >= 0)
                assert dense[i] in (wanted, -1)
                assert (i in failed) <= (dense[i] < 0)
            left = N_ROWS - int(result.answered.sum()) - len(failed)
            assert left == result.report.n_unasked
            assert (left == 0) or not result.report.is_complete
    assert len(answered) == len(set(answered))
