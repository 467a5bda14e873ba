"""Layouts in Python: files, texts, names, dictionaries and functions."""

import threading

import h5py
import numpy as np
import pytest

import daybook


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "r.daybook"
    with daybook.Journal.create(path, rid=1, class_name="Images") as journal:
        journal.set("image", np.arange(40_000, dtype="i4").reshape(200, 200), unit="counts")
        journal.set("image.exposure", 0.25)
        journal.set("image.gain", 3)
        journal.set("x", 1.5)
        journal.archive("old", [1, 2])
    run = daybook.open(path)
    yield run
    run.close()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.h5"


def test_everything_that_says_a_layout(run, tmp_path, out):
    (tmp_path / "lab.toml").write_text('name = "lab"\n[[transform]]\nuse = "compress"\nlevel = 1\n')
    compress = {"use": "compress", "level": 1}

    def gzip(plan):
        plan["/datasets/image"].storage.compress("gzip", 1)
    for spec in (tmp_path / "lab.toml", str(tmp_path / "lab.toml"), '[[transform]]\nuse = "compress"\nlevel = 1\n', compress,
                 [compress], [gzip], gzip, ["merge-archive", compress], daybook.layout(compress)):
        run.replay(out, layout=spec)
        with h5py.File(out) as file:
            image = file.get("datasets/image") or file["image"]
            assert image.compression == "gzip" and image.compression_opts == 1, spec
    assert daybook.layout(tmp_path / "lab.toml").name == "lab" and daybook.layout("artiq").digest == ""
    both = daybook.layout([tmp_path / "lab.toml", "merge-archive", gzip])
    assert both.name == "lab+merge-archive+gzip" and daybook.layout(gzip, name="mine").name == "mine"
    assert 'use = "compress"' in daybook.layout(compress).toml and "compress" in daybook.transforms()


def test_mistakes_are_named(run, tmp_path, out):
    for spec, error, text in (
            ("compres", daybook.UnsupportedError, "did you mean \"compress\""), ({"use": "compress", "levle": 1},
                                                                                daybook.OptionError, "levle"),
            ({"keys": ["x"]}, daybook.InvalidError, "use"), (tmp_path / "missing.toml", daybook.StorageError, "missing.toml"),
            ("a = = b\n", daybook.InvalidError, "the layout"), (5, TypeError, "a layout is"),
            ({"use": "compress", "level": object()}, TypeError, "option must be")):
        with pytest.raises(error, match=text):
            run.replay(out, layout=spec)
    assert not out.exists()


def test_a_function_can_do_what_transforms_do(run, out):
    seen = {}

    def mine(plan):
        for node in plan.datasets():
            seen[node.path] = (node.key, node.group, node.kind, node.dtype, node.shape)
            if node.key.startswith("image."):
                node.as_attribute("/datasets/image", node.key.split(".", 1)[1])
        image = plan["/datasets/image"]
        image.attributes["camera"] = "Andor"
        image.attributes["scale"] = 2
        del image.attributes["scale"]
        assert dict(image.attributes) == {"unit": "counts", "camera": "Andor"}
        image.storage.chunks = (50, 100)
        image.storage.compress("gzip", 4, shuffle=True)
        image.storage.fill_value = 7
        image.storage.make_extendible()
        assert [name for _, name, _ in image.storage.filters] == ["shuffle", "gzip"]
        assert image.storage.extendible and image.storage.fill_value == 7 and image.storage.chunks == (50, 100)
        image.cast("float32")
        plan["/archive/old"].omit("nobody reads it")
        plan["/datasets/x"].path = "/settings/x"
        plan.add_constant("/settings/lab", ["cold", "atoms"], {"since": 2020})
        plan.add_group("/empty", {"note": "µ"})
        plan.add_link("/latest", "/datasets/image")
        plan.move("/settings", "/setup")
        assert plan["/setup/x"].origin == "mine" and plan["/setup/x"].value == 1.5
        assert "/nowhere" not in plan and len(plan) > 5 and "/setup/x" in str(plan)
        with pytest.raises(KeyError):
            plan["/nowhere"]
    report = run.replay(out, layout=mine)
    assert report.notes == [] and report.refused == []
    assert seen["/datasets/image"] == ("image", "datasets", "dataset", np.dtype("i4"), (200, 200))
    assert seen["/archive/old"] == ("old", "archive", "dataset", np.dtype("i8"), (2,))
    with h5py.File(out) as file:
        image = file["datasets/image"]
        assert {**image.attrs} == {"unit": "counts", "camera": "Andor", "exposure": .25, "gain": 3}
        assert image.dtype == "f4" and image.chunks == (50, 100) and image.compression == "gzip" and image.shuffle
        assert image.maxshape == (None, None) and image.fillvalue == 7 and image[3, 4] == 604
        assert list(file["archive"]) == [] and file["setup/x"][()] == 1.5 and file["latest"] == image
        assert list(file["setup/lab"].asstr()) == ["cold", "atoms"] and file["setup/lab"].attrs["since"] == 2020
        assert file["empty"].attrs["note"] == "µ" and file.attrs["daybook_layout"] == "mine"


