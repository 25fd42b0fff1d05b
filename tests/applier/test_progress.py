from __future__ import annotations

from weaklabel.applier.progress import FIRST_BATCH, GOAL, LARGEST_BATCH, Pace


def test_fast_work_grows_eightfold_up_to_the_largest_batch() -> None:
    pace = Pace()
    sizes = []
    for _ in range(6):
        sizes.append(pace())
        pace.took(pace(), 1e-6)
    assert sizes == [FIRST_BATCH, 512, 4096, LARGEST_BATCH, LARGEST_BATCH, LARGEST_BATCH]


def test_slow_work_shrinks_to_what_the_goal_allows() -> None:
    pace = Pace()
    pace.took(64, 64 * GOAL / 10)
    assert pace() == 10
    pace.took(10, 10_000.0)
    assert pace() == 1


def test_the_short_end_of_a_stretch_neither_grows_nor_shrinks_fast_work() -> None:
    pace = Pace()
    pace.took(64, 1e-6)
    pace.took(3, 1e-6)
    assert pace() == 512


def test_a_fixed_size_stays_and_the_largest_holds() -> None:
    fixed = Pace(fixed=7)
    fixed.took(7, 1e-6)
    assert fixed() == 7
    assert Pace(largest=5)() == 5
    assert Pace(largest=0)() == 1
