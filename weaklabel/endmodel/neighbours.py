"""Which rows resemble each other: a graph of nearest neighbours by cosine."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from weaklabel.errors import ConfigError

CELLS_AT_ONCE: Final = 20_000_000
"""Similarities held at a time: 160 MB."""
SHARPNESS: Final = 3.0
"""Similarities are raised to this power, as by Iscen et al. 2019, section 4.2."""


def neighbour_graph(features: Any, n_neighbours: int) -> sp.csr_matrix[Any]:
    """The most similar rows of each row, by cosine.

    Parameters
    ----------
    features : array or CSR matrix, shape (n, n_features)
    n_neighbours : int
        At most; fewer where fewer rows have a positive similarity.

    Returns
    -------
    CSR matrix, shape (n, n)
        Row i holds ``max(0, cos(i, j))**3`` for its neighbours j; the diagonal is empty.

    Raises
    ------
    ConfigError
        If the features are not a matrix.

    Notes
    -----
    O(n**2) similarities, of which 20 million are held at a time: seconds for 10,000 rows of text,
    minutes for 100,000.
    """
    if not (isinstance(features, np.ndarray) or sp.issparse(features)):
        raise ConfigError(
            "neighbours need features as numbers, and these rows become tensors batch by batch; "
            "pass embeddings or texts"
        )
    unit = _unit_rows(features)
    n = unit.shape[0]
    k = min(n_neighbours, n - 1)
    if k < 1:
        return sp.csr_matrix((n, n))
    size = max(1, CELLS_AT_ONCE // n)
    columns, values = [], []
    turned = unit.T.tocsr() if sp.issparse(unit) else unit.T
    for start in range(0, n, size):
        block = unit[start : start + size] @ turned
        block = block.toarray() if sp.issparse(block) else block
        block[np.arange(len(block)), np.arange(start, start + len(block))] = -np.inf
        nearest = np.sort(np.argpartition(-block, k - 1, axis=1)[:, :k], axis=1)
        columns.append(nearest)
        values.append(np.take_along_axis(block, nearest, axis=1))
    strength = np.clip(np.concatenate(values), 0.0, None) ** SHARPNESS
    indptr = np.arange(n + 1) * k
    graph = sp.csr_matrix((strength.ravel(), np.concatenate(columns).ravel(), indptr), shape=(n, n))
    graph.eliminate_zeros()
    return graph


def row_normalised(graph: sp.csr_matrix[Any]) -> sp.csr_matrix[Any]:
    """The graph with rows that sum to 1; rows without neighbours stay empty."""
    sums = np.asarray(graph.sum(axis=1)).ravel()
    scale = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)
    return sp.csr_matrix(sp.diags(scale) @ graph)


def _unit_rows(features: npt.NDArray[Any] | sp.csr_matrix[Any]) -> Any:
    """The rows scaled to length 1; rows of zeros stay."""
    if sp.issparse(features):
        matrix = sp.csr_matrix(features, dtype=np.float64)
        lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
        scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        return sp.csr_matrix(sp.diags(scale) @ matrix)
    matrix = np.asarray(features, dtype=np.float64)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix / np.where(lengths > 0, lengths, 1.0)
