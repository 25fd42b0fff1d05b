"""Settings are checked before any work starts, with their name and what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaklabel.config import run_config
from weaklabel.errors import ConfigError

MINIMAL = {"pack": "rules.py", "out": "labels.parquet"}


def test_plain_values_become_a_config():
    config = run_config(**MINIMAL, train="model.npz", keep=["text"], n_jobs=-1)
    assert config.out == Path("labels.parquet")
    assert config.keep == ("text",)
    assert config.targets == [Path("labels.parquet"), Path("model.npz")]


def test_a_config_is_frozen():
    with pytest.raises(Exception, match="frozen"):
        run_config(**MINIMAL).seed = 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            {"model": "magic"},
            r"^model: input should be 'auto', 'majority' or 'dawid-skene', found 'magic'$",
        ),
        (
            {"on_error": "ignore"},
            r"^on_error: input should be 'raise' or 'abstain', found 'ignore'$",
        ),
        ({"n_jobs": 0}, r"^n_jobs must be 1 or more, or -1 for one per core, found 0$"),
        ({"n_jobs": -2}, r"^n_jobs: input should be greater than or equal to -1, found -2$"),
        ({"seed": -1}, r"^seed: input should be greater than or equal to 0, found -1$"),
        ({"gold": ""}, r"^gold: string should have at least 1 character, found ''$"),
        ({"colour": "red"}, r"^colour: .*not permitted, found 'red'$"),
        (
            {"gold": "y", "keep": ["a", "y"]},
            r"^the gold column 'y' is for scores only and must not be in keep; leave it out there$",
        ),
        ({"gold": "y", "features": ["y"]}, r"must not be in features"),
        ({"gold": "y", "text": "y"}, r"must not be in text"),
        ({"gold": "y", "id_column": "y"}, r"must not be in id_column"),
        (
            {"features": ["a"], "drop": ["a"]},
            r"^a column cannot be both in features and in drop, found \['a'\]$",
        ),
        (
            {"train": "./labels.parquet"},
            r"^out and train must be different files, both are labels.parquet$",
        ),
    ],
)
def test_what_is_wrong_is_named(setting, message):
    with pytest.raises(ConfigError, match=message):
        run_config(**{**MINIMAL, **setting})
