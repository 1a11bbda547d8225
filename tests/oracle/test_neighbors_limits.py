"""Neighbours at the ends of what sizes may be, and the same lists whatever the
order of the rows, the number of ranks and the instruction set."""
import json

import h5py
import numpy as np
import pytest
import reference
from conftest import together
from reference import digests, text
from test_neighbors import check, stored_lists
from test_similarity import made

SIMILARITIES = ("cosine", "dot", "euclidean")
KERNELS = ("portable", "avx2", "avx512", "avx512vnni")
RANKS = (1, 2, 3, 4, 7, 16, 64)


def sixteenths(rows, dim, seed=1):
    """Sums of products of these are exact in any order."""
    rng = np.random.default_rng(seed)
    return (rng.integers(-40, 41, (rows, dim)) / 16).astype(np.float32)


def clustered(rows, dim):
    rng = np.random.default_rng(2)
    centres = 4 * rng.standard_normal((9, dim))
    return (centres[rng.integers(0, 9, rows)]
            + rng.standard_normal((rows, dim))).astype(np.float32)


@pytest.fixture
def find(cfmpi, tmp_path):
    """find(x, k, similarity, ranks) -> the stored lists"""
    def call(x, k, similarity, ranks):
        name = f"{len(list(tmp_path.iterdir()))}"
        np.save(tmp_path / f"{name}.npy", x)
        cfmpi("neighbors", f"{name}.npy", "-o", f"{name}.h5", "-k", k, "--similarity",
              similarity, ranks=ranks, cwd=tmp_path)
        return stored_lists(tmp_path / f"{name}.h5")
    return call


# ---- sizes ----

@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("rows, dim, k, ranks", [
    (150, 4096, 7, 3), (300, 1, 7, 3), (1, 5, 3, 4), (2, 5, 3, 7), (3, 4096, 4096, 16)])
def test_shapes(find, rows, dim, k, ranks, similarity):
    x = sixteenths(rows, dim)
    check(find(x, k, similarity, ranks), reference.neighbors(x, k, similarity), rtol=1e-6)


def test_long_lists(find):
    x = sixteenths(5000, 8)
    stored = find(x, 4096, "euclidean", 2)
    some = np.arange(0, 5000, 97)
    for row in some:
        squared = ((x.astype(float) - x[row])**2).sum(axis=1)
        squared[row] = np.inf
        order = np.lexsort((np.arange(5000), squared))[:4097]
        distance = np.sqrt(squared[order]).astype(np.float32)
        assert np.array_equal(stored.index[row], order[:4096])
        assert np.array_equal(stored.score[row], distance[:4096])
        assert stored.gap[row] == distance[4096] - distance[4095]
        last = np.sqrt(squared).astype(np.float32) == distance[4095]
        assert stored.ties[row] == last.sum() - (distance[:4096] == distance[4095]).sum()
    assert np.all(stored.count == 4096)


# ---- what must change nothing ----

@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_permuted_rows(find, similarity):
    """Equal rows and zeros among them; lists that end in a tie may differ in
    which of those that tie they hold."""
    x, k = made(), 7
    order = np.random.default_rng(3).permutation(len(x))
    one, other = find(x, k, similarity, 3), find(x[order], k, similarity, 3)
    for name in ("score", "count", "gap", "ties"):
        assert np.array_equal(getattr(one, name)[order], getattr(other, name),
                              equal_nan=True), name
    cut = 0
    for place, row in enumerate(order):
        have = one.count[row]
        last = one.score[row, have - 1] if one.ties[row] else None
        certain = one.score[row, :have] != last
        cut += not certain.all()
        assert (set(one.index[row, :have][certain])
                == set(order[other.index[place, :have]][certain]))
    assert 0 < cut < len(x)


def written(cfmpi, folder, similarity, ranks=1, isa=None, threads=1, **env):
    name = "_".join(map(str, (similarity, ranks, isa, threads, *env.values())))
    name = name.replace("/", "")
    cfmpi("neighbors", "x.npy", "-o", f"{name}.h5", "-k", 10, "--similarity", similarity,
          "--threads", threads, "--report", f"{name}.json", ranks=ranks, cwd=folder,
          timeout=120, env={"CFMPI_ISA": isa, **env} if isa else env)
    with h5py.File(folder / f"{name}.h5") as file:
        kernel = text(file["neighbors/users"].attrs["kernel"])
    report = json.loads((folder / f"{name}.json").read_text())
    assert report["isa"] == report["neighbors"]["kernel"] == kernel
    return digests(folder / f"{name}.h5"), kernel


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_ranks_and_instruction_sets(cfmpi, tmp_path, similarity):
    np.save(tmp_path / "x.npy", clustered(1500, 45))
    first, best = written(cfmpi, tmp_path, similarity)
    ranks = RANKS if similarity == "cosine" else RANKS[:-1]
    for found, _ in together(lambda count: written(cfmpi, tmp_path, similarity, count),
                             ranks[1:], 2):
        assert found == first
    kernels = KERNELS[:KERNELS.index(best) + 1]
    made_by = together(lambda isa: written(cfmpi, tmp_path, similarity, 2, isa), kernels)
    assert made_by == [(first, isa) for isa in kernels]


# ---- nodes ----

# Letters are the nodes of ranks: of one size or not, side by side or scattered.
@pytest.mark.parametrize("similarity", ("cosine", "euclidean"))
def test_ranks_of_nodes(cfmpi, tmp_path, similarity):
    np.save(tmp_path / "x.npy", clustered(1500, 45))
    first = written(cfmpi, tmp_path, similarity)
    runs = [(2, "ab", 1), (4, "aabb", 2), (4, "abab", 1), (5, "abbbb", 1), (7, "abcab", 3),
            (16, "abcdd", 1)]
    assert [first] * len(runs) == together(
        lambda run: written(cfmpi, tmp_path, similarity, run[0], threads=run[2],
                            CFMPI_NODES=run[1]), runs, 2)


def test_no_room_for_shared_memory(cfmpi, tmp_path):
    """Then each rank has a block of its own, and what -v says is that."""
    np.save(tmp_path / "x.npy", clustered(1500, 45))
    first = written(cfmpi, tmp_path, "cosine")
    room = {"OMPI_MCA_osc_sm_backing_directory": "/nowhere"}
    assert written(cfmpi, tmp_path, "cosine", 4, CFMPI_NODES="aab", **room) == first
    for env, told in ((room, "3 ranks have a block each"),
                      ({}, "the ranks of a node share blocks: 2 nodes")):
        outcome = cfmpi("neighbors", "x.npy", "-o", "v.h5", "--force", "-v", ranks=3,
                        cwd=tmp_path, env={"CFMPI_NODES": "aab", **env})
        assert told in outcome.stderr
