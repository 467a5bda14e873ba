"""Compares the previews that examples/plugin wrote with what NumPy makes of the same images."""

import sys

import h5py
import numpy as np

SIZE = 64  # examples/plugin/thumbnail.toml

with h5py.File(sys.argv[1], "r") as f:
    assert list(f["thumbnails"]) == ["datasets"], list(f["thumbnails"])
    assert list(f["thumbnails/datasets"]) == ["rabi.counts"], list(f["thumbnails/datasets"])
    preview = f["thumbnails/datasets/rabi.counts"]
    image = f["datasets/rabi.counts"][()].astype(float)
    height, width = (min(n, SIZE) for n in image.shape)
    assert preview.shape == (height, width) and preview.dtype == np.uint8
    rows = np.arange(image.shape[0]) * height // image.shape[0]
    columns = np.arange(image.shape[1]) * width // image.shape[1]
    total, count = np.zeros((height, width)), np.zeros((height, width))
    np.add.at(total, (rows[:, None], columns[None, :]), image)
    np.add.at(count, (rows[:, None], columns[None, :]), 1)
    mean = total / count
    expected = np.floor(255 * (mean - mean.min()) / (mean.max() - mean.min()) + .5)
    np.testing.assert_array_equal(preview[()], expected)
    assert preview.attrs["CLASS"] == b"IMAGE" and preview.attrs["IMAGE_SUBCLASS"] == b"IMAGE_GRAYSCALE"
print("the previews show the images")
