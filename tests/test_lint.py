"""The layers of the source and the size of its functions."""
import subprocess

import pytest
from conftest import ROOT


@pytest.mark.parametrize("check", ["layers", "size"])
def test_lint(check):
    ended = subprocess.run(["tools/lint", check], cwd=ROOT, text=True,
                           capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stdout
