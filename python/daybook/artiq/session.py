"""One dataset manager's journaling: which run it is in, its journal, its results file."""

import atexit
import logging
import os
import shutil
import sys
import threading
import weakref

from daybook import _core

from . import facts, hooks, layouts, program, registry, settings, writing
from .service import Service

logger = logging.getLogger("daybook")


def _hooked(session, method):
    """A callable that does not keep the session alive."""
    reference = weakref.ref(session)

    def call(*args):
        alive = reference()
        if alive is not None:
            getattr(alive, method)(*args)

    return call


class Session:
    """Any thread may call. Whatever fails in here is logged; nothing is raised into the experiment but what ARTIQ itself
    would have raised."""

    def __init__(self, manager, base, module, host):
        self.manager = weakref.ref(manager)
        self.base, self.module, self.host = base, module, host
        self.lock = threading.RLock()
        self.capture = _core.Capture(
            manager=self.manager,
            set=base.set,
            mutate=base.mutate,
            append_to=base.append_to,
            get=base.get,
            local=manager.local,
            archive=manager.archive,
            metadata=manager.metadata,
            begin=_hooked(self, "begin"),
            stage=_hooked(self, "write_stages"),
            fault=_hooked(self, "on_fault"),
            unstorable=_hooked(self, "on_unstorable"),
        )
        if host is None:  # not a manager of runs: its calls are passed on
            self.capture.detach("off")
        self.service = Service(self)
        self.settings = settings.Settings()
        self.experiment = None  # weak reference to the top-level experiment
        self.new_run()
        if host is not None:
            host.attach(self)
        _live.add(self)

    def new_run(self):
        self.folder = os.getcwd()
        self.path = self.uuid = None  # of the newest journal
        self.stages = []  # that the run has gone through …
        self.pending_stages = []  # … and of them those the journal does not know yet
        self.faults = 0
        self.handle_used = False  # the experiment opened its results file itself
        self.composing = False  # write_results() is at work
        self.own_files = set()  # that this run has written through the hooks
        self.deferred = []  # errors of datasets, raised once everything else is written
        self.storage, self.attributes = {}, {}  # of datasets, as the experiment declared them
        self.added = {}  # what the worker puts into the results file itself
        self.written = None  # the results file, once the run's end has made it …
        self.complaint = None  # … and a function that raises what ARTIQ would have raised then
        self.warned = set()

    def guarded(self, method, *args):
        """Calls a method of this session; what it raises is logged, and goes no further."""
        try:
            return method(*args)
        except Exception as error:
            logger.error("Daybook: %s: %s", type(error).__name__, error, exc_info=True)
            return None

    def warn_once(self, what, text, *args):
        if what not in self.warned:
            self.warned.add(what)
            logger.warning("Daybook: " + text, *args)

    # Which run this is -------------------------------------------------------------------------------------------------

    def adopt(self, experiment):
        """The first experiment that is built with this manager is the run's."""
        if self.experiment is None or self.experiment() is None:
            self.experiment = weakref.ref(experiment)
            self.folder = os.getcwd()

    def facts(self):
        """The run as a dict for Capture.create(); None if this is no run."""
        return facts.of_run(self)

    def results_path(self):
        """Where ARTIQ would write the run's file now."""
        local = self.host.locals() if self.host is not None else {}
        asked = getattr(local.get("args"), "hdf5", None)
        if asked:
            return os.path.abspath(asked)
        run = self.facts()
        if run is None:
            raise ValueError("this is no run: it has no number, so it has no results file")
        name = f"{run['rid']:09}-{run['class_name']}.h5"
        try:
            return os.path.abspath(name)
        except FileNotFoundError:  # the current folder is gone
            return os.path.join(self.folder, name)

    # The journal -------------------------------------------------------------------------------------------------------

    def begin(self):
        """Makes the run's journal. Called by the first thing that there is to journal."""
        with self.lock:
            if self.capture.mode != "idle":
                return
            run = self.facts()
            if run is None:
                self.capture.detach("off")
                return
            try:
                self.settings = settings.load()
            except settings.SettingsError as error:
                self.settings = settings.Settings()
                self.warn_once("settings", "%s", error)
            run["layout"] = self.layout_text()
            self.pending_stages = list(self.stages)
            self.capture.expect_stage()
            self.create(run)
            self.service.start()
            if len(self.capture_values()) > 1:
                self.capture.reconcile()

    def capture_values(self):
        manager = self.manager()
        return [*manager.local, *manager.archive] if manager is not None else []

    def layout_text(self):
        experiment = self.experiment() if self.experiment is not None else None
        try:
            return layouts.text_of(experiment, self.settings)
        except Exception as error:
            self.warn_once("layout", "the layout of this run cannot be used, its file will be as ARTIQ's: %s", error)
            return ""

    def create(self, run):
        """Beside the results; in Daybook's state folder if that is not possible. Sets the mode to "fault" if neither is."""
        target = self.results_path()
        wanted = _core.journal_folder(self.folder)
        spare = os.path.join(_core.state_folder(), "runs")
        failure = None
        for folder in dict.fromkeys((wanted, spare)):
            try:
                if folder == spare:
                    os.makedirs(spare, exist_ok=True)
                beside = os.path.join(folder, os.path.basename(target)) == target
                self.capture.create(folder, {**run, "results": "" if beside else target}, self.settings.history_bytes)
            except (_core.Error, OSError) as error:
                failure = failure or error
                continue
            if failure is not None:
                self.warn_once("folder", "%s. This run's journal is %s instead", failure, self.capture.path)
            self.path, self.uuid = self.capture.path, self.capture.uuid
            self.guarded(self.register)
            return
        self.capture.detach("fault")
        self.on_fault(str(failure))

    def move_journal(self):
        """Takes a journal that does not go on, with all that is in it, to the state folder. True if its room is free now."""
        self.capture.detach("fault")
        if self.path is None or not os.path.isdir(self.path):
            return False
        spare = os.path.join(_core.state_folder(), "runs")
        os.makedirs(spare, exist_ok=True)
        if os.stat(spare).st_dev == os.stat(self.path).st_dev:
            return False
        target = os.path.join(spare, f"{self.uuid}-{os.path.basename(self.path)}")
        shutil.copytree(self.path, target)
        shutil.rmtree(self.path)
        logger.warning("Daybook: the journal was moved to %s, to make room for the results file", target)
        registry.remove(self.uuid)
        self.path = target
        return True

    def register(self):
        try:
            registry.add(self.uuid, self.path)
        except OSError as error:
            self.warn_once(
                "registry",
                "the state folder cannot be written (%s): if this run dies, `daybook recover %s` makes its file",
                error,
                self.path,
            )

    def on_fault(self, why):
        """Journaling has stopped: the disk is full or failing, or Daybook is."""
        self.faults += 1
        logger.error(
            "Daybook: THIS RUN IS NOT BEING JOURNALED ANY MORE: %s. The experiment goes on; what it sets from now on is in "
            "memory only. Journaling is tried again until it works",
            why,
        )
        self.service.start()

    def resume(self):
        """Tries to journal again after a fault. True if that is settled."""
        with self.lock:
            if self.capture.mode != "fault":
                return True
            self.capture.detach("fault")
            try:
                if self.path is not None and os.path.isdir(self.path):
                    self.capture.open(self.path, self.settings.history_bytes)
                else:
                    run = self.facts()
                    if run is None:
                        return True
                    self.capture.create(
                        _core.journal_folder(self.folder),
                        {**run, "layout": self.layout_text()},
                        self.settings.history_bytes,
                    )
                    self.path, self.uuid = self.capture.path, self.capture.uuid
                    self.guarded(self.register)
                values = self.capture.reconcile()
            except (_core.Error, OSError) as error:
                self.capture.detach("fault")
                logger.debug("Daybook: still not journaling: %s", error)
                return False
            if self.capture.mode != "on":
                return False
            logger.warning("Daybook: this run is journaled again; %d values were journaled afresh", values)
            return True

    def on_unstorable(self, key, reason):
        logger.warning(
            "Daybook: dataset '%s' cannot be stored in an HDF5 file as it is now: %s. It is journaled; everything else will "
            "be in the file",
            key,
            reason,
        )

    # Stages ------------------------------------------------------------------------------------------------------------

    def on_action(self, message):
        """The worker was told to do something."""
        action = message["action"]
        if action == "build":
            with self.lock:
                self.end("ended when the next run was built")
                self.experiment = None
                self.new_run()
                self.capture.detach("idle")
            self.enter("build")
        elif action in ("prepare", "run", "analyze"):
            self.enter(action)
        elif action == "terminate":
            self.end(f"terminated after {self.stage}", write=True)

    def enter(self, stage):
        self.stages.append(stage)
        self.pending_stages.append(stage)
        self.capture.expect_stage()
        self.service.wake()

    @property
    def stage(self):
        """The one that the run is in; None before it is built."""
        return self.stages[-1] if self.stages else None

    def write_stages(self):
        """Journals the stages that have begun. The time of `run` is the worker's own, which it notes after it was told to
        run; until then it waits."""
        if self.capture.mode != "on":
            return
        while self.pending_stages:
            stage = self.pending_stages[0]
            run_time = 0.0
            if stage == "run":
                run_time = self.host.locals().get("run_time") if self.host is not None else None
                if run_time is None:
                    self.capture.expect_stage()
                    return
            self.pending_stages.pop(0)
            self.capture.stage(stage, run_time)

    def on_failure(self):
        """The worker is about to report an exception; some 10 ms after that it is killed."""
        self.end(self.how(), write=True)

    def how(self):
        """How the stage that is being left ended, for runEnded."""
        kind, error, _ = sys.exc_info()
        if kind is None:
            return "ok"
        text = next(iter(str(error).splitlines()), "")
        return f"raised {kind.__name__}{': ' if text else ''}{text} in {self.stage or 'run'}"

    def end(self, how, write=False):
        """Ends the journal if it is open. ``write``: its file is made by the program, for which nobody waits."""
        with self.lock:
            if self.capture.mode != "on":
                return
            self.finish(how)
            if write:
                arguments = program.replay_arguments(self.path, self.results_path())
                program.start(*arguments, quiet=True)

    def finish(self, how, file=None):
        """Ends the journal. ``file``: what the experiment's hooks have made of it, "" for nothing on disk."""
        self.write_stages()
        self.capture.reconcile()
        self.capture.finish(how, file)
        self.service.stop()

    # The results file --------------------------------------------------------------------------------------------------

    def write_plainly(self, file):
        """As ARTIQ does it without Daybook."""
        self.base.write_hdf5(self.manager(), file)

    def write_final(self, name, added):
        """The worker writes its results: after analyze, or because run raised. What ARTIQ would have raised is raised, after
        everything else was written."""
        with self.lock:
            self.added = added
            how = self.how()
            if not self.write_journaled(name, how):
                self.complaint = None
                writing.plain_final(self, name)
                self.guarded(self.settle_plain, os.path.abspath(name), how)
        if self.complaint is not None:
            self.complaint()

    def settle_plain(self, path, how):
        """The file was written past the journal. If the journal can be brought to the same state, it is ended with it;
        nobody is to make another file of a journal that holds less."""
        self.resume()
        if self.capture.mode == "on":
            self.finish(how, file=path)
        if self.uuid is not None:
            registry.remove(self.uuid)

    def write_journaled(self, name, how):
        """False if the file could not be made from the journal."""
        try:
            path = os.path.abspath(name)
            if self.written == path and self.capture.mode == "idle" and self.capture.is_current():
                return True  # a second time, since notify_run_end raised after run did
            self.begin()
            self.capture.reconcile()
            if self.capture.mode != "on":
                return False
            self.complaint = writing.final(self, path, how)
            self.written = path
            return True
        except (_core.Error, OSError) as error:
            logger.error("Daybook: the results file is written by h5py, since it could not be made from the journal: %s", error)
            return False

    def write_results(self):
        """The state of this moment, in the results file, while the run goes on. Its path; None if there is none."""
        with self.lock:
            self.begin()
            self.capture.reconcile()
            self.require_journal("write the results")
            return writing.now(self, self.results_path())

    def checkpoint(self, name, file=False, wait=False):
        """A named point in the journal, and if wanted the results file of that point, made in the background."""
        with self.lock:
            self.begin()
            self.capture.reconcile()
            self.require_journal(f"make checkpoint '{name}'")
            sequence = self.capture.checkpoint(name)
            if file:
                self.capture.commit()
                self.service.make_file(self.results_path(), sequence)
        if file and wait:
            self.service.wait_for_file()
        return sequence

    # What the hooks need -----------------------------------------------------------------------------------------------

    def writes_by_hooks(self):
        """The experiment writes its file by itself, so nobody else may in mid-run."""
        experiment = self.experiment() if self.experiment is not None else None
        return experiment is not None and (hooks.overridden(experiment) or self.handle_used)

    def defer(self, group, key, error):
        logger.error("Daybook: %s/%s is not in the results file: %s: %s", group, key, type(error).__name__, error)
        self.deferred.append(error)

    def raise_deferred(self):
        if self.deferred:
            error = self.deferred[0]
            self.deferred = []
            raise error

    def set_storage(self, key, options):
        with self.lock:
            self.storage.pop(key, None)
            if options:
                self.storage[key] = options
            self.capture.set_storage(key, options)

    def set_attribute(self, key, name, value):
        with self.lock:
            self.attributes.setdefault(key, {})[name] = value
            self.begin()
            self.require_journal(f"give dataset '{key}' an attribute")
            self.capture.set_attribute(key, name, value)

    def require_journal(self, what):
        if self.capture.mode != "on":
            raise _core.StorageError(f"cannot {what}: this run is not being journaled at the moment (see the log)")

    def metadata(self):
        """What the worker writes beside the datasets, as far as it is known now."""
        local = self.host.locals() if self.host is not None else {}
        run = self.facts() or {}
        known = {
            "artiq_version": run.get("software_version"),
            "rid": run.get("rid"),
            "start_time": local.get("start_time"),
            "run_time": local.get("run_time"),
            "expid": run.get("expid") or None,
        }
        return {**{name: value for name, value in known.items() if value is not None}, **self.added}

    def close(self):
        """The interpreter ends. A worker's run that has not ended stays as it is, for recovery; one of artiq_run has ended,
        and wants no file if none was written."""
        self.service.stop()
        if self.capture.mode == "on" and self.host is not None and not self.host.is_worker:
            failed = getattr(sys, "last_type", None)
            self.finish("ok" if failed is None else f"raised {failed.__name__}", file="")
            registry.remove(self.uuid)
        self.capture.detach("off")

    def in_child(self):
        """After fork: the journal is the parent's."""
        self.capture.detach("off")


_live = weakref.WeakSet()


def _each(method):
    for session in list(_live):
        session.guarded(getattr(session, method))


atexit.register(_each, "close")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _each("in_child"))
