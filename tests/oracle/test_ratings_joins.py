"""Neighbours by the ratings that must reach a score: all pairs, and lists that end
there, against float64 matrix products."""
import csv
import shutil

import h5py
import numpy as np
import pytest
import reference
import scipy.sparse as sparse
from conftest import together
from ratings_similarity import similarity
from reference import digests, load
from test_graph import NAMES, spoil
from test_ratings_neighbors import BAD, arguments, matrix_of, stored, write

OPTIONS = {
    "cosine": {}, "dot": {}, "euclidean": {}, "centered-cosine": {"min_overlap": 4},
    "adjusted-cosine": {}, "asymmetric-cosine": {"alpha": 0.2},
    "pearson": {"shrinkage": 100.0}, "pearson-baseline": {"shrinkage": 100.0},
    "msd": {"significance": 50}, "jaccard": {}, "dice": {},
    "tversky": {"alpha": 0.9, "beta": 0.1}, "p3alpha": {"alpha": 0.6},
    "rp3beta": {"alpha": 0.8, "beta": 0.4},
}
DIRECTED = ("asymmetric-cosine", "tversky", "p3alpha", "rp3beta")


def scores(name, matrix, of_items):
    if name != "euclidean":
        return similarity(name, matrix, of_items, **OPTIONS[name])
    # Halves and their squares: every sum is exact.
    x = (matrix.T if of_items else matrix).tocsr()
    squares = np.asarray(x.multiply(x).sum(axis=1))
    return np.sqrt(squares + squares.T - 2 * (x @ x.T).toarray())


def bound_of(score, name, share):
    """A score that so large a share of the pairs reach."""
    here = score[~np.isnan(score)]
    return np.float32(np.quantile(here, share if name == "euclidean" else 1 - share))


def option(name):
    return "--max-distance" if name == "euclidean" else "--min-similarity"


def reaching(score, name, bound):
    """(surely, perhaps): scores next to the bound may be rounded to either side."""
    far = np.float64(bound) - score if name == "euclidean" else score - np.float64(bound)
    near = 1e-6 * max(abs(float(bound)), 1e-3)
    return far > near, far >= -near


def check_graph(path, side, name, score, bound):
    indptr, indices, weight = load(path, *(f"graph/{side}/{part}" for part in NAMES))
    n = len(score)
    graph = sparse.csr_matrix((weight, indices, indptr), shape=(n, n))
    assert graph.has_canonical_format
    row = np.repeat(np.arange(n), np.diff(indptr))
    there = np.zeros((n, n), bool)
    there[row, indices] = True
    score = score.copy()
    np.fill_diagonal(score, np.nan)
    surely, perhaps = reaching(score, name, bound)
    assert there.any() and not np.any(surely & ~there) and not np.any(there & ~perhaps)
    size = max(np.nanmax(np.abs(score)), 1e-3)
    assert np.allclose(weight, score[row, indices], rtol=1e-6, atol=1e-6 * min(size, 1))
    assert np.all(weight <= bound if name == "euclidean" else weight >= bound)
    assert (there == there.T).all() == (name not in DIRECTED)
    return graph


def check_lists(lists, name, score, bound, k):
    score = score.copy()
    np.fill_diagonal(score, np.nan)
    surely, perhaps = reaching(score, name, bound)
    assert np.all(lists.count >= np.minimum(k, surely.sum(axis=1)))
    assert np.all(lists.count <= np.minimum(k, perhaps.sum(axis=1)))
    assert np.any(lists.count < k) and np.any(lists.count == k)
    there = lists.index >= 0
    assert np.array_equal(there.sum(axis=1), lists.count)
    row = np.nonzero(there)[0]
    size = max(np.nanmax(np.abs(score)), 1e-3)
    near = {"rtol": 1e-6, "atol": 1e-6 * min(size, 1)}
    assert np.allclose(lists.score[there], score[row, lists.index[there]], **near)
    best = np.sort(score if name == "euclidean" else -score, axis=1)[:, :k]
    assert np.allclose(lists.score[there], (best if name == "euclidean" else -best)[there],
                       **near)


