"""Weights, centring, scales, sizes and starts of the embedding, from their
definitions in float64."""
import json
import re
import shutil

import h5py
import numpy as np
import pytest
import reference
import scipy.sparse as sparse
from conftest import together
from reference import digest, digests, load, stored_bytes, text
from scipy.sparse.linalg import svds
from test_neighbors import check, stored_lists

WEIGHTINGS = ["none", "log", "binary", "tfidf", "bm25"]
CENTRES = ["none", "user", "item", "both"]
VECTORS = ("embedding/users", "embedding/items", "embedding/singular_values")


# Definitions. N users, df of whom rated the item; what is rated stays stored,
# zeros included.

def weighted(matrix, weighting):
    a = matrix.tocoo()
    r, users = a.data.astype(float), a.shape[0]
    length = np.bincount(a.row, r, users)
    idf = np.log(users) - np.log(1 + np.bincount(a.col, minlength=a.shape[1]))
    values = {
        "none": lambda: r,
        "log": lambda: np.log(1 + r),
        "binary": lambda: np.ones_like(r),
        "tfidf": lambda: np.sqrt(r) * idf[a.col],
        "bm25": lambda: r * 2.2 / (1.2 * (0.25 + 0.75 * length[a.row]
                                          / length.mean()) + r) * idf[a.col],
    }[weighting]()
    return a, values, idf, length.mean()


def means(group, values, groups):
    count = np.bincount(group, minlength=groups)
    return np.bincount(group, values, groups) / np.maximum(count, 1)


def transformed(matrix, weighting="none", center="none"):
    """The matrix that is decomposed, and the means taken from the items."""
    a, values, _, _ = weighted(matrix, weighting)
    item_mean = means(a.col, values, a.shape[1])
    if center in ("item", "both"):
        values = values - item_mean[a.col]
    if center in ("user", "both"):
        values = values - means(a.row, values, a.shape[0])[a.row]
    return sparse.csr_matrix((values, (a.row, a.col)), a.shape), item_mean


def attributes(path):
    with h5py.File(path, "r") as file:
        return {name: text(value) if isinstance(value, (bytes, str)) else value
                for name, value in file["embedding"].attrs.items()}


def save_csv(path, dense):
    user, item = np.nonzero(dense)
    np.savetxt(path, np.c_[user, item, dense[user, item]], "%.9g", ",",
               header="userId,movieId,rating", comments="")
    return path


# Weights and centring

def check_embedding(path, matrix):
    """Triplets and certificate of the file are those of this matrix, but for
    its rounding to float32."""
    users, v, sigma = load(path, *VECTORS)
    exact = np.sort(svds(matrix, k=len(sigma), tol=0,
                         return_singular_vectors=False))[::-1]
    assert np.allclose(sigma, exact, rtol=1e-6, atol=0)
    left, right, orthogonality = reference.residuals(matrix, users, sigma, v)
    residual = load(path, "embedding/residuals")
    rounding = 1e-7 * np.linalg.norm(matrix.data) / sigma
    assert residual.max() <= 1e-5
    assert np.all(np.abs(np.maximum(left, right) - residual) <= rounding)
    stored = attributes(path)["orthogonality"]
    assert abs(stored - orthogonality) <= rounding.max()
    share = load(path, "embedding/explained_variance")
    assert np.allclose(share, exact**2 / (matrix.data**2).sum(), rtol=3e-6, atol=0)


def check_learned(path, matrix, weighting, center):
    _, _, idf, mean_length = weighted(matrix, weighting)
    told = attributes(path)
    assert (told["weighting"], told["center"]) == (weighting, center)
    assert told["mean_length"] == pytest.approx(
        mean_length if weighting == "bm25" else 0, rel=1e-12, abs=0)
    with h5py.File(path, "r") as file:
        stored = set(file["embedding"])
    assert ("idf" in stored) == (weighting in ("tfidf", "bm25"))
    assert ("item_mean" in stored) == (center in ("item", "both"))
    if "idf" in stored:
        assert np.allclose(load(path, "embedding/idf"), idf, rtol=0, atol=1e-13)
    if "item_mean" in stored:
        exact = transformed(matrix, weighting, center)[1]
        assert np.allclose(load(path, "embedding/item_mean"), exact, rtol=1e-6,
                           atol=1e-6)


