"""The dataset manager that journals."""

import sys

from . import results
from .host import Host
from .session import Session


def journaling(base, module):
    """A subclass of ARTIQ's DatasetManager that does all it does, and journals it. ``module`` is where ``base`` lives."""

    class DatasetManager(base):
        __doc__ = base.__doc__

        def __init__(self, ddb):
            base.__init__(self, ddb)
            self._daybook = Session(self, base, module, Host.of(sys._getframe(1)))
            if type(self) is DatasetManager:
                # A call by an experiment goes straight into C. A subclass calls its own methods, which call those below.
                capture = self._daybook.capture
                self.set = capture.set
                self.mutate = capture.mutate
                self.append_to = capture.append_to
                self.get = capture.get

        def set(self, *args, **kwargs):
            return self._daybook.capture.set(*args, **kwargs)

        def mutate(self, *args, **kwargs):
            return self._daybook.capture.mutate(*args, **kwargs)

        def append_to(self, *args, **kwargs):
            return self._daybook.capture.append_to(*args, **kwargs)

        def get(self, *args, **kwargs):
            return self._daybook.capture.get(*args, **kwargs)

        def write_hdf5(self, f):
            if isinstance(f, results.ResultsFile) and f.take(self._daybook):
                return None
            return base.write_hdf5(self, f)

    DatasetManager.__module__ = base.__module__
    DatasetManager.__qualname__ = base.__qualname__
    return DatasetManager
