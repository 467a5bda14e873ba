"""The layouts under examples/layouts, on every recorded experiment: each gives a file that h5py and h5dump read and that
verify finds right; and what each is there for."""

import subprocess

import h5py
import numpy as np
import pytest

from conftest import GOLDEN, TESTS
from trace_oracle import Experiment

EXAMPLES = sorted((TESTS.parent / "examples" / "layouts").glob("*.toml"), key=lambda p: p.stem)
CASES = sorted(GOLDEN.glob("*.jsonl"), key=lambda p: p.stem)


def example(name):
    return next(p for p in EXAMPLES if p.stem == name)


def attempt(daybook, run, file, name, code=0):
    daybook("layout", "check", example(name))
    daybook.replay(run, file, "--layout", example(name), expect=code)
    daybook("verify", run, file, "--layout", example(name))
    dump = subprocess.run(["h5dump", "-H", file], capture_output=True, text=True)
    assert dump.returncode == 0 and dump.stdout.startswith("HDF5"), dump.stderr


def recorded(daybook, folder, case):
    daybook.ingest(GOLDEN / f"{case}.jsonl", folder / "run.daybook")
    return folder / "run.daybook"


@pytest.mark.parametrize("name", [p.stem for p in EXAMPLES])
def test_every_run(name, daybook, tmp_path):
    for trace in CASES:
        run, file = tmp_path / f"{trace.stem}.daybook", tmp_path / f"{trace.stem}.h5"
        daybook.ingest(trace, run)
        code = daybook.replay(run, tmp_path / "default.h5", expect=None).code     # a value that HDF5 cannot hold
        attempt(daybook, run, file, name, code)
        with h5py.File(file, "r") as f:
            assert f.attrs["daybook_layout"] == name
            assert f.attrs["daybook_layout_text"].split("\n", 1)[1] == example(name).read_text()


def test_compress_everything_big(daybook, tmp_path):
    run, file = recorded(daybook, tmp_path, "RabiScan"), tmp_path / "x.h5"
    attempt(daybook, run, file, "compress-everything-big")
    with h5py.File(file, "r") as f:
        counts = f["datasets/rabi.counts"]
        assert counts.compression == "gzip" and counts.shuffle and f["datasets/rabi.p"].chunks is None
        assert counts.id.get_storage_size() < counts.nbytes / 4
        with h5py.File(GOLDEN / "RabiScan.h5", "r") as golden:
            assert np.array_equal(counts, golden["datasets/rabi.counts"])


def test_images_with_settings(daybook, tmp_path):
    e = Experiment(class_name="Camera", watch=False)
    e.set("image", np.arange(60000, dtype="u2").reshape(200, 300), {"unit": "counts"})
    e.set("image.exposure", .25, {"unit": "s"})
    e.set("image.gain", 3)
    e.set("other.gain", 4)
    e.finish()
    (tmp_path / "run.jsonl").write_text(e.text())
    daybook.ingest(tmp_path / "run.jsonl", tmp_path / "run.daybook")
    attempt(daybook, tmp_path / "run.daybook", tmp_path / "x.h5", "images-with-settings")
    with h5py.File(tmp_path / "x.h5", "r") as f:
        image = f["datasets/image"]
        assert image.compression == "gzip" and image[199, 299] == 59999
        assert dict(image.attrs) == {"unit": "counts", "exposure": .25, "exposure.unit": "s", "gain": 3}
        assert sorted(f["datasets"]) == ["image", "other.gain"] and f["datasets/other.gain"][()] == 4


def test_one_group(daybook, tmp_path):
    run, file = recorded(daybook, tmp_path, "Flags"), tmp_path / "x.h5"
    attempt(daybook, run, file, "one-group")
    with h5py.File(file, "r") as f, h5py.File(GOLDEN / "Flags.h5", "r") as golden:
        assert "archive" not in f
        assert set(f["datasets"]) == set(golden["datasets"]) | set(golden["archive"])
        assert f["datasets/prev.scalar"][()] == golden["datasets/prev.scalar"][()]     # in both: the run's own


def test_tiny_scalars(daybook, tmp_path):
    run, file = recorded(daybook, tmp_path, "ManyKeys"), tmp_path / "x.h5"
    attempt(daybook, run, file, "tiny-scalars")
    assert file.stat().st_size <= 32 << 10
    with h5py.File(file, "r") as f, h5py.File(GOLDEN / "ManyKeys.h5", "r") as golden:
        found = {row["name"].decode(): row[row["type"].decode()] for row in f["datasets/scalars"]}   # of several types
        scalars = {}
        golden["datasets"].visititems(lambda name, o: scalars.update({name: o[()]}) if isinstance(o, h5py.Dataset)
                                      and o.shape == () else None)
        assert len(scalars) >= 900 and found == scalars


def test_history(daybook, tmp_path):
    run, file = recorded(daybook, tmp_path, "RabiScan"), tmp_path / "x.h5"
    attempt(daybook, run, file, "history")
    events = [e for e in daybook("log", run, "--json").json_lines if e.get("key") == "rabi.pi_time"]
    with h5py.File(file, "r") as f:
        history = f["history/rabi.pi_time"]
        assert list(history["sequence"]) == [e["sequence"] for e in events]
        assert history["value"].shape == history["time"].shape == (len(events),)
        assert history["value"][-1] == f["datasets/rabi.pi_time"][()]
        assert history["value"].attrs["unit"] == f["datasets/rabi.pi_time"].attrs["unit"]


def test_nexus(daybook, tmp_path):
    run, file = recorded(daybook, tmp_path, "RabiScan"), tmp_path / "x.h5"
    attempt(daybook, run, file, "nexus")
    with h5py.File(file, "r") as f:     # as a NeXus viewer finds its way
        entry = f[f.attrs["default"]]
        data = entry[entry.attrs["default"]]
        assert (entry.attrs["NX_class"], data.attrs["NX_class"]) == ("NXentry", "NXdata")
        signal, axis = data[data.attrs["signal"]], data[data.attrs["axes"][0]]
        assert signal.shape == axis.shape == (60,) and axis.attrs["units"] == "us"
