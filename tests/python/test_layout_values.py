"""Layouts that change or add values, as h5py sees the file: cast and history."""

import h5py
import numpy as np
import pytest

from trace_oracle import Experiment


def file_of(experiment, layout, daybook, folder, expect=0):
    experiment.finish()
    (folder / "trace.jsonl").write_text(experiment.text())
    (folder / "lab.toml").write_text(layout)
    daybook.ingest(folder / "trace.jsonl", folder / "run.daybook")
    result = daybook.replay(folder / "run.daybook", folder / "file.h5", "--layout", folder / "lab.toml", expect=expect)
    return h5py.File(folder / "file.h5", "r"), result


CASTS = [("int64", "int32", [1, -5]), ("float64", "float32", [0.5, float("nan")]), ("int64", "float64", [7]),
         ("uint16", ">u4", [65535]), ("complex128", "complex64", [1 + 2j]), ("bool", "int8", [True, False])]


@pytest.mark.parametrize("before,after,items", CASTS, ids=lambda v: str(v))
def test_cast_is_astype(before, after, items, daybook, tmp_path):
    e = Experiment(watch=False)
    e.set("array", np.array(items, dtype=before), {"unit": "V"})
    e.set("scalar", np.dtype(before).type(items[0]))
    f, _ = file_of(e, f'[[transform]]\nuse = "cast"\nto = "{after}"\n', daybook, tmp_path)
    for key, value in {"array": np.array(items, dtype=before), "scalar": np.dtype(before).type(items[0])}.items():
        found = f["datasets"][key]
        assert found.dtype == np.dtype(after)
        np.testing.assert_array_equal(found[()], value.astype(after))
    assert dict(f["datasets/array"].attrs) == {"unit": "V"}


def test_cast_loses_nothing_unless_told(daybook, tmp_path):
    for allow, types in {"false": ("f8", "i8"), "true": ("f4", "f4")}.items():
        e = Experiment(watch=False)
        e.set("x", np.array([1.0, 0.1]))
        e.set("odd", 2**40 + 1)
        e.set("even", 2**40)
        e.set("text", "a")
        folder = tmp_path / allow
        folder.mkdir()
        f, _ = file_of(e, f'[[transform]]\nuse = "cast"\nto = "float32"\nallow-loss = {allow}\n', daybook, folder,
                       expect=int(allow == "false"))
        assert (f["datasets/x"].dtype, f["datasets/odd"].dtype) == types
        assert f["datasets/even"].dtype == "f4"  # a power of two fits
        assert f["datasets/text"][()] == b"a"


def test_history(daybook, tmp_path):
    e = Experiment(watch=False, pace=0.5)
    live = np.zeros((2, 2))
    e.set("live", live, {"unit": "kHz"})
    assert e.mutate("live", ((0, 1), (1, 2)), 5.0)
    assert e.mutate("live", 1, 2.0)
    e.set("points", [])
    for i in range(5):
        e.append_to("points", i * 1.5)
    e.set("state", "idle")
    e.set("state", "running")
    f, _ = file_of(e, '[[transform]]\nuse = "history"\nkeys = ["live", "points", "state"]\n', daybook, tmp_path)
    h = f["history"]
    assert h["live/value"].attrs["unit"] == "kHz" and h["live/time"].attrs["unit"] == "s since 1970-01-01"
    np.testing.assert_array_equal(h["live/value"], [[[0, 0], [0, 0]], [[0, 5], [0, 0]], [[0, 5], [2, 2]]])
    np.testing.assert_allclose(np.diff(h["live/time"]), [0.5, 0.5], rtol=0, atol=1e-6)
    assert abs(h["live/time"][0] - e.start_time) < 60
    assert list(h["points/value"]) == [0, 1.5, 3, 4.5, 6] and h["points/time"].shape == (5,)
    assert h["points/value"].attrs["daybook_history"] == "items"
    assert list(h["state/value"].asstr()) == ["idle", "running"]
    assert h["state/sequence"].dtype == "u8" and (np.diff(h["points/sequence"]) > 0).all()
    np.testing.assert_array_equal(f["datasets/live"], h["live/value"][-1])
    np.testing.assert_array_equal(f["datasets/points"], h["points/value"])


def test_history_as_of(daybook, tmp_path):
    e = Experiment(watch=False)
    for i in range(10):
        e.set("x", i)
    e.finish()
    (tmp_path / "trace.jsonl").write_text(e.text())
    (tmp_path / "lab.toml").write_text('[[transform]]\nuse = "history"\nkeys = "x"\n')
    run = tmp_path / "run.daybook"
    daybook.ingest(tmp_path / "trace.jsonl", run)
    daybook.replay(run, tmp_path / "all.h5", "--layout", tmp_path / "lab.toml")
    with h5py.File(tmp_path / "all.h5") as f:
        fourth = f["history/x/sequence"][3]
    daybook.replay(run, tmp_path / "part.h5", "--layout", tmp_path / "lab.toml", "--at", fourth)
    with h5py.File(tmp_path / "part.h5") as f:
        assert list(f["history/x/value"]) == [0, 1, 2, 3] and f["datasets/x"][()] == 3


def test_history_refused_costs_only_itself(daybook, tmp_path):
    e = Experiment(watch=False)
    e.set("x", 1)
    e.set("x", [1, 2])
    f, result = file_of(e, '[[transform]]\nuse = "history"\nkeys = "x"\n', daybook, tmp_path, expect=1)
    assert list(f["datasets/x"]) == [1, 2] and "history" not in f
    assert "2 dimensions" not in result.err and "1 dimensions, but it had 0 before" in result.err
