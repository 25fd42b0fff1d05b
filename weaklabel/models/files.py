"""Reading a label model of any class."""

from __future__ import annotations

import os

from weaklabel.models.base import LabelModelBase


def load_model(path: str | os.PathLike[str]) -> LabelModelBase:
    """The label model in a file written by :meth:`LabelModelBase.save`, of whatever class it is.

    Raises
    ------
    ArtifactError
        If the file is missing, damaged, or holds something else.
    """
    return LabelModelBase.load(path)
