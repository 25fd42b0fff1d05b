"""What models check once, at the boundary: votes, gold, class balance, memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.errors import (
    ArtifactError,
    ConfigError,
    CoverageWarning,
    FitError,
    IdentifiabilityWarning,
    LabelError,
    VotesError,
)
from weaklabel.inference.preweights import take_rows
from weaklabel.inference.rows import FloatArray, IntArray
from weaklabel.inference.shares import vote_mass
from weaklabel.inference.wilson import wilson_interval
from weaklabel.labels import ABSTAIN, LabelSpace
from weaklabel.models.statistics import PatternTable
from weaklabel.version import __version__
from weaklabel.votes import VoteMatrix

Votes: TypeAlias = "VoteMatrix | npt.ArrayLike"
ClassBalance: TypeAlias = "Literal['uniform'] | npt.ArrayLike | Mapping[str, float] | None"

MAX_NAMED = 5  # names quoted in a message
CONTRADICTION = 0.998  # level at which gold is said to contradict the votes


def votes_to_fit(votes: Votes, gold: Any, class_balance: Any) -> VoteMatrix:
    """The votes as a vote matrix; an array has as many classes as votes, gold and balance show.

    Raises
    ------
    VotesError
        If an array is not a matrix of class codes with -1 for abstain.
    FitError
        If there is no row or no vote.
    """
    if not isinstance(votes, VoteMatrix):
        array = np.asarray(votes)
        n_classes = _largest(array) + 1
        codes = None if gold is None else np.asarray(gold)
        if codes is not None and codes.dtype.kind in "iu":
            n_classes = max(n_classes, _largest(codes) + 1)
        if class_balance is not None and not isinstance(class_balance, str | Mapping):
            n_classes = max(n_classes, np.size(class_balance))
        votes = VoteMatrix.from_dense(array, labels=range(max(n_classes, 1)))
    if votes.n_items == 0:
        raise FitError("a fit needs at least one row of votes, found none; check the data given")
    if votes.n_votes == 0:
        raise FitError(
            f"a fit needs at least one vote, but all {votes.n_lfs} LFs abstain on all "
            f"{votes.n_items} rows; check what the LFs return, or their columns and keywords"
        )
    return votes


def _largest(array: npt.NDArray[Any]) -> int:
    return int(array.max()) if array.size and array.dtype.kind in "iuf" else 0


def votes_to_predict(
    votes: Votes, labels: LabelSpace, lf_names: tuple[str, ...], model: str
) -> VoteMatrix:
    """The votes with the LFs in the order of the fit.

    Raises
    ------
    VotesError
        If classes or LFs are not those of the fit; the message names the difference.
    """
    if not isinstance(votes, VoteMatrix):
        array = np.asarray(votes)
        if array.ndim == 2 and array.shape[1] != len(lf_names):
            raise VotesError(
                f"this {model} was fitted on {len(lf_names)} LFs, found votes of {array.shape[1]}; "
                "give one column per LF, in the order of the fit"
            )
        return VoteMatrix.from_dense(array, labels=labels, lf_names=lf_names)
    if votes.labels != labels:
        raise VotesError(
            f"this {model} was fitted on the classes {_named(labels.names)}, found votes on "
            f"{_named(votes.labels.names)}; use votes on the same classes, in the same order"
        )
    if votes.lf_names == lf_names:
        return votes
    missing = [name for name in lf_names if name not in set(votes.lf_names)]
    unknown = [name for name in votes.lf_names if name not in set(lf_names)]
    if missing or unknown:
        parts = [f"missing: {_named(missing)}"] if missing else []
        parts += [f"not in the fit: {_named(unknown)}"] if unknown else []
        raise VotesError(
            f"this {model} was fitted on other LFs than these votes come from "
            f"({'; '.join(parts)}); apply the same LFs, or fit again"
        )
    return votes.select_lfs(lf_names)


def check_gold(gold: Any, labels: LabelSpace, n_items: int) -> IntArray | None:
    """Gold labels as codes, -1 where unknown; None if none is known.

    Raises
    ------
    FitError
        If there is not one per row, or one lies outside the classes.
    """
    if gold is None:
        return None
    try:
        codes = labels.encode(gold, what="gold label")
    except LabelError as error:
        raise FitError(f"{error}; gold that is unknown is None or {ABSTAIN}") from error
    if len(codes) != n_items:
        raise FitError(
            f"gold must have one label per row, None or {ABSTAIN} where unknown: "
            f"found {len(codes)} for {n_items} rows"
        )
    return codes if (codes != ABSTAIN).any() else None


def check_balance(class_balance: Any, labels: LabelSpace) -> FloatArray | None:
    """The class balance given, as a distribution; None if it is to be estimated.

    Raises
    ------
    FitError
        If it is not one positive share per class adding up to 1.
    """
    n_classes = len(labels)
    if class_balance is None:
        return None
    if isinstance(class_balance, str):
        if class_balance == "uniform":
            return np.full(n_classes, 1.0 / n_classes)
        raise FitError(
            "class_balance must be None (estimate it), 'uniform' or one share per class, "
            f"found {class_balance!r}"
        )
    if isinstance(class_balance, Mapping):
        odd = sorted({str(k) for k in class_balance} ^ set(labels.names))
        if odd:
            raise FitError(
                f"class_balance must name each of the classes {_named(labels.names)} once, "
                f"found a difference in {_named(odd)}"
            )
        class_balance = [class_balance[name] for name in labels.names]
    try:
        shares = np.asarray(class_balance, dtype=np.float64)
    except (TypeError, ValueError):
        raise FitError(f"class_balance must be numbers, found {class_balance!r}") from None
    if shares.shape != (n_classes,):
        raise FitError(
            f"class_balance must have one share for each of the {n_classes} classes, "
            f"found shape {shares.shape}"
        )
    total = float(shares.sum())
    if not np.isfinite(shares).all() or (shares <= 0).any() or abs(total - 1.0) > 1e-6:
        raise FitError(
            "class_balance must be positive shares that add up to 1, found "
            f"{[round(float(s), 6) for s in shares[:8]]} with sum {total:g}; "
            "divide by the sum, and give a class that may occur a small share"
        )
    return np.asarray(shares / total)


def warn_about_votes(table: PatternTable) -> None:
    """Warn of LFs without votes, of one class only, and of fewer items than classes."""
    layout, _ = table.layout()
    silent = [table.lf_names[j] for j in np.setdiff1d(np.arange(table.n_lfs), layout.lfs)]
    if silent:
        warnings.warn(
            f"{len(silent)} of {table.n_lfs} LFs cast no vote: {_named(silent)}; they tell the "
            "model nothing, drop them or check what they return",
            CoverageWarning,
            stacklevel=4,
        )
    affinity = table.symbols.affinity
    used = np.unique(layout.row_symbol)
    spoken_for = np.flatnonzero((affinity[used] > affinity.mean()).any(axis=0))
    if table.n_classes > 1 and len(spoken_for) == 1:
        name = table.alphabet.labels.names[spoken_for[0]]
        warnings.warn(
            f"every vote is for one class, {name!r}: what speaks for the others cannot be learned; "
            "add LFs that vote for another class, or give class_balance or gold",
            IdentifiabilityWarning,
            stacklevel=4,
        )
    if table.n_items < table.n_classes:
        warnings.warn(
            f"there are fewer rows ({table.n_items}) than classes ({table.n_classes}): the prior "
            "decides; give more rows or fewer classes",
            IdentifiabilityWarning,
            stacklevel=4,
        )


def warn_about_gold(table: PatternTable) -> None:
    """Warn of gold of one class only, and of gold that the votes surely contradict.

    That is, if the votes (as shares, before any model) are right on gold less often than a guess.
    """
    gold, weight = table.gold_class, table.gold_weight
    if table.n_classes < 2 or not weight.sum() > 0:
        return
    if len(np.unique(gold[weight > 0])) < 2:
        name = table.alphabet.labels.names[int(gold[weight > 0][0])]
        warnings.warn(
            f"all {weight.sum():g} gold rows are of class {name!r}: they say nothing of the "
            "others, and are hardly drawn at random; add gold of the other classes",
            IdentifiabilityWarning,
            stacklevel=4,
        )
    layout, table_row = table.layout()
    rows = take_rows(layout.rows(table.indptr, table_row, None), table.gold_pattern)
    mass = vote_mass(rows.indptr, layout.row_symbol[rows.table_row], layout.symbols)
    top = (mass >= mass.max(axis=1, keepdims=True) - 1e-9) & (mass.sum(axis=1, keepdims=True) > 0)
    right = top[np.arange(len(gold)), gold] / np.maximum(top.sum(axis=1), 1)
    weight = weight * top.any(axis=1)
    total, hits = float(weight.sum()), float(weight @ right)
    if total > 0 and wilson_interval(hits, total, CONTRADICTION)[1] < 1.0 / table.n_classes:
        warnings.warn(
            f"gold contradicts the votes: they are right on {hits:.0f} of {total:g} gold rows, "
            f"less than a guess among {table.n_classes} classes; check that gold belongs to these "
            "rows and names the classes as the votes do",
            IdentifiabilityWarning,
            stacklevel=4,
        )


def check_file_version(
    path: str | os.PathLike[str], name: str, version: int, read_here: int
) -> None:
    """Raise ArtifactError unless a file's format of a model is the one read here."""
    if version < read_here:
        raise ArtifactError(
            f"{os.fspath(path)} holds a {name} of the older format {version}, and this weaklabel "
            f"({__version__}) reads format {read_here}; fit it again on the votes and save it"
        )
    if version > read_here:
        raise ArtifactError(
            f"{os.fspath(path)} holds a {name} of format {version}, newer than the {read_here} "
            "read here; upgrade weaklabel"
        )


