"""What runs inside the process of :mod:`weaklabel.llm.sandbox`: the standard library only."""

import builtins
import json
import os
import resource
import sys
from typing import Any

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


class Row(dict[str, Any]):
    """A row as labeling functions see it: ``row["text"]`` and ``row.text``."""

    def __getattr__(self, name: str) -> object:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def cut_network() -> bool:
    """Leave the network, where an ordinary user may."""
    try:
        import ctypes

        return bool(ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
    except (ImportError, OSError, AttributeError):
        return False
    finally:  # out of reach of the program
        for name in [n for n in sys.modules if n.partition(".")[0] in ("ctypes", "_ctypes")]:
            del sys.modules[name]


def take_limits(cpu_seconds: int, memory: int) -> None:
    """Limits that cannot be lifted again."""
    for what, amount in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_NPROC, 0),
    ):
        hard = resource.getrlimit(what)[1]
        least = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(what, (least, least))


def importer(modules: dict[str, Any]) -> Any:
    """An ``__import__`` that knows a few modules."""

    def load(name: str, *rest: Any) -> Any:
        level = rest[3] if len(rest) > 3 else 0
        if level or name not in modules:
            raise ImportError(f"import of {name!r} is not allowed")
        return modules[name]

    return load


def vote_all(job: dict[str, Any]) -> list[str | None]:
    """The votes on all rows."""
    modules: dict[str, Any] = {name: __import__(name) for name in job["modules"]}
    modules["re"].compile("a|b")  # loads what it needs while files can be opened
    modules["datetime"].datetime.strptime("2000", "%Y")
    allowed: dict[str, Any] = {name: getattr(builtins, name) for name in job["builtins"]}
    allowed["__import__"] = importer(modules)
    take_limits(job["cpu_seconds"], job["memory"])
    space: dict[str, Any] = {"__builtins__": allowed, "__name__": "program"}
    exec(compile(job["source"], "<program>", "exec"), space)
    function, labels = space[job["name"]], set(job["labels"])
    votes: list[str | None] = []
    for position, row in enumerate(job["rows"]):
        vote = function(Row(row))
        if vote is not None and (type(vote) is not str or vote not in labels):
            raise ValueError(f"row {position}: returned {str(vote)[:80]!r}, which is no class")
        votes.append(vote)
    return votes


def main() -> None:
    """Read a job, write what came of it."""
    job = json.loads(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"))
    found: dict[str, Any] = {"votes": None, "problem": "", "network_cut": cut_network()}
    try:
        found["votes"] = vote_all(job)
    except MemoryError:
        found["problem"] = f"used more than {job['memory'] >> 20} MB of memory"
    except RecursionError:
        found["problem"] = "calls itself too deep"
    except BaseException as error:
        found["problem"] = f"{type(error).__name__}: {str(error)[:300]}"
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