# Ones less their mean leave nothing: see the matrices of zeros below.
PAIRS = [(weighting, center) for weighting in WEIGHTINGS for center in CENTRES
         if weighting != "binary" or center == "none"]


@pytest.mark.parametrize("dataset, pairs", [
    ("ml-100k", PAIRS),
    ("ml-latest-small", [("none", "both"), ("tfidf", "user"), ("bm25", "item")]),
], indirect=["dataset"], ids=["more_users", "more_items"])
def test_weights_and_centring(cfmpi, dataset, tmp_path, pairs):
    def one(pair):
        path = tmp_path / f"{'-'.join(pair)}.h5"
        cfmpi("svd", dataset.ratings, "-o", path, "--dim", 6, "--tol", 1e-5,
              "--weighting", pair[0], "--center", pair[1], ranks=0)
        verdict = cfmpi("verify", path, ranks=0).stdout
        assert "DIFFERENT" not in verdict and "residuals of 6" in verdict
        return path
    for pair, path in zip(pairs, together(one, pairs)):
        check_learned(path, dataset.matrix, *pair)
        check_embedding(path, transformed(dataset.matrix, *pair)[0])


@pytest.mark.parametrize("options", [("tfidf", "both"), ("bm25", "item")],
                         ids="-".join)
def test_what_is_learned_does_not_depend_on_the_ranks(cfmpi, data, tmp_path, options):
    ratings = data / "ml-latest-small/ratings.csv"

    def one(ranks):
        path = tmp_path / f"{ranks}.h5"
        cfmpi("svd", ratings, "-o", path, "--dim", 4, "--weighting", options[0],
              "--center", options[1], ranks=ranks)
        return path
    first, *others = together(one, [1, 2, 3, 7])
    learned = digests(first, "embedding/idf", "embedding/item_mean")
    assert len(learned) == 2
    for path in others:
        assert digests(path, "embedding/idf", "embedding/item_mean") == learned
        assert attributes(path)["mean_length"] == attributes(first)["mean_length"]
        assert np.allclose(load(path, VECTORS[2]), load(first, VECTORS[2]),
                           rtol=1e-6, atol=0)


# What has no weights, or nothing left to decompose

def random_ratings(shape=(40, 25), seed=2, highest=11):
    """Halves from 0.5 on, every tenth or so missing."""
    return np.random.default_rng(seed).integers(0, highest, shape) / 2


def test_ratings_that_have_no_weight_are_counted(cfmpi, tmp_path):
    dense = random_ratings()
    dense[[1, 20, 30, 39], [2, 5, 24, 3]] = -1, -0.25, -0.75, -7
    ratings = save_csv(tmp_path / "r.csv", dense)
    cases = [("tfidf", "below 0, of which there are 4", 3),
             ("bm25", "below 0, of which there are 4", 0),
             ("log", "of -1 and less, of which there are 2", 3)]

    def one(case):
        return cfmpi("svd", ratings, "-o", tmp_path / f"{case[0]}.h5", "--weighting",
                     case[0], ranks=case[2], code=65)
    for (name, message, _), told in zip(cases, together(one, cases)):
        assert len(told.errors) == 1
        assert f"--weighting={name}: is not defined for ratings {message}" in told.errors[0]
        assert not (tmp_path / f"{name}.h5").exists()


def test_a_logarithm_takes_what_is_above_minus_one(cfmpi, tmp_path):
    dense = random_ratings()
    dense[dense == 2] = -0.75
    out = tmp_path / "e.h5"
    cfmpi("svd", save_csv(tmp_path / "r.csv", dense), "-o", out, "--dim", 4,
          "--tol", 1e-5, "--weighting", "log", ranks=0)
    check_embedding(out, transformed(sparse.csr_matrix(dense), "log")[0])


def test_users_whose_ratings_are_all_equal(cfmpi, tmp_path):
    """Less their mean they are rows of exact zeros, whatever the value."""
    dense = random_ratings()
    same = [0, 7, 23, 39]
    dense[same] = np.where(dense[same] > 0, [[0.1], [3], [1 / 3], [4.7]], 0)
    out = tmp_path / "e.h5"
    cfmpi("svd", save_csv(tmp_path / "r.csv", dense), "-o", out, "--dim", 4,
          "--tol", 1e-5, "--center", "user", ranks=0)
    assert not load(out, "embedding/users")[same].any()
    check_embedding(out, transformed(sparse.csr_matrix(dense.astype(np.float32)),
                                     "none", "user")[0])


