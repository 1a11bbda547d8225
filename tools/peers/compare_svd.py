"""Computes 128 triplets of the same matrix with cfmpi and with other programs,
in turn.

    compare_svd.py FOLDER RANKS REPEATS

Prints each time (cfmpi: stages `svd` and `certify`) and peak (cfmpi: sum over
the ranks), how exact each result is in float64, the medians, and where
cfmpi's time goes against what as many processes can read and multiply on this
machine. Exit code 1 when cfmpi's residuals or singular values, as SciPy finds
them, are off.
"""
import sys
from functools import partial
from pathlib import Path

from common import cfmpi, in_turn, median, script, show_medians, warm

RESIDUAL, SIGMA = 1e-3, 1e-5  # at most; sigma relative to that of svds
STAGES = ["svd", "certify"]

# The solver, as the headers of its files have it.
BLOCK = 16  # columns a pass
ENTRY = 6.3  # bytes of a packed rating
NEAR, FULL = 128, 2  # columns of the basis in a partial step, full steps in 4


def by_cfmpi(folder, ranks):
    matrix, result = folder / "matrix.h5", folder / "embedding.h5"
    warm(matrix)
    told = cfmpi(ranks, STAGES, folder / "svd.json", "svd", matrix, "-o", result,
                 "--dim", 128, "--tol", RESIDUAL)
    # The ratings are the same: SciPy reads them from the matrix.
    return {**told, **script("make_svd.py", "check", matrix, result),
            "machine": script("machine.py", ranks)}


def by_peer(peer, matrix):
    warm(matrix)
    return script("make_svd.py", peer, matrix)


def check(turn):
    """How exact each result of a turn is, ours first."""
    ours, *_ = turn.values()
    reference = turn["svds"]["sigma"]
    for name, told in turn.items():
        told["error"] = max(abs(a - b) / b for a, b in zip(told["sigma"], reference, strict=True))
        error = "" if name == "svds" else f", sigma off by {told['error']:.1e} at most"
        print(f"  {name:16} largest residual {told['residual']:.1e}{error}")
    if not (ours["residual"] <= RESIDUAL and ours["error"] <= SIGMA):
        sys.exit(f"cfmpi's residual is over {RESIDUAL} or its sigma off by over {SIGMA}")


def basis_work(passes, rows):
    """Flops of keeping the basis orthonormal, and bytes of it that are read:
    each step twice all of the columns it goes against."""
    columns = sum(p if step % 4 < FULL else min(p, NEAR)
                  for step, p in enumerate(range(BLOCK, (passes + 1) * BLOCK, BLOCK)))
    return {"flops": 4 * rows * columns * BLOCK, "memory": 2 * 4 * rows * columns}


def product_work(passes, ratings):
    """A pass reads every packed rating, and for each two rows of a block."""
    return {"flops": 4 * ratings * BLOCK * passes, "memory": ENTRY * ratings * passes,
            "cache": 2 * 4 * BLOCK * ratings * passes}


def show_part(name, seconds, total, work, machine):
    shares = ", ".join(f"{amount / seconds / 1e9:.1f} G{unit} ({share:.0%})"
                       for unit, amount, share in (
                           (unit, work[key], work[key] / seconds / machine[key])
                           for key, unit in (("memory", "B/s of memory"),
                                             ("cache", "B/s of cache"), ("flops", "flop/s"))
                           if key in work))
    print(f"    {name:12} {seconds:7.3f} s {seconds / total:5.0%}   {shares}".rstrip())


def show_where(runs, ranks):
    machine = {key: median(runs, "machine", key) for key in ("memory", "cache", "flops")}
    total = median(runs, "seconds")
    told = runs[-1]["report"]
    ratings, passes = told["input"]["ratings"], told["svd"]["passes"]
    work = {"products": product_work(passes, ratings),
            "basis": basis_work(passes, min(told["input"]["users"], told["input"]["items"])),
            "certify": product_work(told["svd"]["dim"] / BLOCK, ratings)}
    del work["certify"]["flops"]  # of float64, unlike the machine's
    print(f"  where cfmpi's time goes (slowest rank), {passes} passes; in brackets the share of\n"
          f"  what {ranks} processes reach here: {machine['memory'] / 1e9:.1f} GB/s of memory, "
          f"{machine['cache'] / 1e9:.0f} GB/s of L2 cache, {machine['flops'] / 1e9:.0f} Gflop/s")
    for name in told["svd"]["seconds"]:
        show_part(name, median(runs, "report", "svd", "seconds", name), total,
                  work.get(name, {}), machine)
    certify = [{stage["name"]: stage["seconds"] for stage in one["report"]["stages"]}
               for one in runs]
    show_part("certify", median(certify, "certify"), total, work["certify"], machine)


def main(folder, ranks, repeats):
    folder = Path(folder)
    ours = f"cfmpi x {ranks}"
    programs = {ours: partial(by_cfmpi, folder, ranks)}
    for peer in ("sklearn", "svds"):
        programs[peer] = partial(by_peer, peer, folder / "matrix.h5")
    runs = in_turn(programs, int(repeats), check)
    show_medians(runs)
    show_where(runs[ours], ranks)


main(*sys.argv[1:])
