"""The vote matrix: layout, conversions, slicing, joining, files."""

from __future__ import annotations

import json
import pickle
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from weaklabel.errors import ArtifactError, LabelError, VotesError
from weaklabel.labels import Confident, LabelSpace, Not, Reason, VoteAlphabet
from weaklabel.votes import FaultRecord, VoteMatrix

dense_votes = hnp.arrays(
    np.int8, st.tuples(st.integers(0, 12), st.integers(1, 5)), elements=st.integers(-1, 2)
)
LABELS = ["a", "b", "c"]


def example(ids=None) -> VoteMatrix:
    dense = [[0, -1, 2], [-1, -1, -1], [1, 1, -1], [0, -1, 2]]
    return VoteMatrix.from_dense(dense, LABELS, ["x", "y", "z"], ids)


def rich_example() -> VoteMatrix:
    alphabet = VoteAlphabet(LabelSpace(LABELS))
    extra = [alphabet.read(v) for v in (Not("a"), Confident("b", 0.9), Reason("refused"))]
    alphabet = alphabet.extended(extra)
    codes = [alphabet.code(s) for s in extra]
    dense = np.array([[codes[0], 0], [codes[1], -1], [codes[2], 1]])
    return VoteMatrix.from_dense(dense, alphabet, ["p", "q"])


@given(dense_votes)
def test_dense_round_trip(dense):
    votes = VoteMatrix.from_dense(dense, LABELS)
    assert np.array_equal(votes.to_dense(), dense)
    assert votes.n_votes == (dense >= 0).sum()
    assert np.array_equal(votes.n_votes_per_item, (dense >= 0).sum(axis=1))


@settings(deadline=None)
@given(dense_votes)
def test_every_other_form_reads_back_to_the_same_matrix(dense):
    votes = VoteMatrix.from_dense(dense, LABELS)
    assert VoteMatrix.from_scipy(votes.to_scipy(), LABELS) == votes
    assert VoteMatrix.from_wide(votes.to_wide(), labels=LABELS) == votes
    assert VoteMatrix.from_arrow(votes.to_arrow()) == votes
    assert pickle.loads(pickle.dumps(votes)) == votes
    if votes.n_votes:
        long = votes.to_long()
        back = VoteMatrix.from_long(long, labels=LABELS)
        pd.testing.assert_frame_equal(back.to_long(), long)


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
@pytest.mark.parametrize(
    "ids", [None, [5, 3, 2, 9], ["é", "", "x", "a b"]], ids=["none", "ints", "strings"]
)
def test_files_keep_everything(tmp_path, suffix, ids):
    plain = example(ids)
    fault = FaultRecord(3, "7", "ValueError: no", "Traceback ...")
    votes = VoteMatrix(
        plain.indptr, plain.lf_index, plain.symbol, plain.alphabet, plain.lf_names,
        plain.row_ids, ["f1", "f2", "f3"], {"y": fault},
    )  # fmt: skip
    path = votes.save(tmp_path / f"votes.{suffix}")
    back = VoteMatrix.load(path)
    assert back == votes
    assert (back.row_ids is None) == (ids is None)
    assert back.lf_fingerprints == ("f1", "f2", "f3")
    assert back.faults == {"y": fault}
    with pytest.raises(ArtifactError, match="exists"):
        votes.save(path)


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_rich_symbols_survive_files_and_tables(tmp_path, suffix):
    votes = rich_example()
    assert VoteMatrix.load(votes.save(tmp_path / f"v.{suffix}")) == votes
    assert VoteMatrix.from_wide(votes.to_wide(), labels=votes.alphabet) == votes
    assert VoteMatrix.from_long(votes.to_long(), labels=votes.alphabet).n_votes == votes.n_votes
    assert votes.to_long()["label"].tolist() == [
        "one of b, c", "a", "b @ 0.85-0.95", "abstain: refused", "b",
    ]  # fmt: skip


def test_nothing_in_the_files_is_pickled(tmp_path):
    path = example(["p", "q", "r", "s"]).save(tmp_path / "v.npz")
    with np.load(path, allow_pickle=False) as archive:
        assert all(not archive[name].dtype.hasobject for name in archive.files)


