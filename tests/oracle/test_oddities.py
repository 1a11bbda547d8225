"""Rows of which a similarity can say little are counted, and said once."""
import h5py
import numpy as np
import pytest
import scipy.sparse as sparse


def attributes(path, group):
    with h5py.File(path) as file:
        return dict(file[group].attrs)


def notes(outcome, part):
    return [line for line in outcome.stderr.splitlines()
            if line.startswith("cfmpi: note:") and part in line]


def ratings(folder):
    """40 users of ten items, whose ratings the first five, and one with a single
    rating, all have alike; two users and three items without any."""
    rng = np.random.default_rng(1)
    matrix = np.zeros((43, 13))
    for user in range(41):
        items = rng.permutation(10)[:1 if user == 40 else 6]
        matrix[user, items] = 3 if user < 5 else np.arange(1, 7)[:len(items)]
    sparse.save_npz(folder / "r.npz", sparse.csr_matrix(matrix))
    return folder / "r.npz"


@pytest.mark.parametrize("similarity, constant", [
    ("pearson", (6, 0)), ("centered-cosine", (6, 0)), ("adjusted-cosine", (6, None)),
    ("cosine", (None, None)), ("euclidean", (None, None))])
def test_ratings(cfmpi, tmp_path, similarity, constant):
    path = tmp_path / "n.h5"
    outcome = cfmpi("neighbors", ratings(tmp_path), "--space", "ratings", "--side", "both",
                    "--similarity", similarity, "-o", path, ranks=3)
    for side, empty, equal in zip(("users", "items"), (2, 3), constant):
        told = attributes(path, f"neighbors/{side}")
        assert told["empty_rows"] == empty and told.get("constant_rows") == equal
        said = notes(outcome, f"{empty} {side} have no ratings and so no neighbours")
        assert len(said) == (similarity != "euclidean")
        said = notes(outcome, f"{side} have ratings that are all equal")
        assert len(said) == bool(equal)
        assert not equal or f" {equal} {side}" in said[0]
        with h5py.File(path) as file:
            count, score = (file[f"neighbors/{side}/{part}"][()]
                            for part in ("count", "score"))
        if similarity != "euclidean":
            assert (count == 0).sum() == empty
        if equal:
            assert not np.nan_to_num(score[:5]).any()


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
@pytest.mark.parametrize("ask", ["all", "queries", "only"])
def test_vectors(cfmpi, tmp_path, similarity, ask):
    x, q = np.ones((30, 4), np.float32), np.ones((9, 4), np.float32)
    x[[3, 17, 29]] = 0
    x[:, 3] = 0
    q[[2, 4]] = -0.0
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "q.npy", q)
    (tmp_path / "some.txt").write_text("17\n2\n")
    given = {"all": (), "queries": ("--queries", "q.npy"), "only": ("--only", "some.txt")}
    outcome = cfmpi("neighbors", "x.npy", *given[ask], "-k", 3, "--similarity", similarity,
                    "-o", "n.h5", ranks=3, cwd=tmp_path)
    group, zeros, queries = {"all": ("users", 3, 0), "queries": ("queries", 2, 1),
                             "only": ("queries", 1, 0)}[ask]
    told = attributes(tmp_path / "n.h5", f"neighbors/{group}")
    assert told.get("zero_rows") == (zeros if similarity == "cosine" else None)
    by_cosine = similarity == "cosine"
    assert len(notes(outcome, "3 rows of x.npy are zeros")) == by_cosine
    assert len(notes(outcome, "2 rows of q.npy are zeros")) == (queries and by_cosine)
    assert len(notes(outcome, "are zeros")) == by_cosine * (1 + queries)


def test_both_spaces(cfmpi, tmp_path):
    """The embedding of a user without ratings is a row of zeros."""
    path = tmp_path / "n.h5"
    outcome = cfmpi("neighbors", ratings(tmp_path), "--space", "both", "--dim", 5, "-o",
                    path, ranks=2)
    assert attributes(path, "neighbors_ratings/users")["empty_rows"] == 2
    assert attributes(path, "neighbors/users")["zero_rows"] == 2
    assert attributes(path, "overlap/users")["left_out"] == 2
    assert len(notes(outcome, "2 rows of /embedding/users are zeros")) == 1
    assert "2 users have no neighbours by ratings" in outcome.stdout
    assert "DIFFERENT" not in cfmpi("verify", path).stdout
