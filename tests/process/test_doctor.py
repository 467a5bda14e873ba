"""daybook doctor finds what is wrong, says what to type, and changes nothing."""

import os
import socket
import subprocess

import pytest

from runs import experiment, journal, live
from small_disk import small_disk
from test_recover import crashed, digests


def findings(daybook, folder, expect=1):
    return {(f["kind"], f["severity"]): f for f in daybook("doctor", "--json", folder, expect=expect).json_lines}


def test_healthy(daybook, tmp_path):
    journal(daybook, tmp_path)
    daybook("recover", tmp_path)
    with live(daybook, tmp_path / "other"):
        assert findings(daybook, tmp_path, expect=0) == {}


def test_runs(daybook, tmp_path):
    run, _ = crashed(daybook, tmp_path / "a b")
    journal(daybook, tmp_path / "c")
    bad = journal(daybook, tmp_path / "d")
    os.truncate(bad / "data.mdb", (bad / "data.mdb").stat().st_size // 2)
    newer = journal(daybook, tmp_path / "e")
    data = (newer / "data.mdb").read_bytes()
    known, unknown = (number.to_bytes(4, "little") for number in (0x80000002, 0x80000003))
    assert b"format" + known in data
    (newer / "data.mdb").write_bytes(data.replace(b"format" + known, b"format" + unknown))
    before = digests(tmp_path)
    found = findings(daybook, tmp_path)
    assert digests(tmp_path) == before
    assert set(found) == {("crashed", "error"), ("no-file", "warning"), ("damaged", "error"), ("unsupported", "error")}
    assert "salvage" in found["damaged", "error"]["to_type"]
    # What it says to type works as it stands.
    command = found["crashed", "error"]["to_type"]
    assert command.startswith("daybook recover '")
    subprocess.run(command.replace("daybook", daybook.program, 1), shell=True, check=True, capture_output=True)
    assert ("crashed", "error") not in findings(daybook, tmp_path)


def test_leftovers(daybook, tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = socket.gethostname()
    names = [f".x.h5.{host}.{dead.pid}.0123abcd.part", f".x.h5.{host}.{os.getpid()}.0123abcd.part",
             f".x.h5.elsewhere.{dead.pid}.0123abcd.part", "x.part"]
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    found = daybook("doctor", "--json", tmp_path, expect=1).json_lines
    assert [os.path.basename(f["path"]) for f in found] == names[:1]
    subprocess.run(found[0]["to_type"], shell=True, check=True)
    assert "0 findings" in daybook("doctor", tmp_path).err


def test_permissions_and_clock(daybook, tmp_path):
    run = journal(daybook, tmp_path, e=experiment())
    daybook("recover", tmp_path)
    os.chmod(run / "data.mdb", 0o444)
    assert ("permissions", "error") in findings(daybook, tmp_path)
    os.chmod(run / "data.mdb", 0o644)
    assert findings(daybook, tmp_path, expect=0) == {}


def test_a_clock_that_was_set_back(daybook, tmp_path):
    e = experiment(pace=1e7)         # years into the future
    journal(daybook, tmp_path, e=e)
    daybook("recover", tmp_path)
    assert ("clock", "warning") in findings(daybook, tmp_path)


def test_no_room(daybook, tmp_path):
    with small_disk(tmp_path, 48 << 20) as disk:
        if not disk.mounted:
            pytest.skip("a small disk needs a mount")
        crashed(daybook, disk.place)
        found = findings(daybook, disk.place)
        assert ("room", "error") in found, found
        assert "df -h" in found["room", "error"]["to_type"]
