"""daybook.open(): points, events, histories; and what is done with whole journals."""

import datetime
import random
import shutil

import h5py
import numpy as np
import pytest

import daybook

START = 1750000000.0


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "000000042-Scan.daybook"
    with daybook.Journal.create(path, rid=42, class_name="Scan", expid="{}", start_time=START,
                                software_version="9.0") as journal:
        journal.stage("run", START + 1)
        journal.set("x", np.arange(3.0), unit="MHz", scale=1e6, precision=2, attributes={"by": "hand"}, broadcast=True)
        journal.set("log", ["one"])
        journal.checkpoint("half")
        journal.mutate("x", -1, 7)
        journal.append("log", "two")
        journal.set_attribute("x", "note", "µ")
        journal.archive("calibration", {"a": 1}["a"])
        journal.set("private", 5, archive=False, storage={"compression": "gzip"})
        journal.remove("log")
    return path


def test_mapping(path):
    with daybook.open(path) as run:
        assert list(run) == ["x", "private"] and len(run) == 2 and "x" in run and "log" not in run and 5 not in run
        assert run["x"].tolist() == [0, 1, 7] and type(run["private"]) is np.int64 and run.get("log") is None
        assert dict(run.archive) == {"calibration": 1}
        assert run.attributes("x") == {"unit": "MHz", "scale": 1e6, "precision": 2, "by": "hand", "note": "µ"}
        with pytest.raises(KeyError, match="did you mean 'private'"):
            run["privat"]
        for missing in (lambda: run.attributes("log"), lambda: run.describe("log"), lambda: run.history("never")):
            with pytest.raises(KeyError):
                missing()
        described = run.describe("x")
        assert described["broadcast"] and described["saved"] and not described["persist"]
        assert not run.describe("private")["saved"]
        assert run.info.rid == 42 and run.info.class_name == "Scan" and run.path == str(path)
        assert run.status == daybook.Status("finished", False, False) and run.complete and run.salvaged is None
        assert [stage.name for stage in run.stages] == ["run"]
        assert run == run and run != run.at(None)


def test_points(path):
    with daybook.open(path) as run:
        [half] = run.checkpoints
        assert half == daybook.Checkpoint("half", half.sequence)
        early = run.at("half")
        assert early["x"].tolist() == [0, 1, 2] and early["log"].tolist() == ["one"] and "private" not in early
        assert early.sequence == half.sequence and not early.complete and run.at(half.sequence)["log"].tolist() == ["one"]
        event = next(run.events(half.sequence))
        moment = datetime.datetime.fromtimestamp(event.time + 1, datetime.timezone.utc)
        assert run.at(moment).sequence == run.at(event.time + 1).sequence == run.sequence
        assert run.at(np.int64(3)).sequence == 3 and run.at(None).sequence == run.last
        for bad in (10**6, "never", START - 10, -1, float("nan")):
            with pytest.raises(daybook.InvalidError):
                run.at(bad)
        for bad in (True, [1], b"half"):
            with pytest.raises(TypeError, match="a point in a run"):
                run.at(bad)


def test_events(path):
    with daybook.open(path) as run:
        events = list(run.events())
        assert [event.sequence for event in events] == list(range(1, run.last + 1))
        assert [event.kind for event in events] == [
            "runStarted", "stageChanged", "set", "set", "checkpoint", "mutate", "append", "setAttribute", "archived", "set",
            "remove", "runEnded"]
        started, stage, x, log, half, mutate, append, note, archived, private, remove, ended = events
        assert started.details["info"]["rid"] == 42 and stage.details == {"stage": "run", "run_time": START + 1}
        assert x.key == "x" and x.value.tolist() == [0, 1, 2] and x.details["attributes"]["unit"] == "MHz"
        assert log.value == ["one"] and half.details == {"name": "half"} and half.value is None
        assert mutate.details == {"start": (2,), "count": (1,), "step": (1,)} and mutate.value.tolist() == [7]
        assert append.value == "two" and append.details == {"index": 1}
        assert note.value == "µ" and note.details == {"name": "note", "removed": False}
        assert archived.value == 1 and remove.value is None and ended.details == {"how": "ok"}
        assert private.details["storage"] == {"compression": "gzip"} and not private.details["archive"]
        assert [event.sequence for event in run.events(3, 5)] == [3, 4, 5] and list(run.events(99)) == []
        assert x.time_ns == pytest.approx(x.time * 1e9) and repr(x) == "<daybook.Event 3 set 'x'>"


def test_history(path):
    with daybook.open(path) as run:
        values = [(sequence, value.tolist()) for sequence, _, value in run.history("x")]
        assert values == [(3, [0, 1, 2]), (6, [0, 1, 7])]
        assert [value.tolist() for _, _, value in run.history("log")] == [["one"], ["one", "two"]]
        times = [time for _, time, _ in run.history("x")]
        assert times == sorted(times)
        assert [value.tolist() for _, _, value in run.at("half").history("x")] == [[0, 1, 2]]
        assert [value for _, _, value in run.archive.history("calibration")] == [1]


