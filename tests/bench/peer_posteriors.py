"""Class probabilities of other libraries' models, rows and columns in the order of the votes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bench.peers import long_table
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