def test_about_three_bytes_a_vote():
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((20_000, 20)) < 0.3, rng.integers(0, 3, (20_000, 20)), -1)
    votes = VoteMatrix.from_dense(dense, LABELS)
    assert votes.nbytes / votes.n_votes < 3.0
    assert (votes.lf_index.dtype, votes.symbol.dtype) == (np.uint8, np.uint8)


def test_it_is_frozen_and_leaves_its_input_alone():
    dense = np.array([[0, 1], [-1, 1]], dtype=np.int16)
    before = dense.copy()
    votes = VoteMatrix.from_dense(dense, ["a", "b"], row_ids=[1, 2])
    for array in (votes.indptr, votes.lf_index, votes.symbol, votes.row_ids):
        assert not array.flags.writeable
    with pytest.raises(AttributeError, match="frozen"):
        votes.lf_names = ("x", "y")
    assert np.array_equal(dense, before)
    assert dense.flags.writeable


@given(dense_votes, st.data())
def test_row_slices_are_those_of_the_dense_array(dense, data):
    votes = VoteMatrix.from_dense(dense, LABELS)
    n = len(dense)
    mask = data.draw(hnp.arrays(bool, n))
    take = data.draw(st.lists(st.integers(-n, n - 1), max_size=8)) if n else []
    step = slice(*data.draw(st.tuples(*[st.none() | st.integers(-9, 9)] * 2)), 2)
    assert np.array_equal(votes[mask].to_dense(), dense[mask])
    assert np.array_equal(votes[step].to_dense(), dense[step])
    taken = np.array(take, dtype=np.int64)
    assert np.array_equal(votes[taken].to_dense(), dense[taken])


@given(dense_votes, st.data())
def test_lf_slices_are_those_of_the_dense_array(dense, data):
    m = dense.shape[1]
    columns = data.draw(st.permutations(range(m)).map(lambda p: p[: max(1, m - 1)]))
    votes = VoteMatrix.from_dense(dense, LABELS).select_lfs(columns)
    assert np.array_equal(votes.to_dense(), dense[:, columns])
    assert votes.lf_names == tuple(f"lf_{j}" for j in columns)


@given(dense_votes, st.integers(0, 12))
def test_joining_undoes_slicing(dense, cut):
    votes = VoteMatrix.from_dense(dense, LABELS)
    assert VoteMatrix.join_rows([votes[:cut], votes[cut:]]) == votes
    parts = [votes.select_lfs([j]) for j in range(votes.n_lfs)]
    assert VoteMatrix.join_lfs(parts) == votes


def test_joining_extends_the_alphabet_and_adds_faults():
    rich = rich_example()
    plain = VoteMatrix.from_dense([[0, 1]], LABELS, ["p", "q"])
    joined = VoteMatrix.join_rows([plain, rich])
    assert joined[1:] == rich
    fault = FaultRecord(2, "0", "E", "T")
    faulty = VoteMatrix(
        plain.indptr, plain.lf_index, plain.symbol, LABELS, ["p", "q"], faults={"p": fault}
    )
    assert VoteMatrix.join_rows([faulty, faulty]).faults["p"].count == 4


def test_joins_that_do_not_fit():
    votes = example([1, 2, 3, 4])
    with pytest.raises(VotesError, match="same rows in the same order"):
        VoteMatrix.join_lfs([votes, example([1, 2, 4, 3])])
    with pytest.raises(VotesError, match="'x' twice"):
        VoteMatrix.join_lfs([votes, votes])
    with pytest.raises(VotesError, match="must be unique, found 1 at rows 0 and 4"):
        VoteMatrix.join_rows([votes, votes])
    with pytest.raises(VotesError, match="same LFs in the same order; part 1 differs in 'z'"):
        VoteMatrix.join_rows([votes, votes.select_lfs(["x", "y"])])
    with pytest.raises(VotesError, match="either all parts have row ids"):
        VoteMatrix.join_rows([votes, example()])
    with pytest.raises(VotesError, match="same classes"):
        VoteMatrix.join_rows([votes, VoteMatrix.from_dense([[0]], ["u", "v"])])
    with pytest.raises(VotesError, match="nothing to join"):
        VoteMatrix.join_rows([])


