"""daybook recover: the morning after, with processes that were really killed."""

import hashlib
import json
import os
import shutil
import subprocess

import h5py
import pytest

from h5compare import compare
from runs import experiment, feed, journal, live, tree
from small_disk import small_disk
from trace_player import play

LAYOUT = 'name = "lab"\n[[transform]]\nuse = "compress"\nmin-bytes = 0\n'


def crashed(daybook, folder, name="crashed", e=None, *more):
    """A run whose writer was killed after it acknowledged everything; returns its path and its lines."""
    folder.mkdir(exist_ok=True, parents=True)
    lines = (e or experiment()).lines
    run = folder / f"{name}.daybook"
    process = daybook.start("ingest", "-", "-o", run, "--ack", *more, stdin=-1)
    feed(process, lines)
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()
    assert (run / "intake").exists()
    return run, lines


def digests(*folders):
    """What every file below holds; LMDB's table of readers has no meaning."""
    return {p: hashlib.sha256(p.read_bytes()).hexdigest()
            for folder in folders for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "lock.mdb"}


def outcomes(result):
    return {os.path.basename(line["path"]): line["outcome"] for line in result.json_lines}


def check_file(lines, file, folder):
    play(lines, watch=False).write(folder / "model.h5")
    assert not [d for d in compare(file, folder / "model.h5") if "run_time" not in d]


def test_a_killed_run_comes_back(daybook, tmp_path):
    run, lines = crashed(daybook, tmp_path / "runs")
    done = daybook("recover", tmp_path / "runs")
    file = tmp_path / "runs" / "000000042-Demo.h5"
    check_file(lines, file, tmp_path)
    assert "recovered" in done.out and str(file) in done.out and "lost: nothing" in done.err, repr(done)
    assert daybook("log", run, "--json").json_lines[-1]["kind"] == "materialized"
    daybook("verify", run, file)
    assert "intake" not in os.listdir(run)
    with h5py.File(file) as f:
        assert not f.attrs["daybook_complete"]

    before = digests(tmp_path)
    again = daybook("recover", tmp_path / "runs")
    assert "nothing to do" in again.out
    assert digests(tmp_path) == before


def test_dry_run_changes_nothing(daybook, tmp_path):
    crashed(daybook, tmp_path / "runs")
    journal(daybook, tmp_path / "runs", "ended")
    before = digests(tmp_path)
    told = daybook("recover", "--dry-run", "--json", tmp_path / "runs").json_lines
    assert digests(tmp_path) == before
    assert {(line["state"], line["outcome"]) for line in told} == {("crashed", "recovered"),
                                                                  ("finished without file", "recovered")}


def test_live_runs_are_left_alone(daybook, tmp_path):
    crashed(daybook, tmp_path)
    e = experiment()
    with live(daybook, tmp_path, e.lines) as (run, process):
        done = daybook("recover", "--json", tmp_path)
        assert outcomes(done) == {"crashed.daybook": "recovered", "live.daybook": "left alone"}
        assert (run / "intake").exists()
        count = len(e.lines)
        e.set("late", 2)
        feed(process, e.lines[count:])
    # Now it is dead: the lock went with the process, though lock.mdb and intake are still there.
    done = daybook("recover", "--json", run)
    assert done.json["outcome"] == "recovered" and done.json["state"] == "crashed"
    assert h5py.File(done.json["file"])["datasets/late"][()] == 2


def test_a_copied_folder(daybook, tmp_path):
    """A copy, also of a live run's folder with its lock file, belongs to nobody."""
    with live(daybook, tmp_path / "there") as (run, _):
        daybook("log", run)
        shutil.copytree(tmp_path / "there", tmp_path / "copy")
        done = daybook("recover", "--json", tmp_path / "copy")
        assert outcomes(done) == {"live.daybook": "recovered"}
        assert not (tmp_path / "there" / "000000042-Demo.h5").exists()
    assert (tmp_path / "copy" / "000000042-Demo.h5").exists()


def test_two_at_once(daybook, tmp_path):
    for i in range(6):
        crashed(daybook, tmp_path / "runs" / str(i))
    both = [daybook.start("recover", "--json", "-j", "2", tmp_path / "runs") for _ in range(2)]
    told = []
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        told.append({line["path"]: line["outcome"] for line in map(json.loads, out.splitlines())})   # in any order
    assert len(told[0]) == 6
    for path in told[0]:
        assert sorted([told[0][path], told[1][path]]) == ["nothing to do", "recovered"]
    for i in range(6):
        kinds = [e["kind"] for e in daybook("log", tmp_path / "runs" / str(i) / "crashed.daybook", "--json").json_lines]
        assert kinds.count("materialized") == 1


