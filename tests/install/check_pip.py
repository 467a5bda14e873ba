"""Uses the installed package: check_pip.py SCRATCH SOURCE"""

import importlib.metadata
import re
import sys
import sysconfig
from pathlib import Path

import h5py
import numpy as np

import daybook

scratch, source = Path(sys.argv[1]), Path(sys.argv[2])
site = Path(sysconfig.get_paths()["platlib"])
assert Path(daybook.__file__).is_relative_to(site), daybook.__file__
stated = re.search(r"project\(daybook VERSION ([0-9.]+)", (source / "CMakeLists.txt").read_text())[1]
assert daybook.__version__ == stated == importlib.metadata.version("daybook")
assert (site / "daybook" / "py.typed").exists() and (site / "daybook" / "_core.pyi").exists()
for file in [*(source / "python").glob("*.pth"), *(source / "python").glob("*.start")]:
    assert (site / file.name).read_bytes() == file.read_bytes(), f"{file.name} is not in {site}"

path = scratch / daybook.journal_name(7, "Installed")
with daybook.Journal.create(path, rid=7, class_name="Installed") as journal:
    journal.set("x", np.arange(5.0), unit="s")
with daybook.open(path) as run:
    report = run.replay(scratch / "out.h5")
assert report.complete and report.datasets == 1
with h5py.File(scratch / "out.h5") as file:
    assert list(file["datasets/x"]) == [0, 1, 2, 3, 4] and file["datasets/x"].attrs["unit"] == "s"
