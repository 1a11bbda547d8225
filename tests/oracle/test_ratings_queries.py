"""Rows that ask by their ratings, some of the input's or those of another file,
against float64 matrix products."""
import collections
import csv
import json
import shutil

import h5py
import numpy as np
import pytest
import reference
import scipy.sparse as sparse
from conftest import together
from ratings_similarity import between
from reference import digests, load
from test_graph import NAMES
from test_ratings_joins import OPTIONS, bound_of, option, reaching
from test_ratings_neighbors import arguments, random_entries, stored, write

SIDES = ["users", "items"]


def table(path):
    """[(user, item, rating)] of a file of MovieLens."""
    rows = np.genfromtxt(path, delimiter="," if path.suffix == ".csv" else "\t",
                         skip_header=path.suffix == ".csv", usecols=(0, 1, 2))
    return [(int(user), int(item), value) for user, item, value in rows]


def oriented(entries, side):
    return entries if side == "users" else [(item, user, r) for user, item, r in entries]


def matrices(base, asked, side):
    """(base, asked, ids of both's rows): base columns first, then the others."""
    base, asked = oriented(base, side), oriented(asked, side)
    columns = sorted({column for _, column, _ in base})
    columns += sorted({column for _, column, _ in asked} - set(columns))
    place = {column: i for i, column in enumerate(columns)}
    out, ids = [], []
    for entries in base, asked:
        rows = sorted({row for row, _, _ in entries})
        at = {row: i for i, row in enumerate(rows)}
        ids.append(rows)
        wide = len(columns) if entries is asked else len({c for _, c, _ in base})
        out.append(sparse.csr_matrix(
            ([np.float64(np.float32(r)) for _, _, r in entries],
             ([at[row] for row, _, _ in entries], [place[c] for _, c, _ in entries])),
            shape=(len(rows), wide)))
    return (*out, *ids)


def check(lists, score, name, bound=None):
    """Best first, ties by row, to the end or to the bound."""
    k = lists.index.shape[1]
    distance = name == "euclidean"
    size = np.nanmax(np.abs(score), initial=1e-3)
    near = {"rtol": 1e-6, "atol": 1e-6 * min(size, 1), "equal_nan": True}
    surely = perhaps = ~np.isnan(score)
    if bound is not None:
        surely, perhaps = reaching(score, name, bound)
    assert np.all(lists.count >= np.minimum(k, surely.sum(axis=1)))
    assert np.all(lists.count <= np.minimum(k, perhaps.sum(axis=1)))
    there = lists.index >= 0
    assert np.array_equal(there.sum(axis=1), lists.count)
    best = np.sort(score if distance else -score, axis=1)[:, :k]
    best = np.pad(best, ((0, 0), (0, k - best.shape[1])), constant_values=np.nan)
    row = np.nonzero(there)[0]
    assert np.allclose(lists.score[there], (best if distance else -best)[there], **near)
    assert np.allclose(lists.score[there], score[row, lists.index[there]], **near)
    sign = 1 if distance else -1
    before, after = sign * lists.score[:, :-1], sign * lists.score[:, 1:]
    tie = lists.index[:, :-1] < lists.index[:, 1:]
    assert np.all((before < after) | ((before == after) & tie) | np.isnan(after))


def run(cfmpi, base, out, name, *more, ranks=2, side="users", k=2000):
    cfmpi("neighbors", base, *arguments(name, OPTIONS[name]), "-k", k, "--side", side, *more,
          "-o", out, "--force", ranks=ranks)
    return out


# ---- another file ----

def new_entries(seed=3):
    """Users 1..40 and others, who rate known items and unknown ones, one of them
    nothing that is known."""
    generator = np.random.default_rng(seed)
    items = np.concatenate([np.arange(1, 300, 3), np.arange(5000, 5030)])
    entries = [(user, int(item), generator.integers(1, 11) / 2)
               for user in (*range(1, 40, 4), 9001, 9002, 12345)
               for item in generator.choice(items, generator.integers(1, 90), replace=False)]
    return entries + [(20000, item, 4.0) for item in range(5000, 5005)]


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    return write(tmp_path_factory.mktemp("asked") / "asked.csv", new_entries())


