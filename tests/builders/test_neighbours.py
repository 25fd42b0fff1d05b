from __future__ import annotations

import pickle
import sys
import zlib

import numpy as np
import pytest

from labeling_functions import embedding, neighbours, zero_shot
from labeling_functions.resources import find_resource
from labeling_functions.rules import load_rules
from weaklabel import VoteCache, apply
from weaklabel.errors import ConfigError, DataError, MissingDependencyError, PackError

pytestmark = pytest.mark.filterwarnings("ignore::weaklabel.errors.CoverageWarning")

LABELS = ["ham", "spam"]
GOLD = {
    "spam": ["win a free prize now", "subscribe to my channel", "free money, win now"],
    "ham": ["see you at lunch", "lunch at noon", "this song is lovely"],
}


class Words:
    """An encoder: hashed bags of words; counts what it is asked."""

    def __init__(self, size=256):
        self.size = size
        self.asked = []

    def encode(self, texts):
        self.asked += texts
        made = np.zeros((len(texts), self.size))
        for row, text in enumerate(texts):
            for word in text.lower().split():
                made[row, zlib.crc32(word.encode()) % self.size] += 1
        return made

    @property
    def fingerprint(self):
        return f"words {self.size}"


def votes(lf, texts):
    return apply([lf], [{"text": text} for text in texts]).to_dense()[:, 0].tolist()


TEXTS = ["win a prize", "lunch?", "nothing in common", "", None, "win lunch", 7]


@pytest.mark.parametrize("encoder", [None, Words()])
def test_a_text_gets_the_class_of_its_neighbours(encoder):
    lf = neighbours("n", GOLD, labels=LABELS, encoder=encoder, similarity=0.3)
    assert votes(lf, TEXTS)[:5] == [1, 0 if encoder is None else -1, -1, -1, -1]
    assert votes(lf, ["lunch at noon"]) == [0]
    assert [lf({"text": text}) for text in ("win a prize", None)] == [1, None]


def test_thresholds_make_it_abstain():
    gold = {"spam": ["a b", "a c"], "ham": ["a d"]}

    def lf(**settings):
        return neighbours("n", gold, labels=LABELS, k=3, **settings)

    assert votes(lf(similarity=0.01, agreement=0.0), ["a"]) == [1]
    assert votes(lf(similarity=0.01, agreement=0.9), ["a"]) == [-1]
    assert votes(lf(similarity=0.99, agreement=0.0), ["a", "a b", "x"]) == [-1, 1, -1]
    even = neighbours("n", {"spam": ["a"], "ham": ["b"]}, labels=LABELS, agreement=0.0)
    assert votes(even, ["a b", "a a b", "a"]) == [-1, 1, 1]  # a tie is no vote


def test_the_share_as_confidence():
    from weaklabel import Confident

    lf = neighbours("n", {"spam": ["a b"], "ham": ["b c"]}, k=2, confidence=True, agreement=0.0)
    found = lf({"text": "a b"})
    assert isinstance(found, Confident)
    assert found.label == "spam"
    assert 0.5 < found.confidence < 1.0
    assert lf({"text": "x"}) is None
    votes = apply([lf], [{"text": "a b"}, {"text": "c"}, {"text": None}], labels=LABELS)
    assert votes.n_votes == 2


def test_votes_do_not_depend_on_the_rows_beside():
    rng = np.random.default_rng(0)
    words = " ".join(t for some in GOLD.values() for t in some).split()
    texts = [" ".join(rng.choice(words, size=4)) for _ in range(200)]
    lf = neighbours("n", GOLD, labels=LABELS)
    together = votes(lf, texts)
    assert together == [-1 if (v := lf({"text": text})) is None else v for text in texts]
    assert set(together) == {-1, 0, 1}
    order = rng.permutation(200)
    assert votes(lf, [texts[i] for i in order]) == [together[i] for i in order]
    again = pickle.loads(pickle.dumps(lf))
    assert votes(again, texts) == together


