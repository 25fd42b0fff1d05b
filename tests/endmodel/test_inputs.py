"""Heads of the user, data sets, devices, precision, and rows that are copies of each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from tests.endmodel.test_estimator import ARRAY, LABELS, TABLE, TEXTS
from weaklabel.endmodel import EndModel
from weaklabel.endmodel.content import content_keys
from weaklabel.endmodel.problem import Problem
from weaklabel.endmodel.rows import read_rows
from weaklabel.endmodel.selection import split_rows
from weaklabel.errors import ArtifactError, ConfigError, DataError

TRUTH = (LABELS.probabilities[:, 1] > 0.5).astype(int)


class Small(nn.Module):
    """What a user might write."""

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, n_classes)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.layers(x)
        return scores


def small(n_features: int, n_classes: int) -> nn.Module:
    return Small(n_features, n_classes)


@pytest.mark.parametrize(
    "X", [TEXTS, ARRAY, sp.csr_array(ARRAY / [1, 80, 1]), TABLE], ids=["t", "d", "s", "f"]
)
@pytest.mark.parametrize("head", [Small, small], ids=["class", "function"])
def test_a_module_of_the_user(head: Any, X: Any, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    model = EndModel(head=head, max_epochs=15).fit(X, LABELS)
    probabilities = model.predict_proba(X)
    assert torch.equal(torch.get_rng_state(), before)
    answers = model.predict(X) == np.array(["ham", "spam"])[TRUTH]
    assert answers[LABELS.covered].mean() > 0.85
    torch.manual_seed(5)
    assert np.array_equal(EndModel(head=head, max_epochs=15).fit(X, LABELS).predict_proba(X),
                          probabilities)  # fmt: skip
    file = model.save(tmp_path / "model.npz")
    assert np.array_equal(EndModel.load(file, head=head).predict_proba(X), probabilities)
    with pytest.raises(ArtifactError, match=r"a head of its own.*EndModel\.load\(path, head="):
        EndModel.load(file)
    assert "module head on" in model.description_


def test_a_module_object_is_copied_and_not_trained_itself() -> None:
    module = Small(3, 2)
    before = [p.clone() for p in module.parameters()]
    EndModel(head=module, max_epochs=3).fit(ARRAY, LABELS)
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (lambda d, k: "no module", "must return a torch.nn.Module, found 'no module'"),
        (lambda d, k: nn.Linear(d, k + 1), r"scores of shape \(rows, 2\), found \(\d+, 3\)"),
        (7, "head must be one of linear, mlp"),
    ],
)
def test_heads_that_are_none(head: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EndModel(head=head).fit(ARRAY, LABELS)


# -- data sets ---------------------------------------------------------------------------------


class Counting(Dataset[Any]):
    """Notes how many items are held at a time; items come with a label that is not used."""

    def __init__(self, array: Any, with_label: bool) -> None:
        self.array = torch.from_numpy(array).float()
        self.with_label = with_label
        self.n_read = 0

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, position: int) -> Any:
        self.n_read += 1
        return (self.array[position], 99) if self.with_label else self.array[position]


@pytest.mark.parametrize("head", ["linear", "mlp", Small])
def test_a_data_set_is_learned_from_batch_by_batch(head: Any, tmp_path: Path) -> None:
    scaled = (ARRAY - ARRAY.mean(axis=0)) / np.maximum(ARRAY.std(axis=0), 1e-9)
    data = Counting(scaled, with_label=True)
    settings: dict[str, Any] = {"head": head, "optimizer": "adamw", "max_epochs": 5}
    model = EndModel(**settings).fit(data, LABELS)
    assert data.n_read > 80
    bare = EndModel(**settings).fit(Counting(scaled, with_label=False), LABELS)
    probabilities = model.predict_proba(data)
    assert np.array_equal(bare.predict_proba(data), probabilities)
    file = model.save(tmp_path / "model.npz")
    given = {"head": head} if head is Small else {}
    assert np.array_equal(EndModel.load(file, **given).predict_proba(data), probabilities)
    assert "items of a data set (3 numbers a row)" in model.description_
    assert not hasattr(model, "n_features_in_")


class Pair(nn.Module):
    """Reads items that are dicts."""

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.words = nn.Embedding(10, 4)
        self.output = nn.Linear(5, n_classes)

    def forward(self, item: dict[str, torch.Tensor]) -> torch.Tensor:
        mean = self.words(item["ids"]).mean(dim=1)
        scores: torch.Tensor = self.output(torch.cat([mean, item["size"][:, None]], dim=1))
        return scores


class Dicts(Dataset[Any]):
    def __len__(self) -> int:
        return 80

    def __getitem__(self, position: int) -> dict[str, Any]:
        ids = torch.tensor([TRUTH[position], 2 + position % 3])
        return {"ids": ids, "size": np.float64(position / 80)}


def test_items_may_be_dicts() -> None:
    model = EndModel(head=Pair, learning_rate=0.05, max_epochs=10).fit(Dicts(), LABELS)
    answers = model.predict(Dicts()) == np.array(["ham", "spam"])[TRUTH]
    assert answers[LABELS.covered].mean() > 0.9


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(())


class Ragged(Dicts):
    def __getitem__(self, position: int) -> Any:
        return torch.zeros(1 + position % 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Endless(), "must have a length and give its items by position"),
        (Ragged(), "must be tensors of one shape"),
        (TensorDataset(torch.full((80, 2), torch.nan)), "NaN or infinite"),
        (TensorDataset(torch.zeros(79, 2)), "X has 79 and the soft labels 80"),
    ],
)
def test_data_sets_that_cannot_be_used(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        EndModel(head=lambda d, k: nn.Linear(2, k)).fit(data, LABELS)


# -- devices and precision ---------------------------------------------------------------------


def test_devices_and_precision() -> None:
    plain = EndModel(head="mlp", max_epochs=5).fit(ARRAY, LABELS)
    auto = EndModel(head="mlp", max_epochs=5, device="auto").fit(ARRAY, LABELS)
    np.testing.assert_allclose(auto.predict_proba(ARRAY), plain.predict_proba(ARRAY), atol=1e-3)
    mixed = EndModel(head="mlp", max_epochs=5, mixed_precision=True).fit(ARRAY, LABELS)
    assert not np.array_equal(mixed.predict_proba(ARRAY), plain.predict_proba(ARRAY))
    np.testing.assert_allclose(mixed.predict_proba(ARRAY), plain.predict_proba(ARRAY), atol=0.05)
    assert next(mixed.net_.parameters()).dtype == torch.float32
    with pytest.raises(ConfigError, match=r"device must be 'auto', 'cpu', or an accel.*'warp'"):
        EndModel(device="warp").fit(ARRAY, LABELS)
    with pytest.raises(ConfigError, match="mixed_precision=True is trained with mini-batches"):
        EndModel(mixed_precision=True, optimizer="lbfgs").fit(ARRAY, LABELS)


@pytest.mark.gpu
@pytest.mark.parametrize("X", [TEXTS, ARRAY], ids=["sparse", "dense"])
@pytest.mark.parametrize("head", ["linear", "mlp", Small])
def test_on_an_accelerator(head: Any, X: Any) -> None:
    settings: dict[str, Any] = {"head": head, "max_epochs": 5, "optimizer": "adamw", "dropout": 0.0}
    here = EndModel(**settings).fit(X, LABELS).predict_proba(X)
    for mixed, tolerance in ((False, 1e-3), (True, 0.1)):
        there = EndModel(**settings, device="cuda", mixed_precision=mixed).fit(X, LABELS)
        if head is not Small:  # dropout draws differ between devices
            np.testing.assert_allclose(there.predict_proba(X), here, atol=tolerance)


# -- copies of rows ----------------------------------------------------------------------------


def test_equal_rows_have_equal_keys_in_any_kind_of_x() -> None:
    array = np.array([[1.0, 0.0, 2.5], [1.0, 0.0, 2.5], [0.0, 1.0, 2.5], [1.0, -0.0, 2.5]])
    dense = content_keys(read_rows(array))
    assert dense[0] == dense[1] == dense[3] != dense[2]
    assert np.array_equal(content_keys(read_rows(sp.csr_array(array))), dense)
    texts = content_keys(read_rows(["a b", "b a", "a b"]))
    assert texts[0] == texts[2] != texts[1]
    table = content_keys(read_rows(pd.DataFrame({"a": ["x", "x", None], "b": [1.0, 1.0, None]})))
    assert table[0] == table[1] != table[2]


@given(st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_copies_are_held_out_together_whatever_the_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    texts = [f"text {i}" for i in rng.integers(100, size=400)]
    targets = rng.dirichlet(np.ones(2), size=400)
    problem = Problem(np.zeros((400, 1)), targets, np.ones(400))
    groups = content_keys(read_rows(texts))
    split = split_rows(problem, 0.2, 0, groups)
    assert split is not None
    train, held = ({texts[i] for i in part} for part in split)
    assert not train & held
    assert len(held) == len(train | held) // 5
    order = rng.permutation(400)
    again = split_rows(problem.take(order), 0.2, 0, groups[order])
    assert again is not None
    assert {texts[order[i]] for i in again[1]} == held