def test_selections_that_do_not_exist():
    votes = example()
    with pytest.raises(VotesError, match="no LF 'w'; the LFs are 'x', 'y', 'z'"):
        votes.select_lfs(["w"])
    with pytest.raises(VotesError, match="selected twice"):
        votes.select_lfs(["x", 0])
    with pytest.raises(VotesError, match=r"-4 \.\. 3, found 4"):
        votes[[4]]
    with pytest.raises(VotesError, match=r"mask must have shape \(4,\)"):
        votes[np.array([True])]
    with pytest.raises(VotesError, match="for one row write"):
        votes[1]


@pytest.mark.parametrize(
    ("dense", "message"),
    [
        ([0, 1], r"shape \(n_items, n_lfs\), found \(2,\)"),
        ([[0, 3]], r"codes 0 \.\. 2 .* found 3"),
        ([[0, -2]], "found -2 in row 0, column 1"),
        ([[0.5]], "fractions or NaN"),
        ([["a"]], "must be integers, found"),
        (np.empty((3, 0), dtype=int), "at least one labeling function"),
    ],
)
def test_bad_dense_votes(dense, message):
    with pytest.raises(VotesError, match=message):
        VoteMatrix.from_dense(dense, LABELS)


def test_scipy_conventions():
    matrix = sp.csr_array(np.array([[1, 0], [0, 2]]))
    assert VoteMatrix.from_scipy(matrix).to_dense().tolist() == [[0, -1], [-1, 1]]
    stored_zero = sp.coo_array((np.array([0, 1]), ([0, 1], [0, 1])), shape=(2, 2))
    with pytest.raises(VotesError, match=r"class code \+ 1.*one_based=False.*found 0"):
        VoteMatrix.from_scipy(stored_zero)
    codes = VoteMatrix.from_scipy(stored_zero, one_based=False)
    assert codes.to_dense().tolist() == [[0, -1], [-1, 1]]
    with pytest.raises(VotesError, match="fractions"):
        VoteMatrix.from_scipy(sp.csr_array(np.array([[0.5]])))
    with pytest.raises(VotesError, match="SciPy sparse matrix is needed, found ndarray"):
        VoteMatrix.from_scipy(np.eye(2))


CROWD = pd.DataFrame(
    {
        "task": ["t2", "t1", "t2", "t1", "t3"],
        "worker": [10, 9, 9, 10, 9],
        "answer": ["yes", "no", "no", None, None],
    }
)


def read_crowd(frame=CROWD, **options) -> VoteMatrix:
    return VoteMatrix.from_long(frame, "task", "worker", "answer", **options)


def test_long_tables_keep_items_in_order_and_sort_sources():
    votes = read_crowd()
    assert votes.ids.tolist() == ["t2", "t1", "t3"]
    assert votes.lf_names == ("10", "9")
    assert votes.labels.names == ("no", "yes")
    assert votes.to_dense().tolist() == [[1, 0], [-1, 0], [-1, -1]]  # t3 stays, without votes


def test_long_tables_from_other_containers(tmp_path):
    votes = read_crowd()
    assert read_crowd(pa.Table.from_pandas(CROWD)) == votes
    assert read_crowd({c: CROWD[c].tolist() for c in CROWD}) == votes
    CROWD.to_csv(tmp_path / "crowd.csv", index=False)
    assert read_crowd(tmp_path / "crowd.csv") == votes


def test_duplicate_pairs_need_a_policy():
    twice = pd.concat([CROWD, CROWD.iloc[[0]].assign(answer="no")])
    with pytest.raises(VotesError, match=r"1 repeated .* the first 't2', '10'; .*on_duplicate"):
        read_crowd(twice)
    assert read_crowd(twice, on_duplicate="first").to_dense()[0].tolist() == [1, 0]
    assert read_crowd(twice, on_duplicate="last").to_dense()[0].tolist() == [0, 0]


def test_bad_long_tables():
    with pytest.raises(VotesError, match="no column 'task'; the columns are 'x'"):
        read_crowd(pd.DataFrame({"x": [1]}))
    with pytest.raises(VotesError, match="no rows"):
        read_crowd(CROWD.iloc[:0])
    with pytest.raises(VotesError, match="'worker'; it is missing in row 1"):
        read_crowd(CROWD.assign(worker=["a", None, "b", "c", "d"]))
    with pytest.raises(LabelError, match="column 'answer': the vote 'yes' at position 0"):
        read_crowd(labels=["no", "maybe"])
    with pytest.raises(VotesError, match="found list"):
        read_crowd([1, 2])


