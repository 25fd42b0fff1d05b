"""Soft labels: hard labels, tables, files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel.errors import ArtifactError, DataError
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels

SPACE = LabelSpace(["ham", "spam"])


@pytest.fixture
def soft() -> SoftLabels:
    return SoftLabels(
        np.array([[0.9, 0.1], [0.5, 0.5], [1 / 3, 2 / 3]]),
        SPACE,
        np.array([2, 2, 0]),
        np.array(["a", "b", "ü"], dtype=object),
        {"model": "DawidSkene", "lf_names": ["x"]},
    )


def test_hard_labels_leave_ties_and_uncovered_rows_open(soft):
    assert soft.harden().tolist() == [0, -1, -1]
    assert soft.harden(on_tie="first", uncovered="argmax").tolist() == [0, 0, 1]
    random = [soft.harden(on_tie="random", random_state=s)[1] for s in range(40)]
    assert set(random) == {0, 1}
    with pytest.raises(DataError, match="on_tie must be"):
        soft.harden(on_tie="coin")


def test_random_ties_are_uniform_over_the_tied_classes():
    third = SoftLabels(np.tile([0.4, 0.2, 0.4], (4000, 1)), LabelSpace(["a", "b", "c"]))
    counts = np.bincount(third.harden(on_tie="random"), minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - 2000) < 5 * np.sqrt(1000)


def test_evidence_columns(soft):
    np.testing.assert_allclose(soft.confidence, [0.9, 0.5, 2 / 3])
    np.testing.assert_allclose(
        soft.entropy, [-(0.9 * np.log(0.9) + 0.1 * np.log(0.1)), np.log(2), soft.entropy[2]]
    )
    assert SoftLabels([[1.0, 0.0]], SPACE).entropy.tolist() == [0.0]
    assert soft.covered.tolist() == [True, True, False]


def test_table_layout(soft):
    table = soft.to_arrow(pd.DataFrame({"text": ["x", "y", "z"]}))
    assert table.column_names == [
        "id", "p_ham", "p_spam", "label", "confidence", "entropy", "n_votes", "covered", "text",
    ]  # fmt: skip
    assert table.column("label").to_pylist() == ["ham", None, None]
    assert table.column("id").to_pylist() == ["a", "b", "ü"]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_files_read_back_to_the_same_bits(soft, tmp_path, suffix):
    path = soft.write(tmp_path / f"labels.{suffix}")
    back = SoftLabels.read(path)
    assert np.array_equal(back.probabilities, soft.probabilities)
    assert np.array_equal(back.n_votes, soft.n_votes)
    assert back.ids.tolist() == soft.ids.tolist()
    assert back.labels == soft.labels
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_pandas_and_pyarrow_read_the_same_parquet(soft, tmp_path):
    path = soft.to_parquet(tmp_path / "labels.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(path), pq.read_table(path).to_pandas())
    manifest = json.loads(pq.read_schema(path).metadata[b"weaklabel"])
    assert manifest["labels"] == ["ham", "spam"]
    assert manifest["n_rows"] == 3
    assert manifest["n_covered"] == 2
    assert manifest["model"] == "DawidSkene"
    assert SoftLabels.read(path).provenance == soft.provenance


def test_integer_ids_and_no_ids(tmp_path):
    with_ids = SoftLabels([[1.0, 0.0], [0.0, 1.0]], SPACE, ids=np.array([7, 3]))
    without = SoftLabels([[1.0, 0.0], [0.0, 1.0]], SPACE)
    assert SoftLabels.read(with_ids.to_parquet(tmp_path / "a.parquet")).ids.tolist() == [7, 3]
    assert SoftLabels.read(without.to_parquet(tmp_path / "b.parquet")).ids is None


def test_ids_with_leading_zeros_survive_a_csv_file(tmp_path):
    ids = np.array(["007", "010"], dtype=object)
    soft = SoftLabels([[1.0, 0.0], [0.0, 1.0]], SPACE, ids=ids)
    assert SoftLabels.read(soft.to_csv(tmp_path / "labels.csv")).ids.tolist() == ["007", "010"]


def test_an_existing_file_is_left_alone_unless_told(soft, tmp_path):
    path = tmp_path / "labels.parquet"
    path.write_text("precious")
    with pytest.raises(ArtifactError, match="exists and is left as it is"):
        soft.to_parquet(path)
    assert path.read_text() == "precious"
    soft.to_parquet(path, overwrite=True)
    assert len(SoftLabels.read(path)) == 3


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([[0.9, 0.2]], r"row 0 is \[0\.9, 0\.2\] with sum 1\.1"),
        ([[0.5, 0.5], [float("nan"), 1.0]], "row 1"),
        ([[1.5, -0.5]], "at least 0"),
        ([[1.0]], r"must have shape \(n_items, 2\), found \(1, 1\)"),
        ([0.5, 0.5], "must have shape"),
    ],
)
def test_bad_probabilities(probabilities, message):
    with pytest.raises(DataError, match=message):
        SoftLabels(probabilities, SPACE)


def test_columns_that_do_not_fit(soft):
    with pytest.raises(DataError, match=r"one row per item \(3\), found 1"):
        soft.to_arrow(pa.table({"text": ["x"]}))
    with pytest.raises(DataError, match=r"found \['label'\]; rename or leave them out"):
        soft.to_arrow(pa.table({"label": [1, 2, 3]}))


def test_a_table_without_probabilities_is_refused():
    with pytest.raises(DataError, match="one column p_<class> per class"):
        SoftLabels.from_arrow(pa.table({"label": ["a"]}))


def test_a_foreign_table_with_probabilities_is_read():
    soft = SoftLabels.from_arrow(pa.table({"p_no": [0.25], "p_yes": [0.75]}))
    assert soft.labels.names == ("no", "yes")
    assert soft.ids is None
    assert soft.covered.all()


def test_damaged_and_missing_files(tmp_path):
    broken = tmp_path / "labels.parquet"
    broken.write_bytes(b"PAR1 half a file")
    with pytest.raises(ArtifactError, match="damaged or not a parquet file"):
        SoftLabels.read(broken)
    with pytest.raises(ArtifactError, match="there is no file"):
        SoftLabels.read(tmp_path / "nothing.parquet")
    with pytest.raises(ArtifactError, match=r"\.csv or \.parquet"):
        SoftLabels.read(tmp_path / "labels.xlsx")


def test_inputs_are_not_changed_and_outputs_are_read_only():
    given = np.array([[0.25, 0.75]])
    soft = SoftLabels(given, SPACE)
    assert given.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        soft.probabilities[0, 0] = 1.0
