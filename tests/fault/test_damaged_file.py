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
    (["predict", "e.h5", "--pairs", "ratings.csv"], "neighbors"),
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