def test_wide_tables():
    frame = pd.DataFrame({"id": ["p", "q"], "x": [1, -1], "y": [0, np.nan]})
    votes = VoteMatrix.from_wide(frame, id_column="id")
    assert votes.labels.names == ("0", "1")
    assert votes.to_dense().tolist() == [[1, 0], [-1, -1]]
    assert votes.ids.tolist() == ["p", "q"]
    indexed = VoteMatrix.from_wide(frame.set_index("id"), lf_columns=["x"])
    assert indexed.ids.tolist() == ["p", "q"]
    with pytest.raises(VotesError, match="no column 'w'"):
        VoteMatrix.from_wide(frame, lf_columns=["w"])
    with pytest.raises(LabelError, match="column 'x': the vote 1 at position 0"):
        VoteMatrix.from_wide(frame, "id", labels=["ham"])


def test_bad_ids_and_names():
    with pytest.raises(VotesError, match="must be unique, found 'a' at rows 0 and 2"):
        example(["a", "b", "a", "c"])
    with pytest.raises(VotesError, match="must not be missing, found None at row 1"):
        example(np.array(["a", None, "b", "c"], dtype=object))
    with pytest.raises(VotesError, match=r"found shape \(1,\) for 4 items"):
        example(["a"])
    with pytest.raises(VotesError, match="LF names must be unique, found 'x' twice"):
        VoteMatrix.from_dense([[0, 0]], LABELS, ["x", "x"])
    with pytest.raises(VotesError, match="found 1 LF names for 2 columns"):
        VoteMatrix.from_dense([[0, 0]], LABELS, ["x"])


@pytest.mark.parametrize(
    ("indptr", "lf", "symbol", "message"),
    [
        ([0, 2], [1, 0], [0, 0], "must ascend without repeats .* found 1 then 0 in row 0"),
        ([0, 2], [0, 0], [0, 1], "found 0 then 0 in row 0"),
        ([0, 1], [5], [0], r"lf_index must lie in 0 \.\. 1"),
        ([0, 1], [0], [7], "found 7"),
        ([0, 2], [0], [0], "must rise from 0 to the number of votes 1"),
        ([1, 1], [0], [0], "must rise from 0"),
        ([0, 1], [0], [0, 1], "of one length"),
        ([0, 1], [0.5], [0], "must be integers"),
    ],
)
def test_layouts_that_are_no_vote_matrix(indptr, lf, symbol, message):
    with pytest.raises(VotesError, match=message):
        VoteMatrix(indptr, lf, symbol, LABELS, ["x", "y"])


def test_ascending_across_a_row_border_is_not_required():
    votes = VoteMatrix([0, 1, 1, 2], [1, 0], [0, 1], LABELS, ["x", "y"])
    assert votes.to_dense().tolist() == [[-1, 0], [-1, -1], [1, -1]]


def test_damaged_and_foreign_files(tmp_path):
    votes = example()
    for suffix in ("npz", "parquet"):
        path = votes.save(tmp_path / f"v.{suffix}")
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(ArtifactError, match="damaged"):
            VoteMatrix.load(path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "foreign.parquet")
    with pytest.raises(ArtifactError, match=r"not made by VoteMatrix\.to_arrow"):
        VoteMatrix.load(tmp_path / "foreign.parquet")
    with pytest.raises(ArtifactError, match=r"\.npz or \.parquet"):
        votes.save(tmp_path / "votes.csv")


def test_a_file_from_a_newer_version_is_refused(tmp_path):
    table = example().to_arrow()
    header = json.loads(table.schema.metadata[b"weaklabel.votes"]) | {"format_version": 99}
    newer = table.replace_schema_metadata({b"weaklabel.votes": json.dumps(header).encode()})
    pq.write_table(newer, tmp_path / "v.parquet")
    with pytest.raises(ArtifactError, match="newer than"):
        VoteMatrix.load(tmp_path / "v.parquet")


def test_an_npz_that_contradicts_itself_is_refused(tmp_path):
    path = example().save(tmp_path / "v.npz")
    with zipfile.ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    members.pop("lf_index.npy")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(ArtifactError, match="does not hold a vote matrix"):
        VoteMatrix.load(path)
