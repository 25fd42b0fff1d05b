"""Whether the end model helped: end model, label model and majority vote side by side.

All answers of the end model are held out: each row is answered by a model that did not see it
(:mod:`weaklabel.pipeline.cross_fit`), or the rows are new to the model. Gold is never trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.gold import check_same_rows, gold_codes
from weaklabel.analysis.text import number, wrapped
from weaklabel.errors import ConfigError, DataError
from weaklabel.pipeline.against_gold import GoldScores, gold_scores
from weaklabel.pipeline.cross_fit import FOLDS, HeldOut, cross_fit
from weaklabel.pipeline.held_out import HeldOutFacts, held_out_facts
from weaklabel.pipeline.relabeling import SURE, Relabeling, rows_to_relabel
from weaklabel.pipeline.slice_scores import SliceScore, masks_of, slice_cells, slice_scores
from weaklabel.pipeline.steps import make_model
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    from weaklabel.endmodel import EndModel

FEW_GOLD: Final = 20
"""Gold rows below which no temperature is chosen: it would follow the accident of a few."""

NO_GOLD = (
    "Without gold this cannot tell who is right. Agreement says that the features can predict the "
    "labels, which is needed for the end model to generalise but holds for systematic errors of "
    "the labels too. Little agreement means features or labels are poor. The rows it would "
    "relabel are where the two contradict each other: look at some, or give gold for a hundred "
    "rows."
)


@dataclass(frozen=True)
class Temperature:
    """What temperature scaling on gold would do; see :mod:`weaklabel.endmodel.temperature`.

    Attributes
    ----------
    value : float
        Chosen on all gold rows.
    log_loss_before, log_loss_after : float
        On the gold rows; after, each fold at a temperature chosen on the others.
    """

    value: float
    log_loss_before: float
    log_loss_after: float

    @property
    def helps(self) -> bool:
        """Whether the held-out log loss is lower."""
        return self.log_loss_after < self.log_loss_before

    def sentence(self) -> str:
        """The numbers in words."""
        return (
            f"temperature on gold {self.value:.2f}: log loss {number(self.log_loss_before)} -> "
            f"{number(self.log_loss_after)} on gold rows it was not chosen on"
        )


@dataclass(frozen=True, eq=False)
class EndModelReport:
    """How an end model compares with what it learned from.

    Attributes
    ----------
    n_folds : int
        Models that answered for each other; 0 where the rows were new to one model.
    facts : HeldOutFacts
        What is known without gold.
    gold_all, gold_covered, gold_uncovered : GoldScores, optional
        On all gold rows, those with a vote, those without; None where there are none.
    temperature : Temperature, optional
        With at least 20 gold rows.
    what : str
        What the slices are of.
    slices : tuple of SliceScore
    relabel : Relabeling
        Rows it would relabel.
    answers : SoftLabels
        The held-out answers themselves.
    """

    n_folds: int
    facts: HeldOutFacts
    gold_all: GoldScores | None
    gold_covered: GoldScores | None
    gold_uncovered: GoldScores | None
    temperature: Temperature | None
    what: str
    slices: tuple[SliceScore, ...]
    relabel: Relabeling
    answers: SoftLabels

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; what is not known is None."""
        gold = {
            "all": self.gold_all,
            "covered": self.gold_covered,
            "uncovered": self.gold_uncovered,
        }
        found = None if self.temperature is None else vars(self.temperature)
        return {
            "n_folds": self.n_folds,
            "held_out": self.facts.to_dict(),
            "gold": {name: None if part is None else part.to_dict() for name, part in gold.items()},
            "temperature": found,
            "slices": {"what": self.what, "slices": [s.to_dict() for s in self.slices]},
            "relabel": {
                "n_rows": len(self.relabel),
                "sure": self.relabel.sure,
                "judged": self.relabel.judged,
            },
        }

    def to_text(self, width: int = 80) -> str:
        """The report as lines of text."""
        return "\n".join([*self._gold_lines(width), *self._other_lines(width)])

    def _gold_lines(self, width: int) -> list[str]:
        lines: list[str] = []
        parts = (
            ("all rows with gold", self.gold_all),
            ("with a vote", self.gold_covered),
            ("without a vote", self.gold_uncovered),
        )
        for name, part in parts:
            if part is not None and not (name != parts[0][0] and part == self.gold_all):
                lines += [f"{name} ({part.n_gold:,})", part.cells().to_text(width)]
                lines += [*wrapped(part.sentences(), width), ""]
        if self.temperature is not None:
            lines += [*wrapped([self.temperature.sentence()], width), ""]
        return lines

    def _other_lines(self, width: int) -> list[str]:
        how = (
            f"held out, each row answered by a model of the other {self.n_folds - 1} of "
            f"{self.n_folds} folds"
            if self.n_folds
            else "rows that the model was not trained on"
        )
        lines = [*wrapped([how], width), ""]
        known = self.facts.lines()
        room = max(len(name) for name, _ in known)
        lines += [f"{name:{room}}  {value}" for name, value in known]
        if self.gold_all is None:
            lines += ["", *wrapped([NO_GOLD], width)]
        if self.slices:
            lines += ["", slice_cells(self.slices, self.what).to_text(width)]
        return [*lines, "", *wrapped([self.relabel.sentence()], width)]


