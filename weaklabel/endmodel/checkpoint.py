"""Checkpoints: a fit that was interrupted goes on where it stopped, with the same result.

A fit consists of runs (one per candidate of the weight decay, one on all rows). Each run has a file
in the folder; it is replaced after every epoch, and a finished run is not repeated. The files hold
tensors and plain values, are read with ``weights_only`` and belong to one fit: other rows, labels
or settings are an error.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch

from weaklabel.errors import ArtifactError
from weaklabel.storage import atomic_path
from weaklabel.version import __version__

CHECKPOINT_VERSION: Final = 1
KIND: Final = "weaklabel checkpoint"


@final
@dataclass(frozen=True)
class Checkpoint:
    """Where one run keeps its state.

    Parameters
    ----------
    folder : Path
    fingerprint : str
        Of rows, labels and settings.
    run : str
        Name of the run within the fit.
    """

    folder: Path
    fingerprint: str
    run: str = "run"

    def of(self, run: str) -> Checkpoint:
        """That of another run of the same fit."""
        return Checkpoint(self.folder, self.fingerprint, run)

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.run}.checkpoint"

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the file.

        Raises
        ------
        ArtifactError
            If it cannot be written.
        """
        header = {
            "kind": KIND,
            "version": CHECKPOINT_VERSION,
            "weaklabel": __version__,
            "fingerprint": self.fingerprint,
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArtifactError(f"cannot make the folder {self.folder}: {error}") from error
        with atomic_path(self.path, overwrite=True) as temporary:
            torch.save({**header, "state": plain(state)}, temporary)

    def read(self) -> dict[str, Any] | None:
        """The state that was written last; None if there is none.

        Raises
        ------
        ArtifactError
            If the file is damaged, from a newer version, or of another fit.
        """
        if not self.path.is_file():
            return None
        try:
            stored = torch.load(self.path, map_location="cpu", weights_only=True)
            kind, version = stored["kind"], stored["version"]
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError) as error:
            raise self._damaged(error) from error
        except pickle.UnpicklingError as error:  # what weights_only refuses to load
            raise self._damaged(error) from error
        if kind != KIND:
            raise self._damaged(ValueError(f"kind {kind!r}"))
        if version > CHECKPOINT_VERSION:
            raise ArtifactError(
                f"{self.path} has checkpoint version {version}, written by weaklabel "
                f"{stored.get('weaklabel')}; this weaklabel reads up to {CHECKPOINT_VERSION}: "
                "upgrade it, or delete the folder and fit from the start"
            )
        if stored.get("fingerprint") != self.fingerprint:
            raise ArtifactError(
                f"{self.path} belongs to a fit with other rows, labels or settings; pass another "
                "folder as checkpoint, or delete this one"
            )
        found: dict[str, Any] = stored["state"]
        return found

    def _damaged(self, error: Exception) -> ArtifactError:
        return ArtifactError(
            f"{self.path} is damaged or no checkpoint ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else ''}); delete it to train this part "
            "again"
        )


def plain(value: Any) -> Any:
    """A value as tensors, numbers, strings and containers of them, which load without pickle code.

    Modules become their state, arrays tensors.
    """
    if isinstance(value, torch.nn.Module):
        return dict(value.state_dict())
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def restored(stored: Any, like: Any) -> Any:
    """A stored value in the form of the one it was made of: modules are loaded in place."""
    if isinstance(like, torch.nn.Module):
        like.load_state_dict(stored)
        return like
    if isinstance(stored, torch.Tensor) and not isinstance(like, torch.Tensor):
        return stored.numpy()
    if isinstance(like, list | tuple) and len(like) == len(stored):
        parts = [restored(a, b) for a, b in zip(stored, like, strict=True)]
        return tuple(parts) if isinstance(like, tuple) else parts
    if isinstance(like, Mapping) and isinstance(stored, Mapping):
        return {key: restored(part, like.get(key)) for key, part in stored.items()}
    return stored
