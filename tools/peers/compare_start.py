"""What cfmpi takes for next to nothing: the whole of `mpirun cfmpi neighbors`
for 702 rows of 128 dimensions, 5 neighbours, beside an MPI program that does
nothing, in turn.

    compare_start.py FOLDER RANKS

Prints the medians of 15 runs. Exit code 1 when cfmpi's is over 0.2 s more.
"""
import statistics
import sys
import time
from pathlib import Path

from common import run

TURNS, MOST = 15, 0.2


def main(folder, ranks):
    folder = Path(folder)
    vectors, result = folder / "small.npy", folder / "small.h5"
    run(["build/cfmpi", "synth", "--vectors", 702, "--dim", 128, "-o", vectors, "-q",
         "--force"])
    programs = {"empty": [folder / "empty"],
                "cfmpi": ["build/cfmpi", "neighbors", vectors, "-k", 5, "-o", result, "-q",
                          "--force"]}
    seconds = {name: [] for name in programs}
    for _ in range(TURNS):
        for name, command in programs.items():
            begun = time.perf_counter()
            run(["mpirun", "--oversubscribe", "-n", ranks, *command])
            seconds[name].append(time.perf_counter() - begun)
    empty, ours = (statistics.median(seconds[name]) for name in ("empty", "cfmpi"))
    print(f"  702 rows of 128 dimensions, 5 neighbours, the whole process: {ours:.3f} s, "
          f"{ours - empty:.3f} s more than an MPI program that does nothing")
    if ours - empty > MOST:
        sys.exit(f"cfmpi takes over {MOST} s more than an empty program")


main(*sys.argv[1:])