@pytest.mark.parametrize("shape", [(40, 25), (290, 300)], ids=["small", "large"])
def test_nothing_is_left(cfmpi, tmp_path, shape):
    """All zero: no triplet explains anything, and V is orthonormal still."""
    there = np.random.default_rng(5).random(shape) < 0.4
    file = tmp_path / "r.npz"
    sparse.save_npz(file, sparse.csr_matrix(there * 0.7))
    cases = [(method, options) for method in ("krylov", "gram") for options in (
        ("--dim", 20, "--weighting", "binary", "--center", "item"),
        ("--dim", 20, "--center", "both"), ("--center", "user", "--variance", 0.5))]

    def one(case):
        out = tmp_path / f"{cases.index(case)}.h5"
        cfmpi("svd", file, "-o", out, "--svd", case[0], *case[1], ranks=0)
        return out
    for (_, options), out in zip(cases, together(one, cases)):
        users, v, sigma = load(out, *VECTORS)
        assert len(sigma) == (20 if "--dim" in options else 1)
        assert not users.any() and not sigma.any()
        assert not load(out, "embedding/explained_variance").any()
        assert np.allclose(v.T.astype(float) @ v, np.eye(len(sigma)), atol=1e-6)


def test_users_and_items_without_ratings(cfmpi, tmp_path):
    """Kept by the file they count among N, have the largest weight and no
    mean."""
    dense = random_ratings((50, 45))
    dense[[0, 13, 49]] = 0
    dense[:, [0, 1, 30, 44]] = 0
    matrix = sparse.csr_matrix(dense)
    file = tmp_path / "r.npz"
    sparse.save_npz(file, matrix)
    pairs = [("tfidf", "item", 0), ("bm25", "both", 3), ("none", "user", 0)]

    def one(pair):
        out = tmp_path / f"{pair[0]}.h5"
        cfmpi("svd", file, "-o", out, "--dim", 4, "--tol", 1e-5, "--weighting",
              pair[0], "--center", pair[1], ranks=pair[2])
        return out
    for (*pair, _), out in zip(pairs, together(one, pairs)):
        check_learned(out, matrix, *pair)
        check_embedding(out, transformed(matrix, *pair)[0])
        if pair[1] != "user":
            assert not load(out, "embedding/item_mean")[[0, 1, 30, 44]].any()


# Files that were changed

