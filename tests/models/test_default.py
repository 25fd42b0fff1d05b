"""The default model against its recipe written out densely, row by row."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.conftest import good_votes
from weaklabel.inference import independence as independence_module
from weaklabel.inference import preweights
from weaklabel.inference.anchored import fade
from weaklabel.models import LabelModel, MajorityVote
from weaklabel.votes import VoteMatrix
from weaklabel.votes.synthetic import planted_votes


def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def recipe(dense, n_classes):
    """Posterior of the recipe on a dense matrix; loops over LFs, votes and rows."""
    n, m = dense.shape
    k = n_classes
    pairs = [(j, v) for j in range(m) for v in range(k) if (dense[:, j] == v).any()]
    emits = {j: [v for jj, v in pairs if jj == j] for j in range(m)}
    many = {j for j in range(m) if len(emits[j]) >= 2}
    hit = {(j, v): dense[:, j] == v for j, v in pairs}

    def class_weights(weight):
        total = {p: hit[p].sum() * weight[p] for p in pairs}
        share = np.array([sum(t for (_, v), t in total.items() if v == y) for y in range(k)]) + 1.0
        share /= share.sum()
        c = {(j, v): share[v] ** (-0.25 if j in many else -0.5) for j, v in pairs}
        for group in (many, set(range(m)) - many):
            mine = [p for p in pairs if p[0] in group]
            mass = sum(total[p] for p in mine)
            if mass > 0:
                mean = sum(total[p] * c[p] for p in mine) / mass
                c.update({p: c[p] / mean for p in mine})
        return c

    # 0. pre-weights: copies, constants, and two rounds of the gate
    trust, dup = {}, {}
    for j, v in pairs:
        copies = 0.0
        for jj, vv in pairs:
            if vv == v and jj != j and min(hit[j, v].sum(), hit[jj, v].sum()) >= 10:
                both = (hit[j, v] & hit[jj, v]).sum()
                copies += (both / (hit[j, v] | hit[jj, v]).sum()) ** 10
        dup[j, v] = 1 / (1 + copies)
    raw = class_weights(dup)
    gate, agreement = dict.fromkeys(range(m), 1.0), {}
    for _ in range(2):
        everything = np.zeros((n, k))
        for j, v in pairs:
            everything[hit[j, v], v] += raw[j, v] * gate[j] * dup[j, v]
        kappa, count = {}, {}
        for j in sorted(many):
            others = everything.copy()
            for v in emits[j]:  # without the LF and its copies, which together weigh one vote
                others[hit[j, v], v] -= raw[j, v] * gate[j]
            po = others / (np.maximum(others.sum(axis=1, keepdims=True), 0) + 1)
            cast = dense[:, j] >= 0
            mean = [np.maximum(po[hit[j, v]].sum(axis=0), 0) for v in emits[j]]
            count[j] = sum(mean).sum()
            agreed = sum(mass[v] for v, mass in zip(emits[j], mean, strict=True)) / count[j]
            said = sum(mean) / count[j]
            chance = sum(hit[j, v].sum() / cast.sum() * said[v] for v in emits[j])
            error = np.sqrt(chance / (1 - chance) / count[j])
            agreement[j] = max(0.0, (agreed - chance) / (1 - chance))
            kappa[j] = max(0.0, (agreed - chance) / (1 - chance) - error)
        # the third best, copies counted once
        worth = {j: sum(dup[j, v] * hit[j, v].sum() for v in emits[j]) for j in many}
        worth = {j: w / (dense[:, j] >= 0).sum() for j, w in worth.items()}
        k0, place = 0.1, 0.0
        for j in sorted(kappa, key=lambda j: -kappa[j]):
            if place < 2.5:
                k0, place = kappa[j], place + worth[j]
        k0 = np.clip(k0, 0.05, 0.2)
        gate.update(
            {j: (count[j] * min(1, kappa[j] / k0) + 10) / (count[j] + 10) for j in sorted(many)}
        )
    for j, v in pairs:
        coverage = (dense[:, j] >= 0).mean()
        trust[j, v] = gate[j] * (1 if j in many else np.clip((1 - coverage) / 0.1, 0, 1))
    omega = {p: trust[p] * dup[p] for p in pairs}
    total = {p: hit[p].sum() * omega[p] for p in pairs}
    covered = (dense >= 0).any(axis=1)

    # 1. and 2. shares
    def share(weight):
        mass = np.zeros((n, k))
        for j, v in pairs:
            mass[hit[j, v], v] += weight[j, v]
        return (mass + 1 / k) / (mass.sum(axis=1, keepdims=True) + 1)

    c = class_weights(omega)
    member_m = share(omega)
    a = share({p: omega[p] * c[p] for p in pairs})

    # 3. one step of evidence; tables are learned with trust and applied with omega
    classes = a.sum(axis=0)
    q = a[covered].mean(axis=0) ** 0.25
    q /= q.sum()
    score = np.zeros((n, k))
    for j, v in pairs:
        counts = trust[j, v] * a[hit[j, v]].sum(axis=0)
        base = np.full(k, 0.25 * k / (k - 1))
        base[v] = 0.75 * k
        r = (counts / q + 10 * base) / (trust[j, v] * hit[j, v].sum() + 10)
        d = np.clip(np.log(r[v]) - np.log(np.delete(r, v)).mean(), -9, 9)
        score[hit[j, v], v] += omega[j, v] * d
    silence = {}
    for j in set(range(m)) - many:
        if not emits[j]:
            continue
        p = (j, emits[j][0])
        fired = trust[p] * a[hit[p]].sum(axis=0)
        t = (fired + 30 * trust[p] * hit[p].sum() / n) / (classes + 30)
        z = np.log(np.maximum(0.02, 1 - t))
        silence[j] = omega[p] * (z - z.mean())
    alone = np.zeros(k)
    if silence:
        alone = sum(silence.values())
        spread = np.ptp(alone)
        if spread > 1:
            silence = {j: z / spread for j, z in silence.items()}
        for j, z in silence.items():
            score[dense[:, j] < 0] += z
        alone = alone + 0.25 * np.log(a[covered].sum(axis=0))
        alone -= alone.mean()
        second, first = np.sort(alone)[-2:]
        alone = alone * max(0, 1 - (0.2 + 1 - covered.mean()) / max(first - second, 1e-9))
        alone = alone / max(np.ptp(alone), 1)
    b = softmax(score)

    # 4. the regime, and confusion matrices
    size = sum((dup[p] * hit[p] for p in pairs if p[0] in many), np.zeros(n))
    f = sum(t for (j, _), t in total.items() if j in many) / max(sum(total.values()), 1e-300)
    overlap = (size * np.clip(size - 2, 0, 1)).sum() / size.sum() if size.any() else 0
    has_many = size > 0
    each = {
        j: sum(total[j, v] * dup[j, v] for v in emits[j]) / sum(total[j, v] for v in emits[j])
        for j in many
    }
    voters = sum(each.values())
    agreed = sum(each[j] * agreement[j] for j in many) * k / (k - 1)
    signal = np.clip(agreed - 1.5, 0, 1)
    density = min(size.sum() / has_many.sum() / voters, 1) if size.any() else 0
    per_row = sum(dup[p] * hit[p] for p in pairs)[covered].mean()
    member_c, ind = None, 0.0
    if len(many) >= 3 and overlap > 0:

        def confusion(exponent, steps, counts, log_prior):
            for step in range(steps + 1):
                s = np.tile(log_prior, (n, 1))
                for j in many:
                    tables = np.full((k, k), 0.25 / (k - 1))  # [v, y]
                    tables[np.diag_indices(k)] = 0.75
                    votes = np.zeros((k, k))
                    for v in emits[j]:
                        votes[v] = trust[j, v] * counts[j, v]
                    theta = (votes + tables) / (votes.sum(axis=0) + 1)
                    for v in emits[j]:
                        s[hit[j, v]] += omega[j, v] * np.log(theta[v])
                p = softmax(s)
                if step < steps:
                    counts = {q: p[hit[q]].sum(axis=0) for q in pairs}
                    log_prior = exponent * np.log(p[covered].mean(axis=0))
            return p, counts, log_prior

        none = dict.fromkeys(pairs, np.zeros(k))  # no votes counted: the tables of the prior
        free, counts, log_prior = confusion(1.0, 100, none, np.zeros(k))
        ind = independence(dense, sorted(many), emits, dup, trust, hit, free)
        near = {q: ind**4 * c for q, c in counts.items()}
        exponent = 1 - 0.5 * density * (1 - ind)
        member_c, _, _ = confusion(exponent, 10, near, ind**4 * log_prior)

    # 5. average, tempered for fixed panels
    out = member_m + 2 * a + 2 * b
    weight = np.full(n, 5.0)
    if member_c is not None:
        w = 6 * (1 + 9 * ind) * (3 - 2 * density) * f * overlap * signal * has_many
        out += w[:, None] * member_c
        weight += w
    out /= weight[:, None]
    out **= 1 - 0.4 * f * overlap * density * np.clip((per_row - 3) / 7, 0, 1) * (1 - ind)
    out /= out.sum(axis=1, keepdims=True)
    out[~covered] = (3 / k + 2 * softmax(alone[None])[0]) / 5
    return out


def independence(dense, voters, emits, dup, trust, hit, p):
    """The check for independent voters, pair by pair."""
    weights, excesses, chances, every, checked = [], [], [], [], 0.0
    alone = {j: np.mean([dup[j, v] for v in emits[j]]) for j in voters}
    each = {j: np.mean([dup[j, v] * trust[j, v] ** 2 for v in emits[j]]) for j in voters}
    for a, j in enumerate(voters):
        for i in voters[:a]:
            near = False
            for v in set(emits[i]) & set(emits[j]):
                both, either = hit[i, v] & hit[j, v], hit[i, v] | hit[j, v]
                often = min(hit[i, v].sum(), hit[j, v].sum()) >= 10
                near |= often and both.sum() / either.sum() >= 0.8
            voted = (dense[:, i] >= 0) & (dense[:, j] >= 0)
            shared = voted.sum()
            every.append(0.0 if near else each[i] * each[j])
            if near or shared < 20:
                continue
            covariance, spread = 0.0, [0.0, 0.0]
            for y in range(p.shape[1]):
                residual = []
                for o in (i, j):
                    said = dense[:, o] >= 0
                    rate = p[said, y] @ (dense[said, o] == y) / p[said, y].sum()
                    residual.append(((dense[:, o] == y) - rate)[voted])
                covariance += p[voted, y] @ (residual[0] * residual[1])
                for s in (0, 1):
                    spread[s] += p[voted, y] @ residual[s] ** 2
            weights.append(each[i] * each[j] * shared)
            excesses.append(covariance**2 / (spread[0] * spread[1]) - 1 / shared)
            chances.append(1 / shared)
            checked += each[i] * each[j]
    if not weights:
        return 0.0
    weights = np.array(weights) / np.sum(weights)
    effective = sum(each.values())
    n_pairs = max(effective * (effective - 1) / 2 * checked / sum(every), 1)
    error = np.sqrt(2 / n_pairs) * (weights @ chances)
    believed = checked / sum(every) * min(1, 2 * effective / sum(alone.values()))
    return believed / (1 + ((max(weights @ excesses, 0) + error) / 0.003) ** 4)


def one_sided(seed=0, n=500):
    """Rules of one class each, unevenly many per class, one copied, one that always fires."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    columns = []
    for v in (0, 0, 0, 0, 1, 1, 2):
        fires = np.where(y == v, rng.random(n) < 0.5, rng.random(n) < 0.08)
        columns.append(np.where(fires, v, -1))
    columns += [columns[4], np.zeros(n, dtype=int)]
    return np.column_stack(columns)


