"""Experiments that use what Daybook adds to every experiment. Without Daybook it is not there."""

import logging
import os

import h5py
import numpy as np
from artiq.experiment import EnvExperiment

logger = logging.getLogger("experiment")


class _Sets(EnvExperiment):
    def run(self):
        self.set_dataset("image", np.arange(10000.0).reshape(100, 100))
        self.set_dataset("scalar", 1.5)
        self.get_dataset("from_master")


class LayoutFile(_Sets):
    hdf5_layout = "lab.toml"


class LayoutList(_Sets):
    hdf5_layout = ["merge-archive", {"use": "compress", "min-rank": 2}]


class LayoutMissing(_Sets):
    hdf5_layout = "missing.toml"


class LayoutBroken(_Sets):
    hdf5_layout = "broken.toml"


class LayoutKilled(LayoutFile):
    def run(self):
        super().run()
        os._exit(3)


class Storage(EnvExperiment):
    """Says how datasets are to be kept, and gives them attributes, where that can be said."""

    def run(self):
        image = np.arange(10000.0).reshape(100, 100)
        if hasattr(self, "set_dataset_storage"):
            self.set_dataset_storage("image", compression="gzip", compression_opts=7, shuffle=True, chunks=(10, 50))
            self.set_dataset_storage("list", chunks=(8,), maxshape=True)
        self.set_dataset("image", image, broadcast=True, unit="V")
        self.mutate_dataset("image", 3, 5)
        self.set_dataset("list", [1, 2], persist=True)
        self.append_to_dataset("list", 3)
        if hasattr(self, "set_dataset_attribute"):
            self.set_dataset_attribute("image", "camera", "left")
            logger.debug("%r", self.list_datasets())
        self.set_dataset("image", image, broadcast=True, unit="V")


class StorageKilled(Storage):
    def run(self):
        super().run()
        os._exit(3)


class Checkpoints(EnvExperiment):
    """Three named points; between them values change, also in place."""

    def run(self):
        array = np.zeros(5)
        self.set_dataset("array", array)
        for i in range(3):
            array[i] = i + 1
            self.set_dataset("point", i)
            self.checkpoint(f"point {i}")
            self.set_dataset("between", i)
        self.mutate_dataset("array", 4, -1)


class WritesResults(EnvExperiment):
    """The results file in mid-run: whole, and of that moment, each time."""

    def run(self):
        rid = 701
        items = []
        self.set_dataset("items", items)
        for i in range(3):
            items.append(i)
            self.set_dataset("scalar", i, unit="V")
            self.write_results()
            with h5py.File(f"{rid:09}-WritesResults.h5", "r") as f:
                logger.warning("%d %r %r %d %s %r", i, f["datasets/items"][:].tolist(), f["datasets/scalar"][()],
                               f["rid"][()], "run_time" in f, f["datasets/scalar"].attrs["unit"])
        self.set_dataset("scalar", 99)


class DefaultHooks(_Sets):
    """Calls every hook as it is, on a file of its own."""

    def run(self):
        super().run()
        with h5py.File("own.hdf5", "w") as f:
            self.write_metadata(f)
            f.create_group("datasets")
            self.store_dataset(f, "extra", 5)
            self.write_datasets(f)
            logger.warning("%r", sorted(f))
            logger.warning("%r", sorted(f["datasets"]))


class LabLayout(_Sets):
    """Says nothing itself; the lab's default layout is in the environment it runs in."""


class OwnAttributes(EnvExperiment):
    """Has always had attributes of these names, which are not Daybook's business."""

    checkpoint = 5
    hdf5_layout = None

    def run(self):
        self.set_dataset("a", self.checkpoint)
