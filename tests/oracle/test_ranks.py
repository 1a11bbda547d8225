"""What must not depend on the rank count, and what chains must equal."""
import numpy as np
import pytest
from reference import digests, load

RANKS = [1, 2, 3, 4, 7, 16]
SVD = ("--dim", 32, "--tol", 1e-5)
MATRIX = ("users", "items", "ratings")


@pytest.fixture(scope="module")
def ratings(data):
    return data / "ml-100k/u.data"


@pytest.fixture(scope="module")
def chain(cfmpi, ratings, tmp_path_factory):
    """One matrix file, one embedding file and what follows, on one rank."""
    folder = tmp_path_factory.mktemp("chain")
    names = [folder / name for name in ("m.h5", "e.h5", "n.h5", "r.h5")]
    cfmpi("ingest", ratings, "-o", names[0])
    cfmpi("svd", names[0], "-o", names[1], *SVD)
    cfmpi("neighbors", names[1], "-o", names[2], "--side", "both")
    cfmpi("recommend", names[2], "-o", names[3])
    return names


@pytest.fixture(scope="module")
def whole(cfmpi, ratings, tmp_path_factory):
    """whole(ranks) -> file of a whole run, made at the first call."""
    folder = tmp_path_factory.mktemp("whole")

    def get(ranks):
        path = folder / f"{ranks}.h5"
        if not path.exists():
            cfmpi("run", ratings, "-o", path, *SVD, "--side", "both", ranks=ranks,
                  timeout=120)
        return path
    return get


@pytest.mark.parametrize("ranks", RANKS)
def test_same_lists_from_the_same_embedding(cfmpi, chain, tmp_path, ranks):
    lists, result = tmp_path / "n.h5", tmp_path / "r.h5"
    cfmpi("neighbors", chain[1], "-o", lists, "--side", "both", ranks=ranks)
    cfmpi("recommend", lists, "-o", result, ranks=ranks)
    assert digests(result) == digests(chain[3])


def test_same_lists_with_more_threads(cfmpi, chain, tmp_path):
    lists, result = tmp_path / "n.h5", tmp_path / "r.h5"
    cfmpi("neighbors", chain[1], "-o", lists, "--side", "both", "--threads", 2, ranks=2)
    cfmpi("recommend", lists, "-o", result, "--threads", 2, ranks=2)
    assert digests(result) == digests(chain[3])


@pytest.mark.parametrize("ranks", RANKS[1:])
def test_whole_runs_agree(whole, ranks):
    one, many = whole(1), whole(ranks)
    assert digests(many, *MATRIX) == digests(one, *MATRIX)
    sigma = load(one, "embedding/singular_values")
    assert np.allclose(load(many, "embedding/singular_values"), sigma, rtol=1e-6, atol=0)
    # Wedin: the sine of the angle is at most the residual norms over the gap.
    # The last triplet's gap is to one that was not computed.
    residual = (load(one, "embedding/residuals") + load(many, "embedding/residuals"))
    steps = -np.diff(sigma)
    gap = np.minimum(steps, np.append(np.inf, steps[:-1]))
    bound = 2 * residual[:-1] * sigma[:-1] / gap + 1e-6
    for side in ("users", "items"):
        a, b = (load(path, f"embedding/{side}")[:, :-1].astype(float)
                for path in (one, many))
        distance = np.linalg.norm(a - b, axis=0) / np.linalg.norm(a, axis=0)
        assert np.all(distance <= bound), (side, (distance / bound).max())


@pytest.mark.parametrize("ranks", [1, 3])
def test_chain_equals_run(cfmpi, whole, ratings, tmp_path, ranks):
    embedding, lists, result = (tmp_path / name for name in ("e.h5", "n.h5", "r.h5"))
    cfmpi("svd", ratings, "-o", embedding, *SVD, ranks=ranks)
    cfmpi("neighbors", embedding, "-o", lists, "--side", "both", ranks=ranks)
    cfmpi("recommend", lists, "-o", result, ranks=ranks)
    assert digests(result) == digests(whole(ranks))


@pytest.mark.parametrize("stage, options", [(0, SVD), (1, ()), (2, ())],
                         ids=["ingest", "svd", "neighbors"])
def test_run_goes_on_at_the_first_missing_stage(cfmpi, chain, tmp_path, stage, options):
    result = tmp_path / "r.h5"
    cfmpi("run", chain[stage], "-o", result, *options, "--side", "both")
    assert digests(result) == digests(chain[3])


def test_neighbors_takes_ratings(cfmpi, chain, ratings, tmp_path):
    out = tmp_path / "n.h5"
    cfmpi("neighbors", ratings, "-o", out, *SVD, "--side", "both")
    assert digests(out) == digests(chain[2])


def test_an_output_carries_its_inputs_groups(chain):
    kept = {}
    for path in chain:
        stored = digests(path)
        assert kept.items() <= stored.items() and len(stored) > len(kept)
        kept = stored


@pytest.mark.parametrize("ranks", [4, 7])
@pytest.mark.parametrize("name", ["ml-1m/ratings.dat", "ml-latest-small/ratings.csv"])
def test_same_matrix_from_the_same_text(cfmpi, data, tmp_path, name, ranks):
    one, many = tmp_path / "1.h5", tmp_path / "n.h5"
    titles = data / name.replace("ratings", "movies")
    cfmpi("ingest", data / name, "--titles", titles, "-o", one)
    cfmpi("ingest", data / name, "--titles", titles, "-o", many, ranks=ranks)
    assert digests(many) == digests(one)
