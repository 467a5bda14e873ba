"""Workers that are killed: every call that had returned is in the file that is made of the journal."""

import os
import random
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import pytest

import cases
from harness import HERE, LET_DIE, PROGRAM, check_all, content, drive, eventually, job, owed

sys.path.insert(0, str(HERE / "lib"))
from calls import differences, model  # noqa: E402

SEED = int(os.environ.get("DAYBOOK_SEED", "1"))


class Listener(threading.Thread):
    """Hears what an experiment reports. Sends `number` to it after `count` calls, if there is one."""

    def __init__(self, pipe, number=None, count=0, delay=0.0):
        super().__init__(daemon=True)
        self.pipe, self.number, self.count, self.delay = pipe, number, count, delay
        self.heard, self.pid = 0, None
        os.mkfifo(pipe)
        self.start()

    def run(self):
        with open(self.pipe, "rb", buffering=0) as pipe:
            rest, timer = b"", None
            while data := pipe.read(1 << 16):
                rest += data
                whole = len(rest) // 8 * 8
                numbers, rest = struct.unpack(f"<{whole // 8}q", rest[:whole]), rest[whole:]
                if self.pid is None and numbers:
                    self.pid, numbers = numbers[0], numbers[1:]
                if numbers:
                    self.heard = numbers[-1]
                if timer is None and self.number is not None and self.heard >= self.count:
                    timer = threading.Timer(self.delay, os.kill, (self.pid, self.number))
                    timer.start()


def recovered(seen):
    """The values in the datasets group, once the run was recovered, by itself or by hand."""
    journal, = seen.journals()
    if not seen.results():
        done = subprocess.run([PROGRAM, "recover", journal], capture_output=True, text=True)
        assert done.returncode == 0, done
    eventually(seen.results)
    assert subprocess.run([PROGRAM, "verify", journal, seen.result], capture_output=True).returncode == 0
    with h5py.File(seen.result, "r") as f:
        assert f["rid"][()] == seen.job["rid"] and "expid" in f and f["run_time"][()] > 1e9
    return {name.removeprefix("datasets/"): value for name, value in content(seen.result).items()
            if name.startswith("datasets/")}


def small_group():
    """A control group that may have 64 MiB of memory, as a path; None where none can be made."""
    for folder, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = Path(folder) / f"daybook-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(64 << 20))
            return group
        except OSError:
            group.rmdir()
    return None


def check_killed(folder, plans, group="", **more):
    """plans: (name, how, signal): `how` it ends itself, or the signal that it gets, at a seeded moment; `more`: as drive()."""
    rng, jobs, listeners, seeds = random.Random(SEED), [], {}, {}
    for i, (name, how, number) in enumerate(plans):
        pipe, count = str(folder / f"pipe.{i}"), rng.randrange(1, 4000)
        seeds[name] = rng.randrange(1 << 30)
        arguments = {"seed": seeds[name], "pipe": pipe, "how": how, "last": count if how else -1, "group": str(group)}
        jobs.append(job("reporting", "Reports", 800 + i, name, arguments))
        listeners[name] = Listener(pipe, number, count, rng.random() * .03)
    seen = drive(jobs, folder, journaled=True, **more)

    def check(name):
        listeners[name].join(10)
        assert not listeners[name].is_alive() and listeners[name].heard > 0, repr(seen[name])
        found = recovered(seen[name])
        found.pop("without_memory", None)
        heard = listeners[name].heard
        assert any(not differences(model(seeds[name], count), found) for count in (heard, heard + 1)), (
            f"seed {SEED}: {heard} calls had returned; differ: {differences(model(seeds[name], heard), found)}")

    check_all(check, seen)
    assert owed(folder) == []
    return seen


def test_sigkill(tmp_path):
    seen = check_killed(tmp_path, [(f"kill.{i}", "", signal.SIGKILL) for i in range(4)])
    assert {one.report["returncode"] for one in seen.values()} == {-signal.SIGKILL}


def test_other_deaths(tmp_path):
    seen = check_killed(tmp_path, [("term", "", signal.SIGTERM), ("term.self", "term", None), ("exit", "exit", None),
                                   ("segfault", "segfault", None), ("abort", "abort", None), ("memory", "memory", None)],
                        **LET_DIE)
    codes = {name: one.report["returncode"] for name, one in seen.items()}
    assert codes == {"term": -15, "term.self": -15, "exit": 7, "segfault": -11, "abort": -6, "memory": -9}


def test_out_of_memory(tmp_path):
    """The kernel kills a worker that takes too much."""
    group = small_group()
    if group is None:
        pytest.skip("no control group with a memory limit can be made here: that takes root")
    try:
        seen = check_killed(tmp_path, [("oom", "oom", None)], group)
    finally:
        eventually(lambda: (group / "cgroup.procs").read_text() == "")
        group.rmdir()
    assert seen["oom"].report["returncode"] == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_killed_in_write(number, tmp_path):
    """While 5000 lists are being written, or just before, or just after: in the end the whole file is there."""
    jobs = [job("reporting", "DiesInWrite", 850 + i, f"after {after}", {"after": after, "number": int(number)})
            for i, after in enumerate((1e-3, .02, .1, .3))]
    seen = drive(jobs, tmp_path, journaled=True)

    def check(name):
        found = recovered(seen[name])
        assert len(found) == 5000
        assert all(found[f"list.{i}"].tolist() == [i, .5] for i in range(0, 5000, 7))

    check_all(check, seen)
    assert owed(tmp_path) == []
    left = [name for one in seen.values() for name in one.files() if not name.endswith((".h5", ".daybook"))]
    assert all("." not in name.rsplit("/", 1)[-1] for name in left), left


def test_deleted(tmp_path):
    """Deleted by the master while it talks to it, or while it sleeps: a file in both cases (ARTIQ: in the first only)."""
    jobs = cases.deletions()
    plain, seen = drive(jobs, tmp_path / "without"), drive(jobs, tmp_path / "with", journaled=True)
    assert [len(one.results()) for one in plain.values()] == [1, 0], "ARTIQ's worker is not as it was"
    for name, one in seen.items():
        found = recovered(one)
        assert found["in_run"] == b"three" and found["in_prepare"].tolist() == [2.5, 3.5]
        assert name == "endings.DeletedInCalls" or "calls" not in found
    assert seen["endings.DeletedInSleep"].report["returncode"] == -signal.SIGTERM
    assert owed(tmp_path / "with") == []
