"""Labeling functions: what they are, how they read rows, and packs of them."""

from weaklabel.lf.columns import column_labeling_function
from weaklabel.lf.function import LabelingFunction, labeling_function
from weaklabel.lf.pack import Pack, load_pack
from weaklabel.lf.preprocess import Preprocessor, PreprocessorError, preprocessor
from weaklabel.lf.row import MissingFieldError, Row

__all__ = [
    "LabelingFunction",
    "MissingFieldError",
    "Pack",
    "Preprocessor",
    "PreprocessorError",
    "Row",
    "column_labeling_function",
    "labeling_function",
    "load_pack",
    "preprocessor",
]
