"""Dawid-Skene: a full confusion matrix per labeling function."""

from __future__ import annotations

from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import FloatArray
from weaklabel.inference.tables import Confusion, Parametrisation
from weaklabel.models.table_model import TableLabelModel


class DawidSkene(TableLabelModel):
    """Each labeling function has its own confusion matrix.

    P(vote v | class y, LF j votes) = theta_j[y, v], with a Dirichlet prior that an LF is right
    ``prior_accuracy`` of the time. ``inference="vb"`` is the Bayesian version (IBCC).

    Made for panels of many-class voters: crowds, language-model judges. One-sided rules (LFs that
    vote for one class only) hardly speak under ``abstain="ignore"``: given that such an LF votes,
    its vote is certain whatever the class. For rules use :class:`~weaklabel.LabelModel`.

    Settings and attributes are those of
    :class:`~weaklabel.models.table_model.TableLabelModel`.

    References
    ----------
    Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm",
    1979, eq. 2.3 to 2.5. Kim and Ghahramani, "Bayesian Classifier Combination", 2012 (IBCC).

    Examples
    --------
    >>> from weaklabel import DawidSkene
    >>> votes = [[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0]] * 10
    >>> DawidSkene().fit(votes).predict(votes).tolist()[:4]
    [0, 1, 0, 1]
    """

    def _parametrisation(
        self, layout: TableLayout, accuracy: FloatArray, strength: FloatArray
    ) -> Parametrisation:
        return Confusion(layout, accuracy, strength, self.inference)
