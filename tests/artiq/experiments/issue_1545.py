"""The experiments of ARTIQ issue 1545, word for word, and runs of them."""

import h5py
import numpy as np
from artiq.experiment import EnvExperiment


class NoSaveExperiment(EnvExperiment):
    def get_hdf5_handle(self, mode="a", **kwds):
        return h5py.File("dummy.h5", mode, "core", backing_store=False)


class CompressArrays(EnvExperiment):
    def store_dataset(self, f, name, value):
        if name in f["datasets"]:
            f["datasets"][name][()] = value
            return f["datasets"][name]
        if isinstance(value, np.ndarray):
            return f["datasets"].create_dataset(name, data=value, compression="gzip", compression_opts=9)
        else:
            return super().store_dataset(f, name, value)


class ImageAttributes(EnvExperiment):
    def store_dataset(self, f, name, value):
        if "image" not in f["datasets"]:
            f["datasets"].create_dataset("image", data=self.get_dataset("image", archive=False), compression="gzip")
        if name.startswith("image."):
            attrname = name.split(".", maxsplit=1)[1]
            f["datasets"]["image"].attrs[attrname] = value
        elif name != "image":
            super().store_dataset(f, name, value)


class _Sets:
    def run(self):
        self.set_dataset("image.exposure", 0.25)
        self.set_dataset("image.camera", "left")
        self.set_dataset("image", np.arange(6400, dtype="<u2").reshape(80, 80), unit="counts")
        self.set_dataset("scalar", 1.5, unit="kHz", precision=1)
        self.set_dataset("list", [1, 2])
        self.set_dataset("counts", np.zeros(1000), broadcast=True)
        self.append_to_dataset("list", 3)
        self.get_dataset("from_master")

    def analyze(self):
        self.mutate_dataset("counts", (0, 3), 5)


class SavesNothing(_Sets, NoSaveExperiment):
    pass


class Compresses(_Sets, CompressArrays):
    pass


class Attributes(_Sets, ImageAttributes):
    pass


class CompressesTwice(_Sets, CompressArrays):
    """Writes its results in mid-run as well: the same datasets are stored again."""

    def run(self):
        super().run()
        self.write_results()
        self.set_dataset("scalar", 2.5)
        self.mutate_dataset("image", 0, 7)


class CompressesAndFails(_Sets, CompressArrays):
    def run(self):
        super().run()
        raise ValueError("run failed")


class CompressesAndIsRefused(_Sets, CompressArrays):
    """One value that HDF5 cannot hold, in a file that is written by the experiment itself."""

    def run(self):
        self.set_dataset("bad", {"a": 1})
        super().run()


class BrokenHook(_Sets, EnvExperiment):
    """Its own way of writing does not work."""

    def write_datasets(self, f):
        raise RuntimeError("this lab's write_datasets is broken")


class OwnMetadata(_Sets, EnvExperiment):
    def write_metadata(self, f):
        super().write_metadata(f)
        f["operator"] = "Jo"
        f.attrs["lab"] = "B12"
