"""Any damage to any part of a run's files, and every command that meets it: each ends by itself and in time, what is
wrong is told, what is left comes back, and nothing is ever taken for data that is none. Each command is a process of its
own, so that a crash or a hang is seen. DAYBOOK_SEED=N damages other places, DAYBOOK_DAMAGED=N so many files of each way."""

import json
import os
import random
import shutil

import pytest

from h5compare import compare
from runs import eventually, experiment, feed, journal

SEED = int(os.environ.get("DAYBOOK_SEED", "1"))
COUNT = int(os.environ.get("DAYBOOK_DAMAGED", "2"))
PAGE, SECTOR = 4096, 512
LIMIT = 60


def flip(data, rng, at):
    data[at] ^= 1 << rng.randrange(8)


def zero(data, rng, at):
    size = rng.choice([1, 8, 64, SECTOR, PAGE])
    at -= at % size
    data[at:at + size] = bytes(len(data[at:at + size]))


def cut(data, rng, at):
    del data[at - at % rng.choice([1, SECTOR, PAGE]):]


def duplicate(data, rng, at):
    """A piece stands a second time: over another one, or between two."""
    size = rng.choice([8, 64, SECTOR, PAGE])
    at -= at % size
    piece = data[at:at + size]
    to = rng.randrange(len(data)) // size * size
    data[to:to + (size if rng.random() < .7 else 0)] = piece


def swap(data, rng, at):
    """Two pages, or two sectors, have changed places."""
    size = rng.choice([SECTOR, PAGE, PAGE])
    a, b = at // size * size, rng.randrange(len(data)) // size * size
    first, second = data[a:a + size], data[b:b + size]
    if len(first) == len(second):
        data[a:a + size], data[b:b + size] = second, first


WAYS = {way.__name__: way for way in (flip, zero, cut, duplicate, swap)}


class Files:
    """What a folder holds, to be put somewhere with one file changed. Zero bytes at an end, as in an intake, take no room."""

    def __init__(self, folder):
        self.files = {}
        for path in folder.iterdir():
            data = path.read_bytes()
            self.files[path.name] = (len(data), data.rstrip(b"\0"))

    def put(self, folder, **changed):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, (size, data) in self.files.items():
            data = changed.get(name.replace(".", "_"), data)
            size = len(data) if isinstance(data, bytearray) and len(data) < len(self.files[name][1]) else size
            with open(folder / name, "wb") as f:
                f.write(data)
                f.truncate(max(size, len(data)))
        return folder

    def fingerprint(self, folder):
        return {p.name: p.read_bytes().rstrip(b"\0") for p in folder.iterdir() if p.name != "lock.mdb"}


