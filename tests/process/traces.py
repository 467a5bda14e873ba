"""Traces for the process tests, and what a journal of one must hold at least and at most."""

import json
import random

import numpy as np

from trace_oracle import Experiment

# Lines that are no event in a journal.
SILENT = {"header", "write", "failed", "get", "get_metadata"}


def make(seed, calls, pace=1e-6, largest=2000):
    """An experiment of many appends and mutations, some values of up to `largest` bytes. As lines of text."""
    rng = random.Random(seed)
    e = Experiment(rid=seed % 10**6, class_name="Killed", watch=False, pace=pace)
    e.set("list", [])
    e.set("rows", [])
    e.set("strings", ["first"])
    e.set("array", np.full(50, np.nan))
    e.set("image", np.zeros((8, 9), "<u2"))
    for i in range(calls):
        what = rng.random()
        if what < .5:
            e.append_to("list", rng.choice([i, i + .5]))
        elif what < .6:
            e.append_to("rows", np.array([i, i * i], "<i4"))
        elif what < .65:
            e.append_to("strings", f"point {i} µ")
        elif what < .8:
            e.mutate("array", rng.randrange(-50, 50), i)
        elif what < .87:
            e.mutate("image", ((rng.randrange(8), None), (rng.randrange(9), None, 2)), i)
        elif what < .95:
            e.set(rng.choice(["scalar", "group/scalar", "late"]), i, {"unit": "MHz"} if i % 2 else {})
        else:
            n = int(largest ** max(rng.random(), rng.random(), rng.random())) // 8 + 1
            e.set(f"block.{rng.randrange(4)}", np.frombuffer(rng.randbytes(8 * n), "<u8"), broadcast=rng.random() < .2)
    e.finish()
    return e.lines


def event_lines(lines):
    """The n of each line that is an event, in order: sequence number s belongs to entry s - 1."""
    parsed = map(json.loads, lines)
    return [line["n"] for line in parsed if line["ev"] not in SILENT and "raised" not in line]
