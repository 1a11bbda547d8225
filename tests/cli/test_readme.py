"""Every command and program that the README prints does what it says."""
import os
import re
import subprocess

import pytest
from conftest import BUILD, ROOT

README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README,
                      re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader stands: a build, and ratings of one's own."""
    place = tmp_path_factory.mktemp("readme")
    (place / "build").symlink_to(BUILD)
    run(place, "build/cfmpi synth --users 300 --items 200 --ratings 9000"
               " -o ratings.csv --titles movies.csv")
    return place


def run(place, script):
    ended = subprocess.run(
        ["bash", "-e", "-c", script], cwd=place, capture_output=True, text=True,
        timeout=120, env={**os.environ, "OMPI_MCA_rmaps_base_oversubscribe": "1"})
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_shell_blocks(folder):
    scripts = blocks("sh")
    assert len(scripts) == 12
    printed = "".join(run(folder, script) for script in scripts)
    assert "recommended" in printed and "DIFFERENT" not in printed
    assert (folder / "nearest.csv").read_text().count("\n") == 50001
    assert (folder / "some.csv").read_text().count("\n") == 2 * 50 + 1
    assert "best by recall@10: --" in printed and (folder / "evaluated.json").exists()
    assert "user 1, item 2" in printed and (folder / "why.json").exists()
    assert (folder / "answer.csv").read_text().count("\n") == 21
    for name in ("predicted.csv", "rated.csv"):
        assert (folder / name).read_text().count("\n") == 3


def test_python_block(folder):
    script, = blocks("python")
    assert len(script.splitlines()) == 5
    (folder / "read.py").write_text(script)
    printed = run(folder, "/usr/bin/python3 read.py")
    assert "nearest users" in printed and re.search(r"recommended: \['.+'", printed)


@pytest.mark.parametrize("name", ["cfmpi.conf", "notebook.conf"])
def test_configurations_hold_known_keys(cfmpi, name):
    cfmpi("--config", ROOT / "conf" / name, "--print-config", ranks=0)


def test_first_result(cfmpi, result_of):
    printed = cfmpi("info", result_of("ml-1m").path, "--user", 1, ranks=0).stdout
    shown = re.search(r"^    user 1\n(?:      .*\n)+", README, re.MULTILINE)[0]
    for line in shown.splitlines():
        assert line.strip() in printed
