"""Recommends 10 items to every user from the same neighbours with cfmpi and
with SciPy, in turn.

    compare_recommend.py FOLDER RANKS REPEATS

Prints each time (cfmpi: stage `recommend`; SciPy's: all users from some blocks
of them) and peak (cfmpi: sum over the ranks), how right cfmpi's lists are, the
medians, and how many ratings a second are added up. Exit code 1 when cfmpi's
lists are not those of float64, or its scores are off.
"""
import sys
from functools import partial
from pathlib import Path

import h5py
import numpy
from common import cfmpi, in_turn, median, script, show_medians, warm

EXACT = 1e-6  # scores off at most


def by_cfmpi(folder, ranks):
    lists, result = folder / "neighbors.h5", folder / "recommended.h5"
    warm(lists)
    told = cfmpi(ranks, ["recommend"], folder / "recommend.json",
                 "recommend", lists, "-o", result, "-n", 10, "--score", "mean")
    return {**told, **script("make_recommendations.py", "check", result)}


def by_scipy(folder):
    warm(folder / "neighbors.h5")
    return script("make_recommendations.py", "scipy", folder / "neighbors.h5")


def check(turn):
    ours, scipy = turn.values()
    print(f"  of {ours['users']} users' lists {ours['wrong']} other than float64's, "
          f"scores off by {ours['difference']:.1e}; SciPy's time is that of "
          f"{scipy['timed']} users")
    if ours["wrong"] or not ours["difference"] <= EXACT:
        sys.exit(f"cfmpi's lists differ from float64's, or scores by over {EXACT}")


def additions(path):
    """Ratings of all users' neighbours together."""
    with h5py.File(path) as file:
        index = file["neighbors/users/index"][:]
        lengths = numpy.diff(file["ratings/indptr"][:])
    return int(lengths[index[index >= 0]].sum())


def main(folder, ranks, repeats):
    folder = Path(folder)
    runs = in_turn({f"cfmpi x {ranks}": partial(by_cfmpi, folder, ranks),
                    "scipy": partial(by_scipy, folder)}, int(repeats), check)
    show_medians(runs)
    ours, *_ = runs.values()
    count, seconds = additions(folder / "neighbors.h5"), median(ours, "seconds")
    print(f"  {count / 1e9:.2f} G ratings of neighbours added up, "
          f"{count / seconds / 1e9:.2f} G/s")


main(*sys.argv[1:])
