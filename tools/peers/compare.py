"""Reads the same files with cfmpi and with other programs, in turn.

    compare.py FOLDER RANKS REPEATS

Prints each time and peak (cfmpi: stage `ingest`, sum over the ranks), then
the medians, and how often cfmpi's time goes into the other's, pair by pair.
"""
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from common import cfmpi, in_turn, run, script, show_medians, warm

FILES = {"ratings.csv": ["pandas", "polars"], "strings.csv": ["polars-strings"],
         "ratings.csv.gz": ["zcat"]}


def by_cfmpi(path, ranks):
    warm(path)
    told = cfmpi(ranks, ["ingest"], path.parent / "ingest.json",
                 "ingest", path, "-o", path.parent / "matrix.h5")
    return {**told, **told["report"]["input"]}


def by_zcat(path):
    warm(path)
    begin = time.perf_counter()
    run(["zcat", path], stdout=subprocess.DEVNULL)
    return {"seconds": time.perf_counter() - begin}


def by_peer(peer, path):
    warm(path)
    return script("read_csv.py", peer, path)


def check(turn):
    ours, *_ = turn.values()
    for name, other in turn.items():
        for key in ("users", "items", "ratings"):
            if other.get(key, ours[key]) != ours[key]:
                sys.exit(f"{name} has {other[key]} {key}, cfmpi {ours[key]}")


def main(folder, ranks, repeats):
    for name, peers in FILES.items():
        path = Path(folder) / name
        print(f"{name}, {path.stat().st_size / 1e6:.0f} MB")
        programs = {f"cfmpi x {ranks}": partial(by_cfmpi, path, ranks)}
        for peer in peers:
            programs[peer] = partial(by_zcat, path) if peer == "zcat" else \
                partial(by_peer, peer, path)
        warm(path)
        show_medians(in_turn(programs, int(repeats), check))


main(*sys.argv[1:])
