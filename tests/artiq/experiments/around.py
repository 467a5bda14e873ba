"""Experiments that do what is not about datasets: threads, folders, processes, other files, other managers."""

import logging
import math
import multiprocessing
import os
import signal
import threading

import h5py
import numpy as np
from artiq.experiment import EnvExperiment, HasEnvironment
from artiq.language.environment import ProcessArgumentManager
from artiq.master import worker_db

logger = logging.getLogger("experiment")


class ChangesFolder(EnvExperiment):
    def run(self):
        self.set_dataset("a", 1)
        os.makedirs("elsewhere", exist_ok=True)
        os.chdir("elsewhere")
        self.set_dataset("b", 2)


class ChangesFolderFirst(EnvExperiment):
    def build(self):
        os.makedirs("elsewhere", exist_ok=True)
        os.chdir("elsewhere")

    def run(self):
        self.set_dataset("a", 1)


class FolderGone(EnvExperiment):
    """For a while its current folder does not exist any more."""

    def run(self):
        results = os.getcwd()
        os.mkdir("short-lived")
        os.chdir("short-lived")
        os.rmdir(os.path.join(results, "short-lived"))
        self.set_dataset("a", [1])
        self.append_to_dataset("a", 2)
        os.chdir(results)
        self.set_dataset("b", 2)


class Alarms(EnvExperiment):
    """A signal handler that sets datasets, whatever its experiment does at the moment."""

    def alarm(self, number, frame):
        self.alarms += 1
        self.set_dataset("alarms", self.alarms)
        self.append_to_dataset("moments", 1)
        self.mutate_dataset("array", 0, 7)

    def run(self):
        self.alarms = 0
        self.set_dataset("moments", [])
        self.set_dataset("array", np.zeros(3))
        signal.signal(signal.SIGALRM, self.alarm)
        signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
        i = 0
        while self.alarms < 50:
            i += 1
            self.set_dataset("scalar", 0.5 * i)
            self.append_to_dataset("moments", 0)
            self.mutate_dataset("array", 1, i)
        signal.setitimer(signal.ITIMER_REAL, 0)
        logger.warning("%d %d", len(self.get_dataset("moments")) - i - self.alarms, self.get_dataset("alarms") - self.alarms)
        for key, value in {"alarms": 0, "scalar": 0.0, "moments": [], "array": np.zeros(3)}.items():
            self.set_dataset(key, value)


class Submits(EnvExperiment):
    def build(self):
        self.setattr_device("scheduler")

    def run(self):
        expid = {"file": __file__, "class_name": "ChangesFolder", "arguments": {}, "log_level": 30}
        for i in range(3):
            self.append(self.scheduler.submit("main", expid, 0, None, False))
        self.append(self.scheduler.submit())
        logger.warning("%r %r %r", self.scheduler.rid, self.scheduler.priority, self.scheduler.get_status())

    def append(self, rid):
        if rid == 1001:
            self.set_dataset("submitted", [], broadcast=True)
        self.append_to_dataset("submitted", rid)


