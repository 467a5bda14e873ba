"""daybook checkpoint and replay --run-layout: a run's own file, in mid-run and at its end."""

import json
import os
import stat
import subprocess

import h5py
import pytest

from h5compare import compare
from runs import eventually, experiment, feed, journal, live, wait_until_committed
from test_recover import check_file, crashed
from trace_player import play

LAYOUT = 'name = "lab"\n[[transform]]\nuse = "compress"\nmin-bytes = 0\n'
PATIENCE = ["--timeout", "60"]


def model(lines, folder):
    play(lines, watch=False).write(folder / "model.h5")
    return folder / "model.h5"


def without_run_time(differences):
    return [d for d in differences if "run_time" not in d]


def test_twice_while_it_runs(daybook, tmp_path):
    e = experiment()
    with live(daybook, tmp_path / "runs", e.lines) as (run, process):
        own = tmp_path / "runs" / "000000042-Demo.h5"
        first = daybook("checkpoint", run, *PATIENCE, "--json").json
        assert first["live"] and first["checkpoint"] == first["sequence"] and first["file"] == str(own), first
        assert not first["complete"] and "not_answered" not in first
        assert not without_run_time(compare(own, model(e.lines, tmp_path)))
        with h5py.File(own) as before:       # open while it is replaced
            count = len(e.lines)
            e.set("late", 2)
            e.append_to("counts", 99)
            feed(process, e.lines[count:])
            second = daybook("checkpoint", run, *PATIENCE, "--json", "--name", "later").json
            assert second["checkpoint"] > first["checkpoint"]
            assert before["datasets/late"][()] and len(before["datasets/counts"]) == 21
        assert not without_run_time(compare(own, model(e.lines, tmp_path)))
        assert h5py.File(own).attrs["daybook_event"] == second["checkpoint"]
        assert sorted(os.listdir(run)) == ["data.mdb", "intake", "lock.mdb"]

        # The run was not disturbed, and goes on to its end.
        count = len(e.lines)
        e.finish()
        feed(process, e.lines[count:])
        process.stdin.close()
        assert process.wait(timeout=60) == 0
        daybook("verify", run)
        names = [event["name"] for event in daybook("log", run, "--json").json_lines if event["kind"] == "checkpoint"]
        assert names == ["checkpoint", "later"]
        # Each can be had again, as it was.
        daybook.replay(run, tmp_path / "again.h5", "--at", "later")
        assert h5py.File(tmp_path / "again.h5").attrs["daybook_event"] == second["checkpoint"]


def test_of_a_run_at_its_own_pace(daybook, tmp_path):
    """The writer sleeps most of the time, as an experiment does."""
    e = experiment(pace=.2)
    e.finish()
    (tmp_path / "trace.jsonl").write_text(e.text())
    run = tmp_path / "run.daybook"
    process = daybook.start("ingest", "--realtime", tmp_path / "trace.jsonl", "-o", run)
    try:
        eventually(run.exists)
        made = [daybook("checkpoint", run, *PATIENCE, "--json").json for _ in range(2)]
        assert all(m["live"] and m["checkpoint"] for m in made)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    finally:
        process.kill()
    assert not daybook("checkpoint", run, "--json").json["live"]
    check_file(e.lines, tmp_path / "000000042-Demo.h5", tmp_path)


def test_in_its_own_layout_and_elsewhere(daybook, tmp_path):
    (tmp_path / "lab.toml").write_text(LAYOUT)
    run = tmp_path / "run.daybook"
    process = daybook.start("ingest", "-", "-o", run, "--ack", "--layout", tmp_path / "lab.toml", stdin=-1)
    try:
        feed(process, experiment().lines)
        done = daybook("checkpoint", run, *PATIENCE, "-o", tmp_path / "x.h5", "--json").json
        assert done["layout"] == "lab" and done["file"] == str(tmp_path / "x.h5")
        assert h5py.File(tmp_path / "x.h5")["datasets/image"].compression == "gzip"
        assert not (tmp_path / "000000042-Demo.h5").exists()
    finally:
        process.kill()
        process.communicate()


def test_nobody_writes_it(daybook, tmp_path):
    run, lines = crashed(daybook, tmp_path / "runs")
    own = tmp_path / "runs" / "000000042-Demo.h5"
    done = daybook("checkpoint", run)
    assert "nobody is writing it" in done.err and done.out == f"{own}\n"
    check_file(lines, own, tmp_path)
    assert "nothing to do" in daybook("recover", run).out


def test_a_writer_that_does_not_answer(daybook, tmp_path):
    with live(daybook, tmp_path / "runs") as (run, process):
        eventually(lambda: '"late"' in daybook("log", run, "--json").out)      # it is committed
        process.send_signal(subprocess.signal.SIGSTOP)
        try:
            done = daybook("checkpoint", run, "--timeout", "0.1", "--json")
            assert done.json["live"] and done.json["checkpoint"] is None and "100 ms" in done.json["not_answered"]
            assert "had been committed" in done.err
            assert len(h5py.File(done.json["file"])["datasets/counts"]) == 21
            assert not (run / "checkpoint-request").exists()
        finally:
            process.send_signal(subprocess.signal.SIGCONT)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_ours(daybook, tmp_path):
    with live(daybook, tmp_path / "runs") as (run, _):
        run.chmod(stat.S_IRUSR | stat.S_IXUSR)
        done = daybook("checkpoint", run, "--json")
        assert "ermission" in done.json["not_answered"]
        run.chmod(stat.S_IRWXU)


