"""Journals and what can be done to them, for the process tests."""

import contextlib
import json
import time

import h5py
import numpy as np

from trace_oracle import Experiment


def experiment(pace=1e-3, **more):
    """A little of everything, with a known history: `counts` has 1 + 20 items, a call each `pace` seconds."""
    e = Experiment(rid=42, class_name="Demo", pace=pace, watch=False, database={"master.offset": 2.5}, **more)
    e.set("counts", [0], {"unit": "kHz"})
    e.set("image", np.arange(2000, dtype="<u2").reshape(40, 50))
    e.set("group/scalar", 1.5, {"precision": 3})
    e.set("group/text", "µs")
    for i in range(20):
        e.append_to("counts", i)
    e.mutate("image", 3, 7)
    e.set("late", True)
    e.get("master.offset")
    return e


def journal(daybook, folder, name="run", e=None):
    """A finished journal of `e`; returns its path."""
    e = e or experiment()
    e.finish()
    folder.mkdir(exist_ok=True, parents=True)
    trace = folder / f"{name}.jsonl"
    trace.write_text(e.text())
    daybook.ingest(trace, folder / f"{name}.daybook")
    return folder / f"{name}.daybook"


def tree(path):
    """All object names in an HDF5 file."""
    names = []
    with h5py.File(path, "r") as f:
        f.visit(names.append)
    return sorted(names)


@contextlib.contextmanager
def live(daybook, folder, lines=None):
    """A run that is under way: a writer that was given `lines` so far and waits for more. Yields (journal, process)."""
    folder.mkdir(exist_ok=True, parents=True)
    run = folder / "live.daybook"
    process = daybook.start("ingest", "-", "-o", run, "--ack", stdin=-1)
    try:
        feed(process, lines or experiment().lines)
        yield run, process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def feed(process, lines):
    """Gives the writer more lines and waits until it acknowledged the last one."""
    process.stdin.write(("\n".join(lines) + "\n").encode())
    process.stdin.flush()
    last = json.loads(lines[-1])["n"]
    for line in process.stdout:
        if int(line) == last:
            return
    raise AssertionError(process.stderr.read().decode())


def eventually(what, seconds=20):
    """Calls `what` until it gives something true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := what()):
        assert time.monotonic() < deadline, f"still {result!r} after {seconds} s"
        time.sleep(.01)
    return result


def wait_until_committed(daybook, run, lines):
    """Another process sees an event once it is committed, some milliseconds after it was acknowledged."""
    wanted = sum(line["ev"] == "append" for line in map(json.loads, lines))
    eventually(lambda: sum(event["kind"] == "append" for event in daybook("log", run, "--json").json_lines) == wanted)
