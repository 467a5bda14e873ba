"""A full disk: one clear line, exit status 1, nothing lost that was acknowledged, no litter, the old file untouched."""

import hashlib

import numpy as np
import pytest

import traces
from h5compare import compare
from small_disk import small_disk
from trace_oracle import Experiment
from trace_player import play

MIB = 1 << 20


def one_clear_line(result, *words):
    """The line says what is the matter and what to do about it."""
    assert result.code == 1, repr(result)
    lines = [line for line in result.err.splitlines() if line.strip()]
    assert len(lines) == 1, result.err
    assert "No space left" in lines[0] or "full" in lines[0] or "too large" in lines[0].lower(), lines
    for word in words:
        assert str(word) in lines[0], lines


def acknowledged(result):
    numbers = [int(line) for line in result.lines]
    assert numbers == sorted(numbers)
    return numbers[-1] if numbers else 0


# Below 16 MiB not even the intake fits; beyond that the journal fills up at some point on the way.
@pytest.mark.parametrize("size", [1, 10, 17, 18, 20, 24, 29, 34], ids=lambda s: f"{s}MiB")
def test_ingest(size, daybook, tmp_path):
    lines = traces.make(size, calls=1200, largest=4_000_000)
    trace = tmp_path / "trace.jsonl"
    trace.write_text("\n".join(lines) + "\n")
    assert sum(map(len, lines)) * 3 / 4 > 28 * MIB, "the trace is too small to fill the disk"
    with small_disk(tmp_path, size * MIB) as disk:
        run = disk.place / "run.daybook"
        result = daybook.ingest(trace, run, "--ack", expect=1, **disk.options())
        one_clear_line(result)
        acked = acknowledged(result)
        if not run.exists():
            assert acked <= 1
            assert list(disk.place.iterdir()) == [], "litter of a journal that could not be made"
            return

        disk.grow(400 * MIB)
        events = daybook("log", run, "--json").json_lines
        where = traces.event_lines(lines)
        assert [e["sequence"] for e in events] == list(range(1, len(events) + 1))
        assert len(events) >= sum(1 for n in where if n <= acked), f"line {acked} was acknowledged"
        last = where[len(events) - 1] if events else 0
        assert last <= acked or [last] == [n for n in where if n > acked][:1]
        daybook("verify", run)
        daybook.replay(run, tmp_path / "file.h5")
        play(lines[:max(last, 2)], watch=False).write(tmp_path / "model.h5")
        started = any('"stage":"run"' in line for line in lines[:last])
        differences = compare(tmp_path / "file.h5", tmp_path / "model.h5")
        assert not [d for d in differences if started or "run_time" not in d]
        assert sorted(p.name for p in disk.place.iterdir()) == ["run.daybook"]


def test_crash_then_full(daybook, tmp_path):
    """A journal of a killed writer on a disk without room for its recovery: an error, and later everything is there."""
    lines = traces.make(3, calls=400, largest=100_000)
    with small_disk(tmp_path, 60 * MIB) as disk:
        run = disk.place / "run.daybook"
        process = daybook.start("ingest", "-", "-o", run, "--ack", stdin=-1)
        body = "\n".join(lines[:-2]) + "\n"
        process.stdin.write(body.encode())
        process.stdin.flush()
        last = traces.event_lines(lines[:-2])[-1]
        for line in process.stdout:
            if int(line) >= last:
                break
        process.kill()
        process.wait()
        if disk.mounted:
            (disk.place / "filler").write_bytes(bytes(disk.free()))
        crashed = daybook("log", run, "--json", expect=None, **disk.options())
        assert crashed.code in (0, 1), repr(crashed)
        if crashed.code:
            one_clear_line(crashed)
        (disk.place / "filler").unlink(missing_ok=True)
        events = daybook("log", run, "--json").json_lines
        assert len(events) == len(traces.event_lines(lines[:-2]))
        daybook("verify", run)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("size", [16, 200, 1000, 3000], ids=lambda s: f"{s}KiB")
def test_replay(size, daybook, tmp_path):
    """The old results file stays as it was while the new one does not fit."""
    experiment = Experiment(class_name="Large", watch=False)
    experiment.set("text", ["µ" * 50] * 1000)
    experiment.set("image", np.random.default_rng(1).integers(0, 2**63, 500_000))
    for i in range(300):
        experiment.set(f"scalar.{i}", i, {"unit": "MHz"})
    experiment.finish()
    (tmp_path / "large.jsonl").write_text(experiment.text())
    run = tmp_path / "large.daybook"
    daybook.ingest(tmp_path / "large.jsonl", run)
    with small_disk(tmp_path, size * 1024) as disk:
        old = disk.place / "results.h5"
        old.write_bytes(b"the old results" * 100)
        before = digest(old)
        result = daybook.replay(run, old, expect=1, **disk.options())
        one_clear_line(result, "results.h5")
        assert digest(old) == before
        assert sorted(p.name for p in disk.place.iterdir()) == ["results.h5"], "litter"
        layout = tmp_path / "gzip.toml"
        layout.write_text('[[transform]]\nuse = "compress"\n')
        if size < 3000:
            one_clear_line(daybook.replay(run, old, "--layout", layout, expect=1, **disk.options()), "results.h5")
            assert digest(old) == before
            assert sorted(p.name for p in disk.place.iterdir()) == ["results.h5"], "litter"
        disk.grow(20 * MIB)
        daybook.replay(run, old)
        experiment.write(tmp_path / "expected.h5")
        assert compare(old, tmp_path / "expected.h5") == []
