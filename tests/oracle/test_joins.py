"""Neighbours that must reach a score: lists that end there, and all pairs, which
are compared with NumPy's."""
import json
import shutil

import h5py
import numpy as np
import pytest
import reference
from conftest import together
from reference import Lists, digests, load
from test_graph import NAMES, spoil, stored_graph
from test_neighbors import check, stored_lists, vectors_of

ROWS, DIM, K = 301, 17, 6
OPTION = {"cosine": "--min-similarity", "dot": "--min-similarity",
          "euclidean": "--max-distance"}
BOUNDS = {"cosine": [0.5, 0, -0.25, -1, -3, 1.5], "dot": [20, 0, -5.5, 1e9],
          "euclidean": [4.5, 0, 12, -1]}
CASES = [(similarity, bound) for similarity in BOUNDS for bound in BOUNDS[similarity]]


def made():
    """Inner products and squared distances are exact in any order; equal rows,
    rows of zeros, one direction in many lengths."""
    rng = np.random.default_rng(6)
    x = rng.integers(-20, 21, (ROWS, DIM)) + 10 * rng.integers(-1, 2, (ROWS, 1))
    x[60:75] = x[3]
    x[80:90] = x[4] * rng.integers(1, 9, (10, 1))
    x[[7, 90, ROWS - 1]] = 0
    return (x / 16).astype(np.float32)


def scores_of(vectors, similarity):
    """Of all pairs, NaN with itself and where there is none."""
    x = vectors.astype(float)
    scores = reference.SCORES[similarity](x, x)
    if similarity == "euclidean":
        scores = -scores
    np.fill_diagonal(scores, np.nan)
    return scores.astype(np.float32)


def reaching(scores, similarity, bound):
    with np.errstate(invalid="ignore"):
        if similarity == "euclidean":
            return scores <= np.float32(bound)
        return scores >= np.float32(bound)


def check_graph(path, scores, similarity, bound, side="users", near=0):
    """Pairs whose score is within `near` of the bound may be there or not."""
    graph = stored_graph(path, side)
    n = len(scores)
    there = np.zeros((n, n), bool)
    row = np.repeat(np.arange(n), np.diff(graph.indptr))
    there[row, graph.indices] = True
    close = np.abs(scores - np.float32(bound)) <= near
    wanted = reaching(scores, similarity, bound)
    assert np.array_equal(there | close if near else there, wanted | close if near else wanted)
    assert np.allclose(graph.data, scores[row, graph.indices], rtol=near, atol=near)
    assert np.array_equal(there, there.T)
    return graph


def cut(lists, scores, similarity, bound, k):
    """What lists long enough leave of the first k at a bound."""
    keep = reaching(lists.score, similarity, bound)
    have = keep.sum(axis=1)
    gap = np.full(len(have), np.nan, np.float32)
    more = have > k
    gap[more] = np.abs(lists.score[more, k - 1] - lists.score[more, k])
    last = lists.score[:, k - 1:k]
    ties = np.where(more, (keep[:, k:] & (lists.score[:, k:] == last)).sum(axis=1), 0)
    return Lists(np.where(keep, lists.index, -1)[:, :k],
                 np.where(keep, lists.score, np.nan)[:, :k].astype(np.float32),
                 np.minimum(have, k), gap, ties)


@pytest.mark.parametrize("similarity, bound", CASES)
def test_all_pairs(cfmpi, tmp_path, similarity, bound):
    np.save(tmp_path / "x.npy", made())

    def one(ranks):
        cfmpi("neighbors", "x.npy", "-o", f"{ranks}.h5", OPTION[similarity], bound,
              "--similarity", similarity, ranks=ranks, cwd=tmp_path)
        return digests(tmp_path / f"{ranks}.h5")
    first, *others = together(one, (1, 2, 3, 7))
    assert all(found == first for found in others)
    assert set(first) == {"users/id", *(f"graph/users/{name}" for name in NAMES)}
    check_graph(tmp_path / "1.h5", scores_of(made(), similarity), similarity, bound)
    with h5py.File(tmp_path / "1.h5") as file:
        told = file["graph/users"].attrs
        assert reference.text(told["form"]) == "threshold"
        assert told[OPTION[similarity][2:].replace("-", "_")] == np.float32(bound)
    told = cfmpi("verify", "1.h5", ranks=3, cwd=tmp_path).stdout
    assert "DIFFERENT" not in told and "graph of 301 users" in told


@pytest.mark.parametrize("similarity, bound", CASES)
def test_lists(cfmpi, tmp_path, similarity, bound):
    np.save(tmp_path / "x.npy", made())

    def one(ranks):
        cfmpi("neighbors", "x.npy", "-o", f"{ranks}.h5", OPTION[similarity], bound,
              "--similarity", similarity, "-k", K, ranks=ranks, cwd=tmp_path)
        return digests(tmp_path / f"{ranks}.h5")
    first, *others = together(one, (1, 2, 3, 7))
    assert all(found == first for found in others)
    assert not digests(tmp_path / "1.h5", "graph")
    whole = reference.neighbors(made(), ROWS - 1, similarity)
    check(stored_lists(tmp_path / "1.h5"),
          cut(whole, scores_of(made(), similarity), similarity, bound, K))
    told = cfmpi("verify", "1.h5", ranks=3, cwd=tmp_path).stdout
    assert "DIFFERENT" not in told


