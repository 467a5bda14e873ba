"""A dataset's own storage options: the file has what h5py's create_dataset makes of the same keywords."""

import os

import h5py
import numpy as np
import pytest

from trace_oracle import Experiment

IMAGE = np.arange(6000, dtype="<u2").reshape(60, 100)
FOLLOWED = {
    "gzip": {"compression": "gzip"},
    "gzip, a level": {"compression": "gzip", "compression_opts": 9},
    "a level alone": {"compression": 3},
    "level 0": {"compression": 0},
    "a filter's number": {"compression": 1, "shuffle": True},
    "all at once": {"chunks": (7, 11), "compression": "gzip", "shuffle": True, "fletcher32": True, "fillvalue": 9,
                    "maxshape": (None, None)},
    "chunks": {"chunks": (10, 20)},
    "chunks as a list": {"chunks": [10, 20]},
    "chunks as an array": {"chunks": np.array([10, 20])},
    "shuffle alone": {"shuffle": True, "chunks": (10, 20)},
    "checksum": {"fletcher32": True, "chunks": (10, 20)},
    "extendible": {"maxshape": (None, None), "chunks": (10, 20)},
    "fill value": {"fillvalue": 7},
    "times": {"track_times": True},
    "nothing": {"compression": None, "chunks": None, "maxshape": None, "fillvalue": None, "shuffle": False,
                "compression_opts": None},
}
# What Daybook chooses by itself where h5py does, too.
OWN_CHOICE = {"gzip", "gzip, a level", "a level alone", "level 0", "a filter's number"}
NOT_FOLLOWED = {
    "an unknown one": ({"colour": "red"}, "colour"),
    "an unknown filter": ({"compression": "zip"}, "compression"),
    "a level too high": ({"compression": "gzip", "compression_opts": 10}, "compression_opts"),
    "options of nothing": ({"compression_opts": 4}, "compression_opts"),
    "chunks of another rank": ({"chunks": (3,)}, "chunks"),
    "chunks of nothing": ({"chunks": (0, 5)}, "chunks"),
    "chunks as a text": ({"chunks": "big"}, "chunks"),
    "ends that are numbers": ({"maxshape": (100, 100)}, "maxshape"),
    "a shuffle that is none": ({"shuffle": "yes"}, "shuffle"),
    "a fill value that does not fit": ({"fillvalue": -1}, "fill value"),
    "a fill value that is a list": ({"fillvalue": [1, 2]}, "fillvalue"),
}


def journal(daybook, folder, sets):
    e = Experiment(class_name="Options", watch=False)
    for key, value, options in sets:
        e.set(key, value, options=options)
    e.finish()
    (folder / "run.jsonl").write_text(e.text())
    daybook.ingest(folder / "run.jsonl", folder / "run.daybook")
    return folder / "run.daybook"


def filters_of(dataset):
    plist = dataset.id.get_create_plist()
    return [plist.get_filter(i)[::2] for i in range(plist.get_nfilters())]


def properties(dataset):
    return {"chunks": dataset.chunks, "maxshape": dataset.maxshape, "filters": filters_of(dataset),
            "fill": dataset.fillvalue, "times": h5py.h5g.get_objinfo(dataset.id).mtime != 0}


