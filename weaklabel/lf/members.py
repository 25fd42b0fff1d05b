"""What a module says as a pack: its labeling functions, classes and id column, all checked."""

from __future__ import annotations

import ast
import sys
import types

from weaklabel.errors import LabelError, PackError
from weaklabel.labels import LabelSpace
from weaklabel.lf.function import LabelingFunction, source_line


def lfs_of(module: types.ModuleType, text: str, where: str) -> tuple[LabelingFunction, ...]:
    """The labeling functions of a module: those ``LFS`` names, or those defined in it, in order.

    Parameters
    ----------
    module : module
        Executed.
    text : str
        Its source; empty if unknown.
    where : str
        Its file or name, for messages.

    Raises
    ------
    PackError
        If there are none, or two of one name.
    """
    tree = ast.parse(text) if text else ast.Module(body=[], type_ignores=[])
    _check_no_redefinition(tree, module, where)
    found = _listed(module, where) if hasattr(module, "LFS") else _defined(module, tree)
    if not found:
        raise PackError(
            f"{where} defines no labeling functions; "
            "decorate its functions with @labeling_function, or name imported ones in a list LFS"
        )
    _check_unique(found, where)
    return found


def _listed(module: types.ModuleType, where: str) -> tuple[LabelingFunction, ...]:
    listed = vars(module)["LFS"]
    if isinstance(listed, str | dict) or not hasattr(listed, "__iter__"):
        raise PackError(f"{where}: LFS must be a list of labeling functions, found {listed!r}")
    found = tuple(listed)
    for position, lf in enumerate(found):
        if not isinstance(lf, LabelingFunction):
            raise PackError(
                f"{where}: LFS must hold labeling functions, found {lf!r} at position {position}; "
                "decorate it with @labeling_function"
            )
    return found


def _defined(module: types.ModuleType, tree: ast.Module) -> tuple[LabelingFunction, ...]:
    """Labeling functions bound at module level, other than by an import, each once."""
    imported, star = _imported_names(tree)
    foreign = {
        id(value)
        for source in star
        for value in vars(sys.modules.get(source, types.ModuleType(""))).values()
    }
    found = {
        id(value): value
        for name, value in vars(module).items()
        if isinstance(value, LabelingFunction) and name not in imported and id(value) not in foreign
    }
    return tuple(found.values())


def _imported_names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Names bound by import statements, and modules imported with a star."""
    names: set[str] = set()
    star: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*" and isinstance(node, ast.ImportFrom):
                    star.add(node.module or "")
                else:
                    names.add(alias.asname or alias.name.partition(".")[0])
    return names, star


def _check_no_redefinition(tree: ast.Module, module: types.ModuleType, where: str) -> None:
    """Two ``def`` of one name: Python keeps the second, the pack would silently lose the first."""
    seen: dict[str, int] = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or not node.decorator_list:
            continue
        if not isinstance(vars(module).get(node.name), LabelingFunction):
            continue
        if node.name in seen:
            raise PackError(
                f"{where}, line {node.lineno}: a labeling function {node.name!r} is already "
                f"defined in line {seen[node.name]}; rename one of them"
            )
        seen[node.name] = node.lineno


def _check_unique(lfs: tuple[LabelingFunction, ...], where: str) -> None:
    seen: dict[str, LabelingFunction] = {}
    for lf in lfs:
        if lf.name in seen:
            lines = [source_line(x) for x in (seen[lf.name], lf)]
            at = f", line {lines[1]}" if lines[1] is not None else ""
            first = f" (the first in line {lines[0]})" if lines[0] is not None else ""
            raise PackError(
                f"{where}{at}: two labeling functions are named {lf.name!r}{first}; "
                "rename one with @labeling_function(name='...')"
            )
        seen[lf.name] = lf


def labels_of(module: types.ModuleType, where: str) -> LabelSpace | None:
    """The classes in ``LABELS``, if it is there.

    Raises
    ------
    PackError
        If it is not a label space.
    """
    labels = getattr(module, "LABELS", None)
    if labels is None:
        return None
    try:
        return LabelSpace(labels)
    except (LabelError, TypeError) as error:
        raise PackError(
            f"{where}: LABELS must be a list of class names, an Enum or a LabelSpace: {error}"
        ) from error


def id_column_of(module: types.ModuleType, where: str) -> str | None:
    """The column in ``ID_COLUMN``, if it is there.

    Raises
    ------
    PackError
        If it is not a name.
    """
    column = getattr(module, "ID_COLUMN", None)
    if column is not None and not isinstance(column, str):
        raise PackError(f"{where}: ID_COLUMN must be the name of a column, found {column!r}")
    return column
