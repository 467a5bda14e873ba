"""The program's manners: exit codes, help, messages for wrong input, data on stdout and words on stderr."""

import json

import h5py
import numpy as np
import pytest

from conftest import GOLDEN
from h5compare import compare
from runs import experiment, feed, journal, live, tree, wait_until_committed
from trace_oracle import Experiment
from trace_player import play

COMMANDS = ["ingest", "replay", "ls", "show", "log", "layout", "verify"]


def complaint(result, *words):
    """The one line of complaint, which must contain `words`."""
    lines = [line for line in result.err.splitlines() if line.startswith("daybook")]
    assert len(lines) == 1 and result.err.count("\n") == 1, result.err
    for word in words:
        assert str(word) in lines[0], f"{word!r} is not in {lines[0]!r}"
    assert len(lines[0]) < 600
    return lines[0]


@pytest.fixture(scope="module")
def demo(daybook, tmp_path_factory):
    return journal(daybook, tmp_path_factory.mktemp("demo"))


def test_help(daybook):
    top = daybook("--help")
    for command in COMMANDS:
        assert command in top.out
        result = daybook(command, "--help")
        assert "Example" in result.out and f"daybook {command}" in result.out and result.err == ""
    assert top.err == ""
    assert daybook("--version").out.startswith("daybook ")


@pytest.mark.parametrize("args", [[], ["nonsense"], ["replay"], ["replay", "--nonsense"], ["ingest"], ["verify"],
                                  ["log"], ["show"], ["replay", "x", "--at"]], ids=lambda a: "+".join(a) or "none")
def test_usage(args, daybook):
    result = daybook(*args, expect=2)
    assert result.out == ""
    complaint(result, "--help")


def test_streams(daybook, demo, tmp_path):
    """What a script reads is on stdout and alone there."""
    trace = tmp_path / "x.jsonl"
    trace.write_text("\n".join(experiment().lines) + "\n")
    assert daybook.ingest(trace, tmp_path / "x.daybook").lines == [str(tmp_path / "x.daybook")]
    acks = daybook.ingest(trace, tmp_path / "y.daybook", "--ack").lines
    assert acks == [str(n + 1) for n in range(len(experiment().lines))]
    assert daybook.replay(demo, tmp_path / "x.h5").lines == [str(tmp_path / "x.h5")]
    report = daybook.replay(demo, tmp_path / "x.h5", "--json").json
    assert report["file"] == str(tmp_path / "x.h5") and report["complete"] is True and report["refused"] == []
    assert report["bytes"] == (tmp_path / "x.h5").stat().st_size
    assert daybook("verify", demo).out == ""
    found = daybook("verify", demo, tmp_path / "x.h5", "--json").json
    assert found["sound"] is True and found["damage"] == [] and found["differences"] == []


def test_replay_file(daybook, demo, tmp_path):
    """The file names its journal; an existing one is replaced; a folder that is missing or no folder is an error."""
    file = tmp_path / "x.h5"
    file.write_text("something else")
    daybook.replay(demo, file)
    experiment_ = experiment()
    experiment_.write(tmp_path / "model.h5")
    assert compare(file, tmp_path / "model.h5") == []
    with h5py.File(file, "r") as f:
        assert any(name.startswith("daybook_") for name in f.attrs)
    complaint(daybook.replay(demo, tmp_path / "no" / "x.h5", expect=1), "no")
    complaint(daybook.replay(demo, file / "x.h5", expect=1), "x.h5")
    (tmp_path / "folder.h5").mkdir()
    complaint(daybook.replay(demo, tmp_path / "folder.h5", expect=1), "folder.h5")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.h5", "model.h5", "x.h5"]


def append(value):
    return '{"n":7,"t":1,"ev":"append","key":"a","value":' + value + "}"


def array(dtype, shape, content=""):
    return f'{{"t":"ndarray","dtype":"{dtype}","shape":{shape},"b64":"{content}"}}'


def mutate(key, resolved):
    return f'{{"n":7,"t":1,"ev":"mutate","key":"{key}","resolved":{{{resolved}}}}}'


