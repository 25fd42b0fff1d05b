"""spaCy documents: parsed once per text, in batches, and shared by all rules that read them.

.. code-block:: python

    parsed = spacy_documents("en", sentences=True, entities=[{"label": "BRAND", "pattern": "Acme"}])

    @spacy_labeling_function(parsed, labels=["ham", "spam"])
    def shouts_a_brand(x):
        return "spam" if any(e.label_ == "BRAND" and e.text.isupper() for e in x.doc.ents) else None

A blank pipeline splits a text into words and needs no model. ``model`` names the folder of a
trained one (``nlp.to_disk``), for parts of speech, dependencies and entities. Needs the extra
``text`` (spacy).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from labeling_functions.building import TEXT, SettingError, need_bool, need_column, need_texts
from labeling_functions.embeddings import shared_step
from labeling_functions.resources import Resource, find_resource, need_package
from labeling_functions.text import as_texts
from weaklabel import LabelingFunction, Preprocessor, labeling_function
from weaklabel.labels import LabelSpaceLike

CHARACTERS: Final = 1_000_000  # of a text; spaCy's own limit for one document
BATCH: Final = 256
DOC: Final = "doc"


def spacy_documents(
    language: str = "en",
    column: str = TEXT,
    *,
    model: str | Path | None = None,
    nlp: Any = None,
    sentences: bool = False,
    entities: Sequence[Mapping[str, Any]] = (),
    disable: Sequence[str] = (),
    name: str = "spacy_documents",
) -> Preprocessor:
    """The batched preprocessor that parses a column: ``x.doc``.

    Parameters
    ----------
    language : str, default "en"
        Of a blank pipeline.
    column : str, default "text"
    model : path or ``package:NAME/FOLDER``, optional
        The folder of a saved pipeline, instead of a blank one.
    nlp : spacy.Language, optional
        A pipeline of your own, instead; it counts for the fingerprint by ``nlp.to_bytes()``.
    sentences : bool, default False
        Add a ``sentencizer``: sentences by punctuation.
    entities : sequence of mappings
        Patterns of an ``entity_ruler``: ``label`` and ``pattern``.
    disable : sequence of str
        Components of ``model`` to leave out.
    name : str
        For messages.

    Returns
    -------
    Preprocessor
        It makes one column ``doc``. A missing text is an empty document, and a text is cut after
        ``CHARACTERS`` characters. Asked for again, it is the same object, so the work is shared.

    Raises
    ------
    ConfigError
        If a setting is wrong, or there is no such pipeline.
    MissingDependencyError
        If spaCy is not installed.
    """
    need_package("spacy", "spacy", "text")
    need_column(name, column)
    if nlp is not None and (model is not None or not callable(getattr(nlp, "pipe", None))):
        raise SettingError(name, "nlp", f"must be a pipeline, and stand without model; got {nlp!r}")
    source: Resource | Loaded | None = None
    if nlp is not None:
        source = Loaded(_content_of(nlp), nlp)
    elif model is not None:
        source = find_resource(name, "model", model, ["config.cfg"])
    step = DocumentStep(
        "" if source else language,
        source,
        need_bool(name, "sentences", sentences),
        as_json(name, "entities", entities),
        need_texts(name, "disable", disable, empty=True),
    )
    _check(name, step)
    return shared_step(step, column, None)


def spacy_labeling_function(
    documents: Preprocessor,
    *,
    name: str | None = None,
    labels: LabelSpaceLike | None = None,
    resources: Mapping[str, Any] | None = None,
    version: str | None = None,
) -> Callable[[Callable[..., Any]], LabelingFunction]:
    """A labeling function of a row with its document in ``x.doc``; a decorator.

    Parameters
    ----------
    documents : Preprocessor
        Of :func:`spacy_documents`.
    name, labels, resources, version
        As :func:`weaklabel.labeling_function`.
    """
    return labeling_function(
        name=name, labels=labels, resources=resources, preprocessors=documents, version=version
    )


@dataclass(frozen=True)
class Loaded:
    """A pipeline that the caller made."""

    digest: str
    nlp: Any = field(repr=False, compare=False)


@dataclass(frozen=True)
class DocumentStep:
    """Parses a column."""

    language: str
    source: Resource | Loaded | None
    sentences: bool
    entities: str
    disable: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Digest of the pipeline."""
        return f"documents 1 {self!r}"

    @property
    def makes(self) -> str:
        """The new column."""
        return DOC

    def __call__(self, column: Any) -> Mapping[str, Any]:
        """The documents of a column."""
        nlp = pipeline_of(self)
        texts = [(text or "")[:CHARACTERS] for text in as_texts(column).to_pylist()]
        return {DOC: list(nlp.pipe(texts, batch_size=BATCH))}


@lru_cache(maxsize=4)
def pipeline_of(step: DocumentStep) -> Any:
    """The pipeline, made once per process."""
    import spacy

    if isinstance(step.source, Loaded):
        nlp = step.source.nlp
    elif step.source is not None:
        nlp = spacy.load(step.source.check(), disable=list(step.disable))
    else:
        nlp = spacy.blank(step.language)
    if step.sentences:
        nlp.add_pipe("sentencizer", first=True)
    if json.loads(step.entities):
        nlp.add_pipe("entity_ruler").add_patterns(json.loads(step.entities))
    return nlp


def _check(name: str, step: DocumentStep) -> None:
    """Make the pipeline now, so that what is wrong with it is said before any work."""
    if isinstance(step.source, Loaded) and (step.sentences or json.loads(step.entities)):
        raise SettingError(
            name, "nlp", "must have its components already; leave out sentences and entities"
        )
    try:
        pipeline_of(step)
    except (ValueError, ImportError, OSError, KeyError) as error:
        key = "entities" if json.loads(step.entities) else "model" if step.source else "language"
        raise SettingError(name, key, f"must make a pipeline of spaCy: {error}") from error


def _content_of(nlp: Any) -> str:
    """Digest of a pipeline: its components and their data, without the cache of words."""
    running = hashlib.sha256(f"{nlp.lang} {nlp.pipe_names}".encode())
    running.update(nlp.to_bytes(exclude=["vocab"]))
    return running.hexdigest()


def as_json(name: str, key: str, value: Any) -> str:
    """A list of plain values as text, which compares and hashes."""
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise SettingError(name, key, f"must be a list, found {value!r}")
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise SettingError(name, key, f"must hold plain values: {error}") from None
