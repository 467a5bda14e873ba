"""Layouts at the command line: list, check, explain, and replay of many runs at once, with real processes."""

import os
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest

from runs import eventually, experiment, journal, live, tree
from trace_oracle import Experiment

COMPRESS = '[[transform]]\nuse = "compress"\nkeys = ["image"]\nmin-bytes = 0\n'


def layout(folder, name="lab.toml", text=COMPRESS):
    (folder / name).write_text(text)
    return folder / name


def one(rid, class_name="Scan"):
    e = Experiment(rid=rid, class_name=class_name, watch=False)
    e.set("image", np.arange(600, dtype="<u2").reshape(20, 30) + rid)
    e.set("x", 1.5)
    return e


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and ".daybook" not in str(p))


def complaints(result):
    return [line for line in result.err.splitlines() if line.startswith("daybook: ")]


@pytest.fixture(scope="module")
def plugins(daybook):
    folder = Path(daybook.program).resolve().parent.parent / "tests" / "plugins"
    if not folder.is_dir():
        pytest.fail(f"no plug-ins for tests at {folder}: build the tests first")
    return folder


@pytest.fixture
def results(daybook, tmp_path):
    """Three runs in two folders."""
    for i, place in enumerate(["day1/10", "day1/11", "day2/10"]):
        journal(daybook, tmp_path / "results" / place, f"{i}", one(i))
    for trace in (tmp_path / "results").rglob("*.jsonl"):
        trace.unlink()
    return tmp_path / "results"


def test_list(daybook):
    rows = daybook("layout", "list").lines
    names = [row.split()[0] for row in rows]
    assert "compress" in names and "merge-archive" in names and names == sorted(names)
    starts = {row.index(row.split(None, 1)[1], len(row.split()[0])) for row in rows}
    assert len(starts) == 1, "the summaries are not aligned"
    listed = daybook("layout", "list", "--json").json_lines
    assert [t["name"] for t in listed] == names and all(t["summary"] for t in listed)
    for name in names:
        shown = daybook("layout", "list", name)
        described = daybook("layout", "list", name, "--json").json
        for option in described["options"]:
            assert option["name"] in shown.out and option["help"]
    level = next(o for o in daybook("layout", "list", "compress", "--json").json["options"] if o["name"] == "level")
    assert level["type"] == "integer" and (level["least"], level["most"]) == (0, 9)
    result = daybook("layout", "list", "compres", expect=1)
    assert 'did you mean "compress"?' in result.err and result.out == ""


def test_check(daybook, tmp_path):
    good = layout(tmp_path)
    bad = layout(tmp_path, "bad.toml", COMPRESS + "levle = 3\n")
    worse = layout(tmp_path, "worse.toml", "name = \n")
    including = layout(tmp_path, "including.toml", 'include = "bad.toml"\n')
    result = daybook("layout", "check", good, bad, worse, including, tmp_path / "missing.toml", expect=1)
    assert len(result.lines) == 5 and result.err == ""
    assert result.lines[0] == f"{good}: OK: layout lab, 1 transform"
    assert result.lines[1].startswith(f'{bad}:5: ') and 'did you mean "level"?' in result.lines[1]
    assert result.lines[2].startswith(f"{worse}:1: ")
    assert result.lines[3].startswith(f"{bad}:5: ") and f"{including}:1" in result.lines[3]
    assert "missing.toml" in result.lines[4] and "No such file" in result.lines[4]
    assert daybook("layout", "check", good).lines == result.lines[:1]
    daybook("layout", "check", expect=2)
    daybook("layout", expect=2)


@pytest.fixture(scope="module")
def demo(daybook, tmp_path_factory):
    return journal(daybook, tmp_path_factory.mktemp("demo"))


