"""What goes where: stdout, stderr, the report; and what works, not fails."""
import json
import os
import pty
import re
import subprocess

import numpy as np
import pytest
from conftest import PROGRAM
from reference import load

STAGES = ["ingest", "svd", "certify", "neighbors", "recommend", "write"]
SPREAD = {"min", "median", "max"}


def write_ratings(path, users, items, per_user, seed=1):
    rng = np.random.default_rng(seed)
    lines = ["userId,movieId,rating"]
    for user in range(1, users + 1):
        for item in rng.choice(items, per_user, replace=False):
            lines.append(f"{user},{item + 1},{rng.integers(1, 11) / 2}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    """20 users, far fewer than any default expects."""
    return write_ratings(tmp_path_factory.mktemp("small") / "ratings.csv", 20, 30, 8)


def test_report(cfmpi, ratings, tmp_path):
    cfmpi("run", ratings, "-o", "r.h5", "--report", "r.json", ranks=3, cwd=tmp_path)
    told = json.loads((tmp_path / "r.json").read_text())
    assert set(told) >= {"program", "command", "ranks", "threads", "hosts", "kernel",
                         "input", "stages", "total_seconds", "peak_bytes_rank",
                         "base_bytes_rank", "svd", "neighbors", "output"}
    assert told["ranks"] == 3 and told["threads"] == 1
    assert set(told["input"]) >= {"name", "bytes", "users", "items", "ratings",
                                  "rows_skipped"}
    assert told["input"]["users"] == 20 and told["input"]["ratings"] == 160
    assert [stage["name"] for stage in told["stages"]] == STAGES
    for stage in told["stages"]:
        assert set(stage) >= {"name", "seconds", "seconds_rank", "bytes_sent_rank",
                              "bytes_read", "bytes_written"}
        assert set(stage["seconds_rank"]) == SPREAD
        assert set(stage["bytes_sent_rank"]) == SPREAD | {"sum"}
    stages = {stage["name"]: stage for stage in told["stages"]}
    assert stages["ingest"]["bytes_read"] >= ratings.stat().st_size
    assert stages["neighbors"]["bytes_sent_rank"]["sum"] > 0
    # The slowest rank of each stage may be another one: what all did in each
    # cannot exceed the whole.
    assert sum(stage["seconds_rank"]["min"]
               for stage in told["stages"]) <= told["total_seconds"]
    assert set(told["peak_bytes_rank"]) == SPREAD | {"sum"}
    assert told["peak_bytes_rank"]["max"] >= told["peak_bytes_rank"]["min"] > 2**20
    assert set(told["svd"]) >= {"dim", "passes", "max_residual"}
    assert told["svd"]["dim"] == 20
    parts = told["svd"]["seconds"]
    assert set(parts) == {"packing", "products", "exchange", "basis", "eigenvalues",
                          "vectors"}
    # Each is a part of its rank's stage.
    assert 0 < min(parts[name] for name in ("packing", "eigenvalues", "vectors"))
    assert max(parts.values()) <= stages["svd"]["seconds"] + 1e-6
    assert set(told["neighbors"]) >= {"pairs", "pairs_skipped", "ties_at_k"}
    size = (tmp_path / "r.h5").stat().st_size
    assert told["output"]["name"] == "r.h5" and told["output"]["bytes"] == size


def test_table_of_stages_and_what_to_do_next(cfmpi, ratings, tmp_path):
    outcome = cfmpi("run", ratings, "-o", "r.h5", ranks=2, cwd=tmp_path)
    assert outcome.stdout == ""
    for stage in STAGES:
        assert re.search(rf"^\W*{stage}\b.*\d", outcome.stderr, re.M), stage
    assert "cfmpi info r.h5" in outcome.stderr
    assert "\x1b" not in outcome.stderr and "\r" not in outcome.stderr


def test_default_dim_is_capped_with_a_note(cfmpi, ratings, tmp_path):
    outcome = cfmpi("run", ratings, "-o", "r.h5", ranks=2, cwd=tmp_path)
    assert re.search(r"^cfmpi: note: .*\b20\b", outcome.stderr, re.M)
    assert load(tmp_path / "r.h5", "embedding/users").shape == (20, 20)
    assert load(tmp_path / "r.h5", "neighbors/users/index").shape == (20, 50)
    assert np.all(load(tmp_path / "r.h5", "neighbors/users/count") == 19)


def test_quiet(cfmpi, ratings, tmp_path):
    outcome = cfmpi("run", ratings, "-o", "r.h5", "-q", ranks=2, cwd=tmp_path)
    assert outcome.stdout == outcome.stderr == ""


def test_verbose_says_more(cfmpi, ratings, tmp_path):
    plain = cfmpi("run", ratings, "-o", "a.h5", cwd=tmp_path)
    verbose = cfmpi("run", ratings, "-o", "b.h5", "-v", cwd=tmp_path)
    assert len(verbose.stderr.splitlines()) > len(plain.stderr.splitlines())
    assert verbose.stdout == ""


def on_a_terminal(args, cwd, **env):
    """All that the program shows on a terminal of its own."""
    main, side = pty.openpty()
    process = subprocess.Popen([str(PROGRAM), *map(str, args)], cwd=cwd, stdin=side,
                               stdout=side, stderr=side, start_new_session=True,
                               env={**os.environ, "TERM": "xterm", **env})
    os.close(side)
    shown = b""
    try:
        while part := os.read(main, 4096):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(main)
    assert process.wait(60) == 0
    return shown.decode()


def test_no_color(ratings, tmp_path):
    shown = on_a_terminal(["run", ratings, "-o", "r.h5"], tmp_path, NO_COLOR="1")
    assert "neighbors" in shown and not re.search(r"\x1b\[[\d;]*m", shown)


def test_progress_never(ratings, tmp_path):
    shown = on_a_terminal(["run", ratings, "-o", "r.h5", "--progress", "never"], tmp_path)
    assert not re.search(r"\r(?!\n)|\x1b", shown)
    assert (tmp_path / "r.h5").exists()


@pytest.mark.parametrize("users", [1, 2, 5])
def test_more_ranks_than_users(cfmpi, tmp_path, users):
    write_ratings(tmp_path / "few.csv", users, 9, 4)
    cfmpi("run", "few.csv", "-o", "r.h5", "--side", "both", ranks=7, cwd=tmp_path)
    assert np.all(load(tmp_path / "r.h5", "neighbors/users/count") == users - 1)
    cfmpi("verify", "r.h5", ranks=7, cwd=tmp_path)


def test_users_without_unseen_items(cfmpi, tmp_path):
    write_ratings(tmp_path / "all.csv", 6, 5, 5)
    cfmpi("run", "all.csv", "-o", "r.h5", ranks=2, cwd=tmp_path)
    assert np.all(load(tmp_path / "r.h5", "recommendations/count") == 0)
    assert np.all(load(tmp_path / "r.h5", "recommendations/index") == -1)


def test_unknown_ids_in_pairs_are_counted(cfmpi, ratings, tmp_path):
    cfmpi("run", ratings, "-o", "r.h5", cwd=tmp_path)
    (tmp_path / "pairs.csv").write_text("user,item\n1,2\n777,1\n1,888\n")
    outcome = cfmpi("predict", "r.h5", "--pairs", "pairs.csv", ranks=2, cwd=tmp_path)
    lines = outcome.stdout.splitlines()
    assert lines[0] == "user,item,prediction" and lines[2:] == ["777,1,", "1,888,"]
    assert re.search(r"\b2\b", outcome.stderr)


def test_skipped_rows_are_counted(cfmpi, tmp_path):
    write_ratings(tmp_path / "r.csv", 12, 9, 4)
    rows = (tmp_path / "r.csv").read_text().splitlines()
    rows[5:5], rows[30:30], rows[48:48] = ["3,7,abc"], ["4,5"], ["1,2,nan", "x,,1"]
    (tmp_path / "bad.csv").write_text("\n".join(rows) + "\n")
    cfmpi("run", "r.csv", "-o", "good.h5", ranks=3, cwd=tmp_path)
    cfmpi("run", "bad.csv", "-o", "bad.h5", "--on-bad-row", "skip", "--report", "r.json",
          ranks=3, cwd=tmp_path)
    assert json.loads((tmp_path / "r.json").read_text())["input"]["rows_skipped"] == 4
    for name in ("indptr", "indices", "values"):
        assert np.array_equal(load(tmp_path / "bad.h5", f"ratings/{name}"),
                              load(tmp_path / "good.h5", f"ratings/{name}"))


@pytest.mark.parametrize("options", [("--tol", 1e-6, "--max-passes", 3),
                                     ("--tol", 1e-12)], ids=["passes", "float32"])
def test_tolerance_not_reached(cfmpi, data, tmp_path, options):
    """Too few passes, and more than float32 vectors can hold."""
    outcome = cfmpi("run", data / "ml-100k/u.data", "-o", "r.h5", "--dim", 32, *options,
                    "--report", "r.json", ranks=2, cwd=tmp_path, code=76)
    assert len(outcome.errors) == 1 and "--tol" in outcome.errors[0]
    assert load(tmp_path / "r.h5", "embedding/residuals").max() > options[1]
    told = json.loads((tmp_path / "r.json").read_text())
    assert [stage["name"] for stage in told["stages"]] == STAGES
    cfmpi("verify", "r.h5", cwd=tmp_path)


def test_folder_that_holds_only_a_config_file(cfmpi, result_of, data, tmp_path):
    (tmp_path / "cfmpi.conf").write_text(
        f"input = {data}/ml-1m/ratings.dat\ntitles = {data}/ml-1m/movies.dat\n"
        "dim = 128\ntol = 1e-5\noutput = r.h5\n")
    cfmpi(ranks=64, cwd=tmp_path, timeout=600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cfmpi.conf", "r.h5"]
    few = result_of("ml-1m").path
    sigma = "embedding/singular_values"
    assert np.allclose(load(tmp_path / "r.h5", sigma), load(few, sigma), rtol=1e-6)
    count = "recommendations/count"
    assert np.array_equal(load(tmp_path / "r.h5", count), load(few, count))
