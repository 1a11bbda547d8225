"""Runs the unit programs of tests/unit: exit code 0 is a pass."""
import pytest
from conftest import BUILD, ROOT, execute

MODULES = sorted(path.stem for path in (ROOT / "tests/unit").glob("test_*.c"))


def run(program, ranks):
    outcome = execute(program, [], ranks, cwd=ROOT, timeout=120)
    if outcome.code != 0:
        pytest.fail(f"exit code {outcome.code}\n{outcome.stdout}{outcome.stderr}",
                    pytrace=False)


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("module", MODULES)
def test_unit(module, ranks):
    run(BUILD / "unit" / module, ranks)


@pytest.mark.parametrize("module", MODULES)
def test_unit_with_tiny_messages(module):
    run(BUILD / "tiny/unit" / module, 3)


@pytest.mark.parametrize("side, module", [
    (1024, "test_screen"), (1024, "test_neighbors"), (4096, "test_neighbors")])
def test_unit_with_large_tiles(side, module):
    run(BUILD / f"side{side}/unit" / module, 1)


def test_matrix_of_many_ranks():
    """Entries go out in rounds shorter than a chunk."""
    run(BUILD / "unit/test_csr", 24)
