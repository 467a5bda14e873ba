"""Random values of every type: through Journal and back through Run, and against what h5py writes and reads."""

import gc
import os
import random
import warnings

import h5py
import numpy as np
import pytest

import daybook
from h5compare import compare
from random_values import Values
from test_api_golden import check_mapping
from trace_oracle import Experiment


def record(path, experiment):
    with daybook.Journal.create(path, rid=experiment.rid, class_name=experiment.class_name, expid=experiment.expid,
                                start_time=experiment.start_time, software_version=experiment.version) as journal:
        journal.stage("run", experiment.run_time)
        for key, value in experiment.local.items():
            journal.set(key, value, attributes=experiment.metadata[key])
        for key, value in experiment.archive.items():
            journal.archive(key, value)


@pytest.mark.filterwarnings("ignore")
def test_random_values(tmp_path):
    for seed in range(int(os.environ.get("DAYBOOK_SEEDS", "12"))):
        values = Values(random.Random(seed))
        experiment = Experiment(rid=seed)
        for i in range(40):
            value = values.any()
            experiment.local[f"d{i}"] = value
            experiment.metadata[f"d{i}"] = {"unit": "MHz", "odd": values.any()} if i % 4 == 0 else {}
        experiment.archive["a"] = values.any_array()
        experiment.write(tmp_path / "expected.h5")
        path, out = tmp_path / f"{seed}.daybook", tmp_path / f"{seed}.h5"
        record(path, experiment)
        with daybook.open(path) as run:
            report = run.replay(out)
            found = compare(out, tmp_path / "expected.h5", padding=False)      # h5py copies with chance in the gaps
            assert not found, f"seed {seed}: " + "\n".join(found[:20])
            refused = {(r.group, r.key) for r in experiment.refused}
            assert {(r.group, r.key) for r in report.refused} == refused, f"seed {seed}"
            with h5py.File(out) as file:
                for key in run:
                    whole = [r for r in experiment.refused if (r.group, r.key) == ("datasets", key) and r.attribute is None]
                    if whole:
                        with pytest.raises(daybook.InvalidError):
                            run[key]
                keys = [key for key in run if ("datasets", key) not in refused]
                for key in keys:
                    check_mapping_of(run, file, key, seed)


def check_mapping_of(run, file, key, seed):
    class One:
        describe, attributes, archive = run.describe, run.attributes, {}

        def __iter__(self):
            return iter([key])

        def __getitem__(self, name):
            return run[name]
    try:
        check_mapping(One(), file)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from None


def test_structured_values_come_back_with_their_gaps(tmp_path):
    dtype = np.dtype({"names": ["a", "b"], "formats": ["<i2", (">f8", (2,))], "offsets": [1, 8], "itemsize": 31})
    whole = np.frombuffer(bytearray(random.Random(1).randbytes(31 * 12)), dtype).reshape(3, 4)
    path = tmp_path / "r.daybook"
    with daybook.Journal.create(path) as journal:
        journal.set("whole", whole)
        journal.set("part", whole[::-1, ::2])
        journal.set("one", whole[1, 1])
    with daybook.open(path) as run:
        for key, expected in (("whole", whole), ("one", whole[1, 1])):
            assert run[key].dtype == dtype and run[key].tobytes() == expected.tobytes(), key
        # NumPy's own copy of a view leaves the gaps to chance: each element is compared where it is.
        for index in np.ndindex(3, 2):
            assert run["part"][index].tobytes() == whole[::-1, ::2][index].tobytes()


def test_values_own_their_memory(tmp_path):
    """Nothing that was read depends on the run, or on the journal's file, any more."""
    path = tmp_path / "r.daybook"
    big = np.arange(1 << 20, dtype="<u4").reshape(1024, 1024)
    with daybook.Journal.create(path) as journal:
        journal.set("big", big)
        journal.set("text", ["µs", "x" * 5000])
        journal.append("text", "end")
    run = daybook.open(path)
    array, text, again = run["big"], run["text"], run["big"]
    event = next(event for event in run.events() if event.kind == "set")
    value = event.value
    run.close()
    (path / "data.mdb").write_bytes(b"")
    del run
    gc.collect()
    assert np.array_equal(array, big) and np.array_equal(value, big)
    array[0, 0] = 7          # its own memory, which may be written
    assert again[0, 0] == 0 and list(text) == ["µs", "x" * 5000, "end"]
    with pytest.raises(daybook.InvalidError, match="closed"):
        event.value


def test_a_view_keeps_what_it_was(tmp_path):
    """refresh() moves the newest view on, and no other one."""
    path = tmp_path / "r.daybook"
    writer = daybook_writer(path)
    run = daybook.open(path)
    fixed, seen = run.at(run.sequence), run["x"]
    assert seen == 1
    writer("journal.set('x', 2)")
    assert run["x"] == 1
    run.refresh()
    assert run["x"] == 2 and fixed["x"] == 1 and seen == 1
    run.close()


def daybook_writer(path):
    """A process that writes the journal and does as it is told; the function returns when the events are in LMDB."""
    import subprocess
    import sys
    program = ("import sys, daybook\n"
               f"journal = daybook.Journal.create({str(path)!r}, commit_interval=1000)\n"
               "journal.set('x', 1)\n"
               "journal.commit(); print('ready', flush=True)\n"
               "for line in sys.stdin:\n    exec(line); journal.commit(); print('done', flush=True)\n")
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"

    def tell(line):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"
    tell.process = process
    return tell


@pytest.mark.filterwarnings("error")
def test_what_hdf5_cannot_hold_is_told_at_the_call(tmp_path):
    path = tmp_path / "r.daybook"
    with daybook.Journal.create(path) as journal:
        with pytest.warns(daybook.UnstorableWarning, match="dataset 'bad'.*NoneType"):
            journal.set("bad", None)
        recursive = []
        recursive.append(recursive)
        journal.set("recursive", recursive)
        journal.set("good", 1)
    with daybook.open(path) as run:
        report = run.replay(tmp_path / "out.h5")
        assert [r.key for r in report.refused] == ["bad", "recursive"] and report.datasets == 1
        values = {event.key: event.value for event in run.events() if event.kind == "set"}
    assert values["bad"] == daybook.Unstorable("NoneType", "None")
    assert values["recursive"] == [daybook.Unstorable("list", "[...]")]
    with h5py.File(tmp_path / "out.h5") as file:
        assert list(file["datasets"]) == ["good"]


def test_an_interrupt_while_a_value_is_looked_at_is_not_swallowed(tmp_path):
    class Awkward:
        def __init__(self, error):
            self.error = error

        def __repr__(self):
            raise self.error
    with daybook.Journal.create(tmp_path / "r.daybook") as journal:
        with pytest.raises(KeyboardInterrupt):
            journal.set("x", Awkward(KeyboardInterrupt()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            journal.set("y", Awkward(ValueError("no")))
    with daybook.open(tmp_path / "r.daybook") as run:
        assert list(run) == ["y"]
