"""The E-step loop by loop, as the formula reads, and small problems to try it on."""

from __future__ import annotations

import math

import numpy as np

from weaklabel.inference.backends import Expected, VoteRows


def oracle_scores(rows, log_table, log_prior):
    out = []
    for i in range(rows.n_patterns):
        votes = rows.table_row[int(rows.indptr[i]) : int(rows.indptr[i + 1])]
        out.append(
            [
                math.fsum([log_prior[y], *(log_table[int(r), y] for r in votes)])
                for y in range(rows.n_classes)
            ]
        )
    return np.array(out).reshape(rows.n_patterns, rows.n_classes)


def oracle_posterior(rows, log_table, log_prior):
    scores = oracle_scores(rows, log_table, log_prior)
    out = np.empty_like(scores)
    for i, row in enumerate(scores):
        top = max(row)
        terms = [math.exp(s - top) for s in row]
        out[i] = [t / math.fsum(terms) for t in terms]
    return out


def oracle_e_step(rows, log_table, log_prior):
    scores = oracle_scores(rows, log_table, log_prior)
    log_likelihood = 0.0
    for i, row in enumerate(scores):
        top = max(row)
        log_z = top + math.log(math.fsum(math.exp(s - top) for s in row))
        log_likelihood += (1.0 if rows.weight is None else rows.weight[i]) * log_z
    counted = oracle_counts(rows, oracle_posterior(rows, log_table, log_prior))
    return Expected(counted.counts, counted.class_counts, log_likelihood)


def oracle_counts(rows, posterior):
    counts = np.zeros((rows.n_table_rows, rows.n_classes))
    class_counts = np.zeros(rows.n_classes)
    for i in range(rows.n_patterns):
        weight = 1.0 if rows.weight is None else rows.weight[i]
        class_counts += weight * posterior[i]
        for r in rows.table_row[int(rows.indptr[i]) : int(rows.indptr[i + 1])]:
            counts[int(r)] += weight * posterior[i]
    return Expected(counts, class_counts, math.nan)


def random_rows(
    rng,
    n_patterns=40,
    n_lfs=6,
    n_classes=3,
    density=0.4,
    symbols_per_lf=None,
    weighted=False,
    index_dtype=np.int32,
):
    """Votes of LFs with some symbols each; every LF votes on a share ``density`` of the items."""
    symbols_per_lf = n_classes if symbols_per_lf is None else symbols_per_lf
    n_rows = n_lfs * symbols_per_lf
    voted = rng.random((n_patterns, n_lfs)) < density
    symbol = rng.integers(0, symbols_per_lf, size=(n_patterns, n_lfs))
    table_row = (np.arange(n_lfs) * symbols_per_lf + symbol)[voted]
    indptr = np.concatenate([[0], np.cumsum(voted.sum(axis=1))]).astype(index_dtype)
    dtype = np.uint8 if n_rows <= 256 else np.uint16 if n_rows <= 65536 else np.uint32
    return VoteRows(
        indptr=indptr,
        table_row=table_row.astype(dtype),
        weight=rng.integers(1, 9, size=n_patterns).astype(float) if weighted else None,
        n_table_rows=n_rows,
        n_classes=n_classes,
        row_lf=np.repeat(np.arange(n_lfs), symbols_per_lf),
    )


def random_table(rng, rows, spread=1.5):
    """Log probabilities of the right shape; ``spread`` is how far apart they lie."""
    table = -np.abs(rng.normal(scale=spread, size=(rows.n_table_rows, rows.n_classes)))
    prior = np.log(rng.dirichlet(np.ones(rows.n_classes)))
    return table, np.maximum(prior, -700.0)
