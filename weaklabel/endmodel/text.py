r"""Text as bags of word n-grams: TF-IDF with a vocabulary, or hashing without one.

Tokens are runs of letters and digits, and runs of punctuation: ``!!!`` and ``://`` carry meaning in
the texts people write rules for. Texts are lowercased. A feature is a token or two neighbours; its
value is ``(1 + log count) * idf`` (the hashed one has no idf), and rows have length 1. The matrix
is sparse and stays so.

References: Salton and Buckley 1988 (term weighting); Weinberger et al. 2009 (feature hashing).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.preprocessing import normalize

from weaklabel.endmodel.encoder import Encoder, FeatureSettings, State, pack_strings, unpack_strings
from weaklabel.endmodel.rows import Rows, RowsKind
from weaklabel.errors import DataError

TOKEN_PATTERN: Final = r"(?u)\w+|[^\w\s]+"


@final
class TfidfEncoder(Encoder):
    """TF-IDF of word n-grams over the vocabulary of the training texts.

    Parameters
    ----------
    vocabulary : list of str
        Term of each feature.
    idf : array, shape (n_features,)
        ``1 + log((1 + n) / (1 + n_with_term))``.
    ngrams : tuple of int
        Shortest and longest n-gram.
    """

    name: ClassVar[str] = "tfidf"
    accepts: ClassVar[RowsKind] = "text"

    def __init__(
        self, vocabulary: list[str], idf: npt.NDArray[np.float64], ngrams: tuple[int, int]
    ) -> None:
        self.vocabulary = vocabulary
        self.idf = idf
        self.ngrams = ngrams
        self._counter = CountVectorizer(
            vocabulary=vocabulary, dtype=np.float64, **_analysis(ngrams)
        )

    @classmethod
    def fit(
        cls,
        rows: Rows,
        settings: FeatureSettings,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> TfidfEncoder:
        """Learn the vocabulary and the inverse document frequencies."""
        counter = CountVectorizer(**_analysis(settings.ngrams))
        try:
            counts = counter.fit_transform(rows.data)
        except ValueError as error:  # scikit-learn's "empty vocabulary"
            raise DataError(
                "no text has a single word or sign; pass the texts, "
                f"found for instance {rows.data[:3]!r}"
            ) from error
        with_term = np.bincount(counts.indices, minlength=counts.shape[1])
        idf = 1.0 + np.log((1.0 + counts.shape[0]) / (1.0 + with_term))
        return cls(counter.get_feature_names_out().tolist(), idf, settings.ngrams)

    @property
    def n_features(self) -> int:
        """Size of the vocabulary."""
        return len(self.vocabulary)

    def transform(self, rows: Rows) -> sp.csr_matrix[Any]:
        """Rows of length 1 (or 0 where no term is known), shape (n, n_features)."""
        counts = sp.csr_matrix(self._counter.transform(rows.data))
        counts.data = (1.0 + np.log(counts.data)) * self.idf[counts.indices]
        return sp.csr_matrix(normalize(counts, copy=False))

    def describe(self) -> str:
        """Number and kind of the features."""
        return f"{self.n_features:,} TF-IDF features of text ({_words(self.ngrams)})"

    def state(self) -> State:
        """Vocabulary and idf."""
        return State(
            {"ngrams": list(self.ngrams)},
            {"vocabulary": pack_strings(self.vocabulary), "idf": self.idf},
        )

    @classmethod
    def from_state(cls, state: State) -> TfidfEncoder:
        """The encoder that wrote the state."""
        vocabulary = unpack_strings(state.arrays["vocabulary"])
        idf = state.arrays["idf"]
        if idf.shape != (len(vocabulary),):
            raise ValueError(f"{len(vocabulary)} terms have {idf.shape} inverse frequencies")
        return cls(vocabulary, idf, _pair(state.header["ngrams"]))


@final
class HashingEncoder(Encoder):
    """Hashed word n-grams: no vocabulary to learn or store, memory fixed in advance.

    Parameters
    ----------
    n_hashed : int
        Number of features; different terms may share one.
    ngrams : tuple of int
        Shortest and longest n-gram.
    """

    name: ClassVar[str] = "hashing"
    accepts: ClassVar[RowsKind] = "text"

    def __init__(self, n_hashed: int, ngrams: tuple[int, int]) -> None:
        self.n_hashed = n_hashed
        self.ngrams = ngrams
        self._hasher = HashingVectorizer(
            n_features=n_hashed,
            alternate_sign=False,
            norm=None,
            dtype=np.float32,
            **_analysis(ngrams),
        )

    @classmethod
    def fit(
        cls,
        rows: Rows,
        settings: FeatureSettings,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> HashingEncoder:
        """There is nothing to learn."""
        return cls(settings.n_hashed, settings.ngrams)

    @property
    def n_features(self) -> int:
        """The number asked for."""
        return self.n_hashed

    def transform(self, rows: Rows) -> sp.csr_matrix[Any]:
        """Rows of length 1 (or 0 for an empty text), shape (n, n_features), float32."""
        counts = sp.csr_matrix(self._hasher.transform(rows.data))
        counts.data = 1.0 + np.log(counts.data)
        return sp.csr_matrix(normalize(counts, copy=False))

    def describe(self) -> str:
        """Number and kind of the features."""
        return f"{self.n_features:,} hashed features of text ({_words(self.ngrams)})"

    def state(self) -> State:
        """The settings; there is nothing else."""
        return State({"n_hashed": self.n_hashed, "ngrams": list(self.ngrams)})

    @classmethod
    def from_state(cls, state: State) -> HashingEncoder:
        """The encoder that wrote the state."""
        return cls(int(state.header["n_hashed"]), _pair(state.header["ngrams"]))


def _analysis(ngrams: tuple[int, int]) -> dict[str, Any]:
    return {"token_pattern": TOKEN_PATTERN, "ngram_range": ngrams, "lowercase": True}


def _pair(values: list[int]) -> tuple[int, int]:
    low, high = values
    return int(low), int(high)


def _words(ngrams: tuple[int, int]) -> str:
    low, high = ngrams
    return f"words, {low}-grams" if low == high else f"words, {low} to {high}-grams"
