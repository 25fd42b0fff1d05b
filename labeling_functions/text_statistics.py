"""Statistics of texts, computed for a whole column at once.

=====================  ==========================================================================
``characters``         number of characters
``words``              number of words, separated by white space
``upper_share``        share of capitals among the letters; none where there are no letters
``digit_share``        share of digits among the characters; none for an empty text
``punctuation_share``  share of characters that are no letter, digit or white space; likewise
``exclamation_marks``  number of ``!``
``question_marks``     number of ``?``
=====================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labeling_functions.text import Texts

Numbers = npt.NDArray[np.float64]


def statistic_of(name: str, texts: Texts) -> Numbers:
    """A statistic of each text, shape (n_rows,); NaN where there is no text or it is not defined.

    Parameters
    ----------
    name : str
        One of :data:`STATISTICS`.
    texts : LargeStringArray, shape (n_rows,)
    """
    return STATISTICS[name](texts)


def _numbers(array: Any) -> Numbers:
    import pyarrow as pa

    found: Numbers = array.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return found


def _characters(texts: Texts) -> Numbers:
    import pyarrow.compute as pc

    return _numbers(pc.utf8_length(texts))


def _count(pattern: str) -> Callable[[Texts], Numbers]:
    def count(texts: Texts) -> Numbers:
        import pyarrow.compute as pc

        return _numbers(pc.count_substring_regex(texts, pattern))

    return count


def _share(pattern: str, among: Callable[[Texts], Numbers]) -> Callable[[Texts], Numbers]:
    def share(texts: Texts) -> Numbers:
        whole = among(texts)
        empty = np.full(len(whole), np.nan)
        found: Numbers = np.divide(_count(pattern)(texts), whole, out=empty, where=whole > 0)
        return found

    return share


STATISTICS: Final[Mapping[str, Callable[[Texts], Numbers]]] = {
    "characters": _characters,
    "words": _count(r"[^\s\p{Z}\x1c-\x1f\x{85}\v]+"),
    "upper_share": _share(r"\p{Lu}", _count(r"\p{L}")),
    "digit_share": _share(r"\p{Nd}", _characters),
    "punctuation_share": _share(r"[^\p{L}\p{N}\s\p{Z}]", _characters),
    "exclamation_marks": _count("!"),
    "question_marks": _count(r"\?"),
}
