"""daybook prune deletes what is proven to be in a file, and nothing else."""

import os
import re
import shutil

import h5py

from runs import experiment, journal, live
from test_recover import crashed, digests

OLD = ["--older-than", "1d", "--materialized"]


def test_only_with_its_file(daybook, tmp_path):
    run = journal(daybook, tmp_path)
    refused = daybook("prune", tmp_path, "--older-than", "1d", expect=2)
    assert "compared" in refused.err and run.exists()
    kept = daybook("prune", tmp_path, *OLD, expect=1)
    assert "daybook recover" in kept.out and run.exists()
    daybook("recover", tmp_path)
    before = digests(tmp_path)
    assert "would be deleted" in daybook("prune", tmp_path, *OLD, "--dry-run").out
    assert digests(tmp_path) == before
    assert daybook("prune", tmp_path, *OLD, "--json").json["deleted"]
    assert sorted(os.listdir(tmp_path)) == ["000000042-Demo.h5", "run.jsonl"]
    with h5py.File(tmp_path / "000000042-Demo.h5") as f:
        assert len(f["datasets/counts"]) == 21


def test_what_is_kept(daybook, tmp_path):
    journal(daybook, tmp_path / "young")
    daybook("recover", tmp_path / "young")
    assert "not old enough" in daybook("prune", tmp_path / "young", "--older-than", "5000w", "--materialized").out

    crashed(daybook, tmp_path / "crashed")
    assert "crashed: run 'daybook recover'" in daybook("prune", tmp_path / "crashed", *OLD, expect=1).out
    daybook("recover", tmp_path / "crashed")
    told = daybook("prune", tmp_path / "crashed", *OLD, expect=1).out
    assert "crashed" in told and "by hand" in told and "daybook recover" not in told, "what it says was done already"

    with live(daybook, tmp_path / "live"):
        assert "live" in daybook("prune", tmp_path / "live", *OLD).out

    bad = journal(daybook, tmp_path / "damaged")
    daybook("recover", tmp_path / "damaged")
    data = bytearray((bad / "data.mdb").read_bytes())
    for found in re.finditer(b"DBR1", bytes(data)):      # an event may stand in pages that are free by now, too
        data[found.start() + 60] ^= 1
    (bad / "data.mdb").write_bytes(data)
    assert "salvage" in daybook("prune", tmp_path / "damaged", *OLD, expect=1).out

    e = experiment()
    e.set("nothing", None)
    journal(daybook, tmp_path / "refused", e=e)
    daybook("recover", tmp_path / "refused", expect=3)
    assert "HDF5 cannot hold" in daybook("prune", tmp_path / "refused", *OLD, expect=1).out
    assert sorted(p.parent.name for p in tmp_path.glob("*/*.daybook")) == ["crashed", "damaged", "live", "refused",
                                                                           "young"]


def test_a_file_that_differs(daybook, tmp_path):
    run = journal(daybook, tmp_path)
    daybook("recover", tmp_path)
    with h5py.File(tmp_path / "000000042-Demo.h5", "r+") as f:
        f["datasets/image"][3, 4] = 8
    kept = daybook("prune", tmp_path, *OLD, expect=1)
    assert "does not hold what the journal says" in kept.out and "image" in kept.out and run.exists()


def test_a_file_of_an_earlier_moment(daybook, tmp_path):
    run = journal(daybook, tmp_path)
    daybook.replay(run, tmp_path / "000000042-Demo.h5", "--at", "10")
    assert "older than the journal" in daybook("prune", tmp_path, *OLD, expect=1).out and run.exists()


def test_a_link_is_no_journal_of_its_own(daybook, tmp_path):
    run = journal(daybook, tmp_path / "there")
    daybook("recover", run)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "run.daybook").symlink_to(run)
    daybook("prune", tmp_path / "here", *OLD, expect=1)
    assert (run / "data.mdb").exists()


def test_two_at_once(daybook, tmp_path):
    for i in range(4):
        journal(daybook, tmp_path / str(i))
    daybook("recover", tmp_path)
    both = [daybook.start("prune", tmp_path, *OLD) for _ in range(2)]
    for process in both:
        process.communicate(timeout=120)
    assert not list(tmp_path.glob("*/*.daybook")) and not list(tmp_path.glob("*/.*"))
    assert len(list(tmp_path.glob("*/*.h5"))) == 4
    shutil.rmtree(tmp_path / "0")
