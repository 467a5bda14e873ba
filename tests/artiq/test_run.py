"""daybook-run: what it starts, what it passes on, and what it does when a worker dies under it."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from harness import EXPERIMENTS, LET_DIE, PROGRAM, PYTHON, RUN, content, difference, environment, eventually, owed


def call(command, tmp_path, journaled=True, more=None, **options):
    """Runs a command, below daybook-run if `journaled`."""
    env = environment(journaled, tmp_path / "state") | (more or {})
    return subprocess.run([*RUN, *command] if journaled else command, env=env, cwd=tmp_path, text=True, timeout=60,
                          capture_output=True, **options)


class Master:
    """The stand-in's master, below daybook-run, told what to do by its stdin."""

    def __init__(self, folder, **more):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.process = subprocess.Popen(
            [*RUN, PYTHON, "-m", "artiq.frontend.artiq_master"], env=environment(True, folder / "state", **more),
            cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.heard = []
        self.until("ARTIQ master is now ready")

    def until(self, text):
        """Waits for a line of output that has `text` in it; returns it."""
        for line in self.process.stdout:
            self.heard.append(line)
            if text in line:
                return line
        raise AssertionError(f"no '{text}' in\n" + "".join(self.heard))

    def submit(self, class_name, file="endings", **arguments):
        expid = {"log_level": 30, "file": str(EXPERIMENTS / f"{file}.py"), "class_name": class_name,
                 "arguments": arguments}
        self.process.stdin.write(json.dumps({"expid": expid}) + "\n")
        self.process.stdin.flush()
        return int(self.until("RID: ").split()[-1])

    def files(self, rid):
        return sorted(self.folder.glob(f"results/*/*/{rid:09}-*.h5"))

    def everybody(self):
        """Process ids of all that was started below, from the top."""
        found = [self.process.pid]
        for pid in found:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                found += [int(child) for child in f.read().split()]
        return found

    def end(self):
        """Closes its stdin: it ends when the last run has. Its exit code."""
        self.process.stdin.close()
        self.heard += self.process.stdout
        self.process.stdout.close()
        return self.process.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *failed):
        if self.process.poll() is None:
            for pid in self.everybody():
                os.kill(pid, signal.SIGKILL)
            self.process.wait()


def test_worker_killed(tmp_path):
    """However a worker dies: its file is there within seconds, while the master goes on with other runs."""
    with Master(tmp_path) as master:
        rids = {how: master.submit("Killed", how=how) for how in (9, 15, 0, -1)}
        master.submit("Completes")
        for how, rid in rids.items():
            file, = eventually(lambda: master.files(rid))
            found = content(file)
            assert found["datasets/in_run"] == b"three" and found["datasets/in_prepare"].tolist() == [2.5, 3.5], how
            assert found["rid"] == rid
        assert owed(tmp_path) == []
        assert master.end() == 0
        assert len(master.files(5)) == 1


def test_everything_killed(tmp_path):
    """daybook-run, master and worker are killed at once: the file is made when daybook-run starts again."""
    with Master(tmp_path) as master:
        rid = master.submit("Sleeps", "sleeping")
        journal, = eventually(lambda: list(tmp_path.glob("results/*/*/*.daybook")))
        eventually(lambda: (tmp_path / "sleeping").exists())
        for pid in master.everybody():
            os.kill(pid, signal.SIGKILL)
        master.process.wait()
        master.process.stdin.close()
        master.process.stdout.close()
    time.sleep(.5)
    assert master.files(rid) == [] and owed_now(tmp_path) == [str(journal)]
    assert call(["true"], tmp_path).returncode == 0
    file, = eventually(lambda: master.files(rid))
    assert content(file)["datasets/list"].tolist() == [0, 1, 2]
    assert owed(tmp_path) == []


def owed_now(folder):
    return [os.readlink(link) for link in (folder / "state" / "open").iterdir()]


def test_many_at_once(tmp_path):
    """Several runs under one master at the same time, one of them killed, keep apart."""
    with Master(tmp_path) as master:
        rids = [master.submit(name) for name in ("Completes", "FailsInRun", "Completes", "FailsInAnalyze")]
        rids.append(master.submit("Killed", how=9))
        assert master.end() == 0
    for rid in rids:
        file, = eventually(lambda: master.files(rid))
        assert content(file)["rid"] == rid
    assert owed(tmp_path) == []


