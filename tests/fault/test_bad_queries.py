"""Bad queries and row ids: one line that says what is wrong, nothing left behind."""
import shutil

import h5py
import numpy as np
import pytest
from test_bad_input import refuse  # noqa: F401
from test_bad_vectors import MARKED, ROWS, npy, raw, sets, with_value
from test_damaged_file import edit

RANKS = [1, 3, 7]


def only(content):
    return lambda path: path.write_bytes(content)


QUERIES = {
    # name: (the queries, what makes their file, what the line says)
    "other_dim": ("q.npy", npy(ROWS[:, :7]),
                  r"x\.npy has rows of 12 values and q\.npy of 7"),
    "nan": ("q.npy", npy(with_value(np.nan, 41, 3)), r"row 41 of q\.npy .*finite"),
    "infinite": ("q.fvecs", raw(MARKED[:56] + b"\0\0\x80\x7f" + MARKED[60:]),
                 r"row 1 of q\.fvecs .*finite"),
    "no_rows": ("q.npy", npy(ROWS[:0]), r"q\.npy: has no rows"),
    "truncated": ("q.fvecs", raw(MARKED[:-9]), r"q\.fvecs: ends early"),
    "empty": ("q.npy", raw(b""), r"q\.npy is no NumPy array"),
    "ratings": ("q.csv", raw(b"1,2,3\n"), r"q\.csv: holds no vectors.*\.npy"),
    "no_dataset": ("q.h5:/there", sets(here=ROWS), r"q\.h5: has no dataset /there"),
    "no_test": ("q.h5", sets(train=ROWS), r"q\.h5: has no dataset /test"),
    "text": ("q.h5:/q", sets(q=np.full((3, 2), b"word")), "q.h5: /q holds no numbers"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_bad_queries(refuse, name):  # noqa: F811
    source, make, message = QUERIES[name]
    np.save(refuse.folder / "x.npy", ROWS)
    make(refuse.folder / source.partition(":")[0])
    for ranks in RANKS if name in ("other_dim", "nan") else RANKS[1:2]:
        refuse(65, message, "neighbors", "x.npy", "--queries", source, "-o", "r.h5",
               "--force", ranks=ranks)


def test_bad_base(refuse):  # noqa: F811
    np.save(refuse.folder / "x.npy", with_value(np.nan, 41, 3))
    np.save(refuse.folder / "q.npy", ROWS)
    refuse(65, r"row 41 of x\.npy .*finite", "neighbors", "x.npy", "--queries", "q.npy",
           "-o", "n.h5")


def test_products_beyond_float32(refuse):  # noqa: F811
    """Neither side's own products are."""
    np.save(refuse.folder / "x.npy", ROWS * np.float32(1e12))
    np.save(refuse.folder / "q.npy", ROWS * np.float32(1e30))
    refuse(65, r"products of the rows of q\.npy with those of x\.npy .*float32",
           "neighbors", "x.npy", "--queries", "q.npy", "--similarity", "dot", "-o", "n.h5")


def test_result_without_embedding(cfmpi, refuse):  # noqa: F811
    cfmpi("ingest", "good.csv", "-o", "m.h5", cwd=refuse.folder)
    np.save(refuse.folder / "x.npy", ROWS)
    refuse(65, r"m\.h5: has no /embedding", "neighbors", "x.npy", "--queries", "m.h5", "-o",
           "n.h5")


ONLY = {
    "unknown": (b"5\n\n59\n60\n61\n", r"only\.txt:4: there is no '60' among .*0 to 59"),
    "negative": (b"-1", r"only\.txt:1: there is no '-1'"),
    "word": (b"5\n7\nseven\n", r"only\.txt:3: there is no 'seven'"),
    "several_a_line": (b"5,7\n", r"only\.txt:1: there is no '5,7'"),
    "leading_zero": (b"05\n", r"only\.txt:1: there is no '05'"),
    "beyond_64_bits": (b"7" * 400 + b"\n", r"only\.txt:1: there is no '7777"),
    "control_characters": (b"\x1b[2J\n", r"only\.txt:1: there is no '\?\[2J'"),
    "empty": (b"", r"only\.txt: there are no ids in it"),
    "blank": (b"\n\r\n\n", r"only\.txt: there are no ids in it"),
    "zero_bytes": (b"5\n" + bytes(60), r"only\.txt:2: there is no "),
}


@pytest.mark.parametrize("name", ONLY)
def test_bad_ids(refuse, name):  # noqa: F811
    content, message = ONLY[name]
    np.save(refuse.folder / "x.npy", ROWS)
    (refuse.folder / "only.txt").write_bytes(content)
    for ranks in RANKS if name in ("unknown", "blank") else RANKS[1:2]:
        refuse(65, message, "neighbors", "x.npy", "--only", "only.txt", "-o", "n.h5",
               ranks=ranks)


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("source", ["good.csv", "e.h5"])
def test_unknown_user(cfmpi, refuse, ranks, source):  # noqa: F811
    if source == "e.h5":
        cfmpi("svd", "good.csv", "--dim", 2, "-o", "e.h5", cwd=refuse.folder)
    (refuse.folder / "only.txt").write_text("".join(f"{i}\n" for i in range(1, 30)))
    refuse(65, rf"only\.txt:21: there is no '21' among the users of {source}", "neighbors",
           source, "--only", "only.txt", "-o", "n.h5", ranks=ranks)


@pytest.mark.parametrize("args, message", [
    (["--queries", "x.npy", "--only", "good.csv"], "--only: .*--queries"),
    (["--only", "good.csv", "--side", "both"], "--side: "),
    (["--only", "n.h5"], "--output and --only are the same file"),
])
def test_options_that_do_not_go_together(refuse, args, message):  # noqa: F811
    np.save(refuse.folder / "x.npy", ROWS)
    refuse(64, message, "neighbors", "x.npy", *args, "-o", "n.h5")


@pytest.mark.parametrize("option", ["--only", "--queries"])
def test_missing_file(refuse, option):  # noqa: F811
    np.save(refuse.folder / "x.npy", ROWS)
    for name in "nowhere.npy", "nowhere.h5:/q":
        refuse(66, "nowhere", "neighbors", "x.npy", option, name, "-o", "n.h5")


@pytest.mark.parametrize("option", ["--only", "--queries"])
def test_folder(refuse, option):  # noqa: F811
    np.save(refuse.folder / "x.npy", ROWS)
    (refuse.folder / "q.npy").mkdir()
    refuse(66, r"q\.npy: ", "neighbors", "x.npy", option, "q.npy", "-o", "n.h5")


def test_queries_are_never_overwritten(refuse):  # noqa: F811
    np.save(refuse.folder / "x.npy", ROWS)
    sets(q=ROWS)(refuse.folder / "q.h5")
    refuse(64, r"q\.h5: ", "neighbors", "x.npy", "--queries", "q.h5:/q", "-o", "q.h5",
           "--force")


@pytest.mark.parametrize("command", ["run", "recommend", "svd"])
def test_other_commands_have_no_queries(refuse, command):  # noqa: F811
    for option in "--only", "--queries":
        refuse(64, option, command, "good.csv", option, "good.csv", "-o", "n.h5")


# What `verify` must find in lists that have a fitting digest.
WRONG = {
    "score": ("neighbors/queries/score", lambda d: d.__setitem__((1, 0), d[1, 0] / 2)),
    "index": ("neighbors/queries/index", lambda d: d.__setitem__((1, 4), d[1, 3])),
    "row": ("queries/row", lambda d: d.__setitem__(0, d[0] + 1)),
    "gap": ("neighbors/queries/gap", lambda d: d.__setitem__(2, d[2] * 2 + 1)),
}


@pytest.fixture(scope="module")
def lists(cfmpi, tmp_path_factory):
    """Those of some users, and of some vectors."""
    folder = tmp_path_factory.mktemp("queries")
    np.savetxt(folder / "ratings.csv", [
        (u, i, 1 + (u * i) % 9 / 2) for u in range(30) for i in range(u % 3, 20, 3)],
        "%g", ",")
    np.save(folder / "x.npy", ROWS)
    (folder / "only.txt").write_text("3\n7\n20")
    for source, name in ("ratings.csv", "users"), ("x.npy", "vectors"):
        cfmpi("neighbors", source, "--only", "only.txt", "-k", 5, "-o", f"{name}.h5",
              cwd=folder)
    return folder


@pytest.mark.parametrize("name", WRONG)
def test_verify_finds_wrong_lists(cfmpi, lists, tmp_path, name):
    part, change = WRONG[name]
    bad = shutil.copy(lists / "users.h5", tmp_path / "bad.h5")
    edit(lambda file: change(file[part]), part)(bad)
    assert "DIFFERENT  neighbours of 3 queries" in cfmpi(
        "verify", bad, code=1, ranks=2).stdout


OF_VECTORS = {
    "itself": ("neighbors/queries/index", lambda d: d.__setitem__((1, 4), 7)),
    "row_that_does_not_exist": ("neighbors/queries/index",
                                lambda d: d.__setitem__((2, 4), 60)),
    "order": ("neighbors/queries/score", lambda d: d.__setitem__(0, d[0][::-1])),
    "own_row_that_does_not_exist": ("queries/row", lambda d: d.__setitem__(2, 60)),
}


@pytest.mark.parametrize("name", OF_VECTORS)
def test_verify_finds_wrong_lists_of_vectors(cfmpi, lists, tmp_path, name):
    part, change = OF_VECTORS[name]
    bad = shutil.copy(lists / "vectors.h5", tmp_path / "bad.h5")
    edit(lambda file: change(file[part]), part)(bad)
    assert "DIFFERENT  neighbours of 3 queries by order and range, 1 differ" in cfmpi(
        "verify", bad, code=1, ranks=2).stdout


def test_verify_refuses_a_row_that_does_not_exist(cfmpi, lists, tmp_path):
    bad = shutil.copy(lists / "users.h5", tmp_path / "bad.h5")
    edit(lambda file: file["queries/row"].__setitem__(2, 30), "queries/row")(bad)
    told = cfmpi("verify", bad, code=65, ranks=2)
    assert len(told.errors) == 1 and "/queries/row" in told.errors[0]


def test_verify_says_what_it_cannot_see(cfmpi, lists):
    assert "of 3 queries by order and range, 0 differ; the vectors are not in the file" in (
        cfmpi("verify", lists / "vectors.h5", ranks=3).stdout)
    with h5py.File(lists / "vectors.h5") as file:
        assert file["queries/row"][()].tolist() == [3, 7, 20]
