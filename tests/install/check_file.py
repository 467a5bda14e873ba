"""Reads the file that examples/journal_and_recover wrote with h5py and compares it with what the program journaled."""

import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1], "r") as f:
    data = f["datasets"]
    assert sorted(data) == ["scan.log", "scan.x", "scan.y"], sorted(data)
    np.testing.assert_array_equal(data["scan.x"][()], [1.0, 1.5, 2.0])
    assert data["scan.x"].attrs["unit"] == "MHz"
    np.testing.assert_array_equal(data["scan.y"][()], [0.25, 0.5, 0.0])
    assert data["scan.log"].asstr()[()].tolist() == ["point 0", "point 1"]
    assert f["rid"][()] == 42
    assert f["artiq_version"].asstr()[()] == "1.0"
print("the recovered file holds every call that returned")
