"""What a program that a language model wrote may contain, checked before it is ever run.

A program is a function ``def name(row)`` that returns the name of a class or None, with the
constants, helper functions and imports it uses. :func:`read_programs` takes the Python code out of
a reply and splits it into programs; :func:`check_program` walks the syntax tree against lists of
what is allowed:

- imports of :data:`MODULES`, and of their names given there, only;
- names: its own, and the built-in functions of :data:`BUILTINS`;
- attributes: none that begins with an underscore, none that leads to frames or code, and of a
  module only the names given;
- no classes, decorators, generators, coroutines, ``with``, ``global``, ``del``, ``import *``.

What is not listed is refused. This keeps out mistakes and crude attacks. It is no proof that a
program is harmless: read what you keep.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weaklabel.errors import WeakLabelError

MODULES: Final[Mapping[str, frozenset[str]]] = {
    "re": frozenset(
        (
            *("compile", "search", "match", "fullmatch", "findall", "finditer", "split", "sub"),
            *("subn", "escape", "I", "IGNORECASE", "M", "MULTILINE", "S", "DOTALL", "X"),
            *("VERBOSE", "A", "ASCII", "U", "UNICODE", "error"),
        )
    ),
    "math": frozenset(
        (
            *("sqrt", "log", "log2", "log10", "log1p", "exp", "floor", "ceil", "fabs", "pow"),
            *("isnan", "isinf", "isfinite", "isclose", "trunc", "hypot", "pi", "e", "inf", "nan"),
        )
    ),
    "string": frozenset(
        (
            *("ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits", "hexdigits"),
            *("punctuation", "printable", "whitespace"),
        )
    ),
    "datetime": frozenset(("datetime", "date", "time", "timedelta", "timezone", "UTC")),
    "unicodedata": frozenset(("name", "category", "normalize", "combining", "east_asian_width")),
}
"""Modules that may be imported, and the names of each that may be used."""

BUILTINS: Final = frozenset(
    (
        *("abs", "all", "any", "bool", "chr", "dict", "divmod", "enumerate", "filter", "float"),
        *("frozenset", "int", "isinstance", "iter", "len", "list", "map", "max", "min", "next"),
        *("ord", "range", "repr", "reversed", "round", "set", "slice", "sorted", "str", "sum"),
        *("tuple", "zip", "Exception", "ValueError", "TypeError", "KeyError", "IndexError"),
        *("AttributeError", "ZeroDivisionError", "OverflowError", "StopIteration"),
    )
)
"""Built-in functions that may be used."""

# Lead from an object to the interpreter, or read attributes by a text.
_ATTRIBUTES: Final = frozenset(
    (
        *("gi_frame", "gi_code", "gi_yieldfrom", "cr_frame", "cr_code", "ag_frame", "ag_code"),
        *("f_back", "f_builtins", "f_code", "f_globals", "f_locals", "tb_frame", "tb_next"),
        *("co_code", "co_consts", "mro", "format", "format_map", "func_globals", "func_code"),
    )
)
_NODES: Final = (
    ast.FunctionDef, ast.arguments, ast.arg, ast.Lambda, ast.Return, ast.Assign, ast.AnnAssign,
    ast.AugAssign, ast.For, ast.While, ast.If, ast.Try, ast.ExceptHandler, ast.Expr, ast.Pass,
    ast.Break, ast.Continue, ast.Import, ast.ImportFrom, ast.alias, ast.BoolOp, ast.NamedExpr,
    ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp, ast.comprehension, ast.Compare, ast.Call, ast.keyword, ast.FormattedValue,
    ast.JoinedStr, ast.Constant, ast.Attribute, ast.Subscript, ast.Starred, ast.Name, ast.List,
    ast.Tuple, ast.Slice, ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
_FENCE: Final = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_MOST: Final = 20_000  # characters of a program


class ProgramError(WeakLabelError):
    """A program is not allowed; says which line and why."""


@dataclass(frozen=True)
class Program:
    """A program, checked or not.

    Attributes
    ----------
    name : str
        Of its function.
    source : str
        The function, with the imports, constants and helpers it uses.
    """

    name: str
    source: str


def read_programs(reply: str) -> list[Program]:
    """The programs in a reply: functions of one argument, with all they use.

    Raises
    ------
    ProgramError
        If there is no code, or it is no Python.
    """
    blocks = _FENCE.findall(reply) or [reply]
    found: list[Program] = []
    errors: list[ProgramError] = []
    for block in blocks:
        try:
            found += _split(block)
        except ProgramError as error:
            errors.append(error)
    if not found and errors:
        raise errors[0]
    if not found:
        raise ProgramError("there is no function of one argument in the reply")
    return found


def parsed(source: str) -> ast.Module:
    """The syntax tree.

    Raises
    ------
    ProgramError
        If it is too long, too deep, or no Python.
    """
    if len(source) > _MOST:
        raise ProgramError(f"the program has {len(source):,} characters; at most {_MOST:,}")
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise ProgramError(f"line {error.lineno}: no Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ProgramError(f"no Python: {error}") from None


def _split(block: str) -> Iterator[Program]:
    """Each function of one argument, with whatever else stands in the block and it uses."""
    tree = parsed(block)
    pieces = [(_defined(node), node) for node in tree.body]
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or len(node.args.args) != 1:
            continue
        others = {name for names, piece in pieces if piece is not node for name in names}
        needed = _needed(node, pieces, others)
        kept = [piece for piece in tree.body if piece is node or any(piece is n for n in needed)]
        yield Program(node.name, "\n\n".join(_text(block, piece) for piece in kept) + "\n")


def _text(block: str, node: ast.stmt) -> str:
    """The source of a statement, with its decorators, so that they are seen and refused."""
    lines = block.splitlines()
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(d.lineno for d in decorators)])
    return "\n".join(lines[first - 1 : node.end_lineno])


def _needed(
    node: ast.stmt, pieces: list[tuple[set[str], ast.stmt]], others: set[str]
) -> list[ast.stmt]:
    """The other top-level statements that a function uses, and those that they use."""
    needed: list[ast.stmt] = []
    todo = [node]
    while todo:
        used = {n.id for n in ast.walk(todo.pop()) if isinstance(n, ast.Name)} & others
        for names, piece in pieces:
            known = piece is node or any(piece is n for n in needed)
            if names & used and not known:
                needed.append(piece)
                todo.append(piece)
    return needed


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return {node.name}
    return {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def check_program(program: Program) -> None:
    """Refuse what is not allowed.

    Raises
    ------
    ProgramError
        Names the line and what is there.
    """
    tree = parsed(program.source)
    modules = _modules(tree)
    own = _own_names(tree)
    inside = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    for top in tree.body:
        _check_top(top)
    for node in ast.walk(tree):
        _check_node(node, modules, own, inside)
    if not any(isinstance(n, ast.FunctionDef) and n.name == program.name for n in tree.body):
        raise ProgramError(f"there is no function {program.name!r}")


def _fail(node: ast.AST, message: str) -> ProgramError:
    return ProgramError(f"line {getattr(node, 'lineno', '?')}: {message}")


def _check_top(node: ast.stmt) -> None:
    """At the top there are imports, functions and constants."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.Assign | ast.AnnAssign):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    raise _fail(node, f"{type(node).__name__} outside a function is not allowed")