def mixture(seed=0, n=400):
    """Rules and many-class voters, one of them noise."""
    rng = np.random.default_rng(seed)
    planted = planted_votes(
        n,
        accuracy=[0.8, 0.7, 0.75, 1 / 3],
        class_balance=[0.5, 0.3, 0.2],
        propensity=0.7,
        seed=seed,
    )
    y = planted.truth
    rules = [np.where((y == v) & (rng.random(n) < 0.4), v, -1) for v in (0, 1, 1)]
    return np.column_stack([planted.votes.to_dense(), *rules])


@pytest.mark.parametrize(
    "dense",
    [
        one_sided(),
        mixture(),
        good_votes().to_dense(),
        planted_votes(300, accuracy=[0.9, 0.6, 0.7], copies=[(0, 1.0), (0, 0.9)]).votes.to_dense(),
    ],
    ids=["one-sided", "mixture", "many-class", "copies"],
)
def test_the_posterior_is_that_of_the_recipe(dense):
    n_classes = int(dense.max()) + 1
    votes = VoteMatrix.from_dense(dense, labels=range(n_classes))
    found = LabelModel().fit(votes).predict_proba(votes)
    np.testing.assert_allclose(found, recipe(dense, n_classes), atol=1e-10)


def test_copies_random_lfs_and_constants_are_discounted():
    dense = np.column_stack([mixture(), np.ones(400, dtype=int)])
    model = LabelModel().fit(VoteMatrix.from_dense(dense))
    weight = dict(zip(model.layout_.row_lf.tolist(), model.parameters_.vote_weight, strict=True))
    assert weight[7] == 0.0  # votes the same on every row
    assert weight[3] < 0.6 * weight[0]  # a coin
    many_copies = np.column_stack([mixture()] + [mixture()[:, [4]]] * 9)
    copied = LabelModel().fit(VoteMatrix.from_dense(many_copies))
    weight = dict(zip(copied.layout_.row_lf.tolist(), copied.parameters_.vote_weight, strict=True))
    assert weight[4] == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize("told", [None, [0.8, 0.2]])
