"""daybook.Journal: indices, errors, threads, forks."""

import errno
import os
import random
import subprocess
import sys
import threading

import numpy as np
import pytest

import daybook
from test_api_values import daybook_writer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "r.daybook"


def random_index(rng, shape):
    def one(extent):
        if rng.random() < .4 and extent:
            return rng.choice([rng.randrange(-extent, extent), np.int64(rng.randrange(extent))])
        ends = [None, *range(-extent - 2, extent + 3)]
        return slice(rng.choice(ends), rng.choice(ends), rng.choice([None, 1, 2, 3, -1, -2]))
    items = [one(extent) for extent in shape[:rng.randrange(len(shape) + 1)]]
    if rng.random() < .3:
        at = rng.randrange(len(items) + 1)
        rest = shape[len(shape) - (len(items) - at):] if at < len(items) else ()
        items[at:] = [Ellipsis, *[one(extent) for extent in rest]]
    if rng.random() < .1:
        items.insert(rng.randrange(len(items) + 1), None)
    if len(items) == 1 and rng.random() < .5:
        return items[0]
    return tuple(items)


def test_mutate_does_what_numpy_does(path):
    """Random indices and values on random arrays: the journal's array and NumPy's stay one."""
    rng = random.Random(5)
    expected, tried, refused = {}, 0, 0
    with daybook.Journal.create(path) as journal:
        for i in range(60):
            shape = tuple(rng.choice([0, 1, 2, 5]) for _ in range(rng.randrange(4)))
            dtype = rng.choice(["<f8", ">i2", "u1", "?", "c8", "S3", [("a", "i4"), ("b", "f8")]])
            array = np.zeros(shape, dtype)
            key = f"a{i}"
            journal.set(key, array)
            for _ in range(12):
                index = random_index(rng, shape)
                value = rng.choice([1, 0, np.arange(3) % 2, b"ab", (1, 2.5), [[1], [0]], True])
                before = array.copy()
                try:
                    array[index] = value
                except (TypeError, ValueError, IndexError) as error:
                    array[...] = before
                    with pytest.raises(type(error), match=f"mutate '{key}'"):
                        journal.mutate(key, index, value)
                    refused += 1
                else:
                    journal.mutate(key, index, value)
                    tried += 1
            expected[key] = array
    with daybook.open(path) as run:
        for key, array in expected.items():
            expected_value = array[()]       # of rank 0: a scalar, which NumPy has in native order only
            assert run[key].dtype == expected_value.dtype and run[key].tobytes() == expected_value.tobytes(), key
    assert tried > 200 and refused > 50


def test_mutate_of_lists(path):
    with daybook.Journal.create(path) as journal:
        journal.set("x", [1, 2, 3])
        journal.append("x", 4)
        journal.mutate("x", -1, 4.5)
        journal.mutate("x", np.int32(0), 0)
        for index in (4, -5):
            with pytest.raises(IndexError, match="mutate 'x': index .* out of range of a list of 4"):
                journal.mutate("x", index, 1)
        for index in (slice(1, 2), "a", 1.0, (0,)):
            with pytest.raises(daybook.InvalidError, match="mutate 'x'.*replace"):
                journal.mutate("x", index, 1)
    with daybook.open(path) as run:
        assert run["x"].tolist() == [0, 2, 3, 4.5]


def test_mutate_after_opening_anew(path):
    with_text = np.array(["a", "b"], object)
    journal = daybook.Journal.create(path)
    journal.set("x", np.zeros((2, 3), ">f4"))
    journal.set("list", [1, 2])
    journal.append("list", 3)
    journal.set("text", with_text)
    journal.close()
    with daybook.Journal.open(path) as journal:
        journal.mutate("x", (-1, slice(None, None, -1)), [1, 2, 3])
        journal.mutate("list", -1, 30)
        journal.mutate("text", 1, "µ")
    with daybook.open(path) as run:
        assert run["x"].dtype == ">f4" and run["x"].tolist() == [[0, 0, 0], [3, 2, 1]]
        assert run["list"].tolist() == [1, 2, 30] and run["text"].tolist() == ["a", "µ"]


