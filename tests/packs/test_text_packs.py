"""The packs for texts: each rule votes where it should and nowhere else; scores on real texts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from labeling_functions.packs import PACKS, all_packs
from weaklabel import LabelModel, apply, load_pack

EXAMPLES = {
    "sentiment": {
        "high_praise": ("A superb film.", "not a perfect film", "perfectly dull"),
        "charm": ("warm and funny", "never funny", "a funnel"),
        "strong_blame": ("An awful mess", "not so terrible", "lawful"),
        "tedium": ("boring!", "it is never boring", "boringly"),
        "denied_praise": ("it isn't very good", "very good", "nothing happens, good"),
        "recommends": ("Highly   recommended", "not worth watching", "a film"),
        "warns_off": ("a waste of time", "a haste of time", "avoidable"),
    },
    "news_topic": {
        "government": ("The Prime  Minister resigned", "the ministry", "prime beef"),
        "conflict": ("Troops moved in", "a trooper", "warm"),
        "places_in_crisis": ("in Baghdad today", "in Paris", "Iranians"),
        "games": ("World Cup draw", "world record", "golfing"),
        "play": ("the coach said", "coaches of a train", "coaching"),
        "score": ("beat Spain by 3-1", "a 3-1 vote", "beat Spain"),
        "markets": ("Stocks fell", "stockings", "the economist"),
        "companies": ("profits rose", "a profitable idea", "nonprofit"),
        "computing": ("Linux servers", "a waiter served", "chipped"),
        "science": ("NASA said", "spacious", "the studio"),
    },
    "contact_details": {
        "email": ("write to ann.lee@mail.example.org", "ann at home", "@ann"),
        "disguised_email": ("ann (at) mail (dot) org", "ann (at home)", "ann"),
        "phone": ("+49 (0)30 1234567 or 555-123-4567", "in 2024-01-02", "12 34"),
        "asks_to_call": ("call me at noon", "they call it", "my cell phone"),
        "street_address": ("at 12 Baker Street, London", "12 streets", "Baker Street"),
        "card_number": ("4111 1111 1111 1111", "4111 1111", "1234567890"),
        "iban": ("DE89 3704 0044 0532 0130 00", "DE89 3704", "de"),
        "us_social_security": ("123-45-6789", "123-45-67890", "1123-45-6789"),
        "ip_address": ("from 192.168.0.17.", "version 1.2.3", "300.1.1.1"),
        "names_a_document": ("my Date of Birth", "a date", "birthday"),
        "no_digits_no_at": ("hello there", "call 5", "a@b"),
        "few_digits": ("in 5 days", "hello", "2024"),
    },
    "toxicity": {
        "insult_to_a_person": ("You are such an idiot", "the idiot", "you are right"),
        "called_names": ("What a stupid clown", "what a day", "a clown came"),
        "threat": ("I will find you", "I will find it", "they will"),
        "wish_of_harm": ("go die", "go diet", "dice"),
        "dismissal": ("Shut  up", "shut the door".replace("the", "a"), "shutter up"),
        "swears": ("what the FUCK", "ducks", "shi"),
        "shouts": ("STOP THIS NOW", "Stop this", "123"),
        "thanks": ("Thank you!", "thanks, idiot", "a tank"),
        "cites": ("see https://x.org", "a resource", "sourced"),
        "addresses_nobody": ("the history of the town", "the man and you", "town"),
    },
}
CASES = [(pack, rule, *texts) for pack, rules in EXAMPLES.items() for rule, texts in rules.items()]


@pytest.mark.parametrize(("pack", "rule", "hit", "miss", "near"), CASES)
def test_a_rule_votes_where_it_should_and_nowhere_else(pack, rule, hit, miss, near):
    lf = load_pack(f"labeling_functions.{pack}")[rule]
    assert lf({"text": hit}) is not None
    assert lf({"text": miss}) is None
    assert lf({"text": near}) is None


@pytest.mark.parametrize("pack", EXAMPLES)
def test_every_rule_has_an_example_and_missing_text_no_vote(pack):
    loaded = load_pack(f"labeling_functions.{pack}")
    assert {lf.name for lf in loaded} == set(EXAMPLES[pack])
    for missing in (None, float("nan"), pd.NA, ""):
        assert [lf({"text": missing}) for lf in loaded] == [None] * len(loaded)


def test_all_packs_are_listed_and_documented():
    packs = all_packs()
    assert [pack.name for pack in packs] == list(PACKS)
    for pack in packs:
        assert pack.labels is not None
        assert len(pack) >= 7
        assert len(pack.doc) > 200


def test_the_command_lists_them():
    program = Path(sys.executable).with_name("weaklabel")
    done = subprocess.run([program, "packs", "--json"], capture_output=True, text=True, check=True)
    listed = json.loads(done.stdout)["packs"]
    assert [pack["pack"] for pack in listed] == list(PACKS)
    plain = subprocess.run([program, "packs"], capture_output=True, text=True, check=True)
    assert "10 labeling functions, classes politics, sports, business" in plain.stdout


def accuracy_on_covered(pack, texts, gold):
    votes = apply(load_pack(f"labeling_functions.{pack}"), texts)
    soft = LabelModel().fit(votes).label(votes)
    codes = soft.harden(on_tie="first")
    return (codes == gold)[soft.covered].mean(), soft.covered.mean()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::weaklabel.errors.WeakLabelWarning")
@pytest.mark.parametrize(
    ("pack", "folder", "least_right", "least_covered"),
    [("sentiment", "imdb_cosine", 0.78, 0.8), ("news_topic", "agnews_full7600", 0.82, 0.7)],
)
def test_scores_on_real_texts(shared_data, pack, folder, least_right, least_covered):
    texts = pq.read_table(shared_data / "text" / folder / "data_test.parquet", columns=["text"])
    with np.load(shared_data / "text" / folder / "votes_test.npz") as held:
        right, covered = accuracy_on_covered(pack, texts, held["Y"])
    assert right >= least_right
    assert covered >= least_covered
