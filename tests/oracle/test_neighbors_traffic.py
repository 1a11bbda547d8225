"""Bytes that ranks send and hold while they find neighbours, as Open MPI's
monitoring and the system count them, against the model in the header of
src/neighbors/neighbors.c and against the program's own counts."""
import json
import string
from typing import NamedTuple

import numpy as np
import pytest
from conftest import PROGRAM, execute
from test_traffic import LARGE_SUM, MONITOR, sent_bytes

ROWS, DIM, K = 5000, 64, 10
LETTERS = string.ascii_letters + "0123456789+-"  # 64
TILE = 256               # rows, for as many of which 16 are sampled
SAMPLED = 16
WORKER = 4.6e6           # bytes for products of tiles
LIBRARY, PEER = 2.5e6, 0.045e6  # what libraries take, and for each rank of a node


class Model:
    """What a rank sends and holds, in the mean over ranks: n rows, dealt out
    evenly, and as many ranks on each node; `travelled` candidates are found away
    from home."""

    def __init__(self, ranks, nodes, n, dim, k, travelled):
        self.ranks, self.n, self.dim, self.k = ranks, n, dim, k
        self.of_node = ranks // nodes
        self.steps = nodes // 2
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
        parts = {
            "order": self.away * (4 * self.dim * self.sample + self.rows * self.row)
            + self.reduce(8 * self.leaves) + 8 * self.leaves,
            "rotation": self.rotated * (self.reduce(8 * self.dim**2)
                                        + self.away * 4 * self.dim**2),
            "blocks": self.steps * self.rows * self.row,
            "floors, counts and ties": self.steps * 12 * self.rows,
            "candidates": 12 * self.candidates,
            "owners": self.away * self.rows * (24 + 12 * self.k),
        }
        return sum(parts.values())

    @property
    def held(self):
        """The largest of what is held at a time."""
        given, lists = 4 * self.dim * self.rows, 12 * (self.k + 2) * self.rows
        tiles = -(-self.rows * self.of_node // TILE) / self.of_node
        party = tiles * (TILE * (2 * self.dim + 48) + 4 * self.dim + 40)
        parties = 2 if self.steps > 0 else 1
        blocks = 1 + min(self.steps, 2)
        numbers = 8 * self.rows if self.of_node > 1 else 0
        ring = (given + blocks * self.row * self.rows + numbers
                + 4 * self.dim**2 * self.rotated
                + parties * (party + lists) + 64 * tiles + WORKER)
        return max(
            given + 4 * self.dim * self.sample * (1 + 1 / self.ranks)
            + 4 * (self.dim + 1) * self.leaves,
            ring if self.steps == 0 else ring + max(
                8 * TILE * self.dim,
                24 * self.candidates / self.steps + 8 * self.rows),
            ring - WORKER + 8 * TILE * self.dim,
            given + 2 * lists + (64 + 16 * self.k) * self.rows)


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
    """measure(ranks, nodes, rows, dim) -> Run; each letter of `nodes`, over and
    over, is the node of a rank"""
    folder = tmp_path_factory.mktemp("traffic")

    def call(ranks, nodes="a", rows=ROWS, dim=DIM, monitor=True):
        vectors = folder / f"{rows}x{dim}.npy"
        if not vectors.exists():
            cfmpi("synth", "--vectors", rows, "--dim", dim, "-o", vectors, ranks=0)
        out, report, prefix = folder / "o.h5", folder / "o.json", folder / "monitor"
        env = {"CFMPI_NODES": nodes}
        if monitor:
            env |= {f"OMPI_MCA_{name}": str(value) for name, value in MONITOR.items()}
            env["OMPI_MCA_pml_monitoring_filename"] = str(prefix)
        outcome = execute(PROGRAM, ("neighbors", vectors, "-k", K, "-o", out, "--force",
                                    "--report", report, "-q"), ranks, timeout=180,
                          env=env)
        assert outcome.code == 0, outcome.stderr
        told = json.loads(report.read_text())
        travelled = told["neighbors"]["candidates_travelled"]
        away = rows * (K + 1) * (len(nodes) // 2)
        assert 0 < travelled < away or travelled == away == 0
        return Run(sent_bytes(prefix, ranks) if monitor else None, told,
                   Model(ranks, len(nodes), rows, dim, K, travelled))
    return call


@pytest.fixture(scope="module")
def options(measure):
    """Bytes of the options, which rank 0 gives to all before the first stage:
    what two ranks with next to no rows send beyond their stages."""
    run = measure(2, rows=TILE)
    total, _ = run.counted
    return 2 * (run.monitored.mean() - total)


@pytest.mark.parametrize("ranks, nodes", [
    (4, "a"), (4, "abcd"), (16, "abcd"), (64, "abcdefghijklmnop")])
def test_bytes_sent_and_held_are_those_of_the_model(measure, options, ranks, nodes):
    run = measure(ranks, nodes)
    total, stage = run.counted
    assert stage == pytest.approx(run.model.sent, rel=0.03)
    expected = run.model.sent + (total - stage) + run.model.away * options
    assert run.monitored.mean() == pytest.approx(expected, rel=0.1)
    assert run.monitored.mean() >= total
    assert run.mean("allocated_bytes_rank") == pytest.approx(run.model.held, rel=0.02)


@pytest.mark.parametrize("ranks, nodes, rows", [
    (4, "a", 4000), (4, "abcd", 4000), (16, "abcd", 4000), (64, LETTERS, 2000)])
def test_peak_memory_is_that_of_the_model(measure, ranks, nodes, rows):
    """What ranks of a node share is counted once."""
    run = measure(ranks, nodes, rows, 1024, monitor=False)
    peak = run.mean("peak_bytes_rank") - run.report["base_bytes_rank"]
    assert run.mean("allocated_bytes_rank") == pytest.approx(run.model.held, rel=0.02)
    assert peak == pytest.approx(run.model.held + LIBRARY + PEER * ranks, rel=0.1)
