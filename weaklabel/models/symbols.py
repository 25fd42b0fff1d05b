"""Symbols that the fit did not see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weaklabel.labels import VoteAlphabet


def recoded(
    fitted: VoteAlphabet, found: VoteAlphabet
) -> tuple[VoteAlphabet, npt.NDArray[np.int64] | None]:
    """The fitted alphabet with new symbols appended, and the codes of ``found`` in it.

    Returns
    -------
    alphabet : VoteAlphabet
        Codes of the fitted alphabet keep their meaning.
    code : array of int64, shape (len(found),), or None
        The code of each symbol of ``found``; None if the alphabets are equal.
    """
    if found == fitted:
        return fitted, None
    new = [s for s in found.extra if fitted.code(s) is None]
    alphabet = VoteAlphabet(fitted.labels, fitted.extra + tuple(new), fitted.confidence_edges)
    codes = [alphabet.code(found.symbol(c)) for c in range(len(found))]
    return alphabet, np.asarray(codes, dtype=np.int64)
