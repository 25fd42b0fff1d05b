"""Votes that cost something: where routing gets them from.

:class:`PromptVotes` asks a language model; :class:`RecordedVotes` takes them from a vote matrix, to
see what routing would have done.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError
from weaklabel.labels import LabelSpace
from weaklabel.llm.asking import ask
from weaklabel.llm.job import make_job
from weaklabel.llm.rows import Table, table_of
from weaklabel.votes import VoteMatrix

FloatArray: TypeAlias = npt.NDArray[np.float64]
RowPositions: TypeAlias = npt.NDArray[np.int64]


class PaidVotes(Protocol):
    """Prompts that can be put to any row, at a price.

    Attributes
    ----------
    cost : array, shape (n_rows,)
        Of putting all prompts to a row; more than 0.
    labels : LabelSpace
        The classes of the votes to come.
    lf_names : tuple of str
        The columns of the votes to come.
    """

    cost: FloatArray
    labels: LabelSpace
    lf_names: tuple[str, ...]

    def ask(self, rows: RowPositions) -> VoteMatrix:
        """The votes of all prompts on these rows, in this order, without row ids."""
        ...


class RecordedVotes:
    """Paid votes that are known already.

    Parameters
    ----------
    votes : VoteMatrix
        Of all prompts on all rows.
    cost : float or array, shape (n_rows,), optional
        Of a row; the number of prompts (so that cost counts calls) if None.
    """

    def __init__(self, votes: VoteMatrix, cost: npt.ArrayLike | None = None) -> None:
        self._votes = without_ids(votes)
        self.labels, self.lf_names = votes.labels, votes.lf_names
        self.cost = cost_per_row(votes.n_lfs if cost is None else cost, votes.n_items)

    def ask(self, rows: RowPositions) -> VoteMatrix:
        """As :meth:`PaidVotes.ask`."""
        return self._votes[rows]


class PromptVotes:
    """Paid votes of prompts that are put to a language model.

    Parameters
    ----------
    prompts, rows
        As :func:`weaklabel.llm.ask`.
    cost : float or array, shape (n_rows,), optional
        Of a row; the number of prompts if None.
    **settings
        Of :func:`weaklabel.llm.ask`: ``model``, ``cache``, ``labels``, ``concurrency``,
        ``confidence_edges`` and so on. With a cache, a run that was killed asks nothing twice.

    Raises
    ------
    ConfigError
        If a budget is among the settings: that of :func:`route` holds; and as
        :func:`weaklabel.llm.ask`, for what is wrong with the prompts.
    """

    def __init__(
        self, prompts: Any, rows: Any, cost: npt.ArrayLike | None = None, **settings: Any
    ) -> None:
        for name in ("max_calls", "max_cost", "id_column"):
            if name in settings:
                raise ConfigError(f"{name} is no setting of PromptVotes; the budget is route's")
        self._prompts = list(prompts) if isinstance(prompts, Sequence) else [prompts]
        self._table = table_of(rows)
        self._settings = settings
        n_rows = self._table.n_rows
        job = make_job(  # of one row: what is wrong shows here, before anything is paid for
            self._prompts, self._some([0]), settings.get("model"), settings.get("labels"), None
        )
        self.labels, self.lf_names = job.space, job.columns
        self.cost = cost_per_row(len(self._prompts) if cost is None else cost, n_rows)

    def ask(self, rows: RowPositions) -> VoteMatrix:
        """As :meth:`PaidVotes.ask`; a row that fails has no votes."""
        return ask(self._prompts, self._some(rows.tolist()), **self._settings).votes

    def _some(self, rows: Sequence[int]) -> Table:
        table = self._table
        return Table(len(rows), table.names, lambda name: [table.column(name)[i] for i in rows])


def cost_per_row(cost: npt.ArrayLike, n_rows: int) -> FloatArray:
    """What each row costs.

    Raises
    ------
    ConfigError
        If there is not one for each row, or one is not a number more than 0.
    """
    given = np.asarray(cost, dtype=np.float64)
    if given.ndim > 1 or (given.ndim == 1 and len(given) != n_rows):
        raise ConfigError(
            f"cost must be one number, or one for each of {n_rows} rows, found shape {given.shape}"
        )
    wrong = given[~((given > 0) & (given < math.inf))]
    if wrong.size:
        raise ConfigError(f"costs must be more than 0 and finite, found {wrong.flat[0]}")
    return np.array(np.broadcast_to(given, n_rows))


def without_ids(votes: VoteMatrix) -> VoteMatrix:
    """The same votes, rows known by their positions."""
    if votes.row_ids is None:
        return votes
    return VoteMatrix(
        votes.indptr, votes.lf_index, votes.symbol, votes.alphabet, votes.lf_names, None,
        votes.lf_fingerprints, votes.faults,
    )  # fmt: skip