def test_a_left_request_is_in_nobodys_way(daybook, tmp_path):
    run, _ = crashed(daybook, tmp_path / "runs")

    def leave():
        (run / "checkpoint-request").write_text("left\n")

    leave()
    assert "live" not in daybook("ls", tmp_path / "runs").out
    daybook("verify", run)
    assert "checkpoint-request" not in daybook("doctor", tmp_path / "runs", expect=1).out
    daybook("recover", run)
    for command in (["compact", run], ["prune", tmp_path / "runs", "--older-than", "1d", "--materialized"]):
        leave()
        daybook(*command, expect=None)
        assert "is not a part of the journal" not in daybook("compact", run).err
    leave()
    daybook("salvage", run, "-o", tmp_path / "salvaged.daybook")
    daybook("replay", run, "-o", tmp_path / "x.h5")


def test_wrong_names(daybook, tmp_path):
    with live(daybook, tmp_path / "runs") as (run, _):
        assert "one line" in daybook("checkpoint", run, "--name", "a\nb", expect=1).err
        assert "one line" in daybook("checkpoint", run, "--name", "", expect=1).err
    daybook("checkpoint", tmp_path / "nowhere.daybook", expect=1)
    daybook("checkpoint", run, "--timeout", "-1", expect=2)


def test_replay_in_the_runs_own_layout(daybook, tmp_path):
    (tmp_path / "lab.toml").write_text(LAYOUT)
    run, _ = crashed(daybook, tmp_path / "runs", "run", None, "--layout", tmp_path / "lab.toml", "--results", "mine.h5")
    (tmp_path / "runs" / "mine.h5").write_text("whatever stands there")
    done = daybook("replay", run, "--run-layout", "--record", "--json").json
    assert done["file"] == str(tmp_path / "runs" / "mine.h5")
    assert done["layout"] == "lab" and done["layout_failure"] is None and done["refused"] == []
    assert daybook("log", run, "--json").json_lines[-1]["kind"] == "materialized"
    assert "nothing to do" in daybook("recover", run).out
    daybook("replay", run, "--run-layout", "--layout", tmp_path / "lab.toml", expect=2)
    # Without the flag nothing is as it was not before.
    assert daybook.replay(run, tmp_path / "x.h5", "--json").json["layout"] == "artiq"


def test_replay_with_a_layout_that_fails(daybook, tmp_path):
    (tmp_path / "bad.toml").write_text('[[transform]]\nuse = "constant"\npath = "/datasets"\nvalue = 1\n')
    run = tmp_path / "runs" / "run.daybook"
    run.parent.mkdir()
    (tmp_path / "trace.jsonl").write_text(experiment().text())
    daybook.ingest(tmp_path / "trace.jsonl", run, "--layout", tmp_path / "bad.toml")
    done = daybook("replay", run, "--run-layout", "-o", tmp_path / "x.h5", "--json", expect=1)
    assert done.json["layout"] == "artiq" and "/datasets" in done.json["layout_failure"]
    assert "laid out as ARTIQ does it" in done.err
    check_file(experiment().lines, tmp_path / "x.h5", tmp_path)


def test_replay_of_many_in_their_own_layouts(daybook, tmp_path):
    for name in "ab":
        journal(daybook, tmp_path / "runs" / name)
    done = daybook("replay", tmp_path / "runs", "--run-layout", "--json", "--out-dir", tmp_path / "out")
    assert [line["layout"] for line in done.json_lines] == ["artiq", "artiq"]


def test_replay_of_a_live_run(daybook, tmp_path):
    e = experiment()
    with live(daybook, tmp_path / "runs", e.lines) as (run, _):
        wait_until_committed(daybook, run, e.lines)
        done = daybook("replay", run, "--run-layout", "--record", "--json")
        assert "was not told" in done.err
        assert not done.json["complete"] and len(h5py.File(done.json["file"])["datasets/counts"]) == 21


def test_recover_waits_for_replay(daybook, tmp_path):
    """At once or one after the other: one file, one word of it in the journal."""
    for i in range(4):
        run, _ = crashed(daybook, tmp_path / str(i))
        both = [daybook.start("replay", run, "--run-layout", "--record", "--json"),
                daybook.start("recover", "--json", run)]
        said = [process.communicate(timeout=120) for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        assert json.loads(said[1][0])["outcome"] in ("nothing to do", "recovered")
        kinds = [event["kind"] for event in daybook("log", run, "--json").json_lines]
        assert kinds.count("materialized") == 1
        assert sorted(os.listdir(tmp_path / str(i))) == ["000000042-Demo.h5", "crashed.daybook"]