class Threads(EnvExperiment):
    """Four threads, each with keys of its own, and one key that all append to."""

    def work(self, who):
        self.set_dataset(f"array.{who}", np.zeros(500))
        self.set_dataset(f"list.{who}", [])
        for i in range(500):
            self.mutate_dataset(f"array.{who}", i, i * who)
            self.append_to_dataset(f"list.{who}", i)
            self.append_to_dataset("all", 1)
            self.set_dataset(f"scalar.{who}", i, broadcast=i % 50 == 0)
            if self.get_dataset(f"scalar.{who}") != i:
                logger.error("%d reads another's value", who)

    def run(self):
        self.set_dataset("all", [])
        threads = [threading.Thread(target=self.work, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        logger.warning("%d", len(self.get_dataset("all")))


class OwnFiles(EnvExperiment):
    """Uses h5py itself, while its own file is journaled."""

    def run(self):
        self.set_dataset("a", np.arange(5))
        with h5py.File("own.hdf5", "w") as f:
            f["x"] = self.get_dataset("a")
            f.create_group("g").attrs["y"] = 1
            f.create_dataset("z", data=np.zeros(100), compression="gzip", chunks=(10,))
        with h5py.File("own.hdf5", "r+") as f:
            self.set_dataset("from_file", f["x"][1:])
            self.set_dataset("string", f["g"].attrs["y"])
        kept = h5py.File("kept.hdf5", "w", driver="core", backing_store=False)
        kept["a"] = 5
        self.kept = kept
        logger.warning("%s %s", h5py.File.__name__, isinstance(kept, h5py.File))

    def analyze(self):
        self.set_dataset("kept", self.kept["a"][()])
        self.kept.close()


class Forks(EnvExperiment):
    """Children by fork: some compute, one touches the datasets (its own copies of them, which nobody sees)."""

    def child(self):
        self.set_dataset("of_the_child", 1)
        self.append_to_dataset("list", "child")
        self.mutate_dataset("array", 0, -1)

    def run(self):
        self.set_dataset("list", ["parent"])
        self.set_dataset("array", np.arange(3))
        fork = multiprocessing.get_context("fork")
        with fork.Pool(2) as pool:
            self.set_dataset("roots", pool.map(math.sqrt, range(10)))
        process = fork.Process(target=self.child)
        process.start()
        process.join()
        logger.warning("exit code %d", process.exitcode)
        pid = os.fork()
        if pid == 0:
            self.child()
            os._exit(0)
        logger.warning("status %d", os.waitpid(pid, 0)[1])
        self.append_to_dataset("list", "after")


class _Recording(worker_db.DatasetManager):
    def __init__(self, ddb):
        super().__init__(ddb)
        self.sets = []

    def set(self, key, *args, **kwargs):
        self.sets.append(key)
        super().set(key, *args, **kwargs)


class _Nowhere:
    def update(self, mod):
        pass

    def get(self, key):
        raise KeyError(key)

    get_metadata = get


class _Part(HasEnvironment):
    def build(self, name):
        self.name = name

    def work(self):
        self.set_dataset(f"part.{self.name}", self.name)


class SubclassesManager(EnvExperiment):
    """Has a manager of its own kind for some parts; and a plain one; neither is the run's."""

    def run(self):
        logger.warning("%s", worker_db.DatasetManager.__name__)
        own, plain = _Recording(_Nowhere()), worker_db.DatasetManager(_Nowhere())
        for manager in (own, plain):
            part = _Part((None, manager, ProcessArgumentManager({}), {}), "own")
            part.work()
            part.set_dataset("list", [1], broadcast=True)
            part.append_to_dataset("list", 2)
            logger.warning("%r %r", manager.local, type(manager).__mro__[-2].__name__)
        _Part(self, "run").work()
        logger.warning("%r %s", own.sets, isinstance(own, worker_db.DatasetManager))
        with h5py.File("separate.hdf5", "w") as f:
            own.write_hdf5(f)
            logger.warning("%r", sorted(f["datasets"]))


class BrowserAnalyze(EnvExperiment):
    """What the browser does: build and analyze, without a rid."""

    def build(self):
        self.set_dataset("in_build", 1)

    def analyze(self):
        self.set_dataset("fit", np.arange(3), broadcast=True)
        self.mutate_dataset("fit", 0, 5)
        logger.warning("%r", self.get_dataset("from_master"))


class First(EnvExperiment):
    def run(self):
        self.set_dataset("first", 1)
        self.set_dataset("shared", [1])


class Second(EnvExperiment):
    def run(self):
        self.set_dataset("second", 2)
        self.append_to_dataset("shared", 2)


class BigArrays(EnvExperiment):
    """More than an intake holds."""

    def run(self):
        rng = np.random.default_rng(1)
        image = rng.integers(0, 1000, (1024, 1024)).astype("<u2")
        for i in range(20):
            image = image + np.uint16(i)
            self.set_dataset("image", image)
        stack = np.zeros((6, 1024, 1024))
        self.set_dataset("stack", stack)
        for i in range(6):
            self.mutate_dataset("stack", i, rng.normal(size=(1024, 1024)))
        stack[3, 500] = -7