def _modules(tree: ast.Module) -> dict[str, str]:
    """Names in the program that are modules."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name not in MODULES:
                    raise _fail(node, f"import of {alias.name!r} is not allowed")
                found[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom):
            known = MODULES.get(node.module or "") if node.level == 0 else None
            for alias in node.names:
                if known is None or alias.name not in known:
                    where = "." * node.level + (node.module or "")
                    raise _fail(node, f"import of {alias.name!r} from {where!r} is not allowed")
    return found


def _own_names(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
    for name in names:
        if name.startswith("__"):
            raise ProgramError(f"the name {name!r} is not allowed")
    return names


def _check_node(node: ast.AST, modules: Mapping[str, str], own: set[str], inside: set[int]) -> None:
    if not isinstance(node, (*_NODES, ast.Module)):
        raise _fail(node, f"{type(node).__name__} is not allowed")
    if isinstance(node, ast.FunctionDef) and node.decorator_list:
        raise _fail(node, "decorators are not allowed")
    if isinstance(node, ast.Attribute):
        _check_attribute(node, modules)
    elif isinstance(node, ast.Name):
        _check_name(node, modules, own, inside)


def _check_attribute(node: ast.Attribute, modules: Mapping[str, str]) -> None:
    if node.attr.startswith("_") or node.attr in _ATTRIBUTES:
        raise _fail(node, f"the attribute {node.attr!r} is not allowed")
    if not isinstance(node.ctx, ast.Load):
        raise _fail(node, f"setting the attribute {node.attr!r} is not allowed")
    if isinstance(node.value, ast.Name) and node.value.id in modules:
        module = modules[node.value.id]
        if node.attr not in MODULES[module]:
            raise _fail(node, f"{module}.{node.attr} is not allowed")


def _check_name(
    node: ast.Name, modules: Mapping[str, str], own: set[str], inside: set[int]
) -> None:
    if node.id in modules and (not isinstance(node.ctx, ast.Load) or id(node) not in inside):
        raise _fail(node, f"the module {node.id!r} may only be used as {node.id}.name")
    if isinstance(node.ctx, ast.Load) and node.id not in own and node.id not in BUILTINS:
        raise _fail(node, f"the name {node.id!r} is not allowed")
