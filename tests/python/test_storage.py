"""Filters of every sort, with their plug-ins and without, as h5py and h5dump see them."""

import os
import subprocess

import h5py
import numpy as np
import pytest
from h5py import h5z

from trace_oracle import Experiment

RNG = np.random.default_rng(1)
ARRAYS = {
    "camera": RNG.poisson(100, (20, 100, 120)).astype("u2"),
    "noise": RNG.normal(size=50_000),
    "smooth": np.sin(np.arange(60_000) * 1e-3).reshape(300, 200),
    "flags": RNG.random((500, 40)) < 0.1,
    "complex": RNG.normal(size=3000) + 1j * RNG.normal(size=3000),
    "big": RNG.integers(-1000, 1000, (100, 77)).astype(">i4"),
    "half": RNG.normal(size=(64, 65)).astype("f2"),
    "table": np.array([(i, i / 7) for i in range(2000)], dtype=[("n", "i2"), ("x", "f8")]),
    "bytes": np.frombuffer(RNG.bytes(30_000), "S3"),
}
PLUGINS = {"lzf": "bitshuffle", "bzip2": "hdf5-filter-plugin", "lz4": "hdf5-filter-plugin",
           "blosc": "hdf5-filter-plugin-blosc-serial", "zfp": "hdf5-filter-plugin-zfp-serial",
           "bitshuffle": "bitshuffle", "zstd": "no Debian package"}
IDS = {"gzip": 1, "fletcher32": 3, "szip": 4, "nbit": 5, "scale-offset": 6, "lzf": 32000, "bzip2": 307, "lz4": 32004,
       "blosc": 32001, "zfp": 32013, "bitshuffle": 32008, "zstd": 32015}


@pytest.fixture
def run(daybook, tmp_path):
    experiment = Experiment(class_name="Storage", watch=False)
    for name, array in ARRAYS.items():
        experiment.set(name, array)
    experiment.set("scalar", 1.5)
    experiment.set("texts", ["a", "bc"] * 4000)
    experiment.set("empty", np.zeros((0, 3)))
    experiment.finish()
    (tmp_path / "trace.jsonl").write_text(experiment.text())
    daybook.ingest(tmp_path / "trace.jsonl", tmp_path / "run.daybook")
    return tmp_path / "run.daybook"


def replay(run, options, *, plugins=None, expect=0):
    """The file, and what was said on standard error."""
    layout = run.parent / "layout.toml"
    layout.write_text(f'[[transform]]\nuse = "compress"\n{options}\n')
    env = dict(os.environ) | ({"HDF5_PLUGIN_PATH": str(plugins)} if plugins else {})
    out = run.parent / "out.h5"
    done = subprocess.run([os.environ["DAYBOOK_PROGRAM"], "replay", run, "--layout", layout, "-o", out], env=env,
                          text=True, capture_output=True, timeout=300)
    assert expect is None or done.returncode == expect, done.stderr
    assert "HDF5-DIAG" not in done.stderr
    return out, done.stderr


def filters_of(dataset):
    plist = dataset.id.get_create_plist()
    return [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]


def check(out, method, shuffle, arrays=ARRAYS):
    with h5py.File(out) as file:
        for name, array in arrays.items():
            dataset = file["datasets"][name]
            assert filters_of(dataset) == ([2] if shuffle else []) + [IDS[method]], name
            read = dataset[()]
            assert read.dtype == array.dtype and read.tobytes() == array.tobytes(), name
        for name in "scalar", "texts", "empty":
            assert file["datasets"][name].chunks is None
        return {name: file["datasets"][name].id.get_storage_size() for name in arrays}


@pytest.mark.parametrize("options", ["", "level = 0", "level = 9", "shuffle = false"])
def test_gzip_is_ordinary_gzip(options, run):
    out, _ = replay(run, options)
    sizes = check(out, "gzip", shuffle="false" not in options)
    if options != "level = 0":
        assert sizes["camera"] < ARRAYS["camera"].nbytes / 2
    with h5py.File(out) as file:
        assert file["datasets/noise"].compression == "gzip"
    dump = subprocess.run(["h5dump", "-d", "/datasets/camera", out], capture_output=True, text=True, timeout=300)
    assert dump.returncode == 0 and not dump.stderr


