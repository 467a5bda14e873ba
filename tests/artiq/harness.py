"""What the tests of the worker adapter share: workers driven with and without Daybook, and what they left, compared.

DAYBOOK_PYTHON is the folder that has the `daybook` package (the build's python/). ARTIQ_PATH, if set, is what goes on
PYTHONPATH for a real ARTIQ: folders separated by colons, a checkout of ARTIQ among them.
"""

import difflib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import h5py

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
sys.path.insert(0, str(TESTS / "python"))

from h5compare import compare  # noqa: E402

EXPERIMENTS = HERE / "experiments"
STAND_IN = [str(HERE / "worker")]
PYTHON = sys.executable
PACKAGE = Path(os.environ.get("DAYBOOK_PYTHON") or TESTS.parent / "build" / "python")
PROGRAM = Path(os.environ.get("DAYBOOK_PROGRAM") or TESTS.parent / "build" / "bin" / "daybook")
RUN = [PYTHON, "-m", "daybook.run"]
# For a process that is to die of a wrong address or of too little memory: the address sanitizer, where there is one, lets it.
LET_DIE = {"ASAN_OPTIONS": "detect_leaks=0:handle_segv=0:allocator_may_return_null=1"}

# Where the master has these, experiments read them.
DATABASE = {"from_master": [1.5, 2.5], "number": 4, "unarchived": "text", "mixed": [1, "a"]}
DEVICES = {"core": {"type": "dummy"},
           "fails_at_run_end": {"type": "local", "module": "devices", "class": "FailsAtRunEnd"}}


def environment(journaled, state, artiq=None, **more):
    """An environment in which `import artiq` finds the folders `artiq` (default: the stand-in). If `journaled`, commands
    that start with RUN are journaled, with their state in `state`; otherwise nothing in it speaks of Daybook."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAYBOOK", "PYTHONSTARTUP"))}
    path = [*(artiq or STAND_IN), str(HERE / "lib")]
    found = kept | {"PYTHONDONTWRITEBYTECODE": "1", "HDF5_USE_FILE_LOCKING": kept.get("HDF5_USE_FILE_LOCKING", "TRUE")}
    if journaled:
        path.insert(0, str(PACKAGE))
        found |= {"DAYBOOK_STATE": str(state), "DAYBOOK_PROGRAM": str(PROGRAM), "DAYBOOK_ARTIQ": "1"}
    return found | {"PYTHONPATH": os.pathsep.join(path)} | {name: str(value) for name, value in more.items()}


def eventually(what, seconds=20):
    """Calls `what` until it gives something true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := what()):
        assert time.monotonic() < deadline, f"still {result!r} after {seconds} s"
        time.sleep(.02)
    return result


def job(file, class_name, rid, name=None, arguments=None, **more):
    expid = {"log_level": 30, "file": str(EXPERIMENTS / f"{file}.py"), "class_name": class_name,
             "arguments": arguments or {}}
    return {"name": name or f"{file}.{class_name}", "rid": rid, "expid": expid, "database": DATABASE,
            "devices": DEVICES, **more}


class Seen:
    """What was seen of one worker: report of drive.py, and what it left in its folder."""

    def __init__(self, job, folder, report):
        self.job, self.folder, self.report = job, folder, report

    def __repr__(self):
        log = "\n".join(" ".join(line) for line in self.report["log"])
        return (f"{self.job['name']} in {self.folder}: error {self.report['error']}, return code "
                f"{self.report['returncode']}\n{log}\n{self.files()}")

    def files(self):
        """Every file, by its path below the worker's first folder; of journals only the folder."""
        found = []
        for path in sorted(self.folder.rglob("*")):
            relative = path.relative_to(self.folder)
            if not any(parent.name.endswith(".daybook") for parent in path.parents):
                found.append(str(relative))
        return found

    def results(self):
        """The results files, by rid."""
        return sorted(path for path in self.folder.glob("results/**/*.h5") if re.match(r"\d{9}-", path.name))

    @property
    def result(self):
        found = self.results()
        assert len(found) == 1, f"{len(found)} results files of {self!r}"
        return found[0]

    def journals(self):
        return sorted(self.folder.rglob("*.daybook"))

    def log(self, ours=False):
        """Log lines that compare, Daybook's own (`ours`) or all others."""
        lines, after_warning = [], False
        for line in self.report["log"]:
            room = line[1].split(".")[0]
            if (room == "daybook") != ours or room == "h5py" or line[1].startswith("artiq.compiler"):
                continue
            # Python prints the line of source that a warning is about, too: not the experiment's, but its caller's.
            if not (after_warning and line[1] == "print" and line[2].startswith("  ")):
                lines.append(line if ours else plain_line(line))
            after_warning = line[1] == "print" and "Warning: " in line[2]
        return lines

    def messages(self):
        """What went through the pipes; in no order if several threads of the experiment sent."""
        lines = [plain_message(line, self.folder) for line in self.report["messages"]]
        return sorted(lines) if self.job.get("unordered") else lines

    def end(self):
        """How the worker ended. After the report of an exception it is terminated, if it is still there by then."""
        code = self.report["returncode"]
        return self.report["error"], 0 if code == -15 and self.report["error"] else code


