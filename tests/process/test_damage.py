"""Truncated and bit-flipped journals: exit status 1, one line that names the file (and the event where one was hit),
and never a wrong value, a crash or a hang. DAYBOOK_SEED=N tries other bits."""

import os
import random
import re
import shutil

import numpy as np
import pytest

from h5compare import compare
from runs import journal
from trace_oracle import Experiment

BASE = int(os.environ.get("DAYBOOK_SEED", "1"))
MARK = b"a value that is easy to find in a file"


@pytest.fixture(scope="module")
def sound(daybook, tmp_path_factory):
    """A finished journal, its file and its log."""
    folder = tmp_path_factory.mktemp("sound")
    e = Experiment(rid=7, class_name="Damaged", watch=False)
    e.set("list", [])
    for i in range(300):
        e.append_to("list", i)
        e.set(f"scalar.{i % 40}", i, {"unit": "MHz"})
    e.set("marked", MARK * 3)
    e.set("image", np.random.default_rng(1).integers(0, 2**63, 30000))
    e.set("after", 1)
    run = journal(daybook, folder, "sound", e)
    daybook.replay(run, folder / "sound.h5", "--no-record")
    return run, folder / "sound.h5", daybook("log", run, "--json").out


def copy(run, folder, name="bad"):
    bad = folder / f"{name}.daybook"
    shutil.rmtree(bad, ignore_errors=True)
    shutil.copytree(run, bad)
    return bad


def one_line(result, *words):
    lines = [line for line in (result.out + result.err).splitlines() if "daybook" in line]
    assert lines and all(any(str(word) in line for line in lines) for word in words), repr(result)
    assert len(result.err) < 2000, result.err


def commands(bad, folder):
    return {"replay": ["replay", bad, "-o", folder / "bad.h5", "--no-record"], "log": ["log", bad, "--json"], "show": ["show", bad],
            "verify": ["verify", bad], "ls": ["ls", bad.parent]}


@pytest.mark.parametrize("part", [0, .0001, .01, .1, .5, .9, .999], ids=lambda p: f"{p:g}")
def test_truncated(part, sound, daybook, tmp_path):
    run = sound[0]
    size = (run / "data.mdb").stat().st_size
    for length in {int(size * part), int(size * part) // 4096 * 4096, int(size * part) + 1}:
        bad = copy(run, tmp_path)
        os.truncate(bad / "data.mdb", min(length, size - 1))
        for name, command in commands(bad, tmp_path).items():
            result = daybook(*command, expect=None, timeout=60)
            if length < size - 4096 and name in ("replay", "verify"):
                assert result.code == 1, f"{length} of {size} bytes: {result!r}"
            if result.code:
                one_line(result, "bad.daybook")
        assert not (tmp_path / "bad.h5").exists() or compare(tmp_path / "bad.h5", sound[1]) == []


def test_marked_value(sound, daybook, tmp_path):
    """A flipped bit in a value: verify, log and replay name the event by its number."""
    run = sound[0]
    number = next(e["sequence"] for e in daybook("log", run, "--json").json_lines if e.get("key") == "marked")
    bad = copy(run, tmp_path)
    data = bytearray((bad / "data.mdb").read_bytes())
    # In every copy: pages of earlier commits may hold one, too.
    places = [found.start() for found in re.finditer(re.escape(MARK * 3), bytes(data))]
    assert places, "the value is not in the file"
    for at in places:
        data[at + 5] ^= 4
    (bad / "data.mdb").write_bytes(data)

    found = daybook("verify", bad, expect=1)
    assert any(line.count(f"event {number}") == 1 and "bad.daybook" in line for line in found.lines), found.out
    damage = daybook("verify", bad, "--json", expect=1).json
    assert [d["sequence"] for d in damage["damage"]] == [number] and damage["events"] == damage["last"] - 1
    for command in (["replay", bad, "-o", tmp_path / "bad.h5", "--no-record"], ["log", bad]):
        result = daybook(*command, expect=1)
        one_line(result, "bad.daybook", number)
    assert not (tmp_path / "bad.h5").exists()


def test_zeroed_pages(sound, daybook, tmp_path):
    """LMDB gives up on some of them by an assertion, which is told in our words and not in its own."""
    original = (sound[0] / "data.mdb").read_bytes()
    ended = 0
    for page in range(2, len(original) // 4096):
        bad = copy(sound[0], tmp_path)
        (bad / "data.mdb").write_bytes(original[:4096 * page] + bytes(4096) + original[4096 * (page + 1):])
        result = daybook("log", bad, expect=None, timeout=60)
        assert result.code in (0, 1), f"page {page}: {result!r}"
        if result.code:
            one_line(result, "bad.daybook")
        ended += "signal" in result.err
    assert ended, "no page was one that LMDB gives up on"


def test_index_of_another_dataset(sound, daybook, tmp_path):
    """The index of datasets names another dataset's event: no file that lacks one of them without a word."""
    bad = copy(sound[0], tmp_path)
    data = bytearray((bad / "data.mdb").read_bytes())

    def entries(key):   # places of the event's number, behind the key in each copy of the page; 0 stands behind texts
        key, place = b"\0" + key, -1
        while (place := data.find(key, place + 1)) >= 0:
            behind = place + len(key)
            if 0 < int.from_bytes(data[behind:behind + 8], "little") <= 610:
                yield behind

    other = max(entries(b"scalar.23"))
    number = data[other:other + 8]
    places = list(entries(b"scalar.22"))
    assert places
    for place in places:
        data[place:place + 8] = number
    (bad / "data.mdb").write_bytes(data)
    for command in (("verify", bad), ("replay", bad, "-o", tmp_path / "bad.h5")):
        result = daybook(*command, expect=1)
        one_line(result, "bad.daybook")
    assert not (tmp_path / "bad.h5").exists()


@pytest.mark.parametrize("seed", range(BASE, BASE + 8), ids=lambda s: f"s{s}")
def test_bit_flips(seed, sound, daybook, tmp_path):
    """Any bit of the file: noticed, or without effect. No signal, and no file with a wrong value."""
    run, file, log = sound
    rng = random.Random(seed)
    original = (run / "data.mdb").read_bytes()
    noticed = 0
    for i in range(12):
        bad = copy(run, tmp_path)
        data = bytearray(original)
        # Pages of meta data and branches are few; make sure that they are hit, too.
        bit = rng.randrange(8 * (len(data) if i % 2 else min(len(data), 16384)))
        data[bit // 8] ^= 1 << bit % 8
        (bad / "data.mdb").write_bytes(data)
        where = f"seed {seed}, bit {bit} (byte {bit // 8} of {len(data)})"
        checked = daybook("verify", bad, expect=None, timeout=60)
        assert checked.code in (0, 1), f"{where}: {checked!r}"
        noticed += checked.code
        if checked.code:
            one_line(checked, "bad.daybook")
        (tmp_path / "bad.h5").unlink(missing_ok=True)
        for name, command in commands(bad, tmp_path).items():
            result = daybook(*command, expect=None, timeout=60)
            assert result.code in (0, 1), f"{where}: {result!r}"
            if result.code:
                one_line(result, "bad.daybook")
                assert checked.code, f"{where}: {name} fails, and verify finds nothing: {result!r}"
            elif name == "log" and not checked.code:
                assert result.out == log, where
        if (tmp_path / "bad.h5").exists() and not checked.code:
            assert compare(tmp_path / "bad.h5", file) == [], where
        assert not [p for p in tmp_path.iterdir() if p.name not in ("bad.daybook", "bad.h5")], "litter"
    print(f"seed {seed}: {noticed} of 12 flipped bits were in use")
