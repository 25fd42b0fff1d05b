"""Column labeling functions: whole columns in, an array of votes out.

::

    @column_labeling_function(columns=["text"], labels=["ham", "spam"])
    def shouts(text):                                    # a pyarrow array of a batch of rows
        return np.where(pc.utf8_is_upper(text).fill_null(False), 1, -1)

The function gets one array per column, in the order of ``columns``, and returns one vote per row in
row order: class codes with -1 to abstain (the fast way), or class names, enum members or rich votes
with None to abstain; as a NumPy array, a pandas Series, an Arrow array or a list. It must treat
each row by itself: how many rows it gets at a time is up to the engine, so a function that looks at
other rows (a rank, a mean over the column) would answer differently from run to run. Missing values
arrive as null, NaN or None, depending on the format; see :mod:`weaklabel.lf.formats`.

A function that raises is asked again for half of the rows, and so on, until the row at fault is
known, so faults are counted by row as those of row functions are.

Several functions can share their work, as keyword rules that scan a text once for the words of all
of them. They name a common ``together``::

    def scan_together(lfs):              # the labeling functions of the run that share it, in order
        words = [lf.resources["words"] for lf in lfs]
        scanner = build(words)           # once per run and process
        def scan(text):                  # once per batch
            return [votes_of_first, votes_of_second, ...]
        return scan

    LabelingFunction("prize", one_alone, labels, {"words": [...]}, columns=("text",),
                     together=scan_together)

Functions with an equal ``together``, equal columns, format and preprocessors are answered by one
scan. ``function`` alone must give the same votes as the scan: it is used for a single row, and to
find the row at fault. What is shared but is not votes (lower-cased text, tokens, embeddings)
belongs in a batched preprocessor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from weaklabel.errors import LabelingFunctionError
from weaklabel.labels import LabelSpace, LabelSpaceLike
from weaklabel.lf.column_votes import CodedVotes, NotVotesError, read_votes
from weaklabel.lf.formats import Format, check_columns, columns_of
from weaklabel.lf.function import LabelingFunction, name_of
from weaklabel.lf.preprocess import Preprocessor


@overload
def column_labeling_function(function: Callable[..., Any], /) -> LabelingFunction: ...
@overload
def column_labeling_function(
    *,
    columns: Sequence[str] | str | None = None,
    name: str | None = None,
    labels: LabelSpaceLike | None = None,
    resources: Mapping[str, Any] | None = None,
    preprocessors: Sequence[Preprocessor] | Preprocessor = (),
    version: str | None = None,
    format: Format = "arrow",
    together: Callable[[Sequence[LabelingFunction]], Callable[..., Sequence[Any]]] | None = None,
) -> Callable[[Callable[..., Any]], LabelingFunction]: ...
def column_labeling_function(
    function: Callable[..., Any] | None = None,
    /,
    *,
    columns: Sequence[str] | str | None = None,
    name: str | None = None,
    labels: LabelSpaceLike | None = None,
    resources: Mapping[str, Any] | None = None,
    preprocessors: Sequence[Preprocessor] | Preprocessor = (),
    version: str | None = None,
    format: Format = "arrow",
    together: Callable[[Sequence[LabelingFunction]], Callable[..., Sequence[Any]]] | None = None,
) -> LabelingFunction | Callable[[Callable[..., Any]], LabelingFunction]:
    """Make a column labeling function; as ``@column_labeling_function`` or with arguments.

    Parameters
    ----------
    columns : sequence of str, optional
        The columns it reads, of the rows or made by its preprocessors. If None: the names of its
        parameters that are not resources.
    name : str, optional
        The function's name if None.
    labels, resources, preprocessors, version, format, together
        As :class:`weaklabel.LabelingFunction`.

    Raises
    ------
    ConfigError
        If the columns are not known, and as :class:`weaklabel.LabelingFunction`.

    Examples
    --------
    >>> import numpy as np
    >>> @column_labeling_function(format="numpy", labels=["cheap", "dear"])
    ... def by_price(price):
    ...     return np.where(price > 100, 1, -1)
    >>> by_price({"price": 120.0})
    1
    """

    def make(target: Callable[..., Any]) -> LabelingFunction:
        chosen = name_of(target, name)
        who = f"labeling function {chosen!r}"
        held = dict(resources or {})
        return LabelingFunction(
            chosen,
            target,
            None if labels is None else LabelSpace(labels),
            held,
            (preprocessors,) if isinstance(preprocessors, Preprocessor) else tuple(preprocessors),
            version,
            columns_of(target, held, who) if columns is None else check_columns(columns, who),
            format,
            together,
        )

    return make if function is None else make(function)


def single_vote(lf: LabelingFunction, returned: Any) -> Any:
    """The vote on one row, from what the function returned for it.

    Raises
    ------
    LabelingFunctionError
        If that is not one vote.
    """
    try:
        votes = read_votes(returned, 1)
    except NotVotesError as error:
        raise LabelingFunctionError(f"labeling function {lf.name!r} {error}", lf.name) from None
    return (votes.to_list() if isinstance(votes, CodedVotes) else votes)[0]
