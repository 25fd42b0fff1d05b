"""Exceptions and warnings of weaklabel.

Every error says what must hold, what was found, and what to do. The tree::

    WeakLabelError
    ├── ConfigError              a setting is out of range or contradicts another   (ValueError)
    ├── DataError                rows: empty, a missing column, duplicate ids       (ValueError)
    ├── LabelError               a label outside the label space                    (ValueError)
    ├── VotesError               a vote matrix that cannot be built or used         (ValueError)
    ├── LabelingFunctionError    a labeling function failed; names it and the row
    ├── PackError                a pack of labeling functions cannot be loaded
    ├── FitError                 a model cannot be fitted, or is used before fit    (ValueError)
    ├── ArtifactError            a file cannot be read or written
    └── MissingDependencyError   an extra is not installed; names it                (ImportError)

    WeakLabelWarning (UserWarning)
    ├── CacheWarning             kept votes that cannot be used or written
    ├── ConvergenceWarning       the fit stopped before it converged
    ├── CoverageWarning          rows or labeling functions without votes
    └── IdentifiabilityWarning   the votes do not determine the parameters
"""

from __future__ import annotations


class WeakLabelError(Exception):
    """Base class of every error raised on purpose by weaklabel."""


class ConfigError(WeakLabelError, ValueError):
    """A setting is out of its range or contradicts another one."""


class DataError(WeakLabelError, ValueError):
    """The rows to label cannot be used: empty, a missing column, duplicate ids."""


class LabelError(WeakLabelError, ValueError):
    """A label lies outside the label space, or a label space is not well formed."""


class VotesError(WeakLabelError, ValueError):
    """A vote matrix cannot be built from, or joined with, what was given."""


class LabelingFunctionError(WeakLabelError):
    """A labeling function failed.

    Parameters
    ----------
    message : str
        The sentence shown to the user.
    lf_name : str, optional
        Name of the labeling function.
    row_id : object, optional
        Identifier (or position) of the row it failed on.
    """

    def __init__(self, message: str, lf_name: str | None = None, row_id: object = None) -> None:
        super().__init__(message)
        self.lf_name = lf_name
        self.row_id = row_id

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders; the default reduction would drop the two fields.
        return (type(self), (self.args[0], self.lf_name, self.row_id))


class PackError(WeakLabelError):
    """A pack of labeling functions cannot be loaded."""


class FitError(WeakLabelError, ValueError):
    """A model cannot be fitted on these votes, or is used before it was fitted."""


class ArtifactError(WeakLabelError):
    """A file cannot be read, is of another kind or version, or must not be overwritten."""


class MissingDependencyError(WeakLabelError, ImportError):
    """An optional dependency is not installed.

    Parameters
    ----------
    package : str
        The package that failed to import.
    extra : str
        The extra of weaklabel that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is needed here and is not installed; "
            f"install it with: pip install 'weaklabel[{extra}]'"
        )
        self.package = package
        self.extra = extra

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.package, self.extra))


class WeakLabelWarning(UserWarning):
    """Base class of every warning issued by weaklabel."""


class CacheWarning(WeakLabelWarning):
    """Kept votes cannot be used and are computed anew, or votes cannot be kept."""


class ConvergenceWarning(WeakLabelWarning):
    """The fit stopped before it converged."""


class CoverageWarning(WeakLabelWarning):
    """Rows or labeling functions have no votes."""


class IdentifiabilityWarning(WeakLabelWarning):
    """The votes do not determine the parameters of the model."""
