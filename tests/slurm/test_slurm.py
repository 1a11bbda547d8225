"""The scripts in jobs/, submitted with sbatch to a Slurm cluster on this
machine, give the file that a plain mpirun of as many ranks gives."""
import random

import h5py
import pytest
from conftest import PROGRAM, ROOT
from slurm_cluster import SlurmCluster, missing_programs

RANKS = 4
# Fewer ranks than the scripts ask for; everything else is as they say.
SIZES = {"one-node": [f"--ntasks={RANKS}"],
         "several-nodes": ["--nodes=2", f"--ntasks-per-node={RANKS // 2}"]}
# The nodes claim more cores than the machine has: ranks share them.
SHARE_CORES = {"OMPI_MCA_rmaps_base_oversubscribe": "1",
               "OMPI_MCA_mpi_yield_when_idle": "1"}
OPTIONS = ["--dim", "16", "--neighbors", "10"]


@pytest.fixture(scope="module")
def cluster():
    missing = missing_programs()
    if missing:
        pytest.fail(f"not installed: {', '.join(missing)}; run tools/setup test")
    with SlurmCluster() as started:
        yield started


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    """300 users, some with a taste, in a file of about 6,000 ratings."""
    draw = random.Random(7)
    lines = ["userId,movieId,rating,timestamp"]
    for user in range(1, 301):
        for item in draw.sample(range(1, 201), 20):
            liked = item % 5 == user % 5
            stars = draw.randint(7, 10) if liked else draw.randint(1, 8)
            lines.append(f"{user},{item},{stars / 2},0")
    path = tmp_path_factory.mktemp("slurm-input") / "ratings.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def digests(path):
    """Name of every dataset -> what was stored about its values."""
    found = {}
    with h5py.File(path, "r") as file:
        assert file.attrs["complete"] == 1
        assert file.attrs["ranks"] == RANKS
        file.visititems(lambda name, node: found.update(
            {name: (node.shape, str(node.dtype), node.attrs["digest"])})
            if isinstance(node, h5py.Dataset) else None)
    return found


@pytest.fixture(scope="module")
def expected(cfmpi, ratings, tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "result.h5"
    cfmpi("run", ratings, "-o", path, *OPTIONS, ranks=RANKS, env=SHARE_CORES)
    return digests(path)


@pytest.fixture
def submit(cluster, tmp_path):
    """submit("one-node", "srun", input, output...) -> exit code, log."""
    def call(script, launcher, *args, tries=4, **env):
        log = tmp_path / "job.log"
        code = cluster.submit(
            *SIZES[script], f"--output={log}", ROOT / "jobs" / f"{script}.sh",
            *args, cwd=tmp_path, env={**SHARE_CORES, **env,
                                      "LAUNCHER": launcher, "CFMPI": str(PROGRAM)})
        told = log.read_text()
        # Now and then Open MPI's own thread jumps to 0 as ranks come or go under
        # srun, before the program has said anything.
        if "address: (nil)" in told and "cfmpi:" not in told and tries > 1:
            return call(script, launcher, *args, tries=tries - 1, **env)
        return code, told
    return call


@pytest.mark.parametrize("launcher", ["srun", "mpirun"])
@pytest.mark.parametrize("script", SIZES)
def test_job_gives_the_file_of_a_plain_run(
        submit, ratings, expected, tmp_path, script, launcher):
    code, log = submit(script, launcher, ratings, "result.h5", *OPTIONS)
    assert code == 0, log
    assert digests(tmp_path / "result.h5") == expected


def test_parameters_from_the_environment(submit, ratings, expected, tmp_path):
    code, log = submit("one-node", "srun", INPUT=str(ratings), OUTPUT="named.h5",
                       OPTIONS=" ".join(OPTIONS))
    assert code == 0, log
    assert digests(tmp_path / "named.h5") == expected


@pytest.mark.parametrize("launcher", ["srun", "mpirun"])
def test_job_ends_with_the_exit_code_of_the_program(submit, tmp_path, launcher):
    code, log = submit("several-nodes", launcher, "absent.csv", "result.h5")
    assert code == 66, log
    assert log.count("cfmpi: error:") == 1, log
    assert not (tmp_path / "result.h5").exists()


def test_job_leaves_an_output_that_is_there_alone(submit, ratings, tmp_path):
    (tmp_path / "result.h5").write_text("an earlier result")
    code, log = submit("one-node", "srun", ratings, "result.h5", *OPTIONS)
    assert code == 73, log
    assert (tmp_path / "result.h5").read_text() == "an earlier result"