def test_explain(daybook, demo, tmp_path):
    """Shows what replay then writes, and writes nothing."""
    lab = layout(tmp_path, text='[[transform]]\nuse = "merge-archive"\ngroup = "all"\n' + COMPRESS)
    before = files(demo.parent)
    shown = daybook("layout", "explain", demo, "--layout", lab)
    assert files(demo.parent) == before and files(tmp_path) == ["lab.toml"]
    rows = {line.split()[0]: line for line in shown.lines}
    assert rows["all/"].startswith("  all/") and rows["group/"].startswith("    group/")
    assert "dataset <u2 (40, 50)" in rows["image"] and "gzip" in rows["image"] and "3.9 KiB" in rows["image"]
    assert "merge-archive, compress" in rows["image"] and "from datasets/image" in rows["image"]
    assert "'kHz'" in rows["@unit"] and "from archive/master.offset" in rows["master.offset"]
    assert f"transform 2 (compress, {lab}:4)" in shown.err
    explained = daybook("layout", "explain", demo, "--layout", lab, "--json").json
    daybook.replay(demo, tmp_path / "file.h5", "--layout", lab)
    objects = [n for n in explained["plan"]["nodes"] if n["form"] in ("dataset", "group") and n["path"] != "/"]
    assert {n["path"].strip("/") for n in objects} <= set(tree(tmp_path / "file.h5"))
    with h5py.File(tmp_path / "file.h5", "r") as f:
        assert explained["layout"]["name"] == f.attrs["daybook_layout"]
        assert explained["layout"]["digest"] == f.attrs["daybook_layout_digest"]
        for node in objects:
            if "shape" in node:
                assert f[node["path"]].shape == tuple(node["shape"])
                if node["type"].startswith(("<", "|")):
                    assert f[node["path"]].nbytes == node["bytes"] and f[node["path"]].dtype == node["type"]
    assert 0 < explained["plan"]["file"]["estimated_bytes"] < 10 * (tmp_path / "file.h5").stat().st_size
    only = daybook("layout", "explain", demo, "--only", "image", "--at", "8", "--json").json
    assert [n["key"] for n in only["plan"]["nodes"] if "key" in n] == ["image"] and only["sequence"] == 8
    assert only["layout"]["digest"] == ""


def test_explain_what_is_not_there(daybook, tmp_path):
    """What is left out, or cannot be written, with the reason; odd names do no harm to the terminal."""
    e = Experiment(watch=False)
    e.database["both"] = 3
    e.get("both")
    e.set("bad\n\x1bkey", 5)
    e.set("none", None)
    e.set("both", 1)
    e.set("both/below", 2)
    e.set("deep/" * 3000 + "x", 3)
    e.set("µ", 1)
    run = journal(daybook, tmp_path, e=e)
    lab = layout(tmp_path, text='[[transform]]\nuse = "merge-archive"\n')
    shown = daybook("layout", "explain", run, "--layout", lab)
    assert "\x1b" not in shown.out and "µ" in shown.out
    assert any("both" in line and "on-conflict" in line for line in shown.lines), shown
    refused = shown.out[shown.out.index("cannot be written:\n"):]
    assert "datasets/both/below: no place" in refused
    assert any("none" in line and "cannot be written" in line for line in shown.lines)


def test_explain_fails(daybook, demo, tmp_path, plugins):
    """A layout that fails for this run: which one, which transform, where."""
    lab = layout(tmp_path, text=COMPRESS + '[[transform]]\nuse = "edit"\nwhat = "move"\nat = "/datasets/image"\n'
                 'text = "/datasets/late"\n')
    result = daybook("layout", "explain", demo, "--layout", lab, "--plugin", plugins / "edits.so", expect=1)
    assert len(complaints(result)) == 1 and "(by edit)" in result.err and 'dataset "late"' in result.err
    assert f"layout lab, transform 2 (edit, {lab}:5): " in result.err
    lab.write_text(COMPRESS + '[[transform]]\nuse = "edit"\nwhat = "fail"\ntext = "too\\nlate"\n')
    for command in (["layout", "explain", demo], ["replay", demo, "-o", tmp_path / "x.h5"]):
        result = daybook(*command, "--layout", lab, "--plugin", plugins / "edits.so", expect=1)
        assert result.err == f"daybook: layout lab: transform 2 (edit, {lab}:5): too\\nlate\n", result
    assert not (tmp_path / "x.h5").exists()


def test_layouts_are_composed(daybook, demo, tmp_path):
    first = layout(tmp_path)
    then = layout(tmp_path, "one.toml", '[[transform]]\nuse = "merge-archive"\ngroup = "/"\n')
    daybook.replay(demo, tmp_path / "x.h5", "--layout", first, "--layout", then)
    with h5py.File(tmp_path / "x.h5", "r") as f:
        assert f["image"].compression == "gzip" and "datasets" not in f
        assert f.attrs["daybook_layout"] == "lab+one"
    daybook("verify", demo, tmp_path / "x.h5", "--layout", first, "--layout", then)