def test_two_runs_with_one_name(daybook, tmp_path):
    """As after a reset of the run numbers: each gets a file, at once or one after the other."""
    crashed(daybook, tmp_path / "a")
    crashed(daybook, tmp_path / "b")
    for name in "ab":
        shutil.move(tmp_path / name / "crashed.daybook", tmp_path / f"{name}.daybook")
    done = daybook("recover", "--json", "-j", "2", tmp_path)
    files = {line["file"] for line in done.json_lines}
    assert {os.path.basename(f) for f in files} == {"000000042-Demo.h5", "000000042-Demo-recovered.h5"}
    assert len({h5py.File(f).attrs["daybook_journal"] for f in files}) == 2
    before = digests(tmp_path)
    daybook("recover", tmp_path)
    assert digests(tmp_path) == before


def test_foreign_files_are_never_overwritten(daybook, tmp_path):
    run, lines = crashed(daybook, tmp_path)
    file = tmp_path / "000000042-Demo.h5"
    with h5py.File(file, "w") as f:
        f["datasets/mine"] = 1
    before = file.read_bytes()
    done = daybook("recover", tmp_path)
    assert "is another file" in done.err
    check_file(lines, tmp_path / "000000042-Demo-recovered.h5", tmp_path)
    assert file.read_bytes() == before
    (tmp_path / "000000042-Demo-recovered.h5").write_bytes(b"not HDF5 at all")
    failed = daybook("recover", tmp_path, expect=1)
    assert "move one away" in failed.out
    assert file.read_bytes() == before


def test_a_file_that_holds_the_same_is_enough(daybook, tmp_path):
    """ARTIQ's own file does not say of which journal it is."""
    run = journal(daybook, tmp_path)
    daybook("recover", tmp_path)
    file = tmp_path / "000000042-Demo.h5"
    with h5py.File(file, "r+") as f:
        for name in [name for name in f.attrs if name.startswith("daybook_")]:
            del f.attrs[name]
    before = digests(tmp_path)
    assert outcomes(daybook("recover", "--json", tmp_path)) == {run.name: "nothing to do"}
    assert digests(tmp_path) == before
    with h5py.File(file, "r+") as f:
        f["datasets/late"][()] = False
    assert daybook("recover", "--json", tmp_path).json["file"].endswith("-recovered.h5")


def test_an_older_file_is_replaced(daybook, tmp_path):
    e = experiment()
    with live(daybook, tmp_path, e.lines) as (run, process):
        file = tmp_path / "000000042-Demo.h5"
        daybook.replay(run, file)
        count = len(e.lines)
        e.set("later", 3)
        feed(process, e.lines[count:])
    done = daybook("recover", "--json", tmp_path)
    assert done.json["replaced"] and done.json["outcome"] == "recovered"
    assert h5py.File(file)["datasets/later"][()] == 3


def test_an_older_copy_does_not_replace_a_newer_file(daybook, tmp_path):
    e = experiment()
    with live(daybook, tmp_path / "there", e.lines) as (run, process):
        shutil.copytree(run, tmp_path / "copy.daybook")
        count = len(e.lines)
        e.set("later", 3)
        feed(process, e.lines[count:])
    daybook("recover", run)
    shutil.copy(tmp_path / "there" / "000000042-Demo.h5", tmp_path)
    before = (tmp_path / "000000042-Demo.h5").read_bytes()
    done = daybook("recover", tmp_path / "copy.daybook")
    assert "older copy" in done.err
    assert (tmp_path / "000000042-Demo.h5").read_bytes() == before


def test_the_runs_own_layout_and_place(daybook, tmp_path):
    (tmp_path / "lab.toml").write_text(LAYOUT)
    (tmp_path / "results").mkdir()
    run, lines = crashed(daybook, tmp_path / "journals", "run", None, "--layout", tmp_path / "lab.toml",
                         "--results", "../results/x.h5")
    done = daybook("recover", "--json", run)
    file = tmp_path / "results" / "x.h5"
    assert os.path.samefile(done.json["file"], file)
    with h5py.File(file) as f:
        assert f.attrs["daybook_layout"] == "lab"
        assert f["datasets/image"].compression == "gzip"