def test_gold_of_a_file(tmp_path):
    (tmp_path / "gold.csv").write_text("text,label\nwin now,spam\nlunch,ham\n,ham\nx,\n")
    (tmp_path / "rules.toml").write_text(
        'labels = ["ham", "spam"]\n[[rules]]\nkind = "neighbours"\nname = "n"\nfile = "gold.csv"\n'
    )
    (lf,) = load_rules(tmp_path / "rules.toml")
    assert votes(lf, ["win", "lunch", "x"]) == [1, 0, -1]
    same = neighbours("n", {"spam": "win now", "ham": ["lunch"]}, labels=LABELS)
    assert lf.fingerprint == same.fingerprint
    (tmp_path / "gold.csv").write_text("text,label\nwin now,spam\nlunch,spam\n")
    assert load_rules(tmp_path / "rules.toml").lfs[0].fingerprint != lf.fingerprint


def test_ten_megabytes_and_mixed_values():
    lf = neighbours("n", GOLD, labels=LABELS)
    big = "lunch at noon " * 700_000
    rows = [big, 5, 2.5, None, b"lunch", ["lunch"], "lunch at noon"]
    assert votes(lf, rows) == [0, -1, -1, -1, -1, -1, 0]
    no_words = neighbours("n", {"spam": ["!!!"], "ham": ["?"]}, labels=LABELS)
    assert votes(no_words, ["!!!", "word"]) == [-1, -1]


def test_nearest_description():
    encoder = Words()
    told = {"ham": "lunch at noon", "spam": ["win a prize", "free prize"]}
    lf = zero_shot("z", told, encoder, labels=LABELS, similarity=0.2, margin=0.2)
    assert votes(lf, ["prize", "lunch", "lunch prize", "other", None, ""]) == [1, 0, -1, -1, -1, -1]
    assert lf({"text": "prize"}) == 1
    assert pickle.loads(pickle.dumps(lf))({"text": "prize"}) == 1
    close = zero_shot("z", told, encoder, labels=LABELS, similarity=0.2, margin=0.0)
    assert votes(close, ["lunch prize"])[0] >= 0
    far = zero_shot("z", told, encoder, labels=LABELS, similarity=0.99, margin=0.0)
    assert votes(far, ["prize", "lunch at noon"]) == [-1, 0]


def test_a_text_is_embedded_once_for_all_rules():
    encoder = Words(200)  # of a fingerprint that no other test uses
    told = {"ham": "lunch", "spam": "prize"}
    lfs = [zero_shot(f"z{i}", told, encoder, labels=LABELS, margin=i / 10) for i in range(3)]
    lfs.append(neighbours("n", GOLD, labels=LABELS, encoder=encoder))
    assert len({id(lf.preprocessors[0]) for lf in lfs}) == 1
    assert embedding(encoder) is lfs[0].preprocessors[0]
    apply(lfs, [{"text": text} for text in ["one", "two", "one", None]])
    assert sorted(t for t in encoder.asked if t in ("one", "two")) == ["one", "two"]


def test_a_memo_and_a_cache_ask_nothing_twice(tmp_path):
    encoder = Words(128)
    told = {"ham": "lunch", "spam": "prize"}
    rows = [{"text": text} for text in ["a prize", "at lunch", None]]

    def make(margin):
        memo = tmp_path / "e.memo"
        return zero_shot("z", told, encoder, labels=LABELS, margin=margin, memo=memo)

    first = apply([make(0.1)], rows).to_dense()
    asked = len(encoder.asked)
    assert first[:, 0].tolist() == [1, 0, -1]
    assert (apply([make(0.2)], rows).to_dense() == first).all()
    assert len(encoder.asked) == asked
    cache = VoteCache(tmp_path / "cache")
    for _ in range(2):
        apply([make(0.3)], rows, cache=cache)
    assert (cache.n_computed, cache.n_reused) == (3, 3)
    other = zero_shot("z", told, Words(64), labels=LABELS, margin=0.3)
    assert other.fingerprint != make(0.3).fingerprint
    assert make(0.3).fingerprint == make(0.3).fingerprint