@pytest.mark.parametrize("name, words", [
    ("missing.so", "No such file"), ("text.so", "cannot be loaded"), ("wrong_abi.so", "version 77"),
    ("wrong_no_entry.so", "daybook_plugin_register"), ("wrong_taken.so", '"compress" is taken'),
    ("wrong_default.so", "level")], ids=lambda v: v.split(".")[0].replace(" ", "_"))
def test_plugin_errors(name, words, daybook, demo, plugins, tmp_path):
    (tmp_path / "text.so").write_text("no library")
    plugin = (plugins if name.startswith("wrong") else tmp_path) / name
    for command in (["layout", "list"], ["replay", demo, "-o", tmp_path / "x.h5"], ["verify", demo, "/nowhere"]):
        result = daybook(*command, "--plugin", plugin, expect=1)
        said = complaints(result)
        assert len(said) == 1 and words in said[0] and str(plugin) in said[0], result
    assert not (tmp_path / "x.h5").exists()


def test_plugin_by_bare_name(daybook, plugins):
    """No search path: the file of that name here."""
    assert any("edit-selected" in row for row in daybook("layout", "list", "--plugin", "edits.so", cwd=plugins).lines)


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_folder(processes, daybook, results, tmp_path):
    """A folder's runs: into the same folders elsewhere, or beside each journal."""
    lab = layout(tmp_path)
    done = daybook("replay", results, "--layout", lab, "--out-dir", tmp_path / "new", "-j", processes)
    expected = ["day1/10/000000000-Scan.h5", "day1/11/000000001-Scan.h5", "day2/10/000000002-Scan.h5"]
    assert files(tmp_path / "new") == expected
    assert sorted(done.lines) == [str(tmp_path / "new" / name) for name in expected]
    assert "3 files, 0 failed" in done.err and complaints(done) == []
    for i, name in enumerate(expected):
        with h5py.File(tmp_path / "new" / name, "r") as f:
            assert f["datasets/image"].compression == "gzip" and f["rid"][()] == i
            assert f["datasets/image"][0, 0] == i
    rows = daybook("replay", results, "--json", "-j", processes).json_lines
    assert files(results) == expected
    assert sorted(row["file"] for row in rows) == [str(results / name) for name in expected]


def test_named_twice(daybook, results, tmp_path):
    """Folders and journals may be mixed; a run that is named twice is made once."""
    run = results / "day1" / "10" / "0.daybook"
    done = daybook("replay", run, results, run, results / "day1" / ".." / "day2", "--out-dir", tmp_path / "new")
    assert len(done.lines) == 3 and "3 files, 0 failed" in done.err
    assert files(tmp_path / "new") == ["000000000-Scan.h5", "day1/11/000000001-Scan.h5", "day2/10/000000002-Scan.h5"]


def test_failing_runs(daybook, results, tmp_path):
    """A damaged run, one that is no journal, one cut short: each a reason at the end; all others are made."""
    for name in ("rubbish", "cut"):
        (results / "day1" / f"{name}.daybook").mkdir()
    (results / "day1" / "rubbish.daybook" / "data.mdb").write_bytes(b"no database at all" * 1000)
    whole = journal(daybook, tmp_path / "aside", e=one(9)) / "data.mdb"
    (results / "day1" / "cut.daybook" / "data.mdb").write_bytes(whole.read_bytes()[:8192])
    (results / "day2" / "text.daybook").write_text("hello")
    done = daybook("replay", results, "--out-dir", tmp_path / "new", "-j", 2, expect=1)
    assert files(tmp_path / "new") == ["day1/10/000000000-Scan.h5", "day1/11/000000001-Scan.h5",
                                      "day2/10/000000002-Scan.h5"]
    said = complaints(done)
    assert len(said) == 3 and done.err.splitlines()[-1] == "3 files, 3 failed"
    for name in ("rubbish", "cut", "text"):
        assert sum(f"{name}.daybook" in line for line in said) == 1, done
    rows = daybook("replay", results, tmp_path / "missing", "--json", expect=1).json_lines
    assert len(rows) == 7 and sum("error" in row for row in rows) == 4


