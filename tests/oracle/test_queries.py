"""Neighbours of queries, and of some rows, against float64 brute force."""
import h5py
import numpy as np
import pytest
import reference
from conftest import together
from reference import digests, load, text
from test_neighbors import check, stored_lists, vectors_of
from test_vectors import PLAIN, save_marked

BASE, QUERIES, DIM, K = 301, 90, 33, 7
RANKS = (1, 2, 3, 7)
SIMILARITIES = ("cosine", "dot", "euclidean")


def made(rows, seed):
    """Sums over these sixteenths are exact in any order; clusters, rows of
    zeros, and from one seed to the next the same rows here and there."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-40, 41, (rows, DIM)) + 60 * rng.integers(-1, 2, (rows, 1))
    x[::9] *= 5
    x[5:40:3] = np.arange(DIM) - 9
    x[[7, rows - 1]] = 0
    return (x / 16).astype(np.float32)


@pytest.fixture(scope="module")
def base():
    return made(BASE, 5)


@pytest.fixture(scope="module")
def queries():
    return made(QUERIES, 6)


def find(cfmpi, folder, ranks, *args):
    """The outcomes of all rank counts, whose results must be equal."""
    def one(count):
        return cfmpi("neighbors", *args, "-o", f"{count}.h5", ranks=count, cwd=folder)
    outcomes = together(one, ranks)
    first, *others = [digests(folder / f"{count}.h5") for count in ranks]
    assert all(found == first for found in others)
    return outcomes


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
def test_queries(cfmpi, tmp_path, base, queries, similarity, columns, swapped):
    """More base rows than queries, and fewer."""
    x, q = (queries, base) if swapped else (base, queries)
    np.save(tmp_path / "x.npy", x.T.copy() if columns else x)
    np.save(tmp_path / "q.npy", q.T.copy() if columns else q)
    find(cfmpi, tmp_path, RANKS, "x.npy", "--queries", "q.npy", "-k", K, "--similarity",
         similarity, *(("--side", "items") if columns else ()))
    check(stored_lists(tmp_path / "1.h5", "queries"),
          reference.neighbors(x, K, similarity, q))
    ids, rows = load(tmp_path / "1.h5", "queries/id", "users/id")
    assert np.array_equal(ids, np.arange(len(q)))
    assert np.array_equal(rows, np.arange(len(x)))
    with h5py.File(tmp_path / "1.h5") as file:
        told = {name: text(value)
                for name, value in file["neighbors/queries"].attrs.items()}
    assert told["similarity"] == similarity and told["among"] == "users"


@pytest.mark.parametrize("k", [1, 299, BASE, 400])
def test_lists_up_to_the_whole_base(cfmpi, tmp_path, base, queries, k):
    np.save(tmp_path / "x.npy", base)
    np.save(tmp_path / "q.npy", queries)
    find(cfmpi, tmp_path, (1, 3), "x.npy", "--queries", "q.npy", "-k", k)
    stored = stored_lists(tmp_path / "1.h5", "queries")
    check(stored, reference.neighbors(base, k, queries=queries))
    assert stored.count.max() == min(k, BASE - 2) and stored.count.min() == 0


@pytest.mark.parametrize("form", PLAIN)
def test_files_of_every_kind(cfmpi, tmp_path, base, queries, form):
    np.save(tmp_path / "base.npy", base)
    name = PLAIN[form](tmp_path, queries)
    if form == "h5_train":
        with h5py.File(tmp_path / "x.hdf5", "r+") as file:
            file.move("train", "test")
    find(cfmpi, tmp_path, (1, 3), "base.npy", "--queries", name, "-k", K)
    check(stored_lists(tmp_path / "1.h5", "queries"),
          reference.neighbors(base, K, queries=queries))


def test_whole_numbers(cfmpi, tmp_path):
    x = np.random.default_rng(1).integers(0, 256, (300, 8))
    save_marked(tmp_path / "x.bvecs", x[:200], "u1")
    save_marked(tmp_path / "q.bvecs", x[200:], "u1")
    find(cfmpi, tmp_path, (1, 3), "x.bvecs", "--queries", "q.bvecs", "-k", K,
         "--similarity", "euclidean")
    check(stored_lists(tmp_path / "1.h5", "queries"),
          reference.neighbors(x[:200], K, "euclidean", x[200:]))


def test_rows_as_queries_among_themselves(cfmpi, tmp_path, base):
    """They are their own neighbours then."""
    np.save(tmp_path / "x.npy", base)
    find(cfmpi, tmp_path, (1, 3), "x.npy", "--queries", "x.npy", "-k", K,
         "--similarity", "euclidean")
    stored = stored_lists(tmp_path / "1.h5", "queries")
    check(stored, reference.neighbors(base, K, "euclidean", base))
    assert np.all(stored.score[:, 0] == 0)


# ---- a benchmark's file as it is ----

DISTANCES = {
    # the attribute: how the file's own distances follow from scores
    "angular": ("cosine", lambda score: 1 - score),
    "euclidean": ("euclidean", lambda score: score),
    "dot": ("dot", lambda score: -score),
}


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("test_set", ["b.hdf5:/test", "b.hdf5"])
def test_benchmark(cfmpi, tmp_path, distance, test_set):
    similarity, distance_of = DISTANCES[distance]
    rng = np.random.default_rng(4)
    train, test = (rng.standard_normal((n, 25)).astype(np.float32) for n in (700, 60))
    expected = reference.neighbors(train, 100, similarity, test)
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        file.attrs["distance"] = distance
        file.attrs["type"] = "dense"
        file["train"], file["test"] = train, test
        file["neighbors"] = expected.index.astype("i4")
        file["distances"] = distance_of(expected.score.astype(float)).astype("f4")
    outcomes = find(cfmpi, tmp_path, (1, 3), "b.hdf5:/train", "--queries", test_set, "-k",
                    100)
    stored = stored_lists(tmp_path / "1.h5", "queries")
    assert np.array_equal(stored.index, load(tmp_path / "b.hdf5", "neighbors"))
    assert np.allclose(distance_of(stored.score.astype(float)),
                       load(tmp_path / "b.hdf5", "distances"), rtol=1e-6, atol=1e-6)
    for outcome in outcomes:
        assert outcome.stderr.count(f"--similarity is {similarity}") == 1


# ---- result files ----

@pytest.fixture(scope="module")
def embedding(cfmpi, tmp_path_factory):
    """Users of text ids, items of numbers."""
    rng = np.random.default_rng(3)
    pairs = rng.permutation(60 * 25)[:500]
    rows = [f"u{at // 25 + 1},{at % 25 + 1},{rng.integers(1, 11) / 2}" for at in pairs]
    path = tmp_path_factory.mktemp("ratings") / "ratings.csv"
    path.write_text("userId,movieId,rating\n" + "\n".join(rows) + "\n")
    cfmpi("svd", path, "--dim", 9, "-o", path.with_name("e.h5"), ranks=2)
    return path.with_name("e.h5")


def ids_of(path, side):
    values = load(path, f"{side}/id")
    return [text(value) if isinstance(value, bytes) else value for value in values]


def verify(cfmpi, path, ranks=2):
    told = cfmpi("verify", path, "--sample", 1000, ranks=ranks).stdout
    assert "DIFFERENT" not in told
    return told


@pytest.mark.parametrize("side", ["users", "items"])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_vectors_among_an_embedding(cfmpi, embedding, tmp_path, side, similarity):
    x = vectors_of(embedding, side)
    q = (x[:11] + np.float32(0.01))
    np.save(tmp_path / "q.npy", q.T.copy() if side == "items" else q)
    find(cfmpi, tmp_path, (1, 3), embedding, "--queries", "q.npy", "-k", 5,
         "--side", side, "--similarity", similarity)
    check(stored_lists(tmp_path / "1.h5", "queries"),
          reference.neighbors(x, 5, similarity, q), rtol=1e-6)
    assert np.array_equal(load(tmp_path / "1.h5", "queries/vectors"), q)
    assert "neighbours of 11 queries by brute force, 0 differ" in verify(
        cfmpi, tmp_path / "1.h5")


@pytest.mark.parametrize("side", ["users", "items"])
def test_an_embedding_among_another(cfmpi, embedding, tmp_path, side):
    find(cfmpi, tmp_path, (1, 3), embedding, "--queries", embedding, "-k", 5,
         "--side", side)
    x = vectors_of(embedding, side)
    check(stored_lists(tmp_path / "1.h5", "queries"),
          reference.neighbors(x, 5, queries=x), rtol=1e-6)
    assert ids_of(tmp_path / "1.h5", "queries") == ids_of(embedding, side)
    assert "queries by brute force, 0 differ" in verify(cfmpi, tmp_path / "1.h5")


# ---- some rows ----

CHOSEN = [0, 3, 7, 8, 100, 254, BASE - 1]


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("chosen", [CHOSEN, [4], list(range(BASE))],
                         ids=["some", "one", "all"])
def test_some_vectors(cfmpi, tmp_path, base, similarity, chosen):
    np.save(tmp_path / "x.npy", base)
    order = np.random.default_rng(1).permutation(chosen)
    (tmp_path / "only.txt").write_text("\n".join(map(str, order)) + "\n\n"
                                       f"{chosen[0]}\r\n")
    find(cfmpi, tmp_path, RANKS, "x.npy", "--only", "only.txt", "-k", K, "--similarity",
         similarity)
    stored = stored_lists(tmp_path / "1.h5", "queries")
    check(stored, reference.neighbors(base, K, similarity, own=chosen))
    assert load(tmp_path / "1.h5", "queries/row").tolist() == chosen
    assert load(tmp_path / "1.h5", "queries/id").tolist() == chosen


@pytest.mark.parametrize("side, names", [("users", ["u9", "u59", "u10", "u1", "u31"]),
                                         ("items", ["17", "3", "25"])])
@pytest.mark.parametrize("source", ["result", "ratings"])
def test_some_users_and_items(cfmpi, embedding, tmp_path, side, names, source):
    """From ratings as from their embedding: ids stand elsewhere then."""
    (tmp_path / "only.txt").write_text("\n".join(names))
    given = embedding if source == "result" else embedding.with_name("ratings.csv")
    more = () if source == "result" else ("--dim", 9)
    ranks = (1, 3, 7) if source == "result" else (3,)
    find(cfmpi, tmp_path, ranks, given, "--only", "only.txt", "-k", 5, "--side", side,
         *more)
    made_at = tmp_path / f"{ranks[0]}.h5"
    known = [str(name) for name in ids_of(embedding, side)]
    chosen = sorted(known.index(name) for name in names)
    assert load(made_at, "queries/row").tolist() == chosen
    assert [str(name) for name in ids_of(made_at, "queries")] == [
        known[row] for row in chosen]
    check(stored_lists(made_at, "queries"),
          reference.neighbors(vectors_of(made_at, side), 5, own=chosen), rtol=1e-6)
    assert f"{len(names)} queries by brute force, 0 differ" in verify(cfmpi, made_at)


# ---- what other commands make of them ----

@pytest.mark.parametrize("ranks", [1, 3])
def test_later_commands(cfmpi, embedding, tmp_path, ranks):
    (tmp_path / "only.txt").write_text("17\n3\n")
    cfmpi("neighbors", embedding, "--only", "only.txt", "--side", "items", "-k", 4, "-o",
          "o.h5", ranks=ranks, cwd=tmp_path)
    shown = cfmpi("info", "o.h5", ranks=ranks, cwd=tmp_path).stdout
    assert "query neighbours 4 for each of 2, 2 lists full" in shown
    printed = cfmpi("export", "o.h5", "--part", "neighbors-queries", ranks=ranks,
                    cwd=tmp_path).stdout.splitlines()
    index, score = load(tmp_path / "o.h5", "neighbors/queries/index",
                        "neighbors/queries/score")
    items = ids_of(embedding, "items")
    assert printed[0] == "query,rank,neighbor,score"
    rows = [line.split(",") for line in printed[1:]]
    assert [row[:3] for row in rows] == [
        [name, str(place + 1), str(items[index[i, place]])]
        for i, name in enumerate(["3", "17"]) for place in range(4)]
    assert [np.float32(row[3]) for row in rows] == score.ravel().tolist()


def test_lists_of_all_rows_stay(cfmpi, embedding, tmp_path):
    """Of users, of items and of queries in one file, each carried forward."""
    (tmp_path / "only.txt").write_text("u3")
    steps = [("--side", "both"), ("--only", "only.txt", "--similarity", "euclidean"),
             ("--side", "items", "--similarity", "dot")]
    source, seen = embedding, []
    for number, options in enumerate(steps):
        cfmpi("neighbors", source, "-k", 5, *options, "-o", f"{number}.h5", ranks=2,
              cwd=tmp_path)
        source = tmp_path / f"{number}.h5"
        seen.append(digests(source))
        assert verify(cfmpi, source).count("by brute force, 0 differ") == 2 + (number > 0)
    users = {name for name in seen[0] if name.startswith(("neighbors/users", "users"))}
    queries = {name for name in seen[1] if "queries" in name}
    assert len(queries) == 7
    assert all(seen[2][name] == seen[0][name] for name in users)
    assert all(seen[2][name] == seen[1][name] for name in queries)
    with h5py.File(source) as file:
        assert text(file["neighbors"].attrs["similarity"]) == "mixed"
        assert text(file["neighbors/queries"].attrs["similarity"]) == "euclidean"
    # A new embedding leaves none of them.
    cfmpi("svd", source, "--dim", 5, "-o", "s.h5", cwd=tmp_path)
    assert not any("neighbors" in name or "queries" in name
                   for name in digests(tmp_path / "s.h5"))
