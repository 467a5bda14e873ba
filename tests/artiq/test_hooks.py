"""The storage hooks of ARTIQ issue 1545, layouts, checkpoints and results in mid-run, as an experiment uses them."""

import subprocess

import h5py
import numpy as np

from harness import PROGRAM, content, difference, drive, eventually, job, owed


def run(name, rid, folder, file="hooks", **more):
    """Runs one experiment with Daybook; what was seen of it."""
    entry = job(file, name, rid)
    return drive([entry], folder / "with", journaled=True, **more)[entry["name"]]


def ended_well(seen):
    assert seen.report["error"] is None and seen.report["returncode"] == 0, repr(seen)
    return seen


def recover(journal):
    return subprocess.run([PROGRAM, "recover", journal], capture_output=True, text=True)


def without_daybook(name, rid, folder, file="issue_1545"):
    entry = job(file, name, rid)
    return drive([entry], folder / "without")[entry["name"]]


def test_no_save(tmp_path):
    """Nothing on disk but the journal; nothing is owed, and recovery makes nothing either."""
    seen = ended_well(run("SavesNothing", 600, tmp_path, "issue_1545"))
    assert seen.results() == [] and [name for name in seen.files() if name.endswith((".h5", ".hdf5"))] == []
    assert len(seen.journals()) == 1
    assert owed(tmp_path / "with") == []
    done = recover(seen.journals()[0])
    assert done.returncode == 0, done
    assert seen.results() == []
    made = tmp_path / "asked.h5"
    subprocess.run([PROGRAM, "replay", seen.journals()[0], "-o", made], check=True, capture_output=True)
    assert content(made)["datasets/list"].tolist() == [1, 2, 3]


def test_compress_arrays(tmp_path):
    """As without Daybook, but that arrays are compressed the way the experiment wants."""
    plain, seen = without_daybook("Compresses", 601, tmp_path), ended_well(run("Compresses", 601, tmp_path, "issue_1545"))
    assert difference(plain.result, seen.result) == []
    with h5py.File(seen.result, "r") as f:
        for name in ("image", "counts"):
            assert (f["datasets"][name].compression, f["datasets"][name].compression_opts) == ("gzip", 9)
        assert f["datasets/list"].compression is None
    assert owed(tmp_path / "with") == []
    before = seen.result.read_bytes()
    assert recover(seen.journals()[0]).returncode == 0
    assert seen.result.read_bytes() == before and len(seen.results()) == 1


def test_compress_twice(tmp_path):
    """The second time, what is stored already gets its new value."""
    seen = ended_well(run("CompressesTwice", 602, tmp_path, "issue_1545"))
    with h5py.File(seen.result, "r") as f:
        assert f["datasets/scalar"][()] == 2.5
        assert f["datasets/image"].compression == "gzip" and (f["datasets/image"][0] == 7).all()
        assert f["datasets/counts"][:4].tolist() == [5, 5, 5, 0]
        assert f["rid"][()] == 602 and f["archive/from_master"][:].tolist() == [1.5, 2.5]


def test_compress_failed_run(tmp_path):
    """A run that fails has its file, written its own way."""
    plain, seen = without_daybook("CompressesAndFails", 603, tmp_path), run("CompressesAndFails", 603, tmp_path, "issue_1545")
    assert seen.end() == plain.end()
    assert difference(plain.result, seen.result) == []
    with h5py.File(seen.result, "r") as f:
        assert f["datasets/image"].compression_opts == 9


def test_image_attributes(tmp_path):
    """image.* are attributes of the image; all else as ever."""
    seen = ended_well(run("Attributes", 604, tmp_path, "issue_1545"))
    with h5py.File(seen.result, "r") as f:
        image = f["datasets/image"]
        assert (image[()] == np.arange(6400).reshape(80, 80)).all() and image.compression == "gzip"
        assert image.attrs["exposure"] == 0.25 and image.attrs["camera"] == "left"
        assert sorted(f["datasets"]) == ["counts", "image", "list", "scalar"]
        assert f["datasets/scalar"][()] == 1.5 and f["datasets/list"][:].tolist() == [1, 2, 3]


def test_hook_refused_value(tmp_path):
    """One bad value does not take the others along, and the run ends in ARTIQ's error."""
    plain = without_daybook("CompressesAndIsRefused", 605, tmp_path)
    seen = run("CompressesAndIsRefused", 605, tmp_path, "issue_1545")
    assert seen.end() == plain.end()
    assert content(seen.result).keys() >= {"datasets/image", "datasets/list", "datasets/scalar", "rid", "expid"}


def test_broken_hook(tmp_path):
    """A hook that raises ends the run in its error; the data is in a file all the same, laid out as ARTIQ does."""
    seen = run("BrokenHook", 606, tmp_path, "issue_1545")
    assert "broken" in seen.log()[-1][2]
    if not seen.results():
        eventually(lambda: recover(seen.journals()[0]).returncode == 0)
    assert content(seen.result)["datasets/list"].tolist() == [1, 2, 3]


def test_own_metadata(tmp_path):
    plain, seen = without_daybook("OwnMetadata", 607, tmp_path), ended_well(run("OwnMetadata", 607, tmp_path, "issue_1545"))
    with h5py.File(seen.result, "r") as f:
        assert f["operator"][()] == b"Jo" and f.attrs["lab"] == "B12"
    missing = [line for line in difference(plain.result, seen.result) if "operator" not in line and "lab" not in line]
    assert missing == []


