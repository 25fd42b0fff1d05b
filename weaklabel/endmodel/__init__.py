"""End models: classifiers trained on soft labels, which answer where no rule does.

==================  ==========================================================================
module              what it does
==================  ==========================================================================
``estimator``       EndModel, the scikit-learn classifier
``rows``            what X is: texts, a table, an array, a sparse matrix
``targets``         what y is: soft labels, probabilities, hard labels; weights of the rows
``target_modes``    what soft labels are turned into: four ways of reading a distribution
``features``        which encoder turns the rows into numbers (``encoder``, ``text``, ``matrix``,
                    ``table`` with ``roles`` and ``columns``, ``embeddings``, ``tokens``,
                    ``dataset``)
``heads``           which net learns: by name (``nets``), ``modules`` of the user, ``finetune``
``losses``          losses on soft targets, by name
``strategies``      what is done against noise; the contract is in ``strategies.base``
``propagation``     labels spread to similar rows (``neighbours``)
``training``        the loop over epochs (``state``, ``optimizers``, ``problem``, ``settings``,
                    ``progress``)
``fitting``         the steps of a fit; ``content`` says which rows are copies of each other
``shares``          offsets that answer each class as often as the labels do
``temperature``     one number that makes all answers surer or less sure, chosen on gold
``checkpoint``      a fit that was interrupted goes on where it stopped
``selection``       weight decay and epochs, chosen on held-out soft labels
``artifact``        a trained model as one file (``params``); ``onnx_model`` as an ONNX file
==================  ==========================================================================
"""

from weaklabel.endmodel.embeddings import Embeddings
from weaklabel.endmodel.estimator import EndModel
from weaklabel.endmodel.finetune import FineTune
from weaklabel.endmodel.propagation import propagate

__all__ = ["Embeddings", "EndModel", "FineTune", "propagate"]