def test_master_stopped(tmp_path):
    """SIGTERM goes to the master, which closes its workers; the file of the run that was under way is made."""
    with Master(tmp_path) as master:
        rid = master.submit("Sleeps", "sleeping")
        eventually(lambda: (tmp_path / "sleeping").exists())
        master.process.send_signal(signal.SIGTERM)
        assert master.end() == 0
    file, = eventually(lambda: master.files(rid))
    assert content(file)["datasets/list"].tolist() == [0, 1, 2]
    assert owed(tmp_path) == []


def test_checkpoint_from_outside(tmp_path):
    """`daybook checkpoint` on a run that goes on: the whole file of this moment, with what was changed in place; the run
    does not notice."""
    with Master(tmp_path) as master:
        rid = master.submit("Sleeps", "sleeping")
        journal, = eventually(lambda: list(tmp_path.glob("results/*/*/*.daybook")))
        eventually(lambda: (tmp_path / "sleeping").exists())
        assert master.files(rid) == []
        done = subprocess.run([PROGRAM, "checkpoint", journal, "--name", "now", "--json"], capture_output=True, text=True)
        assert done.returncode == 0, done
        file, = master.files(rid)
        found = content(file)
        assert found["datasets/array"].tolist() == [7, 0, 0], "what was changed in place is not there"
        assert found["datasets/list"].tolist() == [0, 1, 2] and found["rid"] == rid
        assert not (journal / "checkpoint-request").exists()
        (tmp_path / "sleeping").unlink()
        assert "completed" in master.until(f"RID {rid} ended")
        assert content(file)["datasets/done"]
        assert master.end() == 0


def test_checkpoints_by_the_clock(tmp_path):
    """Where the lab wants it, the file is made every so many seconds or events, while the run goes on."""
    for name in ("seconds", "events"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "daybook.toml").write_text({"seconds": "checkpoint-seconds = 0.3\n", "events": "checkpoint-events = 5\n"}[name])
        with Master(folder) as master:
            rid = master.submit("Sleeps", "sleeping")
            eventually(lambda: (folder / "sleeping").exists())
            file, = eventually(lambda: master.files(rid))
            eventually(lambda: content(file)["datasets/list"].tolist() == [0, 1, 2])
            (folder / "sleeping").unlink()
            assert "completed" in master.until(f"RID {rid} ended")
            assert content(file)["datasets/done"]
            assert master.end() == 0


def test_exit_code(tmp_path):
    assert call(["sh", "-c", "exit 3"], tmp_path).returncode == 3
    assert call(["sh", "-c", "kill -TERM $$"], tmp_path).returncode == -signal.SIGTERM
    assert call(["sh", "-c", "kill -SEGV $$"], tmp_path, more=LET_DIE).returncode == -signal.SIGSEGV
    done = call(["no-such-command"], tmp_path)
    assert done.returncode == 127 and "no-such-command" in done.stderr and "Traceback" not in done.stderr


def test_streams(tmp_path):
    """stdin, stdout and arguments are the command's own; nothing is added to them."""
    done = call(["sh", "-c", 'cat; echo "$1"; echo err >&2', "sh", "--help"], tmp_path, input="in\n")
    assert (done.stdout, done.stderr) == ("in\n--help\n", "err\n")


