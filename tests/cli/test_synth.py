"""Made-up ratings and vectors: same bytes for any rank count, and the shape promised."""
import csv
import re

import h5py
import numpy as np
import pytest

SIZES = ("--users", 300, "--items", 200, "--ratings", 6000)


def make(cfmpi, folder, ranks, *options):
    folder.mkdir()
    cfmpi("synth", *SIZES, "-o", "r.csv", "--titles", "m.csv", "--holdout", "h.csv",
          *options, ranks=ranks, cwd=folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(content):
    header, *lines = csv.reader(content.decode().splitlines())
    return header, lines


@pytest.fixture(scope="module")
def made(cfmpi, tmp_path_factory):
    return make(cfmpi, tmp_path_factory.mktemp("synth") / "1", 1)


@pytest.mark.parametrize("ranks", [3, 7])
def test_same_bytes_for_any_rank_count(cfmpi, made, tmp_path, ranks):
    assert make(cfmpi, tmp_path / "n", ranks) == made


def test_seed_changes_the_ratings(cfmpi, made, tmp_path):
    assert make(cfmpi, tmp_path / "s", 2, "--seed", 2)["r.csv"] != made["r.csv"]


def test_shape(made):
    header, kept = rows(made["r.csv"])
    assert header == ["userId", "movieId", "rating", "timestamp"]
    header, held = rows(made["h.csv"])
    assert header == ["user", "item", "rating"]
    assert len(kept) + len(held) == 6000
    assert 0.07 < len(held) / 6000 < 0.13
    every = kept + held
    assert len({(row[0], row[1]) for row in every}) == 6000
    assert len({row[0] for row in every}) == 300
    stars = np.array([float(row[2]) for row in every])
    assert stars.min() >= 0.5 and stars.max() <= 5 and not (stars * 2 % 1).any()
    popularity = np.sort(np.unique([row[1] for row in every], return_counts=True)[1])
    assert popularity[-20:].sum() > 3 * popularity[:20].sum() and popularity[0] >= 1


def test_every_item_has_a_title(made):
    header, movies = rows(made["m.csv"])
    assert header[:2] == ["movieId", "title"]
    titled = {row[0]: row[1] for row in movies}
    assert len(titled) == 200 and all(titled.values())
    assert {row[1] for row in rows(made["r.csv"])[1]} <= titled.keys()


def test_ratings_alone(cfmpi, tmp_path):
    cfmpi("synth", *SIZES, "-o", "r.csv", ranks=2, cwd=tmp_path)
    assert len(rows((tmp_path / "r.csv").read_bytes())[1]) == 6000
    cfmpi("run", "r.csv", "-o", "r.h5", ranks=2, cwd=tmp_path)


def vectors(cfmpi, path, ranks, *options):
    cfmpi("synth", "--vectors", 3001, "--dim", 6, "-o", path, *options, ranks=ranks)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["x.npy", "x.fvecs"])
def test_same_vectors_for_any_rank_count(cfmpi, tmp_path, name):
    one, *more = (vectors(cfmpi, tmp_path / f"{ranks}{name}", ranks)
                  for ranks in (1, 2, 5))
    assert all(content == one for content in more)
    assert vectors(cfmpi, tmp_path / f"s{name}", 1, "--seed", 2) != one


def test_vectors_of_both_formats(cfmpi, tmp_path):
    vectors(cfmpi, tmp_path / "x.npy", 2)
    x = np.load(tmp_path / "x.npy")
    assert x.shape == (3001, 6) and x.dtype == np.dtype("<f4") and np.isfinite(x).all()
    marked = np.frombuffer(vectors(cfmpi, tmp_path / "x.fvecs", 3), "<i4").reshape(-1, 7)
    assert (marked[:, 0] == 6).all()
    assert np.array_equal(marked[:, 1:].copy().view("<f4"), x)
    assert len(np.unique(x, axis=0)) == 3001 and abs(x.mean()) < 0.3
    first = x[:1000].tobytes()
    cfmpi("synth", "--vectors", 2950, "--dim", 6, "-o", tmp_path / "y.npy")
    assert np.load(tmp_path / "y.npy")[:1000].tobytes() == first


def test_vectors_stand_in_clusters_of_unequal_size(cfmpi, tmp_path):
    """Neighbours are near: far nearer than any two rows are on average."""
    vectors(cfmpi, tmp_path / "x.npy", 1)
    cfmpi("neighbors", tmp_path / "x.npy", "-o", tmp_path / "n.h5", "-k", 1, ranks=2)
    with h5py.File(tmp_path / "n.h5") as file:
        assert np.median(file["neighbors/users/score"][:]) > 0.95
    x = np.load(tmp_path / "x.npy").astype(float)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    near = (unit[:500] @ unit.T > 0.9).sum(axis=1)
    assert np.percentile(near, 90) > 4 * np.percentile(near, 10)


@pytest.mark.parametrize("args, message", [
    (["--vectors", 9, "-o", "x.csv"], r"x\.csv: .*\.npy"),
    (["--vectors", 9, "--users", 3, "-o", "x.npy"], "--users is for ratings"),
    (["--vectors", 9, "--titles", "m.csv", "-o", "x.npy"], "--titles is for ratings"),
    (["--vectors", 9, "--dim", 4097, "-o", "x.npy"], "--dim: .*4096"),
    (["--dim", 9, *SIZES, "-o", "r.csv"], "--dim is for --vectors"),
    (["--dim", 9, "-o", "r.npy"], "--dim is for --vectors"),
])
def test_bad_request(cfmpi, tmp_path, args, message):
    outcome = cfmpi("synth", *args, ranks=2, code=64, cwd=tmp_path)
    assert len(outcome.errors) == 1 and re.search(message, outcome.errors[0])
    assert list(tmp_path.iterdir()) == []
