"""What the label models are measured against: other libraries, and EM written with SciPy.

Peers are imported when asked for; one that is not installed is reported and left out.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from weaklabel import VoteMatrix

SMOOTHING = 0.01  # pseudo-votes per table entry, in every EM of these benchmarks


def missing(module: str) -> str | None:
    """Why a peer cannot be used, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(module)
    except ImportError as error:
        return f"not installed here ({error})"
    return None


def m_step(counts: np.ndarray, class_counts: np.ndarray, n_lfs: int) -> tuple[Any, Any]:
    """Log tables and log prior; ``counts`` has a row for every pair (LF, class)."""
    n_classes = len(class_counts)
    smoothed = counts.reshape(n_lfs, n_classes, n_classes) + SMOOTHING
    log_table = np.log(smoothed / smoothed.sum(axis=1, keepdims=True))
    return log_table.reshape(n_lfs * n_classes, n_classes), np.log(
        class_counts / class_counts.sum()
    )


def start_table(n_lfs: int, n_classes: int, accuracy: float = 0.7) -> np.ndarray:
    """Log tables of LFs that are right with one probability: where every EM here starts."""
    wrong = (1.0 - accuracy) / max(n_classes - 1, 1)
    table = np.full((n_classes, n_classes), np.log(wrong))
    np.fill_diagonal(table, np.log(accuracy))
    return np.tile(table, (n_lfs, 1))


def scipy_em(votes: VoteMatrix, n_iter: int) -> tuple[np.ndarray, float]:
    """Dawid-Skene as two sparse products a step, the fastest EM without compiled code of one's own.

    Returns
    -------
    posterior : array, shape (n_items, n_classes)
    log_likelihood : float
        At the parameters of the last E-step.
    """
    n_lfs, n_classes = votes.n_lfs, votes.n_classes
    column = votes.lf_index.astype(np.int32) * n_classes + votes.symbol
    ones = csr_array(
        (np.ones(votes.n_votes), column, votes.indptr), shape=(votes.n_items, n_lfs * n_classes)
    )
    transposed = ones.T.tocsr()
    log_table, log_prior = start_table(n_lfs, n_classes), np.full(n_classes, -np.log(n_classes))
    posterior, log_likelihood = _sparse_e_step(ones, log_table, log_prior)
    for _ in range(n_iter - 1):
        log_table, log_prior = m_step(transposed @ posterior, posterior.sum(axis=0), n_lfs)
        posterior, log_likelihood = _sparse_e_step(ones, log_table, log_prior)
    return posterior, log_likelihood


def _sparse_e_step(
    ones: Any, log_table: np.ndarray, log_prior: np.ndarray
) -> tuple[np.ndarray, float]:
    score = ones @ log_table
    score += log_prior
    top = score.max(axis=1, keepdims=True)
    score -= top
    np.exp(score, out=score)
    total = score.sum(axis=1, keepdims=True)
    score /= total
    return score, float((top + np.log(total)).sum())


def crowd_kit_em(table: Any, n_iter: int) -> Any:
    """crowd-kit's DawidSkene on a long table (task, worker, label); its probabilities."""
    from crowdkit.aggregation import DawidSkene

    return DawidSkene(n_iter=n_iter, tol=0.0).fit_predict_proba(table)


def long_table(votes: VoteMatrix) -> Any:
    """The votes as crowd-kit takes them."""
    import pandas as pd

    item = np.repeat(np.arange(votes.n_items), votes.n_votes_per_item)
    return pd.DataFrame({"task": item, "worker": votes.lf_index, "label": votes.symbol})


def snorkel_model(dense: np.ndarray, n_classes: int, n_epochs: int = 100) -> np.ndarray:
    """Snorkel's LabelModel at its default settings; its probabilities."""
    import logging

    from snorkel.labeling.model import LabelModel

    logging.getLogger("snorkel").setLevel(logging.ERROR)
    model = LabelModel(cardinality=n_classes, verbose=False)
    model.fit(dense, n_epochs=n_epochs, seed=0, progress_bar=False)
    return model.predict_proba(dense)
