"""A Parquet file larger than the memory is predicted piece by piece, as if it were read whole."""

from __future__ import annotations

import pandas as pd
import pytest

from weaklabel.endmodel import EndModel
from weaklabel.errors import DataError
from weaklabel.pipeline import predicting
from weaklabel.pipeline.predicting import predict_file


@pytest.fixture
def model(tmp_path):
    rows = pd.DataFrame(
        {"text": ["win cash", "lunch at noon"] * 10, "size": [i % 4 for i in range(20)]}
    )
    fitted = EndModel(columns={"text": "text"}).fit(rows, ["spam", "ham"] * 10)
    return fitted.save(tmp_path / "model.npz")


def rows_of(n_rows: int) -> pd.DataFrame:
    words = ["cash", "noon", "win lunch"]
    return pd.DataFrame(
        {
            "key": [f"r{i}" for i in range(n_rows)],
            "text": [words[i % 3] for i in range(n_rows)],
            "size": [None if i % 7 == 6 else i % 20 for i in range(n_rows)],
        }
    )


@pytest.mark.parametrize("id_column", [None, "key"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_pieces_are_the_whole(model, tmp_path, monkeypatch, ending, id_column):
    data = tmp_path / "rows.parquet"
    rows_of(100).to_parquet(data)
    outs = [tmp_path / f"{name}.{ending}" for name in ("whole", "pieces")]
    counts = [predict_file(model, data, outs[0], id_column=id_column, keep=["size"])]
    seen = []
    original = EndModel.predict_proba

    def watched(self, X):
        seen.append(len(X))
        return original(self, X)

    monkeypatch.setattr(predicting, "ROWS_AT_ONCE", 30)
    monkeypatch.setattr(EndModel, "predict_proba", watched)
    counts.append(predict_file(model, data, outs[1], id_column=id_column, keep=["size"]))
    assert seen == [30, 30, 30, 10]
    assert counts[0] == counts[1]
    assert sum(counts[1].values()) == 100
    read = pd.read_csv if ending == "csv" else pd.read_parquet
    pd.testing.assert_frame_equal(read(outs[0]), read(outs[1]))


def test_an_error_in_a_later_piece_leaves_no_file(model, tmp_path, monkeypatch):
    data, out = tmp_path / "rows.parquet", tmp_path / "out.parquet"
    rows = rows_of(50)
    rows.loc[40, "size"] = float("inf")
    rows.to_parquet(data)
    monkeypatch.setattr(predicting, "ROWS_AT_ONCE", 20)
    with pytest.raises(DataError, match="finite"):
        predict_file(model, data, out)
    assert list(tmp_path.glob("*out*")) == []
