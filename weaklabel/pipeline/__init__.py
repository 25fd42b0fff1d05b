"""The whole way in one call: rows, votes, label model, soft labels, end model.

:func:`run` is what ``weaklabel run`` does. Its steps are here too, for the other commands.
"""

from weaklabel.pipeline.end_models import EndModelSettings, train_end_model
from weaklabel.pipeline.predicting import predict_file
from weaklabel.pipeline.reporting import EndModelReport, end_model_report
from weaklabel.pipeline.rows import (
    need_columns,
    positions_of,
    read_gold,
    read_rows,
    with_text_for_bools,
)
from weaklabel.pipeline.run import RunResult, run
from weaklabel.pipeline.steps import (
    check_label_target,
    check_votes,
    check_votes_target,
    make_model,
)
from weaklabel.pipeline.training import TrainResult, train_files

__all__ = [
    "EndModelReport",
    "EndModelSettings",
    "RunResult",
    "TrainResult",
    "check_label_target",
    "check_votes",
    "check_votes_target",
    "end_model_report",
    "make_model",
    "need_columns",
    "positions_of",
    "predict_file",
    "read_gold",
    "read_rows",
    "run",
    "train_end_model",
    "train_files",
    "with_text_for_bools",
]
