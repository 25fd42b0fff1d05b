"""The pieces under the compiled backend: elementary functions, blocks on threads, disk cache."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from weaklabel.inference import kernels
from weaklabel.inference.parallel import run_blocks


@kernels.jit()
def _exp_all(x, out):
    for i in range(len(x)):
        out[i] = kernels._exp(x[i])


@kernels.jit()
def _log_all(x, out):
    for i in range(len(x)):
        out[i] = kernels._log(x[i])


def test_exp_is_accurate_to_the_last_places():
    x = -np.concatenate([np.linspace(0, 700, 200_001), np.geomspace(1e-300, 700, 50_001)])
    out = np.empty_like(x)
    _exp_all(x, out)
    assert np.abs(out / np.exp(x) - 1).max() < 5e-16


def test_exp_of_very_negative_numbers_is_zero():
    x = np.array([-708.5, -1e3, -1e6, -1e300])
    out = np.empty_like(x)
    _exp_all(x, out)
    assert (out == 0.0).all()


def test_log_is_accurate_to_the_last_places():
    x = np.concatenate([np.linspace(1, 2, 100_001), np.geomspace(1e-300, 1e300, 100_001)])
    out = np.empty_like(x)
    _log_all(x, out)
    wanted = np.log(x)
    np.testing.assert_allclose(out, wanted, rtol=6e-16, atol=1e-18)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_blocks_are_added_in_order_whoever_computes_them(n_threads):
    sums = np.zeros(n_threads)
    added = []

    def compute(block, slot):
        sums[slot] = block

    def add(block, slot):
        assert sums[slot] == block
        added.append(block)

    run_blocks(50, n_threads, compute, add)
    assert added == list(range(50))


@pytest.mark.parametrize("n_threads", [1, 4])
def test_an_error_in_a_block_reaches_the_caller_and_ends_the_threads(n_threads):
    before = threading.active_count()

    def compute(block, _slot):
        if block == 3:
            raise ZeroDivisionError("block 3")

    with pytest.raises(ZeroDivisionError, match="block 3"):
        run_blocks(20, n_threads, compute, lambda _block, _slot: None)
    assert threading.active_count() == before


SCRIPT = """
import numpy as np
from tests.inference.oracle import random_rows, random_table
from weaklabel.inference.kernels import e_step_kernel
from weaklabel.inference.numba_backend import NumbaBackend
rng = np.random.default_rng(0)
for n_classes in (2, 3):
    rows = random_rows(rng, n_classes=n_classes)
    NumbaBackend(rows).e_step(*random_table(rng, rows))
    stats = e_step_kernel(n_classes).stats
    print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def _run(cache: Path) -> list[str]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_second_process_compiles_nothing(tmp_path):
    assert _run(tmp_path) == ["0 1", "0 1"]
    assert _run(tmp_path) == ["1 0", "1 0"]


def test_no_place_for_a_cache_means_compiling_anew(monkeypatch):
    def without_cache(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: ("compiled", function.__name__)

    monkeypatch.setattr(kernels, "njit", without_cache)
    assert kernels.jit()(len) == ("compiled", "len")


def test_importing_the_choice_of_backend_loads_no_compiler():
    code = (
        "import sys, numpy as np\n"
        "from weaklabel.inference.backends import VoteRows, make_backend\n"
        "rows = VoteRows(np.array([0, 1]), np.array([0], np.uint8), None, 1, 2, np.array([0]))\n"
        "make_backend(rows).e_step(np.zeros((1, 2)), np.zeros(2))\n"
        "print(sorted({'numba', 'torch', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
