"""What this machine can do at most, with so many processes of one thread at
once: one JSON line of what all of them reach together.

    machine.py PROCESSES

memory: bytes a second of arrays far beyond the caches that are read in order;
cache: the same of arrays that stay in the L2 cache; flops: a second, of
products of float32 matrices.
"""
import json
import os
import sys
import time
from multiprocessing import get_context

SECONDS = 0.7  # of each measurement
FAR = 1 << 26  # floats: 256 MiB
NEAR = 1 << 16  # floats: 256 KiB
ORDER = 1536


def rate(work, action, barrier):
    """Work a second, while all processes do the same."""
    action()
    barrier.wait()
    begin = now = time.perf_counter()
    turns = 0
    while now < begin + SECONDS:
        action()
        turns += 1
        now = time.perf_counter()
    return turns * work / (now - begin)


def measure(barrier, results):
    import numpy
    far = numpy.ones(FAR, "f4")
    near = numpy.ones((2, NEAR), "f4")
    square = numpy.ones((ORDER, ORDER), "f4")
    out = numpy.empty_like(square)
    results.put({
        # A vector times itself is read once.
        "memory": rate(far.nbytes, lambda: numpy.dot(far, far), barrier),
        "cache": rate(64 * near.nbytes,
                      lambda: [numpy.dot(near[0], near[1]) for _ in range(64)], barrier),
        "flops": rate(2 * ORDER**3, lambda: numpy.dot(square, square, out=out), barrier)})


def main(processes):
    # Before the processes load their libraries.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    context = get_context("spawn")
    barrier, results = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=measure, args=(barrier, results))
               for _ in range(processes)]
    for worker in workers:
        worker.start()
    told = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    print(json.dumps({key: sum(one[key] for one in told) for key in told[0]}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
