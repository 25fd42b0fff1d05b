"""One round of EM without each LF, for all LFs in two passes over the votes (compiled).

Leaving LF a out changes the posterior of the items it votes on and, where silence says nothing, of
no other. So the counts expected without it are those of the fit plus the change on these items, and
one pass over the votes gives them for all LFs: O(sum of squared votes per item * n_classes).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from weaklabel.inference.kernels import jit


@jit()
def change_without_each(
    start: int,
    stop: int,
    indptr: Any,
    table_row: Any,
    segment: Any,
    weight: Any,
    scores: Any,
    before: Any,
    log_table: Any,
    counts: Any,
    classes: Any,
) -> None:
    """Add to ``counts[a]`` and ``classes[a]`` what changes when LF a is left out.

    Parameters
    ----------
    start, stop : int
        The items to go through.
    indptr, table_row : arrays of the votes
    segment : array of int, shape (n_rows,)
        The LF (position) of each table row.
    weight : array, shape (n_items,)
    scores, before : array, shape (n_items, n_classes)
        Log joint and posterior with all LFs.
    log_table : array, shape (n_rows, n_classes)
    counts : array, shape (n_lfs, n_rows, n_classes)
    classes : array, shape (n_lfs, n_classes)
    """
    n_classes = scores.shape[1]
    change = np.empty(n_classes)
    for i in range(start, stop):
        if weight[i] == 0.0:
            continue
        for v in range(indptr[i], indptr[i + 1]):
            r = table_row[v]
            a = segment[r]
            top = -np.inf
            for k in range(n_classes):
                change[k] = scores[i, k] - log_table[r, k]
                top = max(top, change[k])
            total = 0.0
            for k in range(n_classes):
                change[k] = np.exp(change[k] - top)
                total += change[k]
            for k in range(n_classes):
                change[k] = weight[i] * (change[k] / total - before[i, k])
                classes[a, k] += change[k]
            for u in range(indptr[i], indptr[i + 1]):
                if u != v:
                    for k in range(n_classes):
                        counts[a, table_row[u], k] += change[k]


@jit()
def shift_without_each(
    start: int,
    stop: int,
    indptr: Any,
    table_row: Any,
    segment: Any,
    weight: Any,
    before: Any,
    log_table: Any,
    log_prior: Any,
    n_votes: Any,
    n_flipped: Any,
    shift: Any,
) -> None:
    """Add up, per LF, how the posteriors of its items change under the tables without it.

    Parameters
    ----------
    start, stop, indptr, table_row, segment, weight, before
        As :func:`change_without_each`.
    log_table : array, shape (n_lfs, n_rows, n_classes)
    log_prior : array, shape (n_lfs, n_classes)
    n_votes, n_flipped, shift : array, shape (n_lfs,)
        Weight of the items, of those whose most probable class changes, and weighted sum of total
        variation distances.
    """
    n_classes = before.shape[1]
    score = np.empty(n_classes)
    for i in range(start, stop):
        best_before = 0
        for k in range(1, n_classes):
            if before[i, k] > before[i, best_before]:
                best_before = k
        for v in range(indptr[i], indptr[i + 1]):
            a = segment[table_row[v]]
            for k in range(n_classes):
                score[k] = log_prior[a, k]
            for u in range(indptr[i], indptr[i + 1]):
                if u != v:
                    for k in range(n_classes):
                        score[k] += log_table[a, table_row[u], k]
            best = 0
            for k in range(1, n_classes):
                if score[k] > score[best]:
                    best = k
            top = score[best]
            total = 0.0
            for k in range(n_classes):
                score[k] = np.exp(score[k] - top)
                total += score[k]
            distance = 0.0
            for k in range(n_classes):
                distance += abs(score[k] / total - before[i, k])
            n_votes[a] += weight[i]
            shift[a] += weight[i] * 0.5 * distance
            if best != best_before:
                n_flipped[a] += weight[i]
