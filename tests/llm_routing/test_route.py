"""Routing on planted votes, on recorded ones, and through a model that is asked for real."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel import DawidSkene, LabelModel, MajorityVote, VoteMatrix
from weaklabel.errors import ConfigError
from weaklabel.llm import CallableModel, PromptLabelingFunction
from weaklabel.llm.paid_votes import PromptVotes, RecordedVotes
from weaklabel.llm.routing import Routing, Strategy, route
from weaklabel.llm.soft_votes import soft_vote_matrix


def planted(n: int = 1200, seed: int = 0) -> tuple[VoteMatrix, VoteMatrix, np.ndarray]:
    """Free rules that are sure about half of the rows, and three good prompts."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 2, n)

    def voted(accuracy: float, coverage: np.ndarray) -> np.ndarray:
        right = rng.random(n) < accuracy
        return np.where(rng.random(n) < coverage, np.where(right, gold, 1 - gold), -1)

    easy = rng.random(n) < 0.6
    free = np.stack([voted(0.95, np.where(easy, 0.9, 0.05)) for _ in range(5)], axis=1)
    paid = np.stack([voted(0.9, np.full(n, 0.9)) for _ in range(3)], axis=1)
    labels = ["ham", "spam"]
    return (
        VoteMatrix.from_dense(free, labels=labels, lf_names=[f"rule_{j}" for j in range(5)]),
        VoteMatrix.from_dense(paid, labels=labels, lf_names=[f"prompt_{j}" for j in range(3)]),
        gold,
    )


def final(strategy: Strategy, seed: int = 0, budget: float = 1200.0) -> Routing:
    free, paid, gold = planted()
    return route(
        free, RecordedVotes(paid), LabelModel(), budget=budget, strategy=strategy, seed=seed,
        gold=gold,
    )  # fmt: skip


def accuracy(result: Routing) -> float:
    found = result.curve[-1].accuracy
    assert found is not None
    return found


def test_it_spends_the_budget_and_never_more():
    for budget in (50.0, 301.0, 1200.0):
        result = final("drop", budget=budget)
        assert budget - 3 < result.cost <= budget
        assert result.cost == 3 * len(result.asked) == 3 * len(set(result.asked.tolist()))


def test_two_fifths_of_the_calls_are_nearly_as_good_as_all_and_better_than_random():
    free, paid, gold = planted()
    everything = route(free, RecordedVotes(paid), LabelModel(), strategy="all", gold=gold)
    assert len(everything.asked) == free.n_items
    drop = np.mean([accuracy(final("drop", seed, 1500.0)) for seed in range(3)])
    random = np.mean([accuracy(final("random", seed, 1500.0)) for seed in range(3)])
    assert drop >= accuracy(everything) - 0.03
    assert drop >= random + 0.03


def test_the_rows_that_the_rules_leave_open_are_asked_about():
    free, _, _ = planted()
    result = final("drop")
    later = result.asked[200:]  # after the first, random round
    assert free.n_votes_per_item[later].mean() < 0.6 * free.n_votes_per_item.mean()


def test_equal_settings_give_equal_rows_and_another_seed_gives_others():
    one, two, other = final("drop"), final("drop"), final("drop", seed=1)
    assert np.array_equal(one.asked, two.asked)
    assert np.array_equal(one.probabilities, two.probabilities)
    assert not np.array_equal(one.asked, other.asked)


def test_a_resumed_run_is_one_long_run():
    free, paid, gold = planted()
    paid_votes = RecordedVotes(paid)
    settings = {"first": 90.0, "step": 60.0, "gold": gold}
    whole = route(free, paid_votes, LabelModel(), budget=390.0, **settings)
    half = route(free, paid_votes, LabelModel(), budget=210.0, **settings)
    gone_on = route(free, paid_votes, LabelModel(), budget=390.0, resume=half, **settings)
    assert np.array_equal(gone_on.asked, whole.asked)
    assert gone_on.votes == whole.votes
    assert gone_on.curve == whole.curve
    again = route(free, paid_votes, LabelModel(), budget=390.0, resume=whole, **settings)
    assert again.curve == whole.curve