def test_a_bound_is_compared_as_float32(cfmpi, tmp_path):
    """A cosine of 0.6 is stored as the float32 next to it, which is above; one of
    0.8 as one below 0.8. Both reach themselves."""
    np.save(tmp_path / "x.npy", np.array([[1, 0], [3, 4], [0, 1]], np.float32))
    for bound, edges in (0.6, 2), (0.8, 1), (0.6000001, 1), (0.8000001, 0):
        cfmpi("neighbors", "x.npy", "-o", "n.h5", "--force", "--min-similarity", bound,
              cwd=tmp_path)
        assert stored_graph(tmp_path / "n.h5").nnz == 2 * edges


@pytest.mark.parametrize("isa", ["portable", "avx2"])
@pytest.mark.parametrize("threads", [1, 3])
def test_same_on_every_machine(cfmpi, tmp_path, isa, threads):
    np.save(tmp_path / "x.npy", np.repeat(made(), 4, axis=0))
    run = ["neighbors", "x.npy", "--min-similarity", 0.55]
    cfmpi(*run, "-o", "a.h5", cwd=tmp_path)
    cfmpi(*run, "-o", "b.h5", "--threads", threads, ranks=2, cwd=tmp_path,
          env={"CFMPI_ISA": isa})
    assert digests(tmp_path / "a.h5") == digests(tmp_path / "b.h5")


# ---- of ratings ----

@pytest.fixture(scope="module")
def embedding(cfmpi, data, tmp_path_factory):
    path = tmp_path_factory.mktemp("joins") / "e.h5"
    cfmpi("svd", data / "ml-100k/u.data", "--dim", 16, "-o", path, ranks=2)
    return path


@pytest.mark.parametrize("similarity, bound", [("cosine", 0.9), ("dot", 900),
                                               ("euclidean", 3)])
def test_result_file(cfmpi, embedding, tmp_path, similarity, bound):
    cfmpi("neighbors", embedding, "--side", "both", "--similarity", similarity,
          OPTION[similarity], bound, "-o", "n.h5", ranks=3, cwd=tmp_path)
    for side in "users", "items":
        scores = scores_of(vectors_of(tmp_path / "n.h5", side), similarity)
        graph = check_graph(tmp_path / "n.h5", scores, similarity, bound, side,
                            near=1e-6 * abs(bound))
        assert graph.nnz > 0
    told = cfmpi("verify", "n.h5", "--sample", 3000, ranks=2, cwd=tmp_path).stdout
    assert "DIFFERENT" not in told
    for side, n in ("users", 943), ("items", 1682):
        assert f"pairs of {n} {side} by brute force, 0 differ" in told
    most = "most" if similarity == "euclidean" else "least"
    assert f"by {similarity} of at {most} {bound}\n" in cfmpi(
        "info", "n.h5", cwd=tmp_path).stdout
    told = cfmpi("recommend", "n.h5", "-o", "r.h5", code=65, cwd=tmp_path)
    assert "/neighbors/users" in told.errors[0]


def test_run_with_lists_that_end(cfmpi, embedding, tmp_path):
    cfmpi("run", embedding, "-k", 9, "--min-similarity", 0.93, "--graph", "mutual", "-o",
          "r.h5", ranks=3, cwd=tmp_path)
    count, score = load(tmp_path / "r.h5", "neighbors/users/count", "neighbors/users/score")
    assert 0 < count.mean() < 9 and np.nanmin(score) >= np.float32(0.93)
    told = cfmpi("verify", "r.h5", "--sample", 1000, ranks=2, cwd=tmp_path).stdout
    assert "DIFFERENT" not in told and told.count("by brute force, 0 differ") == 2
    assert "by cosine of at least 0.93\n" in cfmpi("info", "r.h5", cwd=tmp_path).stdout


def test_verify_sees_a_list_that_goes_on(cfmpi, embedding, tmp_path):
    for k in (), ("-k", 9):
        cfmpi("neighbors", embedding, *k, "--min-similarity", 0.9, "-o", "n.h5", "--force",
              cwd=tmp_path)
        with h5py.File(tmp_path / "n.h5", "r+") as file:
            group = file["neighbors/users" if k else "graph/users"]
            for bound, code in (0.95, 1), (0.85, 1), (0.9, 0):
                group.attrs["min_similarity"] = float(np.float32(bound))
                file.flush()
                shutil.copy(tmp_path / "n.h5", tmp_path / "bad.h5")
                cfmpi("verify", "bad.h5", "--sample", 1000, code=code, ranks=2,
                      cwd=tmp_path)


