"""Which programs to keep: those that run, speak, say something of their own, and are not wrong.

Each program is run on all rows in a process with limits. It is dropped if it

- does not come to an end (endless, too much memory, an error, a vote that is no class);
- votes on too few rows, or says one class of nearly all of them;
- is right too seldom on gold rows, where there are any;
- contradicts the others more often than chance would;
- repeats a program that was kept before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError
from weaklabel.labels import ABSTAIN, LabelSpace, LabelSpaceLike
from weaklabel.llm.program_rules import Program, ProgramError, check_program
from weaklabel.llm.programs import Proposals
from weaklabel.llm.rows import table_of
from weaklabel.llm.sandbox import ProgramLimits, run_program
from weaklabel.llm.tables import text_table
from weaklabel.votes import VoteMatrix

CONSTANT: Final = 0.98  # of all rows called one class: this says nothing about a row
MIN_SHARED: Final = 10  # rows that must be shared before programs can contradict each other
MIN_GOLD: Final = 5  # gold rows voted on before a program can be called wrong

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Screened:
    """What was found about a program.

    Attributes
    ----------
    name : str
    dropped : str
        Why; empty if it is kept.
    coverage : float, optional
        Share of rows it votes on; None if it did not run.
    accuracy : float, optional
        On the gold rows it votes on.
    n_gold : int
        Their number.
    agreement : float, optional
        Share of the rows it shares with others on which it votes as most of them do.
    """

    name: str
    dropped: str
    coverage: float | None = None
    accuracy: float | None = None
    n_gold: int = 0
    agreement: float | None = None


@dataclass(frozen=True, eq=False)
class Screening:
    """What is left of the proposals.

    Attributes
    ----------
    kept : tuple of Program
    lines : tuple of Screened
        One for each program that was allowed to run, in the order of the proposals.
    votes : VoteMatrix, optional
        Of the programs kept, on the rows; None if none is.
    labels : LabelSpace
    proposals : Proposals
    network_cut : bool
        Whether the programs ran without a network.
    """

    kept: tuple[Program, ...]
    lines: tuple[Screened, ...]
    votes: VoteMatrix | None
    labels: LabelSpace
    proposals: Proposals
    network_cut: bool

    def __str__(self) -> str:
        lines = [
            [s.name, s.dropped or "kept", _percent(s.coverage), _percent(s.accuracy),
             _percent(s.agreement)]
            for s in self.lines
        ]  # fmt: skip
        lines += [[r.name, r.reason, None, None, None] for r in self.proposals.refused]
        head = ["program", "outcome", "coverage %", "accuracy %", "agreement %"]
        network = "cut" if self.network_cut else "not cut: this system does not let us"
        return (
            f"{len(self.kept)} of {len(lines)} programs kept; network {network}\n"
            f"{text_table(head, lines)}\n\n{self.proposals.cost}"
        )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


def screen_programs(
    proposals: Proposals,
    rows: Any,
    labels: LabelSpaceLike,
    *,
    gold: Any = None,
    limits: ProgramLimits | None = None,
    min_coverage: float = 0.002,
    min_accuracy: float | None = None,
    most_alike: float = 0.95,
) -> Screening:
    """Run programs on rows and keep those worth reading.

    Parameters
    ----------
    proposals : Proposals
    rows : list of dicts, DataFrame, or Arrow table
    labels : LabelSpace, or anything it takes
    gold : array, shape (n_rows,), optional
        Classes of a few rows; None or -1 where unknown.
    limits : ProgramLimits, optional
        Of each program.
    min_coverage : float, default 0.002
    min_accuracy : float, optional
        On gold rows, at least 5 of them; chance and 10 points if None.
    most_alike : float, default 0.95
        A program that votes as an earlier one does on this share of the rows that either votes on
        is a repetition.

    Raises
    ------
    ConfigError
        If a setting is out of range, or gold does not fit the rows.

    Notes
    -----
    One process for each program. A pair of programs costs a comparison of their votes.
    """
    space, table = LabelSpace(labels), table_of(rows)
    least = 1.0 / len(space) + 0.1 if min_accuracy is None else min_accuracy
    for name, value in (
        ("min_coverage", min_coverage), ("min_accuracy", least), ("most_alike", most_alike)
    ):  # fmt: skip
        if not 0.0 <= value <= 1.0:
            raise ConfigError(f"{name} must lie in [0, 1], found {value!r}")
    codes = np.full(table.n_rows, ABSTAIN) if gold is None else space.encode(gold, what="gold")
    if len(codes) != table.n_rows:
        raise ConfigError(f"gold must have one label per row, found {len(codes)}")
    listed = table.rows(table.names, range(table.n_rows))
    found: list[IntArray | str] = []
    cut = bool(proposals.programs)
    for program in proposals.programs:
        outcome, was_cut = _votes(program, listed, space, limits)
        found.append(outcome)
        cut = cut and was_cut
    lines = _judged(proposals.programs, found, codes, len(space), min_coverage, least, most_alike)
    kept = [k for k, line in enumerate(lines) if not line.dropped]
    programs = _named_apart([proposals.programs[k] for k in kept])
    matrix = None
    if kept:
        dense = np.stack([np.asarray(found[k]) for k in kept], axis=1)
        matrix = VoteMatrix.from_dense(dense, space, [p.name for p in programs], table.ids)
    return Screening(tuple(programs), tuple(lines), matrix, space, proposals, cut)


def _votes(
    program: Program, rows: list[dict[Any, Any]], labels: LabelSpace, limits: ProgramLimits | None
) -> tuple[IntArray | str, bool]:
    """Its votes, or why there are none; and whether it ran without a network."""
    try:
        check_program(program)  # proposals may come from elsewhere
    except ProgramError as error:
        return str(error), True
    run = run_program(program, rows, labels.names, limits)
    if run.votes is None:
        return run.problem, run.network_cut or "longer" in run.problem
    return np.array([labels.code(v) for v in run.votes], dtype=np.int64), run.network_cut


def _judged(
    programs: Sequence[Program],
    found: Sequence[IntArray | str],
    gold: IntArray,
    n_classes: int,
    min_coverage: float,
    min_accuracy: float,
    most_alike: float,
) -> list[Screened]:
    ran = [votes for votes in found if not isinstance(votes, str)]
    counts = np.zeros((len(gold), n_classes))
    for votes in ran:
        voted = np.flatnonzero(votes >= 0)
        counts[voted, votes[voted]] += 1.0
    kept: list[tuple[str, IntArray]] = []
    lines: list[Screened] = []
    for program, outcome in zip(programs, found, strict=True):
        if isinstance(outcome, str):
            lines.append(Screened(program.name, outcome))
            continue
        line = _measured(program.name, outcome, gold, counts, n_classes)
        why = (
            _too_little(line, outcome, min_coverage)
            or _wrong(line, n_classes, min_accuracy)
            or _repeated(outcome, kept, most_alike)
        )
        if not why:
            kept.append((program.name, outcome))
        lines.append(Screened(line.name, why, line.coverage, line.accuracy, line.n_gold,
                              line.agreement))  # fmt: skip
    return lines


def _measured(
    name: str, votes: IntArray, gold: IntArray, counts: npt.NDArray[np.float64], n_classes: int
) -> Screened:
    voted = np.flatnonzero(votes >= 0)
    others = counts[voted] - np.eye(n_classes)[votes[voted]]
    top = others.max(axis=1, initial=0.0)
    clear = (top > 0.0) & ((others == top[:, None]).sum(axis=1) == 1)
    agreement = None
    if clear.sum() >= MIN_SHARED:
        agreement = float((others[clear].argmax(axis=1) == votes[voted][clear]).mean())
    known = voted[gold[voted] != ABSTAIN]
    accuracy = float((votes[known] == gold[known]).mean()) if len(known) else None
    coverage = len(voted) / len(votes)
    return Screened(name, "", coverage, accuracy, len(known), agreement)


def _too_little(line: Screened, votes: IntArray, min_coverage: float) -> str:
    assert line.coverage is not None
    if line.coverage == 0.0 or line.coverage < min_coverage:
        return f"votes on {100 * line.coverage:.2f} % of the rows"
    said = votes[votes >= 0]
    if line.coverage >= CONSTANT and (said == said[0]).all():
        return "says the same class of nearly every row"
    return ""


def _wrong(line: Screened, n_classes: int, min_accuracy: float) -> str:
    if line.accuracy is not None and line.n_gold >= MIN_GOLD and line.accuracy < min_accuracy:
        return f"is right on {100 * line.accuracy:.0f} % of {line.n_gold} gold rows"
    if line.agreement is not None and line.agreement < 1.0 / n_classes and not line.n_gold:
        return f"agrees with the others on {100 * line.agreement:.0f} % of the rows they share"
    return ""


def _repeated(votes: IntArray, kept: list[tuple[str, IntArray]], most_alike: float) -> str:
    for name, other in kept:
        either = (votes >= 0) | (other >= 0)
        if (votes[either] == other[either]).mean() >= most_alike:
            return f"votes as {name} does"
    return ""


def _named_apart(programs: Sequence[Program]) -> list[Program]:
    """The programs, with a number behind the names that occur again."""
    from weaklabel.llm.program_pack import renamed

    used: set[str] = set()
    out = []
    for program in programs:
        name, k = program.name, 2
        while name in used:
            name, k = f"{program.name}_{k}", k + 1
        used.add(name)
        out.append(program if name == program.name else renamed(program, {program.name: name}))
    return out
