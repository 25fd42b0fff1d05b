"""Atomic writes and artifacts."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.errors import ArtifactError
from weaklabel.storage import HEADER, atomic_path, check_target, read_artifact, write_artifact


def test_a_failed_write_leaves_nothing_and_keeps_the_old_file(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")

    def write_half() -> None:
        with atomic_path(target, overwrite=True) as temporary:
            temporary.write_text("half")
            raise RuntimeError("the power went out")

    with pytest.raises(RuntimeError, match="power"):
        write_half()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "out.txt"

    def write_late() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("mine")
            target.write_text("theirs")

    with pytest.raises(ArtifactError, match="appeared while it was being written"):
        write_late()
    assert target.read_text() == "theirs"


def test_targets_are_checked_before_work(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArtifactError, match="is a folder"):
        check_target(tmp_path, overwrite=True)
    with pytest.raises(ArtifactError, match="pass overwrite=True"):
        check_target(tmp_path / "file", overwrite=False)
    with pytest.raises(ArtifactError, match="does not exist; make it first"):
        check_target(tmp_path / "no" / "out", overwrite=False)
    with pytest.raises(ArtifactError, match="does not exist"):
        check_target(tmp_path / "file" / "out", overwrite=False)


def test_written_files_have_ordinary_permissions(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("x")
    with atomic_path(tmp_path / "ours") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "ours").stat().st_mode == plain.stat().st_mode


def test_artifacts_round_trip(tmp_path):
    path = tmp_path / "model.npz"
    write_artifact(path, "thing", {"name": "é"}, {"a": np.arange(3)})
    header, arrays = read_artifact(path, "thing")
    assert header["name"] == "é"
    assert arrays["a"].tolist() == [0, 1, 2]
    with pytest.raises(ArtifactError, match="holds 'thing', expected 'votes'"):
        read_artifact(path, "votes")


def test_objects_are_not_stored(tmp_path):
    with pytest.raises(ArtifactError, match="Python objects"):
        write_artifact(tmp_path / "x.npz", "thing", {}, {"a": np.array([{}], dtype=object)})
    members = {HEADER: np.frombuffer(b"{}", dtype=np.uint8), "a": np.array([{}], dtype=object)}
    np.savez(tmp_path / "evil.npz", **members)
    with pytest.raises(ArtifactError, match="damaged or not an npz"):
        read_artifact(tmp_path / "evil.npz")


def test_damaged_foreign_and_future_files(tmp_path):
    path = tmp_path / "model.npz"
    write_artifact(path, "thing", {}, {"a": np.arange(1000)})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError, match="damaged"):
        read_artifact(path)
    np.savez(tmp_path / "foreign.npz", a=np.arange(3))
    with pytest.raises(ArtifactError, match="not written by weaklabel"):
        read_artifact(tmp_path / "foreign.npz")
    write_artifact(tmp_path / "future.npz", "thing", {"format_version": 99}, {})
    with pytest.raises(ArtifactError, match="format version 99, newer than"):
        read_artifact(tmp_path / "future.npz")
    with pytest.raises(ArtifactError, match="there is no file"):
        read_artifact(tmp_path / "none.npz")