def test_mutate_of_what_has_no_elements(path):
    with daybook.Journal.create(path) as journal:
        journal.set("scalar", 1)
        journal.set("gone", [1])
        journal.remove("gone")
        journal.set("x", np.zeros(4))
        for key in ("scalar", "gone", "never"):
            with pytest.raises(daybook.InvalidError, match=f"mutate '{key}'"):
                journal.mutate(key, 0, 1)
        for index in ([0, 1], np.array([True, False, True, False]), "field", True, 1.5):
            with pytest.raises((daybook.InvalidError, IndexError), match="mutate 'x'"):
                journal.mutate("x", index, 1)
        journal.mutate("x", slice(1, 3), 5, shape=(4,))
        before = journal.statistics().last
        with pytest.raises(daybook.InvalidError):
            journal.mutate("x", 9, 5, shape=(10,))       # the journal knows better
        assert journal.statistics().last == before
    with daybook.open(path) as run:
        assert run["x"].tolist() == [0, 5, 5, 0]


@pytest.mark.parametrize("call", [
    lambda journal: journal.set(5, 1), lambda journal: journal.append(None, 1), lambda journal: journal.mutate(b"x", 0, 1),
    lambda journal: journal.checkpoint(3), lambda journal: journal.set_attribute("x", 1, 2),
    lambda journal: journal.finish(None), lambda journal: journal.set("x", 1, attributes={1: 2}),
    lambda journal: journal.stage(1)])
def test_arguments_of_the_wrong_type(call, path):
    with daybook.Journal.create(path) as journal:
        journal.set("x", [1])
        with pytest.raises(TypeError, match="must be str, not"):
            call(journal)


def test_errors_and_their_bases(path, tmp_path):
    assert issubclass(daybook.InvalidError, ValueError) and issubclass(daybook.StorageError, OSError)
    assert issubclass(daybook.BusyError, BlockingIOError) and issubclass(daybook.FullError, daybook.StorageError)
    for error in (daybook.InvalidError, daybook.BusyError, daybook.StorageError, daybook.CorruptError,
                  daybook.UnsupportedError):
        assert issubclass(error, daybook.Error)
    journal = daybook.Journal.create(path)
    with pytest.raises(BlockingIOError):
        daybook.Journal.open(path)
    with pytest.raises(ValueError, match="exists already"):
        daybook.Journal.create(path)
    with pytest.raises(OSError, match="there is no folder"):
        daybook.Journal.create(tmp_path / "nowhere" / "r.daybook")
    with pytest.raises(ValueError, match="'x'"):
        journal.append("x", 1)
    with pytest.raises(ValueError, match="65536"):
        daybook.Journal.create(tmp_path / "s.daybook", intake_bytes=5)
    for bad in (-1, float("nan")):
        with pytest.raises(ValueError, match="commit_interval"):
            daybook.Journal.create(tmp_path / "s.daybook", commit_interval=bad)
    journal.finish()
    for call in (lambda: journal.set("x", 1), lambda: journal.sync(), lambda: journal.mutate("x", 0, 1)):
        with pytest.raises(daybook.InvalidError):
            call()
    journal.close()
    with pytest.raises(daybook.UnsupportedError):
        daybook.open(tmp_path)


def test_a_run_that_is_open_keeps_this_process_from_writing(path):
    with daybook.Journal.create(path) as journal:
        journal.set("x", 1)
    del journal
    with daybook.open(path):
        with pytest.raises(BlockingIOError, match="open for reading in this process"):
            daybook.Journal.open(path)
    daybook.Journal.open(path).close()


def test_an_error_of_the_system_has_its_number(tmp_path):
    with pytest.raises(OSError) as info:
        daybook.Journal.create(tmp_path / ("x" * 300))
    assert isinstance(info.value, daybook.StorageError) and info.value.errno == errno.ENAMETOOLONG
    assert str(info.value).count("too long") == 1 and "[Errno" not in str(info.value)


