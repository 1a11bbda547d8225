"""Singular triplets against SciPy, residuals against the file's own numbers."""
import h5py
import numpy as np
import pytest
import reference
from reference import load
from scipy.sparse.linalg import svds

EMBEDDING = ("embedding/users", "embedding/items", "embedding/singular_values")


def check_residuals(path, matrix):
    users, v, sigma = load(path, *EMBEDDING)
    left, right, orthogonality = reference.residuals(matrix, users, sigma, v)
    real = sigma > 1e-6 * sigma[0]  # below that float32 vectors hold noise
    for name, expected in (("residuals_left", left), ("residuals_right", right),
                           ("residuals", np.maximum(left, right))):
        assert np.allclose(load(path, f"embedding/{name}")[real], expected[real],
                           rtol=1e-3, atol=1e-9), name
    if not real.all():
        return
    with h5py.File(path, "r") as file:
        stored = file["embedding"].attrs["orthogonality"]
    assert np.isclose(stored, orthogonality, rtol=1e-3, atol=1e-9)


def test_singular_values_equal_scipy(result, dataset):
    sigma = load(result.path, "embedding/singular_values")
    assert sigma.dtype == np.float64
    exact = svds(dataset.matrix, k=len(sigma), tol=0, return_singular_vectors=False)
    assert np.allclose(sigma, np.sort(exact)[::-1], rtol=1e-6, atol=0)


def test_residuals_are_true_and_within_tolerance(result, dataset):
    check_residuals(result.path, dataset.matrix)
    worst = load(result.path, "embedding/residuals").max()
    assert worst <= 1e-5
    assert np.isclose(result.report["svd"]["max_residual"], worst, rtol=1e-6)
    assert result.report["svd"]["dim"] == dataset.options[1]


def test_vectors_are_orthonormal(result, dataset):
    v = load(result.path, "embedding/items").astype(float)
    assert np.abs(v.T @ v - np.eye(v.shape[1])).max() < 1e-5
    with h5py.File(result.path, "r") as file:
        assert file["embedding"].attrs["orthogonality"] < 1e-3


def test_users_are_the_matrix_times_the_item_vectors(result, dataset):
    users, v, _ = load(result.path, *EMBEDDING)
    exact = dataset.matrix @ v.astype(float)
    assert users.dtype == v.dtype == np.float32
    # Sums in another order may round to the next float32 near zero.
    ulp = np.spacing(np.abs(exact).astype(np.float32)).astype(float)
    assert np.all(np.abs(users - exact) <= ulp + 1e-12)


def test_signs_are_fixed(result, dataset):
    v = load(result.path, "embedding/items")
    assert np.all(v.max(axis=0) == np.abs(v).max(axis=0))


def low_rank(rng):
    """40 x 25 of rank 12: the first twelve rows over and over."""
    base = rng.integers(1, 11, (12, 25)) / 2
    return base[np.arange(40) % 12]


CASES = {
    "tall": lambda rng: rng.integers(0, 11, (40, 25)) / 2,
    "wide": lambda rng: rng.integers(0, 11, (17, 60)) / 2,
    "low_rank": low_rank,
    "equal_sigma": lambda rng: np.kron(np.eye(5), rng.integers(1, 11, (6, 4)) / 2),
    "one_row": lambda rng: rng.integers(1, 11, (1, 9)) / 2,
    "one_column": lambda rng: rng.integers(1, 11, (9, 1)) / 2,
}


@pytest.mark.parametrize("ranks", [1, 4])
@pytest.mark.parametrize("case", CASES)
def test_every_triplet_of_small_matrices(cfmpi, tmp_path, case, ranks):
    dense = CASES[case](np.random.default_rng(1))
    user, item = np.nonzero(dense)
    ratings = tmp_path / "ratings.csv"
    np.savetxt(ratings, np.c_[user, item, dense[user, item]], "%g", ",",
               header="userId,movieId,rating", comments="")
    dim = min(dense.shape)
    cfmpi("svd", ratings, "-o", tmp_path / "e.h5", "--dim", dim, "--tol", 1e-5,
          ranks=ranks)
    sigma = load(tmp_path / "e.h5", "embedding/singular_values")
    exact = np.linalg.svd(dense, compute_uv=False)
    assert len(sigma) == dim
    assert np.allclose(sigma, exact, rtol=1e-6, atol=1e-6 * exact[0])
    _, _, matrix = reference.read_ratings(ratings)
    check_residuals(tmp_path / "e.h5", matrix)
    assert load(tmp_path / "e.h5", "embedding/residuals").max() <= 1e-5
