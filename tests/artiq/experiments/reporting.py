"""Experiments that tell, through a pipe, of every dataset call that has returned, until something ends them."""

import ctypes
import os
import resource
import signal
import struct
import threading
import time

from artiq.experiment import EnvExperiment, NumberValue, StringValue

from calls import make, script


class Reports(EnvExperiment):
    """Eight bytes with its process id, then eight bytes with each call's number, once it has returned. At call `last` it
    ends in the way `how`; without one it goes on until it is killed."""

    def build(self):
        for name in ("seed", "last"):
            self.setattr_argument(name, NumberValue(precision=0, step=1, scale=1))
        for name in ("pipe", "how", "group"):
            self.setattr_argument(name, StringValue())

    def run(self):
        report = os.open(self.pipe, os.O_WRONLY)
        os.write(report, struct.pack("<q", os.getpid()))
        for number, call in enumerate(script(self.seed), 1):
            make(self, call)
            os.write(report, struct.pack("<q", number))
            if number == self.last:
                getattr(self, self.how)()

    def exit(self):
        os._exit(7)

    def segfault(self):
        ctypes.string_at(0)

    def abort(self):
        os.abort()

    def term(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    def oom(self):
        """Takes more memory than the control group `group` may have: the kernel kills it."""
        with open(os.path.join(self.group, "cgroup.procs"), "w") as f:
            f.write(str(os.getpid()))
        kept = []
        while True:
            kept.append(bytearray(b"\1") * (1 << 20))

    def memory(self):
        """The process may have no more memory: calls fail, and then it is killed."""
        size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + (1 << 20), size + (1 << 20)))
        kept = []
        try:
            while True:
                kept.append(bytearray(1 << 16))
        except MemoryError:
            pass
        try:
            self.set_dataset("without_memory", 1)
        except MemoryError:
            pass
        time.sleep(.05)
        os.kill(os.getpid(), signal.SIGKILL)


class DiesInWrite(EnvExperiment):
    """Gets a signal some time after analyze has ended, while its results are being written."""

    def build(self):
        self.setattr_argument("after", NumberValue())
        self.setattr_argument("number", NumberValue(precision=0, step=1, scale=1))

    def run(self):
        for i in range(5000):
            self.set_dataset(f"list.{i}", [i, 0.5])

    def analyze(self):
        threading.Timer(self.after, os.kill, (os.getpid(), int(self.number))).start()
