"""The command line: ``weaklabel COMMAND``.

Every command writes what a person reads to stdout, or with ``--json`` one JSON object; warnings,
progress and errors go to stderr. Exit codes: 0 fine, 1 an error in what was given (one line, no
traceback), 2 wrong usage, 70 a bug in weaklabel, 130 interrupted.
"""

from weaklabel.cli.app import app, main

__all__ = ["app", "main"]
