"""The demonstration: the whole way on a small real table, with the answers kept aside.

569 tumours measured by a microscope (the Wisconsin breast-cancer table that scikit-learn ships),
each benign or malignant. The labeling functions are thresholds such as "a large area means
malignant"; the true diagnoses are used for scores only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from weaklabel.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd

    from weaklabel.analysis import LabelQuality
    from weaklabel.endmodel import EndModel
    from weaklabel.pipeline import RunResult

PACK = "labeling_functions.breast_cancer"
FOLDER = "weaklabel-demo"
RULES = "rules.py"
REPORT = "report.html"
GOLD = "diagnosis"
ID = "id"
HELD_OUT = 0.3
FILES = (
    "train.csv",
    "held_out.csv",
    RULES,
    "votes.npz",
    "label_model.npz",
    "labels.parquet",
    "end_model.npz",
    REPORT,
)


@dataclass(frozen=True, eq=False)
class DemoResult:
    """What the demonstration found.

    Attributes
    ----------
    folder : Path
        Where its files are.
    run : RunResult
        On the training rows.
    n_train, n_held_out : int
    end_model, end_model_with_gold : LabelQuality
        On the held-out rows: the end model trained on the soft labels, and the same one trained on
        the true diagnoses, which is as good as it could get.
    """

    folder: Path
    run: RunResult
    n_train: int
    n_held_out: int
    end_model: LabelQuality
    end_model_with_gold: LabelQuality


def choose_folder(wanted: Path | None, *, overwrite: bool) -> Path:
    """The folder to write to; nothing that exists is touched without being told.

    Without a wish it is ``weaklabel-demo`` in the working folder, or if that exists
    ``weaklabel-demo-2`` and so on.

    Raises
    ------
    ArtifactError
        If the wanted folder is a file, has no parent, or holds files of a demonstration.
    """
    if wanted is None:
        folder, number = Path(FOLDER), 1
        while folder.exists() and not overwrite:
            number += 1
            folder = Path(f"{FOLDER}-{number}")
        wanted = folder
    if wanted.exists() and not wanted.is_dir():
        raise ArtifactError(f"{wanted} is a file; give the name of a folder")
    if not wanted.parent.is_dir():
        raise ArtifactError(f"the folder {wanted.parent} does not exist; make it first")
    existing = [name for name in FILES if (wanted / name).exists()]
    if existing and not overwrite:
        raise ArtifactError(
            f"{wanted} holds {existing[0]} already and is left as it is; choose another folder "
            "with --out or pass --overwrite"
        )
    return wanted


def load_table() -> pd.DataFrame:
    """The breast-cancer table: an id, 30 measurements, and the diagnosis."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer(as_frame=True)
    table: pd.DataFrame = data.data.copy()
    table.insert(0, ID, [f"tumour-{i:03d}" for i in range(len(table))])
    table[GOLD] = data.target_names[data.target]
    return table


def run_demo(
    folder: Path,
    *,
    overwrite: bool = False,
    seed: int = 0,
    on_step: Callable[[str], None] | None = None,
) -> DemoResult:
    """Run the demonstration and write its files into the folder.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    overwrite : bool, default False
        Whether files of an earlier demonstration may be replaced.
    seed : int
        Seed of the split and of the end model.
    on_step : callable, optional
        Told what starts.

    Raises
    ------
    ArtifactError
        If the folder cannot be written.
    """
    from weaklabel.analysis.report import write_report
    from weaklabel.pipeline import run

    table = load_table()
    held_out = table.sample(frac=HELD_OUT, random_state=seed).sort_index()
    train = table.drop(held_out.index)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ArtifactError(f"cannot make the folder {folder}: {error.strerror}") from error
    for name, part in (("train.csv", train), ("held_out.csv", held_out)):
        _write_csv(part, folder / name, overwrite)
    _copy_rules(folder / RULES)
    result = run(
        PACK,
        folder / "train.csv",
        folder / "labels.parquet",
        gold=GOLD,
        train=folder / "end_model.npz",
        votes_out=folder / "votes.npz",
        model_out=folder / "label_model.npz",
        id_column=ID,
        overwrite=overwrite,
        seed=seed,
        on_step=on_step,
    )
    if result.end_model is None:
        raise RuntimeError("the run was asked for an end model and made none")
    if on_step:
        on_step("drawing a page about the votes and labels")
    write_report(
        folder / REPORT,
        result.votes,
        result.model,
        result.labels,
        gold=train[GOLD].tolist(),
        rows=train,
        title="Breast-cancer demonstration",
        overwrite=overwrite,
    )
    if on_step:
        on_step("training the same end model on the true diagnoses, to compare")
    features = [c for c in table.columns if c not in (ID, GOLD)]
    classes = list(result.labels.labels)
    with_gold = _fit_on_gold(train[features], train[GOLD], seed)
    return DemoResult(
        folder=folder,
        run=result,
        n_train=len(train),
        n_held_out=len(held_out),
        end_model=_score(result.end_model, held_out[features], held_out[GOLD], classes),
        end_model_with_gold=_score(with_gold, held_out[features], held_out[GOLD], classes),
    )


def _write_csv(table: pd.DataFrame, path: Path, overwrite: bool) -> None:
    from weaklabel.storage import atomic_path

    with atomic_path(path, overwrite=overwrite) as temporary:
        table.to_csv(temporary, index=False)


def _copy_rules(target: Path) -> None:
    """Copy the labeling functions, to be changed and run again; an earlier copy may hold work."""
    from weaklabel.lf import load_pack
    from weaklabel.storage import atomic_path

    source = load_pack(PACK).path
    if source is not None and not target.exists():
        with atomic_path(target) as temporary:
            temporary.write_bytes(source.read_bytes())


def _fit_on_gold(rows: pd.DataFrame, gold: pd.Series[str], seed: int) -> EndModel:
    from weaklabel.endmodel import EndModel

    return EndModel(random_state=seed).fit(rows, gold.tolist())


def _score(
    model: EndModel, rows: pd.DataFrame, gold: pd.Series[str], classes: list[str]
) -> LabelQuality:
    from weaklabel.analysis import label_quality
    from weaklabel.labels import LabelSpace
    from weaklabel.soft_labels import SoftLabels

    order = [[str(c) for c in model.classes_].index(name) for name in classes]
    probabilities = model.predict_proba(rows)[:, order]
    return label_quality(SoftLabels(probabilities, LabelSpace(classes)), gold.tolist())
