"""Neighbours of dense vectors of every format against float64 brute force."""
import json

import h5py
import numpy as np
import pytest
import reference
from conftest import together
from reference import digests, load
from test_neighbors import check, stored_lists

ROWS, DIM, K = 301, 33, 7
RANKS = (1, 2, 3, 5)


def made(rows=ROWS, dim=DIM):
    """Clusters, some rows twice, rows of zeros; all exact in float16."""
    rng = np.random.default_rng(5)
    x = rng.integers(-40, 41, (rows, dim)) + 60 * rng.integers(-1, 2, (rows, 1))
    x[rows // 2] = x[3]
    x[[7, rows - 1]] = 0
    return (x / 16).astype(np.float32)


def save_marked(path, rows, dtype):
    lengths = np.full((len(rows), 1), rows.shape[1], "<i4").view(np.uint8)
    values = np.ascontiguousarray(rows, dtype).view(np.uint8)
    path.write_bytes(np.hstack([lengths, values.reshape(len(rows), -1)]).tobytes())


def save_set(path, name, rows, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=rows, **options)


PLAIN = {
    # how rows are saved in a folder, giving the input's name
    "c": lambda at, x: np.save(at / "x.npy", x) or "x.npy",
    "fortran": lambda at, x: np.save(at / "x.npy", np.asfortranarray(x)) or "x.npy",
    "big_endian": lambda at, x: np.save(at / "x.npy", x.astype(">f4")) or "x.npy",
    "fvecs": lambda at, x: save_marked(at / "x.fvecs", x, "<f4") or "x.fvecs",
    "h5": lambda at, x: save_set(at / "x.h5", "group/x", x) or "x.h5:/group/x",
    "h5_chunks": lambda at, x: save_set(at / "x.h5", "x", x, chunks=(30, 5),
                                        compression="gzip") or "x.h5:/x",
    "h5_train": lambda at, x: save_set(at / "x.hdf5", "train", x) or "x.hdf5",
}
CONVERTED = {
    "float64": lambda at, x: np.save(at / "x.npy", x.astype("<f8")) or "x.npy",
    "float64_fortran":
        lambda at, x: np.save(at / "x.npy", np.asfortranarray(x, ">f8")) or "x.npy",
    "float16": lambda at, x: np.save(at / "x.npy", x.astype("<f2")) or "x.npy",
    "float64_h5": lambda at, x: save_set(at / "x.h5", "x", x.astype(">f8")) or "x.h5:/x",
    "float16_h5": lambda at, x: save_set(at / "x.h5", "x", x.astype("<f2")) or "x.h5:/x",
}
# Whole numbers of `x`, 16 times as large, as what the type can hold.
WHOLE = {
    "int8": lambda at, x: np.save(at / "x.npy", (x * 16 // 2).astype("i1")) or "x.npy",
    "uint64": lambda at, x: np.save(at / "x.npy",
                                    (x * 16 + 128).astype(">u8")) or "x.npy",
    "bvecs": lambda at, x: save_marked(at / "x.bvecs", x * 16 + 128, "u1") or "x.bvecs",
    "ivecs": lambda at, x: save_marked(at / "x.ivecs", x * 16, "<i4") or "x.ivecs",
    "int16_h5": lambda at, x: save_set(at / "x.h5", "x", (x * 16).astype(">i2"))
    or "x.h5:/x",
    "uint8_h5": lambda at, x: save_set(at / "x.h5", "x", (x * 16 + 128).astype("u1"))
    or "x.h5:/x",
}


@pytest.fixture(scope="module")
def expected():
    return reference.neighbors(made(), K)


def find(cfmpi, folder, name, ranks, *options):
    """The outcome, and the lists of all rank counts, which must be equal."""
    def one(count):
        return cfmpi("neighbors", name, "-o", f"{count}.h5", "-k", K, *options,
                     ranks=count, cwd=folder)
    outcomes = together(one, ranks)
    for count in ranks:
        assert digests(folder / f"{count}.h5") == digests(folder / f"{ranks[0]}.h5")
        assert outcomes[0].errors == []
    return outcomes, stored_lists(folder / f"{ranks[0]}.h5")


@pytest.mark.parametrize("form", PLAIN)
@pytest.mark.parametrize("columns", [False, True])
def test_float32(cfmpi, tmp_path, expected, form, columns):
    x = made()
    name = PLAIN[form](tmp_path, x.T.copy() if columns else x)
    options = ("--side", "items") if columns else ()
    outcomes, lists = find(cfmpi, tmp_path, name, RANKS, *options)
    check(lists, expected)
    for outcome in outcomes:
        assert outcome.stderr.count("/train is taken") == (form == "h5_train")
        assert "converted" not in outcome.stderr
    assert load(tmp_path / "1.h5", "users/id").tolist() == list(range(ROWS))


@pytest.mark.parametrize("form", CONVERTED)
def test_other_reals(cfmpi, tmp_path, expected, form):
    name = CONVERTED[form](tmp_path, made())
    outcomes, lists = find(cfmpi, tmp_path, name, (1, 3))
    check(lists, expected)
    for outcome in outcomes:
        assert outcome.stderr.count(f"{name}: {form[:7]} converted to float32") == 1


@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("columns", [False, True])
def test_whole_numbers(cfmpi, tmp_path, form, columns):
    x = made()
    x = np.clip(x, -7.5, 7.5)
    name = WHOLE[form](tmp_path, x.T.copy() if columns else x)
    if form in ("uint64", "bvecs", "uint8_h5"):
        x = x * 16 + 128
    elif form == "int8":
        x = x * 16 // 2
    outcomes, lists = find(cfmpi, tmp_path, name, (1, 3),
                           *(("--side", "items") if columns else ()))
    check(lists, reference.neighbors(x, K))
    assert "converted to float32" in outcomes[0].stderr


@pytest.mark.parametrize("shape", [(1, 5), (2, 1), (4, 4096), (3000, 2)])
def test_shapes(cfmpi, tmp_path, shape):
    x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    _, lists = find(cfmpi, tmp_path, "x.npy", (1, 5))
    check(lists, reference.neighbors(x, K))


def test_denormals_and_numbers_too_small(cfmpi, tmp_path):
    x = np.array([[1e-42, 2e-42], [3e-42, 1e-42], [1e-300, 0], [2, 1], [1, 2]])
    np.save(tmp_path / "x.npy", x)
    outcomes, lists = find(cfmpi, tmp_path, "x.npy", (1, 3))
    check(lists, reference.neighbors(x.astype(np.float32), K))
    assert lists.count.tolist() == [3, 3, 0, 3, 3]
    assert "1 values too small for it became 0" in outcomes[1].stderr


def test_what_the_result_tells(cfmpi, tmp_path):
    save_set(tmp_path / "x.h5", "x", made())
    cfmpi("neighbors", "x.h5:/x", "-o", "o.h5", "-k", K, "--report", "o.json",
          ranks=3, cwd=tmp_path)
    content = (tmp_path / "x.h5").read_bytes()
    assert reference.input_of(tmp_path / "o.h5") == {
        "name": "x.h5", "dataset": "/x", "bytes": len(content),
        "digest": reference.digest(content), "vectors": ROWS, "dim": DIM,
        "columns": False}
    with h5py.File(tmp_path / "o.h5") as file:
        assert reference.text(file["neighbors"].attrs["space"]) == "vectors"
        kernel = reference.text(file["neighbors/users"].attrs["kernel"])
    report = json.loads((tmp_path / "o.json").read_text())
    assert report["input"]["users"] == ROWS
    told = report["neighbors"]
    assert told["pairs"] == ROWS * (ROWS - 1) and told["similarity"] == "cosine"
    assert told["kernel"] == report["isa"] == kernel
    assert [stage["name"] for stage in report["stages"]] == [
        "ingest", "neighbors", "write"]


@pytest.mark.parametrize("ranks", [1, 3])
def test_later_commands(cfmpi, tmp_path, ranks, expected):
    np.save(tmp_path / "x.npy", made())
    cfmpi("neighbors", "x.npy", "-o", "o.h5", "-k", K, ranks=ranks, cwd=tmp_path)
    shown = cfmpi("info", "o.h5", ranks=ranks, cwd=tmp_path).stdout
    assert "neighbours       7 for each of 301, 299 lists full" in shown
    shown = cfmpi("info", "o.h5", "--user", "3", ranks=ranks, cwd=tmp_path).stdout
    assert f"{expected.index[3, 0]} (1.00)" in shown
    checked = cfmpi("verify", "o.h5", ranks=ranks, cwd=tmp_path).stdout
    assert "neighbours of 301 users" in checked and "DIFFERENT" not in checked
    cfmpi("export", "o.h5", "--part", "neighbors", "-o", "n.csv", ranks=ranks,
          cwd=tmp_path)
    table = np.loadtxt(tmp_path / "n.csv", delimiter=",", skiprows=1)
    assert len(table) == expected.count.sum()
    assert np.array_equal(table[:, 2], expected.index[expected.index >= 0])
