"""The command to start with: ``demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weaklabel.cli import options as opt
from weaklabel.cli.command import command
from weaklabel.cli.reports import show_labels, show_summary
from weaklabel.cli.screen import Screen

if TYPE_CHECKING:
    from weaklabel.demo import DemoResult


@command
def demo(
    screen: Screen,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Folder to write to. Default: weaklabel-demo, or -2, -3 ... if that exists.",
        ),
    ] = None,
    overwrite: opt.Overwrite = False,
    seed: opt.Seed = 0,
) -> None:
    """See the whole way on a real table in under a minute: rules, votes, labels, classifier.

    Example: weaklabel demo
    """
    from weaklabel.demo import choose_folder, run_demo

    folder = choose_folder(out, overwrite=overwrite)
    screen.say("weaklabel demo: labels without labelling", style="bold")
    screen.say(
        "\nThe task: 569 tumours, each with 30 measurements. Which are malignant?\n"
        "Nobody labels them. Instead a few rules of thumb vote, a label model weighs the\n"
        "votes, and a classifier learns from the result. The true diagnoses are hidden\n"
        "from all of them and used for the scores below only.\n"
    )
    result = run_demo(
        folder, overwrite=overwrite, seed=seed, on_step=lambda step: screen.note(f"{step} ...")
    )
    _show_votes(screen, result)
    _show_label_quality(screen, result)
    _show_end_model(screen, result)
    _show_files(screen, result)
    screen.result(
        {
            "folder": result.folder,
            "run": result.run.to_dict(),
            "end_model": result.end_model.to_dict(),
            "end_model_with_gold": result.end_model_with_gold.to_dict(),
        }
    )


def _show_votes(screen: Screen, result: DemoResult) -> None:
    screen.say("\n1. The labeling functions vote\n", style="bold")
    show_summary(screen, result.run.summary)
    screen.say(
        "\nCoverage: share of rows it votes on. Overlap: another one votes there too.\n"
        "Conflict: another one disagrees. Accuracy: of its votes; with unlabelled rows you\n"
        "would not know it."
    )


def _show_label_quality(screen: Screen, result: DemoResult) -> None:
    from weaklabel.analysis import quality_table

    run = result.run
    if run.quality is None or run.baseline is None:
        raise RuntimeError("the demonstration was run without gold")
    name = type(run.model).__name__
    screen.say("\n2. The label model turns votes into probabilities\n", style="bold")
    show_labels(screen, run.labels)
    screen.say()
    screen.table(quality_table({name: run.quality, "majority vote": run.baseline}))
    screen.say(
        "\nAccuracy: on all rows; covered: on rows with a vote. Log loss and Brier score ask\n"
        "whether a probability of 0.9 deserves its name; smaller is better.\n"
        + _compare(name, run.quality.accuracy_all, run.baseline.accuracy_all)
    )


def _compare(name: str, accuracy: float, majority: float) -> str:
    """What the two accuracies say, without making more of them than there is."""
    points = 100 * (accuracy - majority)
    if abs(points) < 0.5:
        return f"{name} decides about as well as a majority vote here."
    direction = "better" if points > 0 else "worse"
    return f"{name} decides {abs(points):.1f} points {direction} than a majority vote here."


def _show_end_model(screen: Screen, result: DemoResult) -> None:
    screen.say("\n3. A classifier learns from the soft labels\n", style="bold")
    weak, gold = result.end_model.accuracy_all, result.end_model_with_gold.accuracy_all
    screen.say(
        f"On {result.n_held_out} tumours that neither rules nor models saw before:\n"
        f"  trained on the soft labels     {weak:.1%} right\n"
        f"  trained on the true diagnoses  {gold:.1%} right (what full labelling would give)\n"
        "The classifier needs no rule to fire: it answers for every row."
    )


def _show_files(screen: Screen, result: DemoResult) -> None:
    from weaklabel.demo import REPORT, RULES

    folder = result.folder
    files = {
        "train.csv": "the rows to label",
        "held_out.csv": "the rows kept aside",
        RULES: "the labeling functions",
        **{path.name: what for what, path in result.run.written.items()},
        REPORT: "all of this, to look at in a browser",
    }
    screen.say(f"\n4. What is where, in {folder}\n", style="bold")
    for name, what in files.items():
        screen.say(f"  {name:16}  {what}")
    screen.say("\nWhat next\n", style="bold")
    screen.say(
        f"Change a threshold in {folder / RULES} and run again:\n"
        f"  weaklabel run {folder / RULES} {folder / 'train.csv'} \\\n"
        "      --id id --gold diagnosis --out labels.parquet\n"
        "Use the classifier:\n"
        f"  weaklabel predict {folder / 'end_model.npz'} {folder / 'held_out.csv'} \\\n"
        "      --id id --keep diagnosis --out predictions.csv\n"
        "See all commands:\n"
        "  weaklabel --help"
    )
