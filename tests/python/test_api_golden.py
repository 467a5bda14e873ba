"""The golden traces, driven through the Python package, give the files that ARTIQ left."""

import warnings

import h5py
import numpy as np
import pytest

import daybook
from api_player import play
from conftest import GOLDEN
from h5compare import compare

CASES = sorted(p.stem for p in GOLDEN.glob("*.jsonl"))


def same(run_value, dataset):
    read = dataset[()]
    string = h5py.check_string_dtype(dataset.dtype)
    is_null = isinstance(read, h5py.Empty)  # which asstr() cannot take
    if string is not None and string.length is None and string.encoding == "utf-8" and not is_null:
        read = dataset.asstr()[()]
    if is_null:
        return isinstance(run_value, h5py.Empty) and run_value.dtype == read.dtype
    if isinstance(read, (str, bytes)) and not isinstance(read, np.generic):
        return type(run_value) is type(read) and run_value == read
    if read.dtype.kind == "O":
        return run_value.shape == read.shape and all(
            np.array_equal(a, b) for a, b in zip(run_value.reshape(-1), read.reshape(-1)))
    return (type(run_value) is type(read) and run_value.dtype == read.dtype and run_value.shape == read.shape
            and run_value.tobytes() == read.tobytes())


def check_mapping(run, file):
    """Every dataset of the file, read through the mapping."""
    count = 0
    for group, values in (("datasets", run), ("archive", run.archive)):
        for key in values:
            if group == "datasets" and not run.describe(key)["saved"]:
                continue
            dataset = file[f"{group}/{key}"]
            if dataset.dtype.names is None:      # the gaps between fields are not h5py's to keep
                assert same(values[key], dataset), f"{group}/{key}: {values[key]!r:.200} is not {dataset[()]!r:.200}"
            assert set(values.attributes(key)) == set(dataset.attrs), key
            count += 1
    return count


@pytest.mark.parametrize("case", CASES)
def test_golden(case, tmp_path):
    path = tmp_path / f"{case}.daybook"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        play((GOLDEN / f"{case}.jsonl").read_text().splitlines(), path)
    with daybook.open(path) as run:
        report = run.replay(tmp_path / "out.h5")
        assert compare(tmp_path / "out.h5", GOLDEN / f"{case}.h5") == []
        assert report.complete and report.up_to == run.last and report.refused == []
        with h5py.File(tmp_path / "out.h5") as file:
            assert check_mapping(run, file) == report.datasets
    assert daybook.verify(path).intact