def test_the_context_manager_says_how_the_run_ended(tmp_path):
    with daybook.Journal.create(tmp_path / "ok.daybook") as journal:
        journal.set("x", 1)
    with pytest.raises(RuntimeError):
        with daybook.Journal.create(tmp_path / "bad.daybook"):
            raise RuntimeError("laser unlocked\nand more")
    for name, how in (("ok", "ok"), ("bad", "raised RuntimeError: laser unlocked")):
        with daybook.open(tmp_path / f"{name}.daybook") as run:
            *_, end = run.events()
            assert end.kind == "runEnded" and end.details == {"how": how} and run.status.phase == "finished"


HOLDER = """
import ctypes, sys
lmdb = ctypes.CDLL("liblmdb.so.0")
environment, transaction = ctypes.c_void_p(), ctypes.c_void_p()
assert lmdb.mdb_env_create(ctypes.byref(environment)) == 0
assert lmdb.mdb_env_open(environment, sys.argv[1].encode(), 0, 0o644) == 0
assert lmdb.mdb_txn_begin(environment, None, 0, ctypes.byref(transaction)) == 0
print("held", flush=True)
sys.stdin.readline()
lmdb.mdb_txn_abort(transaction)
"""


def test_waiting_for_room_lets_other_threads_run(path):
    """Another process keeps the journal from committing, so that the intake gets full. Only this thread can make it let go:
    if the waiting append held the GIL, it would wait until it gave up."""
    journal = daybook.Journal.create(path, intake_bytes=1 << 16, commit_interval=1000, full_timeout=60)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    assert holder.stdout.readline() == "held\n"
    journal.set("x", [])
    errors = []

    def append():
        try:
            for i in range(2000):
                journal.append("x", float(i))
        except Exception as error:
            errors.append(error)
    thread = threading.Thread(target=append)
    thread.start()
    last, still = 0, 0
    while still < 2000:
        now = journal.statistics().last
        last, still = now, still + 1 if now == last and now > 100 else 0
    assert last < 2000
    holder.communicate("go\n")
    thread.join()
    assert errors == [] and journal.statistics().waits > 0
    journal.finish()
    with daybook.open(path) as run:
        assert run["x"].tolist() == list(range(2000))


def test_threads_append_at_once(path):
    with daybook.Journal.create(path, intake_bytes=1 << 16) as journal:
        def work(n):
            journal.set(f"x{n}", [])
            for i in range(500):
                journal.append(f"x{n}", i)
                journal.set("shared", np.full(10, i))
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with daybook.open(path) as run:
        assert all(run[f"x{n}"].tolist() == list(range(500)) for n in range(4)) and run.last == 1 + 4 * 1001 + 1


def in_child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def refuses(call):
    try:
        call()
    except daybook.InvalidError as error:
        return "forked" in str(error)
    return False


def test_after_a_fork_the_child_is_told_and_the_parent_not_disturbed(path, tmp_path):
    other = tmp_path / "other.daybook"
    with daybook.Journal.create(other) as journal:
        journal.set("y", 1)
    run = daybook.open(other)
    journal = daybook.Journal.create(path)
    journal.set("x", [1])

    def child():
        told = all(map(refuses, (lambda: journal.append("x", 2), lambda: journal.mutate("x", 0, 1), journal.sync,
                                 journal.finish, journal.close, lambda: run["y"])))
        with daybook.Journal.create(tmp_path / "child.daybook") as own:
            own.set("z", 3)
        return told
    assert in_child(child) == 0
    journal.append("x", 3)
    journal.finish()
    assert run["y"] == 1
    run.close()
    with daybook.open(path) as run:
        assert run["x"].tolist() == [1, 3]
    with daybook.open(tmp_path / "child.daybook") as run:
        assert run["z"] == 3 and run.status.phase == "finished"


def test_a_killed_writer_leaves_what_returned(path):
    tell = daybook_writer(path)
    tell("[journal.set('y', i) for i in range(100)]")
    tell.process.kill()
    tell.process.wait()
    with daybook.open(path) as run:
        assert run["y"] == 99 and run.status == daybook.Status("crashed", False, False)
    report = daybook.recover(path)
    assert report.outcome == "whole" and report.before == "crashed" and not report.complete
    assert daybook.recover(path).outcome == "nothing to do"
