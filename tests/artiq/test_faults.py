"""The disk is full, or cannot be written: the experiment does not notice, the log is loud, ARTIQ's file is there."""

import os
import subprocess
import sys

import pytest

from harness import HERE, PROGRAM, RUN, TIMES, content, difference, drive, job, owed

sys.path.insert(0, str(HERE.parent / "process"))
from small_disk import small_disk  # noqa: E402

MIB = 1 << 20


def loud(seen):
    """Daybook said, as an error, that and why it does not journal; without a dump of its inside."""
    errors = [line for line in seen.log(ours=True) if line[0] in ("ERROR", "WARNING", "CRITICAL")]
    assert errors, repr(seen)
    assert not [line for line in errors if "Traceback" in line[2]], errors
    return errors


def one(name, rid, where, journaled=True, **more):
    entry = job("faults", name, rid, **more)
    return drive([entry], where, journaled=journaled)[entry["name"]]


def state_journals(tmp_path):
    """The one that was moved away to make room."""
    return sorted((tmp_path / "with" / "state" / "runs").glob("*.daybook"))[:1]


def on_small_disk(name, rid, tmp_path, size):
    """The run with its folder on a full-soon disk, and the one without Daybook beside a large one."""
    plain = one(name, rid, tmp_path / "without", journaled=False, arguments={"disk": ""})
    with small_disk(tmp_path, size) as disk:
        if not disk.mounted:
            pytest.skip("no disk of a given size can be mounted here: that takes root")
        seen = one(name, rid, tmp_path / "with", arguments={"disk": str(disk.place)}, folder=str(disk.place / "work"))
        assert seen.end() == plain.end() and seen.log() == plain.log(), repr(seen)
        errors = loud(seen)
        assert difference(plain.result, seen.result, (*TIMES, "expid")) == []  # the disk is an argument
        return errors, seen, content(seen.result), subprocess.run(
            [PROGRAM, "verify", *(seen.journals() or state_journals(tmp_path)), seen.result], capture_output=True, text=True)


def test_full_then_room(tmp_path):
    """The disk is full for a while in mid-run. Once there is room the live state is journaled afresh."""
    errors, _, _, verified = on_small_disk("FullThenRoom", 900, tmp_path, 60 * MIB)
    assert verified.returncode == 0, verified
    assert [line for line in errors if "again" in line[2]], errors


def test_full_to_the_end(tmp_path):
    """It stays full; there is room for ARTIQ's file alone."""
    on_small_disk("FullToTheEnd", 901, tmp_path, 60 * MIB)


def test_no_journal_possible(tmp_path):
    """No file may be longer than 1 MiB: there can be no journal at all."""
    limited = ["prlimit", f"--fsize={MIB}"]
    plain = one("Plain", 902, tmp_path / "without", journaled=False)
    RUN[:0] = limited
    try:
        seen = one("Plain", 902, tmp_path / "with")
    finally:
        del RUN[:len(limited)]
    assert seen.end() == plain.end() and seen.log() == plain.log(), repr(seen)
    loud(seen)
    assert difference(plain.result, seen.result) == []


def test_read_only(tmp_path):
    """The results file cannot be written at the end, and ARTIQ says so; nothing fails before. The journal is somewhere
    else, and the file can be made of it."""
    plain = one("ReadOnly", 903, tmp_path / "without", journaled=False, arguments={"disk": "/proc"})
    with small_disk(tmp_path, 60 * MIB) as disk:
        if not disk.mounted:
            pytest.skip("no disk can be mounted here: that takes root")
        subprocess.run(["mount", "-o", "remount,ro", str(disk.place)], check=True)
        seen = one("ReadOnly", 903, tmp_path / "with", arguments={"disk": str(disk.place)})
        assert seen.end() == plain.end(), repr(seen)
        assert ["WARNING", "experiment", "analyze was reached"] in seen.log(), repr(seen)
        loud(seen)
        journal, = [*seen.journals(), *(tmp_path / "with" / "state").glob("runs/*.daybook")]
        subprocess.run([PROGRAM, "replay", journal, "-o", tmp_path / "made.h5"], check=True, capture_output=True)
        assert content(tmp_path / "made.h5")["datasets/before"].tolist() == [1, 2, *range(200)]


def test_network_share(tmp_path):
    """Results on a share: the journal is in the state folder, on a local disk; the file on the share, as ARTIQ's."""
    library = ":".join(filter(None, [os.environ.get("LD_PRELOAD"), os.environ["NETWORK_SHARE_LIBRARY"]]))
    share = tmp_path / "share"
    share.mkdir()
    plain = one("Plain", 907, tmp_path / "without", journaled=False)
    entry = job("faults", "Plain", 907, folder=str(share / "work"))
    seen = drive([entry], tmp_path / "with", journaled=True, LD_PRELOAD=library, NETWORK_SHARE=share,
                 ASAN_OPTIONS="detect_leaks=0:verify_asan_link_order=0")[entry["name"]]
    assert seen.end() == plain.end() and seen.log() == plain.log(), repr(seen)
    assert difference(plain.result, seen.result) == []
    assert seen.journals() == [] and not list(share.rglob("*.daybook")), repr(seen)
    journal, = (tmp_path / "with" / "state" / "runs").glob("*.daybook")
    subprocess.run([PROGRAM, "verify", journal, seen.result], check=True, capture_output=True)
    assert owed(tmp_path / "with") == []


def test_no_state_folder(tmp_path):
    """The registry of open runs cannot be written: a warning, and all else as ever."""
    (tmp_path / "with").mkdir()
    (tmp_path / "with" / "state").write_text("a file where a folder should be")
    plain = one("Plain", 904, tmp_path / "without", journaled=False)
    seen = one("Plain", 904, tmp_path / "with")
    assert seen.end() == plain.end() and seen.log() == plain.log(), repr(seen)
    loud(seen)
    assert difference(plain.result, seen.result) == [] and len(seen.journals()) == 1


def test_program_missing(tmp_path):
    """The program that makes the files is gone: h5py makes it, as ARTIQ does."""
    plain = one("Plain", 905, tmp_path / "without", journaled=False)
    entry = job("faults", "Plain", 905)
    seen = drive([entry], tmp_path / "with", journaled=True, DAYBOOK_PROGRAM="/bin/false")[entry["name"]]
    assert seen.end() == plain.end() and seen.log() == plain.log(), repr(seen)
    loud(seen)
    assert difference(plain.result, seen.result) == []


def test_journal_exists(tmp_path):
    """A rid that was given before: the journal of then is left alone, this one gets another name."""
    first = one("Plain", 906, tmp_path)
    before = sorted((path.name, path.stat().st_size) for path in first.journals()[0].iterdir())
    second = one("Plain", 906, tmp_path)
    names = [path.name for path in second.journals()]
    if len({path.parent for path in second.journals()}) == 1:  # else an hour had passed
        assert names == ["000000906-Plain.2.daybook", "000000906-Plain.daybook"]
    assert before == sorted((path.name, path.stat().st_size) for path in first.journals()[-1].iterdir())
    assert owed(tmp_path) == []
