"""What journaling adds to the calls of an ARTIQ worker: each kind of call on a plain manager and on a journaled one, in turn, in
one process. Run by ./dev bench worker, or from the build tree:

    PYTHONPATH=BUILD/python:tests/artiq/worker python3 -m daybook.run python3 bench/worker_calls.py [--rounds N]

Medians of many rounds, of microseconds a call; `added` is the median of the differences of neighbouring rounds; p99.9 and the
longest are of single calls; `memcpy` copies the array once, to one of eight places in turn, as large together as the intake:
a copy that is to be kept goes to memory that is not in the cache. `same place` copies it to where the last copy is.
"""

import argparse
import atexit
import gc
import glob
import itertools
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
import types

import h5py
import numpy as np

CALLS = 2000   # in a round of small calls
IMAGES = 5     # in a round of 2 MB arrays


class Scheduler:
    rid, pipeline_name, priority = 1, "main", 0
    expid = {"file": "bench.py", "class_name": "Bench", "arguments": {}, "log_level": 30}


class Nowhere:
    """A master that nobody listens to."""

    def update(self, mod):
        pass

    def get(self, key):
        raise KeyError(key)


def managers():
    """Devices, among them the scheduler that knows which run this is; a plain manager; and a journaled one."""
    from artiq.master import worker_db

    journaled = worker_db.DatasetManager
    plain = journaled.__mro__[1]
    if plain is object:
        sys.exit("worker_calls: journaling is not on: start it by  python3 -m daybook.run python3 bench/worker_calls.py")
    # A manager is journaled if the worker makes it: a module of that name does.
    worker = types.ModuleType("artiq.master.worker_impl")
    worker.h5py = h5py
    exec("def make(manager, database): return manager(database)", worker.__dict__)
    devices = worker_db.DeviceManager(None, virtual_devices={"scheduler": Scheduler()})
    return devices, plain(Nowhere()), worker.make(journaled, Nowhere())


def small_calls(manager):
    """{name: (prepare, one call of number i)} of what is done once a point."""
    empty = {}
    return {
        "set scalar": (lambda: None, lambda i: manager.set("scalar", 0.5 * i, empty, False, False, True)),
        "set scalar, unit": (lambda: None, lambda i: manager.set("unit", i, {"unit": "V"}, False, False, True)),
        "mutate element": (lambda: manager.set("array", np.zeros(CALLS), empty, False, False, True),
                           lambda i: manager.mutate("array", i, 0.5)),
        "mutate slice of 10": (lambda: manager.set("slice", np.zeros(CALLS), empty, False, False, True),
                               lambda i: manager.mutate("slice", (0, 10), 0.5)),
        "append float": (lambda: manager.set("list", [], empty, False, False, True),
                         lambda i: manager.append_to("list", 0.5)),
        "get local": (lambda: manager.set("got", 1.5, empty, False, False, True), lambda i: manager.get("got")),
    }


def measure(prepare, call, calls):
    prepare()
    begin = time.perf_counter_ns()
    for i in range(calls):
        call(i)
    return (time.perf_counter_ns() - begin) / calls / 1e3


def single(prepare, call, calls, rounds):
    """Microseconds of single calls, sorted."""
    taken, clock = [], time.perf_counter_ns
    for _ in range(rounds):
        prepare()
        for i in range(calls):
            begin = clock()
            call(i)
            taken.append((clock() - begin) / 1e3)
        time.sleep(.002)
    return sorted(taken)


def pairs(plain, journaled, calls, rounds):
    """Medians of both, and of their difference, round by round in turn."""
    before, after = [], []
    for _ in range(rounds):
        before.append(measure(*plain, calls))
        after.append(measure(*journaled, calls))
        time.sleep(.005)  # the committer's turn, as in an experiment that also does something else
    return statistics.median(before), statistics.median(after), statistics.median(a - b for a, b in zip(after, before))


def images(plain, journaled, rounds):
    """2 MB arrays, beside a copy of them."""
    array, targets = np.arange(250_000.0), np.empty((8, 250_000))
    turn = itertools.cycle(range(8))
    calls = {
        "plain": lambda i: plain.set("image", array, {}, False, False, True),
        "journaled": lambda i: journaled.set("image", array, {}, False, False, True),
        "memcpy": lambda i: np.copyto(targets[next(turn)], array),
        "same place": lambda i: np.copyto(targets[0], array),
    }
    taken = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(measure(lambda: None, call, IMAGES))
            time.sleep(.05)
    return {name: statistics.median(one) for name, one in taken.items()}


def memory():
    """Resident MB now, and at most so far."""
    with open("/proc/self/statm", encoding="ascii") as f:
        now = int(f.read().split()[1]) * resource.getpagesize()
    return now / 1e6, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    folder = os.path.abspath(tempfile.mkdtemp(dir="."))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # after the session that is made below has closed its run
    os.chdir(folder)  # a worker is in its results folder
    show(rounds)


def show(rounds):
    devices, plain, journaled = managers()
    journaled.set("first", 0, {}, False, False, True)
    if not glob.glob("*.daybook"):
        sys.exit("worker_calls: there is no journal here after the first call: nothing would be measured")
    start, _ = memory()
    ours, theirs = small_calls(journaled), small_calls(plain)
    for calls in (ours, theirs):
        for prepare, call in calls.values():
            measure(prepare, call, CALLS)
    gc.collect()
    print(f"{'us a call':<20} {'plain':>9} {'journaled':>9} {'added':>9} {'p99.9':>9} {'longest':>9}")
    for name in ours:
        before, after, added = pairs(theirs[name], ours[name], CALLS, rounds)
        tail = single(*ours[name], CALLS, max(rounds // 4, 5))
        print(f"{name:<20} {before:9.3f} {after:9.3f} {added:9.3f} {tail[int(.999 * len(tail))]:9.2f} {tail[-1]:9.1f}")
    found = images(plain, journaled, rounds)
    added = found["journaled"] - found["plain"]
    print(f"{'set 2 MB array':<20} {found['plain']:9.3f} {found['journaled']:9.1f} {added:9.1f}   memcpy {found['memcpy']:.1f}: added "
          f"{added / found['memcpy']:.2f} of it; same place {found['same place']:.1f}: {added / found['same place']:.2f}")
    now, most = memory()
    del devices
    print(f"resident memory: {start:.0f} MB before, {now:.0f} MB after, {most:.0f} MB at most")


if __name__ == "__main__":
    main()
