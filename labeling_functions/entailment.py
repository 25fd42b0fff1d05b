"""Natural-language inference: vote for the class whose hypothesis the text entails.

.. code-block:: toml

    [[rules]]
    kind = "nli"
    name = "topic"
    model = "models/deberta-v3-base-mnli"    # a folder of transformers; nothing is downloaded
    hypotheses = { sports = "sports", business = "business or finance" }
    template = "This text is about {}."
    threshold = 0.8
    memo = "nli.memo"                        # optional: scores kept for later runs

Needs the extra ``text`` (transformers). The model reads every text once for each class, so this is
by far the slowest kind; keep ``memo`` while trying thresholds: scores are kept apart from the
votes, and a changed threshold asks the model nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from labeling_functions.building import (
    TEXT,
    Answer,
    Rule,
    SettingError,
    coded,
    make_lf,
    need_bool,
    need_column,
    need_name,
    need_range,
    read_labels,
)
from labeling_functions.embeddings import made_by, shared_step
from labeling_functions.resources import (
    Resource,
    find_resource,
    need_package,
    quiet_transformers,
)
from labeling_functions.text import as_texts
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike

CHARACTERS: Final = 20_000  # of a text; the model reads some hundred words of it
BATCH: Final = 16


def nli(
    name: str,
    hypotheses: Mapping[Any, str],
    model: str | Path,
    *,
    column: str = TEXT,
    labels: LabelSpaceLike | None = None,
    template: str = "This text is about {}.",
    threshold: float = 0.8,
    independent: bool = False,
    memo: str | Path | None = None,
    device: str = "cpu",
) -> LabelingFunction:
    """Vote for the class whose hypothesis a text entails, where the model is sure.

    Parameters
    ----------
    name : str
    hypotheses : mapping of class to str
        What goes into the template for each class.
    model : path or ``package:NAME/FOLDER``
        The folder of a sequence-classification model trained on natural-language inference, with
        its tokenizer and weights in safetensors; one of its labels must begin with "entail".
    column : str, default "text"
    labels : LabelSpace, or anything it takes, optional
    template : str
        With ``{}`` where the hypothesis goes.
    threshold : float, default 0.8
        Least score of the best class, in [0, 1].
    independent : bool, default False
        The scores are probabilities of entailment against contradiction, class by class. Else they
        sum to 1 over the classes: then a text that is about none of them still has a best class.
    memo : path, optional
        A file in which scores are kept for later runs.
    device : str, default "cpu"
        Where the model works, such as ``"cuda"``.

    Raises
    ------
    ConfigError
        If a setting is wrong, or the folder holds no such model.
    MissingDependencyError
        If transformers is not installed.

    References
    ----------
    Yin, Hay, Roth (2019), Benchmarking zero-shot text classification, section 5.
    """
    need_name(name)
    if not isinstance(hypotheses, Mapping) or not hypotheses:
        raise SettingError(name, "hypotheses", f"must map classes to texts, found {hypotheses!r}")
    space, answers = read_labels(name, labels, *hypotheses, key="hypotheses")
    told = tuple(hypotheses.values())
    if not all(isinstance(text, str) and text.strip() for text in told):
        raise SettingError(name, "hypotheses", f"must hold texts that are not empty, found {told}")
    if len(set(told)) < len(told):
        raise SettingError(name, "hypotheses", f"must differ from class to class, found {told}")
    alone = need_bool(name, "independent", independent)
    if len(told) < 2 and not alone:
        raise SettingError(
            name, "hypotheses", "must be two or more, or independent = true; the one score is 1"
        )
    if not isinstance(template, str) or template.count("{}") != 1:
        raise SettingError(name, "template", f"must hold {{}} once, found {template!r}")
    if not isinstance(device, str) or not device:
        raise SettingError(name, "device", f"must be the name of a device, found {device!r}")
    found = find_resource(name, "model", model, ["config.json"])
    need_package("transformers", "transformers", "text")
    _check_model(name, found)
    step = shared_step(
        EntailmentStep(found, told, template, alone, device),
        need_column(name, column),
        None if memo is None else Path(memo),
    )
    rule = EntailmentRule(answers, need_range(name, "threshold", threshold, 0.0, 1.0))
    return make_lf(name, rule, [made_by(step)], space, preprocessors=(step,))


def _check_model(name: str, folder: Resource) -> None:
    try:
        config = json.loads((folder.path / "config.json").read_text(encoding="utf-8"))
        labels = list(config.get("id2label", {}).values())
    except (ValueError, AttributeError, OSError) as error:
        raise SettingError(
            name, "model", f"must have a config.json that can be read: {error}"
        ) from error
    if not any(str(label).lower().startswith("entail") for label in labels):
        raise SettingError(
            name,
            "model",
            "must be trained on natural-language inference, with a label entailment; found labels "
            f"{labels} in {folder.path}",
        )


@dataclass(frozen=True)
class EntailmentStep:
    """Scores of the classes for a column of texts."""

    model: Resource
    hypotheses: tuple[str, ...]
    template: str
    independent: bool
    device: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Digest of the model and of what it is asked."""
        return f"entailment 1 {self!r}"

    @property
    def makes(self) -> str:
        """The new column."""
        return f"entailment {self.model.digest[:12]}"

    def __call__(self, column: Any) -> Mapping[str, Any]:
        """Scores, shape (n_rows, n_classes); NaN where there is no text."""
        texts = as_texts(column).to_pylist()
        present = [i for i, text in enumerate(texts) if text is not None and text.strip()]
        scores = np.full((len(texts), len(self.hypotheses)), np.nan)
        if present:
            asked = [str(texts[i])[:CHARACTERS] for i in present]
            answered = _loaded(self.model, self.device)(
                asked,
                candidate_labels=list(self.hypotheses),
                hypothesis_template=self.template,
                multi_label=self.independent,
                batch_size=BATCH,
            )
            for row, answer in zip(present, answered, strict=True):
                found = dict(zip(answer["labels"], answer["scores"], strict=True))
                scores[row] = [found[text] for text in self.hypotheses]
        return {self.makes: scores}


@lru_cache(maxsize=2)
def _loaded(folder: Resource, device: str) -> Any:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    path = str(folder.check())
    with quiet_transformers():
        model = AutoModelForSequenceClassification.from_pretrained(
            path,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,  # the other format is a pickle
        )
        tokenizer = AutoTokenizer.from_pretrained(
            path, local_files_only=True, trust_remote_code=False
        )
    return pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device=device)


@dataclass(frozen=True)
class EntailmentRule(Rule):
    """The classes, and how sure the model must be."""

    answers: tuple[Answer, ...]
    threshold: float

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of scores."""
        scores = np.asarray(columns[0], dtype=np.float64).reshape(-1, len(self.answers))
        known = np.nan_to_num(scores, nan=-1.0)
        sure = known.max(axis=1, initial=-1.0) >= self.threshold
        index = np.where(sure, known.argmax(axis=1), -1).astype(np.int32)
        return coded(index, self.answers)
