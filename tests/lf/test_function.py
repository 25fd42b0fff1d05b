from __future__ import annotations

import pickle
from typing import Any

import pytest

from weaklabel import ABSTAIN, LabelingFunction, LabelSpace, labeling_function, preprocessor
from weaklabel.errors import ConfigError
from weaklabel.lf.function import check_lfs


@labeling_function
def says_free(x: Any) -> str | None:
    return "spam" if "free" in x.text else None


def test_bare_decorator_takes_the_name_of_the_function() -> None:
    assert says_free.name == "says_free"
    assert says_free({"text": "free money"}) == "spam"
    assert says_free({"text": "hello"}) is None


def test_decorator_with_arguments() -> None:
    @labeling_function(
        name="words", labels=["ham", "spam"], resources={"words": {"win"}}, version="2"
    )
    def function(x: Any, words: set[str]) -> int:
        return 1 if words & set(x["text"].split()) else ABSTAIN

    assert function.name == "words"
    assert function.labels == LabelSpace(["ham", "spam"])
    assert function.version == "2"
    assert function({"text": "win now"}) == 1
    assert function({"text": "lose"}) == ABSTAIN


def test_preprocessors_run_in_order_and_see_each_other() -> None:
    @preprocessor
    def words(x: Any) -> dict[str, Any]:
        return {"words": x.text.split()}

    @preprocessor
    def size(x: Any) -> dict[str, Any]:
        return {"size": len(x.words)}

    @labeling_function(preprocessors=[words, size])
    def long(x: Any) -> str | None:
        return x.text if x.size == 2 and x["words"][0] == "a" else None

    assert long({"text": "a b"}) == "a b"


def test_a_single_preprocessor_needs_no_list() -> None:
    @preprocessor
    def words(x: Any) -> dict[str, Any]:
        return {"words": x.text.split()}

    assert labeling_function(preprocessors=words)(lambda_like).preprocessors == (words,)


def lambda_like(x: Any) -> None:
    return None


def test_a_lambda_needs_a_name() -> None:
    with pytest.raises(ConfigError, match=r"a lambda has no name of its own; pass .*name='...'"):
        labeling_function(lambda x: None)
    assert labeling_function(name="quiet")(lambda x: None).name == "quiet"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LabelingFunction("", lambda_like), "needs a name, found ''"),
        (lambda: LabelingFunction("f", 3), "'f' needs a function, found 3"),  # type: ignore[arg-type]
        (
            lambda: LabelingFunction("f", lambda_like, preprocessors=(len,)),  # type: ignore[arg-type]
            "preprocessors of labeling function 'f' must be made with @preprocessor",
        ),
        (lambda: labeling_function("spam"), r"name goes in as a keyword: .*name='spam'"),  # type: ignore[call-overload]
        (lambda: labeling_function(says_free), "is a labeling function already"),
    ],
)
def test_what_is_not_a_labeling_function_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_it_is_frozen_and_copies_its_resources() -> None:
    words = {"words": {"win"}}
    lf = LabelingFunction("f", lambda_like, resources=words)
    words["more"] = set()
    assert list(lf.resources) == ["words"]
    with pytest.raises(AttributeError):
        lf.name = "g"  # type: ignore[misc]


def test_one_of_a_module_pickles_by_reference() -> None:
    assert pickle.loads(pickle.dumps(says_free)) is says_free


@pytest.mark.parametrize(
    ("lfs", "message"),
    [
        ([], "there are no labeling functions; give at least one"),
        ([lambda_like], "lambda_like is a function, not a labeling function; decorate"),
        ([says_free, says_free], r"unique names, found 'says_free' twice; rename one"),
        ("pack.py", "load a file of them with load_pack"),
        (3, "expected labeling functions"),
    ],
)
def test_check_lfs_says_what_is_wrong(lfs: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_lfs(lfs)


def test_check_lfs_takes_a_single_one_and_any_iterable() -> None:
    assert check_lfs(says_free) == (says_free,)
    assert check_lfs(iter([says_free])) == (says_free,)
