"""kill -9 at random moments: every append that returned is in the journal, and nothing that was not in the trace.

22 traces with 10 kills each; DAYBOOK_SEED=N shifts the seeds. Each failure names its seed and kill.
"""

import fcntl
import hashlib
import os
import random
import signal
import time

import pytest

import traces
from h5compare import compare
from trace_player import play

KILLS = 10
BASE = int(os.environ.get("DAYBOOK_SEED", "1"))
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)


class Acks:
    """The lines that the program acknowledged so far."""

    def __init__(self, process):
        self.pipe, self.last, self.rest, self.count = process.stdout.fileno(), 0, b"", 0

    def read(self):
        """Waits for more; False at the end of the pipe."""
        data = os.read(self.pipe, 1 << 16)
        *whole, self.rest = (self.rest + data).split(b"\n")
        for line in whole:
            assert int(line) > self.last, f"acknowledged {line} after {self.last}"
            self.last, self.count = int(line), self.count + 1
        return bool(data)

    def drain(self):
        while self.read():
            pass


def kill_somewhere(daybook, trace, run, rng, lines, took, more=()):
    """Ingests and kills; returns the last acknowledged line, or None if the program was done before."""
    process = daybook.start("ingest", trace, "-o", run, "--ack", *more)
    acks = Acks(process)
    if rng.random() < .4 and not more:
        # Let the program wait for its reader, so that the kill falls near a chosen line.
        fcntl.fcntl(acks.pipe, F_SETPIPE_SZ, 4096)
        enough = rng.randrange(lines)
        while acks.count < enough and acks.read():
            pass
    else:
        deadline = time.monotonic() + rng.random() * took
        os.set_blocking(acks.pipe, False)
        while time.monotonic() < deadline and process.poll() is None:
            try:
                acks.read()
            except BlockingIOError:
                pass
        os.set_blocking(acks.pipe, True)
    process.send_signal(signal.SIGKILL)
    acks.drain()
    errors = process.stderr.read().decode()
    code = process.wait()
    process.stdout.close()
    process.stderr.close()
    assert code in (0, -signal.SIGKILL), f"{code}: {errors}"
    return acks.last if code else None


def digests(run):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in run.iterdir() if p.name != "lock.mdb"}


def check(daybook, run, lines, reference, acked, folder):
    """The journal after the kill: a prefix of the reference that ends at the acknowledged line or the next."""
    listed = daybook("ls", "--json", run.parent).json_lines
    events = daybook("log", run, "--json").json_lines
    assert [e["sequence"] for e in events] == list(range(1, len(events) + 1))
    assert [(e["kind"], e.get("key")) for e in events] == reference[:len(events)]
    where = traces.event_lines(lines)
    last = where[len(events) - 1] if events else 0      # none: killed between making the journal and its first event
    ended = len(events) == len(where)      # the kill may fall between the last event and the end of the program
    assert [entry["state"] for entry in listed] in ([["crashed"], ["finished"]] if ended else [["crashed"]]), listed
    found = f"acknowledged up to line {acked}, journal ends at {last}"
    assert len(events) >= sum(1 for n in where if n <= acked), found
    assert last <= acked or [last] == [n for n in where if n > acked][:1], found

    before = digests(run)
    assert "intake" not in before
    daybook("verify", run)
    assert daybook("ls", "--json", run.parent).json_lines[0]["state"] == ("finished" if ended else "crashed")
    assert digests(run) == before, "a second open changed the journal"

    daybook.replay(run, folder / "file.h5", "--no-record")
    play(lines[:max(last, 2)], watch=False).write(folder / "model.h5")
    differences = compare(folder / "file.h5", folder / "model.h5")
    started = any('"stage":"run"' in line for line in lines[:last])
    assert not [d for d in differences if started or "run_time" not in d]


def kill_often(daybook, folder, seed, kills, more=(), **shape):
    rng = random.Random(seed)
    lines = traces.make(seed, **shape)
    trace = folder / "trace.jsonl"
    trace.write_text("\n".join(lines) + "\n")
    start = time.monotonic()
    daybook.ingest(trace, folder / "whole.daybook", *more)
    took = time.monotonic() - start
    reference = [(e["kind"], e.get("key")) for e in daybook("log", folder / "whole.daybook", "--json").json_lines]
    assert len(reference) == len(traces.event_lines(lines))

    done, ends = 0, []
    for attempt in range(8 * kills):
        if done == kills:
            break
        home = folder / f"kill{attempt}"
        home.mkdir()
        run = home / "run.daybook"
        acked = kill_somewhere(daybook, trace, run, rng, len(lines), took, more)
        if acked is None:
            continue
        done += 1
        ends.append(acked)
        if not run.exists():
            # Killed while the directory was made aside: nothing had been promised, and nothing is in the way.
            assert acked <= 1, f"seed {seed} kill {attempt}: line {acked} was acknowledged, and there is no journal"
            daybook.ingest(trace, run)
            continue
        try:
            check(daybook, run, lines, reference, acked, folder)
        except Exception as e:
            raise AssertionError(f"seed {seed}, kill {attempt} after line {acked} of {len(lines)} ({run}): {e}") from e
    print(f"seed {seed}: {done} kills after lines {ends}")
    assert done == kills, f"seed {seed}: only {done} of {kills} kills came before the end"


@pytest.mark.parametrize("seed", range(BASE, BASE + 20), ids=lambda s: f"s{s}")
def test_kill(seed, daybook, tmp_path):
    calls = [100, 800, 3000][seed % 3]
    kill_often(daybook, tmp_path, seed, KILLS, calls=calls, largest=[200, 50000][seed % 2])


def test_kill_large_values(daybook, tmp_path):
    kill_often(daybook, tmp_path, BASE + 1000, 12, calls=120, largest=6_000_000)


def test_kill_realtime(daybook, tmp_path):
    kill_often(daybook, tmp_path, BASE + 2000, 8, more=["--realtime"], calls=60, pace=2e-3)


def test_checks_can_fail(daybook, tmp_path):
    """The check notices a lost event, one too many, and another value."""
    lines = traces.make(BASE, calls=50)
    trace = tmp_path / "trace.jsonl"
    cut = 40
    trace.write_text("\n".join(lines[:cut]) + "\n")
    home = tmp_path / "home"
    home.mkdir()
    process = daybook.start("ingest", "-", "-o", home / "run.daybook", "--ack", stdin=-1)
    process.stdin.write(trace.read_bytes())
    process.stdin.flush()
    acks = Acks(process)
    while acks.last < cut:
        acks.read()
    process.kill()
    process.wait()
    reference = [(e["kind"], e.get("key")) for e in
                 daybook("log", home / "run.daybook", "--json").json_lines]
    check(daybook, home / "run.daybook", lines, reference, cut, tmp_path)
    with pytest.raises(AssertionError, match="journal ends at"):
        check(daybook, home / "run.daybook", lines, reference, cut + 1, tmp_path)
    with pytest.raises(AssertionError, match="journal ends at"):
        check(daybook, home / "run.daybook", lines, reference, cut - 2, tmp_path)
    with pytest.raises(AssertionError):
        check(daybook, home / "run.daybook", lines, reference[:-1], cut, tmp_path)
    item = '"key":"list","value":{"t":"int","v":"'
    other = [line.replace(item, item + "9") for line in lines]
    assert other[:cut] != lines[:cut]
    with pytest.raises(AssertionError):
        check(daybook, home / "run.daybook", other, reference, cut, tmp_path)
