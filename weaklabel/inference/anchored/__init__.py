"""An aggregation that stays close to the votes: the average of four cautious members.

Maximum likelihood on real labeling functions finds the strongest block of correlated LFs and calls
it truth. What was measured to be safe is to take *one* step of evidence from a vote share, and to
average the result with the shares it came from:

======  ======================================================================  ================
member  what it is                                                              weight
======  ======================================================================  ================
m       vote share, with one pseudo-vote                                        1
a       vote share in which votes for a class that many vote for count less     2
b       naive Bayes with the tables that one step from ``a`` gives; the         2
        silence of one-sided LFs counts, with a cap
c       confusion-matrix EM over LFs that vote for two or more classes, a few   up to 6 for fixed
        steps from the tables believed beforehand                               panels, 18 for
                                                                                crowds; ten times
                                                                                that if independent
======  ======================================================================  ================

Before all that, votes of copies, of LFs that say the same of every row, and of LFs of several
classes that agree with nobody are discounted (:mod:`~weaklabel.inference.preweights`). How much
``c`` weighs is read off the votes (:mod:`~weaklabel.inference.regime`). After it, the log of the
average is tilted towards a class balance that is known, and with gold calibrated vote by vote
(:mod:`~weaklabel.inference.calibration`).

Each member is tables on the core: a number per table row, or a row of log probabilities. LFs that
vote for one class only (rules) and LFs that vote for several (crowds, judges) are treated apart,
since silence is evidence of the first kind only and a confusion matrix of the second kind only.

Rows without any vote get the class balance, unless the silence of all rules together, beside a
quarter of what the other rows say of the class balance, speaks clearly for one class; then they
lean towards it. The more rows hang on it, the clearer it must be.
"""

from weaklabel.inference.anchored.average import Members, anchored_posterior
from weaklabel.inference.anchored.fade import anchored_contributions
from weaklabel.inference.anchored.fitting import Anchored, fit_anchored
from weaklabel.inference.anchored.literal import literal_odds
from weaklabel.inference.anchored.parameters import (
    EVIDENCE_WEIGHT,
    NORMALISED_WEIGHT,
    SHARE_WEIGHT,
    AnchoredParameters,
)

__all__ = [
    "EVIDENCE_WEIGHT",
    "NORMALISED_WEIGHT",
    "SHARE_WEIGHT",
    "Anchored",
    "AnchoredParameters",
    "Members",
    "anchored_contributions",
    "anchored_posterior",
    "fit_anchored",
    "literal_odds",
]
