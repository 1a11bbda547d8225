"""What the comparisons share: programs run in turn, so that whatever else the
machine does meets all of them alike, and their medians."""
import json
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run(command, **options):
    return subprocess.run(list(map(str, command)), check=True, **options)


def warm(path):
    """The file into the page cache: some systems put out what lies idle."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def script(name, *args):
    """What one of the programs beside this file tells in a line of JSON."""
    return json.loads(run([sys.executable, HERE / name, *args],
                          stdout=subprocess.PIPE).stdout)


def cfmpi(ranks, stages, report, *args):
    """Runs cfmpi: its report, with the seconds of these stages together and
    the peak of all ranks."""
    run(["mpirun", "--oversubscribe", "-n", ranks, "build/cfmpi", *args, "-q",
         "--force", "--report", report])
    told = json.loads(report.read_text())
    seconds = {stage["name"]: stage["seconds"] for stage in told["stages"]}
    return {"seconds": sum(seconds[name] for name in stages),
            "peak": told["peak_bytes_rank"]["sum"], "report": told}


def median(runs, *keys):
    """Of what lies under these keys in each run."""
    values = runs
    for key in keys:
        values = [value[key] for value in values]
    return statistics.median(values)


def show(name, told, note=""):
    peak = f"{told['peak'] / 2**20:8.0f} MiB" if "peak" in told else " " * 12
    print(f"  {name:16} {told['seconds']:8.3f} s {peak}{note}", flush=True)


def show_medians(runs):
    """The first is ours; of the others also how often our time and memory go
    into theirs, the time pair by pair."""
    ours, *_ = runs.values()
    print("  medians")
    for name, theirs in runs.items():
        told = {key: median(theirs, key) for key in ("seconds", "peak") if key in theirs[0]}
        note = ""
        if theirs is not ours:
            ratios = [other["seconds"] / own["seconds"] for own, other in zip(ours, theirs)]
            note = f"   {statistics.median(ratios):6.2f} x the time"
            if "peak" in told:
                note += f", {told['peak'] / median(ours, 'peak'):.2f} x the memory"
        show(name, told, note)


def in_turn(programs, repeats, after):
    """Calls each of these functions, then `after` with what they told by name,
    `repeats` times. Returns the lists of what they told."""
    runs = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            runs[name].append(program())
            show(name, runs[name][-1])
        after({name: told[-1] for name, told in runs.items()})
    return runs
