"""Experiments that end in every way there is, each with something in its datasets by then."""

import ctypes
import os
import sys
import time

from artiq.experiment import EnvExperiment, NumberValue, TerminationRequested


class _Sets(EnvExperiment):
    """Sets something in each stage."""

    def build(self):
        self.setattr_device("scheduler")
        self.setattr_device("ccb")
        self.set_dataset("in_build", 1)

    def prepare(self):
        self.set_dataset("in_prepare", [2.5], broadcast=True)

    def run(self):
        self.set_dataset("in_run", "three")
        self.append_to_dataset("in_prepare", 3.5)

    def analyze(self):
        self.set_dataset("in_analyze", 4 * [4], unit="ms", scale=1e-3, precision=2)


class Completes(_Sets):
    pass


class SetsNothing(EnvExperiment):
    def run(self):
        pass


class FailsInBuild(_Sets):
    def build(self):
        super().build()
        raise ValueError("build\nfailed")


class FailsInPrepare(_Sets):
    def prepare(self):
        super().prepare()
        raise ValueError("prepare failed")


class FailsInRun(_Sets):
    def run(self):
        super().run()
        raise ValueError("run failed")


class FailsInAnalyze(_Sets):
    def analyze(self):
        super().analyze()
        raise ValueError("analyze failed")


class NotifyRunEndFails(_Sets):
    def build(self):
        super().build()
        self.setattr_device("fails_at_run_end")


class RunAndNotifyRunEndFail(NotifyRunEndFails):
    def run(self):
        super().run()
        raise ValueError("run failed")


class UnknownArgument(_Sets):
    """Submitted with an argument that it does not ask for."""


class ExitsInRun(_Sets):
    def run(self):
        super().run()
        sys.exit(3)


class InterruptedInRun(_Sets):
    def run(self):
        super().run()
        raise KeyboardInterrupt


class OwnException(_Sets):
    def run(self):
        super().run()

        class Odd(Exception):
            def __str__(self):
                return "odd: \u03c0\nsecond line"

        raise Odd


class Terminated(_Sets):
    def run(self):
        super().run()
        for i in range(5):
            self.set_dataset("pauses", i)
            self.scheduler.pause()


class CatchesTermination(Terminated):
    def run(self):
        try:
            super().run()
        except TerminationRequested:
            self.set_dataset("caught", True)


class DeletedInCalls(_Sets):
    """The master deletes it while it talks to the master: its next call ends in SystemExit."""

    def run(self):
        super().run()
        self.ccb.issue("close")
        for i in range(200):
            self.set_dataset("calls", i, broadcast=True)
            time.sleep(.01)


class DeletedInSleep(_Sets):
    """The master deletes it while it sleeps: SIGTERM after 2 s."""

    def run(self):
        super().run()
        self.ccb.issue("close")
        time.sleep(60)


class Killed(_Sets):
    """Ends by the signal in argument `how`, or by other violence if that is 0 (os._exit) or -1 (a null pointer)."""

    def build(self):
        super().build()
        self.setattr_argument("how", NumberValue(precision=0, step=1, scale=1))

    def run(self):
        super().run()
        if self.how > 0:
            os.kill(os.getpid(), self.how)
            time.sleep(60)
        elif self.how == 0:
            os._exit(7)
        else:
            ctypes.string_at(0)


def _odd(name):
    return type(name, (_Sets,), {"__module__": __name__})


OddSpaces = _odd("with spaces; and *?[x] $HOME 'quotes\"")
OddScript = _odd("Ünïcødé_\u03c0\u4e2d")
OddLong = _odd("L" * 200)
OddSlash = _odd("a/b")
OddDots = _odd("..")
OddPercent = _odd("{x}%s%d.h5")
del _odd
