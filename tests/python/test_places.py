"""Keys that want one place in the file: who gets it, in which order, and that a refused value takes none."""

import h5py
import numpy as np
import pytest

from h5compare import compare
from trace_oracle import Experiment


def check(experiment, daybook, folder):
    experiment.finish()
    experiment.write(folder / "expected.h5")
    (folder / "trace.jsonl").write_text(experiment.text())
    daybook.ingest(folder / "trace.jsonl", folder / "run.daybook")
    result = daybook.replay(folder / "run.daybook", folder / "file.h5", expect=1 if experiment.refused else 0)
    assert compare(folder / "file.h5", folder / "expected.h5") == []
    named = [line for line in result.err.splitlines() if line.startswith("daybook:")]
    assert len(named) == len(experiment.refused), result.err
    for refused in experiment.refused:
        assert any(f"{refused.group}/{refused.key} is not in the file" in line for line in named), named
    return experiment.refused


BAD = {"none": None, "ragged": [1, [2]], "nul": "a\0b", "U": np.array(["a"]), "mixed": [1, "a"], "surrogate": "\ud800"}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("first,second", [("a", "a/b"), ("a/b", "a"), ("a/b", "a//b"), ("./a", "a"), ("g/x", "g"),
                                          ("/abs", "/abs/x")], ids=lambda k: k.replace("/", "|"))
def test_refused_value_takes_no_place(first, second, bad, daybook, tmp_path):
    e = Experiment(watch=False)
    e.set(first, BAD[bad])
    e.set(second, 1)
    assert [r.key for r in check(e, daybook, tmp_path)] == [first]


PAIRS = [("a", "a/b"), ("a/b", "a"), ("a", "./a"), ("a//b", "a/b"), ("a", "a/"), ("/abs", "/abs/x"), ("a/b/c", "a/b")]


@pytest.mark.parametrize("first,second", PAIRS, ids=lambda k: k.replace("/", "|"))
def test_first_wins(first, second, daybook, tmp_path):
    """In the order of Python's dict: setting again keeps the place in it, leaving the file and coming back does not."""
    again = {}
    for name, steps in {"plain": [], "again": [(first, True)], "left": [(first, False), (first, True)],
                        "twice_left": [(first, False), (first, False), (second, False), (first, True), (second, True)],
                        }.items():
        e = Experiment(watch=False)
        e.set(first, 1)
        e.set(second, 2)
        for key, archive in steps:
            e.set(key, [3], archive=archive)
        folder = tmp_path / name
        folder.mkdir()
        again[name] = [r.key for r in check(e, daybook, folder)]
    assert again == {"plain": [second], "again": [second], "left": [first], "twice_left": [second]}


@pytest.mark.parametrize("key", ["/rid", "/expid", "/archive", "/datasets", "/artiq_version/x", "/", "", "."])
def test_own_names(key, daybook, tmp_path):
    """A dataset cannot take the place of what every file has."""
    e = Experiment(watch=False)
    e.set(key, 1)
    e.set("other", 2)
    assert [r.key for r in check(e, daybook, tmp_path)] == [key]


def test_archive_has_places_of_its_own(daybook, tmp_path):
    e = Experiment(watch=False, database={"a": 1, "a/b": 2, "c": None, "c/d": 3})
    e.set("a/b/c", 4)
    e.set("/archive/other", 5)
    e.set("/datasets/there", 6)
    for key in ("a", "a/b", "c", "c/d"):
        e.get(key)
    assert [(r.group, r.key) for r in check(e, daybook, tmp_path)] == [("archive", "a/b"), ("archive", "c")]


def test_region_that_cannot_be_stored(daybook, tmp_path):
    """A mutation that puts something unstorable into an object array costs that dataset, not the whole ingest."""
    e = Experiment(watch=False)
    e.set("texts", np.array(["a", "b"], object))
    e.set("mended", np.array(["a", "b"], object))
    e.mutate("texts", 0, {"a": 1})
    e.mutate("mended", 0, None)
    e.mutate("mended", 0, "c")
    vlen = np.empty(2, h5py.vlen_dtype("<i4"))
    vlen[:] = [np.array([1, 2], "<i4"), np.array([3], "<i4")]
    e.set("vlen", vlen)
    e.mutate("vlen", 0, "no array")
    e.set("after", 1)
    assert [r.key for r in check(e, daybook, tmp_path)] == ["texts", "vlen"]
