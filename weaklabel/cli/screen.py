"""Where a command writes: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from weaklabel.analysis.text import Cells

QUIET_CATEGORIES = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning)


class Screen:
    """The output of one command.

    Parameters
    ----------
    as_json : bool
        Print one JSON object to stdout; what is meant for people goes to stderr.
    debug : bool
        Show the traceback of errors, and the warnings of other libraries.
    """

    def __init__(self, as_json: bool = False, debug: bool = False) -> None:
        self.as_json = as_json
        self.debug = debug

    @property
    def width(self) -> int:
        """Characters a line of what is for people."""
        return self._console(sys.stderr if self.as_json else sys.stdout).width

    def say(self, text: str = "", style: str | None = None) -> None:
        """A line for people."""
        self._print(self._console(sys.stderr if self.as_json else sys.stdout), text, style)

    def note(self, text: str) -> None:
        """A line about work in progress, on stderr."""
        self._print(self._console(sys.stderr), text, "dim")

    def table(self, cells: Cells) -> None:
        """A table that keeps to the width of the terminal where its numbers allow."""
        console = self._console(sys.stderr if self.as_json else sys.stdout)
        lines = cells.to_text(console.width).splitlines()
        rule = next(i for i, line in enumerate(lines) if line.startswith("-"))
        for line in lines[:rule]:
            self._print(console, line, "bold")
        for line in lines[rule:]:
            self._print(console, line)

    def result(self, value: Mapping[str, Any]) -> None:
        """The result for machines; printed with ``--json`` only."""
        if self.as_json:
            sys.stdout.write(json.dumps(_plain(value), allow_nan=False, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    def warn(self, message: str) -> None:
        """A warning in one line on stderr."""
        self._print(self._console(sys.stderr), f"warning: {message}", "yellow")

    def error(self, error: BaseException, message: str) -> None:
        """An error in one line on stderr, and as a JSON object where JSON was asked for."""
        console = self._console(sys.stderr)
        if self.debug:
            import traceback

            sys.stderr.write("".join(traceback.format_exception(error)))
        self._print(console, f"error: {message}", "bold red")
        self.result({"error": {"type": type(error).__name__, "message": message}})

    def catch_warnings(self) -> None:
        """Show warnings as clean lines from here on; call inside ``warnings.catch_warnings``."""

        def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
            self.warn(str(message))

        warnings.simplefilter("default")
        if not self.debug:
            for category in QUIET_CATEGORIES:
                warnings.simplefilter("ignore", category)
        warnings.showwarning = show

    def _console(self, stream: Any) -> Console:
        from rich.console import Console

        return Console(file=stream, highlight=False, markup=False, soft_wrap=True)

    def _print(self, console: Console, text: str, style: str | None = None) -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _plain(value: Any) -> Any:
    """The value with NaN and infinities as None and paths as text, which JSON can hold."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "item"):  # a NumPy scalar
        return _plain(value.item())
    return str(value)
