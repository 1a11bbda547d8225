"""Neighbours of queries, and of some rows, that must reach a score."""
import h5py
import numpy as np
import pytest
import reference
from reference import digests
from test_joins import OPTION, ROWS, cut, made, reaching
from test_neighbors import check, stored_lists
from test_queries import find

K = 6
CASES = [("queries", "cosine", 0.5), ("queries", "cosine", -3), ("queries", "dot", 20),
         ("queries", "euclidean", 4.5), ("queries", "euclidean", -1),
         ("many", "cosine", 0.5), ("many", "dot", -5.5), ("many", "euclidean", 4.5),
         ("only", "cosine", 1.5), ("only", "dot", 20), ("only", "euclidean", 0)]
SOME = [0, 3, 7, 60, 61, 84, 200, ROWS - 1]


def asked(rows):
    """Rows of `made`, and others."""
    x = made()
    rng = np.random.default_rng(8)
    return np.float32(x[rng.integers(0, ROWS, rows)] + rng.integers(0, 2, (rows, 1)) / 4)


@pytest.mark.parametrize("ask, similarity, bound", CASES)
def test_lists(cfmpi, tmp_path, ask, similarity, bound):
    """Few queries, and more than are looked at one by one."""
    x, q = made(), asked(1700 if ask == "many" else 40)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "q.npy", q)
    (tmp_path / "some.txt").write_text("".join(f"{row}\n" for row in SOME))
    given = ("--only", "some.txt") if ask == "only" else ("--queries", "q.npy")
    find(cfmpi, tmp_path, (1, 3) if ask == "many" else (1, 2, 7), "x.npy", *given, "-k", K,
         "--similarity", similarity, OPTION[similarity], bound)
    whole = (reference.neighbors(x, ROWS - 1, similarity, own=SOME) if ask == "only"
             else reference.neighbors(x, ROWS, similarity, q))
    check(stored_lists(tmp_path / "1.h5", "queries"),
          cut(whole, None, similarity, bound, K))
    with h5py.File(tmp_path / "1.h5") as file:
        told = file["neighbors/queries"].attrs
        assert told[OPTION[similarity][2:].replace("-", "_")] == np.float32(bound)
    told = cfmpi("verify", "1.h5", ranks=2, cwd=tmp_path).stdout
    assert "DIFFERENT" not in told


def test_some_users(cfmpi, data, tmp_path):
    """By the embedding, which verify has."""
    ratings = reference.dataset(data, "ml-latest-small").ratings
    (tmp_path / "some.txt").write_text("1\n7\n300\n600\n")
    cfmpi("svd", ratings, "--dim", 16, "-o", "e.h5", cwd=tmp_path)
    given = ("neighbors", "e.h5", "--only", "some.txt", "--min-similarity", 0.9)
    find(cfmpi, tmp_path, (1, 3), *given[1:], "-k", 60)
    told = cfmpi("verify", "1.h5", ranks=2, cwd=tmp_path).stdout
    assert "of 4 queries by brute force, 0 differ" in told
    lists = stored_lists(tmp_path / "1.h5", "queries")
    assert lists.count.min() < lists.count.max()
    assert np.nanmin(lists.score) >= np.float32(0.9)
    shown = cfmpi("info", "1.h5", cwd=tmp_path).stdout
    assert "by cosine of at least 0.9" in shown


# All pairs: without -k

def scores_of(x, q, similarity, own):
    scores = reference.SCORES[similarity](q.astype(float), x.astype(float))
    scores = (-scores if similarity == "euclidean" else scores).astype(np.float32)
    if own is not None:
        scores[np.arange(len(own)), own] = np.nan
    return scores


def check_rows(path, scores, similarity, bound):
    """The rows of /graph/queries have what reaches the bound, and no more."""
    with h5py.File(path) as file:
        assert "neighbors" not in file
        graph = {name: values[()] for name, values in file["graph/queries"].items()}
        told = dict(file["graph/queries"].attrs)
    assert told[OPTION[similarity][2:].replace("-", "_")] == np.float32(bound)
    row, column = np.nonzero(reaching(scores, similarity, bound))
    assert np.array_equal(graph["indptr"], np.r_[0, np.cumsum(np.bincount(
        row, minlength=len(scores)))])
    assert np.array_equal(graph["indices"], column)
    assert np.array_equal(graph["weight"], scores[row, column])


@pytest.mark.parametrize("ask, similarity, bound", CASES)
def test_all_pairs(cfmpi, tmp_path, ask, similarity, bound):
    x, q = made(), asked(1700 if ask == "many" else 40)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "q.npy", q)
    (tmp_path / "some.txt").write_text("".join(f"{row}\n" for row in SOME))
    only = ask == "only"
    given = ("--only", "some.txt") if only else ("--queries", "q.npy")
    find(cfmpi, tmp_path, (1, 3) if ask == "many" else (1, 2, 7), "x.npy", *given,
         "--similarity", similarity, OPTION[similarity], bound, "--threads", 2)
    scores = scores_of(x, x[SOME] if only else q, similarity, SOME if only else None)
    check_rows(tmp_path / "1.h5", scores, similarity, bound)
    told = cfmpi("verify", "1.h5", ranks=2, cwd=tmp_path).stdout
    assert "DIFFERENT" not in told and "entries by their range, 0 differ" in told


def test_all_pairs_of_some_items(cfmpi, data, tmp_path):
    """By the embedding: verify makes them anew, later commands carry them over
    until others are asked for."""
    ratings = reference.dataset(data, "ml-latest-small").ratings
    (tmp_path / "some.txt").write_text("1\n10\n296\n")
    cfmpi("svd", ratings, "--dim", 16, "-o", "e.h5", cwd=tmp_path)
    find(cfmpi, tmp_path, (1, 3), "e.h5", "--only", "some.txt", "--side", "items",
         "--min-similarity", 0.9)
    told = cfmpi("verify", "1.h5", ranks=2, cwd=tmp_path).stdout
    assert "of 3 queries by brute force, 0 differ" in told
    with h5py.File(tmp_path / "1.h5") as file:
        ids, rows, indptr, indices = (file[name][()] for name in (
            "items/id", "queries/row", "graph/queries/indptr", "graph/queries/indices"))
    assert list(ids[rows]) == [1, 10, 296] and indptr[-1] > 0
    assert f"{indptr[-1]} entries" in cfmpi("info", "1.h5", cwd=tmp_path).stdout
    cfmpi("export", "1.h5", "--part", "graph-queries", "-o", "g.csv", cwd=tmp_path)
    lines = [line.split(",") for line in (tmp_path / "g.csv").read_text().splitlines()]
    assert lines[0] == ["query", "neighbor", "weight"]
    assert [int(line[1]) for line in lines[1:]] == list(ids[indices])
    cfmpi("neighbors", "1.h5", "-k", 5, "-o", "n.h5", cwd=tmp_path)
    assert (digests(tmp_path / "n.h5", "graph", "queries")
            == digests(tmp_path / "1.h5", "graph", "queries"))
    cfmpi("neighbors", "n.h5", "-k", 5, "--only", "some.txt", "--side", "items", "-o",
          "m.h5", cwd=tmp_path)
    assert not digests(tmp_path / "m.h5", "graph")
    with h5py.File(tmp_path / "1.h5", "r+") as file:
        weight = file["graph/queries/weight"]
        weight[0] += 1e-3
        weight.attrs["digest"] = reference.digest(weight[()].tobytes())
    told = cfmpi("verify", "1.h5", code=1, cwd=tmp_path).stdout
    assert "DIFFERENT  pairs of 3 queries" in told