@pytest.mark.parametrize("copies", [8, 30])
def test_copies_of_one_lf_are_one_lf(told, copies):
    planted = planted_votes(
        2000,
        accuracy=[0.75, 0.7, 0.65, 0.7, 0.6],
        class_balance=[0.8, 0.2],
        propensity=0.6,
        seed=3,
    )
    dense = planted.votes.to_dense()
    copied = np.column_stack([dense] + [dense[:, [4]]] * copies)
    alone = LabelModel().fit(dense, class_balance=told).predict_proba(dense)
    with_copies = LabelModel().fit(copied, class_balance=told).predict_proba(copied)
    assert np.abs(alone - with_copies).max() < 0.01
    counted = MajorityVote().fit(dense).predict_proba(dense)
    with_counted = MajorityVote().fit(copied).predict_proba(copied)
    assert np.abs(counted - with_counted).max() > 0.3


def test_looking_at_a_part_of_the_rows_is_enough(monkeypatch):
    dense = mixture(n=4000)
    votes = VoteMatrix.from_dense(dense)
    whole = LabelModel().fit(votes).predict_proba(votes)
    monkeypatch.setattr(preweights, "PAIRS", 20_000)
    monkeypatch.setattr(preweights, "CELLS", 20_000)
    part = LabelModel().fit(votes).predict_proba(votes)
    assert np.abs(part - whole).mean() < 0.02


