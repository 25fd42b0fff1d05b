"""Interrupted fits go on where they stopped, with the same result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from tests.endmodel.test_estimator import LABELS, TABLE, TEXTS
from weaklabel.endmodel import EndModel
from weaklabel.endmodel.checkpoint import CHECKPOINT_VERSION, Checkpoint, plain, restored
from weaklabel.endmodel.state import Training
from weaklabel.endmodel.strategies import Strategy
from weaklabel.errors import ArtifactError


class Interrupted(Exception):
    """Stands for a power cut."""


@dataclass
class Teacher(Strategy):
    """Has a state of every kind: a module, arrays, numbers, changed targets, random draws."""

    stop_after: int = 10**9
    name: ClassVar[str] = "teacher"
    uses_batches: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("teacher", "noise", "count")

    def start(self, training: Training) -> None:
        self.teacher = training.frozen_copy()
        self.noise = np.zeros(3)
        self.count = 0

    def start_epoch(self, training: Training) -> None:
        self.noise = self.noise + training.rng.random(3)
        if training.epoch % 2 == 0:
            mixed = 0.9 * training.given.targets + 0.1 * training.probabilities(net=self.teacher)
            training.retarget(mixed, training.given.weights * (1 + self.noise[0] / 10))

    def after_step(self, training: Training) -> None:
        self.count += 1
        with torch.no_grad():
            for mine, theirs in zip(
                self.teacher.parameters(), training.nets[0].parameters(), strict=True
            ):
                mine.lerp_(theirs, 0.1)

    def is_finished(self, training: Training) -> bool:
        return training.epoch >= 4

    def net(self, training: Training) -> torch.nn.Module:
        return self.teacher


CASES: dict[str, dict[str, Any]] = {
    "lbfgs": {"max_epochs": 4},
    "mlp": {"head": "mlp", "max_epochs": 6},
    "strategy": {"head": "mlp", "strategy": Teacher(), "max_epochs": 6},
    "module": {
        "head": lambda d, k: torch.nn.Sequential(
            torch.nn.Linear(d, 4), torch.nn.Dropout(0.3), torch.nn.Linear(4, k)
        ),
        "features": "hashing",
        "n_hashed": 64,
        "max_epochs": 4,
    },
}


@pytest.mark.parametrize("case", CASES)
def test_a_fit_resumed_after_any_epoch_is_the_fit_without_a_break(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = CASES[case]
    whole = EndModel(**settings).fit(TEXTS, LABELS)
    written: list[str] = []
    stop_at: list[int] = []
    write = Checkpoint.write

    def watched(self: Checkpoint, state: Any) -> None:
        write(self, state)
        written.append(self.run)
        if len(written) in stop_at:
            raise Interrupted

    monkeypatch.setattr(Checkpoint, "write", watched)
    EndModel(**settings, checkpoint=tmp_path / "whole").fit(TEXTS, LABELS)
    total = len(written)
    for stop in sorted({1, total // 2, total - 1}):
        folder = tmp_path / f"stop{stop}"
        written.clear()
        stop_at[:] = [stop]
        with pytest.raises(Interrupted):
            EndModel(**settings, checkpoint=folder).fit(TEXTS, LABELS)
        written.clear()
        stop_at.clear()
        resumed = EndModel(**settings, checkpoint=folder).fit(TEXTS, LABELS)
        assert len(written) == total - stop  # nothing was trained twice
        assert np.array_equal(resumed.predict_proba(TEXTS), whole.predict_proba(TEXTS))
        assert resumed.history_ == whole.history_


def test_a_finished_fit_is_read_and_not_repeated(tmp_path: Path) -> None:
    first = EndModel(checkpoint=tmp_path).fit(TEXTS, LABELS)
    times = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    second = EndModel(checkpoint=tmp_path).fit(TEXTS, LABELS)
    assert np.array_equal(first.predict_proba(TEXTS), second.predict_proba(TEXTS))
    assert times == {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    EndModel(checkpoint=tmp_path, max_epochs=2).fit(TEXTS, LABELS)
    return tmp_path / "final.checkpoint"


def fit_again(file: Path, **changes: Any) -> EndModel:
    settings = {"max_epochs": 2, "checkpoint": file.parent} | changes
    return EndModel(**settings).fit(TEXTS, LABELS)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_damaged_checkpoint_is_named(written: Path, share: float) -> None:
    content = written.read_bytes()
    written.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ArtifactError, match=r"final\.checkpoint is damaged.*delete it"):
        fit_again(written)
    written.unlink()
    fit_again(written)


def test_a_file_of_something_else_is_no_checkpoint(written: Path) -> None:
    torch.save({"state": 1}, written)
    with pytest.raises(ArtifactError, match="is damaged or no checkpoint"):
        fit_again(written)


def test_a_checkpoint_with_code_inside_is_not_run(written: Path, tmp_path: Path) -> None:
    torch.save({"kind": Path(tmp_path)}, written)  # an object that only pickle could make
    with pytest.raises(ArtifactError, match="is damaged or no checkpoint"):
        fit_again(written)


def test_a_newer_checkpoint_is_named(written: Path) -> None:
    stored = torch.load(written, weights_only=True)
    torch.save(stored | {"version": CHECKPOINT_VERSION + 1, "weaklabel": "9.9"}, written)
    with pytest.raises(ArtifactError, match=r"version 2, written by weaklabel 9\.9.*upgrade"):
        fit_again(written)


def test_a_checkpoint_of_other_rows_labels_or_settings_is_not_used(written: Path) -> None:
    message = "belongs to a fit with other rows, labels or settings"
    with pytest.raises(ArtifactError, match=message):
        fit_again(written, random_state=1)
    with pytest.raises(ArtifactError, match=message):
        fit_again(written, loss="mae")
    with pytest.raises(ArtifactError, match=message):
        EndModel(checkpoint=written.parent, max_epochs=2).fit(TEXTS[::-1], LABELS)
    with pytest.raises(ArtifactError, match=message):
        EndModel(checkpoint=written.parent, max_epochs=2).fit(TABLE, LABELS)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="cannot make the folder"):
        EndModel(checkpoint=tmp_path / "file" / "folder").fit(TEXTS, LABELS)


def test_values_keep_their_form() -> None:
    value = {"a": [np.arange(3), (1, 2.5)], "b": np.float64(3.0), "c": "text", "d": None}
    back = restored(plain(value), value)
    assert np.array_equal(back["a"][0], [0, 1, 2])
    assert back["a"][1] == (1, 2.5)
    assert (back["b"], back["c"], back["d"]) == (3.0, "text", None)
