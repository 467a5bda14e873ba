"""The files of bench/materialize.cc, written by h5py as ARTIQ does: median milliseconds of several runs. With --sync the
file is also fsynced, as Daybook's is."""

import os
import statistics
import sys
import tempfile
import time

import h5py
import numpy as np


def measure(name, datasets, sync, repeat=7):
    times = []
    with tempfile.TemporaryDirectory(dir=".") as folder:  # the same disk as the benchmarks
        path = os.path.join(folder, "run.h5")
        for _ in range(repeat):
            begin = time.perf_counter()
            with h5py.File(path, "w") as f:
                group = f.create_group("datasets")
                for key, value in datasets.items():
                    group[key] = value
            if sync:
                descriptor = os.open(path, os.O_RDONLY)
                os.fsync(descriptor)
                os.close(descriptor)
            times.append(1e3 * (time.perf_counter() - begin))
    print(f"{name:<28} {statistics.median(times):10.2f} ms")


def main():
    sync = "--sync" in sys.argv[1:]
    print("h5py, file synced" if sync else "h5py, file not synced")
    rng = np.random.default_rng(1)
    measure("scalars_1000", {f"scalar.{i}": 0.5 * i for i in range(1000)}, sync)
    measure("lists_100x10000", {f"list.{i}": rng.normal(size=10_000).tolist() for i in range(100)}, sync)
    measure("stack_100x512x512", {"stack": np.arange(100 * 512 * 512).reshape(100, 512, 512) % 251 * 1.0}, sync)


if __name__ == "__main__":
    main()
