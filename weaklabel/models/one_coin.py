"""One accuracy per labeling function, or per labeling function and class."""

from __future__ import annotations

from typing import ClassVar

from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import FloatArray
from weaklabel.inference.tables import Accuracy, Parametrisation
from weaklabel.models.table_model import TableLabelModel


class OneCoin(TableLabelModel):
    """Each labeling function has one accuracy; its errors fall evenly.

    P(vote v | class y, LF j votes) = p_j if v = y, (1 - p_j) / (K - 1) otherwise, with a Beta prior
    around ``prior_accuracy``.

    Settings and attributes are those of
    :class:`~weaklabel.models.table_model.TableLabelModel`.

    References
    ----------
    Zhang, Chen, Zhou and Jordan, "Spectral Methods Meet EM", 2016, section 2.
    """

    _one_sided_are_silent: ClassVar[bool] = False  # their one vote is right as often as any

    def _parametrisation(
        self, layout: TableLayout, accuracy: FloatArray, strength: FloatArray
    ) -> Parametrisation:
        return Accuracy(layout, accuracy, strength, False, self.inference)


class ClassConditionalAccuracy(TableLabelModel):
    """Each labeling function has one accuracy per class; its errors fall evenly.

    P(vote v | class y, LF j votes) = p_jy if v = y, (1 - p_jy) / (K - 1) otherwise. Between
    :class:`OneCoin` and :class:`DawidSkene`: for two classes it is Dawid-Skene.

    Settings and attributes are those of
    :class:`~weaklabel.models.table_model.TableLabelModel`.
    """

    def _parametrisation(
        self, layout: TableLayout, accuracy: FloatArray, strength: FloatArray
    ) -> Parametrisation:
        return Accuracy(layout, accuracy, strength, True, self.inference)
