"""The default model against its recipe written out densely, row by row."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.conftest import good_votes
from weaklabel.inference import anchored, preweights
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

    # 0. pre-weights
    omega = {}
    raw = class_weights(dict.fromkeys(pairs, 1.0))
    everything = np.zeros((n, k))
    for j, v in pairs:
        everything[hit[j, v], v] += raw[j, v]
    kappa, count = {}, {}
    for j in sorted(many):
        own = np.zeros((n, k))
        for v in emits[j]:
            own[hit[j, v], v] += raw[j, v]
        others = everything - own
        po = others / (others.sum(axis=1, keepdims=True) + 1)
        cast = dense[:, j] >= 0
        agreed = po[cast, dense[cast, j]].mean()
        chance = sum(hit[j, v].sum() / cast.sum() * po[cast, v].mean() for v in emits[j])
        kappa[j] = max(0.0, (agreed - chance) / (1 - chance))
        count[j] = po[cast].sum()
    k0 = np.clip(max(kappa.values(), default=0.1), 0.05, 0.1)
    for j, v in pairs:
        copies = 0.0
        for jj, vv in pairs:
            if vv == v and jj != j and min(hit[j, v].sum(), hit[jj, v].sum()) >= 10:
                both = (hit[j, v] & hit[jj, v]).sum()
                copies += (both / (hit[j, v] | hit[jj, v]).sum()) ** 10
        weight = 1 / (1 + copies)
        if j in many:
            weight *= (count[j] * min(1, kappa[j] / k0) + 20) / (count[j] + 20)
        else:
            weight *= np.clip((1 - (dense[:, j] >= 0).mean()) / 0.1, 0, 1)
        omega[j, v] = weight
    total = {p: hit[p].sum() * omega[p] for p in pairs}

    # 1. and 2. shares
    def share(weight):
        mass = np.zeros((n, k))
        for j, v in pairs:
            mass[hit[j, v], v] += weight[j, v]
        return (mass + 1 / k) / (mass.sum(axis=1, keepdims=True) + 1)

    c = class_weights(omega)
    member_m = share(omega)
    a = share({p: omega[p] * c[p] for p in pairs})

    # 3. one step of evidence
    classes = a.sum(axis=0)
    q = (classes / classes.sum()) ** 0.25
    q /= q.sum()
    score = np.zeros((n, k))
    for j, v in pairs:
        counts = omega[j, v] * a[hit[j, v]].sum(axis=0)
        base = np.full(k, 0.25 * k / (k - 1))
        base[v] = 0.75 * k
        r = (counts / q + 10 * base) / (total[j, v] + 10)
        d = np.clip(np.log(r[v]) - np.log(np.delete(r, v)).mean(), -9, 9)
        score[hit[j, v], v] += omega[j, v] * d
    silence = {}
    for j in set(range(m)) - many:
        if not emits[j]:
            continue
        p = (j, emits[j][0])
        fired = omega[p] * a[hit[p]].sum(axis=0)
        t = (fired + 30 * total[p] / n) / (classes + 30)
        z = np.log(np.maximum(0.02, 1 - t))
        silence[j] = omega[p] * (z - z.mean())
    if silence:
        spread = np.ptp(sum(silence.values()))
        if spread > 1:
            silence = {j: z / spread for j, z in silence.items()}
        for j, z in silence.items():
            score[dense[:, j] < 0] += z
    b = softmax(score)

    # 4. confusion matrices
    has_many = np.zeros(n, dtype=bool)
    for j in many:
        has_many |= dense[:, j] >= 0
    member_c = None
    if len(many) >= 3:
        p = a
        for _ in range(5):
            s = np.tile(0.5 * np.log(p.sum(axis=0) / p.sum()), (n, 1))
            for j in many:
                tables = np.full((k, k), 0.25 / (k - 1)) * 3  # [v, y]
                tables[np.diag_indices(k)] = 0.75 * 3
                votes = np.zeros((k, k))
                for v in emits[j]:
                    votes[v] = omega[j, v] * p[hit[j, v]].sum(axis=0)
                theta = (votes + tables) / (votes.sum(axis=0) + 3)
                for v in emits[j]:
                    s[hit[j, v]] += omega[j, v] * np.log(theta[v])
            p = softmax(s)
        member_c = p

    # 5. average
    out = 2 * member_m + 2 * a + b
    weight = np.full(n, 5.0)
    if member_c is not None:
        f = sum(t for (j, _), t in total.items() if j in many) / sum(total.values())
        out += f * has_many[:, None] * member_c
        weight += f * has_many
    out /= weight[:, None]
    out[(dense < 0).all(axis=1)] = 1 / k
    return out


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


def test_thirty_copies_of_a_rule_move_little():
    planted = planted_votes(2000, accuracy=[0.7, 0.7, 0.65, 0.75, 0.6], propensity=0.6, seed=3)
    dense = planted.votes.to_dense()
    copied = np.column_stack([dense] + [dense[:, [4]]] * 29)
    alone = LabelModel().fit(dense).predict_proba(dense)
    with_copies = LabelModel().fit(copied).predict_proba(copied)
    counted = MajorityVote().fit(copied).predict_proba(copied)

    def accuracy(p):
        return (p.argmax(axis=1) == planted.truth).mean()

    assert accuracy(with_copies) > accuracy(alone) - 0.02
    assert accuracy(counted) < accuracy(alone) - 0.05


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
    prior, found = anchored.anchored_contributions(parameters, votes.indptr, table_row, layout)
    total = prior.copy()
    np.add.at(total, votes.item_index(), found)
    np.testing.assert_allclose(total, np.log(model.predict_proba(votes)), atol=1e-12)
    monkeypatch.setattr(anchored, "FADE_NODES", anchored.FADE_NODES // 2)
    _, rougher = anchored.anchored_contributions(parameters, votes.indptr, table_row, layout)
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
