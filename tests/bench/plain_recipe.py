"""The recipe the default started from, written densely: what changes since have to beat.

Four members from votes (n, m), -1 where an LF is silent, averaged 2 : 2 : 1 : share of the votes
by LFs of several classes. Slow and short; :mod:`weaklabel.inference.anchored` is what became of it.
"""

from __future__ import annotations

import numpy as np

from weaklabel import VoteMatrix

STEPS = 5


def recipe_posterior(fit: VoteMatrix, test: VoteMatrix) -> np.ndarray:
    """Fitted on some votes, the posterior of others, shape (n_test, n_classes)."""
    dense, n_classes = fit.to_dense(), fit.n_classes
    rows, weight = np.unique(dense, axis=0, return_counts=True)
    return _Recipe(rows, weight.astype(float), n_classes).posterior(test.to_dense())


class _Recipe:
    def __init__(self, rows: np.ndarray, weight: np.ndarray, n_classes: int) -> None:
        self.rows, self.weight, self.k = rows, weight, n_classes
        self.hits = rows[:, :, None] == np.arange(n_classes)  # (n, m, k)
        self.n_votes = np.einsum("i,ijv->jv", weight, self.hits)
        self.many = (self.n_votes > 0).sum(axis=1) >= 2
        self.coverage = self.n_votes.sum(axis=1) / weight.sum()
        constant = np.where(self.many, 1.0, np.clip((1.0 - self.coverage) / 0.1, 0.0, 1.0))
        self.worth = self._copies() * (constant * self._gate())[:, None]
        votes = self.n_votes * self.worth
        self.share_weight = self._class_weight(votes) * self.worth
        self.start = self._share(rows, self.share_weight)
        self.covered = weight * (rows >= 0).any(axis=1)
        self.evidence, self.silence = self._evidence(votes)
        self.confusion_weight = 0.0
        if self.many.sum() >= 3:
            self.confusion_weight = float(votes[self.many].sum() / votes.sum())
            self.log_tables, self.log_prior = self._em()

    def posterior(self, rows: np.ndarray) -> np.ndarray:
        hits = (rows[:, :, None] == np.arange(self.k)).astype(float)
        silent = (rows < 0).astype(float)
        score = np.einsum("ijv,jv->iv", hits, self.evidence * self.worth) + silent @ self.silence
        out = 2.0 * self._share(rows, self.worth) + 2.0 * self._share(rows, self.share_weight)
        out += _softmax(score)
        if self.confusion_weight > 0:
            score = np.einsum("ijv,jvy->iy", hits, self.log_tables) + self.log_prior
            met = self.confusion_weight * (rows[:, self.many] >= 0).any(axis=1)
            out += met[:, None] * _softmax(score)
        out[~(rows >= 0).any(axis=1)] = 1.0
        return np.asarray(out / out.sum(axis=1, keepdims=True))

    def _copies(self) -> np.ndarray:
        out = np.ones_like(self.n_votes)
        for v in range(self.k):
            hit = self.hits[:, :, v].astype(float)
            both = hit.T @ (hit * self.weight[:, None])
            alone = both.diagonal()
            jaccard = both / np.maximum(alone[:, None] + alone - both, 1e-9)
            jaccard[(alone[:, None] < 10) | (alone < 10)] = 0.0
            np.fill_diagonal(jaccard, 0.0)
            out[:, v] = 1.0 / (1.0 + (jaccard**10).sum(axis=1))
        return out

    def _gate(self) -> np.ndarray:
        kappa, count = np.zeros(len(self.many)), np.zeros(len(self.many))
        each = self.hits * self._class_weight(self.n_votes)
        everything = each.sum(axis=1)
        for j in np.flatnonzero(self.many):
            cast = self.rows[:, j] >= 0
            others = everything[cast] - each[cast, j]
            others = others / (others.sum(axis=1, keepdims=True) + 1.0)
            w, vote = self.weight[cast], self.rows[cast, j]
            count[j] = max(float(w @ others.sum(axis=1)), 1e-9)
            agreed = w @ others[np.arange(len(vote)), vote] / count[j]
            chance = np.bincount(vote, w, self.k) / w.sum() @ (w @ others) / count[j]
            kappa[j] = max(0.0, (agreed - chance) / max(1.0 - chance, 1e-9))
        scale = np.clip(kappa.max(), 0.05, 0.1)
        gate = (count * np.minimum(1.0, kappa / scale) + 20.0) / (count + 20.0)
        return np.where(self.many, gate, 1.0)

    def _class_weight(self, votes: np.ndarray) -> np.ndarray:
        share = votes.sum(axis=0) + 1.0
        share /= share.sum()
        out = share ** np.where(self.many, -0.25, -0.5)[:, None]
        for group in (self.many, ~self.many):
            if (total := votes[group].sum()) > 0:
                out[group] *= total / (votes[group] * out[group]).sum()
        return np.asarray(out)

    def _share(self, rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
        mass = np.einsum("ijv,jv->iv", rows[:, :, None] == np.arange(self.k), weight)
        return np.asarray((mass + 1.0 / self.k) / (mass.sum(axis=1, keepdims=True) + 1.0))

    def _evidence(self, votes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k, weighted = self.k, self.weight[:, None] * self.start
        counts = np.einsum("ijv,iy->jvy", self.hits, weighted) * self.worth[:, :, None]
        balance = (self.covered @ self.start / self.covered.sum()) ** 0.25
        base = np.where(np.eye(k, dtype=bool), 0.75 * k, 0.25 * k / (k - 1))
        ratio = counts / (balance / balance.sum()) + 10.0 * base
        log_ratio = np.log(ratio / (votes[:, :, None] + 10.0))
        right = np.einsum("jvv->jv", log_ratio)
        wrong = (log_ratio.sum(axis=2) - right) / (k - 1)
        fired = (self.rows >= 0).T.astype(float) @ weighted
        classes = weighted.sum(axis=0)
        rate = (fired + 30.0 * self.coverage[:, None]) / (classes + 30.0)
        silence = np.log(np.maximum(0.02, 1.0 - rate))
        silence -= silence.mean(axis=1, keepdims=True)
        worth = (votes.sum(axis=1) / np.maximum(self.n_votes.sum(axis=1), 1e-9))[:, None]
        silence *= np.where(self.many[:, None], 0.0, worth)
        silence /= max(float(np.ptp(silence.sum(axis=0))), 1.0)
        return np.clip(right - wrong, -9.0, 9.0), silence

    def _em(self) -> tuple[np.ndarray, np.ndarray]:
        k, hits = self.k, self.hits * self.many[:, None]
        prior = np.where(np.eye(k, dtype=bool), 0.75, 0.25 / (k - 1))
        p = self.start
        for _ in range(STEPS):
            counts = np.einsum("i,ijv,iy->jvy", self.weight, hits, p, optimize=True)
            tables = (counts + 3.0 * prior) / (counts.sum(axis=1, keepdims=True) + 3.0)
            log_prior = 0.5 * np.log(self.covered @ p / self.covered.sum())
            log_tables = np.log(tables) * (self.worth * self.many[:, None])[:, :, None]
            p = _softmax(np.einsum("ijv,jvy->iy", hits, log_tables) + log_prior)
        return log_tables, log_prior


def _softmax(score: np.ndarray) -> np.ndarray:
    out = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(out / out.sum(axis=1, keepdims=True))
