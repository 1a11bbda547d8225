"""Launching the program, the real data sets, and results made once a session."""
import fcntl
import json
import os
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
import reference
import tables

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
PROGRAM = BUILD / "cfmpi"
DATA = (ROOT / os.environ.get("CFMPI_DATA", "../shared")).resolve() / "data"
# What mpirun says about a rank's exit code stands between such lines.
BANNER = re.compile(r"^-{60,}\n.*?^-{60,}\n", re.DOTALL | re.MULTILINE)


class Outcome(NamedTuple):
    """What one launch left: exit code, stdout, stderr without mpirun's part."""
    code: int
    stdout: str
    stderr: str

    @property
    def errors(self):
        return [line for line in self.stderr.splitlines()
                if line.startswith("cfmpi: error:")]


def command_line(program, args, ranks):
    """ranks=0 is the plain program, without mpirun."""
    launcher = ["mpirun", "-n", str(ranks), "--oversubscribe"] if ranks else []
    return launcher + [str(program)] + [str(arg) for arg in args]


def session_members(leader):
    """Processes of the session that `leader` opened: mpirun gives each rank a
    process group of its own, so the group is not enough."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[3]) == leader:
                members.append(int(entry.name))
    return members


def kill(process):
    for pid in session_members(process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


def launch(program, args, ranks=1, cwd=None, env=None, **pipes):
    return subprocess.Popen(
        command_line(program, args, ranks), cwd=cwd, start_new_session=True,
        env={**os.environ, **(env or {})},
        **{"stdin": subprocess.DEVNULL, **pipes})


def execute(program, args, ranks=1, cwd=None, timeout=60, env=None, stdin=None,
            stdout=subprocess.PIPE, tries=2):
    """Runs to the end; a run that outlasts `timeout` seconds is a failure."""
    process = launch(program, args, ranks, cwd, env, stdout=stdout,
                     stderr=subprocess.PIPE,
                     stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE)
    try:
        out, err = process.communicate(stdin, timeout)
    except subprocess.TimeoutExpired:
        kill(process)
        out, err = process.communicate()
        shown = " ".join(map(str, process.args))
        pytest.fail(f"no end after {timeout} s: {shown}\n"
                    + err.decode(errors="replace"), pytrace=False)
    # A rank's crash is mpirun's exit code 139; mpirun itself crashes now and
    # then while it ends a job (in its own communication thread).
    if ranks and process.returncode == -signal.SIGSEGV and tries > 1:
        return execute(program, args, ranks, cwd, timeout, env, stdin, stdout,
                       tries - 1)
    return Outcome(process.returncode, (out or b"").decode(errors="replace"),
                   BANNER.sub("", err.decode(errors="replace")))


@pytest.hookimpl(tryfirst=True)  # xdist's own reads the mark
def pytest_collection_modifyitems(items):
    """What a file's tests share is made once: they go to one worker. Unit programs
    share nothing."""
    for item in items:
        if item.path.name != "test_units.py":
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


@pytest.fixture(scope="session")
def cfmpi(tmp_path_factory):
    """cfmpi("run", file, "-o", out, ranks=3) -> Outcome; code= is the exit
    code that must come (None: any)."""
    empty = tmp_path_factory.mktemp("cwd")

    def call(*args, ranks=1, code=0, cwd=empty, **options):
        outcome = execute(PROGRAM, args, ranks, cwd, **options)
        if code is not None and outcome.code != code:
            shown = " ".join(command_line("cfmpi", args, ranks))
            pytest.fail(f"exit code {outcome.code}, not {code}: {shown}\n"
                        f"{outcome.stdout}{outcome.stderr}", pytrace=False)
        return outcome
    return call


def together(function, arguments, most=5):
    """function(argument) of each, several at a time: for small inputs starting
    the ranks is all of the time, and most of that is waiting."""
    with ThreadPoolExecutor(most) as pool:
        return list(pool.map(function, arguments))


class Ingested(NamedTuple):
    path: Path
    outcome: Outcome

    @property
    def input(self):
        """What the file tells about its input."""
        return reference.input_of(self.path)


@pytest.fixture
def ingest(cfmpi, tmp_path):
    """ingest(expected, "r.csv", ranks=(1, 7)) -> [Ingested]: the matrix file of
    each rank count must hold `expected`, under the same digests."""
    def call(expected, *args, ranks=(1, 7), **options):
        folder = tmp_path / "matrices"
        folder.mkdir(exist_ok=True)

        def one(count):
            path = folder / f"{count}.h5"
            return Ingested(path, cfmpi("ingest", *args, "-o", path, "--force",
                                        ranks=count, cwd=tmp_path, **options))
        made = together(one, ranks)
        for path, _ in made:
            tables.check(path, expected)
            assert reference.digests(path) == reference.digests(made[0].path)
        return made
    return call


@pytest.fixture(scope="session")
def data():
    if not DATA.is_dir():
        pytest.skip(f"no data sets at {DATA}; CFMPI_DATA names their folder")
    return DATA


@pytest.fixture(scope="session", params=sorted(reference.DATASETS))
def dataset(request, data):
    """Each real data set: its files, and its matrix as Python reads it."""
    return reference.dataset(data, request.param)


class Result(NamedTuple):
    path: Path
    report: dict


@pytest.fixture(scope="session")
def result_of(cfmpi, data, tmp_path_factory):
    """result_of("ml-1m") -> Result of `run --score mean`, made at the first call in any of
    the processes that share the tests."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder = folder / "results"
    folder.mkdir(exist_ok=True)

    def get(name):
        path, report = folder / f"{name}.h5", folder / f"{name}.json"
        with open(folder / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not report.exists():
                files = reference.dataset(data, name)
                titles = ["--titles", files.titles] if files.titles else []
                cfmpi("run", files.ratings, *titles, *files.options, "-o", path,
                      "--score", "mean", "--force", "--report", report, ranks=files.ranks, timeout=300)
        return Result(path, json.loads(report.read_text()))
    return get


@pytest.fixture(scope="session")
def result(result_of, dataset):
    return result_of(dataset.name)
