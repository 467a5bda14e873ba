"""Each golden trace, ingested and replayed, gives the file that ARTIQ left, object for object."""

import hashlib

import pytest

from conftest import GOLDEN
from h5compare import compare

CASES = sorted(p.stem for p in GOLDEN.glob("*.jsonl"))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("case", CASES)
def test_golden(case, daybook, tmp_path):
    run, file = tmp_path / f"{case}.daybook", tmp_path / f"{case}.h5"
    daybook.ingest(GOLDEN / f"{case}.jsonl", run)
    daybook.replay(run, file)
    assert compare(file, GOLDEN / f"{case}.h5") == []

    again = tmp_path / "again.h5"
    daybook.replay(run, again)
    assert digest(file) == digest(again), "the same journal and layout gave other bytes"

    daybook("verify", run)
    daybook("verify", run, file)
    daybook("verify", run, GOLDEN / f"{case}.h5")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([f"{case}.daybook", f"{case}.h5", "again.h5"])
