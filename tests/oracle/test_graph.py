"""Graphs of neighbours against SciPy's on the stored lists, and what the other
commands make of them."""
import csv
import shutil

import h5py
import numpy as np
import pytest
import reference
import scipy.sparse as sparse
from conftest import together
from reference import digests, load, text
from test_neighbors import stored_lists

ROWS, DIM, K = 203, 9, 6
NAMES = ("indptr", "indices", "weight")
FORMS = ("mutual", "union")


def made():
    """Equal rows, rows of zeros, rows that are nobody's neighbour."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(ROWS, DIM)).astype(np.float32)
    x[60:75] = x[3]
    x[[7, 90, ROWS - 1]] = 0
    x[100:130] *= 100
    return x


def stored_graph(path, side="users"):
    indptr, indices, weight = load(path, *(f"graph/{side}/{name}" for name in NAMES))
    assert (indptr.dtype, indices.dtype, weight.dtype) == (np.int64, np.int32, np.float32)
    graph = sparse.csr_matrix((weight, indices, indptr), shape=2 * (len(indptr) - 1,))
    assert graph.has_canonical_format
    return graph


def expected_graph(lists, form):
    """Scores may be 0, so edges and weights are two matrices."""
    n, k = lists.index.shape
    there = lists.index >= 0
    row, column = np.repeat(np.arange(n), k)[there.ravel()], lists.index[there]
    edges = sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=(n, n))
    edges = edges.multiply(edges.T) if form == "mutual" else edges.maximum(edges.T)
    edges = edges.tocsr()
    edges.sort_indices()
    weight = dict(zip(zip(row.tolist(), column.tolist()), lists.score[there].tolist()))
    row = np.repeat(np.arange(n), np.diff(edges.indptr))
    edges.data = np.array([weight.get((i, j), weight.get((j, i)))
                           for i, j in zip(row.tolist(), edges.indices.tolist())])
    return edges


def check(path, form, side="users"):
    stored = stored_graph(path, side)
    expected = expected_graph(stored_lists(path, side), form)
    assert np.array_equal(stored.indptr, expected.indptr)
    assert np.array_equal(stored.indices, expected.indices)
    assert np.array_equal(stored.data, expected.data)
    return stored


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
@pytest.mark.parametrize("form", FORMS)
def test_vectors(cfmpi, tmp_path, similarity, form):
    np.save(tmp_path / "x.npy", made())

    def one(ranks):
        cfmpi("neighbors", "x.npy", "-o", f"{ranks}.h5", "-k", K, "--graph", form,
              "--similarity", similarity, ranks=ranks, cwd=tmp_path)
        return digests(tmp_path / f"{ranks}.h5")
    first, *others = together(one, (1, 2, 3, 7))
    assert all(found == first for found in others)
    graph = check(tmp_path / "1.h5", form)
    assert len(graph.data) > 0 and (abs(graph - graph.T) > 0).nnz == 0
    with h5py.File(tmp_path / "1.h5") as file:
        told = {name: text(value) for name, value in file["graph/users"].attrs.items()}
        assert told == {"form": form, "similarity": similarity, "space": "vectors"}
        assert all(text(file[f"graph/users/{name}"].attrs["description"])
                   for name in NAMES)
    listed = stored_lists(tmp_path / "1.h5")
    cfmpi("neighbors", "x.npy", "-o", "d.h5", "-k", K, "--graph", "directed",
          "--similarity", similarity, cwd=tmp_path)
    assert all(np.array_equal(a, b, equal_nan=True)
               for a, b in zip(listed, stored_lists(tmp_path / "d.h5")))
    assert not digests(tmp_path / "d.h5", "graph")


@pytest.mark.parametrize("x", [np.zeros((5, 3)), np.ones((1, 3)), np.ones((4, 1))],
                         ids=["zeros", "one", "equal"])
@pytest.mark.parametrize("form", FORMS)
def test_few_rows(cfmpi, tmp_path, x, form):
    np.save(tmp_path / "x.npy", x.astype(np.float32))
    cfmpi("neighbors", "x.npy", "-o", "n.h5", "-k", 2, "--graph", form, ranks=5,
          cwd=tmp_path)
    check(tmp_path / "n.h5", form)
    assert "DIFFERENT" not in cfmpi("verify", "n.h5", ranks=5, cwd=tmp_path).stdout
    assert "edges" in cfmpi("info", "n.h5", cwd=tmp_path).stdout


@pytest.fixture(scope="module")
def result(cfmpi, data, tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "r.h5"
    cfmpi("run", data / "ml-100k/u.data", "--dim", 16, "--side", "both", "-k", 8,
          "--graph", "mutual", "-o", path, ranks=3)
    return path


def test_result_file(cfmpi, result):
    graphs = [check(result, "mutual", side) for side in ("users", "items")]
    told = cfmpi("verify", result, ranks=2).stdout
    assert "DIFFERENT" not in told
    shown = cfmpi("info", result).stdout
    for side, graph in zip(("users", "items"), graphs):
        edges, alone = graph.nnz // 2, np.count_nonzero(np.diff(graph.indptr) == 0)
        n = graph.shape[0]
        assert f"graph of {n} {side}, {edges} edges from both ends, 0 differ" in told
        assert (f"{edges} edges (mutual), {graph.nnz / n:.4g} for each of {n} in the "
                f"mean, {alone} rows have none, by cosine\n") in shown


def test_a_graph_goes_with_its_lists(cfmpi, result, tmp_path):
    kept = digests(result, "graph/items")
    cfmpi("recommend", result, "-o", "a.h5", cwd=tmp_path)
    assert digests(tmp_path / "a.h5", "graph") == digests(result, "graph")
    cfmpi("neighbors", result, "-k", 5, "-o", "b.h5", cwd=tmp_path)
    assert digests(tmp_path / "b.h5", "graph") == kept
    cfmpi("neighbors", result, "-k", 5, "--graph", "union", "-o", "c.h5", cwd=tmp_path)
    check(tmp_path / "c.h5", "union")
    assert digests(tmp_path / "c.h5", "graph/items") == kept
    assert "DIFFERENT" not in cfmpi("verify", "c.h5", ranks=3, cwd=tmp_path).stdout
    cfmpi("neighbors", result, "--side", "items", "-o", "d.h5", cwd=tmp_path)
    assert digests(tmp_path / "d.h5", "graph") == digests(result, "graph/users")
    cfmpi("svd", result, "--dim", 4, "-o", "e.h5", cwd=tmp_path)
    assert not digests(tmp_path / "e.h5", "graph")


@pytest.mark.parametrize("ranks", [1, 3])
def test_lists_that_are_there_already(cfmpi, result, tmp_path, ranks):
    told = cfmpi("run", result, "--side", "both", "--graph", "union", "-o", "r.h5",
                 code=64, ranks=ranks, cwd=tmp_path)
    assert len(told.errors) == 1 and "--graph has nothing to set" in told.errors[0]


@pytest.mark.parametrize("part, side, form", [("graph", "users", "mutual"),
                                              ("graph-items", "items", "union")])
@pytest.mark.parametrize("ranks", [1, 3])
def test_export(cfmpi, result, tmp_path, part, side, form, ranks):
    cfmpi("neighbors", result, "--side", side, "-k", 4, "--graph", form, "-o", "n.h5",
          "--similarity", "euclidean", cwd=tmp_path)
    cfmpi("export", "n.h5", "--part", part, "-o", "g.csv", ranks=ranks, cwd=tmp_path)
    header, *rows = list(csv.reader(open(tmp_path / "g.csv")))
    assert header == [side[:-1], "neighbor", "distance"]
    upper = sparse.triu(stored_graph(tmp_path / "n.h5", side)).tocsr()
    upper.sort_indices()
    upper = upper.tocoo()
    ids = load(tmp_path / "n.h5", f"{side}/id")
    assert np.array_equal([[int(a), int(b)] for a, b, _ in rows],
                          np.column_stack([ids[upper.row], ids[upper.col]]))
    assert np.array_equal(np.array([w for *_, w in rows], np.float32), upper.data)


# ---- what verify sees ----

def spoil(path, change):
    """change(matrix) -> matrix, stored with the digests that it has."""
    with h5py.File(path, "r+") as file:
        group = file["graph/users"]
        n = len(group["indptr"]) - 1
        graph = sparse.csr_matrix((group["weight"][()], group["indices"][()],
                                   group["indptr"][()]), shape=(n, n))
        graph = change(graph.tolil()).tocsr()
        graph.sort_indices()
        for name, values in zip(NAMES, (graph.indptr.astype(np.int64),
                                        graph.indices.astype(np.int32),
                                        graph.data.astype(np.float32))):
            kept = dict(group[name].attrs)
            del group[name]
            made = group.create_dataset(name, data=values)
            made.attrs.update(kept)
            made.attrs["digest"] = reference.digest(values.tobytes())


def an_edge(graph):
    return graph.tocoo().row[10], graph.tocoo().col[10]


def without_an_edge(graph):
    i, j = an_edge(graph)
    graph[i, j] = graph[j, i] = 0
    return graph


def with_half_an_edge(graph):
    graph[an_edge(graph)] = 0
    return graph


def with_another_edge(graph):
    dense = graph.toarray()
    i, j = np.argwhere(dense + np.eye(len(dense)) == 0)[20]
    graph[i, j] = graph[j, i] = 0.5
    return graph


def with_another_weight(graph):
    i, j = an_edge(graph)
    graph[i, j] = graph[j, i] = graph[i, j] * 0.875
    return graph


@pytest.mark.parametrize("change", [without_an_edge, with_half_an_edge, with_another_edge,
                                    with_another_weight])
@pytest.mark.parametrize("form", FORMS)
def test_verify_of_a_wrong_graph(cfmpi, tmp_path, form, change):
    np.save(tmp_path / "x.npy", made())
    cfmpi("neighbors", "x.npy", "-o", "n.h5", "-k", K, "--graph", form, cwd=tmp_path)
    spoil(tmp_path / "n.h5", lambda graph: graph)
    assert "DIFFERENT" not in cfmpi("verify", "n.h5", ranks=3, cwd=tmp_path).stdout
    spoil(tmp_path / "n.h5", change)
    told = cfmpi("verify", "n.h5", code=1, ranks=3, cwd=tmp_path).stdout
    assert told.count("DIFFERENT") == 1 and "DIFFERENT  graph of" in told


def test_verify_of_a_graph_of_another_form(cfmpi, result, tmp_path):
    bad = shutil.copy(result, tmp_path / "bad.h5")
    for form, code in ("union", 1), ("magic", 65), ("directed", 65):
        with h5py.File(bad, "r+") as file:
            file["graph/users"].attrs["form"] = form
        told = cfmpi("verify", bad, code=code, ranks=2)
        assert "DIFFERENT  graph of" in told.stdout or \
            "/graph/users" in told.errors[0]


@pytest.mark.parametrize("column", [-1, 10**6, "itself", "again"])
def test_graph_that_names_no_other_row(cfmpi, result, tmp_path, column):
    bad = shutil.copy(result, tmp_path / "bad.h5")
    with h5py.File(bad, "r+") as file:
        indices, indptr = file["graph/users/indices"], file["graph/users/indptr"][()]
        row = np.flatnonzero(np.diff(indptr) > 1)[3]
        at = indptr[row] + 1
        indices[at] = {"itself": row, "again": indices[at - 1]}.get(column, column)
        indices.attrs["digest"] = reference.digest(indices[()].tobytes())
    told = cfmpi("verify", bad, code=65, ranks=3)
    assert len(told.errors) == 1 and "/graph/users" in told.errors[0]


@pytest.mark.parametrize("similarity", ["cosine", "centered-cosine", "msd", "jaccard"])
def test_ratings(cfmpi, data, tmp_path, similarity):
    cfmpi("neighbors", data / "ml-100k/u.data", "--space", "ratings", "--similarity", similarity,
          "-k", K, "--graph", "union", "-o", "r.h5", ranks=2, cwd=tmp_path)
    check(tmp_path / "r.h5", "union")
    with h5py.File(tmp_path / "r.h5", "r") as file:
        told = {name: text(value)
                for name, value in file["graph/users/weight"].attrs.items()}
    assert told["description"].endswith("the two rows")
    assert (told.get("units") == "cosine") == ("cosine" in similarity)


@pytest.mark.parametrize("similarity", ["asymmetric-cosine", "tversky", "p3alpha",
                                        "rp3beta"])
def test_similarities_that_are_not_mutual(cfmpi, data, tmp_path, similarity):
    """Their graphs would not be symmetric."""
    told = cfmpi("neighbors", data / "ml-100k/u.data", "--space", "ratings",
                 "--similarity", similarity, "--graph", "union", "-o", "r.h5",
                 code=64, ranks=2, cwd=tmp_path)
    assert len(told.errors) == 1 and "--graph" in told.errors[0]