def test_wrong_settings_are_named(tmp_path):
    encoder = Words()
    with pytest.raises(ConfigError, match=r"must hold at least one text with a label, found none"):
        neighbours("n")
    with pytest.raises(ConfigError, match=r"examples .* must be a class: .*'eggs'"):
        neighbours("n", {"eggs": "x"}, labels=LABELS)
    with pytest.raises(ConfigError, match=r"similarity .* must lie in \(0, 1\], found 0"):
        neighbours("n", GOLD, similarity=0)
    with pytest.raises(ConfigError, match=r"agreement .* must lie in \[0, 1\], found 2"):
        neighbours("n", GOLD, agreement=2)
    with pytest.raises(ConfigError, match=r"k of .* must be a whole number >= 1"):
        neighbours("n", GOLD, k=0)
    with pytest.raises(ConfigError, match=r"memo .* must be left out without an encoder"):
        neighbours("n", GOLD, memo="x")
    with pytest.raises(ConfigError, match=r"descriptions .* two or more classes"):
        zero_shot("z", {"ham": "x"}, encoder)
    with pytest.raises(ConfigError, match=r"margin .* must lie in \[0, 2\], found -1"):
        zero_shot("z", {"ham": "x", "spam": "y"}, encoder, margin=-1)
    with pytest.raises(ConfigError, match=r"encoder .* must be the folder of a model, or have enc"):
        zero_shot("z", {"ham": "x", "spam": "y"}, 5)
    with pytest.raises(ConfigError, match=r"encoder .* found no folder .*nowhere"):
        zero_shot("z", {"ham": "x", "spam": "y"}, tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"must be the folder of a model with modules\.json or"):
        zero_shot("z", {"ham": "x", "spam": "y"}, tmp_path)
    with pytest.raises(
        ConfigError, match=r"must name an installed package, found none .*'no_such'"
    ):
        zero_shot("z", {"ham": "x", "spam": "y"}, "package:no_such/model")
    (tmp_path / "rules.toml").write_text(
        'labels = ["ham", "spam"]\n[[rules]]\nkind = "zero_shot"\nname = "z"\n'
        'descriptions = { ham = "x", spam = "y" }\nencoder = "model"\n'
    )
    with pytest.raises(PackError, match=r"line 6: encoder of rule 'z' must be the folder of a mod"):
        load_rules(tmp_path / "rules.toml")


def test_an_encoder_that_breaks_its_word():
    class Wrong(Words):
        def encode(self, texts):
            return super().encode(texts)[:1, 0]

    lf = zero_shot("z", {"ham": "x", "spam": "y"}, Wrong(), labels=LABELS)
    with pytest.raises(
        Exception, match=r"must return one vector for each text, found shape \(1,\)"
    ):
        votes(lf, ["a", "b"])


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "modules.json").write_text("[]")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingDependencyError, match=r"weaklabel\[text\]"):
        zero_shot("z", {"ham": "x", "spam": "y"}, tmp_path)


def test_a_folder_counts_by_content(tmp_path):
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "weights").write_bytes(b"abc")

    def found(path=folder):
        return find_resource("n", "model", path, ["config.json"])

    first = found()
    (folder / "sub" / "weights").write_bytes(b"abd")
    second = found()
    assert first.digest != second.digest
    with pytest.raises(DataError, match="has changed since; make the rules again"):
        first.check()
    assert second.check() == folder
    moved = folder.rename(tmp_path / "elsewhere")
    assert found(moved) == second
    (moved / "sub" / "weights").rename(moved / "sub" / "other")
    assert found(moved).digest != second.digest
