"""Writing programs as an ordinary pack of labeling functions, to be read by a person."""

from __future__ import annotations

import ast
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from weaklabel.errors import DataError
from weaklabel.llm.program_rules import Program, check_program, parsed
from weaklabel.llm.program_screen import Screening
from weaklabel.storage import atomic_path

_RESERVED: Final = ("LABELS", "LFS", "ID_COLUMN", "labeling_function")
_WIDTH: Final = 96


def write_program_pack(
    path: str | os.PathLike[str], screening: Screening, *, overwrite: bool = False
) -> Path:
    """Write the programs that were kept as a pack for :func:`weaklabel.load_pack`.

    The comment at the top says what was asked for, what was dropped, and why. A pack is ordinary
    Python that runs without the limits of the screening: read it before you load it.

    Parameters
    ----------
    path : path
        Of a ``.py`` file.
    screening : Screening
    overwrite : bool, default False

    Raises
    ------
    DataError
        If no program was kept.
    ArtifactError
        If the file exists or cannot be written.
    """
    target = Path(path)
    if not screening.kept:
        raise DataError(f"no program was kept, so there is no pack to write:\n{screening}")
    text = pack_text(screening)
    with atomic_path(target, overwrite=overwrite) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
    return target


def pack_text(screening: Screening) -> str:
    """The pack as Python source."""
    imports: dict[str, None] = {}
    bodies: list[str] = []
    taken: dict[str, str] = dict.fromkeys(_RESERVED, "")
    for program in screening.kept:
        check_program(program)
        bodies.append(_body(program, imports, taken))
    head = "\n".join(_comment(screening))
    names = ", ".join(map(repr, screening.labels.names))
    lines = [*imports, "", "from weaklabel import labeling_function", "", f"LABELS = [{names}]"]
    return "\n".join([head, "", *lines, "", "", "\n\n\n".join(bodies)]) + "\n"


def _comment(screening: Screening) -> list[str]:
    proposals = screening.proposals
    lines = [
        "Labeling functions that a language model wrote. READ THEM BEFORE YOU USE THEM:",
        "this file runs as you, without the limits they were tried under.",
        "",
        f"Model: {proposals.model}",
        f"Task: {proposals.task}",
        "",
        f"Kept {len(screening.kept)}:",
    ]
    for found in screening.lines:
        if not found.dropped and found.coverage is not None:
            right = ""
            if found.accuracy is not None:
                right = f", right on {100 * found.accuracy:.0f} % of {found.n_gold} gold rows"
            lines.append(
                f"  {found.name}: votes on {100 * found.coverage:.1f} % of the rows{right}"
            )
    dropped = [(s.name, s.dropped) for s in screening.lines if s.dropped]
    dropped += [(r.name, r.reason) for r in proposals.refused]
    lines += ["", f"Dropped {len(dropped)}:" if dropped else "Dropped none."]
    lines += [f"  {name}: {reason}" for name, reason in dropped]
    out = []
    for line in lines:
        # What a model wrote must not end the comment.
        safe = " ".join("".join(c if c.isprintable() else " " for c in line).split())
        indent = "  " if line.startswith("  ") else ""
        out += textwrap.wrap(
            safe, _WIDTH, initial_indent=f"# {indent}", subsequent_indent=f"# {indent}  "
        ) or ["#"]
    return out


def _body(program: Program, imports: dict[str, None], taken: dict[str, str]) -> str:
    """A program without its imports, under names that no other one uses for something else."""
    tree = parsed(program.source)
    clash = {
        name: _new_name(name, taken)
        for node in tree.body
        for name, meaning in _bound(node).items()
        if name != program.name and taken.get(name, meaning) != meaning
    }
    if taken.get(program.name) is not None:
        clash[program.name] = _new_name(program.name, taken)
    own = clash.get(program.name, program.name)
    tree = parsed(renamed(program, clash).source) if clash else tree
    pieces = []
    for node in tree.body:
        known = [taken.get(name) == meaning for name, meaning in _bound(node).items()]
        taken |= _bound(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports[ast.unparse(node)] = None
        elif isinstance(node, ast.FunctionDef) and node.name == own:
            pieces.append(f"@labeling_function\n{ast.unparse(node)}")
        elif not (known and all(known)):
            pieces.append(ast.unparse(node))
    return "\n\n\n".join(pieces)


def _bound(node: ast.stmt) -> dict[str, str]:
    """The names a top-level statement binds, and what to."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        where = getattr(node, "module", "")
        return {a.asname or a.name: f"import {where} {a.name}" for a in node.names}
    if isinstance(node, ast.FunctionDef):
        return {node.name: ast.unparse(node)}
    text = ast.unparse(node)
    stored = (n for n in ast.walk(node) if isinstance(n, ast.Name))
    return {n.id: text for n in stored if isinstance(n.ctx, ast.Store)}


def _new_name(name: str, taken: Mapping[str, str]) -> str:
    k = 2
    while f"{name}_{k}" in taken:
        k += 1
    return f"{name}_{k}"


def renamed(program: Program, names: Mapping[str, str]) -> Program:
    """A program with other names for what it defines at the top."""
    tree = _Renamer(names).visit(parsed(program.source))
    return Program(names.get(program.name, program.name), ast.unparse(tree) + "\n")


class _Renamer(ast.NodeTransformer):
    """Renames variables, functions and imported names; a parameter of the same name stays.

    Inside a function with such a parameter the name means the parameter, and stays too.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        return self._within(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return self._within(node)

    def _within(self, node: ast.FunctionDef | ast.Lambda) -> ast.AST:
        outer = self._names
        local = _local_names(node)
        self._names = {old: new for old, new in outer.items() if old not in local}
        self.generic_visit(node)
        self._names = outer
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.get(node.id, node.id)
        return node

    def visit_alias(self, node: ast.alias) -> ast.AST:
        bound = node.asname or node.name
        if bound in self._names:
            node.asname = self._names[bound]
        return node


def _local_names(node: ast.FunctionDef | ast.Lambda) -> set[str]:
    """Parameters and variables of a function, without those of functions inside it."""
    arguments = node.args
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    names = {a.arg for a in (*every, arguments.vararg, arguments.kwarg) if a is not None}
    todo: list[ast.AST] = list(node.body) if isinstance(node, ast.FunctionDef) else [node.body]
    while todo:
        inner = todo.pop()
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            names.add(inner.id)
        if isinstance(inner, ast.FunctionDef | ast.Lambda):
            continue
        todo += list(ast.iter_child_nodes(inner))
    return names
