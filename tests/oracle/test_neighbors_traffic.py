"""Bytes that ranks send and hold while they find neighbours, as Open MPI's
monitoring and the system count them, against the model in the header of
src/neighbors/neighbors.c and against the program's own counts."""
import json
from typing import NamedTuple

import numpy as np
import pytest
from conftest import PROGRAM, execute
from test_traffic import LARGE_SUM, MONITOR, sent_bytes

ROWS, DIM, K = 5000, 64, 10
TILE = 256               # rows, for as many of which 16 are sampled
SAMPLED = 16
WORKER = 4.6e6           # bytes for products of tiles
LIBRARY, PEER = 2.5e6, 0.09e6  # what libraries take, and for each rank of a node


class Model:
    """What a rank sends and holds, in the mean over ranks: n rows, dealt out
    evenly; `travelled` candidates are found away from home."""

    def __init__(self, ranks, n, dim, k, travelled):
        self.ranks, self.n, self.dim, self.k = ranks, n, dim, k
        self.rows = n / ranks
        self.away = (ranks - 1) / ranks
        self.row = 4 * dim + 8
        self.candidates = travelled / ranks
        self.leaves = 2 ** int(np.ceil(np.log2(max(1, n / TILE))))
        self.sample = -(-n // max(1, n // (SAMPLED * self.leaves)))

    def reduce(self, size):
        if size >= LARGE_SUM:
            return 2 * self.away * size
        return size * np.ceil(np.log2(self.ranks))

    @property
    def rotated(self):
        return 16 <= self.dim <= 1024 and self.n >= 64 * self.dim

    @property
    def sent(self):
        steps = self.ranks // 2
        parts = {
            "order": self.away * (4 * self.dim * self.sample + self.rows * self.row)
            + self.reduce(8 * self.leaves) + 8 * self.leaves,
            "rotation": self.rotated * (self.reduce(8 * self.dim**2)
                                        + self.away * 4 * self.dim**2),
            "blocks": steps * self.rows * self.row,
            "floors, counts and ties": steps * 12 * self.rows,
            "candidates": 12 * self.candidates,
            "owners": self.away * self.rows * (24 + 12 * self.k),
        }
        return sum(parts.values())

    @property
    def held(self):
        """The largest of what is held at a time."""
        given, lists = 4 * self.dim * self.rows, 12 * (self.k + 2) * self.rows
        places = TILE * -(-self.rows // TILE)
        party = places * (2 * self.dim + 44) + places / TILE * (4 * self.dim + 32)
        ring = (given + 3 * self.row * self.rows + 4 * self.dim**2 * self.rotated
                + 2 * (party + lists) + WORKER)
        steps = self.ranks // 2
        return max(
            given + 4 * self.dim * self.sample * (1 + 1 / self.ranks)
            + 4 * (self.dim + 1) * self.leaves,
            ring + 8 * TILE * self.dim,
            ring + 24 * self.candidates / steps + 8 * self.rows,
            given + 2 * lists + (64 + 16 * self.k) * self.rows + WORKER)


class Run(NamedTuple):
    monitored: np.ndarray  # bytes sent by each rank
    report: dict
    model: Model

    @property
    def counted(self):
        """Bytes sent by the program's own count, in the mean over ranks, and
        those of the stage that the model is of."""
        sent = {stage["name"]: stage["bytes_sent_rank"]["sum"] / self.report["ranks"]
                for stage in self.report["stages"]}
        return sum(sent.values()), sent["neighbors"]

    def mean(self, name):
        return self.report[name]["sum"] / self.report["ranks"]


@pytest.fixture(scope="module")
def measure(cfmpi, tmp_path_factory):
    """measure(ranks, rows, dim) -> Run"""
    folder = tmp_path_factory.mktemp("traffic")

    def call(ranks, rows=ROWS, dim=DIM, monitor=True):
        vectors = folder / f"{rows}x{dim}.npy"
        if not vectors.exists():
            cfmpi("synth", "--vectors", rows, "--dim", dim, "-o", vectors, ranks=0)
        out, report, prefix = folder / "o.h5", folder / "o.json", folder / "monitor"
        env = {f"OMPI_MCA_{name}": str(value) for name, value in MONITOR.items()}
        env["OMPI_MCA_pml_monitoring_filename"] = str(prefix)
        outcome = execute(PROGRAM, ("neighbors", vectors, "-k", K, "-o", out, "--force",
                                    "--report", report, "-q"), ranks, timeout=180,
                          env=env if monitor else None)
        assert outcome.code == 0, outcome.stderr
        told = json.loads(report.read_text())
        travelled = told["neighbors"]["candidates_travelled"]
        assert 0 < travelled < rows * (K + 1) * (ranks // 2)
        return Run(sent_bytes(prefix, ranks) if monitor else None, told,
                   Model(ranks, rows, dim, K, travelled))
    return call


@pytest.fixture(scope="module")
def options(measure):
    """Bytes of the options, which rank 0 gives to all before the first stage:
    what two ranks with next to no rows send beyond their stages."""
    run = measure(2, TILE)
    total, _ = run.counted
    return 2 * (run.monitored.mean() - total)


@pytest.mark.parametrize("ranks", [4, 16, 64])
def test_bytes_sent_and_held_are_those_of_the_model(measure, options, ranks):
    run = measure(ranks)
    total, stage = run.counted
    assert stage == pytest.approx(run.model.sent, rel=0.03)
    expected = run.model.sent + (total - stage) + run.model.away * options
    assert run.monitored.mean() == pytest.approx(expected, rel=0.1)
    assert run.monitored.mean() >= total
    assert run.mean("allocated_bytes_rank") == pytest.approx(run.model.held, rel=0.02)


@pytest.mark.parametrize("ranks, rows", [(4, 4000), (16, 4000), (64, 2000)])
def test_peak_memory_is_that_of_the_model(measure, ranks, rows):
    run = measure(ranks, rows, 1024, monitor=False)
    peak = run.mean("peak_bytes_rank") - run.report["base_bytes_rank"]
    assert run.mean("allocated_bytes_rank") == pytest.approx(run.model.held, rel=0.02)
    assert peak == pytest.approx(run.model.held + LIBRARY + PEER * ranks, rel=0.1)