@pytest.mark.parametrize("dataset", ["ml-100k"], indirect=True)
@pytest.mark.parametrize("name, side", [
    *((name, "items") for name in OPTIONS),
    *((name, "users") for name in ("cosine", "euclidean", "adjusted-cosine",
                                   "pearson-baseline"))])
def test_another_file(cfmpi, dataset, asked, tmp_path, name, side):
    base, queries, rows, ids = matrices(table(dataset.ratings), new_entries(), side)
    path = run(cfmpi, dataset.ratings, tmp_path / "q.h5", name, "--queries", asked, side=side,
               ranks=3)
    score = between(name, base, queries, side == "items", **OPTIONS[name])
    check(stored(path, "queries"), score, name)
    assert load(path, "queries/id").tolist() == ids
    assert load(path, f"{side}/id").tolist() == rows
    if side == "users" and name != "euclidean":
        assert stored(path, "queries").count[ids.index(20000)] == 0


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
@pytest.mark.parametrize("name, k", [("cosine", 7), ("pearson-baseline", 7),
                                     ("rp3beta", 600)])
def test_rank_counts(cfmpi, dataset, asked, tmp_path, name, k):
    """Short lists travel, of long ones the base does; from a matrix file, too."""
    cfmpi("ingest", asked, "-o", "asked.h5", cwd=tmp_path)
    paths = together(lambda ranks: run(
        cfmpi, dataset.ratings, tmp_path / f"{ranks}.h5", name, "--queries",
        asked if ranks < 3 else tmp_path / "asked.h5", ranks=ranks, k=k), (1, 2, 3, 7))
    found = [{part: digest for part, digest in digests(path).items()
              if "queries" in part} for path in paths]
    assert all(one == found[0] for one in found) and len(found[0]) == 6


def test_a_larger_file_than_the_base(cfmpi, tmp_path):
    """Then base rows go round; codes of two steps, and values that have none."""
    whole = random_entries(1, 60, 40, 0.4, lambda g: int(g.integers(1, 6)))
    halves = random_entries(2, 400, 50, 0.4, lambda g: g.integers(1, 11) / 2)
    floats = random_entries(3, 90, 50, 0.4, lambda g: float(np.float32(g.uniform(-9, 9))))
    made = {"w": whole, "h": halves, "f": floats}
    for name, entries in made.items():
        write(tmp_path / f"{name}.csv", entries)
    for base, other in ("wh", "hw", "wf", "fh"):
        score = between("cosine", *matrices(made[base], made[other], "users")[:2], False)
        path = run(cfmpi, tmp_path / f"{base}.csv", tmp_path / "q.h5", "cosine", "--queries",
                   tmp_path / f"{other}.csv", k=9, ranks=3)
        check(stored(path, "queries"), score, "cosine")


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
@pytest.mark.parametrize("name", ["cosine", "pearson-baseline"])
def test_the_base_asks_itself(cfmpi, dataset, tmp_path, name):
    """Rows with the same ids are others, each of which is nearest to its like. But
    for it they have the lists of the base."""
    alone = stored(run(cfmpi, dataset.ratings, tmp_path / "n.h5", name, k=20), "users")
    asked = stored(run(cfmpi, dataset.ratings, tmp_path / "q.h5", name, "--queries",
                       dataset.ratings, k=21, ranks=3), "queries")
    itself = asked.index == np.arange(len(asked.index))[:, None]
    here = itself.sum(axis=1) == 1
    assert here.mean() > 0.7
    for row in np.flatnonzero(here):
        at = np.argmax(itself[row])
        assert np.array_equal(np.delete(asked.index[row], at), alone.index[row])
        assert name != "cosine" or asked.score[row, at] == 1


@pytest.mark.parametrize("dataset", ["ml-100k"], indirect=True)
@pytest.mark.parametrize("side", SIDES)
def test_weighted(cfmpi, dataset, asked, tmp_path, side):
    """Weights are the base's; an item that it has not is one that no one rated."""
    base = table(dataset.ratings)
    raters = collections.Counter(item for _, item, _ in base)
    users = len({user for user, _, _ in base})

    def weigh(entries):
        return [(user, item, np.sqrt(value) * (np.log(users) - np.log1p(raters[item])))
                for user, item, value in entries]
    path = run(cfmpi, dataset.ratings, tmp_path / "q.h5", "cosine", "--queries", asked,
               "--weighting", "tfidf", side=side)
    score = between("cosine", *matrices(weigh(base), weigh(new_entries()), side)[:2], False)
    check(stored(path, "queries"), score, "cosine")


