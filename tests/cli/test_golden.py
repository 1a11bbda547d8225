"""What the commands print for six users and eight items, to the letter.

Numbers that come out of the embedding may differ in the last places between
machines, so they are compared as numbers; everything else as text. After a
change of the output that is meant, GOLDEN=write rewrites the expected files.
"""
import math
import os
import re
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]\d+)?|-?\d+e[-+]\d+")
PARTS = ["users", "items", "ratings", "embedding", "neighbors", "recommendations"]


def compare(name, printed):
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        path.write_text(printed)
    expected = path.read_text()
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", expected)
    for got, wanted in zip(NUMBER.findall(printed), NUMBER.findall(expected)):
        assert math.isclose(float(got), float(wanted), rel_tol=1e-5, abs_tol=1e-6), \
            (got, wanted)


@pytest.fixture(scope="module", params=[1, 3, 7])
def made(request, cfmpi, tmp_path_factory):
    """A folder with r.h5, made by that many ranks: 7 is more than users."""
    folder = tmp_path_factory.mktemp("golden")
    cfmpi("run", GOLDEN / "ratings.csv", "--titles", GOLDEN / "movies.csv",
          "-o", "r.h5", "--dim", 4, "--tol", 1e-6, "-k", 3, "-n", 2,
          ranks=request.param, cwd=folder)
    return folder


@pytest.mark.parametrize("part", PARTS)
def test_export(cfmpi, made, part):
    outcome = cfmpi("export", "r.h5", "--part", part, "-q", cwd=made)
    compare(f"export_{part}.csv", outcome.stdout)
    assert outcome.stderr == ""


def test_export_to_tab_separated_file(cfmpi, made):
    out = made / "items.tsv"
    outcome = cfmpi("export", "r.h5", "--part", "items", "-o", out, "--force", cwd=made)
    assert outcome.stdout == ""
    compare("export_items.tsv", out.read_text())


def test_info(cfmpi, made):
    printed = cfmpi("info", "r.h5", cwd=made).stdout
    printed = printed.replace(str(GOLDEN), "FOLDER")
    compare("info.txt", re.sub(r"cfmpi \d+\.\d+\.\d+", "cfmpi VERSION", printed))


def test_info_of_users(cfmpi, made):
    compare("info_users.txt", cfmpi("info", "r.h5", "--user", "1,13", cwd=made).stdout)


def test_predict(cfmpi, made):
    outcome = cfmpi("predict", "r.h5", "--pairs", GOLDEN / "pairs.csv", cwd=made)
    compare("predict.csv", outcome.stdout)


@pytest.mark.parametrize("header", ["", "userId,movieId\n", "user,item,wanted\n"])
def test_predict_reads_pairs_with_any_header(cfmpi, made, tmp_path, header):
    lines = (GOLDEN / "pairs.csv").read_text().splitlines()[1:]
    extra = ",7" if "wanted" in header else ""
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(header + "".join(f"{line}{extra}\n" for line in lines))
    outcome = cfmpi("predict", "r.h5", "--pairs", pairs, cwd=made)
    compare("predict.csv", outcome.stdout)


def test_verify(cfmpi, made):
    assert cfmpi("verify", "r.h5", cwd=made).code == 0


@pytest.mark.parametrize("name", ["help", *(f"help_{name}" for name in (
    "run", "ingest", "svd", "neighbors", "recommend", "predict", "query", "explain",
    "evaluate", "synth", "info", "verify", "export"))])
def test_help(cfmpi, name):
    command = name.partition("_")[2]
    outcome = cfmpi(*filter(None, [command]), "--help", ranks=0)
    compare(f"{name}.txt", outcome.stdout)
    assert outcome.stderr == ""
