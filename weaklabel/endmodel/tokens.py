"""Texts as tokens for an encoder that is fine-tuned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
import torch

from weaklabel.endmodel.encoder import Encoder, FeatureSettings, State, pack_strings, unpack_strings
from weaklabel.endmodel.finetune import check_folder
from weaklabel.endmodel.rows import Rows, RowsKind
from weaklabel.errors import ArtifactError, ConfigError, MissingDependencyError


@final
class TokenRows:
    """Token ids of texts of any length, padded batch by batch.

    Parameters
    ----------
    ids : sequence of int arrays
    pad : int
        Id of the padding.
    """

    def __init__(self, ids: Sequence[npt.NDArray[np.int64]], pad: int) -> None:
        self.ids = ids
        self.pad = pad

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def size(self) -> int:
        """Number of tokens."""
        return sum(len(row) for row in self.ids)

    def __getitem__(self, rows: Any) -> TokenRows:
        """Some of the rows."""
        positions = range(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        return TokenRows([self.ids[i] for i in positions], self.pad)

    def astype(self, dtype: Any, copy: bool = True) -> TokenRows:
        """The same: ids are no real numbers."""
        return self

    def batch(self, device: torch.device) -> dict[str, torch.Tensor]:
        """Ids and mask, both of shape (n, longest row)."""
        width = max((len(row) for row in self.ids), default=1)
        ids = torch.full((len(self), width), self.pad, dtype=torch.int64)
        mask = torch.zeros((len(self), width), dtype=torch.int64)
        for i, row in enumerate(self.ids):
            ids[i, : len(row)] = torch.from_numpy(row)
            mask[i, : len(row)] = 1
        return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


@final
class TokenEncoder(Encoder):
    """A fast tokenizer of the tokenizers library.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    max_tokens : int
    """

    name: ClassVar[str] = "tokens"
    accepts: ClassVar[RowsKind] = "text"

    def __init__(self, tokenizer: Any, max_tokens: int) -> None:
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        padding = [tokenizer.token_to_id(token) for token in ("[PAD]", "<pad>", "<|endoftext|>")]
        self.pad = next((i for i in padding if i is not None), 0)

    @classmethod
    def fit(
        cls,
        rows: Rows,
        settings: FeatureSettings,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> TokenEncoder:
        """Read the tokenizer of the encoder; nothing is learned.

        Raises
        ------
        ConfigError
            If there is no encoder to fine-tune.
        ArtifactError
            If its folder has no fast tokenizer.
        """
        if settings.finetune is None:
            raise ConfigError("features='tokens' goes with head=FineTune(path)")
        file = check_folder(settings.finetune.path) / "tokenizer.json"
        if not file.is_file():
            raise ArtifactError(
                f"{file.parent} must hold a fast tokenizer (tokenizer.json); save one there with "
                "AutoTokenizer.from_pretrained(...).save_pretrained(folder)"
            )
        text = file.read_text(encoding="utf-8")
        return cls(_read_tokenizer(text, str(file)), settings.finetune.max_tokens)

    @property
    def n_features(self) -> int:
        """Size of the vocabulary."""
        return int(self.tokenizer.get_vocab_size())

    def transform(self, rows: Rows) -> TokenRows:
        """Token ids of the texts."""
        encodings = self.tokenizer.encode_batch(list(rows.data))
        return TokenRows([np.asarray(e.ids, dtype=np.int64) for e in encodings], self.pad)

    def describe(self) -> str:
        """Vocabulary and length."""
        return f"tokens of text ({self.n_features:,} of them, at most {self.max_tokens} a row)"

    def state(self) -> State:
        """The tokenizer as its own JSON."""
        return State(
            {"max_tokens": self.max_tokens}, {"tokenizer": pack_strings([self.tokenizer.to_str()])}
        )

    @classmethod
    def from_state(cls, state: State) -> TokenEncoder:
        """The encoder that wrote the state."""
        text = unpack_strings(state.arrays["tokenizer"])[0]
        return cls(_read_tokenizer(text, "the stored tokenizer"), int(state.header["max_tokens"]))


def _read_tokenizer(text: str, where: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingDependencyError("tokenizers", "text") from error
    try:
        json.loads(text)
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises plain Exception
        raise ArtifactError(f"{where} is no tokenizer ({error})") from error
