"""Bad vectors: one line that says what is wrong, nothing left behind."""
import shutil

import h5py
import numpy as np
import pytest
from test_bad_input import refuse  # noqa: F401
from test_damaged_file import edit

RANKS = [1, 3, 7]
ROWS = np.random.default_rng(8).standard_normal((60, 12)).astype(np.float32)


def npy(array):
    return lambda path: np.save(path, array, allow_pickle=True)


def with_value(value, row, column, dtype="f4"):
    rows = ROWS.astype(dtype)
    rows[row, column] = value
    return rows


def marked(rows):
    return b"".join(np.int32(len(row)).tobytes() + row.tobytes() for row in rows)


def raw(content):
    return lambda path: path.write_bytes(content)


def bytes_of(array):
    def make(path, change):
        np.save(path, array)
        path.write_bytes(change(path.read_bytes()))
    return lambda change: lambda path: make(path, change)


def sets(**contents):
    def make(path):
        with h5py.File(path, "w") as file:
            for name, content in contents.items():
                file[name] = content
    return make


def halfway_written(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (60, 12), "f4", chunks=(10, 12))[:30] = 1


changed = bytes_of(ROWS)
MARKED = marked(ROWS)
BAD = {
    # name: (the input, what makes its file, what the line says)
    "truncated": ("x.npy", changed(lambda b: b[:-700]),
                  r"x\.npy: ends early, at byte 2308 of 3008"),
    "truncated_columns": ("x.npy", lambda path: (
        np.save(path, np.asfortranarray(ROWS)),
        path.write_bytes(path.read_bytes()[:-1])), r"x\.npy: ends early"),
    "truncated_header": ("x.npy", changed(lambda b: b[:50]),
                         r"x\.npy: ends early, at byte 50 of 128"),
    "truncated_magic": ("x.npy", changed(lambda b: b[:5]), r"x\.npy is no NumPy array"),
    "empty": ("x.npy", raw(b""), r"x\.npy is no NumPy array"),
    "text": ("x.npy", raw(b"1,2,3\n" * 9), r"x\.npy is no NumPy array"),
    "too_long": ("x.npy", changed(lambda b: b + b"12345"), "goes on for 5 bytes"),
    "one_dimension": ("x.npy", npy(ROWS[0]), r"x\.npy: has 1 dimension, not 2"),
    "no_dimension": ("x.npy", npy(ROWS[0, 0]), r"x\.npy: has 0 dimensions, not 2"),
    "three_dimensions": ("x.npy", npy(ROWS.reshape(60, 3, 4)),
                         r"x\.npy: has 3 dimensions, not 2"),
    "objects": ("x.npy", npy(np.full((3, 2), None)), "pickled"),
    "records": ("x.npy", npy(np.zeros((3, 2), "f4,f4")), "structured"),
    "complex": ("x.npy", npy(ROWS.astype("c8")), "<c8"),
    "words": ("x.npy", npy(np.full((3, 2), "word")), r"x\.npy: holds text"),
    "no_rows": ("x.npy", npy(ROWS[:0]), r"x\.npy: has no rows"),
    "no_columns": ("x.npy", npy(ROWS[:, :0]), r"x\.npy: its rows have no values"),
    "too_wide": ("x.npy", npy(np.ones((2, 4097), "f4")),
                 r"x\.npy: rows of 4097 values; .* 4096"),
    "nan": ("x.npy", npy(with_value(np.nan, 41, 3)), r"row 41 of x\.npy .*finite"),
    "infinite": ("x.npy", npy(with_value(-np.inf, 59, 11)), r"row 59 of x\.npy .*finite"),
    "nan_float64": ("x.npy", npy(with_value(np.nan, 0, 0, "f8")),
                    r"row 0 of x\.npy .*finite"),
    "beyond_float32": ("x.npy", npy(with_value(1e300, 33, 2, "f8")),
                       r"row 33 of x\.npy .*beyond the range of float32"),
    "beyond_float32_fortran": (
        "x.npy", npy(np.asfortranarray(with_value(-1e300, 33, 2, "f8"))),
        r"row 33 of x\.npy .*beyond the range of float32"),
    "first_of_several": (
        "x.npy", npy(with_value(np.nan, slice(20, 60, 13), 1)), r"row 20 of x\.npy"),
    "huge_shape": ("x.npy", changed(lambda b: b.replace(
        b"(60, 12), }" + b" " * 30, b"(%d, 12), }" % 2**60 + b" " * 13)),
                   "more than any file can hold"),
    "large_shape": ("x.npy", changed(lambda b: b.replace(b"(60, 12), }   ",
                                                         b"(60000, 12), }")),
                    r"x\.npy: ends early"),
    "other_dim": ("x.fvecs", raw(MARKED[:5 * 52] + marked([ROWS[5, :7]])
                                 + marked(ROWS[6:])),
                  r"x\.fvecs: row 5 says it has 7 values, row 0 has 12"),
    "other_dim_last": ("x.fvecs", raw(MARKED + marked([ROWS[5, :7]])),
                       r"x\.fvecs: row 60 says it has 7 values, row 0 has 12"),
    "fvecs_truncated": ("x.fvecs", raw(MARKED[:-9]),
                        r"x\.fvecs: ends early, at byte 3111 of 3120"),
    "fvecs_truncated_mark": ("x.fvecs", raw(MARKED + b"\14\0"),
                             r"x\.fvecs: ends early, at byte 3122 of 3172"),
    "fvecs_one_byte": ("x.fvecs", raw(b"\14"), r"x\.fvecs: ends early, at byte 1 of 4"),
    "fvecs_first_row_too_long": ("x.fvecs", raw(b"\0\0\0\x7f" * 9),
                                 r"ends early, at byte 36 of 8522825732"),
    "fvecs_empty": ("x.fvecs", raw(b""), r"x\.fvecs: is empty"),
    "fvecs_no_dim": ("x.fvecs", raw(bytes(60)), r"row 0 says it has 0 values"),
    "fvecs_negative_dim": ("x.ivecs", raw(b"\xff" * 60), r"row 0 says it has -1 values"),
    "fvecs_too_wide": ("x.bvecs", raw(np.int32(5000).tobytes() + bytes(5000)),
                       r"x\.bvecs: rows of 5000 values"),
    "fvecs_nan": ("x.fvecs", raw(marked(with_value(np.nan, 33, 3))), r"row 33 of x\.fvecs"),
    "h5_one_dimension": ("x.h5:/x", sets(x=ROWS[0]), "x.h5: /x has 1 dimension, not 2"),
    "h5_three_dimensions": ("x.h5:/x", sets(x=ROWS.reshape(60, 3, 4)),
                            "x.h5: /x has 3 dimensions, not 2"),
    "h5_scalar": ("x.h5", sets(train=3.5), "x.h5: /train has 0 dimensions, not 2"),
    "h5_no_rows": ("x.h5", sets(train=ROWS[:0]), "x.h5:/train: has no rows"),
    "h5_no_columns": ("x.h5:/x", sets(x=ROWS[:, :0]), "x.h5:/x: its rows have no values"),
    "h5_text": ("x.h5:/x", sets(x=np.full((3, 2), b"word")), "x.h5: /x holds no numbers"),
    "h5_nan": ("x.h5:/x", sets(x=with_value(np.nan, 33, 1)), "row 33 of x.h5:/x"),
    "h5_beyond_float32": ("x.h5:/x", sets(x=with_value(1e39, 33, 1, "f8")),
                          "row 33 of x.h5:/x .*float32"),
    "h5_halfway": ("x.h5:/x", halfway_written, "x.h5: parts of /x were never written"),
}


