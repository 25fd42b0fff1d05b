"""Artifacts as files: whatever weaklabel saved, read back by what it is."""

from weaklabel.export.artifacts import describe_artifact, load_model

__all__ = ["describe_artifact", "load_model"]
