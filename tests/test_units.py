"""Runs the unit programs of tests/unit: exit code 0 is a pass."""
import pytest
from conftest import BUILD, ROOT, execute

MODULES = sorted(path.stem for path in (ROOT / "tests/unit").glob("test_*.c"))


def run(program, ranks, **env):
    outcome = execute(program, [], ranks, cwd=ROOT, timeout=120, env=env)
    if outcome.code != 0:
        pytest.fail(f"exit code {outcome.code}\n{outcome.stdout}{outcome.stderr}",
                    pytrace=False)


# Of some seconds even on one rank.
LONG = {"test_joins", "test_neighbors", "test_query", "test_svd"}


@pytest.mark.parametrize("module, ranks", [
    (module, ranks) for module in MODULES for ranks in (1, 2, 3, 5)
    if ranks < 5 or module not in LONG])
def test_unit(module, ranks):
    run(BUILD / "unit" / module, ranks)


@pytest.mark.parametrize("module", MODULES)
def test_unit_with_tiny_messages(module):
    run(BUILD / "tiny/unit" / module, 3)


def test_unit_with_lesser_instructions():
    """Those with sums of 16 bits, which others do without."""
    run(BUILD / "unit/test_neighbors", 1, CFMPI_ISA="avx2")


@pytest.mark.parametrize("side, module", [
    (1024, "test_screen"), (1024, "test_neighbors"), (4096, "test_neighbors")])
def test_unit_with_large_tiles(side, module):
    run(BUILD / f"side{side}/unit" / module, 1)


def test_matrix_of_many_ranks():
    """Entries go out in rounds shorter than a chunk."""
    run(BUILD / "unit/test_csr", 24)
