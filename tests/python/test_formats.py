"""Journals of every format version, kept as files, are read as on the day they were written."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from conftest import GOLDEN
from h5compare import compare

FORMATS = Path(__file__).parent.parent / "formats"
KEPT = sorted(p.relative_to(FORMATS) for p in FORMATS.glob("*/*.daybook") if p.stem != "Crashed")


@pytest.mark.parametrize("journal", KEPT, ids=[f"{p.parent}-{p.stem}" for p in KEPT])
def test_kept_journal(journal, daybook, tmp_path):
    run = shutil.copytree(FORMATS / journal, tmp_path / journal.name)
    daybook("verify", run)
    daybook.replay(run, tmp_path / "out.h5")
    assert compare(tmp_path / "out.h5", GOLDEN / f"{journal.stem}.h5") == []


@pytest.mark.parametrize("version", sorted(p.name for p in FORMATS.iterdir() if p.is_dir()))
def test_kept_crashed_journal(version, daybook, tmp_path):
    run = shutil.copytree(FORMATS / version / "Crashed.daybook", tmp_path / "Crashed.daybook")
    daybook.replay(run, tmp_path / "out.h5")
    assert not (run / "intake").exists()
    with h5py.File(tmp_path / "out.h5", "r") as f:
        np.testing.assert_array_equal(f["datasets/list"][()], np.arange(300) / 2)
        assert f["datasets/list"].attrs["unit"] == "ms"
        expected = np.full((3, 4), 7, "i4")
        expected[1, [0, 2]] = 1, 2
        np.testing.assert_array_equal(f["datasets/array"][()], expected)
        assert f["datasets/array"].attrs["exposure"] == 0.25
        assert f["rid"][()] == 42 and f["run_time"][()] == 1750000001.0
        assert not f.attrs["daybook_complete"]
    daybook.replay(run, tmp_path / "there.h5", "--at", "there")
