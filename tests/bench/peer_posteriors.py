"""Class probabilities of other libraries' models, rows and columns in the order of the votes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bench.peers import long_table
from tests.bench.triplet_reference import flyingsquid_model
from weaklabel import VoteMatrix


def crowd_kit_posterior(name: str, fit: VoteMatrix, test: VoteMatrix) -> np.ndarray:
    """A crowd-kit aggregation at its default settings.

    They cannot label rows they did not see, so the rows to fit on and those to score go in
    together. Rows without votes and classes without votes are not in the result: uniform, and 0.
    """
    from crowdkit import aggregation

    both = fit if fit is test else VoteMatrix.join_rows([fit, test])
    model: Any = getattr(aggregation, name)
    model = model() if name == "MACE" else model(n_iter=100)
    found = model.fit_predict_proba(long_table(both))
    out = np.zeros((both.n_items, both.n_classes))
    rows, columns = found.index.to_numpy(dtype=int), found.columns.to_numpy(dtype=int)
    out[np.ix_(rows, columns)] = found.to_numpy()
    out[out.sum(axis=1) == 0] = 1.0 / both.n_classes
    return out if fit is test else out[fit.n_items :]


def snorkel_posterior(fit: VoteMatrix, test: VoteMatrix, n_epochs: int = 500) -> np.ndarray:
    """Snorkel's LabelModel, class balance unknown to it; rows without votes are uniform."""
    import logging

    from snorkel.labeling.model import LabelModel

    logging.getLogger("snorkel").setLevel(logging.ERROR)
    model = LabelModel(cardinality=test.n_classes, verbose=False)
    model.fit(fit.to_dense().astype(int), n_epochs=n_epochs, seed=0, progress_bar=False)
    out = np.asarray(model.predict_proba(test.to_dense().astype(int)))
    out[test.n_votes_per_item == 0] = 1.0 / test.n_classes
    return out


def flyingsquid_posterior(fit: VoteMatrix, test: VoteMatrix) -> np.ndarray:
    """flyingsquid's LabelModel at its default settings; classes against the rest if more than two.

    It knows votes +1, -1 and 0 and equally frequent classes unless told. Rows without votes are
    uniform.
    """
    n_classes, dense = test.n_classes, [votes.to_dense() for votes in (fit, test)]
    columns = []
    for y in [1] if n_classes == 2 else range(n_classes):
        signed = [np.where(d < 0, 0, np.where(d == y, 1, -1)) for d in dense]
        model = flyingsquid_model(test.n_lfs)
        if model is None:
            raise ImportError("flyingsquid cannot be imported")
        model.fit(signed[0])
        found = np.asarray(model.predict_proba(signed[1], verbose=False), dtype=float)
        columns.append(found.reshape(len(found), -1)[:, -1])
    positive = np.clip(np.column_stack(columns), 1e-12, 1.0 - 1e-12)
    out = np.column_stack([1.0 - positive, positive]) if n_classes == 2 else positive
    out[test.n_votes_per_item == 0] = 1.0
    return np.asarray(out / out.sum(axis=1, keepdims=True))


def hyperlm_posterior(fit: VoteMatrix, test: VoteMatrix) -> np.ndarray:
    """hyperlm's network; it labels the rows it is shown, so those to fit on go in too.

    Its checkpoint is read with ``weights_only``, which runs no code from it. Rows without votes are
    left out, for it drops some of them, and are uniform; classes that nobody votes for get 0.
    """
    import torch
    from numpy.dtypes import Float64DType

    scalar = np.float64(0.0).__reduce__()[0]  # the checkpoint holds its loss as one
    names = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    with torch.serialization.safe_globals([*names, np.dtype, Float64DType]):
        from hyperlm import HyperLabelModel

        model = HyperLabelModel(device="cpu")
    both = fit if fit is test else VoteMatrix.join_rows([fit, test])
    dense = both.to_dense().astype(int)
    voted = both.n_votes_per_item > 0
    found = np.asarray(model.infer(dense[voted], return_probs=True), dtype=float)
    out = np.full((both.n_items, both.n_classes), 1.0 / both.n_classes)
    out[voted] = 0.0
    out[np.ix_(np.flatnonzero(voted), np.arange(found.shape[1]))] = found
    return out if fit is test else out[fit.n_items :]
