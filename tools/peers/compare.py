"""Reads the same files with cfmpi and with other programs, in turn, so that
whatever else the machine does meets all of them alike.

    compare.py FOLDER RANKS REPEATS

Prints each time and peak (cfmpi: stage `ingest`, sum over the ranks), then
the medians, and how often cfmpi's time goes into the other's, pair by pair.
"""
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = {"ratings.csv": ["pandas", "polars"], "strings.csv": ["polars-strings"],
         "ratings.csv.gz": ["zcat"]}


def run(command, **options):
    return subprocess.run(list(map(str, command)), check=True, **options)


def warm(path):
    """The file into the page cache: some systems put out what lies idle."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def by_cfmpi(path, ranks):
    report = path.parent / "ingest.json"
    warm(path)
    run(["mpirun", "--oversubscribe", "-n", ranks, "build/cfmpi", "ingest", path, "-q",
         "-o", path.parent / "matrix.h5", "--force", "--report", report])
    told = json.loads(report.read_text())
    seconds, = (stage["seconds"] for stage in told["stages"] if stage["name"] == "ingest")
    return {"seconds": seconds, "peak": told["peak_bytes_rank"]["sum"],
            **{key: told["input"][key] for key in ("users", "items", "ratings")}}


def by_zcat(path):
    warm(path)
    begin = time.perf_counter()
    run(["zcat", path], stdout=subprocess.DEVNULL)
    return {"seconds": time.perf_counter() - begin}


def by_peer(peer, path):
    if peer == "zcat":
        return by_zcat(path)
    warm(path)
    return json.loads(run([sys.executable, HERE / "read_csv.py", peer, path],
                          stdout=subprocess.PIPE).stdout)


def show(name, told, note=""):
    peak = f"{told['peak'] / 2**20:8.0f} MiB" if "peak" in told else " " * 12
    print(f"  {name:16} {told['seconds']:8.3f} s {peak}{note}", flush=True)


def check(ours, other, name):
    for key in ("users", "items", "ratings"):
        if other.get(key, ours[key]) != ours[key]:
            sys.exit(f"{name} has {other[key]} {key}, cfmpi {ours[key]}")


def median(runs):
    return {key: statistics.median(told[key] for told in runs) for key in runs[0]}


def compare(path, peers, ranks, repeats):
    names = [f"cfmpi x {ranks}", *peers]
    runs = {name: [] for name in names}
    print(f"{path.name}, {path.stat().st_size / 1e6:.0f} MB")
    run(["cat", path], stdout=subprocess.DEVNULL)  # into the page cache
    for _ in range(repeats):
        for name in names:
            told = by_peer(name, path) if name in peers else by_cfmpi(path, ranks)
            runs[name].append(told)
            check(runs[names[0]][-1], told, name)
            show(name, told)
    ours = runs[names[0]]
    print("  medians")
    show(names[0], median(ours))
    for peer in peers:
        ratios = [other["seconds"] / own["seconds"] for own, other in zip(ours, runs[peer])]
        note = f"   {statistics.median(ratios):6.2f} x the time"
        if "peak" in runs[peer][0]:
            note += f", {median(runs[peer])['peak'] / median(ours)['peak']:.2f} x the memory"
        show(peer, median(runs[peer]), note)


def main(folder, ranks, repeats):
    for name, peers in FILES.items():
        compare(Path(folder) / name, peers, ranks, int(repeats))


main(*sys.argv[1:])