def end_model_report(
    model: EndModel,
    rows: Any,
    labels: SoftLabels,
    *,
    votes: VoteMatrix | None = None,
    gold: Any = None,
    slices: Any = None,
    what: str = "slice",
    folds: int = FOLDS,
    sure: float = SURE,
    seed: int = 0,
) -> EndModelReport:
    """Compare an end model with its labels and with majority vote, on held-out answers.

    Parameters
    ----------
    model : EndModel
        Trained on these rows and labels; or, with ``folds=0``, on other rows.
    rows : list of texts, table, array or sparse matrix
        What the model reads. A gold column must not be among its columns.
    labels : SoftLabels
        One per row, in the same order.
    votes : VoteMatrix, optional
        What the labels were made from; adds the majority vote.
    gold : sequence, shape (n_items,), optional
        Class names or codes; None, NaN or -1 where unknown. It is used for scores alone. If the
        label model learned from it, its scores here are flattered.
    slices : column of values, or mapping of name to mask, optional
        As :func:`weaklabel.slice_summary`.
    what : str
        What the slices are of.
    folds : int, default 5
        Models that are trained to answer the rows they did not see; 0 if the rows are new to the
        model, which then answers itself.
    sure : float, default 0.8
        Probability from which a contradiction is listed.
    seed : int

    Returns
    -------
    EndModelReport

    Raises
    ------
    ConfigError
        If ``folds`` is 1 or negative, or ``sure`` not in (0, 1].
    DataError
        If rows, labels, votes, gold or slices do not match, or there are too few rows.
    LabelError
        If a gold value is not a label.
    FitError
        If a training part has nothing to learn from.

    Notes
    -----
    As many fits as folds.
    """
    if not 0.0 < sure <= 1.0:
        raise ConfigError(f"sure must be in (0, 1], found {sure!r}")
    codes = None if gold is None else gold_codes(labels.labels, gold, labels.n_items)
    masks = masks_of(slices, labels.n_items, what)
    majority = None if votes is None else _majority(votes, labels)
    held_out = (
        cross_fit(model, rows, labels, folds=folds, seed=seed)
        if folds
        else _own(model, rows, labels)
    )
    answers = SoftLabels(held_out.probabilities, labels.labels, labels.n_votes, labels.ids)
    answerers = {"end model": answers, "label model": labels}
    if majority is not None:
        answerers["majority vote"] = majority
    return EndModelReport(
        n_folds=held_out.n_folds,
        facts=held_out_facts(labels, held_out.probabilities, majority, sure),
        gold_all=_on(answerers, codes, np.ones(labels.n_items, dtype=bool), seed),
        gold_covered=_on(answerers, codes, labels.covered, seed),
        gold_uncovered=_on(answerers, codes, ~labels.covered, seed),
        temperature=None if codes is None else _temperature(held_out, codes, seed),
        what=what,
        slices=slice_scores(masks, labels, held_out.probabilities, codes),
        relabel=rows_to_relabel(labels, held_out.probabilities, codes, sure=sure),
        answers=answers,
    )


def _majority(votes: VoteMatrix, labels: SoftLabels) -> SoftLabels:
    check_same_rows(votes, labels)
    return make_model("majority").fit(votes).label(votes)


def _own(model: EndModel, rows: Any, labels: SoftLabels) -> HeldOut:
    answers = np.asarray(model.predict_proba(rows))
    if [str(c) for c in model.classes_] != list(labels.labels.names):
        raise DataError(
            f"the model answers {[str(c) for c in model.classes_]} and the labels have the classes "
            f"{list(labels.labels.names)}; give labels of the same classes in the same order"
        )
    if len(answers) != labels.n_items:
        raise DataError(
            f"rows and soft labels must match, found {len(answers)} rows and {labels.n_items} "
            "labels"
        )
    return HeldOut(answers, np.zeros(len(answers), dtype=np.int64), 0)


def _on(
    answerers: Mapping[str, SoftLabels],
    codes: npt.NDArray[np.int64] | None,
    counted: npt.NDArray[np.bool_],
    seed: int,
) -> GoldScores | None:
    if codes is None:
        return None
    return gold_scores(answerers, np.where(counted, codes, -1), seed=seed)


def _temperature(held_out: HeldOut, codes: npt.NDArray[np.int64], seed: int) -> Temperature | None:
    from weaklabel.endmodel.temperature import at_temperature, fit_temperature

    known = np.flatnonzero(codes >= 0)
    if len(known) < FEW_GOLD:
        return None
    p = held_out.probabilities[known]
    gold = np.eye(p.shape[1])[codes[known]]
    part = np.random.default_rng(seed).permutation(len(known)) % FOLDS
    scaled = p.copy()
    for f in range(FOLDS):
        out = part == f
        scaled[out] = at_temperature(p[out], fit_temperature(p[~out], gold[~out]))
    smallest = np.finfo(np.float64).eps
    before, after = (
        float(-np.log(np.maximum((q * gold).sum(axis=1), smallest)).mean()) for q in (p, scaled)
    )
    return Temperature(fit_temperature(p, gold), before, after)
