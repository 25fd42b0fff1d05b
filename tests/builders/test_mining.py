from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from labeling_functions import mine_keywords
from weaklabel import apply
from weaklabel.errors import ConfigError

LABELS = ["ham", "spam"]
TEXTS = ["win a free prize now", "call now to win", "see you at home", "home is where you are"] * 10
GOLD = ["spam", "spam", "ham", "ham"] * 10


def test_typical_phrases_are_found_and_judged_on_other_rows():
    mined = mine_keywords(TEXTS, GOLD, LABELS, max_words=2)
    by_phrase = {one.phrase: one for one in mined}
    assert by_phrase["win"].label == "spam"
    assert by_phrase["you"].label == "ham"
    assert all(one.precision == 1.0 and one.n_held_out > 0 for one in mined)
    votes = apply([one.lf for one in mined], [{"text": "You win"}])
    assert set(votes.to_dense()[0].tolist()) == {-1, 0, 1}


def test_a_phrase_that_shone_by_luck_is_shown_as_such():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice([f"w{i}" for i in range(300)], 6)) for _ in range(200)]
    gold = rng.choice(LABELS, 200)
    mined = mine_keywords(texts, gold, LABELS, max_words=1, min_precision=0.75)
    held_out = [one.precision for one in mined if one.n_held_out]
    assert len(held_out) > 3
    assert np.mean(held_out) < 0.7  # the gold is random, and so is what they are worth


def test_unknown_gold_and_missing_texts_are_left_out():
    with_holes = mine_keywords([*TEXTS, None, "win"], [*GOLD, "ham", None], LABELS)
    without = mine_keywords(TEXTS, GOLD, LABELS)
    one, other = ([(m.phrase, m.precision) for m in some] for some in (with_holes, without))
    assert one == other


def test_wrong_input_is_named():
    with pytest.raises(ConfigError, match="one gold label for each text, found 1 for 2"):
        mine_keywords(["a", "b"], ["ham"], LABELS)
    with pytest.raises(ConfigError, match=r"at least four rows .* found 1"):
        mine_keywords(["a", None], ["ham", "spam"], LABELS)


@pytest.mark.slow
def test_two_hundred_gold_messages_give_precise_rules(shared_data):
    folder = shared_data / "wrench" / "sms"
    texts = pq.read_table(folder / "data_train.parquet")["text"].to_pylist()
    with np.load(folder / "votes_train.npz") as held:
        gold = held["Y"]
    mined = mine_keywords(texts[:400], gold[:400], LABELS)
    rest = [{"text": text} for text in texts[400:]]
    votes = apply([one.lf for one in mined], rest).to_dense()
    right = (votes == gold[400:, None])[votes >= 0].mean()
    assert right > 0.85
