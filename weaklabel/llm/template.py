"""Templates of prompts: text with the columns of a row filled in.

``"Is this comment spam?\\n\\n{text}"`` reads the column ``text``. The syntax is that of
:meth:`str.format` with names of columns only: what stands between the braces is looked up as it is,
so nothing of a value (no attribute, no item) can be reached, whatever the rows hold. A format
after a colon is allowed (``{price:.2f}``), and braces are doubled to be printed.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any, Protocol

from weaklabel.errors import ConfigError


class Renderer(Protocol):
    """What makes the text of a prompt from the values of a row."""

    fields: tuple[str, ...]

    def render(self, values: Mapping[str, Any]) -> str | None:
        """The text; None not to ask about this row."""
        ...

    @property
    def content(self) -> str:
        """All that decides the text, for fingerprints."""
        ...


class Template:
    """A text with named fields.

    Parameters
    ----------
    text : str
    who : str
        Whose template it is, for messages.

    Attributes
    ----------
    fields : tuple of str
        The columns it reads, each once, in order.

    Raises
    ------
    ConfigError
        If a brace is not closed, or a field has no name, a number, a conversion or a nested format.

    Examples
    --------
    >>> Template("{title}: {price:.2f} {{EUR}}").render({"title": "tea", "price": 3})
    'tea: 3.00 {EUR}'
    """

    def __init__(self, text: str, who: str = "the template") -> None:
        if not isinstance(text, str) or not text.strip():
            raise ConfigError(f"{who} must be a text that is not empty, found {text!r}")
        self.text = text
        self._pieces = _pieces(text, who)
        self.fields = tuple(dict.fromkeys(name for _, name, _ in self._pieces if name is not None))

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with the values filled in.

        Raises
        ------
        ValueError, TypeError
            If a value does not take the format asked for.
        """
        return "".join(
            literal if name is None else literal + format(values[name], spec)
            for literal, name, spec in self._pieces
        )

    @property
    def content(self) -> str:
        """The text itself."""
        return self.text

    def __repr__(self) -> str:
        return f"Template({self.text!r})"


def _pieces(text: str, who: str) -> list[tuple[str, str | None, str]]:
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise ConfigError(
            f"{who} is not well formed: {error}; double the braces that are to be printed"
        ) from None
    for _, name, spec, conversion in parsed:
        if name is None:
            continue
        if not name.strip() or name.isdigit():
            raise ConfigError(
                f"{who} must name the column of each field, found {{{name}}}; write {{text}}"
            )
        if conversion is not None or "{" in (spec or ""):
            raise ConfigError(
                f"{who} may hold {{column}} and {{column:format}}, found a conversion or a nested "
                f"format at {name!r}; prepare the column beforehand"
            )
    return [(literal, name, spec or "") for literal, name, spec, _ in parsed]


class FunctionTemplate:
    """A function from columns to the text of a prompt; its parameters name the columns.

    Raises
    ------
    ConfigError
        If its parameters are not known, or none is left for a column.
    """

    def __init__(self, function: Callable[..., str | None], who: str = "the prompt") -> None:
        self.function = function
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            raise ConfigError(f"the parameters of {who} are not known; use a template") from None
        positional = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        self.fields = tuple(p.name for p in parameters if p.kind in positional)
        if not self.fields:
            raise ConfigError(
                f"{who} must take the columns it reads as parameters, found none; "
                "write def prompt(text): return f'... {text}'"
            )

    def render(self, values: Mapping[str, Any]) -> str | None:
        """What the function returns for the values."""
        text = self.function(**{name: values[name] for name in self.fields})
        if text is not None and not isinstance(text, str):
            raise TypeError(f"the prompt must be a text or None, found {text!r:.60}")
        return text

    @property
    def content(self) -> str:
        """The source of the function, or a digest of its code where there is none."""
        try:
            return inspect.getsource(self.function)
        except (OSError, TypeError):
            code = self.function.__code__
            return hashlib.sha256(code.co_code + repr(code.co_consts).encode()).hexdigest()