def test_as_h5py_does_it(daybook, tmp_path):
    run = journal(daybook, tmp_path, [(name, IMAGE, options) for name, options in FOLLOWED.items()])
    daybook.replay(run, tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as ours, h5py.File(tmp_path / "theirs.h5", "w") as theirs:
        for name, options in FOLLOWED.items():
            given = {k: tuple(map(int, v)) if k == "chunks" and v is not None else v for k, v in options.items()}
            made = properties(theirs.create_dataset(name, data=IMAGE, **given))
            found = properties(ours["datasets"][name])
            if name in OWN_CHOICE:
                assert found.pop("chunks") is not None
                made.pop("chunks")
            assert found == made, name
            assert (ours["datasets"][name][()] == IMAGE).all()
            assert ours["datasets"][name].dtype == IMAGE.dtype


@pytest.mark.parametrize("name", NOT_FOLLOWED)
def test_what_is_not_followed_is_said_and_costs_nothing(name, daybook, tmp_path):
    options, word = NOT_FOLLOWED[name]
    run = journal(daybook, tmp_path, [("image", IMAGE, options), ("other", IMAGE, {"compression": "gzip"})])
    done = daybook.replay(run, tmp_path / "out.h5", "--json", expect=1)
    notes = done.json["notes"]
    assert [n["key"] for n in notes] == ["image"] and word in notes[0]["reason"], notes
    assert not done.json["refused"]
    with h5py.File(tmp_path / "out.h5") as f:
        assert (f["datasets/image"][()] == IMAGE).all()
        assert f["datasets/other"].compression == "gzip"


def test_values_that_are_no_arrays(daybook, tmp_path):
    wanted = {"compression": "gzip", "chunks": True}
    run = journal(daybook, tmp_path, [("scalar", 1.5, wanted), ("list", [1.0] * 5000, wanted), ("empty", [], wanted),
                                      ("texts", ["a", "bc"] * 50, {"chunks": True}), ("times", 2, {"track_times": True})])
    done = daybook.replay(run, tmp_path / "out.h5", "--json", expect=1)
    assert {n["key"] for n in done.json["notes"]} == {"scalar"} and len(done.json["notes"]) == 2
    with h5py.File(tmp_path / "out.h5") as f:
        assert f["datasets/scalar"][()] == 1.5
        assert f["datasets/list"].compression == "gzip" and f["datasets/list"].shape == (5000,)
        assert f["datasets/empty"].shape == (0,)
        assert f["datasets/texts"].shape == (100,)


def test_a_filter_that_is_not_there(daybook, tmp_path):
    """Costs the filter, not the file, and not the layout."""
    run = journal(daybook, tmp_path, [("image", IMAGE, {"compression": "lzf", "shuffle": True})])
    (tmp_path / "none").mkdir()
    env = dict(os.environ) | {"HDF5_PLUGIN_PATH": str(tmp_path / "none")}
    (tmp_path / "lab.toml").write_text('name = "lab"\n[[transform]]\nuse = "track-times"\n')
    for more in ([], ["--layout", tmp_path / "lab.toml"]):
        done = daybook.replay(run, tmp_path / "out.h5", *more, "--json", expect=1, env=env)
        assert done.json["layout_failure"] is None
        assert "lzf" in done.json["notes"][0]["reason"] and "install" in done.json["notes"][0]["reason"]
        with h5py.File(tmp_path / "out.h5") as f:
            assert (f["datasets/image"][()] == IMAGE).all() and filters_of(f["datasets/image"])[0][0] == 2


def test_layouts_come_after(daybook, tmp_path):
    run = journal(daybook, tmp_path, [("image", IMAGE, {"compression": "gzip", "chunks": (6, 10)})])
    explained = daybook("layout", "explain", run).out
    assert "chunks (6, 10) gzip 4" in explained
    (tmp_path / "lab.toml").write_text('[[transform]]\nuse = "compress"\nlevel = 9\nmin-bytes = 0\n')
    daybook.replay(run, tmp_path / "out.h5", "--layout", tmp_path / "lab.toml")
    with h5py.File(tmp_path / "out.h5") as f:
        assert f["datasets/image"].chunks == (6, 10) and f["datasets/image"].compression_opts == 9
    (tmp_path / "lab.toml").write_text('[[transform]]\nuse = "contiguous"\n')
    daybook.replay(run, tmp_path / "out.h5", "--layout", tmp_path / "lab.toml")
    with h5py.File(tmp_path / "out.h5") as f:
        assert f["datasets/image"].chunks is None


def test_the_last_set_counts(daybook, tmp_path):
    run = journal(daybook, tmp_path, [("image", IMAGE, {"compression": "gzip"}), ("image", IMAGE, {"fletcher32": True}),
                                      ("plain", IMAGE, {"compression": "gzip"}), ("plain", IMAGE, None)])
    daybook.replay(run, tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as f:
        assert [i for i, _ in filters_of(f["datasets/image"])] == [3]
        assert f["datasets/plain"].chunks is None
