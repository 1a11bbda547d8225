"""Singular triplets against NumPy and SciPy, residuals against the file's own
numbers."""
import functools
import json
from typing import NamedTuple

import h5py
import numpy as np
import pytest
import reference
import scipy.sparse as sparse
from conftest import together
from reference import load
from scipy.linalg import block_diag, subspace_angles
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


# Matrices of our own, hostile ones among them. Each is float32, with empty rows
# and columns where it has any.

class Case(NamedTuple):
    make: object  # of a random generator
    dim: int      # the residual asked for can be had in float32 so far


def low_rank(rng):
    """40 x 25 of rank 12: the first twelve rows over and over."""
    base = rng.integers(1, 11, (12, 25)) / 2
    return base[np.arange(40) % 12]


def rank_three(rng, rows, cols):
    return rng.integers(1, 6, (rows, 3)) @ rng.integers(1, 6, (3, cols))


def scattered(rng, rows, cols, share):
    """More than 16 values, none of them a half star."""
    return (rng.random((rows, cols)) < share) * rng.uniform(0.1, 5, (rows, cols))


def with_gaps(rng):
    """Every third row and fourth column empty."""
    rows, cols = np.arange(90) % 3 != 1, np.arange(70) % 4 != 2
    return np.outer(rows, cols) * scattered(rng, 90, 70, 0.4)


def mixed(rng):
    """Columns of ratings around 1e-30, 1 and 1e30."""
    return scattered(rng, 60, 40, 0.5) * 10.0 ** rng.choice([-30, 0, 30], 40)


def decaying(rng):
    """900 x 500, sparse, popular items first."""
    return scattered(rng, 900, 500, 0.05) * np.linspace(4, 0.2, 500) ** 2


def orthonormal(rng, rows, cols):
    return np.linalg.qr(rng.standard_normal((rows, cols)))[0]


def clustered(rng):
    """Five equal values, thirty that differ by 1e-6, five others."""
    sigma = np.r_[np.full(5, 50), 30 * (1 + 1e-6 * np.arange(30)),
                  np.linspace(10, 1, 5)]
    return orthonormal(rng, 600, 40) * sigma @ orthonormal(rng, 400, 40).T


def isolated(rng):
    """Forty equal ratings that share no user or item with any other."""
    return block_diag(scattered(rng, 500, 300, 0.05), 100 * np.eye(40))


def two_blocks(rng):
    """Rank 32: two blocks of the basis hold all that there is."""
    dense = scattered(rng, 80, 99, 0.1)
    dense[rng.permutation(80)[32:]] = 0
    return dense


def one_large_rating(rng):
    """Beside it the others are 1e-6 and less."""
    dense = rng.random((300, 280)) * (rng.random((300, 280)) < 0.1)
    dense[5, 7] = 1e5
    return dense


CASES = {
    "tall": Case(lambda rng: rng.integers(0, 11, (40, 25)) / 2, 25),
    "wide": Case(lambda rng: rng.integers(0, 11, (17, 60)) / 2, 17),
    "low_rank": Case(low_rank, 25),
    "rank_three_tall": Case(lambda rng: rank_three(rng, 60, 20), 10),
    "rank_three_wide": Case(lambda rng: rank_three(rng, 20, 60), 10),
    "rank_three_large": Case(lambda rng: rank_three(rng, 300, 400), 10),
    "rank_of_two_blocks": Case(two_blocks, 44),
    "equal_sigma": Case(
        lambda rng: np.kron(np.eye(5), rng.integers(1, 11, (6, 4)) / 2), 20),
    "twenty_equal": Case(
        lambda rng: np.kron(np.eye(20), rng.integers(1, 11, (20, 15)) / 2), 32),
    "part_of_300_equal": Case(lambda rng: 2 * np.eye(300), 32),
    "clustered": Case(clustered, 36),
    "isolated": Case(isolated, 45),
    "one_row": Case(lambda rng: rng.integers(1, 11, (1, 9)) / 2, 1),
    "one_column": Case(lambda rng: rng.integers(1, 11, (9, 1)) / 2, 1),
    "one_rating": Case(lambda rng: np.full((1, 1), 3.5), 1),
    "ratings_all_equal": Case(lambda rng: np.full((40, 30), 4.0), 10),
    "half_of_them_equal": Case(lambda rng: (rng.random((80, 60)) < 0.5) * 4.0, 30),
    "empty_rows_and_columns": Case(with_gaps, 30),
    "more_than_its_columns_give": Case(with_gaps, 60),
    "tiny": Case(lambda rng: 1e-30 * scattered(rng, 60, 40, 0.5), 25),
    "huge": Case(lambda rng: 1e30 * scattered(rng, 60, 40, 0.5), 25),
    "mixed": Case(mixed, 10),
    "negative": Case(lambda rng: rng.standard_normal((90, 70)), 40),
    "one_large_rating": Case(one_large_rating, 10),
    "decaying": Case(decaying, 30),
}


