"""The master's side of one worker process."""

import asyncio
import logging
import os
import subprocess
import sys
import time

from sipyco import pipe_ipc, pyon
from sipyco.logs import LogParser
from sipyco.packed_exceptions import current_exc_packed

from artiq.tools import first_of

logger = logging.getLogger(__name__)


class WorkerTimeout(Exception):
    pass


class WorkerWatchdogTimeout(Exception):
    pass


class WorkerError(Exception):
    pass


class WorkerInternalException(Exception):
    """The worker reported an exception; what it was is in the log."""


class Worker:
    """`handlers`: action → function, for what the worker asks of its parent."""

    def __init__(self, handlers=dict(), send_timeout=10.0):
        self.handlers, self.send_timeout = handlers, send_timeout
        self.rid = self.filename = self.ipc = None
        self.watchdogs = {}  # id → when it barks; -1 is the stage's own
        self.io_lock = asyncio.Lock()
        self.closed = asyncio.Event()

    def create_watchdog(self, t):
        wid = next(i for i in range(len(self.watchdogs) + 1) if i not in self.watchdogs)
        self.watchdogs[wid] = time.monotonic() + t
        return wid

    def delete_watchdog(self, wid):
        del self.watchdogs[wid]

    def _source(self):
        return f"worker({self.rid},{self.filename if self.filename is not None else '<none>'})"

    async def _create_process(self, log_level):
        if self.ipc is not None:
            return
        async with self.io_lock:
            if self.closed.is_set():
                raise WorkerError("Attempting to create process after close")
            self.ipc = pipe_ipc.AsyncioParentComm()
            await self.ipc.create_subprocess(
                sys.executable, "-m", "artiq.master.worker_impl", self.ipc.get_address(), str(log_level),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True)
            self.log_tasks = [asyncio.create_task(LogParser(self._source).stream_task(stream))
                              for stream in (self.ipc.process.stdout, self.ipc.process.stderr)]

    async def close(self, term_timeout=2.0):
        """Asks the process to go, then tells it (SIGTERM), then ends it (SIGKILL). To be called in any case."""
        self.closed.set()
        async with self.io_lock:
            if self.ipc is None:
                return
            process = self.ipc.process
            if process.returncode is not None:
                if process.returncode != 0:
                    logger.warning("worker finished with status code %d (RID %s)", process.returncode, self.rid)
                return
            try:
                await self._send({"action": "terminate"}, cancellable=False)
                await asyncio.wait_for(process.wait(), term_timeout)
                return
            except Exception:
                logger.debug("worker failed to exit on request (RID %s), ending the process", self.rid, exc_info=True)
            for end in (process.terminate, process.kill):
                try:
                    end()
                except ProcessLookupError:
                    pass
                try:
                    await asyncio.wait_for(process.wait(), term_timeout)
                    return
                except asyncio.TimeoutError:
                    logger.warning("worker did not terminate (RID %s), killing", self.rid)

    async def _send(self, obj, cancellable=True):
        self.ipc.write((pyon.encode(obj) + "\n").encode())
        waits = [self.ipc.drain(), *([self.closed.wait()] if cancellable else [])]
        tasks = await first_of(*waits, timeout=self.send_timeout)
        if all(task.cancelled() for task in tasks):
            raise WorkerTimeout(f"Timeout sending data to worker (RID {self.rid})")
        for task in tasks:
            if task.done() and not task.cancelled():
                task.result()
        if cancellable and self.closed.is_set():
            raise WorkerError(f"Data transmission to worker cancelled (RID {self.rid})")

    async def _recv(self, timeout):
        tasks = await first_of(self.ipc.readline(), self.closed.wait(), timeout=timeout)
        if all(task.cancelled() for task in tasks):
            raise WorkerTimeout(f"Timeout receiving data from worker (RID {self.rid})")
        if self.closed.is_set():
            raise WorkerError(f"Receiving data from worker cancelled (RID {self.rid})")
        line = tasks[0].result()
        if not line:
            raise WorkerError(f"Worker ended while attempting to receive data (RID {self.rid})")
        return pyon.decode(line.decode())

    async def _answer(self, obj):
        own = {"create_watchdog": self.create_watchdog, "delete_watchdog": self.delete_watchdog}
        if obj["action"] == "register_experiment":
            function = self.register_experiment
        else:
            function = own.get(obj["action"]) or self.handlers[obj["action"]]
        try:
            rid = [self.rid] if getattr(function, "_worker_pass_rid", False) else []
            data = function(*rid, *obj["args"], **obj["kwargs"])
            if asyncio.iscoroutine(data):
                data = await data
            reply = {"status": "ok", "data": data}
        except Exception:
            reply = {"status": "failed", "exception": current_exc_packed()}
        async with self.io_lock:
            await self._send(reply)

    async def _serve(self):
        """Answers the worker until the stage is over (True) or it pauses (False)."""
        while True:
            first = min(self.watchdogs.values(), default=None)
            async with self.io_lock:
                obj = await self._recv(None if first is None else first - time.monotonic())
            if obj["action"] in ("completed", "pause"):
                return obj["action"] == "completed"
            if obj["action"] == "exception":
                raise WorkerInternalException
            await self._answer(obj)

    async def _worker_action(self, obj, timeout=None):
        if timeout is not None:
            self.watchdogs[-1] = time.monotonic() + timeout
        try:
            async with self.io_lock:
                await self._send(obj)
            return await self._serve()
        except WorkerTimeout:
            raise WorkerWatchdogTimeout from None
        finally:
            self.watchdogs.pop(-1, None)

    async def build(self, rid, pipeline_name, wd, expid, priority, timeout=15.0):
        self.rid = rid
        if "file" in expid:
            self.filename = os.path.basename(expid["file"])
        await self._create_process(expid["log_level"])
        await self._worker_action({"action": "build", "rid": rid, "pipeline_name": pipeline_name, "wd": wd,
                                   "expid": expid, "priority": priority}, timeout)

    async def prepare(self):
        await self._worker_action({"action": "prepare"})

    async def run(self):
        return await self._worker_action({"action": "run"})

    async def resume(self, request_termination):
        return await self._worker_action({"status": "ok", "data": request_termination})

    async def analyze(self):
        await self._worker_action({"action": "analyze"})

    async def examine(self, rid, file, timeout=20.0):
        self.rid, self.filename = rid, os.path.basename(file)
        await self._create_process(logging.WARNING)
        found = {}

        def register(class_name, name, arginfo, argument_ui, scheduler_defaults):
            found[class_name] = {"name": name, "arginfo": arginfo, "argument_ui": argument_ui,
                                 "scheduler_defaults": scheduler_defaults}

        self.register_experiment = register
        await self._worker_action({"action": "examine", "file": file}, timeout)
        del self.register_experiment
        return found
