from __future__ import annotations

from typing import Any

import pytest

from weaklabel import preprocessor
from weaklabel.errors import ConfigError
from weaklabel.lf import PreprocessorError


def test_it_maps_a_row_to_new_fields() -> None:
    @preprocessor(name="tokens", resources={"separator": ","})
    def function(x: Any, separator: str) -> dict[str, Any]:
        return {"tokens": x.text.split(separator)}

    assert function.name == "tokens"
    assert function({"text": "a,b"}) == {"tokens": ["a", "b"]}
    assert function.extend({"text": "a,b"}).tokens == ["a", "b"]


def test_a_lambda_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="a preprocessor made of a lambda needs a name"):
        preprocessor(lambda x: {})


@pytest.mark.parametrize("answer", [None, "words", [1], {1: "a"}])
def test_anything_but_a_dict_of_fields_is_refused(answer: Any) -> None:
    step = preprocessor(name="odd")(lambda x: answer)
    with pytest.raises(PreprocessorError, match="'odd' must return a dict of new fields"):
        step({"text": "a"})


def test_its_error_is_named_and_chained() -> None:
    step = preprocessor(name="odd")(lambda x: 1 / 0)
    with pytest.raises(PreprocessorError, match="'odd' failed: ZeroDivisionError") as caught:
        step({"text": "a"})
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