def test_the_curve_is_printed_and_falls_in_entropy():
    result = final("drop")
    assert result.curve[0].cost == 0.0
    assert result.curve[-1].entropy < result.curve[0].entropy
    text = str(result)
    assert "rows asked" in text
    assert "accuracy" in text
    assert len(text.splitlines()) == len(result.curve) + 2


def test_gold_decides_nothing():
    free, paid, _ = planted()
    with_gold = final("drop")
    without = route(free, RecordedVotes(paid), LabelModel(), budget=1200.0)
    assert np.array_equal(with_gold.asked, without.asked)
    assert without.curve[-1].accuracy is None


def test_cheap_rows_come_before_dear_ones_that_are_worth_the_same():
    free, paid, _ = planted()
    dear = np.arange(free.n_items) % 2 == 0
    priced = RecordedVotes(paid, np.where(dear, 10.0, 1.0))
    result = route(free, priced, LabelModel(), budget=600.0, first=200.0)
    later = result.asked[np.cumsum(priced.cost[result.asked]) > 200.0]
    assert dear[later].mean() < 0.2
    assert result.cost <= 600.0


def test_ids_stay_and_row_order_of_the_votes_is_that_of_the_rows():
    free, paid, _ = planted(200)
    named = VoteMatrix(
        free.indptr, free.lf_index, free.symbol, free.alphabet, free.lf_names,
        [f"r{i}" for i in range(200)],
    )  # fmt: skip
    result = route(named, RecordedVotes(paid), MajorityVote(), budget=150.0)
    assert result.votes.ids[3] == "r3"
    i = int(result.asked[0])
    assert np.array_equal(result.votes[i : i + 1].to_dense()[0, 5:], paid[i : i + 1].to_dense()[0])


