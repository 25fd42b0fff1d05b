"""Models side by side: the predictive likelihood against a loop, and that gold changes nothing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from weaklabel.analysis import compare, predictive_log_likelihood
from weaklabel.analysis.paired import paired_difference
from weaklabel.errors import ConfigError, DataError
from weaklabel.models import DawidSkene, LabelModel, MajorityVote, OneCoin
from weaklabel.votes import VoteMatrix
from weaklabel.votes.synthetic import planted_votes


@pytest.fixture(scope="module")
def planted():
    return planted_votes(2000, accuracy=[0.95, 0.8, 0.7, 0.6, 0.55], class_balance=(0.7, 0.3))


def test_predictive_is_the_log_probability_of_each_vote_given_the_others(planted):
    train, test = planted.votes[:1500], planted.votes[1500:1550]
    model = DawidSkene().fit(train)
    posterior, dense = model.predict_proba(train), train.to_dense()
    held_out, total, n = test.to_dense(), 0.0, 0
    for row in held_out:
        for j in np.flatnonzero(row >= 0):
            others = row.copy()
            others[j] = -1
            if (others < 0).all():
                continue
            frequency = np.array([(dense[:, j] == a).sum() + 0.5 for a in (0, 1)])
            frequency /= frequency.sum()
            # half a pseudo-vote per symbol is in the frequency and not in the tables
            table = np.stack(
                [[posterior[dense[:, j] == a, y].sum() for a in (0, 1)] + frequency for y in (0, 1)]
            )
            table /= table.sum(axis=1, keepdims=True)
            q = model.predict_proba(others[None])[0]
            total += np.log(q @ table[:, row[j]]) - np.log(frequency[row[j]])
            n += 1
    assert predictive_log_likelihood(model, train, test) == pytest.approx(total / n, abs=1e-9)


def test_on_independent_votes_the_right_model_foretells_best(planted):
    found = compare([MajorityVote(), DawidSkene()], planted.votes, gold=planted.truth)
    assert found.names == ("MajorityVote", "DawidSkene")
    assert found.predictive[1] > found.predictive[0]
    assert found.predictive[1] > 0
    assert found.accuracy[1] > found.accuracy[0]
    assert found.agreement[0] == pytest.approx(1.0, abs=0.25)  # ties agree in part
    assert found.excess_error[0] == pytest.approx(0.0)
    assert found.excess_error[1] > 0.02
    assert found.n_held_out == int(0.2 * (planted.votes.n_votes_per_item > 0).sum())


def test_strangers_say_nothing_about_each_other():
    rng = np.random.default_rng(0)
    noise = VoteMatrix.from_dense(rng.integers(0, 2, (3000, 5)), labels=["a", "b"])
    assert abs(compare([MajorityVote()], noise).predictive[0]) < 0.01


def test_gold_adds_a_column_and_changes_nothing_else(planted):
    models = {"count": MajorityVote(), "coin": OneCoin()}
    blind = compare(models, planted.votes)
    seeing = compare(models, planted.votes, gold=planted.truth)
    assert blind.accuracy is None
    assert (blind.predictive == seeing.predictive).all()
    assert blind.to_pandas().columns.tolist() == [
        "model",
        "predictive",
        "agreement",
        "excess_error",
    ]
    assert seeing.to_pandas()["accuracy"].between(0.5, 1.0).all()
    text = seeing.to_text()
    assert "do not choose by the predictive column" in text
    assert "accuracy" in text.splitlines()[0]
    assert "accuracy on 2,000 gold rows" in text


def test_a_few_gold_rows_say_how_little_they_say(planted):
    """Few rows leave the choice open; many close it. A clearly worse model is seen early."""

    class _Backwards(MajorityVote):
        def _predict_proba(self, votes):
            return super()._predict_proba(votes)[:, ::-1]

    models = {"count": MajorityVote(), "default": LabelModel(), "backwards": _Backwards()}
    few = np.full(2000, -1)
    few[::100] = planted.truth[::100]
    found = compare(models, planted.votes, gold=few)
    assert found.n_gold == 20
    assert found.may_be_best.tolist() == [True, True, False]
    assert (found.accuracy_low < found.accuracy).all()
    assert (found.accuracy < found.accuracy_high).all()
    text = found.to_text()
    assert text.splitlines()[0].split()[-3:] == ["accuracy", "interval", "best?"]
    lines = {line.split()[0]: line.split()[-1] for line in text.splitlines()}
    assert (lines["default"], lines["backwards"]) == ("maybe", "no")
    everything = compare(models, planted.votes, gold=planted.truth)
    narrow = everything.accuracy_high - everything.accuracy_low
    assert (narrow < 0.2 * (found.accuracy_high - found.accuracy_low)).all()
    nothing = compare(models, planted.votes, gold=np.full(2000, -1))
    assert np.isnan(nothing.accuracy).all()
    assert nothing.may_be_best.all()


def test_the_interval_of_a_paired_difference_covers():
    """Of 2,000 pairs of models with a true difference of 0.1, 93 to 97 % of the intervals."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        which = rng.choice(4, 60, p=[0.5, 0.2, 0.1, 0.2])  # both, first, second, neither right
        low, high = paired_difference((which <= 1) * 1.0, np.isin(which, [0, 2]) * 1.0)
        inside += low <= 0.1 <= high
    assert 0.93 <= inside / 2000 <= 0.97


def test_the_same_rows_are_held_out_for_the_same_seed(planted):
    first, second, other = (
        compare([OneCoin()], planted.votes, random_state=seed).predictive[0] for seed in (0, 0, 1)
    )
    assert first == second != other


def test_models_are_left_as_they_are_and_named_apart(planted):
    fitted = OneCoin().fit(planted.votes)
    before = fitted.parameters_hash()
    found = compare([fitted, OneCoin(), OneCoin(prior_strength=1.0)], planted.votes)
    assert found.names == ("OneCoin", "OneCoin (2)", "OneCoin(prior_strength=1.0)")
    assert fitted.parameters_hash() == before
    assert compare(fitted, planted.votes).names == ("OneCoin",)


def test_held_out_rows_without_votes_are_no_trouble():
    dense = np.full((40, 3), -1)
    dense[:5] = [[0, 1, 0]] * 5
    found = compare([MajorityVote()], VoteMatrix.from_dense(dense, labels=["a", "b"]), held_out=0.5)
    assert np.isfinite(found.predictive).all()


def test_bad_input(planted):
    with pytest.raises(ConfigError, match="at least one model to compare, found none"):
        compare([], planted.votes)
    with pytest.raises(ConfigError, match="models must be label models, found 'OneCoin' as 'a'"):
        compare({"a": "OneCoin"}, planted.votes)
    with pytest.raises(ConfigError, match=r"held_out must be a number in \(0, 1\), found 20"):
        compare([OneCoin()], planted.votes, held_out=20)
    with pytest.raises(DataError, match="found 3 for 2000 rows"):
        compare([OneCoin()], planted.votes, gold=[0, 1, 0])
    with pytest.raises(DataError, match="found one row with votes"):
        compare([OneCoin()], [[0, 1, 1]])


def test_the_page_on_choosing_runs(capsys):
    page = Path(__file__).resolve().parents[2] / "docs" / "choosing.md"
    codes = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(codes) == 2
    exec(compile("\n".join(codes), str(page), "exec"), {})
    out = capsys.readouterr().out
    assert "do not choose by the predictive column" in out
    assert "accuracy on 50 gold rows" in out
