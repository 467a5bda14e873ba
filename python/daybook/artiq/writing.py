"""How a run's results file is made: by the program, from the journal, or by the experiment's own hooks."""

import functools
import logging
import os

import h5py

from . import layouts, program, registry, results

logger = logging.getLogger("daybook")

# What every worker adds, and every file of a journal has.
_KNOWN = ("artiq_version", "rid", "start_time", "run_time", "expid")


def final(session, path, how):
    """The run has ended. Returns a function that raises what ARTIQ would have raised, if it would have."""
    for name, value in session.added.items():
        if name not in _KNOWN:  # another version of ARTIQ adds more
            session.capture.put("/" + name, value)
    experiment = session.experiment() if session.experiment is not None else None
    if session.writes_by_hooks():
        return _by_hooks(session, experiment, path, how)
    if not session.host.is_worker and not layouts.wanted(experiment, session.settings):
        return _plainly(session, path, how)
    callables = layouts.callables(experiment)
    session.finish(how)
    if callables:
        report = layouts.replay(session.path, path, experiment, session.settings)
    else:
        report = program.replay(session.path, path)
    settle(session, report)
    return functools.partial(raise_as_artiq, session, report)


def plain_final(session, name):
    """The results file as ARTIQ writes it, since there is no journal to make it of. On a full disk the journal gives its
    room to it, if it can go elsewhere."""

    def write():
        with h5py.File(name, "w") as file:
            session.write_plainly(file)
            for item, value in session.added.items():
                file[item] = value

    try:
        write()
    except Exception:
        if session.capture.mode != "fault" or not session.guarded(session.move_journal):
            raise
        write()


def _plainly(session, path, how):
    """artiq_run's file has datasets and archive alone, which no layout says: h5py writes it, aside at first."""
    aside = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}.part")
    try:
        with h5py.File(aside, "w") as file:
            session.write_plainly(file)
        os.replace(aside, path)
    except Exception as error:
        if os.path.exists(aside):
            os.unlink(aside)
        logger.error("Daybook: the file is made from the journal, since h5py could not: %s: %s", type(error).__name__, error)
        session.finish(how)
        report = program.replay(session.path, path)
        settle(session, report)
        return functools.partial(raise_as_artiq, session, report)
    session.finish(how, file=path)
    registry.remove(session.uuid)
    return None


def now(session, path):
    """The file as of this moment. Its path, or None if there is to be none."""
    experiment = session.experiment() if session.experiment is not None else None
    session.capture.commit()
    if layouts.callables(experiment):
        report = layouts.replay(session.path, path, experiment, session.settings)
    else:
        report = program.replay(session.path, path)
    record(session, report)
    raise_as_artiq(session, report)
    return report["file"]


def record(session, report):
    """Notes in a journal that is open which file was made of it."""
    if report.get("layout_failure"):
        session.warn_once("layout", "this run's layout failed, so its file is as ARTIQ's: %s", report["layout_failure"])
    if report["file"] is not None and session.capture.mode == "on":
        layout = report.get("layout") or "artiq"
        session.capture.materialized(
            os.path.abspath(report["file"]), layout, report.get("layout_digest") or "", report["sequence"]
        )


def settle(session, report):
    """The file of a run that has ended is there, or is not wanted."""
    if report.get("layout_failure"):
        session.warn_once("layout", "this run's layout failed, so its file is as ARTIQ's: %s", report["layout_failure"])
    registry.remove(session.uuid)


def raise_as_artiq(session, report):
    """Raises what ARTIQ raises if there is a value, or a key, that HDF5 cannot hold."""
    manager = session.manager()
    refused = {(item["group"], item["key"]) for item in report["refused"]}
    if not refused and all(map(results.is_text, (*manager.local, *manager.archive))):
        return
    results.raise_as_artiq(manager, session.module, h5py, refused, session.added)
    if refused:  # ARTIQ would have stored it
        item = report["refused"][0]
        raise TypeError(f"Error writing dataset '{item['key']}': {item['reason']}")


def run_hooks(session, experiment):
    """The experiment's own write_results(). Raises what it raises, or what a dataset that could not be stored raised."""
    session.deferred.clear()
    experiment.write_results()
    session.raise_deferred()


def _by_hooks(session, experiment, path, how):
    failure = None
    before = _identity(path)
    try:
        run_hooks(session, experiment)
    except Exception as error:
        failure = error
    made = _identity(path) not in (None, before)
    if failure is not None and not made:
        logger.error(
            "Daybook: the experiment's own storage hooks failed (%s: %s); the file is made as ARTIQ makes it",
            type(failure).__name__,
            failure,
        )
        session.finish(how)
        settle(session, program.replay(session.path, path))
    else:
        session.finish(how, file=path if made else "")
        registry.remove(session.uuid)

    def raise_failure():
        if failure is not None:
            raise failure

    return raise_failure


def _identity(path):
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
