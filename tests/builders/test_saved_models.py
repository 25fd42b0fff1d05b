from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from labeling_functions import end_model, torch_model
from labeling_functions.rules import load_rules
from weaklabel import EndModel, apply
from weaklabel.errors import ArtifactError, ConfigError, LabelingFunctionError, PackError

pytestmark = pytest.mark.filterwarnings("ignore::weaklabel.errors.CoverageWarning")

LABELS = ["ham", "spam"]
TEXTS = ["win a prize", "you win money", "hello dear friend", "see you my friend"] * 5
GOLD = ["spam", "spam", "ham", "ham"] * 5


@pytest.fixture(scope="module")
def text_model():
    return EndModel(progress=False).fit(TEXTS, GOLD)


@pytest.fixture
def saved(text_model, tmp_path):
    return text_model.save(tmp_path / "model.npz")


@pytest.fixture
def net():
    made = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    with torch.no_grad():
        made[0].weight.copy_(torch.tensor([[-1.0, 0.5], [1.0, 0.2]]))
        made[0].bias.zero_()
    return made


def votes(lf, rows):
    return apply([lf], rows, labels=LABELS).to_dense()[:, 0].tolist()


def test_an_end_model_votes_where_it_is_sure(text_model, saved):
    texts = ["win win prize", "dear friend", "you", None, 7]
    proba = text_model.predict_proba([str(t) for t in texts if t is not None])
    sure = float(proba.max(axis=1)[:2].min())
    lf = end_model("e", saved, confidence=sure)
    assert votes(lf, [{"text": text} for text in texts]) == [1, 0, -1, -1, -1]
    only = end_model("e", saved, confidence={"spam": 0.5})
    assert votes(only, [{"text": text} for text in texts])[:2] == [1, -1]
    assert pickle.loads(pickle.dumps(lf))({"text": "win win prize"}) == "spam"


def test_an_end_model_of_a_table_in_a_file_of_rules(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200)})
    model = EndModel(progress=False).fit(table, np.where(table["a"] > 0, "spam", "ham"))
    model.save(tmp_path / "model.npz")
    (tmp_path / "rules.toml").write_text(
        'labels = ["ham", "spam"]\n[[rules]]\nkind = "end_model"\nname = "e"\nfile = "model.npz"\n'
        'columns = ["a", "b"]\nconfidence = { spam = 0.5, ham = 0.5 }\n'
    )
    (lf,) = load_rules(tmp_path / "rules.toml")
    found = votes(lf, table)
    assert found == [LABELS.index(name) for name in model.predict(table)]


def test_another_model_is_another_fingerprint(text_model, saved):
    before = end_model("e", saved)
    EndModel(progress=False, weight_decay=1.0).fit(TEXTS, GOLD).save(saved, overwrite=True)
    assert end_model("e", saved).fingerprint != before.fingerprint
    text_model.save(saved, overwrite=True)
    assert end_model("e", saved).fingerprint == before.fingerprint


def test_a_network_votes_where_it_is_sure(net, tmp_path):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
    table.loc[3, "b"] = np.nan
    lf = torch_model("t", net, ["a", "b"], LABELS, labels=LABELS, confidence=0.7)
    assert net.training  # the caller's network is left as it is
    with torch.no_grad():
        given = torch.tensor(table.to_numpy(), dtype=torch.float32)
        proba = torch.softmax(net.eval()(given).double(), dim=1).numpy()
    expected = np.where(proba.max(axis=1) >= 0.7, proba.argmax(axis=1), -1)
    expected[3] = -1
    assert set(expected.tolist()) == {-1, 0, 1}
    assert votes(lf, table) == expected.tolist()
    assert lf({"a": None, "b": 1.0}) is None
    by_class = torch_model("t", net, ["a", "b"], LABELS, confidence={"spam": 0.0})
    assert set(votes(by_class, table)) == {-1, 1}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_torchscript_in_a_file_of_rules(net, tmp_path):
    file = tmp_path / "net.pt"
    torch.jit.save(torch.jit.trace(net.eval(), torch.zeros(1, 2)), file)
    (tmp_path / "rules.toml").write_text(
        'labels = ["ham", "spam"]\n[[rules]]\nkind = "torch_model"\nname = "t"\nfile = "net.pt"\n'
        'columns = ["a", "b"]\nclasses = ["ham", "spam"]\nconfidence = 0.6\n'
    )
    (lf,) = load_rules(tmp_path / "rules.toml")
    rows = [{"a": a, "b": b} for a, b in np.random.default_rng(2).normal(size=(50, 2))]
    same = torch_model("t", net, ["a", "b"], LABELS, labels=LABELS, confidence=0.6)
    assert votes(lf, rows) == votes(same, rows)
    with torch.no_grad():
        net[0].weight.mul_(2.0)
    torch.jit.save(torch.jit.trace(net.eval(), torch.zeros(1, 2)), file)
    assert load_rules(tmp_path / "rules.toml").lfs[0].fingerprint != lf.fingerprint
    file.write_bytes(b"not a network")
    with pytest.raises(PackError, match=r"line 5: file of rule 't' must be TorchScript"):
        load_rules(tmp_path / "rules.toml")


def test_a_network_of_texts_with_its_own_preparation():
    class Lengths(nn.Module):
        def forward(self, given):
            return torch.stack([given, 1 - given], dim=1)

    def prepare(texts):
        return torch.tensor([0.9 if "win" in (t or "") else 0.4 for t in texts])

    lf = torch_model(
        "t", Lengths(), ["text"], ["spam", "ham"], outputs="probabilities", prepare=prepare,
        confidence=0.8,
    )  # fmt: skip
    assert votes(lf, [{"text": text} for text in ("win", "lose", None)]) == [1, -1, -1]


def test_the_weights_count_for_the_fingerprint(net):
    before = torch_model("t", net, ["a", "b"], LABELS).fingerprint
    assert torch_model("t", net, ["a", "b"], LABELS).fingerprint == before
    with torch.no_grad():
        net[0].bias.add_(1.0)
    assert torch_model("t", net, ["a", "b"], LABELS).fingerprint != before


def test_wrong_settings_and_wrong_networks_are_named(net, tmp_path, saved):
    with pytest.raises(ConfigError, match=r"must be a file, found none at .*none\.npz"):
        end_model("e", tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"no")
    with pytest.raises(ArtifactError, match=r"bad\.npz"):
        end_model("e", tmp_path / "bad.npz")
    with pytest.raises(ConfigError, match=r"file .* must be a class: .*'ham'"):
        end_model("e", saved, labels=["a", "b"])
    with pytest.raises(ConfigError, match=r"must be about .*'ham'.* found 'eggs'"):
        end_model("e", saved, confidence={"eggs": 0.5})
    with pytest.raises(ConfigError, match=r"columns .* must be a list of columns, found 'a'"):
        torch_model("t", net, "a", LABELS)
    with pytest.raises(ConfigError, match=r"classes .* must be a list of classes"):
        torch_model("t", net, ["a"], ["ham"])
    with pytest.raises(ConfigError, match=r"outputs .* must be one of logits, probabilities"):
        torch_model("t", net, ["a", "b"], LABELS, outputs="scores")
    three = torch_model("t", net, ["a", "b"], ["x", "y", "z"])
    with pytest.raises(LabelingFunctionError, match=r"must return scores of shape \(1, 3\)"):
        apply([three], [{"a": 1.0, "b": 2.0}], labels=["x", "y", "z"])