@functools.lru_cache(None)
def exact(case):
    """The matrix, and all of its triplets."""
    dense = CASES[case].make(np.random.default_rng(1)).astype(np.float32)
    return sparse.csr_matrix(dense.astype(float)), *np.linalg.svd(
        dense.astype(float), full_matrices=False)


class Embedded(NamedTuple):
    path: object
    report: dict

    @property
    def scaled_users(self):
        return load(self.path, "embedding/users").astype(float)

    @property
    def v(self):
        return load(self.path, "embedding/items").astype(float)

    @property
    def sigma(self):
        return load(self.path, "embedding/singular_values")

    def remainder(self, begin, end):
        """Of the columns together: what the matrix makes of them beyond
        sigma times the others, both ways."""
        left, right = load(self.path, "embedding/residuals_left",
                           "embedding/residuals_right")
        parts = np.r_[left[begin:end], right[begin:end]]
        return np.linalg.norm(parts * np.tile(self.sigma[begin:end], 2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The matrices as files."""
    path = tmp_path_factory.mktemp("matrices")
    for case in CASES:
        sparse.save_npz(path / f"{case}.npz", exact(case)[0].astype(np.float32))
    return path


@pytest.fixture(scope="module")
def embed(cfmpi, folder):
    """embed("tall", "--tol", 1e-5, ranks=3) -> Embedded, made at the first
    call."""
    made = {}

    def call(case, *options, ranks=0, dim=None, isa=None, code=0):
        name = "_".join(map(str, (case, *options, ranks, dim, isa)))
        out, report = folder / f"{name}.h5", folder / f"{name}.json"
        if name in made:
            return made[name]
        cfmpi("svd", folder / f"{case}.npz", "-o", out, "--dim",
              dim or CASES[case].dim, "--report", report, *options, ranks=ranks, code=code,
              env={"CFMPI_ISA": isa} if isa else None)
        made[name] = Embedded(out, json.loads(report.read_text()))
        return made[name]
    return call


def check_values(got, sigma, accuracy=1e-6):
    dim = len(got.sigma)
    rank = np.count_nonzero(sigma > 1e-7 * sigma[0])
    assert np.allclose(got.sigma[:rank], sigma[:min(rank, dim)], rtol=accuracy, atol=0)
    assert not got.sigma[rank:].any()
    assert not got.scaled_users[:, rank:].any()


def check_vectors(got, u, sigma, v, accuracy):
    """Each run of singular values that stands apart spans what it should:
    the angle is at most residual/gap."""
    dim = len(got.sigma)
    for begin, end in reference.clusters(sigma, dim, accuracy):
        if sigma[begin] <= 1e-7 * sigma[0]:
            break
        mine = slice(begin, min(end, dim))
        most = got.remainder(begin, mine.stop) / reference.gap(sigma, begin, end)
        assert most < 1
        for ours, theirs in ((got.v, v), (got.scaled_users / got.sigma[mine.start], u)):
            angles = subspace_angles(ours[:, mine], theirs[:, begin:end])
            assert angles.max() <= 2 * most + 1e-6, (begin, end)


def check_embedding(got, case, tol, accuracy=1e-6):
    matrix, u, sigma, vt = exact(case)
    dim = len(got.sigma)
    assert np.abs(got.v.T @ got.v - np.eye(dim)).max() < 3e-6
    check_values(got, sigma, accuracy)
    check_residuals(got.path, matrix)
    assert load(got.path, "embedding/residuals").max() <= tol
    check_vectors(got, u, sigma, vt.T, max(30 * tol, 1e-3))


@pytest.mark.parametrize("case", CASES)
def test_every_matrix(embed, case):
    # Beside 1e5, float32 vectors leave some 6e-5 of small singular values.
    tol = 1e-4 if case == "one_large_rating" else 1e-5
    for got in together(lambda method: embed(case, "--tol", tol, "--svd", method),
                        ("krylov", "gram")):
        check_embedding(got, case, tol)


def check_agreement(a, b, sigma, accuracy):
    """Of two embeddings: each is as far from the truth as its residuals say."""
    dim = len(a.sigma)
    assert np.allclose(a.sigma, b.sigma, rtol=1e-6, atol=0)
    for begin, end in reference.clusters(sigma, dim, accuracy):
        if end > dim or sigma[begin] <= 1e-7 * sigma[0]:
            break  # any vectors of the last run may have been chosen
        most = ((a.remainder(begin, end) + b.remainder(begin, end))
                / reference.gap(sigma, begin, end))
        for ours, theirs in ((a.v, b.v), (a.scaled_users, b.scaled_users)):
            angles = subspace_angles(ours[:, begin:end], theirs[:, begin:end])
            assert angles.max() <= 2 * most + 1e-6


@pytest.mark.parametrize("case", ["rank_of_two_blocks", "clustered", "one_row",
                                  "one_column", "empty_rows_and_columns",
                                  "decaying"])
def test_rank_counts_agree(embed, case):
    """More ranks than rows or columns among them."""
    tol = 1e-5
    made = together(lambda ranks: embed(case, "--tol", tol, "--svd", "krylov",
                                        ranks=ranks), (0, 2, 3, 7))
    for got in made:
        check_embedding(got, case, tol)
        check_agreement(made[0], got, exact(case)[2], 1e-3)


@pytest.mark.parametrize("tol,accuracy", [(1e-3, 1e-5), (1e-4, 1e-6)])
@pytest.mark.parametrize("case", ["clustered", "isolated", "decaying"])
def test_float32_iterations(embed, case, tol, accuracy):
    """Of larger matrices, for usual tolerances."""
    for got in together(lambda ranks: embed(case, "--tol", tol, "--svd", "krylov",
                                            ranks=ranks), (0, 3)):
        check_embedding(got, case, tol, accuracy)


def test_method_does_not_depend_on_the_rank_count(embed):
    """--svd auto looks at the matrix only."""
    for case in ("tall", "decaying"):
        made = together(lambda ranks: embed(case, "--tol", 1e-4, ranks=ranks), (0, 5))
        assert len({got.report["svd"]["passes"] == 1 for got in made}) == 1
        check_agreement(*made, exact(case)[2], 3e-3)


def test_passes_that_do_not_allow_float64_are_not_lost(embed):
    """A tolerance beyond float32: what it gives stays where float64, begun
    anew, would not come as far."""
    largest = [embed("decaying", "--tol", 1e-9, "--svd", "krylov", "--max-passes",
                     passes, code=76).report["svd"]["max_residual"]
               for passes in (8, 11, 14)]
    assert largest[-1] < 1e-4
    assert all(more < 1.5 * fewer for fewer, more in zip(largest, largest[1:], strict=False))
    # The estimate is met, the certificate is not, and no passes are left.
    enough = embed("decaying", "--tol", 1e-4, "--svd", "krylov").report["svd"]
    for beyond in (2e-6, 1e-6, 5e-7):
        got = embed("decaying", "--tol", beyond, "--svd", "krylov", "--max-passes",
                    enough["passes"] + 2, code=76).report["svd"]
        assert got["max_residual"] < 2 * enough["max_residual"] + 1e-4, beyond
    embed("rank_three_large", "--svd", "krylov", "--max-passes", 8)


def test_what_few_rate_is_not_missed(cfmpi, data, tmp_path):
    """Two users who alone rated several hundred items: one singular value
    among the wanted ones, of which popular items hold nothing."""
    matrix = reference.dataset(data, "ml-1m").matrix
    sparse.save_npz(tmp_path / "before.npz", matrix.astype(np.float32))
    cfmpi("svd", tmp_path / "before.npz", "-o", tmp_path / "before.h5", "--dim", 32)
    least = svds(matrix, k=32, tol=1e-6, return_singular_vectors=False).min()
    for above in (1.01, 1.03):
        items = round((above * least / 5) ** 2 / 2)
        both = sparse.block_diag([matrix, np.full((2, items), 5.0)]).tocsr()
        sparse.save_npz(tmp_path / "few.npz", both.astype(np.float32))
        for start in ([], ["--start", tmp_path / "before.h5"]):
            cfmpi("svd", tmp_path / "few.npz", "-o", tmp_path / "few.h5", "--dim", 32,
                  "--tol", 1e-3, "--force", *start)
            sigma = load(tmp_path / "few.h5", "embedding/singular_values")
            assert np.isclose(sigma, 5 * np.sqrt(2 * items), rtol=1e-5).any(), above


INSTRUCTION_SETS = ("portable", "avx2", "avx512", "avx512vnni")


@pytest.mark.parametrize("case", ["mixed", "half_of_them_equal", "decaying"])
def test_instruction_sets(embed, case):
    """Each that the machine has; coded values and plain ones, float32 and
    float64."""
    best = embed(case, "--tol", 1e-5).report["isa"]
    names = INSTRUCTION_SETS[:INSTRUCTION_SETS.index(best) + 1]
    for tol in (1e-3, 1e-5):
        made = together(lambda isa: embed(case, "--tol", tol, "--svd", "krylov",
                                          isa=isa), names)
        assert tuple(got.report["isa"] for got in made) == names
        for got in made:
            check_embedding(got, case, tol, 1e-6 if tol < 1e-3 else 1e-5)
            check_agreement(made[0], got, exact(case)[2], 30 * tol)


@pytest.mark.parametrize("ranks", [0, 3])
def test_dim_beyond_the_matrix(cfmpi, folder, ranks):
    out = folder / f"beyond_{ranks}.h5"
    outcome = cfmpi("svd", folder / "wide.npz", "-o", out, "--dim", 18, ranks=ranks,
                    code=64)
    assert outcome.errors == ["cfmpi: error: --dim: 18 is over min(users, items) = 17"]
    assert not out.exists()


def test_restarts_where_memory_is_limited(cfmpi, data, tmp_path):
    """The basis that usually does would not fit: a smaller one is restarted."""
    cfmpi("ingest", data / "ml-1m/ratings.dat", "-o", tmp_path / "m.h5", ranks=2)
    told = []
    for limit in ("0", "16M"):
        report = tmp_path / f"{limit}.json"
        cfmpi("svd", tmp_path / "m.h5", "-o", tmp_path / f"{limit}.h5", "--svd", "krylov",
              "--memory-limit", limit, "--report", report, ranks=2)
        told.append(json.loads(report.read_text())["svd"])
    assert told[1]["passes"] > told[0]["passes"]
    assert told[1]["max_residual"] <= 1e-3
    free, limited = (load(tmp_path / f"{limit}.h5", "embedding/singular_values")
                     for limit in ("0", "16M"))
    assert np.allclose(free, limited, rtol=1e-5)
