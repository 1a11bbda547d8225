"""Memory that is told before neighbours are looked for by the ratings, against
what the system counts."""
import json
import re

import pytest
from conftest import DATA, PROGRAM, execute

RANKS = 1, 2, 4, 7
CASES = [("users", "cosine"), ("items", "cosine"), ("users", "pearson"),
         ("items", "pearson"), ("items", "adjusted-cosine")]


@pytest.fixture(scope="module")
def matrix(cfmpi, tmp_path_factory):
    """matrix(name) -> file of the ratings, so that reading takes little."""
    folder = tmp_path_factory.mktemp("memory")

    def make(name):
        path, ratings = folder / f"{name}.h5", DATA / name / "ratings.dat"
        if not path.exists():
            if name == "synth":
                ratings = folder / "ratings.csv"
                cfmpi("synth", "--users", 12000, "--items", 5000, "--ratings", 1200000,
                      "-o", ratings, ranks=0)
            cfmpi("ingest", ratings, "-o", path, ranks=0)
        return path
    return make


def run(path, folder, ranks, side, similarity):
    report = folder / "report.json"
    outcome = execute(PROGRAM, ("neighbors", path, "--space", "ratings", "--side", side,
                                "--similarity", similarity, "-k", 30, "-o", folder / "o.h5",
                                "--force", "--report", report), ranks, timeout=180)
    assert outcome.code == 0, outcome.stderr
    return json.loads(report.read_text()), outcome.stderr


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("name, cases", [("ml-1m", CASES), ("synth", CASES[:2])])
def test_peak_is_what_was_told(matrix, tmp_path, name, cases, ranks):
    for side, similarity in cases[:1 + len(cases) * (ranks in (1, 4))]:
        told, printed = run(matrix(name), tmp_path, ranks, side, similarity)
        base = told["base_bytes_rank"]
        peak = told["peak_bytes_rank"]["sum"] / ranks - base
        expected = told["neighbors"]["expected_bytes_rank"]
        assert peak == pytest.approx(expected["sum"] / ranks - base, rel=0.1), (side, similarity)
        shown = re.search(rf"neighbours of {side}: (\d+) MiB a rank expected", printed)
        assert int(shown[1]) == int(expected["max"]) >> 20
