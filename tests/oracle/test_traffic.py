"""Bytes that ranks send for an embedding, as Open MPI's own monitoring counts
them, against what the algorithms need and against the program's own count."""
import json
from typing import NamedTuple

import h5py
import numpy as np
import pytest
from conftest import PROGRAM, execute

BLOCK = 16               # columns that go through the matrix at a time
SQUARE = 8 * BLOCK**2    # bytes of a block's inner products
LARGE_SUM = 16384        # bytes from which sums go in two halves
DIM, PASSES = 16, 6
# The exit code of the first rank to end (76) must not have mpirun kill those
# that still write their counts in MPI_Finalize; mpirun then ends with 0.
MONITOR = {"pml_monitoring_enable": 2, "pml_monitoring_enable_output": 3,
           "orte_abort_on_non_zero_status": 0}


class Model:
    """Bytes sent by a rank, in the mean over ranks: `items` columns, float32
    iterations that are cut off after `passes`, one block each."""

    def __init__(self, ranks, items, dim, passes):
        self.ranks, self.items, self.dim = ranks, items, dim
        self.parts = {
            "products": passes * self.product(4, 4),
            "basis": sum(self.orthogonalise(step) for step in range(passes))
            + passes * self.append(),
            # After four times dim columns, and at the end.
            "eigenvalues": sum(self.eigenvalues(columns) for columns in
                               {4 * dim, BLOCK * passes}),
            "publication": self.share(4 * items * self.blocks * BLOCK)
            + self.reduce(self.blocks**2 * SQUARE),
            "certificate": self.blocks * self.product(4, 8)
            + self.reduce(8 * dim**2) + self.reduce(8 * items),
        }

    @property
    def blocks(self):
        return -(-self.dim // BLOCK)

    def share(self, size):
        """To all but oneself: an all-gather, a reduce-scatter, a broadcast."""
        return size * (self.ranks - 1) / self.ranks

    def reduce(self, size):
        """An all-reduce, doubling in rounds where it is small."""
        if size >= LARGE_SUM:
            return 2 * self.share(size)
        return size * np.ceil(np.log2(self.ranks))

    def product(self, gathered, summed):
        """With a block: bytes of a number on its way in and out."""
        return self.share(BLOCK * self.items * (gathered + summed))

    def orthogonalise(self, step):
        """Two steps in four go through the leading four and two newest blocks
        only, twice through these."""
        blocks = step + 1
        newest = min(2, blocks)
        if step % 4 > 1:
            parts = [newest, min(blocks - newest, 4), newest]
        else:
            parts = [newest, blocks]
        return sum(self.reduce(part * SQUARE) for part in parts + [1])

    def append(self):
        """CholeskyQR2: two Gram matrices, and what rank 0 decides."""
        return 2 * (self.reduce(SQUARE) + self.share(SQUARE + 264))

    def eigenvalues(self, columns):
        """Ten bytes an element from each process of a grid of up to 2 x 2
        (measured), and the vectors to all."""
        wanted = min(columns, (self.dim + 3 * BLOCK - 1) // BLOCK * BLOCK)
        return (min(self.ranks, 4) / self.ranks * 10 * columns**2
                + self.share(8 * columns) + self.reduce(8 * columns * wanted))

    @property
    def total(self):
        return sum(self.parts.values())


class Traffic(NamedTuple):
    items: int
    monitored: np.ndarray  # by rank
    report: dict

    def counted(self, *stages):
        """What the program itself says, in the mean over ranks."""
        return sum(stage["bytes_sent_rank"]["sum"] for stage in
                   self.report["stages"] if stage["name"] in stages
                   ) / self.report["ranks"]


def sent_bytes(prefix, ranks):
    """Of each rank: messages of its own and those of collectives."""
    sent = np.zeros(ranks)
    for rank in range(ranks):
        for line in open(f"{prefix}.{rank}.prof"):
            fields = line.split("\t")
            if fields[0] in ("E", "I"):
                assert int(fields[1]) == rank and fields[3].endswith(" bytes")
                sent[rank] += int(fields[3].split()[0])
    return sent


@pytest.fixture(scope="module")
def matrix(cfmpi, tmp_path_factory):
    """Few ratings of many items, so that the solver sends most."""
    folder = tmp_path_factory.mktemp("traffic")
    ratings, path = folder / "ratings.csv", folder / "matrix.h5"
    cfmpi("synth", "--users", 6000, "--items", 6000, "--ratings", 60000, "-o",
          ratings, ranks=0)
    cfmpi("ingest", ratings, "-o", path, ranks=0)
    return path


def measure(matrix, folder, ranks):
    """A tolerance that is not reached, so that the looks are where they are
    expected, and not so small that float64 takes over."""
    out, report, prefix = folder / "e.h5", folder / "e.json", folder / "monitor"
    env = {f"OMPI_MCA_{name}": str(value) for name, value in MONITOR.items()}
    env["OMPI_MCA_pml_monitoring_filename"] = str(prefix)
    outcome = execute(PROGRAM, ("svd", matrix, "-o", out, "--dim", DIM, "--svd",
                                "krylov", "--tol", 2e-5, "--max-passes", PASSES,
                                "--report", report, "-q"), ranks, timeout=180, env=env)
    assert outcome.code == 0 and "above --tol" in outcome.stderr
    with h5py.File(out, "r") as file:
        items = len(file["items/id"])
    report = json.loads(report.read_text())
    assert report["svd"]["passes"] == PASSES
    return Traffic(items, sent_bytes(prefix, ranks), report)


@pytest.mark.parametrize("ranks", [2, 3, 4, 8, 16, 64])
def test_bytes_sent_are_those_of_the_model(matrix, tmp_path, ranks):
    traffic = measure(matrix, tmp_path, ranks)
    model = Model(ranks, traffic.items, DIM, PASSES)
    files = traffic.counted("ingest", "write")
    expected = model.total + files
    sent = traffic.monitored
    assert sent.mean() == pytest.approx(expected, rel=0.1)
    assert sent.max() < 1.4 * sent.mean()
    # The program counts neither what ScaLAPACK nor what HDF5 sends.
    counted = traffic.counted("svd", "certify") + files
    assert 0.88 * sent.mean() < counted <= sent.mean()
