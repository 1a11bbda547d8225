"""Neighbour lists against NumPy's float64 brute force on the same embedding."""
import h5py
import numpy as np
import pytest
import reference
from reference import Lists, load

FIELDS = Lists._fields


def stored_lists(path, side="users"):
    return Lists(*load(path, *(f"neighbors/{side}/{name}" for name in FIELDS)))


def vectors_of(path, side):
    users, items, sigma = load(path, "embedding/users", "embedding/items",
                               "embedding/singular_values")
    return users if side == "users" else reference.item_vectors(items, sigma)


def check(stored, expected, rtol=0):
    assert stored.index.dtype == np.int32 and stored.count.dtype == np.int32
    assert stored.score.dtype == stored.gap.dtype == np.float32
    assert np.array_equal(stored.count, expected.count)
    assert np.allclose(stored.score, expected.score, rtol=rtol, atol=1e-7, equal_nan=True)
    wrong = np.flatnonzero((stored.index != expected.index).any(axis=1))
    assert not len(wrong), (wrong[0], stored.index[wrong[0]], expected.index[wrong[0]])
    size = np.nanmax(np.abs(expected.score), initial=0)
    assert np.allclose(stored.gap, expected.gap, rtol=0, atol=2e-7 + 2 * rtol * size,
                       equal_nan=True)
    assert np.array_equal(stored.ties, expected.ties)


@pytest.mark.parametrize("dataset, side", [
    ("ml-1m", "users"), ("ml-100k", "users"), ("ml-100k", "items"),
    ("ml-latest-small", "users")], indirect=["dataset"], scope="session")
def test_lists_equal_brute_force(result, dataset, side):
    check(stored_lists(result.path, side),
          reference.neighbors(vectors_of(result.path, side), 50))


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
def test_items_that_tie(cfmpi, result, dataset, tmp_path):
    """Many items have a single rating and tie exactly at similarity 1."""
    out = tmp_path / "n.h5"
    cfmpi("neighbors", result.path, "-o", out, "--side", "items", "-k", 10, ranks=3)
    stored = stored_lists(out, "items")
    check(stored, reference.neighbors(vectors_of(out, "items"), 10))
    assert stored.ties.max() > 0


@pytest.mark.parametrize("dataset", ["ml-100k"], indirect=True)
def test_report(result, dataset):
    lists = [stored_lists(result.path, side) for side in ("users", "items")]
    told = result.report["neighbors"]
    assert told["pairs"] == sum(len(own.count) * (len(own.count) - 1) for own in lists)
    # What a list holds was computed, not skipped.
    listed = sum(own.count.sum() for own in lists)
    assert 0 <= told["pairs_skipped"] <= told["pairs"] - listed
    assert told["ties_at_k"] == sum(np.count_nonzero(own.ties) for own in lists)
    with h5py.File(result.path, "r") as file:
        assert reference.text(file["neighbors"].attrs["space"]) == "embedding"


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
@pytest.mark.parametrize("k", [1, 7])
def test_k_is_a_prefix_of_k_plus_one(cfmpi, result, dataset, tmp_path, k):
    shorter, longer = tmp_path / "short.h5", tmp_path / "long.h5"
    cfmpi("neighbors", result.path, "-o", shorter, "-k", k, ranks=3)
    cfmpi("neighbors", result.path, "-o", longer, "-k", k + 1, ranks=2)
    short, long = stored_lists(shorter), stored_lists(longer)
    assert np.array_equal(short.index, long.index[:, :k])
    assert np.array_equal(short.score, long.score[:, :k])
    assert np.array_equal(short.gap, long.score[:, k - 1] - long.score[:, k])


@pytest.mark.parametrize("dataset", ["ml-latest-small"], indirect=True)
@pytest.mark.parametrize("k", [608, 609, 610, 1000])
def test_k_as_large_as_the_number_of_users(cfmpi, result, dataset, tmp_path, k):
    out = tmp_path / "n.h5"
    cfmpi("neighbors", result.path, "-o", out, "-k", k, ranks=4)
    stored = stored_lists(out)
    check(stored, reference.neighbors(vectors_of(out, "users"), k))
    assert np.all(stored.count == min(k, 609))


def test_rows_of_zero_norm_have_no_neighbours(cfmpi, tmp_path):
    """User 3 rated with zeros only: a vector without a direction."""
    ratings = tmp_path / "ratings.csv"
    ratings.write_text("userId,movieId,rating\n1,1,4\n1,2,5\n2,1,3\n2,3,1\n"
                       "3,1,0\n3,2,0\n4,2,2\n4,3,5\n4,4,0\n")
    out = tmp_path / "r.h5"
    cfmpi("run", ratings, "-o", out, "--side", "both", ranks=3)
    for side in ("users", "items"):
        stored = stored_lists(out, side)
        check(stored, reference.neighbors(vectors_of(out, side), 50))
    assert load(out, "neighbors/users/count")[2] == 0
    assert load(out, "recommendations/count")[2] == 0
    assert load(out, "ratings/indptr")[-1] == 9
