"""A run of the pipeline from Python: what it returns, and that it fails before it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from weaklabel import LabelModel, VoteMatrix, apply, load_pack
from weaklabel.errors import ArtifactError, LabelError, LabelingFunctionError, VotesError
from weaklabel.pipeline import run
from weaklabel.soft_labels import SoftLabels

PACK = """
from weaklabel import labeling_function

LABELS = ["low", "high"]


@labeling_function
def small(x):
    return "low" if x["a"] < 3 else None


@labeling_function
def large(x):
    return "high" if x["a"] + x["b"] > 10 else None


@labeling_function
def b_says(x):
    return "high" if x["b"] > 5 else "low"
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    path = tmp_path / "pack.py"
    path.write_text(PACK)
    return path


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 10, 80), "b": rng.integers(0, 10, 80)})
    frame["truth"] = np.where(frame["a"] + frame["b"] > 9, "high", "low")
    return frame


def test_a_run_is_its_steps(pack, frame, tmp_path):
    result = run(pack, frame, tmp_path / "labels.parquet", gold="truth")
    votes = apply(load_pack(pack), frame[["a", "b"]])
    assert result.votes == votes
    expected = LabelModel().fit(votes).label(votes)
    np.testing.assert_array_equal(result.labels.probabilities, expected.probabilities)
    written = SoftLabels.read(tmp_path / "labels.parquet")
    np.testing.assert_array_equal(written.probabilities, expected.probabilities)


def test_gold_gives_scores_and_touches_nothing_else(pack, frame, tmp_path):
    scored = run(pack, frame, tmp_path / "a.parquet", gold="truth", train=tmp_path / "a.npz")
    plain = run(pack, frame.drop(columns="truth"), tmp_path / "b.parquet", train=tmp_path / "b.npz")
    assert scored.quality is not None
    assert scored.baseline is not None
    assert plain.quality is None
    assert scored.summary.accuracy is not None
    np.testing.assert_array_equal(scored.labels.probabilities, plain.labels.probabilities)
    assert scored.end_model is not None
    assert plain.end_model is not None
    rows = frame[["a", "b"]]
    np.testing.assert_array_equal(
        scored.end_model.predict_proba(rows), plain.end_model.predict_proba(rows)
    )


def test_everything_asked_for_is_written_and_reported(pack, frame, tmp_path):
    steps: list[str] = []
    result = run(
        pack,
        frame,
        tmp_path / "labels.csv",
        gold="truth",
        keep=["a"],
        votes_out=tmp_path / "votes.npz",
        model_out=tmp_path / "model.npz",
        train=tmp_path / "end.npz",
        on_step=steps.append,
    )
    assert set(result.written) == {"soft labels", "votes", "label model", "end model"}
    assert all(path.is_file() for path in result.written.values())
    assert VoteMatrix.load(tmp_path / "votes.npz") == result.votes
    assert pd.read_csv(tmp_path / "labels.csv")["a"].tolist() == frame["a"].tolist()
    assert len(steps) == 3
    as_json = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert as_json["n_items"] == len(frame)
    assert as_json["quality"]["n_gold"] == len(frame)


def test_the_data_is_not_changed(pack, frame, tmp_path):
    before = frame.copy()
    run(pack, frame, tmp_path / "labels.parquet", gold="truth")
    pd.testing.assert_frame_equal(frame, before)


def count_calls(tmp_path: Path) -> Path:
    path = tmp_path / "counting.py"
    path.write_text(
        PACK + f"\n\n@labeling_function\ndef seen(x):\n"
        f"    open({str(tmp_path / 'seen')!r}, 'a').close()\n    return None\n"
    )
    return path


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"train": "pack.py"}, ArtifactError),
        ({"votes_out": "pack.py/votes.npz"}, ArtifactError),
        ({"gold": "a"}, LabelError),
    ],
)
def test_what_can_be_known_is_found_before_a_function_runs(
    pack, frame, tmp_path, monkeypatch, settings, error
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        run(count_calls(tmp_path), frame, "labels.parquet", **settings)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["counting.py", "pack.py"]


@pytest.mark.filterwarnings("ignore::weaklabel.errors.CoverageWarning")
def test_nothing_is_written_when_a_function_fails_or_nobody_votes(pack, frame, tmp_path):
    out, votes = tmp_path / "labels.parquet", tmp_path / "votes.npz"
    with pytest.raises(LabelingFunctionError, match="'small' failed on row 0"):
        run(pack, frame[["b"]], out, votes_out=votes)
    pack.write_text(PACK.split("@labeling_function")[0] + SILENT)
    with pytest.raises(VotesError, match="without a vote there is nothing to learn from"):
        run(pack, frame, out, votes_out=votes)
    assert not out.exists()
    assert not votes.exists()


SILENT = """
@labeling_function
def silent(x):
    return "low" if x["a"] > 99 else None
"""


def test_classes_that_only_the_votes_tell(pack, frame, tmp_path):
    pack.write_text(PACK.replace("LABELS =", "CLASSES ="))
    result = run(pack, frame, tmp_path / "labels.parquet", gold="truth")
    assert list(result.labels.labels) == ["high", "low"]
    assert result.quality is not None
    assert result.quality.n_gold == len(frame)
