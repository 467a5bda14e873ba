"""Bounded history and `daybook compact` as a user meets them, with kills at random moments."""

import hashlib
import json
import os
import random
import shutil
import signal
import time

import h5py
import numpy as np
import pytest

from conftest import TESTS
from runs import live
from trace_oracle import Experiment

KEPT = sorted((TESTS / "formats").glob("*/*.daybook"))
SEED = int(os.environ.get("DAYBOOK_SEED", "1"))


def images(count=40, checkpoint=None):
    """An experiment that sets a 40 kB image again and again."""
    e = Experiment(rid=7, class_name="Camera", watch=False)
    e.set("counts", [])
    for i in range(count):
        e.set("image", np.full((100, 100), i, "<i4"), {"unit": "photons"})
        e.append_to("counts", i)
    return e


def bounded(daybook, folder, *more, e=None):
    e = e or images()
    e.finish()
    trace = folder / "trace.jsonl"
    trace.write_text(e.text())
    run = folder / "run.daybook"
    daybook.ingest(trace, run, *more)
    return run


def digest(run):
    return hashlib.sha256((run / "data.mdb").read_bytes()).hexdigest()


def test_elided_history_says_so(daybook, tmp_path):
    run = bounded(daybook, tmp_path, "--history-bytes", "100K")
    sets = [e for e in daybook("log", run, "--json").json_lines if e["kind"] == "set" and e["key"] == "image"]
    gone = [e for e in sets if e["value"].get("elided")]
    assert len(sets) == 40 and len(gone) == 37          # two of history, and the newest
    assert gone == sets[:37]
    assert gone[0]["value"] == {"type": "int32", "shape": [100, 100], "elided": True, "bytes": 40000}
    assert gone[0]["metadata"] == {"unit": "photons"}
    lines = [line for line in daybook("log", run).out.splitlines() if "payload elided" in line]
    assert len(lines) == 37
    assert "image  int32 (100, 100), payload elided (39 KiB), {unit: 'photons'}" in lines[0], lines[0]
    verified = daybook("verify", run, "--json")
    assert verified.json["sound"] and verified.json["elided"] == 37
    assert "37 events keep their record" in verified.err


def test_a_point_that_is_gone_costs_its_dataset_only(daybook, tmp_path):
    run = bounded(daybook, tmp_path, "--history-bytes", "100K")
    events = daybook("log", run, "--json").json_lines
    at = next(e["sequence"] for e in events if e["kind"] == "append" and e["index"] == 9)
    first = [e["sequence"] for e in events if e["kind"] == "set" and not e["value"].get("elided", False)
             and e["key"] == "image"][0]
    out = tmp_path / "out.h5"
    result = daybook("replay", run, "-o", out, "--at", at, expect=1)
    assert "datasets/image is not in the file" in result.err
    assert f"from event {first} on" in result.err
    with h5py.File(out) as f:
        assert list(f["datasets/counts"][()]) == list(range(10))
        assert "image" not in f["datasets"]
    refused = daybook("show", run, "image", "--at", at, expect=1)
    assert f"from event {first} on" in refused.err and "elided" in refused.err and refused.out == ""
    assert "elided" in daybook("show", run, "--at", at).out
    daybook.replay(run, out, "--at", first)
    with h5py.File(out) as f:
        assert (f["datasets/image"][()] == 37).all()


def test_compact(daybook, tmp_path):
    run = bounded(daybook, tmp_path)
    daybook.replay(run, tmp_path / "before.h5")
    log = daybook("log", run, "--json").out
    size = (run / "data.mdb").stat().st_size
    report = daybook("compact", run, "--json").json
    assert report["bytes_before"] == size and report["dropped"] == 0
    assert daybook("log", run, "--json").out == log
    less = daybook("compact", run, "--history-bytes", "100K")
    assert "dropped, of 37 events" in less.err
    said = daybook("compact", run, "--drop-history", "--json").json
    assert said["dropped"] == 2 and said["elided"] == 39
    assert said["bytes_after"] == (run / "data.mdb").stat().st_size < size / 5
    daybook("verify", run, tmp_path / "before.h5")
    daybook.replay(run, tmp_path / "after.h5")
    assert (tmp_path / "after.h5").read_bytes() == (tmp_path / "before.h5").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["after.h5", "before.h5", "run.daybook", "trace.jsonl"]