def test_replay(path, tmp_path):
    with daybook.open(path) as run:
        report = run.replay(tmp_path / "out.h5")
        assert report.file == str(tmp_path / "out.h5") and report.complete and report.datasets == 2
        assert report.bytes == (tmp_path / "out.h5").stat().st_size
        assert not run.replay(tmp_path / "half.h5", at="half").complete
        run.at("half").replay(tmp_path / "same.h5")
        assert (tmp_path / "half.h5").read_bytes() == (tmp_path / "same.h5").read_bytes()
        run.replay(tmp_path / "only.h5", only="x", exclude=["cal*"])
        with pytest.raises(daybook.StorageError):
            run.replay(tmp_path / "nowhere" / "out.h5")
        assert "/datasets/x" in run.explain()
    with h5py.File(tmp_path / "only.h5") as file:
        assert list(file["datasets"]) == ["x"] and list(file["archive"]) == []
        assert file["rid"][()] == 42 and file["artiq_version"].asstr()[()] == "9.0"


def test_an_interrupt_ends_a_replay_and_the_old_file_stays(path, tmp_path):
    out = tmp_path / "out.h5"
    with daybook.open(path) as run:
        run.replay(out)
        before = out.read_bytes()

        def interrupt(done, total):
            raise KeyboardInterrupt
        with pytest.raises(KeyboardInterrupt):
            run.replay(out, at="half", progress=interrupt)
        assert out.read_bytes() == before and sorted(p.name for p in tmp_path.iterdir()) == [path.name, "out.h5"]
        seen = []
        run.replay(out, at="half", progress=lambda done, total: seen.append((done, total)))
        assert seen and seen[-1][0] == seen[-1][1]


def test_looking_at_journals(path, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    daybook.Journal.create(tmp_path / "deep" / "er" / "000000001-A.daybook", rid=1, class_name="A").close()
    (tmp_path / "empty").mkdir()
    found = list(daybook.ls(tmp_path))
    assert [(s.info.rid, s.phase, s.live) for s in found] == [(42, "finished", False), (1, "running", False)] or \
        [(s.info.rid, s.phase, s.live) for s in found] == [(42, "finished", False), (1, "crashed", False)]
    assert [s.path for s in daybook.ls(path)] == [str(path)]
    summary = daybook.summarize(path)
    assert summary.last == 12 and summary.disk_bytes > 0 and summary.info.start_time == START
    with pytest.raises(daybook.UnsupportedError):
        daybook.summarize(tmp_path)


def test_verify_and_salvage(path, tmp_path):
    assert daybook.verify(path).intact and daybook.verify(path).events == 12
    copy = tmp_path / "copy.daybook"
    shutil.copytree(path, copy)
    data = bytearray((copy / "data.mdb").read_bytes())
    with daybook.open(path) as run:
        at = data.find(run["x"].tobytes()[-8:])        # the 7.0 of the mutation
    data[at] ^= 0xFF
    (copy / "data.mdb").write_bytes(data)
    verification = daybook.verify(copy)
    assert not verification.intact and verification.damage[0].sequence == 6
    saved = daybook.salvage(copy, tmp_path / "saved.daybook")
    assert saved.lost == 1 and saved.ranges == [(6, 6)] and saved.info.rid == 42
    assert [(lost.key, lost.lost) for lost in saved.keys] == [("x", [6])]
    with daybook.open(tmp_path / "saved.daybook") as run:
        assert run.salvaged.lost == 1 and run["private"] == 5
    with pytest.raises(daybook.InvalidError):
        daybook.salvage(copy, path)


def test_recover(path, tmp_path):
    planned = daybook.recover(path, dry_run=True)
    assert planned.before == "finished without file" and not (tmp_path / "000000042-Scan.h5").exists()
    report = daybook.recover(path)
    assert report.outcome == "whole" and report.file == str(tmp_path / "000000042-Scan.h5") and report.error == ""
    with h5py.File(report.file) as file:
        assert file["datasets/x"][()].tolist() == [0, 1, 7]
    missing = daybook.recover(tmp_path / "missing")
    assert missing.outcome == "nothing" and missing.fault != "" and missing.info is None


def test_a_large_list_is_read_in_blocks(tmp_path):
    rng = random.Random(3)
    texts = ["x" * rng.randrange(20) for _ in range(10_000)]
    numbers = np.arange(3_000_000, dtype=">u2").reshape(3, -1)
    with daybook.Journal.create(tmp_path / "r.daybook") as journal:
        journal.set("texts", texts)
        journal.set("numbers", numbers)
        journal.mutate("numbers", (slice(None), 5), 1)
    numbers[:, 5] = 1
    with daybook.open(tmp_path / "r.daybook") as run:
        assert run["texts"].tolist() == texts
        assert run["numbers"].dtype == ">u2" and np.array_equal(run["numbers"], numbers)
