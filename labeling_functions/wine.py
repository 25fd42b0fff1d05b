"""Thresholds at quantiles for scikit-learn's wine table: which grape a red wine is made of.

Each row of ``sklearn.datasets.load_wine(as_frame=True).data`` is the chemical analysis of one red
wine from Piedmont, of the grapes of Barolo, Grignolino or Barbera (``class_0``, ``class_1`` and
``class_2`` in the table).

The rules write down what is said of these wines. Barolo is strong, ripe and full of tannins, which
show as phenols and flavanoids; Grignolino is pale and light; Barbera is sour, deeply coloured, and
poor in tannins. How much is much in the units of a laboratory one does not know, so the limits are
quantiles of the table, **without its classes**: what is typical of one grape in three is said of
the upper or the lower third, and a weaker sign of a quarter. In between a rule abstains. A missing
value gets no vote.

References
----------
Forina, Armanino, Castino, Ubigli (1986), Multivariate data analysis as a discriminating method of
the origin of wines, Vitis 25: the analyses.
"""

from __future__ import annotations

from typing import Any

from sklearn.datasets import load_wine

from labeling_functions.quantiles import quantile
from weaklabel import LabelingFunction

LABELS = ["Barolo", "Grignolino", "Barbera"]  # the order of scikit-learn's codes 0, 1 and 2
BAROLO, GRIGNOLINO, BARBERA = LABELS
THIRD, QUARTER = 1 / 3, 1 / 4

_TABLE = load_wine(as_frame=True).data


def _rule(
    name: str,
    column: str,
    *,
    high: tuple[str, float] | None = None,
    low: tuple[str, float] | None = None,
) -> LabelingFunction:
    """The grape of the upper and of the lower share of a column."""
    settings: dict[str, Any] = {}
    if high is not None:
        settings |= {"label_above": high[0], "above": 1 - high[1]}
    if low is not None:
        settings |= {"label_below": low[0], "below": low[1]}
    return quantile(name, column, values=_TABLE[column].tolist(), labels=LABELS, **settings)


strength = _rule("strength", "alcohol", high=(BAROLO, THIRD), low=(GRIGNOLINO, THIRD))
ripeness = _rule("ripeness", "proline", high=(BAROLO, THIRD), low=(GRIGNOLINO, THIRD))
tannin = _rule("tannin", "flavanoids", high=(BAROLO, THIRD), low=(BARBERA, THIRD))
phenols = _rule("phenols", "total_phenols", high=(BAROLO, QUARTER), low=(BARBERA, QUARTER))
absorbance = _rule(
    "absorbance",
    "od280/od315_of_diluted_wines",
    high=(BAROLO, QUARTER),
    low=(BARBERA, THIRD),
)
colour = _rule("colour", "color_intensity", high=(BARBERA, QUARTER), low=(GRIGNOLINO, THIRD))
sourness = _rule("sourness", "malic_acid", high=(BARBERA, QUARTER))
red_not_brown = _rule("red_not_brown", "hue", low=(BARBERA, QUARTER))