def test_verify_sees_a_pair_that_is_missing(cfmpi, embedding, tmp_path):
    cfmpi("neighbors", embedding, "--min-similarity", 0.9, "-o", "n.h5", cwd=tmp_path)

    def without(graph):
        i, j = graph.tocoo().row[10], graph.tocoo().col[10]
        graph[i, j] = graph[j, i] = 0
        return graph
    spoil(tmp_path / "n.h5", without)
    told = cfmpi("verify", "n.h5", "--sample", 1000, code=1, ranks=2, cwd=tmp_path).stdout
    assert "DIFFERENT  pairs of 943 users by brute force, 2 differ" in told


def test_graphs_are_carried(cfmpi, embedding, tmp_path):
    cfmpi("neighbors", embedding, "--min-similarity", 0.9, "-o", "a.h5", cwd=tmp_path)
    cfmpi("neighbors", "a.h5", "--side", "items", "-k", 3, "-o", "b.h5", cwd=tmp_path)
    kept = digests(tmp_path / "a.h5", "graph/users")
    assert len(kept) == 3 and digests(tmp_path / "b.h5", "graph") == kept
    (tmp_path / "ids.txt").write_text("1\n2\n")
    cfmpi("neighbors", "b.h5", "--only", "ids.txt", "-k", 3, "-o", "q.h5", cwd=tmp_path)
    assert digests(tmp_path / "q.h5", "graph") == kept
    assert "DIFFERENT" not in cfmpi("verify", "b.h5", cwd=tmp_path).stdout
    cfmpi("neighbors", "b.h5", "-k", 3, "-o", "c.h5", cwd=tmp_path)
    assert not digests(tmp_path / "c.h5", "graph")


# ---- what is refused ----

REFUSED = [
    (["--min-similarity", "x"], "--min-similarity: 'x' is not a number"),
    (["--min-similarity", "nan"], "'nan' is not a number"),
    (["--min-similarity", "inf"], "'inf' is not a number"),
    (["--min-similarity", "0.5 "], "'0.5 ' is not a number"),
    (["--max-distance", "1"], "give --min-similarity"),
    (["--max-distance", "1", "--min-similarity", "1"], "give --min-similarity"),
    (["--min-similarity", "1", "--similarity", "euclidean"], "give --max-distance"),
    (["--min-similarity", "0.5", "--graph", "mutual"], "--graph"),
    (["--graph", "union", "--only", "ids.txt"], "--graph: is for the"),
]


@pytest.mark.parametrize("given, message", REFUSED)
@pytest.mark.parametrize("ranks", [1, 3])
def test_refused(cfmpi, tmp_path, given, message, ranks):
    for name in "x.npy", "q.npy":
        np.save(tmp_path / name, made())
    (tmp_path / "ids.txt").write_text("1\n2\n")
    told = cfmpi("neighbors", "x.npy", "-o", "n.h5", *given, code=64, ranks=ranks,
                 cwd=tmp_path)
    assert len(told.errors) == 1 and message in told.errors[0]
    assert not (tmp_path / "n.h5").exists()


def test_run_wants_lists(cfmpi, embedding, tmp_path):
    told = cfmpi("run", embedding, "--min-similarity", 0.5, "-o", "r.h5", code=64,
                 ranks=2, cwd=tmp_path)
    assert len(told.errors) == 1 and "give -k" in told.errors[0]


def test_memory_limit(cfmpi, tmp_path):
    """All pairs of 3,000 rows are 86 MiB where they are found."""
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(
        size=(3000, 8)).astype(np.float32))
    run = ["neighbors", "x.npy", "-o", "n.h5", "--min-similarity", -1, "--memory-limit",
           "64M"]
    told = cfmpi(*run, code=71, cwd=tmp_path)
    assert len(told.errors) == 1 and "pairs that are similar enough" in told.errors[0]
    assert list(tmp_path.iterdir()) == [tmp_path / "x.npy"]


def test_what_was_given_is_kept(cfmpi, tmp_path):
    """Read back, k is still not given."""
    np.save(tmp_path / "x.npy", made())
    run = ["neighbors", "x.npy", "-o", "n.h5", "--min-similarity", "0.5"]
    printed = cfmpi(*run, "--print-config", cwd=tmp_path).stdout
    assert "\n# neighbors = 50\n" in printed and "\nmin-similarity = 0.5\n" in printed
    (tmp_path / "my.conf").write_text(printed)
    cfmpi("--config", "my.conf", cwd=tmp_path)
    assert not digests(tmp_path / "n.h5", "neighbors")
    with h5py.File(tmp_path / "n.h5") as file:
        assert json.loads(file.attrs["command"])["min-similarity"] == "0.5"
    printed = cfmpi(*run, "-k", 50, "--print-config", cwd=tmp_path).stdout
    assert "\nneighbors = 50\n" in printed
