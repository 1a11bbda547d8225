"""Made-up ratings: same bytes for any rank count, and the shape promised."""
import csv

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
