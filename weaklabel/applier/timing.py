"""How long labeling functions took.

A :class:`Timing` is handed to :func:`weaklabel.apply`, which writes into it. It stays outside of
the vote matrix: votes are the same on every machine and in every run, and so are their files; times
are not.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.applier.engine import BatchAnswers
from weaklabel.errors import ArtifactError
from weaklabel.storage import atomic_path

KIND = "weaklabel timing"


class Timing:
    """Seconds per labeling function, and the rows it was asked about.

    Labeling functions that share a scan share its time evenly. Preprocessors are not counted, and
    rows that came from the cache are not counted either. With several processes the seconds of all
    are added.

    Attributes
    ----------
    seconds : dict of str to float
        By labeling function.
    n_asked : dict of str to int
        Rows it was asked about; 0 where all its votes came from the cache.

    Examples
    --------
    >>> from weaklabel import Timing, apply, labeling_function
    >>> @labeling_function(labels=["no", "yes"])
    ... def is_long(x):
    ...     return "yes" if len(x.text) > 3 else "no"
    >>> timing = Timing()
    >>> votes = apply([is_long], [{"text": "hi"}, {"text": "hello"}], timing=timing)
    >>> timing.n_asked
    {'is_long': 2}
    """

    def __init__(
        self, seconds: Mapping[str, float] | None = None, n_asked: Mapping[str, int] | None = None
    ) -> None:
        self.seconds = dict(seconds or {})
        self.n_asked = dict(n_asked or {})

    def add(self, lf_names: Sequence[str], answers: BatchAnswers) -> None:
        """Count one batch."""
        for name, seconds, n_rows in zip(
            lf_names, answers.seconds.tolist(), answers.n_asked.tolist(), strict=True
        ):
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
            self.n_asked[name] = self.n_asked.get(name, 0) + n_rows

    def ms_per_1000(self, lf_names: Sequence[str]) -> npt.NDArray[np.float64]:
        """Milliseconds for 1,000 rows; NaN for one that was asked about no row."""
        return np.array([self._ms(name) for name in lf_names])

    def _ms(self, name: str) -> float:
        n_rows = self.n_asked.get(name, 0)
        return 1e6 * self.seconds[name] / n_rows if n_rows else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"kind": KIND, "seconds": self.seconds, "n_asked": self.n_asked}

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write a JSON file.

        Raises
        ------
        ArtifactError
            If the file exists and ``overwrite`` is false, or it cannot be written.
        """
        with atomic_path(path, overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(self.to_dict(), indent=1) + "\n")
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Timing:
        """Read what :meth:`save` wrote.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged, or something else.
        """
        source = Path(path)
        if not source.is_file():
            raise ArtifactError(f"there is no file {source}")
        try:
            data = json.loads(source.read_text())
            if data["kind"] != KIND:
                raise KeyError("kind")
            seconds = {str(k): float(v) for k, v in data["seconds"].items()}
            return cls(seconds, {str(k): int(v) for k, v in data["n_asked"].items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(
                f"{source} does not hold the times that apply recorded; write it again"
            ) from error