@pytest.fixture(scope="module")
def crashed(daybook, tmp_path_factory):
    """A run with events in its journal and more in its intake; and the same one recovered."""
    folder = tmp_path_factory.mktemp("crashed")
    run = folder / "000000042-Demo.daybook"
    e = experiment()
    lines = list(e.lines)
    process = daybook.start("ingest", "-", "-o", run, "--ack", stdin=-1)
    half = len(lines) // 2
    feed(process, lines[:half])
    eventually(lambda: len(daybook("log", run, "--json").lines) > half // 2)
    feed(process, lines[half:])
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()
    files = Files(run)
    shutil.copytree(run, folder / "sound" / run.name)
    daybook("recover", folder / "sound")
    return files, Sound(daybook, folder / "sound" / run.name, folder)


@pytest.fixture(scope="module")
def finished(daybook, tmp_path_factory):
    """A run that has ended, and its file."""
    folder = tmp_path_factory.mktemp("finished")
    run = journal(daybook, folder, "000000042-Demo", experiment())
    daybook("recover", folder)
    return Files(run), Sound(daybook, run, folder)


class Sound:
    def __init__(self, daybook, run, folder):
        self.daybook, self.run, self.folder = daybook, run, folder
        self.file = run.parent / "000000042-Demo.h5"
        self.log = daybook("log", run, "--json").lines

    def file_at(self, event):
        """The run's file as of an event."""
        file = self.folder / f"at-{event}.h5"
        if not file.exists():
            self.daybook.replay(self.run, file, "--at", event, "--no-record")
        return file


def damaged(files, way, seed):
    """(what was done, {file: its new bytes}) again and again, each file with every way."""
    rng = random.Random(f"{way}-{seed}")
    names = [name for name in files.files if name in ("data.mdb", "intake")]
    for i in range(COUNT * len(names)):
        name = names[i % len(names)]
        data = bytearray(files.files[name][1])
        # Heads of pages and of files are few among so many bytes; they are hit as often as all the rest.
        at = rng.randrange(len(data))
        if rng.random() < .5:
            at = min(at // PAGE * PAGE + rng.randrange(160), len(data) - 1)
        WAYS[way](data, rng, at)
        yield f"{name}: {way} at {at}, number {i} of seed {seed}", {name.replace(".", "_"): data}


def is_graceful(result, codes, where):
    assert result.code in codes, f"{where}: {result!r}"
    assert len(result.err) < 4000, f"{where}: {result.err}"
    if result.code:
        told = [line for line in (result.out + result.err).splitlines() if line.strip()]
        assert told, f"{where}: it fails without a word"
    return result


def check_salvage(daybook, bad, sound, folder, where):
    saved = folder / "saved.daybook"
    shutil.rmtree(saved, ignore_errors=True)
    told = is_graceful(daybook("salvage", bad, "-o", saved, "--json", expect=None, timeout=LIMIT), (0, 1, 3), where)
    if told.code == 1:
        assert not saved.exists(), where
        return
    assert daybook("verify", saved, "--json", expect=None).code == 0, f"{where}: what was salvaged is damaged"
    came_back = [line for line in daybook("log", saved, "--json").lines if json.loads(line)["kind"] != "lost"]
    wrong = [line for line in came_back if line not in sound.log]
    assert not wrong, f"{where}: salvage made up {wrong[0]}"
    assert len(came_back) == told.json["events"] == told.json["last"] - told.json["lost"], where
    assert (told.code == 0) == (told.json["lost"] == 0), where


@pytest.mark.parametrize("way", WAYS)
def test_a_crashed_run(way, crashed, daybook, tmp_path):
    files, sound = crashed
    noticed = commands = 0
    for where, change in damaged(files, way, SEED):
        bad = files.put(tmp_path / "runs" / "a" / "bad.daybook", **change)
        before = files.fingerprint(bad)
        verified = is_graceful(daybook("verify", bad, expect=None, timeout=LIMIT), (0, 1), where)
        is_graceful(daybook("doctor", tmp_path / "runs", expect=None, timeout=LIMIT), (0, 1), where)
        is_graceful(daybook("recover", "--dry-run", tmp_path / "runs", expect=None, timeout=LIMIT), (0, 1, 3), where)
        is_graceful(daybook("ls", tmp_path / "runs", expect=None, timeout=LIMIT), (0, 1), where)
        check_salvage(daybook, bad, sound, tmp_path, where)
        assert files.fingerprint(bad) == before, f"{where}: something was changed"
        noticed += verified.code

        # Beside a good one, which must not suffer.
        files.put(tmp_path / "runs" / "b" / "good.daybook")
        done = is_graceful(daybook("recover", "--json", tmp_path / "runs", expect=None, timeout=LIMIT), (0, 3), where)
        told = {os.path.basename(line["path"]): line for line in done.json_lines}
        assert told["good.daybook"]["outcome"] == "recovered", f"{where}: {done!r}"
        mine = told.get("bad.daybook")
        if mine and mine["outcome"] == "recovered":
            differences = compare(mine["file"], sound.file_at(mine["events"]))
            # The run's description has no checksum of its own, but event 1 repeats it: verify tells.
            assert not differences or verified.code, f"{where}: {differences[0]}: {done!r}"
            assert not [d for d in differences if "datasets/" in d or "archive/" in d], f"{where}: {differences}"
        elif mine:
            assert mine["error"], f"{where}: {done!r}"
        log = is_graceful(daybook("log", bad, "--json", expect=None, timeout=LIMIT), (0, 1), where)
        if log.code == 0 and verified.code == 0:
            wrong = [line for line in log.lines if line not in sound.log and json.loads(line)["kind"] != "materialized"]
            assert not wrong, f"{where}: {wrong[0]}"
        commands += 9
        shutil.rmtree(tmp_path / "runs")
    print(f"seed {SEED}: {COUNT * 2} damaged files, {commands} commands, verify noticed {noticed}")


@pytest.mark.parametrize("way", WAYS)
def test_a_finished_run(way, finished, daybook, tmp_path):
    files, sound = finished
    noticed = kept = 0
    for where, change in damaged(files, way, SEED):
        bad = files.put(tmp_path / "runs" / "000000042-Demo.daybook", **change)
        file = tmp_path / "runs" / "000000042-Demo.h5"
        shutil.copy(sound.file, file)
        before = files.fingerprint(bad)
        verified = is_graceful(daybook("verify", bad, expect=None, timeout=LIMIT), (0, 1), where)
        log = is_graceful(daybook("log", bad, "--json", expect=None, timeout=LIMIT), (0, 1), where)
        show = is_graceful(daybook("show", bad, expect=None, timeout=LIMIT), (0, 1), where)
        if verified.code == 0:
            assert log.code == 0 and show.code == 0 and log.lines == sound.log[:len(log.lines)], f"{where}: {log!r}"
        replayed = is_graceful(daybook.replay(bad, tmp_path / "again.h5", "--no-record", expect=None, timeout=LIMIT),
                               (0, 1), where)
        if replayed.code == 0 and verified.code == 0 and len(log.lines) == len(sound.log):
            assert compare(tmp_path / "again.h5", sound.file) == [], where
        (tmp_path / "again.h5").unlink(missing_ok=True)
        check_salvage(daybook, bad, sound, tmp_path, where)
        is_graceful(daybook("doctor", tmp_path / "runs", expect=None, timeout=LIMIT), (0, 1), where)
        assert files.fingerprint(bad) == before, f"{where}: something was changed"
        noticed += verified.code

        is_graceful(daybook("compact", bad, expect=None, timeout=LIMIT), (0, 1), where)
        after = is_graceful(daybook("verify", bad, expect=None, timeout=LIMIT), (0, 1), where)
        assert after.code <= verified.code, f"{where}: compacting made it worse: {after!r}"
        files.put(bad, **change)
        is_graceful(daybook("recover", tmp_path / "runs", expect=None, timeout=LIMIT), (0, 1, 3), where)
        assert compare(file, sound.file) == [], f"{where}: the good file was touched"
        files.put(bad, **change)
        is_graceful(daybook("prune", tmp_path / "runs", "--older-than", "0d", "--materialized", expect=None, timeout=LIMIT),
                    (0, 1), where)
        assert bad.exists() or verified.code == 0, f"{where}: a damaged journal was deleted"
        kept += bad.exists()
        shutil.rmtree(tmp_path / "runs")
    print(f"seed {SEED}: {COUNT} damaged files, verify noticed {noticed}, prune kept {kept}")