def check_memory(needed: float, what: str, remedy: str) -> None:
    """Refuse work that would not fit, before it allocates.

    Raises
    ------
    FitError
        If ``needed`` bytes are more than the memory available now.
    """
    available = available_memory()
    if available is not None and needed > available:
        raise FitError(
            f"{what} needs about {needed / 2**30:.1f} GB of memory and {available / 2**30:.1f} GB "
            f"are available; {remedy}"
        )


def available_memory() -> float | None:
    """Bytes that can be allocated without swapping; None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as stream:
            for line in stream:
                if line.startswith("MemAvailable:"):
                    return float(line.split()[1]) * 1024.0
    except OSError:
        pass
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * float(os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return None


def _named(names: Any) -> str:
    listed = list(names)
    shown = ", ".join(repr(n) for n in listed[:MAX_NAMED])
    more = len(listed) - MAX_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def check_choice(name: str, value: object, choices: tuple[Any, ...]) -> None:
    """Raise ConfigError unless the value is one of the choices."""
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(map(repr, choices))}, found {value!r}")


def check_range(name: str, value: object, low: float, high: float) -> None:
    """Raise ConfigError unless the value is a number in the range."""
    if not isinstance(value, int | float | np.number) or not low <= value <= high:
        raise ConfigError(f"{name} must be a number in [{low:g}, {high:g}], found {value!r}")
