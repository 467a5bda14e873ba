"""A results folder on a network share, where LMDB must not be. The share is a local folder that says it is on NFS
(tests/share/)."""

import os

import pytest

from conftest import GOLDEN

LIBRARY = os.environ["NETWORK_SHARE_LIBRARY"]
TRACE = GOLDEN / "ndscan_Rabi1D.jsonl"


@pytest.fixture
def share(tmp_path):
    """The folder, and the environment in which it is a share."""
    folder = tmp_path / "share"
    folder.mkdir()
    return folder, os.environ | {"LD_PRELOAD": LIBRARY, "NETWORK_SHARE": str(folder),
                                 "ASAN_OPTIONS": "verify_asan_link_order=0"}


def test_journal_is_refused(daybook, share):
    folder, environment = share
    result = daybook("ingest", TRACE, "-o", folder / "run.daybook", expect=1, env=environment)
    assert "is on a network share (NFS), where LMDB cannot keep a journal safe" in result.err
    assert "put the journal on a local disk" in result.err
    assert list(folder.iterdir()) == []


def test_file_may_go_there(daybook, share, tmp_path):
    folder, environment = share
    daybook("ingest", TRACE, "-o", tmp_path / "run.daybook", env=environment)
    daybook("replay", tmp_path / "run.daybook", "-o", folder / "run.h5", env=environment)
    assert [path.name for path in folder.iterdir()] == ["run.h5"]
    daybook("verify", tmp_path / "run.daybook", folder / "run.h5", env=environment)


def test_copied_journal(daybook, share, tmp_path):
    """A journal that somebody copied there is not written to; doctor says what it is."""
    folder, environment = share
    daybook("ingest", TRACE, "-o", folder / "run.daybook")
    before = (folder / "run.daybook" / "data.mdb").read_bytes()
    result = daybook("doctor", folder, expect=None, env=environment)
    assert "NFS" in result.out + result.err
    daybook("verify", folder / "run.daybook", env=environment)
    assert (folder / "run.daybook" / "data.mdb").read_bytes() == before