@pytest.mark.parametrize("name", ["TERM", "HUP", "USR1", "USR2"])
def test_signals(name, tmp_path):
    program = (f"import signal, sys; signal.signal(signal.SIG{name}, lambda *a: sys.exit(5)); print('ready', flush=True); "
               "signal.pause()")
    process = subprocess.Popen([*RUN, PYTHON, "-c", program], env=environment(True, tmp_path / "state"), cwd=tmp_path,
                               stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(getattr(signal, f"SIG{name}"))
        assert process.wait(20) == 5


def test_interrupt(tmp_path):
    """Ctrl-C goes to the whole group: the command decides what becomes of it."""
    program = ("import signal, sys, time; signal.signal(signal.SIGINT, lambda *a: (time.sleep(.3), sys.exit(6))); "
               "print('ready', flush=True); signal.pause()")
    process = subprocess.Popen([*RUN, PYTHON, "-c", program], env=environment(True, tmp_path / "state"), cwd=tmp_path,
                               stdout=subprocess.PIPE, text=True, start_new_session=True)
    with process:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == 6


def test_sitecustomize(tmp_path):
    """The user's own is run, once; else the system's is what it was."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import builtins\nbuiltins.times = getattr(builtins, 'times', 0) + 1\n")
    show = [PYTHON, "-c", "import builtins, sys; print(getattr(builtins, 'times', 0), "
            "getattr(sys.modules.get('sitecustomize'), '__file__', None), 'apport_python_hook' in sys.modules)"]
    for more in ({}, {"PYTHONPATH": f"{own}"}):
        plain_env = environment(False, tmp_path / "state")
        path = {"PYTHONPATH": os.pathsep.join([*more.values(), plain_env["PYTHONPATH"]])}
        plain = call(show, tmp_path, journaled=False, more=path)
        ours = environment(True, tmp_path / "state")
        path = {"PYTHONPATH": os.pathsep.join([ours["PYTHONPATH"].split(os.pathsep)[0], path["PYTHONPATH"]])}
        journaled = call(show, tmp_path, more=path)
        assert journaled.stdout == plain.stdout, journaled.stderr
        assert plain.stdout.startswith(f"{len(more)} ")


def test_broken_sitecustomize(tmp_path):
    """One of the user's that raises is reported by Python as ever, and the program runs."""
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('mine')\n")
    env = environment(True, tmp_path / "state")
    done = call([PYTHON, "-c", "print('ran')"], tmp_path,
                more={"PYTHONPATH": env["PYTHONPATH"] + os.pathsep + str(tmp_path)})
    assert done.stdout == "ran\n" and "mine" in done.stderr


def test_other_programs(tmp_path):
    """A Python program that has nothing to do with ARTIQ loads nothing of Daybook but the start-up file."""
    show = [PYTHON, "-c", "import sys; print(sorted(m for m in sys.modules if m.split('.')[0] in "
            "('daybook', 'numpy', 'h5py', 'logging')), sys.argv)", "a", "b"]
    assert call(show, tmp_path).stdout == call(show, tmp_path, journaled=False).stdout


def artiq_run(tmp_path, name, *arguments, journaled=True, file="values"):
    command = [PYTHON, "-m", "artiq.frontend.artiq_run", "-c", name, *arguments, str(EXPERIMENTS / f"{file}.py")]
    folder = tmp_path / ("with" if journaled else "without")
    folder.mkdir(exist_ok=True)
    return folder, call(command, folder, journaled)


def test_artiq_run(tmp_path):
    """The file of `artiq_run -o`, and what is printed without -o; a broadcast append counts twice there, as ever."""
    for name, file in (("Kernel", "values"), ("ChangesFolder", "around"), ("Completes", "endings")):
        plain_folder, plain = artiq_run(tmp_path, name, "-o", f"{name}.h5", journaled=False, file=file)
        folder, journaled = artiq_run(tmp_path, name, "-o", f"{name}.h5", file=file)
        assert (journaled.returncode, journaled.stdout) == (plain.returncode, plain.stdout), journaled.stderr
        where = "elsewhere" if name == "ChangesFolder" else "."
        assert difference(plain_folder / where / f"{name}.h5", folder / where / f"{name}.h5") == []
        assert owed(folder) == []
    plain, journaled = (artiq_run(tmp_path, "Completes", journaled=j, file="endings")[1] for j in (False, True))
    assert (journaled.returncode, journaled.stdout) == (plain.returncode, plain.stdout), journaled.stderr
    assert owed(tmp_path / "with") == []


def test_artiq_run_fails(tmp_path):
    """An experiment that fails ends artiq_run as it did."""
    _, plain = artiq_run(tmp_path, "FailsInRun", "-o", "x.h5", journaled=False, file="endings")
    _, journaled = artiq_run(tmp_path, "FailsInRun", "-o", "x.h5", file="endings")
    assert journaled.returncode == plain.returncode == 1
    assert journaled.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1] == "ValueError: run failed"
    assert re.sub("with(out)?", "", journaled.stdout) == re.sub("with(out)?", "", plain.stdout)


def test_switched_off(tmp_path):
    """DAYBOOK_ARTIQ=0 in a worker's environment: as if Daybook were not there."""
    done = call(["env", "DAYBOOK_ARTIQ=0", PYTHON, "-c",
                 "import artiq.master.worker_db as w, sys; print(w.DatasetManager.__mro__, 'daybook' in sys.modules)"], tmp_path)
    assert done.stdout == "(<class 'artiq.master.worker_db.DatasetManager'>, <class 'object'>) False\n", done