# ---- some rows ----

@pytest.mark.parametrize("dataset", ["ml-100k"], indirect=True)
@pytest.mark.parametrize("name, side", [
    ("cosine", "users"), ("euclidean", "items"), ("adjusted-cosine", "items"),
    ("pearson", "users"), ("tversky", "users"), ("rp3beta", "items")])
def test_some_rows(cfmpi, dataset, tmp_path, name, side):
    """They have the lists that they have among all."""
    n = 943 if side == "users" else 1682
    chosen = np.unique(np.random.default_rng(5).integers(1, n + 1, 40))
    only = tmp_path / "only.txt"
    only.write_text("\n".join(map(str, chosen[::-1])))
    whole = stored(run(cfmpi, dataset.ratings, tmp_path / "n.h5", name, side=side, k=12), side)
    path = run(cfmpi, dataset.ratings, tmp_path / "o.h5", name, "--only", only, side=side,
               k=12, ranks=3)
    some = stored(path, "queries")
    rows = load(path, "queries/row")
    assert np.array_equal(load(path, f"{side}/id")[rows], chosen)
    assert all(np.array_equal(a[rows], b, equal_nan=True) for a, b in zip(whole, some))
    assert not digests(path, f"neighbors/{side}")


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
@pytest.mark.parametrize("name, share", [("cosine", 0.5), ("tversky", 0.01)])
def test_rank_counts_of_some(cfmpi, dataset, tmp_path, name, share):
    only = tmp_path / "only.txt"
    only.write_text("\n".join(str(1 + i) for i in range(0, 610, round(1 / share))))
    paths = together(lambda ranks: run(cfmpi, dataset.ratings, tmp_path / f"{ranks}.h5", name,
                                       "--only", only, ranks=ranks, k=9), (1, 2, 3, 7))
    found = [digests(path) for path in paths]
    assert all(one == found[0] for one in found)


# ---- to a bound ----

@pytest.mark.parametrize("dataset", ["ml-100k"], indirect=True)
@pytest.mark.parametrize("name", ["cosine", "euclidean", "tversky"])
def test_lists_to_a_bound(cfmpi, dataset, asked, tmp_path, name):
    base, queries, _, _ = matrices(table(dataset.ratings), new_entries(), "users")
    score = between(name, base, queries, False, **OPTIONS[name])
    bound = bound_of(score, name, 0.05)
    path = run(cfmpi, dataset.ratings, tmp_path / "q.h5", name, "--queries", asked,
               option(name), repr(float(bound)), ranks=3)
    check(stored(path, "queries"), score, name, bound)
    assert 0 < stored(path, "queries").count.sum() < 0.1 * score.size
    with h5py.File(path) as file:
        assert file["neighbors/queries"].attrs[option(name)[2:].replace("-", "_")] == bound
    assert "DIFFERENT" not in cfmpi("verify", path, ranks=2).stdout


def graph_of(path, columns):
    indptr, indices, weight = load(path, *(f"graph/queries/{part}" for part in NAMES))
    graph = sparse.csr_matrix((weight, indices, indptr), shape=(len(indptr) - 1, columns))
    assert graph.has_canonical_format
    return graph


@pytest.mark.parametrize("dataset", ["ml-100k"], indirect=True)
@pytest.mark.parametrize("name, side", [("cosine", "items"), ("euclidean", "users"),
                                        ("pearson", "users"), ("tversky", "items")])
