"""Chunks: the stretches of rows that the vote cache keeps votes for.

Their borders depend on the position only, so rows that are appended change the last chunk and no
other. Chunks start small and grow to a sixteenth of the rows before them: work that is killed loses
little of what was done, and large data does not become a large number of files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from weaklabel.applier.batch import Batch
from weaklabel.applier.sources import Source
from weaklabel.lf import LabelingFunction
from weaklabel.lf.content import UnseenContentError, digest_column, digest_of

SMALLEST_CHUNK: Final = 1_024
LARGEST_CHUNK: Final = 32_768


def chunk_size(start: int) -> int:
    """Rows of the chunk that starts at a row."""
    size = SMALLEST_CHUNK
    while size < LARGEST_CHUNK and start >= 32 * size:
        size *= 2
    return size


class Chunk:
    """Consecutive rows, in pieces as they came, and digests of what they hold.

    Parameters
    ----------
    pieces : sequence of Batch
    is_full : bool
        Whether rows appended later do not belong to it.
    """

    def __init__(self, pieces: Sequence[Batch], is_full: bool) -> None:
        self.pieces = pieces
        self.is_full = is_full
        self.n_rows = sum(piece.n_rows for piece in pieces)
        self._columns: dict[Any, bytes] = {}
        self._whole: bytes | None = None

    def slices(self, start: int, stop: int) -> Iterator[Batch]:
        """Rows ``start .. stop-1``."""
        for piece in self.pieces:
            low, high = max(start, 0), min(stop, piece.n_rows)
            if low < high:
                yield piece if (low, high) == (0, piece.n_rows) else piece.slice(low, high)
            start, stop = start - piece.n_rows, stop - piece.n_rows

    def head(self, n_rows: int) -> Chunk:
        """The first rows as a chunk."""
        return Chunk(list(self.slices(0, n_rows)), False)

    def digest_for(self, lf: LabelingFunction) -> bytes:
        """Digest of all that a labeling function can see of the rows.

        Raises
        ------
        UnseenContentError
            If they hold objects whose content cannot be seen.
        """
        steps = lf.preprocessors
        if lf.columns is None or any(step.columns is None for step in steps):
            return self.digest()
        reads = {(name, lf.format): None for name in lf.columns}
        reads |= {(name, step.format): None for step in steps for name in step.columns or ()}
        parts = [repr(self.n_rows)]
        for name, form in reads:
            kind = "" if form == "list" else self.pieces[0].settled(name)
            parts += [repr(name), form, kind, self._column(name).hex()]
        return digest_of("columns", *parts)

    def digest(self) -> bytes:
        """Digest of all fields of all rows; errors as :meth:`digest_for`."""
        if self._whole is None:
            names = self.pieces[0].all_fields()
            orders = [piece.field_orders() for piece in self.pieces]
            columns = [self._column(name) for piece in self.pieces[:1] for name in names]
            self._whole = digest_of("rows", repr(self.n_rows), repr(names), repr(orders), *columns)
        return self._whole

    def _column(self, name: Any) -> bytes:
        if name not in self._columns:
            parts = [piece.content(name) for piece in self.pieces]
            try:
                made = b"" if any(part is None for part in parts) else digest_column(parts)
            except UnseenContentError as error:
                where = "the rows are" if name is None else f"the column {name!r} holds"
                raise UnseenContentError(
                    f"the vote cache knows rows by their content, but {where} {error}, whose "
                    "content cannot be seen; apply without cache=, or give rows of plain values"
                ) from None
            first = self.pieces[0]
            self._columns[name] = digest_of(first.kind, first.type_name(name), made)
        return self._columns[name]


def chunks_of(source: Source) -> Iterator[Chunk]:
    """All rows in chunks; a chunk may reach over the stretches in which a file is read."""
    start, pieces = 0, []
    missing = size = chunk_size(0)
    for stretch in source.stretches():
        low = 0
        while low < stretch.n_rows:
            high = min(low + missing, stretch.n_rows)
            pieces.append(stretch.slice(low, high))
            missing -= high - low
            low = high
            if missing == 0:
                yield Chunk(pieces, True)
                start, pieces = start + size, []
                missing = size = chunk_size(start)
    if pieces:
        yield Chunk(pieces, False)
