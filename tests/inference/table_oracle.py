"""Tables loop by loop, as the docstrings define them, and votes of every symbol type."""

from __future__ import annotations

import math

import numpy as np

from weaklabel.inference.layout import BIN, CLASS, REASON, SET, Symbols, TableLayout


def mixed_symbols(n_classes=3):
    """Classes, two sets, two confidence bins per class, two reasons to abstain."""
    rows = list(np.eye(n_classes))
    kind = [CLASS] * n_classes
    for members in ([0, 1], [1, 2]):
        row = np.zeros(n_classes)
        row[members] = 1 / len(members)
        rows.append(row)
        kind.append(SET)
    for c in range(n_classes):
        for middle in (0.6, 0.95):
            row = np.full(n_classes, (1 - middle) / (n_classes - 1))
            row[c] = middle
            rows.append(row)
            kind.append(BIN)
    for _ in range(2):
        rows.append(np.full(n_classes, 1 / n_classes))
        kind.append(REASON)
    return Symbols(np.array(rows), np.array(kind))


def random_layout(rng, symbols, n_lfs):
    """Some symbols for each LF, of one to three kinds."""
    lf, code = [], []
    for j in range(n_lfs):
        kinds = rng.choice(4, size=rng.integers(1, 4), replace=False)
        usable = np.flatnonzero(np.isin(symbols.kind, kinds))
        used = rng.choice(usable, size=min(len(usable), int(rng.integers(1, 5))), replace=False)
        lf += [j] * len(used)
        code += list(used)
    return TableLayout.of_votes(np.array(lf), np.array(code), n_lfs, symbols)[0]


def oracle_readings(layout):
    symbols, n_classes = layout.symbols, layout.n_classes
    right = np.zeros((layout.n_rows, n_classes))
    wrong = np.zeros((layout.n_rows, n_classes))

    def member(v, y):
        return symbols.affinity[v, y] / max(symbols.affinity[v])

    for r in range(layout.n_rows):
        mine = [
            s
            for lf, s in zip(layout.row_lf, layout.row_symbol, strict=True)
            if lf == layout.row_lf[r]
        ]
        kinds = {symbols.kind[s] for s in mine}
        support = [s for s in mine if symbols.kind[s] == SET]
        for kind in (CLASS, BIN):
            if kind in kinds:
                support += [s for s in range(symbols.n_symbols) if symbols.kind[s] == kind]
        reasons = [s for s in mine if symbols.kind[s] == REASON]
        size = len(support) + len(reasons)
        v = layout.row_symbol[r]
        if symbols.kind[v] == REASON:
            right[r] = wrong[r] = 1 / size
            continue
        most = max(math.fsum(member(s, y) for s in support) for y in range(n_classes))
        least = max(math.fsum(1 - member(s, y) for s in support) for y in range(n_classes))
        for y in range(n_classes):
            spoken = len(support) / size
            right[r, y] = spoken * member(v, y) / most
            wrong[r, y] = spoken * (1 - member(v, y)) / (least if least > 1e-12 else 1.0)
    return right, wrong


def oracle_confusion(layout, counts, accuracy, strength):
    """P(v | y) of each row, and of everything the LF never said, under MAP."""
    right, wrong = oracle_readings(layout)
    table = np.zeros_like(counts)
    other = {}
    for j in sorted(set(layout.row_lf.tolist())):
        mine = [r for r in range(layout.n_rows) if layout.row_lf[r] == j]
        for y in range(layout.n_classes):
            base = {r: accuracy[j] * right[r, y] + (1 - accuracy[j]) * wrong[r, y] for r in mine}
            total = math.fsum(counts[r, y] for r in mine) + strength[j]
            for r in mine:
                table[r, y] = (counts[r, y] + strength[j] * base[r]) / total
            other[j, y] = strength[j] * (1 - math.fsum(base.values())) / total
    return table, other
