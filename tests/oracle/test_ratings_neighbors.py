"""Neighbours by the ratings themselves, against float64 matrix products."""
import h5py
import numpy as np
import pytest
import reference
import scipy.sparse as sparse
from conftest import together
from ratings_similarity import similarity

SIMILARITIES = {
    "cosine": [{}, {"shrinkage": 50.0}, {"min_overlap": 5, "significance": 20}],
    "dot": [{}], "euclidean": [{}, {"min_overlap": 3}],
    "centered-cosine": [{}, {"min_overlap": 4}], "adjusted-cosine": [{}],
    "asymmetric-cosine": [{"alpha": 0.2}, {"alpha": 0.8, "shrinkage": 3.0}],
    "pearson": [{}, {"shrinkage": 100.0}], "pearson-baseline": [{"shrinkage": 100.0}],
    "msd": [{}, {"significance": 50}], "jaccard": [{}], "dice": [{}],
    "tversky": [{"alpha": 0.9, "beta": 0.1}], "p3alpha": [{"alpha": 0.6}],
    "rp3beta": [{"alpha": 0.8, "beta": 0.4}],
}
CASES = [(name, options) for name, all_options in SIMILARITIES.items()
         for options in all_options]


def arguments(name, options):
    given = ["--space", "ratings", "--similarity", name]
    for option, value in options.items():
        given += ["--" + option.replace("_", "-"), value]
    return given


def stored(path, side):
    with h5py.File(path, "r") as file:
        return reference.Lists(*(file[f"neighbors/{side}/{part}"][()]
                                 for part in reference.Lists._fields))


def check(lists, score, distance):
    """Lists are of the best scores, in their own order, ties by row."""
    n, k = lists.index.shape
    score = score.copy()
    np.fill_diagonal(score, np.nan)
    size = np.nanmax(np.abs(score), initial=1e-3)
    near = {"rtol": 1e-6, "atol": 1e-6 * min(size, 1), "equal_nan": True}
    assert np.array_equal(lists.count, np.minimum(k, (~np.isnan(score)).sum(axis=1)))
    best = np.sort(score if distance else -score, axis=1)[:, :k]
    best = np.pad(best, ((0, 0), (0, k - best.shape[1])), constant_values=np.nan)
    assert np.allclose(lists.score, best if distance else -best, **near)
    there = lists.index >= 0
    row = np.nonzero(there)[0]
    assert np.array_equal(there.sum(axis=1), lists.count)
    assert np.allclose(lists.score[there], score[row, lists.index[there]], **near)
    sign = 1 if distance else -1
    before, after = sign * lists.score[:, :-1], sign * lists.score[:, 1:]
    tie = lists.index[:, :-1] < lists.index[:, 1:]
    assert np.all((before < after) | ((before == after) & tie) | np.isnan(after))


def run(cfmpi, ratings, folder, name, options, k, ranks=2, side="both"):
    out = folder / f"{name}-{len(options)}-{ranks}.h5"
    cfmpi("neighbors", ratings, *arguments(name, options), "-k", k, "--side", side,
          "-o", out, "--force", ranks=ranks)
    return out


@pytest.mark.parametrize("dataset, sides", [
    ("ml-100k", ("users", "items")), ("ml-latest-small", ("users",))], indirect=["dataset"])
@pytest.mark.parametrize("name, options", CASES)
def test_all_pairs(cfmpi, dataset, sides, tmp_path, name, options):
    """Lists as long as there are rows hold all pairs."""
    path = run(cfmpi, dataset.ratings, tmp_path, name, options, 1700,
               side="both" if len(sides) > 1 else sides[0])
    for side in sides:
        score = similarity(name, dataset.matrix, side == "items", **options)
        check(stored(path, side), score, name == "euclidean")


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
@pytest.mark.parametrize("name", SIMILARITIES)
def test_rank_counts(cfmpi, dataset, tmp_path, name):
    options = SIMILARITIES[name][-1]
    paths = together(lambda ranks: run(cfmpi, dataset.ratings, tmp_path, name, options, 20,
                                       ranks), (1, 2, 3, 7))
    assert len({tuple(reference.digests(path, "neighbors").items()) for path in paths}) == 1
    assert len(reference.digests(paths[0], "neighbors")) == 10