def run(cfmpi, ratings, out, name, bound, *more, ranks=2, side="users"):
    cfmpi("neighbors", ratings, *arguments(name, OPTIONS[name]), option(name),
          repr(float(bound)), "--side", side, *more, "-o", out, "--force", ranks=ranks)
    return out


@pytest.mark.parametrize("dataset, side, ranks, name", [
    *(("ml-100k", "items", 3, name) for name in OPTIONS),
    *(("ml-latest-small", "users", 2, name) for name in ("cosine", "pearson", "rp3beta"))],
    indirect=["dataset"])
def test_all_pairs(cfmpi, dataset, tmp_path, side, ranks, name):
    score = scores(name, dataset.matrix, side == "items")
    bound = bound_of(score, name, 0.02)
    path = run(cfmpi, dataset.ratings, tmp_path / "g.h5", name, bound, side=side,
               ranks=ranks)
    check_graph(path, side, name, score, bound)
    assert digests(path, "graph") and not digests(path, "neighbors")
    with h5py.File(path) as file:
        told = file[f"graph/{side}"].attrs
        assert reference.text(told["form"]) == "threshold"
        assert reference.text(told["space"]) == "ratings"
        assert told[option(name)[2:].replace("-", "_")] == bound
        assert told.get("symmetric", 1) == (name not in DIRECTED)


@pytest.mark.parametrize("dataset", ["ml-100k"], indirect=True)
@pytest.mark.parametrize("name", ["cosine", "euclidean", "rp3beta"])
def test_lists(cfmpi, dataset, tmp_path, name):
    """They end where the pairs do, and are whole for `verify`."""
    score = scores(name, dataset.matrix, False)
    bound = bound_of(score, name, 0.02)
    path = run(cfmpi, dataset.ratings, tmp_path / "n.h5", name, bound, "-k", 30, ranks=3)
    check_lists(stored(path, "users"), name, score, bound, 30)
    assert not digests(path, "graph")
    assert "DIFFERENT" not in cfmpi("verify", path, ranks=2).stdout


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
@pytest.mark.parametrize("name, bound, more", [
    ("cosine", 0.25, ()), ("euclidean", 60, ()), ("tversky", 0.3, ()),
    ("cosine", 0.25, ("-k", 9))])
def test_rank_counts(cfmpi, dataset, tmp_path, name, bound, more):
    def one(ranks):
        return digests(run(cfmpi, dataset.ratings, tmp_path / f"{ranks}.h5", name, bound,
                           *more, ranks=ranks), "neighbors" if more else "graph")
    first, *others = together(one, (1, 2, 3, 7))
    assert all(found == first for found in others)
    assert len(first) == (5 if more else 3)
    told = cfmpi("verify", tmp_path / "1.h5", ranks=3).stdout
    assert "DIFFERENT" not in told and " of 610 users" in told


@pytest.mark.parametrize("kind, name, bound", [
    ("floats", "cosine", 0.1), ("floats", "dot", -20), ("floats", "pearson", 0),
    ("to-100", "p3alpha", 0.1), ("to-100", "cosine", 0.1), ("to-100", "cosine", 3)])
def test_unkind_ratings(cfmpi, tmp_path, kind, name, bound):
    """Bounds at 0, below it, and beyond all scores."""
    entries = BAD[kind]()
    path = run(cfmpi, write(tmp_path / "r.csv", entries), tmp_path / "g.h5", name, bound,
               side="both")
    for side in ("users", "items"):
        score = similarity(name, matrix_of(entries), side == "items", **OPTIONS[name])
        if bound == 3:
            assert len(load(path, f"graph/{side}/indices")) == 0
        else:
            check_graph(path, side, name, score, np.float32(bound))