def test_empty_folders_go(daybook, tmp_path):
    """Where no file came there is no folder either."""
    (tmp_path / "results" / "day1").mkdir(parents=True)
    (tmp_path / "results" / "day1" / "x.daybook").write_text("hello")
    daybook("replay", tmp_path / "results", "--out-dir", tmp_path / "a" / "b", expect=1)
    assert not (tmp_path / "a").exists()
    (tmp_path / "none").mkdir()
    done = daybook("replay", tmp_path / "none", "--out-dir", tmp_path / "a", expect=1)
    assert "no journals below" in done.err and not (tmp_path / "a").exists()


def test_layout_fails_for_one_run(daybook, results, tmp_path, plugins):
    """Strict: a run for which the layout fails has no file and a reason, the others have theirs."""
    run = journal(daybook, tmp_path / "odd", e=experiment())
    (tmp_path / "odd" / "000000042-Demo.h5").write_text("the old one")
    lab = layout(tmp_path, text='[[transform]]\nuse = "edit"\nwhat = "move"\nat = "/datasets/image"\n'
                 'text = "/datasets/late"\n')
    done = daybook("replay", results, run, "--layout", lab, "--plugin", plugins / "edits.so", "-j", 2, expect=1)
    said = complaints(done)
    assert len(said) == 1 and str(run) in said[0] and "(by edit)" in said[0]
    assert "3 files, 1 failed" in done.err
    assert (tmp_path / "odd" / "000000042-Demo.h5").read_text() == "the old one"
    assert len(files(results)) == 3


