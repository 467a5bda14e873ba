"""`daybook salvage` as its user sees it: exit codes, what it prints, and that every other command takes what it makes."""

import hashlib
import os
import shutil

import numpy as np
import pytest

from h5compare import compare
from runs import journal
from test_recover import crashed
from trace_oracle import Experiment

MARK = b"a value that is easy to find in a file"


@pytest.fixture(scope="module")
def sound(daybook, tmp_path_factory):
    """A finished journal and its file."""
    folder = tmp_path_factory.mktemp("sound")
    e = Experiment(rid=7, class_name="Damaged", watch=False)
    e.set("list", [])
    for i in range(100):
        e.append_to("list", i)
        e.set(f"scalar.{i % 10}", i, {"unit": "MHz"})
    e.set("marked", "the one before")
    e.set("marked", MARK * 3)
    e.set("image", np.random.default_rng(1).integers(0, 2**63, 3000))
    e.set("after", 1)
    run = journal(daybook, folder, "000000007-Damaged", e)
    daybook.replay(run, folder / "sound.h5")
    return run, folder / "sound.h5"


def copy(run, folder, change=lambda data: data):
    bad = folder / run.name
    shutil.copytree(run, bad)
    (bad / "data.mdb").write_bytes(change((bad / "data.mdb").read_bytes()))
    return bad


def fingerprint(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def without_meta_pages(data):
    return bytes(8192) + data[8192:]


def number_of(daybook, run, key):
    return [e["sequence"] for e in daybook("log", run, "--json").json_lines if e.get("key") == key][-1]


@pytest.mark.parametrize("change", [lambda data: data, without_meta_pages], ids=["sound", "no_meta_pages"])
def test_nothing_lost(change, sound, daybook, tmp_path):
    run, file = sound
    bad = copy(run, tmp_path, change)
    before = fingerprint(bad)
    result = daybook("salvage", bad, "-o", tmp_path / "saved.daybook")
    assert fingerprint(bad) == before
    assert "nothing is lost" in result.err and result.out == ""
    saved = tmp_path / "saved.daybook"
    assert daybook("log", saved, "--json").out == daybook("log", run, "--json").out
    daybook.replay(saved, tmp_path / "saved.h5")
    assert compare(tmp_path / "saved.h5", file) == []
    checked = daybook("verify", saved)
    assert f"salvaged from {bad}, no event lost" in checked.err
    assert "salvaged from" in daybook("show", saved).err and "salvaged from" in daybook("ls", saved).out
    again = daybook("salvage", bad, "-o", saved, expect=1)
    assert "exists already" in again.err


def test_something_lost(sound, daybook, tmp_path):
    run, file = sound

    def hit(data):
        data = bytearray(data)
        at = data.find(MARK)
        while at >= 0:
            data[at] ^= 1
            at = data.find(MARK * 2)
        return bytes(data)

    number = number_of(daybook, run, "marked")
    bad = copy(run, tmp_path, hit)
    saved = tmp_path / "saved.daybook"
    result = daybook("salvage", bad, "-o", saved, expect=3)
    assert f"lost events: {number}\n" in result.out and "1 is lost" in result.err, repr(result)
    assert f"dataset 'marked': event {number} lost, shown as of event {number - 1}" in result.out, repr(result)
    assert "'list'" not in result.out, "the index tells that nothing of it is lost"
    assert "the one before" in daybook("show", saved, "marked").out
    lost = [e for e in daybook("log", saved, "--json").json_lines if e["kind"] == "lost"]
    assert [(e["sequence"], e["up_to"]) for e in lost] == [(number, number)]
    daybook.replay(saved, tmp_path / "saved.h5")
    assert all("marked" in difference for difference in compare(tmp_path / "saved.h5", file))
    assert "1 event lost" in daybook("verify", saved, tmp_path / "saved.h5").err
    told = daybook("salvage", bad, "-o", tmp_path / "json.daybook", "--json", expect=3).json
    assert told["lost_ranges"] == [[number, number]] and told["lost"] == 1 and told["last"] == told["events"] + 1
    assert [(k["key"], k["lost"], k["shown"]) for k in told["keys"]] == [("marked", [number], number - 1)]


def test_without_index(sound, daybook, tmp_path):
    """Pages in any order, half of them gone: what is there comes back, and no value that is shown is a wrong one."""
    run, _ = sound
    data = (run / "data.mdb").read_bytes()
    pages = [data[at:at + 4096] for at in range(8192, len(data), 4096)]
    heap = tmp_path / "heap"
    heap.write_bytes(b"".join(pages[::-2]))
    result = daybook("salvage", heap, "-o", tmp_path / "saved.daybook", expect=3)
    assert "are lost" in result.err
    saved = tmp_path / "saved.daybook"
    for command in (["verify", saved], ["show", saved], ["log", saved], ["replay", saved, "-o", tmp_path / "saved.h5"],
                    ["verify", saved, tmp_path / "saved.h5"]):
        daybook(*command)
    for key in ("list", "after", "scalar.3"):
        now = daybook("show", saved, key, expect=None)
        if now.code:
            continue
        at = daybook("show", saved, key, "--json").json["sequence"]
        assert now.out == daybook("show", run, key, "--at", at).out


def test_the_intake_alone(daybook, tmp_path):
    """Nothing tells of which run it is: said in words, not by a number nobody gave."""
    run, _ = crashed(daybook, tmp_path)
    alone = tmp_path / "alone"
    alone.write_bytes((run / "intake").read_bytes())
    assert "intake: " in daybook("verify", run).err
    told = daybook("salvage", alone, "-o", tmp_path / "saved.daybook", expect=3)
    assert "a run without a name" in told.err and "run 0" not in told.err, repr(told)
    assert "description is lost" in told.err
    daybook("verify", tmp_path / "saved.daybook")


def test_nothing_left(daybook, tmp_path):
    noise = tmp_path / "noise"
    noise.write_bytes(os.urandom(100_000))
    for damaged in (noise, tmp_path / "not there", tmp_path):
        result = daybook("salvage", damaged, "-o", tmp_path / "saved.daybook", expect=1)
        assert result.err.count("\n") == 1 and not (tmp_path / "saved.daybook").exists(), repr(result)
    assert "--uuid" in daybook("salvage", noise, "-o", tmp_path / "x", "--uuid", "12", expect=1).err