def test_a_results_folder_that_is_not_there(daybook, tmp_path):
    run, lines = crashed(daybook, tmp_path / "runs", "run", None, "--results", tmp_path / "share" / "x.h5")
    done = daybook("recover", run)
    assert "not mounted" in done.err
    check_file(lines, tmp_path / "runs" / "000000042-Demo.h5", tmp_path)
    (tmp_path / "share").mkdir()
    daybook("recover", run)
    check_file(lines, tmp_path / "share" / "x.h5", tmp_path)


def test_a_layout_that_fails_costs_no_file(daybook, tmp_path):
    (tmp_path / "lab.toml").write_text('name = "lab"\n[[transform]]\nuse = "merge-archive"\non-conflict = "error"\n')
    e = experiment()
    e.set("master.offset", 1)       # the same name in both groups: merging them cannot be
    run, lines = crashed(daybook, tmp_path / "runs", "run", e, "--layout", tmp_path / "lab.toml")
    done = daybook("recover", run, expect=3)
    assert "laid out as ARTIQ does it" in done.err
    file = tmp_path / "runs" / "000000042-Demo.h5"
    assert "on-conflict" in h5py.File(file).attrs["daybook_layout_failure"]
    check_file(lines, file, tmp_path)
    before = digests(tmp_path / "runs")
    daybook("recover", run)
    assert digests(tmp_path / "runs") == before


def test_a_damaged_journal_among_good_ones(daybook, tmp_path):
    crashed(daybook, tmp_path / "a")
    crashed(daybook, tmp_path / "c")
    bad = journal(daybook, tmp_path / "b", "it's bad")
    os.truncate(bad / "data.mdb", (bad / "data.mdb").stat().st_size // 2)
    before = digests(bad)
    done = daybook("recover", tmp_path, expect=3)
    assert (tmp_path / "a" / "000000042-Demo.h5").exists() and (tmp_path / "c" / "000000042-Demo.h5").exists()
    line = [line for line in done.lines if "bad" in line][0]
    assert "damaged" in line and "daybook salvage '" in line and "-salvaged.daybook" in line
    assert digests(bad) == before
    assert daybook("recover", bad, expect=1).code == 1
    assert daybook("recover", tmp_path / "nowhere", expect=1).code == 1


def test_a_full_disk(daybook, tmp_path):
    with small_disk(tmp_path, 64 << 20) as disk:
        if not disk.mounted:
            pytest.skip("a full disk needs a mount")
        run, lines = crashed(daybook, disk.place / "runs")
        (disk.place / "ballast").write_bytes(bytes(disk.free() // 4096 * 4096))
        failed = daybook("recover", "--json", run, expect=1)
        assert failed.json["fault"] == "storage"
        assert not [name for name in os.listdir(disk.place / "runs") if name.endswith((".h5", ".part"))]
        (disk.place / "ballast").unlink()
        daybook("recover", run)
        check_file(lines, disk.place / "runs" / "000000042-Demo.h5", tmp_path)


def test_a_read_only_place(daybook, tmp_path):
    with small_disk(tmp_path, 64 << 20) as disk:
        if not disk.mounted:
            pytest.skip("a read-only place needs a mount")
        run, lines = crashed(daybook, disk.place / "runs")
        before = digests(disk.place)
        subprocess.run(["mount", "-o", "remount,ro", str(disk.place)], check=True)
        try:
            failed = daybook("recover", "--json", disk.place, expect=1)
            assert failed.json["fault"] == "storage" and failed.json["state"] == "crashed"
            shutil.copytree(disk.place / "runs", tmp_path / "copy")
        finally:
            subprocess.run(["mount", "-o", "remount,rw", str(disk.place)], check=True)
        assert digests(disk.place) == before
        daybook("recover", tmp_path / "copy")
        check_file(lines, tmp_path / "copy" / "000000042-Demo.h5", tmp_path)


def test_values_that_hdf5_cannot_hold(daybook, tmp_path):
    e = experiment()
    e.set("nothing", None)
    run, _ = crashed(daybook, tmp_path, "run", e)
    done = daybook("recover", run, expect=3)
    assert "datasets/nothing" in done.err and "stays in the journal" in done.err
    assert "datasets/counts" in tree(tmp_path / "000000042-Demo.h5")
    daybook("recover", run)


def test_no_journals(daybook, tmp_path):
    assert "no journals" in daybook("recover", tmp_path).err