def test_same_place(daybook, tmp_path):
    """Two runs with one file: the first has it, the second is an error, whatever the number of processes."""
    a = journal(daybook, tmp_path / "a", e=one(1))
    b = journal(daybook, tmp_path / "b", e=one(1))
    for processes in (1, 2):
        done = daybook("replay", a, b, "--out-dir", tmp_path / "new", "-j", processes, expect=1)
        assert files(tmp_path / "new") == ["000000001-Scan.h5"]
        said = complaints(done)
        assert len(said) == 1 and said[0].startswith(f"daybook: {b}: its file would be ") and str(a) in said[0]
    with h5py.File(tmp_path / "new" / "000000001-Scan.h5") as f:
        uuid = f.attrs["daybook_journal"]
    daybook.replay(a, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as f:
        assert f.attrs["daybook_journal"] == uuid
    (tmp_path / "b" / "link").symlink_to(tmp_path / "a")
    daybook("replay", tmp_path / "b", tmp_path / "a")  # beside their journals: no clash


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..", ".", "", "a/../../b", "x\ny", "µ"])
def test_escape(name, daybook, tmp_path):
    """Whatever a class is called, its file is a file in the folder."""
    journal(daybook, tmp_path / "deep" / "results" / "day", "run", one(3, name))
    (tmp_path / "deep" / "results" / "day" / "run.jsonl").unlink()
    daybook("replay", tmp_path / "deep" / "results", "--out-dir", tmp_path / "deep" / "new")
    daybook("replay", tmp_path / "deep" / "results")
    daybook("replay", tmp_path / "deep" / "results" / "day" / "run.daybook")
    made = [p for p in tmp_path.rglob("*") if p.is_file() and p.parent.name != "run.daybook"]
    assert sorted(p.parent for p in made) == [tmp_path / "deep" / "new" / "day", tmp_path / "deep" / "results" / "day"]
    assert all(p.name.startswith("000000003-") and p.name.endswith(".h5") for p in made)
    assert not list(Path("/etc").glob("*x.h5"))


def test_record(daybook, results, tmp_path):
    """A journal stays as it is, unless it is to know of the file."""
    lab = layout(tmp_path)
    run = results / "day1" / "10" / "0.daybook"
    before = (run / "data.mdb").read_bytes()
    daybook("replay", results, "--layout", lab)
    assert (run / "data.mdb").read_bytes() == before
    daybook("replay", results, "--layout", lab, "--record")
    daybook("replay", run, "--layout", lab, "--record")
    said = [e for e in daybook("log", run, "--json").json_lines if e["kind"] == "materialized"]
    assert len(said) == 1 and said[0]["layout"] == "lab" and said[0]["file"].endswith("000000000-Scan.h5")
    with h5py.File(said[0]["file"], "r") as f:
        assert f.attrs["daybook_layout_digest"] == said[0]["digest"]
    (tmp_path / "live").mkdir()
    with live(daybook, tmp_path / "live") as (run, process):
        done = daybook("replay", run, "-o", tmp_path / "x.h5", "--record")
        assert len(complaints(done)) == 1 and "not told" in done.err


def test_usage(daybook, demo, tmp_path):
    for args in (["replay", demo, demo, "-o", tmp_path / "x.h5"], ["replay", demo, "-j", 0],
                 ["replay", demo, "-o", tmp_path / "x.h5", "--out-dir", tmp_path], ["layout", "explain"],
                 ["replay", demo, "-j", "many"]):
        result = daybook(*args, expect=2)
        assert result.out == "" and result.err.count("\n") == 1
    (tmp_path / "file").write_text("")
    result = daybook("replay", demo, "--out-dir", tmp_path / "file", expect=1)
    assert complaints(result) and (tmp_path / "file").read_text() == ""


def test_live_run_among_them(daybook, results, tmp_path):
    with live(daybook, results / "day2") as (run, process):
        eventually(lambda: run.exists())
        done = daybook("replay", results, "--out-dir", tmp_path / "new", "-j", 2)
        assert "4 files, 0 failed" in done.err
        with h5py.File(tmp_path / "new" / "day2" / "000000042-Demo.h5") as f:
            assert not f.attrs["daybook_complete"]


def big_runs(daybook, folder, count):
    for i in range(count):
        e = Experiment(rid=i, class_name="Big", watch=False)
        e.set("image", np.random.default_rng(i).integers(0, 2**16, (1000, 1000), dtype="<u2"))
        journal(daybook, folder / f"{i}", e=e)
        (folder / f"{i}" / "run.jsonl").unlink()


SLOW = '[[transform]]\nuse = "compress"\nlevel = 9\n'


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt(number, daybook, tmp_path):
    """Ends soon, with no process and no part of a file left; the files that were done are whole."""
    big_runs(daybook, tmp_path / "results", 8)
    lab = layout(tmp_path, text=SLOW)
    process = daybook.start("replay", tmp_path / "results", "--layout", lab, "--out-dir", tmp_path / "new", "-j", "2",
                            start_new_session=True)
    process.stdout.readline()  # the first is done
    workers = children(process.pid)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert b"interrupted: " in err
    for worker in workers:
        assert not Path(f"/proc/{worker}").exists()
    left = files(tmp_path / "new")
    assert left and len(left) < 8 and all(name.endswith(".h5") and not Path(name).name.startswith(".") for name in left)
    for name in left:
        with h5py.File(tmp_path / "new" / name, "r") as f:
            assert f["datasets/image"].shape == (1000, 1000)
    assert all(p.is_file() or any(p.iterdir()) for p in (tmp_path / "new").rglob("*")), "an empty folder is left"


def test_killed_worker(daybook, tmp_path):
    """Costs the run that it was at, and leaves nothing."""
    big_runs(daybook, tmp_path / "results", 6)
    lab = layout(tmp_path, text=SLOW)
    process = daybook.start("replay", tmp_path / "results", "--layout", lab, "--out-dir", tmp_path / "new")
    process.stdout.readline()
    eventually(lambda: any(name.endswith(".part") for name in files(tmp_path / "new")))
    for child in children(process.pid):
        os.kill(child, signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    err = err.decode()
    assert process.returncode == 1 and "signal 9" in err and "5 files, 1 failed" in err, err
    left = files(tmp_path / "new")
    assert len(left) == 5 and not any(".part" in name for name in left)


def test_no_file(daybook, results, tmp_path):
    """A layout without a file: no file, no folder, no failure."""
    lab = layout(tmp_path, text='[[transform]]\nuse = "no-file"\n')
    done = daybook("replay", results, "--layout", lab, "--out-dir", tmp_path / "new", "-j", 2)
    assert done.out == "" and "0 files, 3 runs are to have no file, 0 failed" in done.err
    assert not (tmp_path / "new").exists()
    run = results / "day1" / "10" / "0.daybook"
    assert daybook("replay", run, "--layout", lab, "--json").json["file"] is None
    assert daybook("layout", "explain", run, "--layout", lab).out.startswith("no file: ")
    assert files(results) == []
