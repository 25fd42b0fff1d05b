"""The packs for a relation in text and for thresholds at quantiles."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine

from labeling_functions import pairs
from tests.packs.scores import scores, spouse_rows
from weaklabel import apply, label_quality, load_pack

SPOUSE = load_pack("labeling_functions.spouse")
WINE = load_pack("labeling_functions.wine")

# rule: vote, and what stands around A and B where it votes so, where not, and nearly
SENTENCES = {
    "married_between": ("spouse", "A and his wife B sang", "A met B", "A knew the housewife B"),
    "married_beside": ("spouse", "A and B married in May", "A and B met", "A, B and others wed"),
    "couple_of_one_name": ("spouse", "A and B Lee", "A or B Lee", "A, B Lee"),
    "called_a_couple": ("spouse", "the couple, A and B", "A and B met", "couples such as A, B"),
    "relatives": ("not spouse", "A, the sister of B", "A met B", "A, sister of the wife of B"),
    "not_yet_or_no_more": ("not spouse", "A and ex-husband B", "A and B", "the text of A for B"),
    "at_work": ("not spouse", "A told B", "A saw B", "A and wife B told"),
    "far_apart": ("not spouse", "A " + "x " * 16 + "B", "A and B", "A " + "x " * 15 + "B"),
    "no_word_of_marriage": (
        "not spouse",
        "A Roe one two three four B Lee",
        "A Roe one two three B Lee",
        "A Roe one two three four B Lee married",
    ),
    "same_person": ("not spouse", "A Lee, that is A, said", "A and B", ""),
}
NAMES = {
    "couple_of_one_name": ("A", "B Lee"),
    "no_word_of_marriage": ("A Roe", "B Lee"),
    "same_person": ("A Lee", "A"),
}


def row(text, first="A", second="B"):
    return {"text": text, "person1": first, "person2": second}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_rule_votes_where_it_should_and_nowhere_else(name):
    vote, hit, miss, near = SENTENCES[name]
    first, second = NAMES.get(name, ("A", "B"))
    assert SPOUSE[name](row(hit, first, second)) == vote
    if name != "same_person":
        assert SPOUSE[name](row(hit, second, first)) == vote  # the relation is symmetric
        assert SPOUSE[name](row(near, first, second)) is None
    assert SPOUSE[name](row(miss)) is None


def test_every_rule_has_an_example_and_missing_values_no_vote():
    assert {lf.name for lf in SPOUSE} == set(SENTENCES)
    rows = [row(None), row("A and B", None, "B"), row("A and B", "A", math.nan), row("x" * 10**7)]
    rows += [row("nobody is here"), row("A and B", "", "B"), row(7, 7, 7.5)]
    for given in rows:
        assert [lf(given) for lf in SPOUSE] == [None] * len(SPOUSE)


def test_a_knowledge_base_joins_the_pack(tmp_path):
    (tmp_path / "couples.csv").write_text("a,b\nAnn Lee,Bob Roe\n")
    known = pairs(
        "known", ["person1", "person2"], "spouse", tmp_path / "couples.csv", labels=SPOUSE.labels
    )
    votes = apply([*SPOUSE, known], [row("Bob Roe met Ann Lee", "Bob Roe", "Ann Lee")])
    assert votes.to_dense()[0].tolist() == [-1] * 10 + [1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::weaklabel.errors.WeakLabelWarning")
def test_spouse_on_real_sentences(shared_data):
    folder = shared_data / "wrench" / "spouse"
    with np.load(folder / "votes_test.npz") as held:
        gold = held["Y"]
    found = scores(apply(SPOUSE, spouse_rows(folder)), gold)
    covered, right, f1 = found["LabelModel"]
    assert covered > 0.5
    assert right > 0.88
    assert f1 > 0.45  # a majority vote of the nine published rules reaches 0.22


# rule: column, and a class for a small and for a large value
SIDES = {
    "strength": ("alcohol", "Grignolino", "Barolo"),
    "ripeness": ("proline", "Grignolino", "Barolo"),
    "tannin": ("flavanoids", "Barbera", "Barolo"),
    "phenols": ("total_phenols", "Barbera", "Barolo"),
    "absorbance": ("od280/od315_of_diluted_wines", "Barbera", "Barolo"),
    "colour": ("color_intensity", "Grignolino", "Barbera"),
    "sourness": ("malic_acid", None, "Barbera"),
    "red_not_brown": ("hue", "Barbera", None),
}


@pytest.mark.parametrize("name", SIDES)
def test_a_wine_rule_votes_beyond_its_quantiles_only(name):
    column, small, large = SIDES[name]
    values = load_wine(as_frame=True).data[column]

    def vote(value):
        code = WINE[name]({column: value})
        return None if code is None else WINE.labels.names[code]

    assert vote(values.min()) == small
    assert vote(values.max()) == large
    assert vote(values.median()) is None
    for missing in (None, math.nan, pd.NA, "unknown"):
        assert vote(missing) is None
    share = float((apply([WINE[name]], values.to_frame()).to_dense() >= 0).mean())
    assert 0.2 < share < 0.75


def test_wine_rules_are_all_tried_and_mostly_right():
    from weaklabel import MajorityVote

    assert {lf.name for lf in WINE} == set(SIDES)
    table = load_wine(as_frame=True)
    votes = apply(WINE, table.data)
    quality = label_quality(MajorityVote().fit(votes).label(votes), table.target)
    assert quality.coverage > 0.95
    assert quality.accuracy_covered > 0.85
    assert quality.accuracy_covered < 0.99  # no rule was made to fit the classes
