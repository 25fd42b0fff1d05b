"""The demonstration's folder: nothing of an earlier one is lost."""

from __future__ import annotations

import pytest

from weaklabel.demo import FOLDER, GOLD, ID, REPORT, RULES, choose_folder, load_table, run_demo
from weaklabel.errors import ArtifactError


def test_the_folder_is_the_next_free_one(work):
    assert choose_folder(None, overwrite=False).name == FOLDER
    (work / FOLDER).mkdir()
    (work / f"{FOLDER}-2").touch()
    assert choose_folder(None, overwrite=False).name == f"{FOLDER}-3"
    assert choose_folder(None, overwrite=True).name == FOLDER


def test_a_folder_without_files_of_a_demonstration_is_taken(work):
    (work / "mine").mkdir()
    (work / "mine" / "notes.txt").touch()
    assert choose_folder(work / "mine", overwrite=False) == work / "mine"
    (work / "mine" / RULES).touch()
    with pytest.raises(ArtifactError, match=r"holds rules\.py already and is left as it is"):
        choose_folder(work / "mine", overwrite=False)


def test_overwriting_keeps_the_rules_that_somebody_changed(work):
    folder = work / "d"
    first = run_demo(folder)
    (folder / RULES).write_text("# mine")
    (folder / "labels.parquet").write_text("to be replaced")
    (folder / REPORT).unlink()
    again = run_demo(folder, overwrite=True)
    assert "Breast-cancer demonstration" in (folder / REPORT).read_text()
    assert (folder / RULES).read_text() == "# mine"
    assert again.end_model.to_dict() == first.end_model.to_dict()
    assert again.n_train == again.run.labels.n_items
    assert again.n_train + again.n_held_out == len(load_table())
    assert again.run.end_model is not None
    assert not {ID, GOLD} & set(again.run.end_model.feature_names_in_)
