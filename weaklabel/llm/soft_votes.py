r"""Soft votes: from what a model says about its answers to a class and a confidence.

:class:`SoftVotes` is a reader of prompts::

    PromptLabelingFunction("spam", "...", answers, reader=SoftVotes(),
                           sampling=Sampling(top_logprobs=10))

It takes what the answer offers, in this order: log-probabilities of whole choices (models that
score them), log-probabilities of tokens, or several samples. These become a probability of each
allowed answer, then through the answer map a probability of each class, and the vote is
:class:`weaklabel.Confident`: the most probable class and its probability.

The probability is not believed. Votes are put into bins of confidence, and a label model learns
from agreement with the other votes what each bin of each prompt is worth: the calibration of the
prompt, without gold. :func:`equal_mass_edges` chooses the borders of the bins so that each holds as
many votes as the others; a bin that is hardly ever voted teaches nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError, DataError
from weaklabel.labels import (
    Confident,
    LabelSpace,
    LabelSpaceLike,
    Reason,
    VoteAlphabet,
)
from weaklabel.llm.answer_probabilities import AnswerProbabilities, answer_probabilities
from weaklabel.llm.answers import AnswerMap, Reading, space_of
from weaklabel.llm.contextual import AnswerPrior
from weaklabel.llm.protocol import Answer
from weaklabel.votes import VoteMatrix

N_BINS: Final = 6
MAX_BINS: Final = 20


@dataclass(frozen=True)
class SoftVotes:
    """A reader of answers that makes :class:`weaklabel.Confident` votes.

    Parameters
    ----------
    calibration : AnswerPrior, optional
        What the prompt answers to inputs that say nothing; see :mod:`weaklabel.llm.contextual`.
    smoothing : float, default 0.5
        Added to the count of each answer where probabilities come from samples.
    labels : LabelSpace, or anything it takes, optional
        The classes, where the answer map does not name all of them.

    Raises
    ------
    ConfigError
        If smoothing is negative.

    Notes
    -----
    An answer that means to abstain takes its probability away from all classes alike; where it is
    the most probable one, the vote is an abstention (or its reason). Where the most probable answer
    stands for several classes, the vote is that set, without a confidence. An answer that offers
    neither log-probabilities nor samples is read as a plain one.
    """

    calibration: AnswerPrior | None = None
    smoothing: float = 0.5
    labels: LabelSpaceLike | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.smoothing < math.inf:
            raise ConfigError(f"smoothing must be a number >= 0, found {self.smoothing!r}")

    @property
    def fingerprint(self) -> str:
        """All that decides the votes."""
        names = None if self.labels is None else LabelSpace(self.labels).names
        return repr(("SoftVotes", self.calibration, self.smoothing, names))

    def __call__(self, answers: AnswerMap, answer: Answer) -> Reading:
        """The vote, as :class:`weaklabel.llm.AnswerReader`."""
        found = answer_probabilities(answers, answer, self.smoothing)
        if found is None:
            return answers.read(answer.texts[0])
        if not found.probabilities:
            return Reading(None, "malformed", found.detail)
        return Reading(self._vote(answers, found))

    def _vote(self, answers: AnswerMap, found: AnswerProbabilities) -> Any:
        probabilities = found.probabilities
        if self.calibration is not None:
            probabilities = self.calibration.corrected(probabilities)
        vote = answers.votes[max(probabilities, key=probabilities.__getitem__)]
        space = space_of([answers], self.labels)
        symbol = VoteAlphabet(space).read(vote)
        if symbol is None or symbol.kind not in ("class", "bin"):
            return vote  # silence, a reason, or a set: there is no confidence of these
        by_class = class_probabilities(answers, probabilities, space)
        best = int(by_class.argmax())
        return Confident(space.name(best), float(min(by_class[best], 1.0)))


def class_probabilities(
    answers: AnswerMap, probabilities: Mapping[str, float], labels: LabelSpace
) -> npt.NDArray[np.float64]:
    """Probabilities of the classes from those of the answers.

    An answer gives its probability to the class it stands for, or evenly to the classes of its
    set; answers that mean to abstain are left out.

    Returns
    -------
    array, shape (n_classes,)
        Sums to 1.

    Raises
    ------
    ConfigError
        If all probability is on abstaining.
    """
    alphabet = VoteAlphabet(labels)
    out = np.zeros(len(labels))
    for text, probability in probabilities.items():
        vote = answers.votes[text]
        symbol = None if isinstance(vote, Reason) else alphabet.read(vote)
        if symbol is not None:
            out += probability * symbol.affinity(len(labels))
    total = out.sum()
    if total <= 0.0:
        raise ConfigError(f"{answers.who}: all probability is on answers that mean to abstain")
    return np.asarray(out / total)


def equal_mass_edges(confidences: Iterable[float], n_bins: int = N_BINS) -> tuple[float, ...]:
    """Borders between bins of confidence that hold equally many votes.

    Parameters
    ----------
    confidences : iterable of float
        In [0, 1]; NaN for no vote. Of all prompts together: the bins are common to all columns.
    n_bins : int, default 6
        At most. Equal confidences fall into one bin, so there may be fewer.

    Returns
    -------
    tuple of float
        Ascending inside (0, 1); for ``confidence_edges`` of :func:`weaklabel.llm.ask`.

    Raises
    ------
    ConfigError
        If ``n_bins`` is out of range.
    DataError
        If there is no confidence, or one is outside [0, 1].
    """
    if not 1 <= n_bins <= MAX_BINS:
        raise ConfigError(f"n_bins must be in 1 .. {MAX_BINS}, found {n_bins!r}")
    values = np.array([c for c in confidences if c == c], dtype=np.float64)
    if not len(values):
        raise DataError("there is no confidence to choose bins from; give those of some votes")
    if values.min() < 0.0 or values.max() > 1.0:
        bad = values[(values < 0.0) | (values > 1.0)][0]
        raise DataError(f"a confidence must lie in [0, 1], found {bad}")
    edges = np.unique(np.quantile(values, np.arange(1, n_bins) / n_bins, method="higher"))
    # A border at the smallest value would leave the bin below it empty.
    inside = edges[(edges > max(values.min(), 0.0)) & (edges < 1.0)]
    return tuple(float(e) for e in inside)


def soft_vote_matrix(
    probabilities: npt.ArrayLike,
    labels: LabelSpaceLike,
    *,
    n_bins: int = N_BINS,
    edges: Sequence[float] | None = None,
    lf_names: Sequence[str] | None = None,
    row_ids: npt.ArrayLike | None = None,
) -> VoteMatrix:
    """A vote matrix of confident votes from class probabilities.

    Parameters
    ----------
    probabilities : array, shape (n_items, n_lfs, n_classes)
        What each prompt (or classifier) gives each class; NaN where it abstains.
    labels : LabelSpace, or anything it takes
    n_bins : int, default 6
        As :func:`equal_mass_edges`.
    edges : sequence of float, optional
        Borders of the bins, instead.
    lf_names, row_ids
        As :class:`weaklabel.VoteMatrix`.

    Raises
    ------
    DataError
        If the shape is wrong, or a row is negative or does not sum to 1.

    Examples
    --------
    >>> p = [[[0.9, 0.1], [0.4, 0.6]], [[0.2, 0.8], [float("nan")] * 2]]
    >>> soft_vote_matrix(p, ["ham", "spam"], edges=[0.7]).n_votes
    3
    """
    space = LabelSpace(labels)
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 3 or p.shape[2] != len(space):
        raise DataError(
            f"probabilities must have shape (n_items, n_lfs, {len(space)}), found {p.shape}"
        )
    voted = ~np.isnan(p).any(axis=2)
    if (p[voted] < 0.0).any() or (np.abs(p[voted].sum(axis=1) - 1.0) > 1e-6).any():
        raise DataError("probabilities must be at least 0 and sum to 1 over the classes")
    top = np.where(voted, np.nan_to_num(p).argmax(axis=2), 0)
    confidence = np.where(voted, np.nan_to_num(p).max(axis=2), np.nan)
    if edges is None:
        edges = equal_mass_edges(confidence[voted].tolist(), n_bins)
    base = VoteAlphabet(space, (), tuple(edges))
    borders = np.array([0.0, *edges, 1.0])
    middles = 0.5 * (borders[:-1] + borders[1:])
    symbols = [[base.read(Confident(c, float(m))) for m in middles] for c in range(len(space))]
    alphabet = base.extended(s for row in symbols for s in row if s is not None)
    codes = np.array([[alphabet.code(s) for s in row if s is not None] for row in symbols])
    bins = np.searchsorted(np.asarray(edges, dtype=np.float64), confidence, side="right")
    dense = np.where(voted, codes[top, np.minimum(bins, len(middles) - 1)], -1)
    return VoteMatrix.from_dense(dense, alphabet, lf_names, row_ids)
