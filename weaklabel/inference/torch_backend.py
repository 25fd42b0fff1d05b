"""The E-step in torch: for a CUDA device, or any other that has float64.

Scores are bag sums of table rows (``embedding_bag`` over the votes of each pattern), counts are bag
sums of posterior rows over the votes of each table row. The latter bags are long and few, so they
are summed in pieces of ``PIECE`` votes first. Bag sums have a fixed order: unlike atomic additions
they give the same bits every time on the same device.

This is the only module of inference that imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.nn.functional import embedding_bag

from weaklabel.errors import ConfigError
from weaklabel.inference.rows import Expected, FloatArray, IntArray, VoteRows

BLOCK_CELLS = 1 << 25
"""Cells (patterns x classes) on the device at a time: 256 MB."""
PIECE = 1024


class TorchBackend:
    """E-step in torch, float64; see :class:`~weaklabel.inference.rows.Backend` for the methods.

    Parameters
    ----------
    rows : VoteRows
    device : str, default "cuda"
        A torch device.

    Raises
    ------
    ConfigError
        If the device does not exist here or has no float64.

    Notes
    -----
    Votes stay on the device (16 bytes per vote); tables and counts travel at each E-step.
    """

    def __init__(self, rows: VoteRows, device: str = "cuda") -> None:
        self.rows = rows
        self.device = _usable(device)
        step = max(BLOCK_CELLS // rows.n_classes, 1)
        edges = [*range(0, rows.n_patterns, step), rows.n_patterns]
        self._blocks = [_Block.build(rows, a, b, self.device) for a, b in pairwise(edges)]
        self.plan = (
            f"torch on {device}: bag sums over {rows.n_votes} votes (a device was asked for)"
        )

    def e_step(self, log_table: FloatArray, log_prior: FloatArray) -> Expected:
        """Expected counts and log-likelihood, block by block."""
        table, prior = self._send(log_table), self._send(log_prior)
        sums = _Sums(self.rows, self.device)
        for block in self._blocks:
            score = block.scores(table, prior)
            log_z = torch.logsumexp(score, dim=1)
            sums.add(block, (score - log_z[:, None]).exp_(), log_z)
        return sums.result()

    def posterior(
        self,
        log_table: FloatArray,
        log_prior: FloatArray,
        out: FloatArray | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> FloatArray:
        """Posterior of patterns ``start .. stop - 1``; rows sum to 1."""
        return self._fill(log_table, log_prior, out, start, stop, normalise=True)

    def scores(
        self,
        log_table: FloatArray,
        log_prior: FloatArray,
        out: FloatArray | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> FloatArray:
        """The log joint of patterns ``start .. stop - 1``."""
        return self._fill(log_table, log_prior, out, start, stop, normalise=False)

    def counts_of(self, posterior: FloatArray) -> Expected:
        """M-step statistics of a given posterior, shape (n_patterns, n_classes)."""
        sums = _Sums(self.rows, self.device)
        for block in self._blocks:
            sums.add(block, self._send(posterior[block.start : block.stop]), None)
        return sums.result()

    def _fill(
        self,
        log_table: FloatArray,
        log_prior: FloatArray,
        out: FloatArray | None,
        start: int,
        stop: int | None,
        *,
        normalise: bool,
    ) -> FloatArray:
        stop = self.rows.n_patterns if stop is None else stop
        if out is None:
            out = np.empty((stop - start, self.rows.n_classes))
        table, prior = self._send(log_table), self._send(log_prior)
        for block in self._blocks:
            low, high = max(block.start, start), min(block.stop, stop)
            if low < high:
                score = block.scores(table, prior, low - block.start, high - block.start)
                result = torch.softmax(score, dim=1) if normalise else score
                out[low - start : high - start] = result.cpu().numpy()
        return out

    def _send(self, values: FloatArray) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64, device=self.device)


@dataclass(frozen=True, eq=False)
class _Block:
    """The votes of patterns ``start .. stop - 1``, by pattern and by table row."""

    start: int
    stop: int
    table_row: torch.Tensor  # (n_votes,)
    offsets: torch.Tensor  # (n_patterns + 1,)
    weight: torch.Tensor | None  # (n_patterns,)
    pattern: torch.Tensor  # (n_votes,), sorted by table row
    piece_offsets: torch.Tensor  # (n_pieces + 1,), into pattern
    row_offsets: torch.Tensor  # (n_table_rows + 1,), into pieces

    @classmethod
    def build(cls, rows: VoteRows, start: int, stop: int, device: torch.device) -> _Block:
        indptr = rows.indptr[start : stop + 1].astype(np.int64)
        votes = rows.table_row[indptr[0] : indptr[-1]]
        indptr -= indptr[0]
        pattern = np.repeat(np.arange(stop - start), np.diff(indptr))
        order = np.argsort(votes, kind="stable")
        per_row = np.bincount(votes, minlength=rows.n_table_rows)
        pieces = -(-per_row // PIECE)
        row_offsets = np.concatenate([[0], np.cumsum(pieces)])
        rank = np.arange(row_offsets[-1]) - np.repeat(row_offsets[:-1], pieces)
        first = np.cumsum(per_row) - per_row
        piece_offsets = np.append(np.repeat(first, pieces) + rank * PIECE, len(votes))

        def send(values: IntArray) -> torch.Tensor:
            return torch.tensor(values.astype(np.int64), device=device)

        weight = None if rows.weight is None else torch.tensor(rows.weight[start:stop])
        return cls(
            start=start,
            stop=stop,
            table_row=send(votes),
            offsets=send(indptr),
            weight=None if weight is None else weight.to(device),
            pattern=send(pattern[order]),
            piece_offsets=send(piece_offsets),
            row_offsets=send(row_offsets),
        )

    def scores(
        self, table: torch.Tensor, prior: torch.Tensor, low: int = 0, high: int | None = None
    ) -> torch.Tensor:
        offsets = self.offsets[low : None if high is None else high + 1]
        votes = self.table_row[int(offsets[0]) : int(offsets[-1])]
        return _bag_sums(votes, table, offsets - offsets[0]) + prior

    def counts(self, posterior: torch.Tensor) -> torch.Tensor:
        pieces = _bag_sums(self.pattern, posterior, self.piece_offsets)
        every = torch.arange(len(pieces), device=pieces.device)
        return _bag_sums(every, pieces, self.row_offsets)


class _Sums:
    """The running sums of an E-step, on the device."""

    def __init__(self, rows: VoteRows, device: torch.device) -> None:
        shape = (rows.n_table_rows, rows.n_classes)
        self.counts = torch.zeros(shape, dtype=torch.float64, device=device)
        self.class_counts = torch.zeros(rows.n_classes, dtype=torch.float64, device=device)
        self.log_likelihood = 0.0

    def add(self, block: _Block, posterior: torch.Tensor, log_z: torch.Tensor | None) -> None:
        if block.weight is not None:
            posterior = posterior * block.weight[:, None]
            log_z = None if log_z is None else log_z * block.weight
        self.counts += block.counts(posterior)
        self.class_counts += posterior.sum(dim=0)
        self.log_likelihood += float("nan") if log_z is None else float(log_z.sum())

    def result(self) -> Expected:
        return Expected(
            self.counts.cpu().numpy(), self.class_counts.cpu().numpy(), self.log_likelihood
        )


def _bag_sums(index: torch.Tensor, source: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Row b is the sum of source[index[offsets[b] : offsets[b + 1]]]; 0 for an empty bag."""
    if len(index) == 0:
        shape = (len(offsets) - 1, source.shape[1])
        return torch.zeros(shape, dtype=source.dtype, device=source.device)
    return embedding_bag(index, source, offsets, mode="sum", include_last_offset=True)


def _usable(device: str) -> torch.device:
    try:
        found = torch.device(device)
        torch.zeros(1, dtype=torch.float64, device=found)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        raise ConfigError(
            f"device must be a torch device that exists here and has float64, such as 'cpu' or "
            f"'cuda'; found {device!r} ({str(error).splitlines()[0]})"
        ) from error
    return found