def test_links_and_transforms_of_single_nodes(run, out):
    def mine(plan):
        plan["/datasets/x"].as_link("/datasets/image", "hard")
        plan["/datasets/image"].apply("compress", method="lzf")
        plan["/datasets/image.gain"].apply("cast", to="uint8")
        plan.apply("constant", path="/made", value=1)
        with pytest.raises(TypeError):
            plan.apply("compress", level={1})
    run.replay(out, layout=mine)
    with h5py.File(out) as file:
        assert file["datasets/x"] == file["datasets/image"] and file["datasets/image"].compression == "lzf"
        assert file["datasets/image.gain"].dtype == "u1" and file["made"][()] == 1


def test_no_file(run, out):
    report = run.replay(out, layout=lambda plan: plan.no_file("a test"))
    assert report.no_file == "a test" and report.file is None and not out.exists()


def test_an_exception_in_a_function(run, out):
    def broken(plan):
        return plan.nonsense
    with pytest.raises(daybook.InvalidError, match=r"layout broken: transform 1 \(broken, .*test_api_layout.py:\d+\).*AttributeError") as info:
        run.replay(out, layout=broken)
    assert isinstance(info.value.__cause__, AttributeError) and not out.exists()
    report = run.replay(out, layout=broken, use_default=True)
    assert "AttributeError" in report.layout_failure
    with h5py.File(out) as file:
        assert "AttributeError" in file.attrs["daybook_layout_failure"] and file["datasets/x"][()] == 1.5

    def interrupted(plan):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        run.replay(out, layout=interrupted)


def test_conflicts_name_the_function(run, out):
    def clash(plan):
        plan["/datasets/x"].path = "/datasets/image"
    with pytest.raises(daybook.InvalidError, match="clash"):
        run.replay(out, layout=clash)


def test_what_is_kept_beyond_the_call_is_of_no_use(run, out):
    kept = []

    def keep(plan):
        kept.extend([plan, plan["/datasets/x"], plan["/datasets/x"].attributes])
        old = plan["/datasets/x"]
        plan.apply("constant", path="/a/b/c", value=1)
        with pytest.raises(daybook.InvalidError, match="look for this one again"):
            old.path
    run.replay(out, layout=keep)
    for use in (lambda: list(kept[0]), lambda: kept[1].path, lambda: kept[1].omit("x"), lambda: dict(kept[2])):
        with pytest.raises(daybook.InvalidError, match="only by the function"):
            use()


def test_a_function_may_read_the_run_and_use_h5py(run, out, tmp_path):
    def nosy(plan):
        with h5py.File(tmp_path / "side.h5", "w") as side:
            side["x"] = run["x"]
        plan["/datasets/x"].attributes["half"] = run["x"] / 2
    run.replay(out, layout=nosy)
    with h5py.File(out) as file, h5py.File(tmp_path / "side.h5") as side:
        assert file["datasets/x"].attrs["half"] == .75 and side["x"][()] == 1.5


def test_hdf5_is_used_by_one_at_a_time(run, out):
    """While a file is made nobody gets h5py's lock."""
    got = []

    def look(plan):
        def attempt():
            got.append(h5py._objects.phil.acquire(blocking=False))
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
    run.replay(out, layout=look)
    assert got == [False]


def test_a_journal_brings_its_layout(tmp_path):
    path = tmp_path / "000000003-L.daybook"
    with daybook.Journal.create(path, rid=3, class_name="L", layout=["merge-archive", {"use": "compress"}]) as journal:
        journal.set("x", np.zeros((100, 100)))
    report = daybook.recover(path)
    assert report.outcome == "whole" and report.layout_failure is None
    with h5py.File(report.file) as file:
        assert "archive" not in file
    with pytest.raises(daybook.InvalidError, match="function"):
        daybook.Journal.create(tmp_path / "f.daybook", layout=lambda plan: None)
    assert not (tmp_path / "f.daybook").exists()
