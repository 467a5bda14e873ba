"""The program `daybook`, run by workers and by daybook-run: HDF5 files are made in a process of its own, which goes on when
the worker is killed."""

import json
import os
import shutil
import subprocess


class ProgramError(OSError):
    """The program could not be run, or made no file; the message is its own."""


def path():
    """Where the program is: $DAYBOOK_PROGRAM, beside this package, in the build tree, or on PATH. ProgramError."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    places = [
        os.environ.get("DAYBOOK_PROGRAM"),
        os.path.join(package, "bin", "daybook"),
        os.path.join(package, "..", "..", "bin", "daybook"),
        shutil.which("daybook"),
    ]
    for place in places:
        if place and os.access(place, os.X_OK) and os.path.isfile(place):
            return place
    raise ProgramError("the program `daybook` is not there: install Daybook anew, or name it in DAYBOOK_PROGRAM")


def start(*arguments, quiet=False):
    """Starts the program in a session of its own, so that what ends the worker does not end it."""
    sink = subprocess.DEVNULL if quiet else subprocess.PIPE
    try:
        return subprocess.Popen(
            [path(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramError(f"the program `daybook` could not be started: {error}") from error


def replay_arguments(journal, file, at=None):
    """Of the command that makes a run's own file in its own layout."""
    point = [] if at is None else ["--at", at]
    return ["replay", journal, "-o", file, "--run-layout", "--record", "--json", *point]


def answer(process):
    """What a `daybook replay --json` reports, once it has ended. ProgramError if it made nothing."""
    out, err = process.communicate()
    try:
        return json.loads(out)
    except ValueError:
        text = err.decode(errors="replace").strip() or f"it ended with exit code {process.returncode}"
        raise ProgramError(text) from None


def replay(journal, file, at=None):
    """Makes a run's own file in its own layout and waits for it; the report. ProgramError."""
    return answer(start(*replay_arguments(journal, file, at)))
