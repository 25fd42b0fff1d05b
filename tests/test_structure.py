"""The shape of the package: public names, cheap import, layers."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import weaklabel

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "numba", "pandas", "sklearn", "scipy", "pyarrow")


def in_fresh_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_weaklabel_is_cheap():
    code = (
        "import sys, time; start = time.perf_counter(); import weaklabel; "
        "seconds = time.perf_counter() - start; import json; "
        f"print(json.dumps([seconds, [m for m in {HEAVY!r} if m in sys.modules]]))"
    )
    runs = [json.loads(in_fresh_process(code)) for _ in range(3)]
    assert [loaded for _, loaded in runs] == [[], [], []]
    assert min(seconds for seconds, _ in runs) < 0.3


def test_labeling_and_label_models_load_neither_torch_nor_scikit_learn():
    code = (
        "import sys; from weaklabel import LabelModel, apply, labeling_function, LabelSpace; "
        "votes = apply([labeling_function(name='a', labels=['x', 'y'])(lambda row: row['t'])], "
        "[{'t': 0}, {'t': 1}, {'t': None}]); "
        "import warnings; warnings.simplefilter('ignore'); "
        "LabelModel().fit(votes).label(votes); "
        "print([m for m in ('torch', 'sklearn', 'pandas') if m in sys.modules])"
    )
    assert in_fresh_process(code) == "[]"


def test_every_public_name_is_there():
    for name in weaklabel.__all__:
        assert getattr(weaklabel, name) is not None
    assert set(weaklabel.__all__) <= set(dir(weaklabel))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        weaklabel.nothing  # noqa: B018


def test_public_names_are_documented():
    for name in weaklabel.__all__:
        value = getattr(weaklabel, name)
        if callable(value):
            assert len((value.__doc__ or "").splitlines()[0]) > 10, name


def test_subpackages_only_re_export():
    for init in (ROOT / "weaklabel").glob("*/__init__.py"):
        if init.parent.name == "cli":
            continue
        package = importlib.import_module(f"weaklabel.{init.parent.name}")
        assert package.__doc__, init
        code = init.read_text()
        assert "def " not in code or "__getattr__" in code, f"{init} defines things of its own"


def test_the_layers_hold():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