MALFORMED = {
    "no_json": '{"n":7,"t":1,', "no_object": "[1,2]", "empty_object": "{}", "no_key": '{"n":7,"t":1,"ev":"set"}',
    "binary": "\x00\x01\xff", "bad_value": append('{"t":"nonsense"}'), "bad_base64": append('{"t":"bytes","b64":"?"}'),
    "bad_bits": append('{"t":"float","bits":"xyz"}'), "bad_shape": append(array("<f8", "[3]", "AAAA")),
    "huge_shape": append(array("<f8", "[4294967296,4294967296]")), "negative_shape": append(array("<f8", "[-1]")),
    "bad_dtype": append(array("<q9", "[0]")), "deep": append('{"t":"list","v":[' * 20000 + "]}" * 20000),
    "unknown_list": append('{"t":"int","v":"1"}').replace('"a"', '"never set"'),
    "item_outside": mutate("a", '"kind":"item","index":99,"value":{"t":"int","v":"1"}'),
    "region_outside": mutate("b", '"kind":"region","start":[5],"count":[9],"step":[1],"value":'
                             + array("<f8", "[9]", "A" * 96)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_trace(name, daybook, tmp_path):
    """The message names file and line; what came before the line is kept."""
    e = Experiment(watch=False)
    e.set("a", [1])
    e.set("b", np.zeros(4))
    before = len(e.lines)
    trace = tmp_path / "bad.jsonl"
    trace.write_bytes(("\n".join(e.lines) + "\n").encode() + MALFORMED[name].encode("latin-1") + b"\n")
    result = daybook.ingest(trace, tmp_path / "run.daybook", expect=1)
    complaint(result, f"bad.jsonl:{before + 1}")
    daybook("verify", tmp_path / "run.daybook")
    daybook.replay(tmp_path / "run.daybook", tmp_path / "file.h5")
    e.write(tmp_path / "model.h5")
    assert compare(tmp_path / "file.h5", tmp_path / "model.h5") == []


def test_not_a_trace(daybook, tmp_path):
    header = '{"n":1,"t":0,"ev":"header","format":"artiq-dataset-trace","version":1}\n'
    contents = {"empty": "", "text": "hello\n", "other": header.replace("artiq-dataset-trace", "other"),
                "newer": header.replace('"version":1', '"version":99')}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        complaint(daybook.ingest(tmp_path / name, tmp_path / f"{name}.daybook", expect=1), name)
        assert not (tmp_path / f"{name}.daybook").exists()
    complaint(daybook.ingest(tmp_path / "missing", tmp_path / "m.daybook", expect=1), "missing")
    complaint(daybook.ingest(tmp_path, tmp_path / "m.daybook", expect=1), tmp_path.name)


def test_no_journal(daybook, demo, tmp_path):
    """A path that is no journal: the message says what it is."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.daybook").write_text("hello")
    (tmp_path / "rubbish.daybook").mkdir()
    (tmp_path / "rubbish.daybook" / "data.mdb").write_bytes(b"no database at all" * 1000)
    said = {GOLDEN / "Keys.h5": "HDF5", tmp_path / "empty": "empty", tmp_path / "text.daybook": "text.daybook",
            tmp_path / "missing": "missing", tmp_path / "rubbish.daybook": "rubbish.daybook", "/dev/null": "/dev/null"}
    for path, word in said.items():
        for command in (["replay", path, "-o", tmp_path / "out.h5"], ["show", path], ["log", path]):
            complaint(daybook(*command, expect=1), path, word)
        result = daybook("verify", path, expect=1)
        said_all = result.out + result.err
        assert str(path) in said_all and word in said_all and len(result.err.splitlines()) == 1
    assert not (tmp_path / "out.h5").exists()


def test_existing(daybook, demo, tmp_path):
    """A journal is never written over; nor is anything else."""
    trace = tmp_path / "x.jsonl"
    trace.write_text("\n".join(experiment().lines) + "\n")
    complaint(daybook.ingest(trace, demo, expect=1), demo.name)
    (tmp_path / "file").write_text("mine")
    complaint(daybook.ingest(trace, tmp_path / "file", expect=1), "file")
    assert (tmp_path / "file").read_text() == "mine"
    daybook("verify", demo)


def test_at(daybook, demo, tmp_path):
    """--at by sequence number and time; beyond the end and before the run are errors."""
    lines = [json.loads(line) for line in experiment().lines]
    events = daybook("log", demo, "--json").json_lines
    by_sequence = {e["sequence"]: e for e in events}
    where = [line["n"] for line in lines if line["ev"] not in ("header", "get")] + [lines[-1]["n"]]
    for sequence in (6, 9, 10, 15, len(where)):
        play(lines[:where[sequence - 1]], watch=False).write(tmp_path / "model.h5")
        daybook.replay(demo, tmp_path / "at.h5", "--at", sequence)
        assert compare(tmp_path / "at.h5", tmp_path / "model.h5") == []
        daybook.replay(demo, tmp_path / "time.h5", "--at", by_sequence[sequence]["time"])
        assert compare(tmp_path / "time.h5", tmp_path / "model.h5") == []
        report = daybook.replay(demo, tmp_path / "at.h5", "--at", sequence, "--json").json
        assert report["sequence"] == sequence and report["complete"] is False
    for at, word in {"100000": "100000", "@1000": "time", "no such checkpoint": "no such checkpoint"}.items():
        complaint(daybook.replay(demo, tmp_path / "no.h5", "--at", at, expect=1), demo.name, word)
    complaint(daybook.replay(demo, tmp_path / "no.h5", "--at", "2025-13-45T00:00", expect=2), "2025-13-45")
    assert not (tmp_path / "no.h5").exists()


def test_choice(daybook, demo, tmp_path):
    def datasets(*options):
        daybook.replay(demo, tmp_path / "some.h5", *options)
        return [name for name in tree(tmp_path / "some.h5") if name.startswith(("datasets/", "archive/"))]

    assert datasets("--only", "counts") == ["datasets/counts"]
    assert datasets("--only", "group/*") == ["datasets/group", "datasets/group/scalar", "datasets/group/text"]
    assert datasets("--only", "c*", "--only", "late") == ["datasets/counts", "datasets/late"]
    assert datasets("--exclude", "*", "--exclude", "x") == []
    assert datasets("--exclude", "group/*", "--exclude", "master*", "--exclude", "late") == \
        ["datasets/counts", "datasets/image"]
    assert datasets("--only", "group/*", "--exclude", "*text") == ["datasets/group", "datasets/group/scalar"]


def test_layouts(daybook, demo, tmp_path):
    layout, file = tmp_path / "layout.toml", tmp_path / "x.h5"
    layout.write_text('name = "small"\n[[transform]]\nuse = "compress"\nlevel = 9\nmin-bytes = 100\n')
    daybook.replay(demo, file, "--layout", layout)
    daybook("verify", demo, file, "--layout", layout)
    experiment().write(tmp_path / "model.h5")
    assert compare(file, tmp_path / "model.h5") == []
    with h5py.File(file, "r") as f:
        image = f["datasets/image"]
        assert image.compression == "gzip" and image.compression_opts == 9 and image.shuffle and image.chunks
        assert f["datasets/late"].chunks is None

    layout.write_text('[[transform]]\nuse = "merge-archive"\n')
    daybook.replay(demo, file, "--layout", layout)
    with h5py.File(file, "r") as f:
        assert "archive" not in f and f["datasets/master.offset"][()] == 2.5 and len(f["datasets/counts"]) == 21
    for bad, line in {'[[transform]]\nuse = "comprss"\n': 2, "[[transform]]\nuse = \"compress\"\nlevel = 12\n": None,
                      "[[transform]\n": 1, '[[transform]]\nuse = "compress"\nlevl = 1\n': None}.items():
        layout.write_text(bad)
        complaint(daybook.replay(demo, tmp_path / "no.h5", "--layout", layout, expect=1), f"layout.toml:{line or ''}")
    complaint(daybook.replay(demo, tmp_path / "no.h5", "--layout", tmp_path / "none.toml", expect=1), "none.toml")
    assert not (tmp_path / "no.h5").exists()


def test_verify_file(daybook, demo, tmp_path):
    """A file that does not hold what the journal says: exit 1, and where it differs."""
    file = tmp_path / "x.h5"
    daybook.replay(demo, file)
    with h5py.File(file, "r+") as f:
        f["datasets/counts"][5] = 99
        f["datasets/group/scalar"].attrs["precision"] = 4
        del f["datasets/late"]
    result = daybook("verify", demo, file, expect=1)
    for word in ("counts", "precision", "late"):
        assert any(word in line for line in result.lines), result.out
    complaint(daybook("verify", demo, GOLDEN / "README.md", expect=1), "README.md")
    complaint(daybook("verify", demo, tmp_path / "missing.h5", expect=1), "missing.h5")


def test_unreadable_output(daybook, demo, tmp_path):
    """Standard output that is full or closed is an error, not silence."""
    with open("/dev/full", "w") as full:
        process = daybook.start("log", demo, stdout=full)
        _, errors = process.communicate()
    assert process.returncode == 1 and b"standard output" in errors


def test_live_run(daybook, tmp_path):
    """While the writer runs: ls says live, replay gives what there is, a second writer is refused."""
    e = experiment()
    with live(daybook, tmp_path, e.lines) as (run, process):
        assert [entry["state"] for entry in daybook("ls", "--json", tmp_path).json_lines] == ["live"]
        trace = tmp_path / "x.jsonl"
        trace.write_text("\n".join(e.lines) + "\n")
        complaint(daybook.ingest(trace, run, expect=1), run.name)
        more = len(e.lines)
        for i in range(100):
            e.append_to("counts", i)
        feed(process, e.lines[more:])
        wait_until_committed(daybook, run, e.lines)
        report = daybook.replay(run, tmp_path / "now.h5", "--json").json
        assert report["complete"] is False
        e.write(tmp_path / "model.h5")
        assert compare(tmp_path / "now.h5", tmp_path / "model.h5") == []
        more = len(e.lines)
        e.finish()
        feed(process, e.lines[more:])
        process.stdin.close()
        assert process.wait() == 0
        assert [entry["state"] for entry in daybook("ls", "--json", tmp_path).json_lines] == ["finished"]
        assert daybook.replay(run, tmp_path / "now.h5", "--json").json["complete"] is True
        assert sorted(p.name for p in run.iterdir()) == ["data.mdb", "lock.mdb"]
