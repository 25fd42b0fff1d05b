"""The command that compares: ``diff``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from weaklabel.cli.command import command
from weaklabel.cli.screen import Screen
from weaklabel.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from weaklabel.analysis import LabelDiff, VoteDiff

Kind = Literal["votes", "labels"]
EXIT_DIFFERENT = 1


@command
def diff(
    screen: Screen,
    before: Annotated[
        Path, typer.Argument(metavar="BEFORE", help="Votes (.npz, .parquet) or labels.")
    ],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The same of another run.")],
    votes_before: Annotated[
        Path | None,
        typer.Option(
            "--votes-before",
            metavar="VOTES",
            help="With labels: the votes they were made from, to see which function did it.",
        ),
    ] = None,
    votes_after: Annotated[
        Path | None,
        typer.Option("--votes-after", metavar="VOTES", help="As --votes-before, of AFTER."),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", metavar="P", help="With labels: probabilities this close are the same."
        ),
    ] = 1e-9,
    n_rows: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="Changed rows told one by one.")
    ] = 10,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="CHANGED", help="Write all changes: .csv or .parquet."),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if there are differences.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output file.")
    ] = False,
) -> None:
    """Show which votes or labels changed from one run to another, row by row, and why.

    Rows are matched by id, labeling functions and classes by name.

    Example: weaklabel diff old_votes.npz votes.npz --out changed.csv
    """
    from weaklabel.soft_labels import file_format
    from weaklabel.storage import check_target

    if out is not None:
        file_format(out)
        check_target(out, overwrite=overwrite)
    kinds = (_kind_of(before), _kind_of(after))
    if kinds[0] != kinds[1]:
        raise ConfigError(
            f"compare two files of one kind: {before} holds {kinds[0]}, {after} holds {kinds[1]}"
        )
    if kinds[0] == "votes":
        if votes_before is not None or votes_after is not None:
            raise ConfigError("--votes-before and --votes-after go with labels; these are votes")
        found: VoteDiff | LabelDiff = _votes(before, after)
    else:
        found = _labels(before, after, votes_before, votes_after, tolerance)
    screen.say(found.to_text(screen.width, n_rows))
    if out is not None:
        _write(found, out, overwrite=overwrite)
        screen.say(f"wrote {out} (changes)")
    screen.result(found.to_dict())
    if exit_code and found:
        sys.exit(EXIT_DIFFERENT)


def _kind_of(path: Path) -> Kind:
    """What a file holds, by its suffix and, for Parquet, its metadata."""
    if not path.is_file():
        raise ArtifactError(f"there is no file {path}")
    suffix = path.suffix.lower()
    if suffix == ".npz":
        from weaklabel.storage import read_header

        kind = str(read_header(path).get("kind")).replace("_", " ")
        if kind != "votes":
            raise ArtifactError(f"diff compares votes or labels, and {path} holds a {kind}")
        return "votes"
    if suffix == ".csv":
        return "labels"
    if suffix in (".parquet", ".pq"):
        return "votes" if _has_votes(path) else "labels"
    raise ArtifactError(
        f"diff compares votes (.npz, .parquet) or labels (.parquet, .csv), found {path.name!r}"
    )


def _has_votes(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from weaklabel.votes.io import METADATA_KEY

    try:
        return METADATA_KEY in (pq.read_schema(path).metadata or {})
    except (pa.ArrowInvalid, OSError) as error:
        raise ArtifactError(
            f"{path} is damaged or not a parquet file ({error}); write it again"
        ) from error


def _votes(before: Path, after: Path) -> VoteDiff:
    from weaklabel.analysis import diff_votes
    from weaklabel.votes import VoteMatrix

    return diff_votes(VoteMatrix.load(before), VoteMatrix.load(after))


def _labels(
    before: Path, after: Path, votes_before: Path | None, votes_after: Path | None, tolerance: float
) -> LabelDiff:
    from weaklabel.analysis import diff_labels
    from weaklabel.soft_labels import SoftLabels
    from weaklabel.votes import VoteMatrix

    votes = None
    if votes_before is not None and votes_after is not None:
        votes = (VoteMatrix.load(votes_before), VoteMatrix.load(votes_after))
    elif votes_before is not None or votes_after is not None:
        raise ConfigError("give both --votes-before and --votes-after, or neither")
    return diff_labels(
        SoftLabels.read(before), SoftLabels.read(after), votes=votes, tolerance=tolerance
    )


def _write(found: VoteDiff | LabelDiff, out: Path, *, overwrite: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from weaklabel.soft_labels import file_format
    from weaklabel.storage import atomic_path

    frame = found.to_pandas()
    with atomic_path(out, overwrite=overwrite) as temporary:
        if file_format(out) == "csv":
            frame.to_csv(temporary, index=False)
        else:
            pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), temporary)
