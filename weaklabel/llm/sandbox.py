"""Running a program that nobody has read in a process that can do little harm by accident.

:func:`run_program` starts a Python of its own (isolated mode, no site packages, no environment, an
empty folder that is deleted afterwards), which first takes limits upon itself
(:class:`ProgramLimits`): seconds of CPU, memory, no files written, few files open, no processes,
and where the system allows it a network of its own with nothing in it. It then runs the program on
the rows with a handful of built-in functions. Another clock runs outside; when it ends, the whole
group of processes is killed.

**What this is for** is containing accidents: endless loops, runaway memory, a program that expects
files. **What it does not promise:** it is no protection against someone who attacks the kernel or
the interpreter; the process runs as the same user and can read what that user can read, should a
program find a way around :mod:`weaklabel.llm.program_rules`; the network is cut only where the
system lets an ordinary user do so; as the superuser the limit on processes does not hold. Run
programs from sources you do not trust in a container or a virtual machine.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from weaklabel.errors import ConfigError
from weaklabel.llm.program_rules import BUILTINS, MODULES, Program

MEGABYTE: Final = 1 << 20
_TAIL: Final = 500  # characters of what a program wrote before it died
_CHILD: Final = Path(__file__).with_name("sandbox_child.py")


@dataclass(frozen=True)
class ProgramLimits:
    """What a program may use.

    Attributes
    ----------
    cpu_seconds : int
        Of processor time.
    wall_seconds : float
        Of time that passes.
    memory_megabytes : int
        Of address space.
    """

    cpu_seconds: int = 5
    wall_seconds: float = 10.0
    memory_megabytes: int = 512

    def __post_init__(self) -> None:
        for name in ("cpu_seconds", "wall_seconds", "memory_megabytes"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ConfigError(f"{name} must be more than 0, found {value!r}")


@dataclass(frozen=True)
class ProgramRun:
    """What came of running a program.

    Attributes
    ----------
    votes : list of (str or None), optional
        One for each row; None if it did not come to an end.
    problem : str
        Why it did not; empty if it did.
    network_cut : bool
        Whether it ran without a network.
    """

    votes: list[str | None] | None
    problem: str = ""
    network_cut: bool = False


def run_program(
    program: Program,
    rows: Sequence[Mapping[str, Any]],
    labels: Sequence[str],
    limits: ProgramLimits | None = None,
) -> ProgramRun:
    """Run a program on rows, in a process of its own.

    Parameters
    ----------
    program : Program
    rows : sequence of mappings
        Values that JSON can hold; others arrive as text.
    labels : sequence of str
        What it may return, besides None.
    limits : ProgramLimits, optional

    Raises
    ------
    ConfigError
        If this system cannot limit a process (it is not POSIX).
    """
    if os.name != "posix":
        raise ConfigError("programs run on POSIX systems only: others cannot limit a process")
    allowed = limits or ProgramLimits()
    job = json.dumps(
        {
            "source": program.source,
            "name": program.name,
            "rows": [dict(row) for row in rows],
            "labels": list(labels),
            "builtins": sorted(BUILTINS),
            "modules": sorted(MODULES),
            "cpu_seconds": allowed.cpu_seconds,
            "memory": allowed.memory_megabytes * MEGABYTE,
        },
        default=str,
    )
    with tempfile.TemporaryDirectory(prefix="weaklabel-program-") as folder:
        return _run(job, folder, allowed, len(rows))


def _run(job: str, folder: str, limits: ProgramLimits, n_rows: int) -> ProgramRun:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={},
        start_new_session=True,
        close_fds=True,
    )
    try:
        out, _ = process.communicate(job.encode("utf-8", "surrogatepass"), limits.wall_seconds)
    except subprocess.TimeoutExpired:
        return ProgramRun(None, f"took longer than {limits.wall_seconds:g} s")
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    return _outcome(out, process.returncode, limits, n_rows)


def _outcome(out: bytes, code: int, limits: ProgramLimits, n_rows: int) -> ProgramRun:
    if code in (-signal.SIGXCPU, -signal.SIGKILL) and not out.strip():
        return ProgramRun(None, f"used more than {limits.cpu_seconds} s of processor time")
    try:
        found = json.loads(out)
        votes, problem = found["votes"], str(found["problem"])
        cut = bool(found["network_cut"])
    except (ValueError, KeyError, TypeError):
        return ProgramRun(None, f"the process died (exit status {code})")
    if problem:
        return ProgramRun(None, problem[:_TAIL], cut)
    if not isinstance(votes, list) or len(votes) != n_rows:
        return ProgramRun(None, f"the process gave no vote for each of {n_rows} rows", cut)
    return ProgramRun([None if v is None else str(v) for v in votes], "", cut)
