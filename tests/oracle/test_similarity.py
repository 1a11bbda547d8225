"""Neighbours by inner product and by distance against float64 brute force, and
what every command makes of such lists."""
import json
import shutil

import h5py
import numpy as np
import pytest
import reference
import scipy.sparse as sparse
from conftest import together
from reference import digests, load, text
from test_neighbors import check, stored_lists, vectors_of

ROWS, DIM, K = 203, 33, 7
OTHERS = ("dot", "euclidean")
ORDER = {"cosine": "descending", "dot": "descending", "euclidean": "ascending"}


def made():
    """Sums over these sixteenths are exact in any order; rows of very different
    lengths, many equal rows, rows of zeros and one next to them."""
    rng = np.random.default_rng(5)
    x = rng.integers(-40, 41, (ROWS, DIM)) + 60 * rng.integers(-1, 2, (ROWS, 1))
    x[::9] *= 5
    x[60:75] = x[3]
    x[[7, 90, ROWS - 1]] = 0
    x[8] = np.arange(DIM) == 4
    return (x / 16).astype(np.float32)


def attributes(path, *objects):
    with h5py.File(path) as file:
        return [{name: text(value) for name, value in file[part].attrs.items()}
                for part in objects]


def save_benchmark(path, x, distance):
    with h5py.File(path, "w") as file:
        file["train"] = x
        if distance is not None:
            file.attrs["distance"] = distance


@pytest.fixture(scope="module", params=OTHERS)
def expected(request):
    return request.param, reference.neighbors(made(), K, request.param)


# ---- the lists of every kind of input ----

