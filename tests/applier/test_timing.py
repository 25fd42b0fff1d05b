"""How long labeling functions took: what is counted, and that it changes nothing else."""

from __future__ import annotations

import time

import numpy as np
import pytest

from weaklabel import apply, column_labeling_function, labeling_function, preprocessor
from weaklabel.analysis import lf_summary
from weaklabel.applier import Timing
from weaklabel.errors import ArtifactError

ROWS = [{"n": i} for i in range(20)]


@labeling_function(labels=["even", "odd"])
def slow(x):
    time.sleep(0.002)
    return "even" if x.n % 2 == 0 else "odd"


@labeling_function(labels=["even", "odd"])
def quick(x):
    return "even" if x.n % 2 == 0 else None


@column_labeling_function(columns="n", labels=["even", "odd"])
def column(n):
    time.sleep(0.02)
    return np.where(np.asarray(n) % 2 == 0, 0, 1)


@preprocessor
def halved(x):
    time.sleep(0.002)
    return {"half": x.n // 2}


@labeling_function(labels=["even", "odd"], preprocessors=[halved])
def after_a_slow_step(x):
    return "even" if x.half * 2 == x.n else None


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_seconds_and_rows_of_each_function(n_jobs):
    timing = Timing()
    votes = apply([slow, quick, column, after_a_slow_step], ROWS, timing=timing, n_jobs=n_jobs)
    assert votes == apply([slow, quick, column, after_a_slow_step], ROWS)
    assert timing.n_asked == dict.fromkeys(votes.lf_names, 20)
    assert timing.seconds["slow"] >= 20 * 0.002
    assert timing.seconds["column"] >= 0.02
    assert 0 < timing.seconds["quick"] < 0.02
    assert timing.seconds["after_a_slow_step"] < 0.02  # the preprocessor is nobody's own time
    assert timing.ms_per_1000(["slow"])[0] == pytest.approx(timing.seconds["slow"] * 1e6 / 20)


def test_what_came_from_the_cache_took_no_time(tmp_path):
    first, second = Timing(), Timing()
    apply([slow], ROWS, timing=first, cache=tmp_path / "cache")
    votes = apply([slow, quick], ROWS, timing=second, cache=tmp_path / "cache")
    assert first.n_asked == {"slow": 20}
    assert second.n_asked == {"slow": 0, "quick": 20}
    summary = lf_summary(votes, timing=second)
    assert summary.ms_per_1000 is not None
    assert np.isnan(summary.ms_per_1000).tolist() == [True, False]
    assert "cached" in summary.to_text()
    assert summary.to_dict()["lfs"][0]["ms_per_1000"] is None


def test_times_are_kept_apart_from_the_votes(tmp_path):
    timing = Timing()
    apply([quick], ROWS, timing=timing).save(tmp_path / "timed.npz")
    apply([quick], ROWS).save(tmp_path / "plain.npz")
    assert (tmp_path / "timed.npz").read_bytes() == (tmp_path / "plain.npz").read_bytes()
    timing.save(tmp_path / "times.json")
    loaded = Timing.load(tmp_path / "times.json")
    assert (loaded.seconds, loaded.n_asked) == (timing.seconds, timing.n_asked)
    with pytest.raises(ArtifactError, match="exists"):
        timing.save(tmp_path / "times.json")


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "times.json").write_text('{"kind": "weather"}')
    with pytest.raises(ArtifactError, match="does not hold the times that apply recorded"):
        Timing.load(tmp_path / "times.json")
    with pytest.raises(ArtifactError, match="there is no file"):
        Timing.load(tmp_path / "none.json")