@pytest.fixture(scope="module")
def weighted_file(cfmpi, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weighted")
    cfmpi("svd", save_csv(folder / "r.csv", random_ratings()), "-o", folder / "e.h5",
          "--dim", 4, "--weighting", "bm25", "--center", "item", "--embedding",
          "us-half", ranks=0)
    return folder / "e.h5"


def seal(path, name):
    """A digest that fits what stands there now."""
    fitting = digest(stored_bytes(path, name))
    with h5py.File(path, "r+") as file:
        file[name].attrs.modify("digest", np.bytes_(fitting))


def flip(path, name):
    with h5py.File(path, "r") as file:
        place = file[name].id.get_offset()
    with open(path, "r+b") as file:
        file.seek(place + 8)
        byte = file.read(1)[0]
        file.seek(place + 8)
        file.write(bytes([byte ^ 1]))


def mark(name, value):
    def change(path):
        with h5py.File(path, "r+") as file:
            file["embedding"].attrs[name] = value
    return change


def enlarge(name):
    def change(path):
        with h5py.File(path, "r+") as file:
            file[name][:] *= 1.5
        seal(path, name)
    return change


CHANGES = {
    "idf": (lambda path: flip(path, "embedding/idf"), 1,
            "DIFFERENT  /embedding/idf: digest"),
    "item_mean": (lambda path: flip(path, "embedding/item_mean"), 1,
                  "DIFFERENT  /embedding/item_mean: digest"),
    "idf_sealed": (enlarge("embedding/idf"), 1, "DIFFERENT  residuals"),
    "item_mean_sealed": (enlarge("embedding/item_mean"), 1, "DIFFERENT  residuals"),
    "mean_length": (mark("mean_length", 20.0), 1, "DIFFERENT  residuals"),
    "weighting": (mark("weighting", "tfidf"), 1, "DIFFERENT  residuals"),
    "center": (mark("center", "both"), 1, "DIFFERENT  residuals"),
    "rows": (mark("rows", "us"), 1, "DIFFERENT  residuals"),
    "no_weighting": (mark("weighting", "none of ours"), 65,
                     "a weighting that is not known"),
}


def test_verify_finds_what_was_changed(cfmpi, weighted_file, tmp_path):
    assert "DIFFERENT" not in cfmpi("verify", weighted_file, ranks=0).stdout

    def one(name):
        change, code, _ = CHANGES[name]
        path = shutil.copy(weighted_file, tmp_path / f"{name}.h5")
        change(path)
        return cfmpi("verify", path, ranks=0, code=code)
    for name, told in zip(CHANGES, together(one, CHANGES)):
        assert CHANGES[name][2] in told.stdout + told.stderr, name


def test_rows_of_an_unknown_kind_are_refused(cfmpi, weighted_file, tmp_path):
    path = shutil.copy(weighted_file, tmp_path / "e.h5")
    mark("rows", "none of ours")(path)
    told = cfmpi("neighbors", path, "-o", tmp_path / "n.h5", "--side", "both",
                 ranks=0, code=65)
    assert "rows of an unknown kind" in told.stderr


def test_options_of_an_embedding_that_is_there(cfmpi, weighted_file, tmp_path):
    """Even what it was made with: it would set nothing."""
    options = [("--weighting", "none"), ("--center", "none"),
               ("--embedding", "us-half"), ("--variance", 0), ("--svd", "auto"),
               ("--start", weighted_file)]

    def one(option):
        return cfmpi("neighbors", weighted_file, "-o", tmp_path / "n.h5", *option,
                     ranks=0, code=64)
    for option, told in zip(options, together(one, options)):
        assert f"so {option[0]} has nothing to set" in told.stderr
    assert not (tmp_path / "n.h5").exists()


# The number of dimensions from the share they explain

def check_orthogonality(path):
    """What is stored is of the triplets that are stored."""
    users, _, sigma = load(path, *VECTORS)
    told = attributes(path)
    power = {"us": 1, "u": 0, "us-half": 0.5}[told["rows"]]
    u = users.astype(float) / sigma**power
    most = np.abs(u.T @ u - np.eye(len(sigma))).max()
    assert told["orthogonality"] == pytest.approx(most, rel=1e-6)


def test_as_many_dimensions_as_explain_the_share(cfmpi, data, tmp_path):
    """Fewer than are looked for at first, and more: two rounds, and three."""
    files = reference.dataset(data, "ml-100k")
    cases = [(0.3, "us"), (0.6, "u"), (0.72, "us-half")]
    squares = np.cumsum(np.linalg.svd(files.matrix.toarray(), compute_uv=False)**2)
    dims = [int(np.argmax(squares >= share * squares[-1])) + 1 for share, _ in cases]
    assert dims[0] < 32 < dims[1] < 64 < dims[2]

    def one(case):
        out = tmp_path / f"{case[1]}.h5"
        told = cfmpi("svd", files.ratings, "-o", out, "--variance", case[0],
                     "--embedding", case[1], ranks=0)
        assert "note" not in told.stderr
        return out
    for (share, _), dim, out in zip(cases, dims, together(one, cases)):
        shown = load(out, "embedding/explained_variance")
        assert len(shown) == dim
        assert shown.sum() >= share > shown[:-1].sum()
        assert load(out, VECTORS[0]).shape == (943, dim)
        check_orthogonality(out)


def of_low_rank(shape, rank):
    base = random_ratings((rank, shape[1]), highest=10)
    return base[np.arange(shape[0]) % rank]


@pytest.mark.parametrize("matrix, options, dim, note", [
    (random_ratings(), ("--variance", 1), 25, False),
    (random_ratings(), ("--variance", 0.9), 9, False),
    (random_ratings(), ("--variance", 0.9, "--dim", 9), 9, False),
    (random_ratings(), ("--variance", 0.9, "--dim", 8), 8, True),
    (random_ratings(), ("--variance", 1e-9), 1, False),
    (of_low_rank((40, 25), 4), ("--variance", 1), 4, False),
    (of_low_rank((400, 600), 40), ("--variance", 1), 40, False),
], ids=["all", "some", "exact_cap", "cap", "tiny", "low_rank", "large_low_rank"])
def test_the_whole_and_the_cap(cfmpi, tmp_path, matrix, options, dim, note):
    file = tmp_path / "r.npz"
    sparse.save_npz(file, sparse.csr_matrix(matrix))

    def one(method):
        out = tmp_path / f"{method}.h5"
        told = cfmpi("svd", file, "-o", out, "--svd", method, *options, ranks=0)
        said = f"{dim} dimensions explain less than --variance={options[1]}"
        assert (said in told.stderr) == note
        assert "note" not in told.stderr.replace(f"note: {said}", "")
        return out
    exact = np.linalg.svd(matrix, compute_uv=False)
    for out in together(one, ["krylov", "gram"]):
        assert np.allclose(load(out, VECTORS[2]), exact[:dim], rtol=1e-6, atol=0)
        check_orthogonality(out)


def test_a_cap_above_the_sizes_is_refused(cfmpi, tmp_path):
    told = cfmpi("svd", save_csv(tmp_path / "r.csv", random_ratings()), "-o",
                 tmp_path / "e.h5", "--variance", 0.9, "--dim", 26, ranks=0, code=64)
    assert "26 is over min(users, items) = 25" in told.stderr


# Starts

def many_users():
    """2,500 users, more than go through a product at once, and more items."""
    rng = np.random.default_rng(8)
    cells = np.unique(np.c_[rng.integers(0, 2500, 40000),
                            2600 * rng.random(40000)**4].astype(int), axis=0)
    return np.c_[cells, 1 + cells.sum(axis=1) % 5]


def write_rows(path, rows):
    path.write_text("".join(f"{user}\t{item}\t{rating}\t0\n"
                            for user, item, rating in rows))
    return path


@pytest.fixture(scope="module")
def starts(cfmpi, data, tmp_path_factory):
    """Ratings and earlier results of them, by name; "text" has an item more,
    whose id is no number."""
    folder = tmp_path_factory.mktemp("starts")
    rows = [line.split("\t")[:3] for line
            in (data / "ml-100k/u.data").read_text().splitlines()]
    write_rows(folder / "same.tsv", rows)
    write_rows(folder / "turned.tsv", [[item, user, rating]
                                       for user, item, rating in rows])
    write_rows(folder / "many.tsv", many_users())
    write_rows(folder / "text.tsv", rows + [["1", "no number", "3"]])
    write_rows(folder / "partly.tsv", [
        [user, int(item) + (5000 if int(item) % 10 == 0 else 0), rating]
        for user, item, rating in rows if user != "7"])
    write_rows(folder / "other.tsv", [[user, int(item) + 5000, rating]
                                      for user, item, rating in rows])

    def one(case):
        name, dim = case
        cfmpi("svd", folder / f"{name}.tsv", "-o", folder / f"{name}{dim}.h5",
              "--dim", dim, ranks=0)
    together(one, [("same", 20), ("same", 40), ("same", 3), ("text", 20),
                   ("turned", 20), ("many", 20)])
    return folder


@pytest.fixture(scope="module")
def started(cfmpi, starts, tmp_path_factory):
    """started([(ratings, start, ranks)]) -> [(embedding, passes, stderr)]"""
    folder = tmp_path_factory.mktemp("started")

    def one(case):
        name, start, ranks = case
        out, report = (folder / f"{name}-{start}-{ranks}.{end}" for end in ("h5", "json"))
        options = ("--start", starts / f"{start}.h5") if start else ()
        told = cfmpi("svd", starts / f"{name}.tsv", "-o", out, "--dim", 20, "--tol",
                     1e-4, *options, "--report", report, ranks=ranks)
        return out, json.loads(report.read_text())["svd"]["passes"], told.stderr
    return lambda cases: together(one, cases)


def check_started(path):
    matrix = stored_matrix(path)
    exact = np.sort(svds(matrix, k=20, tol=0, return_singular_vectors=False))
    assert np.allclose(load(path, VECTORS[2]), exact[::-1], rtol=1e-6, atol=0)
    assert load(path, "embedding/residuals").max() <= 1e-4
    check_orthogonality(path)


def test_a_start_from_the_same_ratings_saves_passes(started):
    """From as many dimensions or more, on any rank count, whichever side is
    smaller, and with ids that became text or numbers."""
    cases = [("same", None, 0), ("same", "same20", 0), ("same", "same20", 3),
             ("same", "same40", 0), ("same", "text20", 3), ("text", "same20", 3),
             ("turned", None, 0), ("turned", "turned20", 3),
             ("many", None, 0), ("many", "many20", 0)]
    usual = 0
    for (name, start, _), (path, passes, _) in zip(cases, started(cases)):
        check_started(path)
        # Of a start that is wrong in part some use is left.
        assert start is None or passes < usual, (name, start, passes, usual)
        usual = usual if start else passes


def test_a_start_from_other_items_does_no_harm(started):
    """Few dimensions, a tenth of the items new, all of them new."""
    cases = [("same", "same3", 0), ("partly", "same20", 3), ("other", "same20", 0)]
    for (name, _, _), (path, _, told) in zip(cases, started(cases)):
        check_started(path)
        assert ("none of these items" in told) == (name == "other")


def stored_matrix(path):
    indptr, indices, values, items = load(
        path, "ratings/indptr", "ratings/indices", "ratings/values", "items/id")
    return sparse.csr_matrix((values.astype(float), indices, indptr),
                             shape=(len(indptr) - 1, len(items)))


def test_a_start_that_is_none(cfmpi, starts, tmp_path):
    """No embedding, no result file, no file, parts that do not fit."""
    ratings = starts / "same.tsv"
    cfmpi("ingest", ratings, "-o", tmp_path / "m.h5", ranks=0)
    fewer = shutil.copy(starts / "same3.h5", tmp_path / "fewer.h5")
    with h5py.File(fewer, "r+") as file:
        attrs = dict(file["embedding/items"].attrs)
        rows = file["embedding/items"][:7]
        del file["embedding/items"]
        file.create_dataset("embedding/items", data=rows).attrs.update(attrs)
    seal(fewer, "embedding/items")
    cases = [(tmp_path / "m.h5", 65, "--start: .*m.h5 has no /embedding", 3),
             (ratings, 65, "not an HDF5 file", 3),
             (tmp_path / "absent.h5", 66, "absent.h5: No such file", 0),
             (fewer, 65, "--start: .*/embedding and /items do not fit", 3)]

    def one(case):
        out = tmp_path / f"{cases.index(case)}.h5"
        told = cfmpi("svd", ratings, "-o", out, "--start", case[0], ranks=case[3],
                     code=case[1])
        assert not out.exists()
        return told
    for (_, _, message, _), told in zip(cases, together(one, cases)):
        assert len(told.errors) == 1, told.stderr
        assert re.search(message, told.errors[0]), told.errors[0]


# What follows from the embedding

FOLLOWING = [
    ("u", ("--embedding", "u", "--weighting", "bm25")),
    ("us-half", ("--embedding", "us-half", "--center", "both")),
]


@pytest.mark.parametrize("rows, options", FOLLOWING, ids=[f[0] for f in FOLLOWING])
def test_chain_equals_run_and_brute_force(cfmpi, data, tmp_path, rows, options):
    ratings = data / "ml-100k/u.data"
    whole, embedding, lists, result = (tmp_path / f"{name}.h5" for name in "wenr")
    options += ("--dim", 12)
    both = ("--side", "both", "-k", 20)

    def chain(_):
        cfmpi("svd", ratings, "-o", embedding, *options, ranks=0)
        cfmpi("neighbors", embedding, "-o", lists, *both, ranks=3)
        cfmpi("recommend", lists, "-o", result, ranks=0)

    def run(_):
        cfmpi("run", ratings, "-o", whole, *options, *both, ranks=0)
    together(lambda work: work(None), [chain, run])
    assert digests(result) == digests(whole)
    assert attributes(result) == attributes(whole)
    assert attributes(whole)["rows"] == rows
    users, v, sigma = load(result, *VECTORS)
    power = {"u": 0, "us-half": 0.5}[rows]
    check(stored_lists(result, "users"), reference.neighbors(users, 20))
    check(stored_lists(result, "items"), reference.neighbors(
        reference.item_vectors(v, sigma**power), 20))
    assert "DIFFERENT" not in cfmpi("verify", result, ranks=0).stdout
