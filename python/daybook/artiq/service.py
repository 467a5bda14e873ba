"""The session's own thread: what must happen without the experiment calling anything."""

import logging
import os
import threading
import time

from daybook import _core

from . import program

logger = logging.getLogger("daybook")

_TICK = 0.1  # seconds between two looks for a request, a stage's begin, a fault
_STAGE_DELAY = 0.02  # seconds after which the worker has noted the time it began to run
_RETRIES = (1.0, 5.0)  # seconds between tries to journal again: at first, and after a minute
_PATIENT_AFTER = 60.0


class Service:
    def __init__(self, session):
        self._session = session
        self._thread = None
        self._end = None  # of the newest thread
        self._awake = threading.Event()
        self._jobs = []  # (path, point) of files to make in the background
        self._process = None
        self._idle = threading.Event()
        self._idle.set()
        self._last_file = 0.0
        self._last_event = 0
        self._fault_since = None
        self._next_try = 0.0

    def start(self):
        if self._thread is not None and self._thread.is_alive() and not self._end.is_set():
            return
        self._end = threading.Event()
        self._last_file = time.monotonic()
        self._thread = threading.Thread(target=self._run, args=(self._end,), name="daybook", daemon=True)
        self._thread.start()

    def wake(self):
        self._awake.set()

    def stop(self):
        """Lets the thread end; does not wait for it. The program, if it is at work, goes on."""
        if self._end is not None:
            self._end.set()
        self._awake.set()

    def make_file(self, path, sequence):
        """The results file as of an event, in the background. A newer one that waits takes its turn instead."""
        self._idle.clear()
        self._jobs = [(path, str(sequence))]
        self.start()
        self.wake()

    def wait_for_file(self):
        self._idle.wait()

    def _run(self, end):
        session = self._session
        while not end.is_set():
            woken = self._awake.wait(_TICK)
            self._awake.clear()
            if end.is_set():
                break
            if woken:
                time.sleep(_STAGE_DELAY)
            session.guarded(self._look)

    def _look(self):
        session = self._session
        mode = session.capture.mode
        if mode == "fault":
            return self._try_again()
        self._fault_since = None
        if mode != "on":
            return None
        if session.pending_stages:
            with session.lock:
                session.write_stages()
        name = _core.find_checkpoint_request(session.path)
        if name is not None:
            self._answer(name)
        self._make_files()
        return None

    def _answer(self, name):
        """Somebody outside wants a checkpoint."""
        session = self._session
        with session.lock:
            session.capture.reconcile()
            if session.capture.mode == "on":
                session.capture.checkpoint(name)
                session.capture.commit()
                _core.remove_checkpoint_request(session.path)

    def _try_again(self):
        now = time.monotonic()
        if self._fault_since is None:
            self._fault_since = now
            self._next_try = now + _RETRIES[0]
        if now < self._next_try:
            return
        if not self._session.resume():
            self._next_try = now + _RETRIES[now - self._fault_since > _PATIENT_AFTER]

    def _make_files(self):
        session = self._session
        if self._process is not None:
            if self._process.poll() is None:
                return
            process, self._process = self._process, None
            self._done(process)
        self._schedule()
        if not self._jobs:
            self._idle.set()
            return
        path, point = self._jobs.pop(0)
        self._process = program.start(*program.replay_arguments(session.path, path, at=point))
        self._awake.set()

    def _done(self, process):
        session = self._session
        try:
            report = program.answer(process)
        except program.ProgramError as error:
            logger.error("Daybook: the results file of a checkpoint could not be made: %s", error)
            return
        if report["file"] is not None and session.capture.mode == "on":
            with session.lock:
                session.capture.materialized(
                    os.path.abspath(report["file"]), report.get("layout") or "artiq", "", report["sequence"]
                )
                self._last_event = session.capture.statistics["last"]

    def _schedule(self):
        """Every so many seconds or events, if the lab wants it and the experiment does not write its file by itself."""
        session, now = self._session, time.monotonic()
        seconds, events = session.settings.checkpoint_seconds, session.settings.checkpoint_events
        if self._jobs or not (seconds or events) or session.writes_by_hooks():
            return
        last = session.capture.statistics["last"]
        due = (seconds and now - self._last_file >= seconds) or (events and last - self._last_event >= events)
        if not due or last == self._last_event:
            return
        self._last_file, self._last_event = now, last
        with session.lock:
            session.capture.reconcile()
            if session.capture.mode != "on":
                return
            session.capture.commit()
            self._jobs = [(session.results_path(), str(session.capture.statistics["last"]))]
