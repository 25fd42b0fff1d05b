"""Prices of models: a table that the user keeps, since prices change and this library cannot know.

.. code-block:: toml

    currency = "USD"
    date = "2030-01-01"              # when you looked them up

    [models."gpt-x"]
    input = 0.50                     # per million tokens
    output = 1.50
    image_tokens = 1600              # optional: the most that one image counts for

The same in JSON, or as a dict. :func:`write_price_table` writes a file to fill in.
"""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from weaklabel.errors import ConfigError

MILLION: Final = 1_000_000

PricesLike: TypeAlias = "PriceTable | Mapping[str, Any] | str | os.PathLike[str]"


@dataclass(frozen=True)
class Price:
    """What a model costs.

    Attributes
    ----------
    input, output : float
        Per million tokens.
    image_tokens : int
        The most that one image counts for.
    """

    input: float
    output: float
    image_tokens: int = 0

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Of a call."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / MILLION


@dataclass(frozen=True)
class PriceTable:
    """Prices by the name of the model.

    Attributes
    ----------
    prices : mapping of str to Price
    currency : str
    date : str
        When they were looked up.
    """

    prices: Mapping[str, Price]
    currency: str = "USD"
    date: str = field(default="")

    def of(self, model: str) -> Price:
        """The price of a model.

        Raises
        ------
        ConfigError
            If the table does not have it.
        """
        if model not in self.prices:
            listed = ", ".join(map(repr, self.prices)) or "none"
            raise ConfigError(
                f"the price table has no model {model!r}; it has {listed}; "
                f"add input and output prices per million tokens for {model!r}"
            )
        return self.prices[model]


def read_prices(given: PricesLike) -> PriceTable:
    """A price table from a TOML or JSON file, or a dict of the same form.

    A dict may also go from models to prices directly: ``{"gpt-x": {"input": .5, "output": 1.5}}``.

    Raises
    ------
    ConfigError
        If the file cannot be read or a price is not a number >= 0; names the model and the key.
    """
    if isinstance(given, PriceTable):
        return given
    content, where = _content(given)
    models = content.get("models", content)
    if not isinstance(models, Mapping):
        raise ConfigError(f"{where} must map models to prices, found {models!r:.80}")
    prices = {str(name): _price(str(name), entry, where) for name, entry in models.items()}
    if models is content:
        return PriceTable(prices)
    return PriceTable(prices, str(content.get("currency", "USD")), str(content.get("date", "")))


def _content(given: Mapping[str, Any] | str | os.PathLike[str]) -> tuple[Mapping[str, Any], str]:
    if isinstance(given, Mapping):
        return given, "the price table"
    path = Path(given)
    try:
        text = path.read_text(encoding="utf-8")
        read = json.loads if path.suffix.lower() == ".json" else tomllib.loads
        return read(text), str(path)
    except OSError as error:
        raise ConfigError(
            f"cannot read the price table {path}: {error.strerror or error}; "
            "write_price_table(path, models) makes one to fill in"
        ) from error
    except ValueError as error:
        raise ConfigError(f"the price table {path} is not well formed: {error}") from error


def _price(name: str, entry: Any, where: str) -> Price:
    if isinstance(entry, Price):
        return entry
    if not isinstance(entry, Mapping):
        raise ConfigError(
            f"the price of {name!r} in {where} must be {{input, output}} per million tokens, "
            f"found {entry!r}"
        )
    unknown = set(entry) - {"input", "output", "image_tokens"}
    if unknown:
        raise ConfigError(
            f"the price of {name!r} in {where} has no key {sorted(map(str, unknown))[0]!r}; "
            "the keys are input, output, image_tokens"
        )
    values = {key: _number(name, key, entry.get(key), where) for key in ("input", "output")}
    image_tokens = int(_number(name, "image_tokens", entry.get("image_tokens", 0), where))
    return Price(values["input"], values["output"], image_tokens)


def _number(name: str, key: str, value: Any, where: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value < math.inf:
        raise ConfigError(
            f"the {key} price of {name!r} in {where} must be a number >= 0 per million tokens, "
            f"found {value!r}"
        )
    return float(value)


def write_price_table(path: str | os.PathLike[str], models: Sequence[str]) -> Path:
    """Write a price table without prices, to be filled in.

    It cannot be read before the prices are there: a price that nobody looked up is no price.

    Raises
    ------
    ConfigError
        If the file exists.
    """
    target = Path(path)
    lines = ['currency = "USD"', 'date = ""  # when you looked the prices up', ""]
    for model in models:
        lines += [
            f"[models.{json.dumps(model)}]",
            "# input =   # per million tokens of the prompt",
            "# output =  # per million tokens of the answer",
            "",
        ]
    try:
        with target.open("x", encoding="utf-8") as stream:
            stream.write("\n".join(lines))
    except FileExistsError:
        raise ConfigError(f"{target} exists; edit it, or choose another name") from None
    return target
