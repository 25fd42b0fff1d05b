"""End models: classifiers trained on soft labels, which answer where no rule does.

==================  ==========================================================================
module              what it does
==================  ==========================================================================
``estimator``       EndModel, the scikit-learn classifier
``rows``            what X is: texts, a table, an array, a sparse matrix
``targets``         what y is: soft labels, probabilities, hard labels; weights of the rows
``features``        which encoder turns the rows into numbers (``encoder``, ``text``, ``matrix``,
                    ``table`` with ``roles`` and ``columns``)
``losses, nets``    losses on soft targets and heads, by name
``strategies``      what is done against noise; the contract is in ``strategies.base``
``propagation``     labels spread to similar rows (``neighbours``)
``training``        the loop over epochs (``state``, ``optimizers``, ``problem``, ``settings``,
                    ``progress``)
``content``         which rows are copies of each other
``selection``       weight decay and epochs, chosen on held-out soft labels
``artifact``        a trained model as one file
==================  ==========================================================================
"""

from weaklabel.endmodel.estimator import EndModel
from weaklabel.endmodel.propagation import propagate

__all__ = ["EndModel", "propagate"]
