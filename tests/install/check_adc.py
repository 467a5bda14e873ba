"""Reads what examples/custom_node wrote: two datasets with a type of its own making, all others as always."""

import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1], "r") as f:
    for name in ("rabi.p", "rabi.t"):
        samples = f["datasets"][name]
        assert samples.dtype == np.int16 and samples.id.get_type().get_precision() == 12, samples
    assert f["datasets/rabi.t"].attrs["unit"] == "us"
    assert f["datasets/rabi.p"].shape == (60,) and np.ptp(f["datasets/rabi.p"][()]) > 0
    assert f["datasets/rabi.counts"].compression == "gzip"
print("the custom nodes are in the file")