def test_all_that_reach_a_bound(cfmpi, dataset, asked, tmp_path, name, side):
    base, queries, _, ids = matrices(table(dataset.ratings), new_entries(), side)
    score = between(name, base, queries, side == "items", **OPTIONS[name])
    bound = bound_of(score, name, 0.05)

    def one(ranks):
        path = tmp_path / f"{ranks}.h5"
        cfmpi("neighbors", dataset.ratings, *arguments(name, OPTIONS[name]), "--side", side,
              "--queries", asked, option(name), repr(float(bound)), "-o", path, ranks=ranks)
        return path
    path, *others = together(one, (1, 2, 3, 7) if name == "cosine" else (3,))
    assert all(digests(path) == digests(other) for other in others)
    assert not digests(path, "neighbors") and load(path, "queries/id").tolist() == ids
    graph = graph_of(path, base.shape[0])
    there = np.zeros(score.shape, bool)
    row = np.repeat(np.arange(len(ids)), np.diff(graph.indptr))
    there[row, graph.indices] = True
    surely, perhaps = reaching(score, name, bound)
    assert there.any() and not np.any(surely & ~there) and not np.any(there & ~perhaps)
    assert np.allclose(graph.data, score[row, graph.indices], rtol=1e-6, atol=1e-6)
    told = cfmpi("verify", path, ranks=2).stdout
    assert f"graph of {len(ids)} queries, {graph.nnz} entries by their range, 0 differ" in told
    assert f"{graph.nnz} entries (threshold)" in cfmpi("info", path).stdout


@pytest.fixture(scope="module")
def some(cfmpi, data, tmp_path_factory):
    """The graph of some users, and that of all."""
    folder = tmp_path_factory.mktemp("some")
    (folder / "only.txt").write_text("\n".join(str(user) for user in range(610, 0, -7)))
    given = ["neighbors", data / "ml-latest-small/ratings.csv", "--space", "ratings",
             "--min-similarity", 0.2]
    cfmpi(*given, "-o", "all.h5", ranks=2, cwd=folder)
    cfmpi(*given, "--only", "only.txt", "-o", "some.h5", ranks=3, cwd=folder)
    return folder


def test_some_rows_of_a_graph(cfmpi, some, tmp_path):
    indptr, indices, weight = load(some / "all.h5", *(f"graph/users/{part}" for part in NAMES))
    whole = sparse.csr_matrix((weight, indices, indptr))
    chosen = load(some / "some.h5", "queries/row")
    graph = graph_of(some / "some.h5", whole.shape[1])
    assert len(chosen) == 88 and graph.nnz > 0 and (whole[chosen] != graph).nnz == 0
    cfmpi("export", some / "some.h5", "--part", "graph-queries", "-o", "g.csv", ranks=2,
          cwd=tmp_path)
    header, *rows = list(csv.reader(open(tmp_path / "g.csv")))
    assert header == ["query", "neighbor", "weight"]
    ids = load(some / "all.h5", "users/id")
    row = np.repeat(chosen, np.diff(graph.indptr))
    assert [[int(a), int(b)] for a, b, _ in rows] == np.column_stack(
        [ids[row], ids[graph.indices]]).tolist()


def test_such_a_graph_stays(cfmpi, some, tmp_path):
    """Beside other lists, and not beside those of other queries."""
    cfmpi("neighbors", some / "some.h5", "--space", "ratings", "-k", 3, "-o", "n.h5",
          cwd=tmp_path)
    kept = digests(some / "some.h5", "graph")
    assert len(kept) == 3 and digests(tmp_path / "n.h5", "graph") == kept
    assert "DIFFERENT" not in cfmpi("verify", "n.h5", cwd=tmp_path).stdout
    (tmp_path / "two.txt").write_text("5\n6\n")
    cfmpi("neighbors", "n.h5", "--space", "ratings", "-k", 3, "--only", "two.txt", "-o",
          "o.h5", ranks=2, cwd=tmp_path)
    assert not digests(tmp_path / "o.h5", "graph")
    cfmpi("neighbors", "o.h5", "--space", "ratings", "--only", "two.txt", "--min-similarity",
          0.1, "-o", "g.h5", ranks=2, cwd=tmp_path)
    assert digests(tmp_path / "g.h5", "graph")
    assert not digests(tmp_path / "g.h5", "neighbors/queries")
    assert digests(tmp_path / "g.h5", "neighbors/users")
    assert "DIFFERENT" not in cfmpi("verify", "g.h5", cwd=tmp_path).stdout


@pytest.mark.parametrize("what, told", [
    ("low", "DIFFERENT  graph of 88 queries"), ("itself", "DIFFERENT  graph of 88 queries"),
    ("beyond", "/graph/queries"), ("order", "/graph/queries")])
