"""The results file: what the worker opens with h5py becomes a file that Daybook writes."""

import logging
import os

logger = logging.getLogger("daybook")


class H5pyProxy:
    """Stands for the module h5py in the module that writes results files: everything is h5py's, except that a file that
    is made anew and given to a journaling dataset manager is written from the journal."""

    def __init__(self, h5py):
        self._h5py = h5py

    def __getattr__(self, name):
        return getattr(self._h5py, name)

    def File(self, name, mode="r", *args, **kwargs):  # noqa: N802, h5py's name
        if mode != "w" or args or kwargs or not isinstance(name, (str, os.PathLike)):
            return self._h5py.File(name, mode, *args, **kwargs)
        return ResultsFile(self._h5py, os.fspath(name))


class ResultsFile:
    """What ``h5py.File(name, "w")`` gives the worker. It takes ``write_hdf5(f)`` and ``f[name] = value`` and acts when it is
    closed. Asked for anything else, or never given to a journaling manager, it becomes the file that h5py makes."""

    def __init__(self, h5py, name):
        self._h5py = h5py
        self._name = name
        self._added = {}
        self._session = None
        self._file = None
        self._closed = False

    def take(self, session):
        """The manager's part of the file will come from this session's journal. False if h5py is writing it already."""
        if self._file is not None:
            return False
        self._session = session
        return True

    def __setitem__(self, name, value):
        if self._file is None:
            self._added[name] = value
        else:
            self._file[name] = value

    def __getitem__(self, name):
        return self._real()[name]

    def __contains__(self, name):
        return name in self._real()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._real(), name)

    def _real(self):
        """h5py's file, with all that was put into this one so far."""
        if self._file is None:
            self._file = self._h5py.File(self._name, "w")
            session, self._session = self._session, None
            if session is not None:
                session.write_plainly(self._file)
            for name, value in self._added.items():
                self._file[name] = value
        return self._file

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self._session is None or kind is not None:
            self._real().close()
        else:
            self.close()
        return False

    def close(self):
        if self._closed:
            return
        self._closed = True
        if self._session is None:
            self._real().close()
        else:
            self._session.write_final(self._name, self._added)

    def flush(self):
        if self._file is not None:
            self._file.flush()


def raise_as_artiq(manager, module, h5py, refused, added):
    """Raises what ARTIQ's own write_hdf5 raises for the first of the keys that HDF5 cannot hold, if it raises. ``refused``:
    pairs of group and key. ``added``: what the worker writes after the datasets."""
    biggest = 100_000_000  # bytes: what is larger was refused for its key or attributes
    with h5py.File("refused", "w", driver="core", backing_store=False) as file:
        for name, values in (("datasets", manager.local), ("archive", manager.archive)):
            group = file.create_group(name)
            for key, value in values.items():
                bad = (name, key) in refused or not is_text(key)
                metadata = manager.metadata.get(key, {}) if bad else {}
                if not bad or getattr(value, "nbytes", 0) > biggest:
                    value = 0  # stands for a value that is no trouble, but takes its place
                module._write(group, key, value, metadata)
        for name, value in added.items():
            file[name] = value


def is_text(key):
    """A key that the journal, and HDF5, can call a dataset by."""
    try:
        return isinstance(key, str) and key.encode() is not None
    except UnicodeEncodeError:
        return False
