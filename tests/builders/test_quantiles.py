from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labeling_functions import quantile, threshold
from labeling_functions.rules import load_rules
from weaklabel import apply
from weaklabel.errors import ConfigError, DataError

LABELS = ["small", "large"]


def make(**settings):
    given = {"above": 0.9, "label_above": "large", "below": 0.25, "label_below": "small"}
    return quantile("q", "cm", labels=LABELS, **(given | settings))


def test_limits_are_those_of_the_reference():
    values = [*range(101), None, "x", float("nan")]
    lf = make(values=values)
    rows = [{"cm": value} for value in (90, 89.9, 25, 25.1, "95", None, "x", True)]
    assert apply([lf], rows).to_dense()[:, 0].tolist() == [1, -1, 0, -1, 1, -1, -1, 0]
    same = threshold("q", "cm", above=90, label_above="large", below=25, label_below="small",
                     labels=LABELS)  # fmt: skip
    assert lf.fingerprint == same.fingerprint
    assert make(values=range(100)).fingerprint != lf.fingerprint


def test_votes_do_not_depend_on_the_rows_voted_on():
    lf = make(values=range(101))
    assert lf({"cm": 95}) == 1
    assert apply([lf], [{"cm": 95}, {"cm": 10**9}]).to_dense()[:, 0].tolist() == [1, 1]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_reference_table_in_a_file_of_rules(tmp_path, suffix):
    table = pd.DataFrame({"id": range(101), "cm": np.arange(101.0)})
    file = tmp_path / f"table.{suffix}"
    if suffix == "csv":
        table.to_csv(file, index=False)
    else:
        table.to_parquet(file)
    (tmp_path / "rules.toml").write_text(
        f'labels = ["small", "large"]\n[[rules]]\nkind = "quantile"\nname = "q"\ncolumn = "cm"\n'
        f'file = "table.{suffix}"\nabove = 0.9\nlabel_above = "large"\nbelow = 0.25\n'
        f'label_below = "small"\n'
    )
    (lf,) = load_rules(tmp_path / "rules.toml")
    assert lf.fingerprint == make(values=range(101)).fingerprint


def test_wrong_settings_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"above .* must lie in \(0, 1\), .* found 1.0"):
        make(values=[1, 2], above=1.0)
    with pytest.raises(ConfigError, match=r"above .* must lie in \[0, 1\], found 90"):
        make(values=[1, 2], above=90)
    with pytest.raises(ConfigError, match=r"file .* must be given, or values, and not both"):
        make()
    with pytest.raises(ConfigError, match=r"values .* must hold numbers in 'cm', found none"):
        make(values=["a", None])
    with pytest.raises(ConfigError, match=r"below .* must be less than above=5.0, found 5.0"):
        make(values=[5, 5, 5])
    with pytest.raises(ConfigError, match=r"label_above .* must be given"):
        quantile("q", "cm", values=[1, 2], above=0.5)
    with pytest.raises(DataError, match="cannot read"):
        make(file=tmp_path / "none.csv")
    (tmp_path / "t.csv").write_text("id\n1\n")
    with pytest.raises(ConfigError, match=r"must have a column 'cm'; .* has id"):
        make(file=tmp_path / "t.csv")