def test_verify_of_a_wrong_graph(cfmpi, some, tmp_path, what, told):
    bad = shutil.copy(some / "some.h5", tmp_path / "bad.h5")
    with h5py.File(bad, "r+") as file:
        indices, own = file["graph/queries/indices"], file["queries/row"]
        row = np.flatnonzero(np.diff(file["graph/queries/indptr"][()]) > 1)[0]
        at = file["graph/queries/indptr"][row]
        part, place, value = {"low": (file["graph/queries/weight"], at, 0.1),
                              "itself": (own, row, indices[at]),
                              "beyond": (indices, at, 610),
                              "order": (indices, at, indices[at + 1])}[what]
        part[place] = value
        part.attrs["digest"] = reference.digest(part[()].tobytes())
    outcome = cfmpi("verify", bad, code=1 if what in ("low", "itself") else 65, ranks=2)
    assert told in outcome.stdout or told in outcome.errors[0]


# ---- what the file says, and what cannot be ----

def test_what_the_file_says(cfmpi, tmp_path):
    base = write(tmp_path / "base.csv", random_entries(1, 20, 9, 0.6, lambda g: 3))
    write(tmp_path / "q.csv", [(1, 2, 5), (1, 99, 1), (70, 3, 2)])
    told = cfmpi("neighbors", base, "--space", "ratings", "--queries", "q.csv", "-o", "q.h5",
                 "--report", "r.json", cwd=tmp_path)
    assert "1 of the 3 items of q.csv are not among those of" in " ".join(told.stderr.split())
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["input"]["users"] == 20
    assert report["neighbors"]["pairs"] == 40
    with h5py.File(tmp_path / "q.h5") as file:
        assert json.loads(reference.text(file["queries"].attrs["source"]))["name"] == "q.csv"
        assert reference.text(file["neighbors/queries"].attrs["space"]) == "ratings"
        assert reference.text(file["neighbors/queries"].attrs["among"]) == "users"
    assert "of 2 queries by order and range, 0 differ" in cfmpi(
        "verify", "q.h5", cwd=tmp_path).stdout


BAD = {
    "unknown": (b"1,900,3\n2,901,4\n", 65, "none of its 2 items is among those of"),
    "no_ratings": (b"userId,movieId,rating\n", 65, "q.csv"),
    "word": (b"1,2,3\n1,3,four\n", 65, "q.csv:2"),
    "twice": (b"1,2,3\n1,2,4\n", 65, "q.csv:2:1: user 1 rated item 2 before"),
}


@pytest.mark.parametrize("kind, ranks", [*((kind, 3) for kind in BAD), ("unknown", 1)])
def test_bad_queries(cfmpi, tmp_path, kind, ranks):
    content, code, told = BAD[kind]
    base = write(tmp_path / "base.csv", random_entries(1, 20, 9, 0.6, lambda g: 3))
    (tmp_path / "q.csv").write_bytes(content)
    outcome = cfmpi("neighbors", base, "--space", "ratings", "--queries", "q.csv", "-o",
                    "n.h5", code=code, ranks=ranks, cwd=tmp_path)
    assert len(outcome.errors) == 1 and told in outcome.errors[0]


@pytest.mark.parametrize("args, code, told", [
    (["--queries", "x.npy"], 64, "x.npy holds vectors"),
    (["--queries", "nowhere.csv"], 66, "nowhere.csv"),
    (["--queries", "below.csv", "--similarity", "p3alpha"], 65, "which below.csv has"),
    (["--queries", "below.csv", "--weighting", "log"], 65, "--weighting=log"),
    (["--queries", "q.csv", "--side", "both"], 64, "--side"),
    (["--queries", "q.csv", "--only", "only.txt"], 64, "--only"),
    (["--queries", "q.csv", "--graph", "union"], 64, "--graph"),
    (["--only", "only.txt"], 65, "only.txt:2: there is no '777' among the users of"),
])
def test_what_cannot_be(cfmpi, tmp_path, args, code, told):
    base = write(tmp_path / "base.csv", random_entries(1, 20, 9, 0.6, lambda g: 3))
    np.save(tmp_path / "x.npy", np.ones((3, 4), np.float32))
    write(tmp_path / "below.csv", [(1, 2, -1)])
    write(tmp_path / "q.csv", [(1, 2, 1)])
    (tmp_path / "only.txt").write_text("3\n777\n")
    outcome = cfmpi("neighbors", base, "--space", "ratings", *args, "-o", "n.h5", code=code,
                    ranks=2, cwd=tmp_path)
    assert len(outcome.errors) == 1 and told in outcome.errors[0]
