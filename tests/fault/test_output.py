"""Outputs that cannot be made, and what earlier runs have left beside them."""
import os
import subprocess

import pytest
from conftest import PROGRAM
from faults import HEADER, ROWS, check_error, snapshot

# Started as `sh -c LEFT FOLDER NAME PROGRAM ...`: the program has the shell's
# process number, as every run in a fresh container has the same.
LEFT = """touch "$0/$1.tmp.$$" "$0/$1.tmp.$$.1"; shift; exec "$@" """

# Loaded into every rank: rank 1 sees no temporary file.
BLIND = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...) =
        (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    va_list args;
    va_start(args, flags);
    int mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    if (rank != NULL && strcmp(rank, "1") == 0 && strstr(path, ".h5.tmp.")) {
        errno = ENOENT;
        return -1;
    }
    return real(path, flags, mode);
}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ratings.csv").write_text(HEADER + "".join(ROWS))
    return tmp_path


def test_leftovers_of_killed_runs(cfmpi, folder):
    cfmpi("ingest", "ratings.csv", "-o", "m.h5", cwd=folder)
    for name, args in [("out.h5", ["ingest", "ratings.csv"]),
                       ("out.csv", ["export", "m.h5", "--part", "ratings"])]:
        command = ["sh", "-c", LEFT, folder, name, PROGRAM, *args, "-o", name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert (folder / name).stat().st_size > 0
        assert len(list(folder.glob(f"{name}.tmp.*"))) == 2


@pytest.mark.parametrize("command", ["ingest", "export"])
def test_name_too_long_for_a_temporary_file(cfmpi, folder, command):
    cfmpi("ingest", "ratings.csv", "-o", "m.h5", cwd=folder)
    name = "x" * 252
    args = {"ingest": ["ingest", "ratings.csv"],
            "export": ["export", "m.h5", "--part", "users"]}[command]
    outcome = cfmpi(*args, "-o", name, code=73, ranks=2, cwd=folder)
    check_error(outcome, rf"{name}: cannot be created: .*too long.*{name}\.tmp\.\d")


def test_output_that_one_rank_cannot_open(cfmpi, folder):
    (folder / "blind.c").write_text(BLIND)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "blind.so", "blind.c", "-ldl"],
                   cwd=folder, check=True)
    before = snapshot(folder)
    outcome = cfmpi("ingest", "ratings.csv", "-o", "m.h5", ranks=3, code=74, cwd=folder,
                    env={"LD_PRELOAD": str(folder / "blind.so"), **os.environ})
    check_error(outcome, r"m\.h5: rank 1 cannot open")
    assert snapshot(folder) == before
