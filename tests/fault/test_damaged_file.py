"""HDF5 files that are foreign, cut, incomplete or changed."""
import shutil

import h5py
import numpy as np
import pytest
from faults import HEADER, check_error, snapshot
from reference import datasets, digest, stored_bytes


@pytest.fixture(scope="module")
def good(cfmpi, tmp_path_factory):
    """A folder with each stage's file: m.h5, e.h5, n.h5, r.h5."""
    folder = tmp_path_factory.mktemp("good")
    rng = np.random.default_rng(3)
    (folder / "ratings.csv").write_text(HEADER + "".join(
        f"{at // 10 + 1},{at % 10 + 1},{rng.integers(1, 11) / 2},0\n"
        for at in np.sort(rng.permutation(200)[:120])))
    (folder / "movies.csv").write_text("movieId,title,genres\n" + "".join(
        f"{item},Item {item},x\n" for item in range(1, 11)))
    cfmpi("ingest", "ratings.csv", "--titles", "movies.csv", "-o", "m.h5", cwd=folder)
    cfmpi("svd", "m.h5", "-o", "e.h5", "--dim", 3, cwd=folder)
    cfmpi("neighbors", "e.h5", "-o", "n.h5", "-k", 4, "--side", "both", cwd=folder)
    cfmpi("recommend", "n.h5", "-o", "r.h5", "-n", 2, cwd=folder)
    return folder


def seal(path, *names):
    """Gives changed datasets a fitting digest, as a wrong program would."""
    for name in names:
        fitting = digest(stored_bytes(path, name))
        with h5py.File(path, "r+") as file:
            file[name].attrs.modify("digest", np.bytes_(fitting))


def edit(change, *sealed):
    def apply(path):
        with h5py.File(path, "r+") as file:
            change(file)
        seal(path, *sealed)
    return apply


def put(name, at, value):
    return edit(lambda file: file[name].__setitem__(at, value), name)


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[:len(content) // 2])


def replace(name, shape):
    def change(file):
        old = file[name]
        attributes = dict(old.attrs)
        del file[name]
        new = file.create_dataset(name, data=np.resize(old, shape))
        new.attrs.update(attributes)
    return edit(change)


DAMAGE = {
    "no_hdf5": lambda path: path.write_bytes(b"userId,movieId\n" * 99),
    "empty": lambda path: path.write_bytes(b""),
    "cut": cut,
    "first_kilobyte_only": lambda path: path.write_bytes(path.read_bytes()[:1024]),
    "unfinished": edit(lambda file: file.attrs.modify("complete", 0)),
    "not_said_to_be_complete": edit(lambda file: file.attrs.__delitem__("complete")),
    "foreign": edit(lambda file: file.attrs.__delitem__("format")),
    "of_another_program": edit(lambda file: file.attrs.modify("format", b"other")),
    "of_the_future": edit(lambda file: file.attrs.modify("format_version", 99)),
    "without_ratings": edit(lambda file: file.__delitem__("ratings")),
    "without_ids": edit(lambda file: file.__delitem__("items/id")),
    "column_out_of_range": put("ratings/indices", 5, 10),
    "negative_column": put("ratings/indices", 5, -1),
    "row_that_ends_before_it_starts": put("ratings/indptr", 3, 0),
    "last_row_past_the_end": put("ratings/indptr", 20, 10**9),
    "rating_that_is_nan": put("ratings/values", 7, np.nan),
    "fewer_values_than_indices": replace("ratings/values", 50),
    "indptr_too_long": replace("ratings/indptr", 30),
}


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_input(cfmpi, good, tmp_path, name, ranks):
    bad = shutil.copy(good / "m.h5", tmp_path / "bad.h5")
    DAMAGE[name](bad)
    (tmp_path / "out.h5").write_bytes(b"an earlier result")
    before = snapshot(tmp_path)
    outcome = cfmpi("run", "bad.h5", "-o", "out.h5", "--force", "--dim", 3, code=65,
                    ranks=ranks, cwd=tmp_path)
    check_error(outcome, r"^cfmpi: error: bad\.h5\b")
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name, value", [
    ("neighbors/users/index", 20), ("neighbors/users/index", -2),
    ("neighbors/users/index", 2**31 - 1)])
