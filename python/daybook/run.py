"""``daybook-run COMMAND …``: runs ARTIQ's master, artiq_run or anything else with journaling switched on.

Every Python process below the command journals its runs (see daybook.artiq). While the command runs, the results files of runs
whose worker has died are made within seconds; those that were left over from before are made at the start.
"""

import argparse
import logging
import os
import shutil
import signal
import site
import subprocess
import sys
import threading
import time

logger = logging.getLogger("daybook")

_LOOK = 1.0  # seconds between two looks for dead workers
_TRIES = 4  # to make a file
_GRACE = 10.0  # seconds that workers which the command leaves behind may take to end
_FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")


def main(arguments=None):
    """The command's exit code; the signal that ended it ends this process, too."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    command = [options.command, *options.arguments]
    environment = prepare(dict(os.environ))
    return _supervise(command, environment, recover=not options.no_recover)


def _parser():
    parser = argparse.ArgumentParser(
        prog="daybook-run",
        description="Runs a command with journaling switched on in every ARTIQ worker below it.",
        epilog="Examples:  daybook-run artiq_master --bind '*'      daybook-run artiq_run experiment.py -o results.h5",
    )
    parser.add_argument("--no-recover", action="store_true", help="leave runs whose worker died to `daybook recover`")
    parser.add_argument("command", help="the program to run, such as artiq_master")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    return parser


def prepare(environment):
    """The environment that switches journaling on; changes and returns the one given."""
    environment["DAYBOOK_ARTIQ"] = "1"
    package = os.path.dirname(os.path.abspath(__file__))
    path = [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]
    if not _is_installed(package):
        # No start-up file of ours is run by Python: a sitecustomize does it, and then runs the one that it hides.
        wanted = [os.path.join(package, "site"), os.path.dirname(package)]
        path = wanted + [folder for folder in path if folder not in wanted]
        environment["PYTHONPATH"] = os.pathsep.join(path)
    return environment


def _is_installed(package):
    folders = [*site.getsitepackages(), site.getusersitepackages()]
    return os.path.dirname(package) in folders and os.path.exists(os.path.join(os.path.dirname(package), "daybook.pth"))


def _supervise(command, environment, recover):
    if shutil.which(command[0], path=environment.get("PATH")) is None:
        print(f"daybook-run: {command[0]}: there is no such command", file=sys.stderr)
        return 127
    ending = threading.Event()
    worker = threading.Thread(target=_recover, args=(ending,), name="recover", daemon=True) if recover else None
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        print(f"daybook-run: {command[0]} could not be started: {error.strerror}", file=sys.stderr)
        return 126
    # A Ctrl-C goes to the whole group, so to the child as well: it decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _FORWARDED:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: child.send_signal(number))
    if worker is not None:
        worker.start()
    code = child.wait()
    ending.set()
    if worker is not None:
        worker.join()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _recover(ending):
    """Makes the files of runs whose worker is dead, until the command has ended and its workers with it."""
    from daybook import _core
    from daybook.artiq import program, registry

    tries = {}  # by UUID: what cannot be done is tried again at the next start
    deadline = None
    while True:
        last = ending.is_set()  # nothing is registered any more, but what workers do that are on their way out
        living = worked = False
        for uuid, journal in registry.entries():
            if tries.get(uuid, 0) >= _TRIES:
                continue
            try:
                if _core.is_live(journal):
                    living = True
                    continue
            except Exception as error:  # damaged, or from a newer version: `daybook recover` says it better
                logger.debug("%s: %s", journal, error)
            worked = True
            if _make_file(program, journal):
                registry.remove(uuid)
            else:  # somebody else may be at it just now
                tries[uuid] = tries.get(uuid, 0) + 1
                living = living or tries[uuid] < _TRIES
        if last:
            if worked or deadline is None:
                deadline = time.monotonic() + _GRACE
            if not living or time.monotonic() > deadline:
                return
            time.sleep(_LOOK)
        else:
            ending.wait(_LOOK)


def _make_file(program, journal):
    """True if the run needs nothing more."""
    try:
        process = program.start("recover", journal)
    except program.ProgramError as error:
        logger.error("%s: %s", journal, error)
        return False
    out, err = process.communicate()
    said = (out + err).decode(errors="replace").strip()
    if said and "nothing to do" not in said:
        logger.info("%s", said.splitlines()[0])
    if process.returncode not in (0, 3):
        logger.error("%s: `daybook recover` failed:\n%s", journal, said)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