def test_default_hooks(tmp_path):
    """The hooks as they are, called by hand on a file of one's own."""
    seen = ended_well(run("DefaultHooks", 700, tmp_path))
    assert seen.log()[-2:] == [
        ["WARNING", "experiment", "['archive', 'artiq_version', 'datasets', 'expid', 'rid', 'run_time', 'start_time']"],
        ["WARNING", "experiment", "['extra', 'image', 'scalar']"]]
    assert "datasets/extra" not in content(seen.result)


def test_write_results(tmp_path):
    """write_results() in run(): each time a whole file of that moment; at the end the last one."""
    seen = ended_well(run("WritesResults", 701, tmp_path))
    assert [line[2] for line in seen.log()] == [
        "0 [0] 0 701 True 'V'", "1 [0, 1] 1 701 True 'V'", "2 [0, 1, 2] 2 701 True 'V'"]
    assert content(seen.result)["datasets/scalar"] == 99


def test_checkpoints(tmp_path):
    """Named points can be had later, with what was changed in place by then."""
    seen = ended_well(run("Checkpoints", 702, tmp_path))
    for i in range(3):
        made = tmp_path / f"{i}.h5"
        subprocess.run([PROGRAM, "replay", seen.journals()[0], "-o", made, "--at", f"point {i}"], check=True,
                       capture_output=True)
        found = content(made)
        assert found["datasets/point"] == i
        assert found["datasets/array"].tolist() == [*range(1, i + 2), *[0] * (4 - i)]
        assert ("datasets/between" in found) == (i > 0)
    assert content(seen.result)["datasets/array"].tolist() == [1, 2, 3, 0, -1]


def test_storage_options(tmp_path):
    """How a dataset is kept, and attributes of its own, are in the journal and in the file, also of a run that died; what is
    broadcast does not know of it."""
    for name, rid in (("Storage", 712), ("StorageKilled", 713)):
        plain, seen = without_daybook(name, rid, tmp_path / name, "hooks"), run(name, rid, tmp_path / name)
        sent, plainly = ([line for line in one.messages() if line.startswith("from")] for one in (seen, plain))
        assert sent == plainly and seen.end() == plain.end()
        eventually(seen.results)
        with h5py.File(seen.result, "r") as f:
            image = f["datasets/image"]
            assert (image.compression, image.compression_opts, image.shuffle, image.chunks) == ("gzip", 7, True, (10, 50))
            assert dict(image.attrs) == {"unit": "V", "camera": "left"}
            assert image.maxshape == (100, 100) and (image[3] == 5).all()
            assert f["datasets/list"].chunks == (8,) and f["datasets/list"].maxshape == (None,)


def in_lab_layout(path):
    with h5py.File(path, "r") as f:
        assert "archive" not in f and f["datasets/from_master"][:].tolist() == [1.5, 2.5]
        assert f["datasets/image"].compression == "gzip"
        return True


def test_layout_file(tmp_path):
    """hdf5_layout names a file beside the experiment's own."""
    assert in_lab_layout(ended_well(run("LayoutFile", 703, tmp_path)).result)


def test_layout_list(tmp_path):
    assert in_lab_layout(ended_well(run("LayoutList", 704, tmp_path)).result)


def test_layout_killed(tmp_path):
    """The layout is in the journal: the file of a run that died has it, too."""
    seen = run("LayoutKilled", 705, tmp_path)
    eventually(seen.results)
    assert in_lab_layout(seen.result)


def test_layout_missing_or_broken(tmp_path):
    """The run goes on, its file is as ARTIQ's, and one clear warning names the file and what is wrong with it."""
    for name, rid, word in (("LayoutMissing", 706, "missing.toml"), ("LayoutBroken", 707, "compres")):
        seen = ended_well(run(name, rid, tmp_path / name))
        assert "archive/from_master" in content(seen.result)
        said = [line for line in seen.log(ours=True) if word in line[2]]
        assert len(said) == 1 and "Traceback" not in said[0][2], seen.log(ours=True)


def test_lab_default(tmp_path):
    """One file sets the layout for every worker; a broken one is a warning."""
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "all.toml").write_text('[[transform]]\nuse = "merge-archive"\n[[transform]]\nuse = "compress"\nmin-rank = 2\n')
    (lab / "daybook.toml").write_text('layout = "all.toml"\n')
    (lab / "broken.toml").write_text('layout = "all.toml"\nlayot = 1\n')
    seen = ended_well(run("LabLayout", 708, tmp_path / "good", DAYBOOK_CONFIG=lab / "daybook.toml"))
    assert in_lab_layout(seen.result)
    for name in ("broken.toml", "none.toml"):
        seen = ended_well(run("LabLayout", 709, tmp_path / name, DAYBOOK_CONFIG=lab / name))
        assert "archive/from_master" in content(seen.result)
        assert len([line for line in seen.log(ours=True) if name in line[2]]) == 1, seen.log(ours=True)


def test_own_names(tmp_path):
    """An experiment that has had a `checkpoint` of its own all along keeps it."""
    seen = ended_well(run("OwnAttributes", 710, tmp_path))
    assert content(seen.result)["datasets/a"] == 5


def test_recorded(tmp_path):
    """The journal says which run it is: rid, class, stages, and how it ended."""
    seen = ended_well(run("Checkpoints", 711, tmp_path))
    log = subprocess.run([PROGRAM, "log", seen.journals()[0]], check=True, capture_output=True, text=True).stdout
    events = [line.split(maxsplit=4)[3:] for line in log.splitlines()]
    assert events[0] == ["runStarted", "rid 711, Checkpoints"], log
    assert [what for kind, what in events if kind == "stageChanged"] == ["build", "prepare", "run", "analyze"], log
    assert ["runEnded", "ok"] in events, log
    assert [what.split()[0] for kind, what in events if kind == "checkpoint"] == ["point"] * 3, log
