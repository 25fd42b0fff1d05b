"""Real votes in folders: which to fit on, which to score, and by what.

A set is a folder with a ``meta.json`` and either ``votes_<split>.npz`` (``L`` votes, ``Y`` gold, -1
where there is none) or ``votes.parquet`` (task, worker, label) with ``gold.parquet``. Models see
the votes of ``train``, else of ``unlabeled``, else those that are scored; scored are those of
``test``, else of ``valid``, else of another split, whichever is the first that has gold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaklabel import VoteMatrix

RULES = (
    *("wrench/youtube", "wrench/sms", "wrench/trec", "wrench/census", "wrench/spouse"),
    *("text/agnews_full7600", "text/imdb_cosine", "llm/prompted_youtube", "llm/prompted_sms"),
    *("llm/css_mrf", "llm/css_ibc", "llm/css_emotion"),
    *("other/tennis_flyingsquid", "other/mushroom"),
)
CROWDS = tuple(
    f"crowd/{name}"
    for name in ("snow_rte", "bluebird", "dog", "product_text", "sentiment_polarity", "labelme")
)
F1_OF_ONE = {"sms", "census", "spouse", "prompted_sms", "tennis_flyingsquid"}
SUPERVISED = {"css_emotion": ("roberta",)}  # columns that have seen gold
RARE = 0.3  # binary sets not named above: F1 if class 1 is at most this share of the gold


class SetError(ValueError):
    """A folder that cannot be scored; says which and why."""


@dataclass(frozen=True, eq=False)
class RealSet:
    """Votes to fit on, votes to score, and gold of both (-1 where there is none).

    Attributes
    ----------
    name : str
    fit, test : VoteMatrix
        The same object where the votes that are scored are those to fit on.
    fit_gold, gold : array of int
    is_f1 : bool
        Scored by F1 of class 1, not by accuracy.
    """

    name: str
    fit: VoteMatrix
    test: VoteMatrix
    fit_gold: np.ndarray
    gold: np.ndarray
    is_f1: bool

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.test.n_classes


def find_sets(root: Path) -> list[str]:
    """Names of the sets under a folder, those known from the research first, in its order."""
    found = {
        str(path.parent.relative_to(root))
        for path in sorted(root.glob("**/meta.json"))
        if any(path.parent.glob("votes*"))
    }
    known = [name for name in (*RULES, *CROWDS) if name in found]
    return known + sorted(found - set(known))


def read_sets(root: Path, names: list[str]) -> Iterator[RealSet]:
    """The sets of these names; those of other kinds (sequences, ratings) are left out."""
    for name in names:
        found = read_set(root / name)
        if found is not None:
            yield found


def read_set(folder: Path) -> RealSet | None:
    """One set, or None if it holds something else than votes for classes.

    Raises
    ------
    SetError
        If no split has gold, or a file is not what it should be.
    """
    meta = json.loads((folder / "meta.json").read_text())
    if (folder / "votes.parquet").is_file():
        return None if meta.get("numeric") else _crowd(folder, meta)
    splits = {p.stem.removeprefix("votes_") for p in folder.glob("votes_*.npz")}
    if not splits or meta.get("kind") in ("seq", "partial", "ranking"):
        return None
    order = [s for s in ("test", "valid") if s in splits]
    order += sorted(splits - {"test", "valid", "unlabeled"})
    scored = next((s for s in order if (_arrays(folder, s)[1] >= 0).any()), None)
    if scored is None:
        raise SetError(
            f"{folder}: no split has gold (an entry of Y at least 0) among "
            f"{', '.join(sorted(splits))}; nothing can be scored"
        )
    fitted = next((s for s in ("train", "unlabeled") if s in splits), scored)
    n_classes = int(meta.get("K") or max(a.max() for s in splits for a in _arrays(folder, s)) + 1)
    test, gold = _split(folder, meta, scored, n_classes)
    fit, fit_gold = (test, gold) if fitted == scored else _split(folder, meta, fitted, n_classes)
    if fit.n_lfs != test.n_lfs:
        raise SetError(
            f"{folder}: {fitted} has {fit.n_lfs} labeling functions and {scored} has {test.n_lfs}"
        )
    return RealSet(folder.name, fit, test, fit_gold, gold, _is_f1(folder.name, gold, test))


def _arrays(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    path = folder / f"votes_{split}.npz"
    with np.load(path, allow_pickle=False) as archive:
        if "L" not in archive:
            raise SetError(f"{path} must hold an array L of votes, found {', '.join(archive)}")
        dense = archive["L"].astype(np.int64)
        gold = archive["Y"].astype(np.int64) if "Y" in archive else np.full(len(dense), -1)
    if dense.ndim != 2 or gold.shape != (len(dense),):
        raise SetError(
            f"{path} must hold L of shape (rows, labeling functions) and Y of shape (rows,), found "
            f"{dense.shape} and {gold.shape}"
        )
    return dense, gold


def _split(folder: Path, meta: dict, split: str, n_classes: int) -> tuple[VoteMatrix, np.ndarray]:
    dense, gold = _arrays(folder, split)
    left_out = SUPERVISED.get(folder.name, ())
    names = meta.get("lf_names", [])
    if left_out and len(names) == dense.shape[1]:
        dense = dense[:, [j for j, name in enumerate(names) if name not in left_out]]
    return VoteMatrix.from_dense(dense, labels=range(n_classes)), gold


def _crowd(folder: Path, meta: dict) -> RealSet:
    import pyarrow.parquet as pq

    votes = pq.read_table(folder / "votes.parquet").to_pydict()
    gold = pq.read_table(folder / "gold.parquet").to_pydict()
    class_of = {value: code for code, value in enumerate(meta["label_values"])}
    item_of = {task: i for i, task in enumerate(gold["task"])}
    worker_of = {w: j for j, w in enumerate(sorted(set(votes["worker"])))}
    dense = np.full((len(item_of), len(worker_of)), -1)
    for task, worker, label in zip(votes["task"], votes["worker"], votes["label"], strict=True):
        if task in item_of:
            dense[item_of[task], worker_of[worker]] = class_of[str(label)]
    codes = np.array([class_of[str(label)] for label in gold["label"]])
    matrix = VoteMatrix.from_dense(dense, labels=range(len(class_of)))
    return RealSet(folder.name, matrix, matrix, codes, codes, False)


def _is_f1(name: str, gold: np.ndarray, votes: VoteMatrix) -> bool:
    if name in F1_OF_ONE:
        return True
    known = gold[gold >= 0]
    named = {path.split("/")[1] for path in RULES}
    return name not in named and votes.n_classes == 2 and bool((known == 1).mean() <= RARE)
