"""Fine-tuning: a transformers encoder from a local folder, trained along with a linear layer.

``EndModel(head=FineTune("path/to/encoder"))`` reads texts, cuts them into tokens with the encoder's
own fast tokenizer and trains all weights. Nothing is downloaded and no code of the folder is run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, final

import torch
from torch import nn

from weaklabel.errors import ArtifactError, ConfigError, MissingDependencyError


@final
@dataclass(frozen=True)
class FineTune:
    """Which encoder to fine-tune, and how texts go into it.

    Parameters
    ----------
    path : str
        A folder written by transformers' ``save_pretrained``: configuration, weights, and a
        tokenizer with its ``tokenizer.json``.
    max_tokens : int, default 128
        Longer texts are cut.
    pooling : {"mean", "first"}, default "mean"
        What represents a text: the mean over its tokens, or its first one (``[CLS]``).
    """

    path: str
    max_tokens: int = 128
    pooling: Literal["mean", "first"] = "mean"

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", str(self.path))
        if not isinstance(self.max_tokens, int) or self.max_tokens < 2:
            raise ConfigError(f"max_tokens must be at least 2, found {self.max_tokens!r}")
        if self.pooling not in ("mean", "first"):
            raise ConfigError(f"pooling must be 'mean' or 'first', found {self.pooling!r}")


class TunedEncoder(nn.Module):
    """An encoder, a pooling and a linear layer that starts at zero.

    Parameters
    ----------
    encoder : transformers model
    n_classes : int
    pooling : {"mean", "first"}
    """

    draws_globally: ClassVar[bool] = True

    def __init__(self, encoder: Any, n_classes: int, pooling: str) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.output = nn.Linear(encoder.config.hidden_size, n_classes)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Scores, shape (n, n_classes)."""
        hidden = self.encoder(**inputs).last_hidden_state  # (n, tokens, width)
        if self.pooling == "first":
            pooled = hidden[:, 0]
        else:
            mask = inputs["attention_mask"][:, :, None].to(hidden.dtype)
            pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1.0)
        scores: torch.Tensor = self.output(pooled)
        return scores

    def config_json(self) -> str:
        """The configuration of the encoder and the pooling, to build it again."""
        config = self.encoder.config.to_dict()
        return json.dumps({"encoder": config, "pooling": self.pooling}, sort_keys=True, default=str)


def pretrained(settings: FineTune, n_classes: int) -> TunedEncoder:
    """The encoder of the folder.

    Raises
    ------
    ArtifactError
        If the folder holds none that can be read.
    MissingDependencyError
        If transformers is not installed.
    """
    transformers = import_transformers()
    check_folder(settings.path)
    try:
        # weights that are not in the folder are drawn
        with without_bars(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            encoder = transformers.AutoModel.from_pretrained(
                settings.path, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(
            f"{settings.path} must hold an encoder of transformers with weights as safetensors; "
            f"it cannot be read ({type(error).__name__}: {error})"
        ) from error
    return TunedEncoder(encoder, n_classes, settings.pooling)


def untrained(config_json: str, n_classes: int) -> TunedEncoder:
    """An encoder of a stored configuration, with weights to be filled in."""
    transformers = import_transformers()
    stored = json.loads(config_json)
    kind = stored["encoder"].pop("model_type")
    config = transformers.AutoConfig.for_model(kind, **stored["encoder"])
    with torch.random.fork_rng(devices=[]):
        encoder = transformers.AutoModel.from_config(config, dtype=torch.float32)
    return TunedEncoder(encoder, n_classes, stored["pooling"])


def check_folder(path: str) -> Path:
    """The folder, if it exists; names of models elsewhere are not looked up."""
    folder = Path(path)
    if not (folder / "config.json").is_file():
        raise ArtifactError(
            f"{path} must be a local folder with an encoder (config.json, weights, "
            "tokenizer.json); nothing is downloaded: save one there with save_pretrained"
        )
    return folder


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep transformers from drawing progress bars while it reads weights."""
    from transformers.utils import logging

    had_bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if had_bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def import_transformers() -> Any:
    """The package transformers.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise MissingDependencyError("transformers", "text") from error
    return transformers
