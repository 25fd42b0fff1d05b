"""Paraphrases and models as dependent columns."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel import Confident, DawidSkene, LabelModel, LabelSpace, OneOf, Reason, VoteMatrix
from weaklabel.errors import ConfigError, VotesError
from weaklabel.labels import VoteAlphabet
from weaklabel.llm import CallableModel, PromptLabelingFunction, ask
from weaklabel.llm.agreeing import agreement
from weaklabel.llm.ensembles import prompt_ensemble
from weaklabel.llm.merging import merged_columns
from weaklabel.llm.soft_votes import soft_vote_matrix

PROMPT = PromptLabelingFunction("spam", "Is this spam? {text}", {"yes": "spam", "no": "ham"})
WORDINGS = {"ad": "Is this an advertisement? {text}", "short": "{text} spam?"}


def model(name: str) -> CallableModel:
    return CallableModel(lambda text: "yes" if "free" in text else "no", name)


def test_members_are_columns_and_share_everything_but_the_words():
    ensemble = prompt_ensemble(PROMPT, WORDINGS)
    assert ensemble.names == ("spam", "spam/ad", "spam/short")
    assert ensemble.dependencies == (("spam", "spam/ad", "spam/short"),)
    rows = [{"text": "free"}, {"text": "hello"}]
    result = ask(list(ensemble), rows, model=model("m"), progress=False)
    assert result.votes.to_dense().tolist() == [[0] * 3, [1] * 3]


def test_wordings_put_to_one_model_depend_on_each_other_and_single_wordings_across_models():
    both = prompt_ensemble(PROMPT, ["Spam? {text}"], [model("a"), model("b")])
    assert both.names == ("spam@a", "spam/2@a", "spam@b", "spam/2@b")
    assert both.dependencies == (("spam@a", "spam/2@a"), ("spam@b", "spam/2@b"))
    one = prompt_ensemble(PROMPT, (), [model("a"), model("b")])
    assert one.dependencies == (("spam@a", "spam@b"),)


def test_an_ensemble_of_one_and_models_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="found one prompt"):
        prompt_ensemble(PROMPT)
    with pytest.raises(ConfigError, match="different names"):
        prompt_ensemble(PROMPT, (), [model("a"), model("a")])


def copies() -> tuple[VoteMatrix, np.ndarray]:
    """Three good voters, and five wordings that make the mistakes of one bad one."""
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 2, 3000)
    good = [np.where(rng.random(3000) < 0.8, gold, 1 - gold) for _ in range(3)]
    bad = np.where(rng.random(3000) < 0.6, gold, 1 - gold)
    same = [np.where(rng.random(3000) < 0.97, bad, 1 - bad) for _ in range(5)]
    names = [*(f"good_{k}" for k in range(3)), *(f"copy_{k}" for k in range(5))]
    dense = np.stack([*good, *same], axis=1)
    return VoteMatrix.from_dense(dense, labels=["a", "b"], lf_names=names), gold


def test_declared_dependencies_keep_copies_from_winning_the_vote():
    votes, gold = copies()
    group = tuple(name for name in votes.lf_names if name.startswith("copy"))
    alone = DawidSkene().fit(votes).predict_proba(votes).argmax(axis=1)
    told = DawidSkene(dependencies=[group]).fit(votes).predict_proba(votes).argmax(axis=1)
    assert (told == gold).mean() > (alone == gold).mean() + 0.1
    assert (told == gold).mean() > 0.85


def test_agreement_counts_copies_as_one_voter():
    votes, _ = copies()
    group = [name for name in votes.lf_names if name.startswith("copy")]
    found = agreement(votes, group)
    assert found.effective == pytest.approx(5 / (1 + 4 * 0.88), abs=0.1)
    assert found.agreement[0, 1] == pytest.approx(0.97**2 + 0.03**2, abs=0.01)
    assert "worth 1.1 independent" in str(found)
    apart = agreement(votes, ["good_0", "good_1", "good_2"])
    assert apart.effective > 1.5


def test_agreement_against_a_loop():
    rng = np.random.default_rng(1)
    dense = rng.integers(-1, 3, (200, 3))
    found = agreement(VoteMatrix.from_dense(dense, labels=["a", "b", "c"]))
    pairs = [(r[0], r[1]) for r in dense if r[0] >= 0 and r[1] >= 0]
    same = np.mean([a == b for a, b in pairs])
    chance = sum(
        np.mean([a == c for a, _ in pairs]) * np.mean([b == c for _, b in pairs]) for c in range(3)
    )
    assert found.agreement[0, 1] == found.agreement[1, 0] == pytest.approx(same)
    assert found.kappa[1, 0] == pytest.approx((same - chance) / (1 - chance))
    differ = []
    for row in dense:
        said = [v for v in row if v >= 0]
        if len(said) > 1:
            drawn = [a != b for i, a in enumerate(said) for j, b in enumerate(said) if i != j]
            differ.append(np.mean(drawn))
    assert found.variance == pytest.approx(np.mean(differ))
    assert found.unanimous == pytest.approx(np.mean(np.array(differ) == 0))


def test_confident_votes_agree_by_class_and_members_that_never_meet_do_not_agree():
    p = [[[0.9, 0.1], [0.6, 0.4]], [[0.2, 0.8], [0.1, 0.9]]]
    assert agreement(soft_vote_matrix(p, ["a", "b"], edges=[0.7])).agreement[0, 1] == 1.0
    apart = agreement(VoteMatrix.from_dense([[0, -1], [-1, 1]], labels=["a", "b"]))
    assert np.isnan(apart.agreement[0, 1])
    with pytest.raises(ConfigError, match="two columns or more, found 1"):
        agreement(VoteMatrix.from_dense([[0]], labels=["a", "b"]))


def test_merged_groups_keep_copies_from_winning_the_vote_of_the_default_model():
    votes, gold = copies()
    group = [name for name in votes.lf_names if name.startswith("copy")]
    merged = merged_columns(votes, [group])
    assert merged.lf_names == ("good_0", "good_1", "good_2", "copy_0")
    beside = LabelModel().fit(votes).predict_proba(votes).argmax(axis=1)
    alone = LabelModel().fit(merged).predict_proba(merged).argmax(axis=1)
    assert (alone == gold).mean() > (beside == gold).mean() + 0.05


def test_a_merged_column_says_what_most_members_say():
    votes = VoteMatrix.from_dense(
        [[0, 1, 1, 2], [0, 1, -1, 2], [-1, 0, 0, -1], [-1, -1, -1, 1]],
        labels=["a", "b", "c"], lf_names=["x", "rule", "y", "z"], row_ids=["p", "q", "r", "s"],
    )  # fmt: skip
    merged = merged_columns(votes, [("x", "y", "z")])
    assert merged.lf_names == ("x", "rule")
    assert merged.to_dense().tolist() == [[-1, 1], [-1, 1], [0, 0], [1, -1]]
    assert merged.ids.tolist() == ["p", "q", "r", "s"]
    two = merged_columns(votes, [("rule", "x"), ("z", "y")])
    assert two.lf_names == ("rule", "z")
    assert two.to_dense().tolist() == [[-1, -1], [-1, 2], [0, 0], [-1, 1]]
    with pytest.raises(VotesError, match="nobody"):
        merged_columns(votes, [("x", "nobody")])


def test_merged_votes_of_other_kinds():
    alphabet = VoteAlphabet(LabelSpace(["a", "b", "c"]))
    read = [Confident("a", 0.8), "a", OneOf("b", "c"), Reason("refused")]
    symbols = [alphabet.read(vote) for vote in read]
    alphabet = alphabet.extended([s for s in symbols if s is not None])
    codes = [alphabet.code(s) for s in symbols if s is not None]
    rows = [[0, 1, 2], [2, 2, 1], [3, 3, 2], [3, 3, 3]]
    dense = [[codes[k] for k in row] for row in rows]
    votes = VoteMatrix.from_dense(dense, labels=alphabet, lf_names=["x", "y", "z"])
    merged = merged_columns(votes, [votes.lf_names])
    assert [alphabet.describe(c) for c in merged.symbol] == ["a", "one of b, c", "one of b, c"]
    assert merged.item_index().tolist() == [0, 1, 2]


def test_an_ensemble_merges_its_own_columns():
    ensemble = prompt_ensemble(PROMPT, WORDINGS, [model("a"), model("b")])
    result = ask(list(ensemble), [{"text": "free"}, {"text": "hello"}], progress=False)
    merged = ensemble.merged(result.votes)
    assert merged.lf_names == ("spam@a", "spam@b")
    assert merged.to_dense().tolist() == [[0, 0], [1, 1]]
    assert merged.lf_fingerprints is not None
    assert len(set(merged.lf_fingerprints)) == 2
    assert not set(merged.lf_fingerprints) & set(result.votes.lf_fingerprints or ())
