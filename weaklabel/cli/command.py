"""What all commands share: the options ``--json`` and ``--debug``, and what becomes of errors."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from weaklabel.cli.screen import Screen
from weaklabel.errors import WeakLabelError

EXIT_ERROR = 1
EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h
EXIT_INTERRUPTED = 130  # 128 + SIGINT


Json = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Make a command of a function whose first parameter is the :class:`Screen` it writes to.

    The command has the function's other parameters and ``--json`` and ``--debug``. Its exit code
    is 0, or 1 for an error in what was given, 70 for a bug, 130 after an interrupt.
    """
    hints = get_type_hints(function, include_extras=True)
    own = list(inspect.signature(function).parameters.values())[1:]
    parameters = [p.replace(annotation=hints[p.name]) for p in own]
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters += [
        inspect.Parameter("as_json", kind, default=False, annotation=Json),
        inspect.Parameter("debug", kind, default=False, annotation=Debug),
    ]

    @functools.wraps(function)
    def run(as_json: bool = False, debug: bool = False, **values: Any) -> None:
        screen = Screen(as_json, debug)
        with warnings.catch_warnings():
            screen.catch_warnings()
            code = _guarded(screen, functools.partial(function, screen, **values))
        if code:
            raise typer.Exit(code)

    del run.__wrapped__  # typer must see the signature below, not the function's own
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _guarded(screen: Screen, body: Callable[[], None]) -> int:
    """Run a command and return its exit code; an error becomes one line on stderr."""
    try:
        body()
        sys.stdout.flush()
    except WeakLabelError as error:
        screen.error(error, "; ".join([str(error), *getattr(error, "__notes__", ())]))
    except BrokenPipeError:
        # The reader of our output (say, `head`) went away; keep the interpreter from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        screen.error(error, _describe_os_error(error))
    except MemoryError as error:
        screen.error(error, "out of memory; use fewer rows or a larger machine")
    except KeyboardInterrupt:
        screen.say()
        screen.warn("interrupted; no file was left half written")
        return EXIT_INTERRUPTED
    except Exception as error:
        hint = "" if screen.debug else "; run again with --debug for the traceback and report it"
        screen.error(error, f"this is a bug in weaklabel: {type(error).__name__}: {error}{hint}")
        return EXIT_BUG
    else:
        return 0
    return EXIT_ERROR


def _describe_os_error(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{reason}: {error.filename}" if error.filename else reason
