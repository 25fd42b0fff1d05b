"""Threshold rules for scikit-learn's breast-cancer table.

Each row of ``sklearn.datasets.load_breast_cancer(as_frame=True).data`` describes the cell nuclei in
one fine-needle aspirate of a breast mass: for ten measures the mean over the nuclei, the standard
error, and the "worst", which is the mean of the three largest values.

The rules write down what a cytologist looks for. Nuclei of cancer cells are large, differ in size
from one to the next, have dented rather than round outlines, and their chromatin is uneven; benign
nuclei are small, alike, and smooth. Where the limits lie was chosen **without the diagnoses**:
round numbers on the unlabelled columns, such that about the lower third of the aspirates counts as
unremarkable (most masses that are aspirated are benign) and about the upper quarter as suspicious.
In between, where an honest reader would not commit, the rule abstains. Weak signs vote one way.

Lengths are in the unit of the table, areas in its square; the shape measures have no unit. A
missing value gets no vote.

References
----------
Street, Wolberg, Mangasarian (1993), Nuclear feature extraction for breast tumor diagnosis:
definitions of the measures.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

from weaklabel import labeling_function

LABELS = ["malignant", "benign"]  # the order of scikit-learn's codes 0 and 1
MALIGNANT, BENIGN = LABELS


def read(
    value: Any, *, benign_to: float | None = None, malignant_from: float | None = None
) -> str | None:
    """Vote by the side of the gap on which a measurement lies; abstain in it or without a value."""
    if not isinstance(value, Real):
        return None
    number = float(value)  # a NaN is on neither side
    if benign_to is not None and number <= benign_to:
        return BENIGN
    if malignant_from is not None and number >= malignant_from:
        return MALIGNANT
    return None


@labeling_function
def nucleus_size(x: Any) -> str | None:
    """Small nuclei are harmless, large ones suspicious."""
    return read(x["mean radius"], benign_to=12.5, malignant_from=16.0)


@labeling_function
def largest_nuclei(x: Any) -> str | None:
    """Even the three largest nuclei are small, or they are giants."""
    return read(x["worst area"], benign_to=600.0, malignant_from=1000.0)


@labeling_function
def size_varies(x: Any) -> str | None:
    """Nuclei of one size (benign) or of many sizes (anisonucleosis)."""
    return read(x["area error"], benign_to=20.0, malignant_from=45.0)


@labeling_function
def dented_outline(x: Any) -> str | None:
    """Few or many points where the outline turns inwards, in the worst nuclei."""
    return read(x["worst concave points"], benign_to=0.08, malignant_from=0.16)


@labeling_function
def deep_dents(x: Any) -> str | None:
    """Shallow or deep dents on average."""
    return read(x["mean concavity"], benign_to=0.04, malignant_from=0.13)


@labeling_function
def round_or_stretched(x: Any) -> str | None:
    """Compactness, perimeter^2 / area - 1: near a disc, or far from it."""
    return read(x["worst compactness"], benign_to=0.15, malignant_from=0.35)


@labeling_function
def uneven_chromatin(x: Any) -> str | None:
    """Spread of the grey values: even and fine, or coarse."""
    return read(x["worst texture"], benign_to=20.0, malignant_from=30.0)


@labeling_function
def ragged_outline(x: Any) -> str | None:
    """Radii that jump from point to point; a weak sign, so it only speaks for malignant."""
    return read(x["worst smoothness"], malignant_from=0.15)


@labeling_function
def lopsided(x: Any) -> str | None:
    """Marked asymmetry; a weak sign, so it only speaks for malignant."""
    return read(x["worst symmetry"], malignant_from=0.35)


@labeling_function
def small_and_smooth(x: Any) -> str | None:
    """Small nuclei of which even the worst have few dents: benign on two independent grounds."""
    small = read(x["worst radius"], benign_to=14.0)
    smooth = read(x["worst concavity"], benign_to=0.2)
    return BENIGN if small and smooth else None