@pytest.mark.parametrize("kept", KEPT, ids=[f"{p.parent.name}-{p.stem}" for p in KEPT])
def test_compact_journals_of_every_format(kept, daybook, tmp_path):
    run = shutil.copytree(kept, tmp_path / kept.name)
    daybook.replay(run, tmp_path / "before.h5")
    log = daybook("log", run, "--json", "--values").out
    daybook("compact", run)
    assert daybook("log", run, "--json", "--values").out == log
    daybook("compact", run, "--drop-history")
    daybook("verify", run)
    daybook.replay(run, tmp_path / "after.h5")
    assert (tmp_path / "after.h5").read_bytes() == (tmp_path / "before.h5").read_bytes()


def test_compact_refuses_a_live_run(daybook, tmp_path):
    with live(daybook, tmp_path) as (run, _):
        result = daybook("compact", run, expect=1)
        assert "is being written" in result.err
    assert len(result.err.splitlines()) == 1
    daybook("compact", run)             # its writer was killed: recovered first
    assert daybook("ls", "--json", run).json_lines[0]["state"] == "crashed"
    daybook("verify", run)


def test_usage(daybook, tmp_path):
    run = bounded(daybook, tmp_path)
    daybook("compact", run, "--drop-history", "--history-bytes", "1", expect=2)
    daybook("compact", run, "--history-bytes", "much", expect=2)
    daybook("compact", tmp_path / "none.daybook", expect=1)


def killed_compact(daybook, run, delay, *more):
    process = daybook.start("compact", run, *more)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.stdout.read()
    code = process.wait()
    process.stdout.close()
    process.stderr.close()
    return code


@pytest.mark.parametrize("seed", range(SEED, SEED + 3))
def test_kill_while_compacting(seed, daybook, tmp_path):
    """The run is the old one or the new one, whole; the next compaction takes away what the killed one left."""
    rng = random.Random(seed)
    run = bounded(daybook, tmp_path, e=images(150))
    daybook.replay(run, tmp_path / "before.h5")
    count = daybook("verify", run, "--json").json["events"]
    start = time.monotonic()
    daybook("compact", run)
    took = time.monotonic() - start
    killed = 0
    for attempt in range(25):
        code = killed_compact(daybook, run, took * 1.2 * rng.random(), "--history-bytes", str(40000 * (140 - 5 * attempt)))
        killed += code == -signal.SIGKILL
        found = daybook("verify", run, "--json").json
        assert found["sound"] and found["events"] == count, (seed, attempt)
        assert not (run / "intake").exists()
    assert killed >= 5, (seed, killed)
    daybook("verify", run, tmp_path / "before.h5")
    daybook("compact", run, "--drop-history")
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]
    daybook("verify", run, tmp_path / "before.h5")


def test_kill_while_history_is_dropped(daybook, tmp_path):
    """Elision is a part of the commit: a kill leaves a sound journal, with every acknowledged event and the newest image."""
    rng = random.Random(SEED)
    e = images(300)
    e.finish()
    trace = tmp_path / "trace.jsonl"
    trace.write_text(e.text())
    killed = 0
    for attempt in range(12):
        run = tmp_path / f"run{attempt}.daybook"
        process = daybook.start("ingest", trace, "-o", run, "--ack", "--history-bytes", rng.choice(["0", "90K"]))
        enough, acked = rng.randrange(1, 500), 0
        for line in process.stdout:
            acked = int(line)
            if acked >= enough:
                break
        process.send_signal(signal.SIGKILL)
        for line in process.stdout:
            acked = int(line)
        killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
        process.stderr.close()
        events = daybook("log", run, "--json").json_lines
        assert daybook("verify", run, "--json").json["sound"], attempt
        newest = max((e["index"] for e in events if e["kind"] == "append"), default=-1)
        lines = [json.loads(line) for line in e.lines[:acked] if '"counts"' in line]
        assert newest >= sum(1 for line in lines if line["ev"] == "append") - 1, attempt
        if newest < 0:
            continue
        daybook.replay(run, tmp_path / "out.h5")
        with h5py.File(tmp_path / "out.h5") as f:
            assert f["datasets/image"][0, 0] in (newest, newest + 1), attempt
    assert killed >= 6