def test_prompts_are_asked_about_the_chosen_rows_only_and_not_again_after_a_restart(tmp_path):
    free, _, gold = planted(120)
    seen: list[str] = []

    def answer(text: str) -> str:
        seen.append(text)
        return "yes" if text.endswith("1") else "no"

    rows = [{"text": f"row {i} is {g}"} for i, g in enumerate(gold)]
    prompt = PromptLabelingFunction("p", "Spam? {text}", {"yes": "spam", "no": "ham"}, free.labels)

    def run() -> Routing:
        paid = PromptVotes(
            [prompt], rows, model=CallableModel(answer, "m"), cache=tmp_path / "a.sqlite",
            progress=False,
        )  # fmt: skip
        return route(free, paid, LabelModel(), budget=40, gold=gold)

    first = run()
    assert len(seen) == len(first.asked) == 40
    assert accuracy(first) > 0.75
    second = run()
    assert len(seen) == 40
    assert np.array_equal(first.asked, second.asked)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": 0}, "budget must be a number more than 0, found 0"),
        ({"budget": None}, "only strategy='all' goes without"),
        ({"budget": 9.0, "strategy": "best"}, "found 'best'"),
        ({"budget": 9.0, "rounds": 0}, "rounds must be a whole number >= 1, found 0"),
        ({"budget": 9.0, "diversity": 0.0}, "diversity must lie in"),
        ({"budget": 9.0, "gold": ["ham"]}, "one label per row, found 1 for 50 rows"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    free, paid, _ = planted(50)
    with pytest.raises(ConfigError, match=message):
        route(free, RecordedVotes(paid), LabelModel(), **settings)


def test_rows_and_costs_must_fit_together():
    free, paid, _ = planted(50)
    with pytest.raises(ConfigError, match="same rows, found 49 and 50"):
        route(free[:49], RecordedVotes(paid), LabelModel(), budget=9.0)
    with pytest.raises(ConfigError, match="one for each of 50 rows"):
        RecordedVotes(paid, np.ones(7))
    with pytest.raises(ConfigError, match="more than 0 and finite, found 0"):
        RecordedVotes(paid, 0.0)
    silent = VoteMatrix.from_dense(np.full((50, 2), -1), labels=["ham", "spam"])
    with pytest.raises(ConfigError, match="there is none; use ask"):
        route(silent, RecordedVotes(paid), LabelModel(), budget=9.0)
    with pytest.raises(ConfigError, match="for one row, found 2; the cheapest row costs 3"):
        route(free, RecordedVotes(paid, 3.0), LabelModel(), budget=2.0)


def test_votes_that_could_not_be_joined_are_refused_before_anything_is_paid_for():
    free, _, _ = planted(50)
    seen: list[str] = []
    model = CallableModel(lambda text: seen.append(text) or "ham", "m")
    rows = [{"text": f"row {i}"} for i in range(50)]

    def run(name: str, template: str, answers: list[str]) -> Routing:
        prompt = PromptLabelingFunction(name, template, answers)
        return route(free, PromptVotes(prompt, rows, model=model), LabelModel(), budget=9.0)

    with pytest.raises(ConfigError, match=r"ham, spam and spam, ham; pass labels=free\.labels"):
        run("p", "{text}", ["spam", "ham"])
    with pytest.raises(ConfigError, match=f"both have a column '{free.lf_names[0]}'; rename one"):
        run(free.lf_names[0], "{text}", ["ham", "spam"])
    with pytest.raises(ConfigError, match="reads the column 'txt', which is not there"):
        run("p", "{txt}", ["ham", "spam"])
    with pytest.raises(ConfigError, match="prompt 'p' has no model"):
        PromptVotes(PromptLabelingFunction("p", "{text}", ["ham", "spam"]), rows)
    assert not seen


# On sms, asking half of the rows that no rule covers is asking random rows: it is no worse there.
@pytest.mark.parametrize(("name", "gap", "ahead"), [("youtube", 0.5, 3.0), ("sms", 0.5, -0.4)])
def test_thirty_percent_of_the_calls_on_recorded_prompts(shared_data, name, gap, ahead):
    from tests.bench.routing import at_share, read_pair, scores

    free, paid, gold = read_pair(shared_data, name)
    everything = route(free, RecordedVotes(paid), LabelModel(), strategy="all")
    wanted = scores(everything.probabilities, gold)[0] - gap
    drop = at_share(free, paid, gold, 0.3, "drop", 3)["drop"][:, 0].mean()
    random = at_share(free, paid, gold, 0.3, "random", 3)
    assert drop >= wanted
    assert drop > random["random"][:, 0].mean() + ahead
    assert drop > random["plain"][:, 0].mean()


def test_three_classes_soft_paid_votes_and_another_label_model():
    rng = np.random.default_rng(3)
    gold = rng.integers(0, 3, 600)
    right = np.where(rng.random((600, 4)) < 0.7, gold[:, None], rng.integers(0, 3, (600, 4)))
    dense = np.where(rng.random((600, 4)) < 0.5, right, -1)
    free = VoteMatrix.from_dense(dense, labels=["a", "b", "c"], lf_names=list("wxyz"))
    sure = rng.uniform(0.4, 1.0, (600, 2))
    said = np.where(rng.random((600, 2)) < sure, gold[:, None], rng.integers(0, 3, (600, 2)))
    p = np.repeat(((1.0 - sure) / 2)[:, :, None], 3, axis=2)
    np.put_along_axis(p, said[:, :, None], sure[:, :, None], axis=2)
    paid = RecordedVotes(soft_vote_matrix(p, ["a", "b", "c"], lf_names=["p", "q"]))
    nothing = DawidSkene().fit(free).predict_proba(free)
    result = route(free, paid, DawidSkene(), budget=600, gold=gold)
    assert len(result.asked) == 300
    assert accuracy(result) > (nothing.argmax(axis=1) == gold).mean() + 0.05
    assert {s.kind for s in result.votes.alphabet.extra} == {"bin"}
