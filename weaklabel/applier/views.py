"""The rows of a batch as each labeling function wants them.

A :class:`View` is the batch after some preprocessors: as rows for functions of a row, as columns
for functions of columns. Everything is made when first asked for and then shared, so a
preprocessor runs once per row whoever names it, and a run of column functions alone makes no row
objects at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weaklabel.applier.batch import Batch
from weaklabel.errors import ConfigError
from weaklabel.lf import Preprocessor
from weaklabel.lf.formats import Format, take
from weaklabel.lf.row import ExtendedRow, RowSet, missing_field


class Broken:
    """Stands for a row on which a preprocessor failed."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class Views:
    """All views of one batch.

    Parameters
    ----------
    batch : Batch
    touched : dict, optional
        Columns that earlier batches used; extended in place. Changes the speed only.
    """

    def __init__(self, batch: Batch, touched: dict[str, None] | None) -> None:
        self._plain = View(batch, touched)
        self._known: dict[tuple[int, ...], View] = {(): self._plain}

    def after(self, steps: tuple[Preprocessor, ...]) -> View:
        """The batch with the fields of these preprocessors."""
        key = tuple(map(id, steps))
        if key not in self._known:
            before = self.after(steps[:-1])
            make = RowStepView if steps[-1].columns is None else BatchStepView
            self._known[key] = make(before, steps[-1])
        return self._known[key]

    def close(self) -> None:
        """Let go of the rows, which refer back to their set, so that memory is freed at once."""
        self._known.clear()
        self._plain.close()


class View:
    """A batch as it is."""

    def __init__(self, batch: Batch, touched: dict[str, None] | None) -> None:
        self._batch = batch
        self._touched = touched
        self._row_set: RowSet | None = None
        self._rows: list[Any] | None = None
        self._columns: dict[tuple[Any, Format], Any] = {}

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self._batch.n_rows

    def rows(self) -> list[Any]:
        """The rows; :class:`Broken` where a preprocessor failed."""
        if self._rows is None:
            self._rows = self._batch.objects()
        if self._rows is None:
            self._row_set = RowSet(self._batch, self._touched)
            self._rows = list(self._row_set.rows)
        return self._rows

    def broken(self) -> dict[int, Broken]:
        """The rows on which a preprocessor failed, by position, ascending."""
        return {}

    def column(self, name: Any, form: Format) -> Any:
        """One column; values of broken rows mean nothing.

        Raises
        ------
        MissingFieldError
            If there is no such column.
        """
        key = (name, form)
        if key not in self._columns:
            values = self._batch.formatted(name, form)
            if values is None:
                raise missing_field(name, self._batch.fields(0))
            self._columns[key] = values
        return self._columns[key]

    def close(self) -> None:
        """Free the rows."""
        if self._row_set is not None:
            self._row_set.close()


class RowStepView(View):
    """A view with the fields that a preprocessor of a row adds."""

    def __init__(self, before: View, step: Preprocessor) -> None:
        self._before = before
        self._step = step
        self._extended: list[Any] | None = None
        self._made: dict[Any, list[Any] | None] = {}

    @property
    def n_rows(self) -> int:
        """As :attr:`View.n_rows`."""
        return self._before.n_rows

    def rows(self) -> list[Any]:
        """As :meth:`View.rows`."""
        if self._extended is None:
            self._extended = [
                row if type(row) is Broken else _extended(self._step, row)
                for row in self._before.rows()
            ]
        return self._extended

    def broken(self) -> dict[int, Broken]:
        """As :meth:`View.broken`."""
        return {i: row for i, row in enumerate(self.rows()) if type(row) is Broken}

    def column(self, name: Any, form: Format) -> Any:
        """As :meth:`View.column`; what the preprocessor made comes as a list."""
        if name not in self._made:
            fields = [{} if type(row) is Broken else row._weaklabel_added() for row in self.rows()]
            added = any(name in some for some in fields)
            self._made[name] = [some.get(name) for some in fields] if added else None
        made = self._made[name]
        return self._before.column(name, form) if made is None else made


class BatchStepView(View):
    """A view with the columns that a batched preprocessor adds."""

    def __init__(self, before: View, step: Preprocessor) -> None:
        self._before = before
        self._step = step
        self._extended: list[Any] | None = None
        self._added: dict[str, Any] | None = None
        self._failed: dict[int, Broken] = {}

    @property
    def n_rows(self) -> int:
        """As :attr:`View.n_rows`."""
        return self._before.n_rows

    def rows(self) -> list[Any]:
        """As :meth:`View.rows`."""
        if self._extended is None:
            added, failed = self._result()
            names = tuple(added)
            self._extended = [
                failed[i]
                if i in failed
                else ExtendedRow(row, {name: added[name][i] for name in names})
                for i, row in enumerate(self._before.rows())
            ]
        return self._extended

    def broken(self) -> dict[int, Broken]:
        """As :meth:`View.broken`."""
        return self._result()[1]

    def column(self, name: Any, form: Format) -> Any:
        """As :meth:`View.column`; what the preprocessor made comes as it made it."""
        added, _ = self._result()
        return added[name] if name in added else self._before.column(name, form)

    def _result(self) -> tuple[dict[str, Any], dict[int, Broken]]:
        if self._added is None:
            self._failed = dict(self._before.broken())
            good = [i for i in range(self.n_rows) if i not in self._failed]
            if not good:
                self._added = {}
                return self._added, self._failed
            assert self._step.columns is not None
            try:
                columns = [self._before.column(n, self._step.format) for n in self._step.columns]
            except Exception as error:
                self._failed = dict.fromkeys(range(self.n_rows), Broken(error))
                self._added = {}
                return self._added, self._failed
            parts = list(self._run(columns, good))
            self._added = _joined(parts, self.n_rows)
            self._failed = dict(sorted(self._failed.items()))
        return self._added, self._failed

    def _run(self, columns: list[Any], rows: list[int]) -> Any:
        """Results for some rows; of rows at fault, found by halving, their errors are kept."""
        if not rows:
            return
        try:
            given = [take(column, rows, self.n_rows) for column in columns]
            yield rows, self._step.batch(given, len(rows))
        except ConfigError:  # of the memo, not of the function
            raise
        except Exception as error:
            if len(rows) == 1:
                self._failed[rows[0]] = Broken(error)
                return
            middle = len(rows) // 2
            yield from self._run(columns, rows[:middle])
            yield from self._run(columns, rows[middle:])


def _joined(parts: list[tuple[list[int], dict[str, Any]]], n_rows: int) -> dict[str, Any]:
    if len(parts) == 1 and len(parts[0][0]) == n_rows:
        return parts[0][1]
    joined: dict[str, list[Any]] = {}
    for rows, columns in parts:
        for name, values in columns.items():
            held = joined.setdefault(name, [None] * n_rows)
            for i, value in zip(rows, values, strict=True):
                held[i] = value
    return dict(joined)


def _extended(step: Preprocessor, row: Any) -> Any:
    try:
        return step.extend(row)
    except Exception as error:
        return Broken(error)


def guarded(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function, raising the preprocessor's error on a broken row."""

    def ask(row: Any) -> Any:
        if type(row) is Broken:
            raise row.error
        return function(row)

    return ask
