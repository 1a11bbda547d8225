"""Finds the 50 nearest rows of each row of the same embedding with cfmpi and
with other programs, in turn, each with as many threads as cfmpi has ranks.

    compare_neighbors.py FOLDER RANKS REPEATS

Prints each time (cfmpi: stage `neighbors`; others: building and asking) and
peak (cfmpi: sum over the ranks), how right the lists are, the medians, a
picture of time against recall, and what cfmpi's time is against the
multiply-adds and the bandwidths that this machine reaches. Exit code 1 when cfmpi's lists are
not those of float64, or its scores are off.
"""
import json
import math
import subprocess
import sys
from functools import partial
from pathlib import Path

import h5py

from common import cfmpi, in_turn, median, run, script, show_medians, warm

K = 50
PEERS = ["faiss", "hnswlib", "scann", "scann-25"]
EXACT, FLOAT = 1e-7, 1e-5  # scores off at most: float64's, Faiss's
WIDTH = 48  # of the picture
TILE = 256  # rows of a tile


def by_cfmpi(folder, ranks):
    embedding, result = folder / "embedding.h5", folder / "neighbors.h5"
    warm(embedding)
    told = cfmpi(ranks, ["neighbors"], folder / "neighbors.json",
                 "neighbors", embedding, "-o", result, "-k", K)
    machine = run([folder / "multiply", ranks], stdout=subprocess.PIPE).stdout
    return {**told, **script("check_neighbors.py", "exact", result), "recall": 1.0,
            "machine": json.loads(machine)}


def by_peer(peer, folder, threads):
    lists = folder / f"{peer}.npz"
    warm(folder / "embedding.h5")
    told = script("make_neighbors.py", peer, folder / "embedding.h5", threads, K, lists)
    return {**told, **script("check_neighbors.py", "recall", folder / "neighbors.h5", lists)}


def available(peer):
    """A row for each program, also for one that pip did not find."""
    state = script("make_neighbors.py", "version", peer)
    left_out = "" if state["usable"] else "left out: "
    print(f"  {peer:16} {left_out}{state['told']}")
    return state["usable"]


def check(turn):
    """How right the lists of a turn are, ours first."""
    ours, *_ = turn.values()
    for name, told in turn.items():
        if told is ours:
            print(f"  {name:16} of {told['rows']} rows {told['wrong']} other than float64's, "
                  f"scores off by {told['difference']:.1e}")
        else:
            # Scores are of the same rows, place by place, only where all are found.
            other = f", scores differ by {told['difference']:.1e}" if name == "faiss" else ""
            print(f"  {name:16} recall {told['recall']:.4f}, "
                  f"{told['busy']:.2f} threads busy{other}")
    if ours["wrong"] or not ours["difference"] <= EXACT:
        sys.exit(f"cfmpi's lists differ from float64's, or scores by over {EXACT}")
    if "faiss" in turn and not turn["faiss"]["difference"] <= FLOAT:
        sys.exit(f"cfmpi's scores differ from Faiss's by over {FLOAT}")


def ticks(low, high):
    """1, 2, 5, 10 …, from at most `low` to at least `high`."""
    series = [digit * 10.0**power
              for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
              for digit in (1, 2, 5)]
    first = max(i for i, tick in enumerate(series) if tick <= low)
    last = min(i for i, tick in enumerate(series) if tick >= high)
    return series[first:max(last, first + 1) + 1]


def draw(runs):
    points = {name: (median(told, "seconds"), median(told, "recall"))
              for name, told in runs.items()}
    times = [seconds for seconds, _ in points.values()]
    scale = ticks(min(times), max(times))

    def place(seconds):
        return round(WIDTH * math.log(seconds / scale[0]) / math.log(scale[-1] / scale[0]))
    axis = ""
    for tick in scale:
        axis = axis.ljust(place(tick)) + f"{tick:g} "
    print("  recall against seconds, of a logarithmic scale")
    print(f"  {'':16} recall  {axis}s")
    for name, (seconds, recall) in sorted(points.items(), key=lambda item: -item[1][1]):
        print(f"  {name:16} {recall:.4f}  {'·' * place(seconds)}*")


def show_where(runs, ranks, rows, dim):
    rate = rows * (rows - 1) / 2 * dim / median(runs, "seconds")
    print(f"  cfmpi's time as if each pair's product were computed once, in full:\n"
          f"  {rate / 1e9:.1f} G multiply-adds/s. Of what {ranks} threads reach here in registers:")
    for isa in runs[-1]["machine"]:
        # The most of all rounds: whatever else the machine did only took from it.
        reached = {kind: max(told["machine"][isa][kind] for told in runs)
                   for kind in ("integer", "float")}
        print(f"    {isa:12}" + ",".join(
            f" {kind} {peak / 1e9:6.1f} G/s ({rate / peak:.0%})"
            for kind, peak in reached.items()))


def show_roof(runs, ranks, rows, dim):
    """The roofline: what moving the codes allows, against what multiplying does."""
    machine = script("machine.py", ranks)
    per_byte = TILE / 2  # TILE² products of two rows from TILE codes of either side
    rate = rows * (rows - 1) / 2 * dim / median(runs, "seconds")
    peak = max(told["integer"] for told in runs[-1]["machine"].values())
    print(f"  roofline, {per_byte:.0f} multiply-adds for each byte of codes that is moved:")
    for name, key in (("memory", "memory"), ("L2 cache", "cache")):
        print(f"    {name:12} {machine[key] / 1e9:6.1f} GB/s, enough for "
              f"{machine[key] * per_byte / 1e9:8.1f} G/s")
    print(f"    multiplying  {peak / 1e9:.1f} G/s is the roof; "
          f"{rate / 1e9:.1f} G/s of it were reached by the whole stage")


def main(folder, ranks, repeats):
    folder = Path(folder)
    with h5py.File(folder / "embedding.h5") as file:
        rows, dim = file["embedding/users"].shape
    print(f"{rows} rows of {dim} dimensions, {K} neighbours")
    ours = f"cfmpi x {ranks}"
    programs = {ours: partial(by_cfmpi, folder, ranks)}
    for peer in filter(available, PEERS):
        programs[peer] = partial(by_peer, peer, folder, ranks)
    runs = in_turn(programs, int(repeats), check)
    show_medians(runs)
    draw(runs)
    show_where(runs[ours], ranks, rows, dim)
    show_roof(runs[ours], ranks, rows, dim)


main(*sys.argv[1:])
