"""The rating matrix in the file against one built by NumPy and SciPy."""
import h5py
import numpy as np
import pytest
import reference
from reference import load


def test_ids_ascend(result, dataset):
    users, items = load(result.path, "users/id", "items/id")
    assert users.dtype == items.dtype == np.int64
    assert np.array_equal(users, dataset.users)
    assert np.array_equal(items, dataset.items)


def test_ratings_are_the_csr_triple_of_scipy(result, dataset):
    indptr, indices, values = load(result.path, "ratings/indptr",
                                   "ratings/indices", "ratings/values")
    assert (indptr.dtype, indices.dtype, values.dtype) == ("i8", "i4", "f4")
    assert np.array_equal(indptr, dataset.matrix.indptr)
    assert np.array_equal(indices, dataset.matrix.indices)
    assert np.array_equal(values, dataset.matrix.data.astype(np.float32))


@pytest.mark.parametrize("side, axis", [("users", 1), ("items", 0)])
def test_counts_and_means(result, dataset, side, axis):
    count, mean = load(result.path, f"{side}/count", f"{side}/mean")
    expected = dataset.matrix.getnnz(axis=axis)
    assert np.array_equal(count, expected)
    totals = np.asarray(dataset.matrix.sum(axis=axis)).ravel()
    assert np.allclose(mean, totals / expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("dataset", ["ml-1m", "ml-latest-small"], indirect=True)
def test_titles(result, dataset):
    titles = reference.read_titles(dataset.titles)
    with h5py.File(result.path, "r") as file:
        stored = file["items/title"]
        assert h5py.check_string_dtype(stored.dtype).encoding == "utf-8"
        stored = [title.decode() for title in stored[()]]
    assert stored == [titles[item] for item in dataset.items]


def test_report_counts(result, dataset):
    told = result.report["input"]
    assert told["name"].endswith(dataset.ratings.name)
    assert told["bytes"] == dataset.ratings.stat().st_size
    assert told["users"] == len(dataset.users)
    assert told["items"] == len(dataset.items)
    assert told["ratings"] == dataset.matrix.nnz
    assert told["rows_skipped"] == 0