def test_neighbour_that_does_not_exist(cfmpi, good, tmp_path, name, value):
    bad = shutil.copy(good / "n.h5", tmp_path / "bad.h5")
    put(name, (6, 1), value)(bad)
    check_error(cfmpi("recommend", "bad.h5", "-o", "out.h5", code=65, ranks=2,
                      cwd=tmp_path), r"bad\.h5")


@pytest.mark.parametrize("args, missing", [
    (["recommend", "m.h5", "-o", "out.h5"], "neighbors"),
    (["recommend", "e.h5", "-o", "out.h5"], "neighbors"),
    (["predict", "e.h5", "--rule", "mean", "--pairs", "ratings.csv"], "neighbors"),
    (["export", "m.h5", "--part", "embedding"], "embedding"),
    (["export", "n.h5", "--part", "recommendations"], "recommendations")])
def test_stage_that_is_missing_from_the_file(cfmpi, good, args, missing):
    before = snapshot(good)
    check_error(cfmpi(*args, code=65, ranks=2, cwd=good), missing)
    assert snapshot(good) == before


def test_verify_finds_a_flipped_byte_in_every_dataset(cfmpi, good, tmp_path):
    names = datasets(good / "r.h5")
    assert len(names) > 20
    for name in names:
        bad = shutil.copy(good / "r.h5", tmp_path / "bad.h5")
        with h5py.File(bad, "r") as file:
            offset, size = file[name].id.get_offset(), file[name].id.get_storage_size()
        with open(bad, "r+b") as file:
            file.seek(offset + size // 2)
            byte = file.read(1)[0]
            file.seek(offset + size // 2)
            file.write(bytes([byte ^ 1]))
        outcome = cfmpi("verify", "bad.h5", code=1, ranks=0, cwd=tmp_path)
        assert name in outcome.stdout + outcome.stderr, name


WRONG = {
    "sigma": ("embedding/singular_values", 1),
    "residual": ("embedding/residuals", 1),
    "share": ("embedding/explained_variance", 1),
    "user_vector": ("embedding/users", (4, 1)),
    "item_vector": ("embedding/items", (4, 1)),
    "neighbour_score": ("neighbors/users/score", (4, 1)),
    "item_neighbour_score": ("neighbors/items/score", (4, 1)),
    "recommended_score": ("recommendations/score", (4, 0)),
}


@pytest.mark.parametrize("name", WRONG)
def test_verify_finds_wrong_values_that_have_a_fitting_digest(cfmpi, good, tmp_path, name):
    bad = shutil.copy(good / "r.h5", tmp_path / "bad.h5")
    part, at = WRONG[name]
    edit(lambda file: file[part].__setitem__(at, file[part][at] * 3), part)(bad)
    cfmpi("verify", "bad.h5", "--sample", 1000, code=1, ranks=2, cwd=tmp_path)


@pytest.mark.parametrize("part", ["neighbors/users/index", "neighbors/items/index",
                                  "recommendations/index"])
def test_verify_finds_wrong_rows_that_have_a_fitting_digest(cfmpi, good, tmp_path, part):
    bad = shutil.copy(good / "r.h5", tmp_path / "bad.h5")
    edit(lambda file: file[part].__setitem__(4, file[part][4][::-1]), part)(bad)
    cfmpi("verify", "bad.h5", "--sample", 1000, code=1, ranks=2, cwd=tmp_path)


@pytest.mark.parametrize("ranks", [1, 3, 7])
@pytest.mark.parametrize("name", ["m.h5", "e.h5", "n.h5", "r.h5"])
def test_verify_passes_whole_files(cfmpi, good, name, ranks):
    cfmpi("verify", name, ranks=ranks, cwd=good)


@pytest.mark.parametrize("name", ["cut", "no_hdf5", "unfinished", "foreign"])
@pytest.mark.parametrize("command", ["verify", "info"])
def test_verify_and_info_of_damaged_files(cfmpi, good, tmp_path, command, name):
    bad = shutil.copy(good / "r.h5", tmp_path / "bad.h5")
    DAMAGE[name](bad)
    check_error(cfmpi(command, "bad.h5", code=65, ranks=2, cwd=tmp_path), r"bad\.h5")


def test_verify_of_residuals_that_are_no_numbers(cfmpi, good, tmp_path):
    for value in np.nan, np.inf:
        bad = shutil.copy(good / "e.h5", tmp_path / "bad.h5")
        put("embedding/residuals", 1, value)(bad)
        outcome = cfmpi("verify", "bad.h5", code=1, cwd=tmp_path)
        assert "DIFFERENT  residuals" in outcome.stdout


# A place, a value that no cfmpi writes there, and a part and user that show it.
BEYOND = {
    "column": ("ratings/indices", 5, 10**8, "ratings", 2),
    "negative_column": ("ratings/indices", 5, -1, "ratings", 2),
    "pointer_that_descends": ("ratings/indptr", 3, 0, "ratings", 3),
    "pointer_past_the_end": ("ratings/indptr", 20, 10**9, "ratings", 20),
    "neighbour": ("neighbors/users/index", (2, 1), 10**8, "neighbors", 3),
    "item": ("recommendations/index", (2, 1), 10**8, "recommendations", 3),
    "negative_item": ("recommendations/index", (2, 0), -5, "recommendations", 3),
    "neighbour_count": ("neighbors/users/count", 2, 10**7, "neighbors", None),
    "item_count": ("recommendations/count", 2, 10**7, "recommendations", None),
    "negative_count": ("recommendations/count", 2, -1, "recommendations", None),
}


@pytest.mark.parametrize("name", BEYOND)
def test_places_beyond_the_data(cfmpi, good, tmp_path, name):
    """With a fitting digest, so that only the values can tell."""
    part, at, value, table, user = BEYOND[name]
    bad = shutil.copy(good / "r.h5", tmp_path / "bad.h5")
    put(part, at, value)(bad)
    outcome = cfmpi("export", "bad.h5", "--part", table, code=65, ranks=2, cwd=tmp_path)
    check_error(outcome, rf"bad\.h5: /{part}\b.*\brow \d+")
    if user is not None:
        check_error(cfmpi("info", "bad.h5", "--user", user, code=65, ranks=0,
                          cwd=tmp_path),
                    rf"bad\.h5: /{part}\b.*\brow \d+")
    outcome = cfmpi("verify", "bad.h5", "--sample", 1000, code=None, ranks=0,
                    cwd=tmp_path)
    assert outcome.code in (1, 65), outcome


@pytest.mark.parametrize("part, shape", [
    ("neighbors/users/score", (20, 3)), ("neighbors/users/score", (20, 9)),
    ("neighbors/users/index", (30, 4)), ("recommendations/count", (20, 2)),
    ("recommendations/score", (5, 2)), ("ratings/indices", (20,)),
    ("items/title", (3,)), ("items/id", (4,))])
def test_shapes_that_do_not_fit(cfmpi, good, tmp_path, part, shape):
    bad = shutil.copy(good / "r.h5", tmp_path / "bad.h5")
    replace(part, shape)(bad)
    seal(bad, part)
    table = part.partition("/")[0].replace("items", "recommendations")
    check_error(cfmpi("export", "bad.h5", "--part", table, code=65, ranks=0,
                      cwd=tmp_path), r"bad\.h5: /")
    for args in ["info", "--user", 4], ["verify"]:
        outcome = cfmpi(args[0], "bad.h5", *args[1:], code=None, ranks=0, cwd=tmp_path)
        assert outcome.code in (0, 65), outcome


def test_info_of_a_part_that_it_cannot_read(cfmpi, good, tmp_path):
    def change(file):
        del file["users/count"]
        file["users/count"] = np.zeros(20, "u1")
    bad = shutil.copy(good / "r.h5", tmp_path / "bad.h5")
    edit(change)(bad)
    check_error(cfmpi("info", "bad.h5", code=65, cwd=tmp_path), r"bad\.h5: /users/count")
    cfmpi("info", "bad.h5", "--user", 1, cwd=tmp_path)
    check_error(cfmpi("info", "bad.h5", "--user", 999, code=64, cwd=tmp_path), "999")


# What users add to a result file of theirs.

NOTES = {
    "array": np.arange(1000.0), "integer": 2**60 + 1, "bytes": np.bytes_("x" * 400),
    "text": "née", "texts": np.array(["a", "bc"], h5py.string_dtype()),
    "grid": np.arange(6, dtype="i2").reshape(2, 3), "empty": h5py.Empty("f4"),
}


def same_note(got, wanted):
    if isinstance(wanted, h5py.Empty):
        return got == wanted
    return np.array_equal(got, wanted) and np.shape(got) == np.shape(wanted)


@pytest.mark.parametrize("ranks", [1, 3])
def test_notes_of_users_are_carried_as_they_are(cfmpi, good, tmp_path, ranks):
    own = shutil.copy(good / "n.h5", tmp_path / "own.h5")
    with h5py.File(own, "r+") as file:
        for name, value in NOTES.items():
            file["embedding"].attrs[name] = value
            file["users/id"].attrs[name] = value
        file["embedding"].attrs["place"] = file["users"].ref
    cfmpi("recommend", "own.h5", "-o", "out.h5", "-n", 2, ranks=ranks, cwd=tmp_path)
    with h5py.File(tmp_path / "out.h5") as file:
        for part in "embedding", "users/id":
            for name, value in NOTES.items():
                assert same_note(file[part].attrs[name], value), (part, name)
        assert np.asarray(file["users/id"].attrs["integer"]).dtype == np.int64
        assert "place" not in file["embedding"].attrs


@pytest.mark.parametrize("name", ["array", "bytes", "text"])
def test_notes_that_bear_our_names(cfmpi, good, tmp_path, name):
    def change(file):
        file["embedding"].attrs["orthogonality"] = NOTES[name]
    own = shutil.copy(good / "r.h5", tmp_path / "own.h5")
    edit(change)(own)
    assert "max|U'U-I| nan" in cfmpi("info", "own.h5", cwd=tmp_path).stdout


def test_version_that_is_no_single_number(cfmpi, good, tmp_path):
    def change(file):
        file.attrs["format_version"] = np.arange(1000.0)
    own = shutil.copy(good / "r.h5", tmp_path / "own.h5")
    edit(change)(own)
    check_error(cfmpi("info", "own.h5", code=65, cwd=tmp_path), "not one of cfmpi's")


@pytest.mark.parametrize("ranks", [1, 3])
def test_datasets_of_users(cfmpi, good, tmp_path, ranks):
    def change(file):
        file["my/labels"] = np.zeros(5, "u1")
        file["users/labels"] = np.zeros(20, "u1")
        file["my/weights"] = np.zeros(5, "f4")
        file["one"] = 1.5
        file.create_dataset("my/nothing", (4, 0), "f4")
        file.create_dataset("users/nothing", (20, 0), "f4")
    own = shutil.copy(good / "n.h5", tmp_path / "own.h5")
    edit(change)(own)
    cfmpi("recommend", "own.h5", "-o", "out.h5", "-n", 2, ranks=ranks, cwd=tmp_path)
    with h5py.File(tmp_path / "out.h5") as file:
        assert "my" not in file and file["users/nothing"].shape == (20, 0)
    cfmpi("verify", "out.h5", ranks=ranks, cwd=tmp_path)
    shown = cfmpi("info", "own.h5", ranks=ranks, cwd=tmp_path).stdout
    with h5py.File(own, "r+") as file:
        del file["users/nothing"]
    told = cfmpi("verify", "own.h5", ranks=ranks, cwd=tmp_path).stdout
    for name in "/my/labels", "/users/labels", "/my/weights", "/one", "/my/nothing":
        for lines in shown, told:
            line = next(line for line in lines.splitlines() if name in line)
            assert "not one of cfmpi's" in line


def test_ids_beyond_the_integers_of_float64(cfmpi, tmp_path):
    users, items = [2**53 + 1, 2**53 + 2, 2**53 + 3], [2**62 + 1, 2**62 + 2, 2**62 + 3]
    (tmp_path / "ratings.csv").write_text(HEADER + "".join(
        f"{user},{item},{1 + (row + col) % 3},0\n" for row, user in enumerate(users)
        for col, item in enumerate(items) if row != col))
    cfmpi("run", "ratings.csv", "-o", "r.h5", "--dim", 2, "-k", 2, "-n", 1, cwd=tmp_path)
    shown = cfmpi("info", "r.h5", "--user", users[1], cwd=tmp_path).stdout
    for number in users[0], users[2], items[0], items[2]:
        assert str(number) in shown