@pytest.mark.parametrize("columns", [False, True])
def test_vectors(cfmpi, tmp_path, expected, columns):
    similarity, lists = expected
    x = made()
    np.save(tmp_path / "x.npy", x.T.copy() if columns else x)

    def one(ranks):
        cfmpi("neighbors", "x.npy", "-o", f"{ranks}.h5", "-k", K, "--similarity",
              similarity, *(("--side", "items") if columns else ()), ranks=ranks,
              cwd=tmp_path)
        return digests(tmp_path / f"{ranks}.h5")
    first, *others = together(one, (1, 2, 3, 7))
    assert all(found == first for found in others)
    stored = stored_lists(tmp_path / "1.h5")
    check(stored, lists)
    assert np.array_equal(stored.score, lists.score, equal_nan=True)
    assert stored.count.min() == K and stored.ties.max() > 0
    sides = attributes(tmp_path / "1.h5", "neighbors", "neighbors/users")
    assert [own["similarity"] for own in sides] == [similarity] * 2
    assert sides[1]["order"] == ORDER[similarity]


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    """A user and an item of zeros only, who are rows like any other."""
    rng = np.random.default_rng(3)
    pairs = rng.permutation(60 * 25)[:500]
    rows = [f"{at // 25 + 1},{at % 25 + 1},{rng.integers(1, 11) / 2}" for at in pairs]
    rows += [f"70,{item},0" for item in range(1, 4)] + ["1,99,0", "2,99,0"]
    path = tmp_path_factory.mktemp("ratings") / "ratings.csv"
    path.write_text("userId,movieId,rating\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def embedding(cfmpi, ratings):
    path = ratings.with_name("e.h5")
    cfmpi("svd", ratings, "--dim", 9, "-o", path, ranks=2)
    return path


def check_file(path, similarity, k):
    for side in ("users", "items"):
        stored = stored_lists(path, side)
        vectors = vectors_of(path, side)
        check(stored, reference.neighbors(vectors, k, similarity), rtol=1e-6)
        assert stored.count.min() == min(k, len(vectors) - 1)


@pytest.mark.parametrize("similarity", OTHERS)
def test_ratings(cfmpi, ratings, tmp_path, similarity):
    cfmpi("neighbors", ratings, "--dim", 9, "--side", "both", "-k", 5, "-o", "n.h5",
          "--similarity", similarity, ranks=3, cwd=tmp_path)
    check_file(tmp_path / "n.h5", similarity, 5)


@pytest.mark.parametrize("similarity", OTHERS)
@pytest.mark.parametrize("k", [4, 80])
def test_result_file(cfmpi, embedding, tmp_path, similarity, k):
    def one(ranks):
        cfmpi("neighbors", embedding, "--side", "both", "-k", k, "-o", f"{ranks}.h5",
              "--similarity", similarity, ranks=ranks, cwd=tmp_path)
        return digests(tmp_path / f"{ranks}.h5")
    first, second = together(one, (1, 3))
    assert first == second
    check_file(tmp_path / "1.h5", similarity, k)
    told = cfmpi("verify", "1.h5", "--sample", 1000, ranks=2, cwd=tmp_path).stdout
    assert "DIFFERENT" not in told and told.count("by brute force, 0 differ") == 2


def test_recommendations_by_inner_product(cfmpi, embedding, tmp_path):
    cfmpi("run", embedding, "--similarity", "dot", "-k", 6, "-n", 4, "--score", "mean", "-o",
          "r.h5", ranks=2, cwd=tmp_path)
    check(stored_lists(tmp_path / "r.h5"),
          reference.neighbors(vectors_of(tmp_path / "r.h5", "users"), 6, "dot"),
          rtol=1e-6)
    matrix = sparse.csr_matrix(tuple(load(
        tmp_path / "r.h5", "ratings/values", "ratings/indices", "ratings/indptr")),
        dtype=float)
    index, score, top, of = load(
        tmp_path / "r.h5", "neighbors/users/index", "neighbors/users/score",
        "recommendations/index", "recommendations/score")
    for user in range(matrix.shape[0]):
        items, scores = reference.top_items(matrix, user, index[user], score[user], 4)
        assert np.array_equal(top[user][top[user] >= 0], items)
        assert np.array_equal(of[user][top[user] >= 0], scores)
    told = cfmpi("verify", "r.h5", "--sample", 1000, cwd=tmp_path).stdout
    assert "DIFFERENT" not in told and told.count("by brute force, 0 differ") == 2


# ---- distances are no weights ----

@pytest.mark.parametrize("ranks", [1, 3])
def test_run_refuses_distances(cfmpi, ratings, embedding, tmp_path, ranks):
    for source in ratings, embedding:
        told = cfmpi("run", source, "--similarity", "euclidean", "-o", "r.h5", code=64,
                     ranks=ranks, cwd=tmp_path)
        assert len(told.errors) == 1 and "--similarity" in told.errors[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ranks", [1, 3])
def test_distances_in_a_file_are_refused(cfmpi, embedding, tmp_path, ranks):
    cfmpi("neighbors", embedding, "--similarity", "euclidean", "-o", "n.h5", cwd=tmp_path)
    (tmp_path / "pairs.csv").write_text("user,item\n1,2\n")
    for args in (["recommend", "n.h5", "-o", "r.h5"], ["run", "n.h5", "-o", "r.h5"],
                 ["predict", "n.h5", "--rule", "mean", "--pairs", "pairs.csv"]):
        told = cfmpi(*args, code=64, ranks=ranks, cwd=tmp_path)
        assert len(told.errors) == 1 and "n.h5: its neighbours are by dist" in told.errors[0]
        assert told.stdout == ""
    assert not (tmp_path / "r.h5").exists()
    # Made anew, they serve.
    cfmpi("neighbors", "n.h5", "-o", "again.h5", cwd=tmp_path)
    cfmpi("recommend", "again.h5", "-o", "r.h5", cwd=tmp_path)


def test_one_file_of_two_similarities(cfmpi, embedding, tmp_path):
    cfmpi("neighbors", embedding, "--similarity", "euclidean", "-k", 5, "-o", "n.h5",
          cwd=tmp_path)
    cfmpi("neighbors", "n.h5", "--side", "items", "-k", 5, "-o", "b.h5", cwd=tmp_path)
    told = attributes(tmp_path / "b.h5", "neighbors", "neighbors/users", "neighbors/items")
    assert [own["similarity"] for own in told] == ["mixed", "euclidean", "cosine"]
    assert [own["order"] for own in told[1:]] == ["ascending", "descending"]
    assert "DIFFERENT" not in cfmpi("verify", "b.h5", cwd=tmp_path).stdout
    shown = cfmpi("info", "b.h5", cwd=tmp_path).stdout
    assert "by euclidean" in shown and "by cosine" in shown
    cfmpi("neighbors", "b.h5", "-k", 5, "-o", "c.h5", cwd=tmp_path)
    assert attributes(tmp_path / "c.h5", "neighbors")[0]["similarity"] == "cosine"


# ---- what later commands say ----

@pytest.fixture(scope="module", params=OTHERS)
def lists(request, cfmpi, tmp_path_factory):
    """A file of lists, and what they are by."""
    folder = tmp_path_factory.mktemp("lists")
    np.save(folder / "x.npy", made())
    cfmpi("neighbors", "x.npy", "-o", "n.h5", "-k", K, "--similarity", request.param,
          cwd=folder)
    return folder / "n.h5", request.param


def test_verify_of_lists_alone(cfmpi, lists):
    told = cfmpi("verify", lists[0], ranks=3).stdout
    assert "neighbours of 203 users" in told and "DIFFERENT" not in told


@pytest.mark.parametrize("name", ["order", "similarity"])
def test_verify_of_lists_that_claim_another_order(cfmpi, lists, tmp_path, name):
    bad = shutil.copy(lists[0], tmp_path / "bad.h5")
    swapped = {"ascending": "descending", "descending": "ascending",
               "dot": "euclidean", "euclidean": "dot"}
    with h5py.File(bad, "r+") as file:
        old = text(file["neighbors/users"].attrs[name])
        file["neighbors/users"].attrs[name] = swapped[old]
    told = cfmpi("verify", bad, code=1, ranks=2).stdout
    assert "DIFFERENT  /neighbors/users: says another order" in told
    assert ("DIFFERENT  neighbours of 203 users" in told) == (name == "similarity")


def test_verify_of_values_that_cannot_be(cfmpi, lists, tmp_path):
    """A distance below 0, which would come first; a product that is no number."""
    path, similarity = lists
    bad = shutil.copy(path, tmp_path / "bad.h5")
    with h5py.File(bad, "r+") as file:
        score = file["neighbors/users/score"]
        score[30, 0] = -1 if similarity == "euclidean" else np.nan
        score.attrs["digest"] = reference.digest(score[()].tobytes())
    assert "DIFFERENT  neighbours of 203 users" in cfmpi("verify", bad, code=1).stdout


def test_verify_recomputes_by_the_similarity_of_the_file(cfmpi, embedding, tmp_path):
    cfmpi("neighbors", embedding, "--similarity", "dot", "-k", 5, "-o", "n.h5",
          cwd=tmp_path)
    with h5py.File(tmp_path / "n.h5", "r+") as file:
        file["neighbors/users"].attrs["similarity"] = "cosine"
    told = cfmpi("verify", "n.h5", code=1, cwd=tmp_path).stdout
    assert "DIFFERENT  neighbours of 20 users by brute force, 20 differ" in told


def test_similarity_that_is_not_known(cfmpi, lists, tmp_path):
    bad = shutil.copy(lists[0], tmp_path / "bad.h5")
    with h5py.File(bad, "r+") as file:
        file["neighbors/users"].attrs["similarity"] = "magic"
    for args in ["verify"], ["export", "--part", "neighbors"], ["info", "--user", 3]:
        told = cfmpi(args[0], bad, *args[1:], code=65)
        assert "bad.h5: /neighbors/users" in told.errors[0]


def test_info(cfmpi, lists):
    path, similarity = lists
    index, score, ties = load(path, *(f"neighbors/users/{name}"
                                      for name in ("index", "score", "ties")))
    assert (f"203 lists full, {np.count_nonzero(ties)} with a tie at the end, by "
            f"{similarity}\n") in cfmpi("info", path).stdout
    shown = cfmpi("info", path, "--user", 60, ranks=2).stdout
    how = {"dot": "inner product", "euclidean": "distance"}[similarity]
    assert f"nearest users by {how}\n" in shown
    assert f" {index[60, 4]} ({score[60, 4]:.6g})" in shown


@pytest.mark.parametrize("ranks", [1, 3])
def test_export(cfmpi, lists, tmp_path, ranks):
    path, similarity = lists
    cfmpi("export", path, "--part", "neighbors", "-o", "n.csv", ranks=ranks, cwd=tmp_path)
    lines = (tmp_path / "n.csv").read_text().splitlines()
    last = "distance" if similarity == "euclidean" else "score"
    assert lines[0] == f"user,rank,neighbor,{last}"
    table = np.loadtxt(lines[1:], delimiter=",")
    assert np.array_equal(table[:, 3].astype(np.float32),
                          load(path, "neighbors/users/score").ravel())


@pytest.mark.parametrize("name, separator", [("u.csv", ","), ("u.tsv", "\t")])
@pytest.mark.parametrize("ranks", [1, 3])
def test_export_of_users_without_ratings(cfmpi, lists, tmp_path, ranks, name, separator):
    cfmpi("export", lists[0], "--part", "users", "-o", name, ranks=ranks, cwd=tmp_path)
    assert (tmp_path / name).read_text().split("\n") == [
        "user", *map(str, range(ROWS)), ""]


def test_users_with_ratings_have_counts(cfmpi, embedding, tmp_path):
    bad = shutil.copy(embedding, tmp_path / "bad.h5")
    with h5py.File(bad, "r+") as file:
        del file["users/count"]
    told = cfmpi("export", bad, "--part", "users", code=65)
    assert "/users/count" in told.errors[0]


# ---- benchmarks ----

@pytest.mark.parametrize("distance, similarity", [
    ("angular", "cosine"), ("euclidean", "euclidean"), ("dot", "dot"), ("ip", "dot"),
    (np.bytes_("euclidean"), "euclidean"), (None, "cosine"), (3.0, "cosine")])
@pytest.mark.parametrize("source", ["b.hdf5", "b.hdf5:/train"])
def test_benchmark(cfmpi, tmp_path, distance, similarity, source):
    save_benchmark(tmp_path / "b.hdf5", made(), distance)
    outcome = cfmpi("neighbors", source, "-o", "n.h5", "-k", K, "--report", "n.json",
                    ranks=3, cwd=tmp_path)
    check(stored_lists(tmp_path / "n.h5"), reference.neighbors(made(), K, similarity))
    word = distance.decode() if isinstance(distance, bytes) else distance
    notes = [line for line in outcome.stderr.splitlines() if "--similarity" in line]
    assert notes == ([f"cfmpi: note: b.hdf5: its attribute distance is '{word}', so "
                      f"--similarity is {similarity}"] if isinstance(word, str) else [])
    with h5py.File(tmp_path / "n.h5") as file:
        assert json.loads(file.attrs["command"])["similarity"] == similarity
    report = json.loads((tmp_path / "n.json").read_text())
    assert report["neighbors"]["similarity"] == similarity


@pytest.mark.parametrize("how", ["command line", "configuration"])
def test_benchmark_by_another_similarity(cfmpi, tmp_path, how):
    for distance in "euclidean", "hamming":
        save_benchmark(tmp_path / "b.hdf5", made(), distance)
        (tmp_path / "my.conf").write_text("similarity = cosine\n")
        given = (["--similarity", "cosine"] if how == "command line"
                 else ["--config", "my.conf"])
        outcome = cfmpi("neighbors", "b.hdf5", "-o", "n.h5", "-k", K, "--force", *given,
                        ranks=2, cwd=tmp_path)
        assert "--similarity" not in outcome.stderr
        check(stored_lists(tmp_path / "n.h5"), reference.neighbors(made(), K))


@pytest.mark.parametrize("ranks", [1, 3])
def test_benchmark_of_a_distance_that_is_not_known(cfmpi, tmp_path, ranks):
    save_benchmark(tmp_path / "b.hdf5", made(), "hamming")
    told = cfmpi("neighbors", "b.hdf5", "-o", "n.h5", code=64, ranks=ranks, cwd=tmp_path)
    assert len(told.errors) == 1 and "'hamming'" in told.errors[0]
    assert "--similarity" in told.errors[0]
    assert not (tmp_path / "n.h5").exists()


def test_print_config_leaves_a_benchmark_its_say(cfmpi, tmp_path):
    save_benchmark(tmp_path / "b.hdf5", made(), "euclidean")
    args = ["neighbors", "b.hdf5", "-o", "n.h5"]
    printed = cfmpi(*args, "--print-config", cwd=tmp_path).stdout
    assert "\n# similarity = cosine\n" in printed
    (tmp_path / "my.conf").write_text(printed)
    cfmpi("--config", "my.conf", cwd=tmp_path)
    assert attributes(tmp_path / "n.h5", "neighbors")[0]["similarity"] == "euclidean"
    printed = cfmpi(*args, "--similarity", "cosine", "--print-config", cwd=tmp_path).stdout
    assert "\nsimilarity = cosine\n" in printed