def test_checksums(run):
    out, _ = replay(run, "fletcher32 = true")
    with h5py.File(out) as file:
        for name, array in ARRAYS.items():
            dataset = file["datasets"][name]
            assert filters_of(dataset) == [2, 1, 3]
            assert dataset[()].tobytes() == array.tobytes()


@pytest.mark.parametrize("method", ["lzf", "bzip2", "lz4", "blosc", "bitshuffle", "zstd"])
def test_plugin(method, run):
    out, err = replay(run, f'method = "{method}"', expect=None)
    if not out.exists():
        assert PLUGINS[method] in err and method in err
        pytest.skip(f"the plug-in for {method} is not installed")
    for option in f'method = "{method}"', f"method = {IDS[method]}":
        out, _ = replay(run, option)
        sizes = check(out, method, shuffle=method in ("lzf", "bzip2", "lz4", "zstd"))
        assert sizes["smooth"] < ARRAYS["smooth"].nbytes and sizes["flags"] < ARRAYS["flags"].nbytes


@pytest.mark.parametrize("method", PLUGINS)
def test_without_the_plugin_nothing_is_written_and_the_package_is_named(method, run, tmp_path):
    (tmp_path / "none").mkdir()
    _, err = replay(run, f'method = "{method}"', plugins=tmp_path / "none", expect=1)
    assert PLUGINS[method] in err and method in err and "compress" in err
    assert not (tmp_path / "out.h5").exists() and not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize("method,names", [("szip", ["camera", "noise", "smooth", "flags"]),
                                          ("nbit", ["camera", "noise", "smooth"]),
                                          ("scale-offset", ["camera", "big"])])
def test_filters_of_hdf5_itself(method, names, run):
    out, _ = replay(run, f'method = "{method}"\nkeys = {names}')
    check(out, method, shuffle=False, arrays={name: ARRAYS[name] for name in names})


def test_scale_offset_takes_floats_only_with_loss(run):
    out, _ = replay(run, 'method = "scale-offset"\noptions = [0, 3]\nallow-loss = true', expect=1)
    with h5py.File(out) as file:
        assert filters_of(file["datasets/noise"]) == [6]
        assert filters_of(file["datasets/camera"]) == []
        assert 0 < np.abs(file["datasets/noise"][()] - ARRAYS["noise"]).max() < 1e-3
    _, err = replay(run, 'method = "scale-offset"\noptions = [0, 3]', expect=1)
    assert "allow-loss" in err


def test_a_filter_that_does_not_suit_does_not_cost_the_dataset(run):
    out, _ = replay(run, 'method = "szip"', expect=1)
    with h5py.File(out) as file:
        assert filters_of(file["datasets/camera"]) == [4]
        assert file["datasets/table"].chunks is None
        for name, array in ARRAYS.items():
            assert file["datasets"][name][()].tobytes() == array.tobytes()


@pytest.mark.skipif(not h5z.filter_avail(32013), reason="no zfp here")
def test_zfp_is_reversible_unless_loss_is_allowed(run):
    out, _ = replay(run, 'method = "zfp"\nkeys = ["noise", "smooth"]')
    check(out, "zfp", shuffle=False, arrays={name: ARRAYS[name] for name in ("noise", "smooth")})


def test_none_takes_filters_away(run):
    out, _ = replay(run, '[[transform]]\nuse = "compress"\nmethod = "none"\nkeys = "noise"')
    with h5py.File(out) as file:
        assert filters_of(file["datasets/noise"]) == [] and file["datasets/noise"].chunks is None
        assert filters_of(file["datasets/camera"]) == [2, 1]


def test_plugins_change_no_number(daybook, tmp_path):
    """Some filter libraries switch denormal numbers off in the thread that loads them."""
    experiment = Experiment(class_name="Denormal", watch=False)
    experiment.set("camera", ARRAYS["camera"])
    experiment.set("mixed", [b"ab", 5e-324])     # becomes an array of texts
    experiment.finish()
    trace, layout, file = tmp_path / "run.jsonl", tmp_path / "lzf.toml", tmp_path / "x.h5"
    trace.write_text(experiment.text())
    daybook.ingest(trace, tmp_path / "run.daybook")
    layout.write_text('[[transform]]\nuse = "compress"\nmethod = "lzf"\n')
    daybook.replay(tmp_path / "run.daybook", file, "--layout", layout)
    dump = subprocess.run(["h5dump", "-d", "/datasets/mixed", file], capture_output=True, text=True, check=True).stdout
    assert '"5e-324' in dump, dump