def plain_line(line):
    """A log line without what may be different: the frames of a traceback that are not the experiment's, the place
    that a warning of Python is about, addresses."""
    level, name, message = line
    if name == "print":
        message = re.sub(r"^\S+\.py:\d+: ", "", message)
    kept, lines = [], message.split("\n")
    experiment, skipping = str(EXPERIMENTS), False
    for text in lines:
        frame = re.match(r'\s+File "(.*)", line \d+, in (.*)', text)
        if frame:
            skipping = not frame[1].startswith(experiment)
        elif skipping and text.startswith("    "):
            continue
        else:
            skipping = False
        if not skipping:
            kept.append(re.sub(r"0x[0-9a-f]{6,}", "0x…", text))
    return [level, name, "\n".join(kept)]


def plain_message(line, folder):
    """A message without the frames of the parent and without the place where this run happens to be."""
    return re.sub(r'"traceback":\[.*?\]\}', '"traceback":[]}', line).replace(str(folder), "FOLDER")


def drive(jobs, folder, journaled=False, artiq=None, timeout=300, **more):
    """Runs the jobs, each in a folder of its own below `folder` unless it says where; returns {name: Seen}."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [{"folder": str(folder / "work" / re.sub(r"\W", "_", entry["name"]))} | entry for entry in jobs]
    assert len({entry["folder"] for entry in jobs}) == len(jobs)
    (folder / "jobs.json").write_text(json.dumps(jobs))
    command = [PYTHON, str(HERE / "drive.py"), str(folder / "jobs.json"), str(folder / "report.json")]
    done = subprocess.run([*RUN, *command] if journaled else command, cwd=folder, timeout=timeout, text=True,
                          env=environment(journaled, folder / "state", artiq, **more), capture_output=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    reports = json.loads((folder / "report.json").read_text())
    return {entry["name"]: Seen(entry, Path(entry["folder"]), reports[entry["name"]]) for entry in jobs}


TIMES = ("start_time", "run_time")


def difference(first, second, ignore=TIMES):
    """Readable differences of two results files, apart from the values of the datasets `ignore` in the root."""
    value = re.compile(rf"/({'|'.join(ignore)}): (\d+ of \d+ elements|element)") if ignore else None
    return [line for line in compare(first, second, padding=False) if not (value and value.match(line))]


def text_difference(first, second):
    return "\n".join(difflib.unified_diff([str(line) for line in first], [str(line) for line in second], "without",
                                          "with", lineterm="", n=1))


def same_but_for_the_file(plain, journaled):
    """Asserts that both runs looked the same from outside: messages, log, return code, error."""
    assert journaled.messages() == plain.messages(), text_difference(plain.messages(), journaled.messages())
    assert journaled.log() == plain.log(), text_difference(plain.log(), journaled.log())
    assert journaled.end() == plain.end(), f"{plain!r}\n{journaled!r}"
    for what in ("result", "datasets"):
        assert journaled.report[what] == plain.report[what], f"{what}\n{plain!r}\n{journaled!r}"


def same_results(plain, journaled, **options):
    """Asserts that both runs left the same results files."""
    ours, theirs = journaled.results(), plain.results()
    assert [path.name for path in ours] == [path.name for path in theirs], f"{plain!r}\n{journaled!r}"
    for one, other in zip(theirs, ours):
        assert difference(one, other, **options) == [], f"{one} {other}"


def check_all(check, names):
    """Calls check(name) for every name, and fails with everything that failed."""
    failures = []
    for name in names:
        try:
            check(name)
        except Exception as e:
            failures.append(f"===== {name}: {type(e).__name__}: {str(e)[:3000]}")
    assert not failures, f"{len(failures)} of {len(list(names))} failed\n" + "\n".join(failures)


def owed(folder):
    """Journals of runs below `folder` (as of `drive`) whose results file is still owed, once that is settled."""
    registry = Path(folder) / "state" / "open"

    def left():
        return [os.readlink(link) for link in registry.glob("*")] if registry.is_dir() else []

    deadline = time.monotonic() + 10
    while left() and time.monotonic() < deadline:
        time.sleep(.05)
    return left()


def content(path):
    """{path in the file: value} of all datasets."""
    found = {}
    with h5py.File(path, "r") as f:
        f.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found
