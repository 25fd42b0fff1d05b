"""Label propagation: rows without votes take over what similar rows are labelled.

Zhou et al. 2004, "Learning with local and global consistency": with a symmetric graph W of nearest
neighbours, ``S = D**-1/2 W D**-1/2`` and the known labels Y (zero rows where nothing is known), the
labels F of all rows solve::

    (I - alpha S) F = (1 - alpha) Y
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.linalg import cg

from weaklabel.endmodel.encoder import FeatureSettings
from weaklabel.endmodel.features import fit_encoder
from weaklabel.endmodel.neighbours import neighbour_graph
from weaklabel.endmodel.rows import read_rows
from weaklabel.errors import ConfigError, DataError, FitError
from weaklabel.soft_labels import SoftLabels

TOLERANCE: Final = 1e-6
MOST_STEPS: Final = 1000


def propagate(
    labels: SoftLabels,
    features: Any,
    *,
    n_neighbours: int = 10,
    alpha: float = 0.9,
    keep: bool = True,
) -> SoftLabels:
    """Spread soft labels from rows with votes to similar rows without any.

    Parameters
    ----------
    labels : SoftLabels, n rows
    features : list of str, table, array or sparse matrix, n rows
        What tells which rows are similar; anything :class:`~weaklabel.EndModel` reads. Texts become
        TF-IDF vectors; pass sentence embeddings for similarity in meaning.
    n_neighbours : int, default 10
    alpha : float, default 0.9
        How far labels travel, in (0, 1).
    keep : bool, default True
        Whether rows with votes keep their own label; otherwise they are smoothed too.

    Returns
    -------
    SoftLabels
        With the same ids and numbers of votes: rows without votes still count as uncovered, so
        train with ``EndModel(uncovered="keep")`` or ``"downweight"``. Rows that no label reaches
        keep their probabilities. ``provenance["propagation"]`` says what was done and how many rows
        were reached.

    Raises
    ------
    ConfigError
        If a setting is out of its range.
    DataError
        If there are not as many rows as labels.
    FitError
        If no row has votes.

    Notes
    -----
    O(n**2) similarities and O(n * n_neighbours) for each step of the solver.

    Examples
    --------
    >>> import numpy as np
    >>> soft = SoftLabels([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]], ["ham", "spam"], n_votes=[1, 0, 1])
    >>> propagate(soft, np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])).harden(uncovered="argmax")
    array([0, 0, 1])
    """
    if not isinstance(n_neighbours, int) or n_neighbours < 1:
        raise ConfigError(
            f"n_neighbours must be a whole number of at least 1, found {n_neighbours!r}"
        )
    if not isinstance(alpha, float | int) or not 0.0 < alpha < 1.0:
        raise ConfigError(f"alpha must be a number in (0, 1), found {alpha!r}")
    rows = read_rows(features)
    if len(rows) != len(labels):
        raise DataError(
            f"features must have one row per label: {len(labels):,} labels and {len(rows):,} rows; "
            "pass the rows the votes are about, in their order"
        )
    if not labels.covered.any():
        raise FitError(
            "no row has votes, so there is no label to spread; write a labeling function"
        )
    encoder = fit_encoder("auto", rows, FeatureSettings({}, (1, 2), 2**18))
    graph = neighbour_graph(encoder.transform(rows), n_neighbours)
    spread, is_reached = spread_labels(
        graph, labels.probabilities, labels.covered.astype(np.float64), alpha
    )
    changes = is_reached & ~labels.covered if keep else is_reached
    probabilities = np.where(changes[:, None], spread, labels.probabilities)
    done = {
        "n_neighbours": n_neighbours,
        "alpha": float(alpha),
        "keep": keep,
        "n_reached": int((is_reached & ~labels.covered).sum()),
        "n_not_reached": int((~is_reached & ~labels.covered).sum()),
    }
    return SoftLabels(
        probabilities,
        labels.labels,
        labels.n_votes,
        labels.ids,
        {**labels.provenance, "propagation": done},
    )


def spread_labels(
    graph: sp.csr_matrix[Any],
    targets: npt.NDArray[Any],
    weights: npt.NDArray[Any],
    alpha: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Solve for the labels of all rows.

    Parameters
    ----------
    graph : CSR matrix, shape (n, n)
        Similarities of neighbours; made symmetric here.
    targets : array, shape (n, n_classes)
    weights : array, shape (n,)
        0 where nothing is known.
    alpha : float

    Returns
    -------
    probabilities : array of float64, shape (n, n_classes)
        Rows sum to 1; uniform where no label reaches.
    is_reached : array of bool, shape (n,)
    """
    known = targets * weights[:, None]
    similar = sp.csr_matrix(graph.maximum(graph.T))
    degree = np.asarray(similar.sum(axis=1)).ravel()
    scale = np.divide(1.0, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    smooth = sp.diags(scale) @ similar @ sp.diags(scale)
    system = sp.csr_matrix(sp.eye(len(known)) - alpha * smooth)
    mass = np.column_stack(
        [_solve(system, (1.0 - alpha) * known[:, k]) for k in range(known.shape[1])]
    )
    mass = np.clip(mass, 0.0, None)
    is_reached = _is_connected(similar, weights > 0)
    sums = mass.sum(axis=1, keepdims=True)
    is_reached &= sums.ravel() > 0
    uniform = 1.0 / known.shape[1]
    return np.where(is_reached[:, None], mass / np.where(sums > 0, sums, 1.0), uniform), is_reached


def _solve(system: sp.csr_matrix[Any], right: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    solution, steps_left = cg(system, right, rtol=TOLERANCE, maxiter=MOST_STEPS)
    if steps_left:
        raise FitError(f"the labels did not settle within {MOST_STEPS} steps; use a smaller alpha")
    return np.asarray(solution)


def _is_connected(
    graph: sp.csr_matrix[Any], has_label: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Whether some labelled row lies in the same component of the graph."""
    _, component = sp.csgraph.connected_components(graph, directed=False)
    return np.isin(component, np.unique(component[has_label]))
