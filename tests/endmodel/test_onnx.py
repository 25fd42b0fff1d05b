"""Exported models give the answers of the model, computed by onnxruntime alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from tests.endmodel.test_encoders_of_text import Lengths
from tests.endmodel.test_estimator import ARRAY, LABELS, TABLE, TEXTS
from weaklabel.endmodel import EndModel
from weaklabel.endmodel.embeddings import Embeddings
from weaklabel.errors import ArtifactError, ConfigError

pytestmark = pytest.mark.slow

STRANGE = [
    *TEXTS[:10],
    "",
    "   ",
    "WIN!!! CASH://now... (yes)",
    "Übergröße — naïve CAFÉ 東京 ½ x² ٣",
    "tab\tand\u00a0no-break\u2003wide\x0bspace\x1cend",
    "under_score a.b,c;d 3.14 e-mail@host",
    "e\u0301 combining \U0001f600\U0001f600 emoji",
    "word " * 300,
]


def run(path: Path, inputs: dict[str, Any]) -> tuple[Any, Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    label, probabilities = session.run(["label", "probabilities"], inputs)
    return label, probabilities


def check(model: EndModel, X: Any, inputs: dict[str, Any], folder: Path) -> None:
    label, found = run(model.export_onnx(folder / "model.onnx", overwrite=True), inputs)
    expected = model.predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    sure = np.sort(expected, axis=1)[:, -1] - np.sort(expected, axis=1)[:, -2] > 1e-4
    assert np.array_equal(np.asarray(label)[sure], model.predict(X)[sure])


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2), (2, 3)])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_text(head: Any, ngrams: tuple[int, int], tmp_path: Path) -> None:
    model = EndModel(head=head, ngrams=ngrams, max_epochs=10).fit(
        [*TEXTS, *STRANGE], np.r_[LABELS.probabilities, np.tile([[0.3, 0.7]], (len(STRANGE), 1))]
    )
    texts = [*STRANGE, *TEXTS]
    check(model, texts, {"text": np.array(texts, dtype=object)}, tmp_path)
    check(model, [""], {"text": np.array([""], dtype=object)}, tmp_path)


@pytest.mark.parametrize("X", [ARRAY, sp.csr_array(ARRAY)], ids=["dense", "sparse"])
@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_numbers(X: Any, loss: str, head: Any, tmp_path: Path) -> None:
    model = EndModel(head=head, loss=loss, max_epochs=10).fit(X, LABELS.probabilities)
    check(model, X, {"features": ARRAY}, tmp_path)
    assert model.classes_.tolist() == [0, 1]


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_tables_with_missing_values(head: Any, tmp_path: Path) -> None:
    table = TABLE.copy()
    table.loc[3:5, "first"] = None
    table.loc[7, "text"] = None
    table.loc[11, "sent"] = pd.NaT
    model = EndModel(head=head, columns={"text": "text", "first": "category"}, max_epochs=10)
    model.fit(table, LABELS)
    stamps = table["sent"].astype("datetime64[us]")
    seconds = (stamps - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
    inputs = {
        "length": table["length"].to_numpy(float),
        "first": table["first"].fillna("").to_numpy(object),
        "text": table["text"].fillna("").to_numpy(object),
        "sent": seconds.to_numpy(float),
    }
    assert set(model.feature_names_in_) == set(inputs)
    unseen = pd.DataFrame([{**table.iloc[0], "first": "never seen"}])
    check(model, table, inputs, tmp_path)
    one = {name: values[:1].copy() for name, values in inputs.items()}
    one["first"][0] = "never seen"
    check(model, unseen.astype({"sent": "datetime64[us]"}), one, tmp_path)


@pytest.mark.parametrize("words", [False, True])
def test_embeddings_go_in_as_numbers(words: bool, tmp_path: Path) -> None:
    model = EndModel(features=Embeddings(Lengths(), words=words)).fit(TEXTS, LABELS)
    inputs = {"embeddings": Lengths().encode(TEXTS), "text": np.array(TEXTS, dtype=object)}
    check(model, TEXTS, inputs if words else {"embeddings": inputs["embeddings"]}, tmp_path)


def test_what_cannot_be_exported_is_named(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    with pytest.raises(ConfigError, match="features='hashing' cannot be exported"):
        EndModel("hashing", n_hashed=64).fit(TEXTS, LABELS).export_onnx(file)
    import torch

    with pytest.raises(ConfigError, match=r"torch\.onnx\.export on model\.net_"):
        EndModel(head=torch.nn.Linear, max_epochs=1).fit(ARRAY, LABELS).export_onnx(file)
    assert not file.exists()
    file.write_text("mine")
    with pytest.raises(ArtifactError, match="exists and is left as it is"):
        EndModel().fit(ARRAY, LABELS).export_onnx(file)
    assert file.read_text() == "mine"