# Ratings that no one would wish for

def write(path, entries):
    lines = [f"{user},{item},{value!r}\n" for user, item, value in entries]
    path.write_text("userId,movieId,rating\n" + "".join(lines))
    return path


def matrix_of(entries):
    users = np.unique([user for user, _, _ in entries], return_inverse=True)
    items = np.unique([item for _, item, _ in entries], return_inverse=True)
    value = np.array([np.float32(value) for _, _, value in entries], float)
    # Stored zeros stay: nothing is summed up or left out.
    return sparse.csr_matrix((value, (users[1], items[1])),
                             shape=(len(users[0]), len(items[0])))


def random_entries(seed, users, items, share, value):
    generator = np.random.default_rng(seed)
    return [(user, item, value(generator)) for user in range(users)
            for item in range(items) if generator.random() < share]


BAD = {
    "floats": lambda: random_entries(1, 80, 30, 0.3, lambda g: float(np.float32(
        g.uniform(-10, 10)))),
    "to-100": lambda: random_entries(2, 80, 30, 0.3, lambda g: int(g.integers(1, 101))),
    "zeros": lambda: random_entries(3, 80, 12, 0.4, lambda g: int(g.integers(-2, 3))),
    "one-rating": lambda: [(user, user % 7, 1 + user % 5) for user in range(60)]
                          + [(99, item, 3) for item in range(7)],
    "constant": lambda: random_entries(4, 60, 20, 0.4, lambda g: 3)
                        + [(70, item, 1 + item % 5) for item in range(20)],
    "everything": lambda: random_entries(5, 50, 40, 0.1, lambda g: g.integers(1, 11) / 2)
                          + [(60, item, 0.5 + item % 10 / 2) for item in range(40)],
    "large": lambda: random_entries(6, 60, 20, 0.4, lambda g: int(g.integers(1, 1 << 20))),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("name", SIMILARITIES)
def test_unkind_ratings(cfmpi, tmp_path, kind, name):
    entries = BAD[kind]()
    below = min(value for _, _, value in entries) < 0
    ratings = write(tmp_path / "ratings.csv", entries)
    options = SIMILARITIES[name][0]
    if below and name in ("p3alpha", "rp3beta"):
        outcome = cfmpi("neighbors", ratings, *arguments(name, options), "-o",
                        tmp_path / "n.h5", code=65, ranks=2)
        assert "below 0" in outcome.errors[0]
        return
    path = run(cfmpi, ratings, tmp_path, name, options, 100, ranks=3)
    for side in ("users", "items"):
        score = similarity(name, matrix_of(entries), side == "items", **options)
        check(stored(path, side), score, name == "euclidean")


def long_rows(others):
    """Pairs of users whose sums reach what 16 bits (655 times 10 x 10) and packed
    fields (51 ratings that few of the others have) hold, and pass it by one."""
    entries = [(0, item, value / 2) for item, value in enumerate(range(1, 11))]
    first = 2000
    for user, count in enumerate((654, 655, 656, 1310, 1311)):
        for twin in (0, 1):
            entries += [(10 + 2 * user + twin, item, 5) for item in range(count)]
    for user, count in enumerate((50, 51, 52, 53, 102)):
        for twin in (0, 1):
            entries += [(30 + 2 * user + twin, first + item, 5 - 4.5 * (item == 0))
                        for item in range(count)]
        first += count
    return entries + [(100 + user, user % 3, 1 + user % 5) for user in range(others)]


@pytest.mark.parametrize("name, options", [
    ("pearson", {}), ("msd", {}), ("jaccard", {}), ("euclidean", {}),
    ("cosine", {}), ("cosine", {"min_overlap": 2})])
def test_sums_at_their_limits(cfmpi, tmp_path, name, options):
    for others in (0, 1000):
        entries = long_rows(others)
        path = run(cfmpi, write(tmp_path / "ratings.csv", entries), tmp_path, name,
                   options, 20, side="users")
        score = similarity(name, matrix_of(entries), False, **options)
        check(stored(path, "users"), score, name == "euclidean")


def test_constant_users_have_no_correlation(cfmpi, tmp_path):
    """0, and they are neighbours of those with whom they share items."""
    path = run(cfmpi, write(tmp_path / "ratings.csv", BAD["constant"]()), tmp_path,
               "pearson", {}, 100)
    lists = stored(path, "users")
    assert np.all(lists.count > 30) and np.nanmax(np.abs(lists.score)) == 0


def test_identical_users_by_the_thousand(cfmpi, tmp_path):
    """3,000 users of three kinds: ties by id, and all of them counted."""
    entries = [(user, item, 1 + (user % 3 + item) % 5) for user in range(3000)
               for item in range(user % 3, 9, 2)]
    path = run(cfmpi, write(tmp_path / "ratings.csv", entries), tmp_path, "cosine", {}, 20,
               ranks=3, side="users")
    lists = stored(path, "users")
    alike = np.array([[other for other in range(row % 3, 70, 3) if other != row][:20]
                      for row in range(3000)])
    assert np.array_equal(lists.index, alike)
    assert np.all(lists.score == 1) and np.all(lists.ties == 1000 - 21)
    assert np.all(lists.gap == 0)


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
def test_a_run_on_ratings(cfmpi, dataset, tmp_path):
    """Recommendations by rating neighbours, without an embedding; step by step
    gives the same."""
    given = arguments("pearson", {"shrinkage": 25.0})
    whole, lists, steps = (tmp_path / name for name in ("run.h5", "n.h5", "r.h5"))
    cfmpi("run", dataset.ratings, *given, "-o", whole, ranks=3)
    cfmpi("neighbors", dataset.ratings, *given, "-o", lists, ranks=2)
    cfmpi("recommend", lists, "-o", steps)
    assert reference.digests(whole) == reference.digests(steps)
    assert not reference.digests(whole, "embedding")
    assert "recommendations/index" in reference.digests(whole)
    with h5py.File(whole, "r") as file:
        assert reference.text(file["neighbors"].attrs["space"]) == "ratings"
        assert reference.text(file["neighbors/users"].attrs["similarity"]) == "pearson"
    told = cfmpi("verify", whole).stdout
    assert "differ; they are on the ratings" in told


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
def test_weighted_ratings(cfmpi, dataset, tmp_path):
    """tf-idf, as scikit-learn would have it: weights, then cosines."""
    path = tmp_path / "n.h5"
    cfmpi("neighbors", dataset.ratings, "--space", "ratings", "--weighting", "tfidf", "-k",
          30, "-o", path, ranks=2)
    matrix = dataset.matrix.copy()
    df = np.bincount(matrix.indices, minlength=matrix.shape[1])
    idf = np.log(matrix.shape[0]) - np.log1p(df)
    matrix.data = (np.sqrt(matrix.data) * idf[matrix.indices]).astype(np.float32).astype(float)
    check(stored(path, "users"), similarity("cosine", matrix, False), False)


@pytest.mark.parametrize("args, told", [
    (["--similarity", "msd", "--space", "embedding"], "add --space=ratings"),
    (["--min-overlap", 3], "add --space=ratings"),
    (["--space", "ratings", "--dim", 8], "--dim"),
    (["--space", "ratings", "--similarity", "msd", "--alpha", 1], "--alpha"),
    (["--space", "ratings", "--similarity", "asymmetric-cosine", "--alpha", 1.5], "--alpha"),
    (["--space", "ratings", "--similarity", "euclidean", "--significance", 5],
     "--significance"),
    (["--space", "ratings", "--similarity", "sine"], "'sine'"),
])
def test_options_that_do_not_fit(cfmpi, tmp_path, args, told):
    ratings = write(tmp_path / "ratings.csv", [(1, 1, 4), (2, 1, 5)])
    outcome = cfmpi("neighbors", ratings, *args, "-o", tmp_path / "n.h5", code=64, ranks=2)
    assert told in outcome.errors[0]
