from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from labeling_functions import classifier
from weaklabel import apply
from weaklabel.errors import ConfigError, MissingDependencyError

TEXTS = ["win a prize", "you win money", "hello dear friend", "see you my friend"] * 5
GOLD = ["spam", "spam", "ham", "ham"] * 5


@pytest.fixture(scope="module")
def model():
    return make_pipeline(CountVectorizer(), LogisticRegression(C=10.0)).fit(TEXTS, GOLD)


def votes(lf, rows):
    return apply([lf], rows, labels=["ham", "spam"]).to_dense()[:, 0].tolist()


def test_a_misspelled_phrase_is_found():
    pytest.importorskip("rapidfuzz")
    from labeling_functions import fuzzy

    lf = fuzzy("f", ["subscribe to my channel"], "spam", score=85)
    rows = [
        {"text": text}
        for text in [
            "Please SUBSCIBE to  my chanel now",
            "my channel",
            "",
            None,
            "describe a canal",
        ]
    ]
    assert votes(lf, rows) == [1, -1, -1, -1, -1]
    whole = fuzzy("f", ["subscribe"], "spam", part="whole")
    assert votes(whole, [{"text": "subscribbe"}, {"text": "please subscribe"}]) == [1, -1]
    assert lf.fingerprint != fuzzy("f", ["subscribe to my channel"], "spam", score=86).fingerprint
    with pytest.raises(ConfigError, match=r"score .* must lie in \(0, 100\], found 101"):
        fuzzy("f", ["a"], "spam", score=101)
    with pytest.raises(ConfigError, match=r"part .* must be one of within, whole"):
        fuzzy("f", ["a"], "spam", part="some")


def test_without_rapidfuzz_the_extra_is_named(monkeypatch):
    from labeling_functions import fuzzy

    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    with pytest.raises(MissingDependencyError, match=r"weaklabel\[fuzzy\]"):
        fuzzy("f", ["a"], "spam")


def test_a_classifier_votes_where_it_is_sure(model):
    lf = classifier("c", model, "text", confidence=0.9)
    rows = [{"text": text} for text in ["win win prize", "dear friend", "you", None]]
    proba = model.predict_proba(["win win prize", "dear friend", "you"]).max(axis=1)
    assert (proba >= 0.9).tolist() == [True, True, False]
    assert votes(lf, rows) == [1, 0, -1, -1]
    only = classifier("c", model, "text", confidence={"spam": 0.9})
    assert votes(only, rows) == [1, -1, -1, -1]
    coded = classifier("c", model, "text", labels=["spam", "ham"])
    assert coded({"text": "win a prize"}) == 0


def test_a_classifier_of_a_table():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200)})
    gold = np.where(table["a"] > 0, "spam", "ham")
    fitted = LogisticRegression(C=100.0).fit(table, gold)
    found = votes(classifier("c", fitted, ["a", "b"], confidence=0.0), table)
    assert found == np.where(fitted.predict(table) == "spam", 1, 0).tolist()


def test_another_fit_is_another_fingerprint(model):
    other = make_pipeline(CountVectorizer(), LogisticRegression(C=1.0)).fit(TEXTS, GOLD)
    one = classifier("c", model, "text").fingerprint
    assert classifier("c", model, "text").fingerprint == one
    assert classifier("c", other, "text").fingerprint != one


def test_wrong_settings_are_named(model):
    with pytest.raises(ConfigError, match=r"model .* must be fitted"):
        classifier("c", LogisticRegression(), "text")
    with pytest.raises(ConfigError, match=r"confidence .* must lie in \[0, 1\], found 1.5"):
        classifier("c", model, "text", confidence=1.5)
    with pytest.raises(ConfigError, match=r"must be about .*'ham'.* found 'eggs'"):
        classifier("c", model, "text", confidence={"eggs": 0.5})
    with pytest.raises(ConfigError, match=r"model .* must be a class"):
        classifier("c", model, "text", labels=["a", "b"])
