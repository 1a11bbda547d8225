"""A full disk or a killed rank must not cost an earlier result."""
import os
import signal
import subprocess
import time

import pytest
from conftest import PROGRAM, kill, launch, session_members
from faults import HEADER, ROWS, check_error, snapshot
from reference import load


@pytest.fixture
def small_disk(tmp_path):
    """A folder that holds 2 MiB and no more."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "cfmpi-test", str(folder)],
        capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no disk of a limited size: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("ranks", [1, 4])
@pytest.mark.parametrize("command", ["run", "ingest"])
def test_full_disk(cfmpi, data, small_disk, command, ranks):
    """ml-1m needs 8 MB for its ratings alone."""
    (small_disk / "ratings.csv").write_text(HEADER + "".join(ROWS))
    cfmpi("run", "ratings.csv", "-o", "r.h5", cwd=small_disk)
    before = snapshot(small_disk)
    ratings = data / "ml-1m/ratings.dat"
    outcome = cfmpi(command, ratings, "-o", "r.h5", "--force", ranks=ranks, code=74,
                    *(["--dim", 8] if command == "run" else []), cwd=small_disk,
                    timeout=120)
    check_error(outcome, r"r\.h5.*No space left")
    assert snapshot(small_disk) == before


def test_full_disk_under_a_table(cfmpi, data, small_disk, tmp_path):
    cfmpi("ingest", data / "ml-1m/ratings.dat", "-o", tmp_path / "m.h5")
    outcome = cfmpi("export", tmp_path / "m.h5", "--part", "ratings", "-o", "r.csv",
                    ranks=2, code=74, cwd=small_disk)
    check_error(outcome, r"r\.csv.*No space left")
    assert snapshot(small_disk) == {}


def test_standard_output_that_takes_nothing(cfmpi, tmp_path):
    (tmp_path / "ratings.csv").write_text(HEADER + "".join(ROWS))
    cfmpi("ingest", "ratings.csv", "-o", "m.h5", cwd=tmp_path)
    with open("/dev/full", "w") as full:
        outcome = cfmpi("export", "m.h5", "--part", "ratings", ranks=0, code=74,
                        cwd=tmp_path, stdout=full)
    assert len(outcome.errors) == 1 and "No space left" in outcome.errors[0]


def test_memory_limit(cfmpi, data, tmp_path):
    """Each rank that runs out says so itself, then the whole job ends."""
    (tmp_path / "r.h5").write_bytes(b"an earlier result")
    before = snapshot(tmp_path)
    outcome = cfmpi("run", data / "ml-1m/ratings.dat", "-o", "r.h5", "--force",
                    "--memory-limit", "2M", ranks=3, code=71, cwd=tmp_path)
    assert outcome.errors and all("--memory-limit" in line for line in outcome.errors)
    assert snapshot(tmp_path) == before


def ranks_of(process):
    """The pids of the launched program's ranks."""
    found = []
    for pid in session_members(process.pid):
        try:
            if os.readlink(f"/proc/{pid}/exe") == str(PROGRAM.resolve()):
                found.append(pid)
        except OSError:
            pass
    return sorted(found)


def writing(folder):
    """A file of at least 1 MB beside the result, which is far smaller."""
    return any(path.stat().st_size > 1e6 for path in folder.iterdir())


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


@pytest.mark.parametrize("victim, moment", [(2, "early"), (0, "write"), (2, "write")])
def test_killed_rank(cfmpi, data, tmp_path, victim, moment):
    (tmp_path / "ratings.csv").write_text(HEADER + "".join(ROWS))
    cfmpi("run", "ratings.csv", "-o", "r.h5", cwd=tmp_path)
    earlier = (tmp_path / "r.h5").read_bytes()
    process = launch(PROGRAM, ["neighbors", data / "ml-1m/ratings.dat", "-o", "r.h5",
                               "--force", "--side", "both", "-k", 2000], 3, tmp_path,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(ranks_of(process)) == 3)
        if moment == "write":
            wait_until(lambda: writing(tmp_path) or process.poll() is not None)
        assert process.poll() is None, "the run was over before a rank was killed"
        os.kill(ranks_of(process)[victim], signal.SIGKILL)
        assert process.wait(60) != 0
    finally:
        kill(process)
    assert (tmp_path / "r.h5").read_bytes() == earlier
    cfmpi("run", "ratings.csv", "-o", "r.h5", "--force", "--dim", 3, ranks=3,
          cwd=tmp_path)
    assert load(tmp_path / "r.h5", "embedding/users").shape == (20, 3)
