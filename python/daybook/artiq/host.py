"""The program that the dataset manager lives in: ARTIQ's worker, artiq_run, or another one.

What a run is (number, class, expid, times) stands in local variables of the worker's main(), and the results file is opened
there, so this looks into the frame that made the manager, and puts itself between that module and a few of its globals.
"""

import functools
import weakref

from . import results


class Host:
    """One module that makes dataset managers. Its globals are adapted once; the newest session hears of what happens."""

    _key = "__daybook_host__"
    _modules = ("artiq.master.worker_impl", "artiq.frontend.artiq_run")

    def __init__(self, frame):
        self._frame = frame
        self._globals = frame.f_globals
        self._session = None
        self.is_worker = "get_object" in self._globals and "put_exception_report" in self._globals
        self._globals["h5py"] = results.H5pyProxy(self._globals["h5py"])
        if self.is_worker:
            self._wrap("get_object", after=self._heard)
            self._wrap("put_exception_report", before=lambda: self._tell("on_failure"))

    @classmethod
    def of(cls, frame):
        """The host whose function ``frame`` is; None for managers that somebody else makes, who writes their data, too."""
        names = frame.f_globals
        spec = names.get("__spec__")
        if (spec.name if spec is not None else names.get("__name__")) not in cls._modules or "h5py" not in names:
            return None
        host = names.get(cls._key)
        if host is None:
            host = names[cls._key] = cls(frame)
        host._frame = frame
        return host

    def attach(self, session):
        self._session = weakref.ref(session)

    def locals(self):
        """The local variables of the function that made the manager, as they are now."""
        return dict(self._frame.f_locals)

    def find(self, name):
        """A global of the host's module; None if it has none of that name."""
        return self._globals.get(name)

    def _tell(self, method, *args):
        session = self._session() if self._session is not None else None
        if session is not None:
            session.guarded(getattr(session, method), *args)

    def _heard(self, message):
        if isinstance(message, dict) and "action" in message:
            self._tell("on_action", message)

    def _wrap(self, name, before=None, after=None):
        original = self._globals[name]

        @functools.wraps(original)
        def wrapped(*args, **kwargs):
            if before is not None:
                before()
            result = original(*args, **kwargs)
            if after is not None:
                after(result)
            return result

        self._globals[name] = wrapped