def test_members_are_there_to_look_at():
    votes = VoteMatrix.from_dense(mixture())
    members = LabelModel().fit(votes).members(votes)
    for p in (members.share, members.normalised_share, members.evidence, members.confusion):
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
    rules = VoteMatrix.from_dense(one_sided())
    assert LabelModel().fit(rules).members(rules).confusion is None


def test_contributions_need_little_repair(monkeypatch):
    """The quadrature alone is close: half as many nodes give the same to 1e-6."""
    votes = VoteMatrix.from_dense(mixture())
    model = LabelModel().fit(votes)
    layout, parameters, table_row = model._rows_of(votes)
    prior, found = fade.anchored_contributions(parameters, votes.indptr, table_row, layout)
    total = prior.copy()
    np.add.at(total, votes.item_index(), found)
    np.testing.assert_allclose(total, np.log(model.predict_proba(votes)), atol=1e-12)
    monkeypatch.setattr(fade, "FADE_NODES", fade.FADE_NODES // 2)
    _, rougher = fade.anchored_contributions(parameters, votes.indptr, table_row, layout)
    np.testing.assert_allclose(rougher, found, atol=1e-6)


def test_gold_moves_the_default_towards_it():
    dense = mixture(seed=5)
    rng = np.random.default_rng(5)
    flipped = np.where(dense[:, :4] >= 0, (dense[:, :4] + 1) % 3, -1)
    dense = np.column_stack([dense[:, 4:], flipped])
    truth = planted_votes(
        400,
        accuracy=[0.8, 0.7, 0.75, 1 / 3],
        class_balance=[0.5, 0.3, 0.2],
        propensity=0.7,
        seed=5,
    ).truth
    gold = np.full(400, -1)
    known = rng.choice(400, 50, replace=False)
    gold[known] = truth[known]
    votes = VoteMatrix.from_dense(dense)
    blind = LabelModel().fit(votes).predict_proba(votes)
    told = LabelModel().fit(votes, gold).predict_proba(votes)
    rest = gold < 0
    gain = told[rest, truth[rest]].mean() - blind[rest, truth[rest]].mean()
    assert gain > 0.01


def test_a_known_class_balance_helps_and_adds_up():
    """One class in ten: told so, the default is more often right, and explanations still add up."""
    planted = planted_votes(
        4000, accuracy=[0.75, 0.7, 0.7, 0.65], class_balance=[0.9, 0.1], propensity=0.5, seed=2
    )
    blind = LabelModel().fit(planted.votes)
    told = LabelModel().fit(planted.votes, class_balance=[0.9, 0.1])

    def accuracy(model):
        return (model.predict_proba(planted.votes).argmax(axis=1) == planted.truth).mean()

    assert accuracy(told) > accuracy(blind) + 0.05
    found = told.explain(planted.votes, 7)
    total = found.prior + found.contributions.sum(axis=0)
    log_odds = np.log(found.probabilities[1] / found.probabilities[0])
    assert total[1] - total[0] == pytest.approx(log_odds, abs=1e-9)


def test_predicting_in_blocks_of_rows_changes_nothing(monkeypatch):
    votes = VoteMatrix.from_dense(mixture())
    model = LabelModel().fit(votes)
    whole = model.predict_proba(votes)
    monkeypatch.setattr("weaklabel.models.auto.BLOCK_CELLS", 100)
    np.testing.assert_allclose(model.predict_proba(votes), whole, atol=1e-13)


def test_a_look_at_few_rows_is_a_look_at_votes(monkeypatch):
    """With thousands of voters one row is looked at; without votes it would leave 0 / 0."""
    monkeypatch.setattr(independence_module, "PRODUCTS", 1.0)
    rng = np.random.default_rng(0)
    dense = rng.integers(3, size=(200, 6))
    dense[rng.random((200, 6)) < 0.5] = -1
    dense[0] = -1
    found = LabelModel().fit(dense).predict_proba(dense)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
