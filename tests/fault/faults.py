"""What the tests of this folder share."""
import re

HEADER = "userId,movieId,rating,timestamp\n"
# 200 good rows, so that every one of seven ranks has some; all pairs differ.
ROWS = [f"{user},{item},{(user + item) % 9 / 2 + 0.5},0\n"
        for user in range(1, 21) for item in range(1, 11)]


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()
            if path.is_file()}


def check_error(outcome, message):
    """One line about the error whatever the rank count, and no results."""
    assert len(outcome.errors) == 1, outcome.stderr
    assert re.search(message, outcome.errors[0]), outcome.errors[0]
    assert outcome.stdout == ""
    assert "MPI_ABORT" not in outcome.stderr and "HDF5-DIAG" not in outcome.stderr


def with_row(row, at):
    """The file's text with `row` put in as line `at` (the header is line 1)."""
    lines = [HEADER, *ROWS]
    return "".join(lines[:at - 1] + [row + "\n"] + lines[at - 1:])