def file_of(refuse, name):
    return refuse.folder / name.partition(":")[0]


@pytest.mark.parametrize("name", BAD)
def test_bad_vectors(refuse, name):  # noqa: F811
    source, make, message = BAD[name]
    make(file_of(refuse, source))
    for ranks in RANKS[::2] if "truncated" in name or "dim" in name else RANKS[1:2]:
        refuse(65, message, "neighbors", source, "-o", "r.h5", "--force", ranks=ranks)


COLUMNS = {
    "no_columns": ("x.npy", npy(ROWS[:, :0]), r"x\.npy \(its columns\): has no columns"),
    "no_rows": ("x.npy", npy(ROWS[:0]), "its columns have no values"),
    "too_long": ("x.npy", npy(np.ones((4097, 2), "f4")), "columns of 4097 values"),
    "nan": ("x.npy", npy(with_value(np.nan, 41, 7)),
            r"row 7 of x\.npy \(its columns\) .*finite"),
    "beyond_float32": ("x.npy", npy(with_value(1e300, 33, 5, "f8")),
                       r"row 5 of x\.npy \(its columns\) .*float32"),
    "other_dim": ("x.fvecs", raw(MARKED[:5 * 52] + marked([ROWS[5, :7]])
                                 + marked(ROWS[6:])),
                  "row 5 says it has 7 values, row 0 has 12"),
    "first_row_too_long": ("x.fvecs", raw(b"\0\0\0\x7f" * 9), "ends early, at byte 36"),
    "truncated": ("x.fvecs", raw(MARKED[:-9]), "ends early, at byte 3111 of 3120"),
    "truncated_mark": ("x.fvecs", raw(MARKED + b"\14"), "ends early, at byte 3121 of 3172"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_bad_columns(refuse, name):  # noqa: F811
    source, make, message = COLUMNS[name]
    make(file_of(refuse, source))
    refuse(65, message, "neighbors", source, "--side", "items", "-o", "new.h5")


@pytest.mark.parametrize("source", ["nowhere.npy", "nowhere.fvecs", "nowhere.h5:/x"])
def test_missing_vectors(refuse, source):  # noqa: F811
    refuse(66, source.partition(":")[0], "neighbors", source, "-o", "new.h5")


def test_folder_as_vectors(refuse):  # noqa: F811
    (refuse.folder / "x.npy").mkdir()
    refuse(66, r"x\.npy: is a folder", "neighbors", "x.npy", "-o", "new.h5")


@pytest.mark.parametrize("option", [
    "--dim=3", "--titles=good.csv", "--format=csv", "--tol=1e-4", "--weighting=log",
    "--min-user-ratings=3", "--columns=user=1", "--keep-time", "--start=r.h5"])
def test_option_that_vectors_have_no_use_for(refuse, option):  # noqa: F811
    np.save(refuse.folder / "x.npy", ROWS)
    name = option.partition("=")[0]
    refuse(64, rf"x\.npy: holds vectors, so {name} ", "neighbors", "x.npy", option, "-o",
           "new.h5")


@pytest.mark.parametrize("args, message", [
    (["run", "x.npy"], r"x\.npy: holds vectors, not ratings"),
    (["svd", "x.npy"], r"x\.npy: holds vectors, not ratings"),
    (["ingest", "x.h5"], r"x\.h5: holds vectors, not ratings"),
    (["neighbors", "x.npy", "--side", "both"], "--side"),
    (["neighbors", "x.npy", "good.csv"], "no other inputs"),
])
def test_vectors_where_they_do_not_belong(refuse, args, message):  # noqa: F811
    np.save(refuse.folder / "x.npy", ROWS)
    sets(train=ROWS)(refuse.folder / "x.h5")
    refuse(64, message, *args, "-o", "new.h5")


@pytest.mark.parametrize("name", ["x.npy", "x.h5"])
def test_vectors_are_never_overwritten(refuse, name):  # noqa: F811
    path = refuse.folder / name
    (npy(ROWS) if name == "x.npy" else sets(x=ROWS))(path)
    source = name if name == "x.npy" else "x.h5:/x"
    refuse(64, name, "neighbors", source, "-o", name, "--force")


@pytest.mark.parametrize("args, message", [
    (["recommend", "n.h5", "-o", "new.h5"], "/ratings"),
    (["predict", "n.h5", "--pairs", "good.csv"], "/ratings"),
    (["run", "n.h5", "-o", "new.h5"], "/ratings"),
    (["neighbors", "n.h5", "-o", "new.h5"], "/ratings"),
    (["export", "n.h5", "--part", "ratings"], "/ratings"),
])
def test_lists_of_vectors_where_ratings_are_needed(cfmpi, refuse, args, message):  # noqa: F811
    np.save(refuse.folder / "x.npy", ROWS)
    cfmpi("neighbors", "x.npy", "-o", "n.h5", cwd=refuse.folder)
    refuse(65, message, *args)


# What `verify` must find in lists that have a fitting digest.
LIST = "neighbors/users/"
WRONG = {
    "order_of_ties": (LIST + "index", lambda d: d.__setitem__(40, d[40][::-1])),
    "order_of_scores": (LIST + "score", lambda d: d.__setitem__(4, d[4][::-1])),
    "row_that_does_not_exist": (LIST + "index", lambda d: d.__setitem__((59, 4), 60)),
    "negative_row": (LIST + "index", lambda d: d.__setitem__((0, 4), -1)),
    "itself": (LIST + "index", lambda d: d.__setitem__((7, 2), 7)),
    "row_twice": (LIST + "index", lambda d: d.__setitem__((7, 2), d[7, 0])),
    "score_that_is_nan": (LIST + "score", lambda d: d.__setitem__((7, 2), np.nan)),
    "count_too_large": (LIST + "count", lambda d: d.__setitem__(30, 6)),
    "count_too_small": (LIST + "count", lambda d: d.__setitem__(30, 4)),
    "negative_gap": (LIST + "gap", lambda d: d.__setitem__(30, -1)),
    "no_gap_without_ties": (LIST + "gap", lambda d: d.__setitem__(30, 0)),
    "ties_with_a_gap": (LIST + "ties", lambda d: d.__setitem__(30, 2)),
}


@pytest.fixture(scope="module")
def lists(cfmpi, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lists")
    rows = ROWS.copy()
    rows[41:46] = rows[40]
    np.save(folder / "x.npy", rows)
    cfmpi("neighbors", "x.npy", "-o", "n.h5", "-k", 5, cwd=folder)
    return folder / "n.h5"


@pytest.mark.parametrize("ranks", RANKS)
def test_verify_passes_whole_lists(cfmpi, lists, ranks):
    assert "ok " in cfmpi("verify", lists, ranks=ranks).stdout


@pytest.mark.parametrize("name", WRONG)
def test_verify_finds_wrong_lists(cfmpi, lists, tmp_path, name):
    part, change = WRONG[name]
    bad = shutil.copy(lists, tmp_path / "bad.h5")
    edit(lambda file: change(file[part]), part)(bad)
    assert "DIFFERENT  neighbours of 60 users" in cfmpi(
        "verify", bad, code=1, ranks=2).stdout
