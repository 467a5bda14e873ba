"""Experiments on disks that are full, or read-only."""

import contextlib
import logging
import os
import time

import numpy as np
from artiq.experiment import EnvExperiment, StringValue

logger = logging.getLogger("experiment")
MIB = 1 << 20


class Plain(EnvExperiment):
    def run(self):
        self.set_dataset("a", np.arange(100))
        for i in range(100):
            self.mutate_dataset("a", i, -i)
        self.set_dataset("list", [1])
        self.append_to_dataset("list", 2)
        self.get_dataset("from_master")

    def analyze(self):
        logger.warning("analyze was reached")


class _OnDisk(EnvExperiment):
    """`disk`: the folder of a small disk to fill, or "" for the run that shows how it is without."""

    def build(self):
        self.setattr_argument("disk", StringValue())

    def fill(self, leave):
        if self.disk:
            status = os.statvfs(self.disk)
            with open(os.path.join(self.disk, "ballast"), "wb", buffering=0) as f, contextlib.suppress(OSError):
                f.write(b"\xff" * max(status.f_bavail * status.f_bsize - leave, 0))

    def make_room(self):
        if self.disk:
            os.unlink(os.path.join(self.disk, "ballast"))

    def work(self, name):
        """More than 30 MiB go by, of which 1 MiB stays."""
        rng = np.random.default_rng(1)
        for i in range(30):
            self.set_dataset(name, rng.random(MIB // 8))
            self.set_dataset(f"{name}.{i}", i)
            time.sleep(.01)
        self.set_dataset(f"{name}.list", [])
        for i in range(100):
            self.append_to_dataset(f"{name}.list", i)


class FullThenRoom(_OnDisk):
    def run(self):
        self.set_dataset("before", [1, 2])
        self.fill(0)
        self.work("in_between")
        self.append_to_dataset("before", 3)
        self.make_room()
        time.sleep(4)
        self.append_to_dataset("before", 4)
        self.set_dataset("after", "there is room")


class FullToTheEnd(_OnDisk):
    def run(self):
        self.set_dataset("before", [1, 2])
        self.fill(4 * MIB)
        self.work("full")
        self.append_to_dataset("before", 3)


class ReadOnly(_OnDisk):
    """Its results folder cannot be written."""

    def build(self):
        super().build()
        os.chdir(self.disk)

    def run(self):
        self.set_dataset("before", [1, 2])
        for i in range(200):
            self.append_to_dataset("before", i)
            self.set_dataset("array", np.full(10000, i))

    def analyze(self):
        logger.warning("analyze was reached")
