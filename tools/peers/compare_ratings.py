"""Finds the 50 nearest users, and items, by cosine of the ratings with cfmpi and
with other programs, in turn.

    compare_ratings.py FOLDER RANKS REPEATS

Prints each time (cfmpi: stage `neighbors`; the others' users from a sample) and
peak (cfmpi: sum over the ranks), how right cfmpi's lists are, the medians, and
what a similarity of six sums costs: Pearson's, shrunk, of users, beside cosine
as it is and beside cosine where every pair is summed up and scored. Exit code 1
when cfmpi's lists are not those of float64.
"""
import importlib.util
import sys
from functools import partial
from pathlib import Path

from common import cfmpi, in_turn, script, show, show_medians, warm

PEERS = {"users": ("similaripy", "sparse_dot_topn"),
         "items": ("similaripy", "sparse_dot_topn", "implicit")}


def search(folder, ranks, side, *more):
    warm(folder / "matrix.h5")
    return cfmpi(ranks, ["neighbors"], folder / "ratings.json", "neighbors",
                 folder / "matrix.h5", "-o", folder / "by-ratings.h5", "-k", 50, "--space",
                 "ratings", "--side", side, *more)


def by_cfmpi(folder, ranks, side):
    told = search(folder, ranks, side)
    return {**told, **script("make_ratings_neighbors.py", "check", side,
                             folder / "by-ratings.h5")}


def by_other(folder, name, side):
    warm(folder / "matrix.h5")
    return script("make_ratings_neighbors.py", name, side, folder / "matrix.h5")


def check(turn):
    ours, *others = turn.values()
    print(f"  of {ours['rows']} lists {ours['wrong']} other than float64's, scores off by "
          f"{ours['difference']:.1e}; the others' times are those of "
          f"{', '.join(str(other['timed']) for other in others)} rows")
    if ours["wrong"]:
        sys.exit("cfmpi's lists differ from float64's")


def six_sums(folder, ranks):
    print("users, what is computed of every pair")
    plain, all_pairs, pearson = (search(folder, ranks, "users", *more) for more in (
        (), ("--min-overlap", 2), ("--similarity", "pearson", "--shrinkage", 100)))
    for name, told in (("cosine", plain), ("cosine, all", all_pairs), ("pearson", pearson)):
        show(name, told)
    print(f"  pearson takes {pearson['seconds'] / all_pairs['seconds']:.2f} x what cosine takes "
          f"where nothing is skipped (--min-overlap 2), {pearson['seconds'] / plain['seconds']:.2f} "
          "x what it takes as it is")


def main(folder, ranks, repeats):
    folder = Path(folder)
    for side, names in PEERS.items():
        there = [name for name in names if importlib.util.find_spec(name)]
        print(f"{side}, cosine" + "".join(f"; no {name} here" for name in names
                                           if name not in there))
        programs = {f"cfmpi x {ranks}": partial(by_cfmpi, folder, ranks, side)}
        programs |= {name: partial(by_other, folder, name, side) for name in there}
        show_medians(in_turn(programs, int(repeats), check))
    six_sums(folder, ranks)


main(*sys.argv[1:])