# ---- what the other commands make of them ----

@pytest.fixture(scope="module")
def joined(cfmpi, data, tmp_path_factory):
    """{similarity: a file with the graph of its users}"""
    folder = tmp_path_factory.mktemp("joined")
    return {name: run(cfmpi, data / "ml-latest-small/ratings.csv", folder / f"{name}.h5",
                      name, 0.3) for name in ("cosine", "tversky")}


@pytest.mark.parametrize("name", ["cosine", "tversky"])
def test_later_commands(cfmpi, joined, tmp_path, name):
    """What is not the same either way has entries, and no edges."""
    indptr, indices, weight = load(joined[name], *(f"graph/users/{part}" for part in NAMES))
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    shown = (np.ones(len(row), bool) if name == "tversky" else row < indices)
    cfmpi("export", joined[name], "--part", "graph", "-o", "g.csv", cwd=tmp_path)
    _, *rows = list(csv.reader(open(tmp_path / "g.csv")))
    ids = load(joined[name], "users/id")
    assert [[int(a), int(b)] for a, b, _ in rows] == np.column_stack(
        [ids[row], ids[indices]])[shown].tolist()
    assert np.array_equal(np.array([w for *_, w in rows], np.float32), weight[shown])
    word = "entries" if name == "tversky" else "edges"
    assert f"{shown.sum()} {word} (threshold)" in cfmpi("info", joined[name]).stdout
    assert f"graph of 610 users, {shown.sum()} {word}" in cfmpi(
        "verify", joined[name], ranks=2).stdout


@pytest.mark.parametrize("name", ["cosine", "tversky"])
def test_verify_of_a_wrong_graph(cfmpi, joined, tmp_path, name):
    """Below the bound; and, where it has to be, not the same either way."""
    def low(graph):
        graph[4, graph[4].nonzero()[1][0]] = 0.2
        return graph

    def half(graph):
        row, column = (part[0] for part in graph.nonzero())
        graph[row, column] = 0.99
        return graph
    for change in (low, half):
        bad = shutil.copy(joined[name], tmp_path / "bad.h5")
        spoil(bad, change)
        wrong = change is low or name == "cosine"
        told = cfmpi("verify", bad, code=int(wrong), ranks=3).stdout
        assert ("DIFFERENT  graph of" in told) == wrong


def test_a_graph_beside_an_embedding(cfmpi, data, tmp_path):
    """It is not taken for one of the embedding, and stays beside other lists."""
    cfmpi("svd", data / "ml-100k/u.data", "--dim", 4, "-o", "e.h5", cwd=tmp_path)
    cfmpi("neighbors", "e.h5", "--space", "ratings", "--min-similarity", 0.5, "-o", "g.h5",
          ranks=2, cwd=tmp_path)
    cfmpi("neighbors", "g.h5", "-k", 3, "--side", "items", "-o", "n.h5", cwd=tmp_path)
    assert digests(tmp_path / "n.h5", "graph") == digests(tmp_path / "g.h5", "graph")
    told = cfmpi("verify", "n.h5", cwd=tmp_path).stdout
    assert "DIFFERENT" not in told and "pairs of" not in told


@pytest.mark.parametrize("args, told", [
    (["--max-distance", 3], "--max-distance"),
    (["--similarity", "euclidean", "--min-similarity", 1], "--min-similarity"),
    (["--min-similarity", "much"], "'much' is not a number"),
    (["--min-similarity", 0.5, "--graph", "union"], "--graph"),
])
def test_options_that_do_not_fit(cfmpi, tmp_path, args, told):
    ratings = write(tmp_path / "ratings.csv", [(1, 1, 4), (2, 1, 5)])
    outcome = cfmpi("neighbors", ratings, "--space", "ratings", *args, "-o",
                    tmp_path / "n.h5", code=64, ranks=2)
    assert len(outcome.errors) == 1 and told in outcome.errors[0]
