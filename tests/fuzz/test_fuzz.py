"""Each fuzz target for some seconds, from its kept corpus on."""
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT

SECONDS = 3
TARGETS = sorted(path.stem for path in (ROOT / "tests/fuzz").glob("*.c"))
# Those that compare one rank with several.
JOINT = ["h5ad", "npz", "ratings", "titles", "vectors"]


def corpus(target):
    return ROOT / "tests/fuzz/corpus" / target


def fuzz(target, folder, *options, ranks=0):
    new = folder / f"{target}-{ranks}"
    new.mkdir()
    launcher = ["mpirun", "-n", str(ranks), "--oversubscribe"] if ranks else []
    command = [*launcher, ROOT / "build-fuzz" / target, new, corpus(target), "-seed=1",
               "-timeout=20", "-max_len=1000", "-detect_leaks=0", *options,
               f"-artifact_prefix={new}/"]
    return subprocess.run(command, cwd=folder, text=True, errors="replace",
                          env={**os.environ, "TMPDIR": str(new),
                               "ASAN_OPTIONS": "detect_leaks=0"},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """All runs, two at a time, so that a test waits only for its own."""
    folder = tmp_path_factory.mktemp("fuzz")
    with ThreadPoolExecutor(2) as pool:
        alone = {(target, 0): pool.submit(fuzz, target, folder,
                                          f"-max_total_time={SECONDS}")
                 for target in TARGETS}
        joint = {(target, 3): pool.submit(fuzz, target, folder, "-runs=0", ranks=3)
                 for target in JOINT}
        yield alone | joint


def check(outcome):
    if outcome.returncode != 0:
        pytest.fail(outcome.stdout[-6000:], pytrace=False)


@pytest.mark.parametrize("target", TARGETS)
def test_fuzz(outcomes, target):
    assert any(corpus(target).iterdir())
    check(outcomes[target, 0].result())


@pytest.mark.parametrize("target", JOINT)
def test_corpus_on_three_ranks(outcomes, target):
    check(outcomes[target, 3].result())
