"""Telling files apart by what they hold."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel import LabelSpace, MajorityVote, SoftLabels, VoteMatrix
from weaklabel.errors import ArtifactError
from weaklabel.export import describe_artifact, load_model

VOTES = VoteMatrix.from_dense([[0, 1, 0], [1, 1, -1], [0, 0, 1]], ["ham", "spam"])


def test_every_kind_of_file_says_what_it_is(tmp_path):
    soft = SoftLabels(np.eye(2), LabelSpace(["ham", "spam"]))
    MajorityVote().fit(VOTES).save(tmp_path / "model.npz")
    files = {
        VOTES.save(tmp_path / "a.npz"): "votes",
        VOTES.save(tmp_path / "a.parquet"): "votes",
        soft.to_parquet(tmp_path / "labels.parquet"): "soft_labels",
        tmp_path / "model.npz": "label_model",
    }
    assert {path: describe_artifact(path).kind for path in files} == files
    assert describe_artifact(tmp_path / "labels.parquet").header["n_rows"] == 2


def test_models_of_any_class_are_read_and_predict_the_same(tmp_path):
    model = MajorityVote().fit(VOTES)
    model.save(tmp_path / "model.npz")
    back = load_model(tmp_path / "model.npz")
    assert type(back) is MajorityVote
    assert np.array_equal(back.predict_proba(VOTES), model.predict_proba(VOTES))


def test_a_file_of_another_kind_is_named_with_its_reader(tmp_path):
    path = VOTES.save(tmp_path / "a.npz")
    with pytest.raises(
        ArtifactError, match=r"holds votes, expected a label model; VoteMatrix\.load"
    ):
        load_model(path)


def test_foreign_damaged_and_missing_files(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "foreign.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(ArtifactError, match="carries no manifest"):
        describe_artifact(tmp_path / "foreign.parquet")
    with pytest.raises(ArtifactError, match="damaged"):
        describe_artifact(tmp_path / "broken.parquet")
    for name in ("none.npz", "none.parquet"):
        with pytest.raises(ArtifactError, match="there is no file"):
            describe_artifact(tmp_path / name)
