"""Real votes: the peers' numbers, attribute detectors as sets, and the default against counting."""

from __future__ import annotations

import json

import numpy as np
import pytest

from weaklabel.labels import LabelSpace, OneOf, VoteAlphabet
from weaklabel.models import DawidSkene, LabelModel, MajorityVote, OneCoin
from weaklabel.votes import VoteMatrix

RULES = ["wrench/youtube", "wrench/sms", "wrench/trec", "wrench/census", "wrench/spouse"]
RULES += ["text/agnews_full7600", "text/imdb_cosine", "llm/prompted_youtube", "llm/prompted_sms"]
RULES += ["llm/css_mrf", "llm/css_ibc", "other/tennis_flyingsquid", "other/mushroom"]
F1_OF_ONE = {"sms", "census", "spouse", "prompted_sms", "tennis_flyingsquid"}
CROWDS = ["snow_rte", "bluebird", "dog", "product_text", "sentiment_polarity", "labelme"]


def rule_votes(folder):
    """Votes to fit on, votes to score on, and their gold."""

    def read(split):
        with np.load(folder / f"votes_{split}.npz", allow_pickle=False) as archive:
            return archive["L"], archive["Y"]

    splits = {p.stem.removeprefix("votes_") for p in folder.glob("votes_*.npz")}
    score_on = "test" if "test" in splits else "valid"
    fit_on = "train" if "train" in splits else score_on
    (train, _), (test, gold) = read(fit_on), read(score_on)
    n_classes = int(max(train.max(), test.max(), gold.max())) + 1
    matrices = [VoteMatrix.from_dense(d, labels=range(n_classes)) for d in (train, test)]
    return *matrices, gold


def score(p, gold, metric_of_one):
    """Accuracy or F1 of class 1, x100, ties as an expected random break."""
    p, gold = p[gold >= 0], gold[gold >= 0]
    tied = p >= p.max(axis=1, keepdims=True) - 1e-9
    share = tied / tied.sum(axis=1, keepdims=True)
    if not metric_of_one:
        return 100 * share[np.arange(len(gold)), gold].mean()
    hit = share[gold == 1, 1].sum()
    return 100 * 2 * hit / (share[:, 1].sum() + (gold == 1).sum())


def crowd_votes(folder):
    import pandas as pd

    table = pd.read_parquet(folder / "votes.parquet")
    item, source, label = table.columns[:3]
    return VoteMatrix.from_long(table.drop_duplicates([item, source]), item, source, label)


def test_the_default_does_not_lose_to_counting(shared_data):
    """Average gain over majority vote of two points or more, worst loss one point."""
    gains = {}
    for name in RULES:
        train, test, gold = rule_votes(shared_data / name)
        of_one = name.split("/")[1] in F1_OF_ONE
        found, counted = (
            score(model.fit(train).predict_proba(test), gold, of_one)
            for model in (LabelModel(), MajorityVote())
        )
        gains[name] = found - counted
    assert min(gains.values()) > -1.0, gains
    assert np.mean(list(gains.values())) > 2.0, gains


def test_the_default_on_youtube_comments(shared_data):
    train, test, gold = rule_votes(shared_data / "wrench" / "youtube")
    covered = test.n_votes_per_item > 0
    p = LabelModel().fit(train).predict_proba(test)
    assert (p[covered].argmax(axis=1) == gold[covered]).mean() > 0.85


def attribute_votes(folder):
    """A detector that finds an attribute votes for the classes that have it, else for the rest."""
    meta = json.loads((folder / "meta.json").read_text())
    has = json.loads((folder / "class_attr_matrix.json").read_text())
    with np.load(folder / "votes.npz") as archive:
        found, gold = archive["A"], archive["Y"]
    names = meta["classes"]
    table = np.array([[has[c][a] for a in meta["attributes"]] for c in names])
    telling = np.flatnonzero((table.sum(axis=0) > 0) & (table.sum(axis=0) < len(names)))
    alphabet = VoteAlphabet(LabelSpace(names))
    symbols = {
        (j, v): alphabet.read(
            OneOf(*(c for c, m in zip(names, table[:, j], strict=True) if m == v))
        )
        for j in telling
        for v in (0, 1)
    }
    alphabet = alphabet.extended(symbols.values())
    code = [[alphabet.code(symbols[j, v]) for v in (0, 1)] for j in telling]
    dense = np.column_stack([np.array(c)[found[:, j]] for c, j in zip(code, telling, strict=True)])
    n_items, n_lfs = dense.shape
    votes = VoteMatrix(
        np.arange(n_items + 1) * n_lfs,
        np.tile(np.arange(n_lfs), n_items),
        dense.ravel(),
        alphabet,
        [meta["attributes"][j] for j in telling],
    )
    return votes, gold


def test_attribute_detectors_vote_for_sets_of_classes(shared_data):
    votes, gold = attribute_votes(shared_data / "partial" / "awa2_attributes")
    found = {
        type(m).__name__: (m.fit(votes).predict_proba(votes).argmax(axis=1) == gold).mean()
        for m in (MajorityVote(), OneCoin(), DawidSkene(), LabelModel())
    }
    # ten classes: chance is 0.1; learning which detectors to trust beats counting them
    assert found["MajorityVote"] > 0.28
    assert found["DawidSkene"] > found["MajorityVote"] + 0.03
    assert found["OneCoin"] > found["MajorityVote"] + 0.03
    assert found["LabelModel"] > found["MajorityVote"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CROWDS)
@pytest.mark.parametrize("ours", [DawidSkene, OneCoin])
def test_posteriors_of_crowdkit(shared_data, name, ours):
    """Same start, same number of plain EM steps, no prior: the same posteriors."""
    aggregation = pytest.importorskip("crowdkit.aggregation")
    theirs = {DawidSkene: "DawidSkene", OneCoin: "OneCoinDawidSkene"}[ours]
    votes = crowd_votes(shared_data / "crowd" / name)
    table = votes.to_long()
    table.columns = ["task", "worker", "label"]
    for n_iter in (1, 10, 60):
        peer = getattr(aggregation, theirs)(n_iter=n_iter, tol=-np.inf)
        want = peer.fit_predict_proba(table).loc[list(votes.ids), list(votes.labels.names)]
        model = ours(
            prior_strength=0,
            class_prior_strength=0,
            init="vote_share",
            accelerate=False,
            max_iter=n_iter,
            tol=0.0,
        )
        np.testing.assert_allclose(
            model.fit(votes).predict_proba(votes), want.to_numpy(), atol=1e-6
        )
