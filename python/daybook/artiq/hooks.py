"""The storage hooks that every experiment has while Daybook is on, after ARTIQ issue 1545.

An experiment may override any of ``get_hdf5_handle``, ``write_metadata``, ``write_datasets``, ``store_dataset`` and
``write_results``; then its file is written by h5py through them. All of them, and those below, may be called from run().
"""

import functools
import logging
import os
import shutil

import h5py

logger = logging.getLogger("daybook")

_MANAGED = ("datasets", "archive", "artiq_version", "rid", "start_time", "run_time", "expid")


def _session(experiment):
    manager = getattr(experiment, "_HasEnvironment__dataset_mgr", None)
    session = getattr(manager, "_daybook", None)
    if session is None:
        raise RuntimeError("this experiment is not journaled: its datasets are not managed by a worker under daybook-run")
    return session


class _ResultsHandle(h5py.File):
    """An ordinary h5py file. It is written beside the results file and takes its place when it is closed, so that nobody
    ever finds a part of one; leaving a ``with`` block by an exception leaves the old file."""

    def __init__(self, target, mode, **kwds):
        self._daybook_target = target
        self._daybook_aside = os.path.join(
            os.path.dirname(target), f".{os.path.basename(target)}.{os.getpid()}.{id(self):x}.part"
        )
        self._daybook_abandoned = False
        try:
            if mode in ("a", "r+") and os.path.exists(target):
                shutil.copyfile(target, self._daybook_aside)
            elif mode == "r+":
                raise FileNotFoundError(f"there is no results file {target} yet")
            super().__init__(self._daybook_aside, "w" if mode in ("w-", "x") else mode, **kwds)
        except BaseException:
            self._daybook_remove()
            raise

    def __exit__(self, kind, error, trace):
        self._daybook_abandoned = kind is not None
        return super().__exit__(kind, error, trace)

    def close(self):
        was_open = bool(self.id)
        super().close()
        if not was_open:
            return
        if self._daybook_abandoned:
            self._daybook_remove()
            return
        _sync(self._daybook_aside)
        os.replace(self._daybook_aside, self._daybook_target)
        _sync(os.path.dirname(self._daybook_target))

    def _daybook_remove(self):
        try:
            os.unlink(self._daybook_aside)
        except FileNotFoundError:
            pass


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def get_hdf5_handle(self, mode="a", **kwds):
    """The run's results file, as ``h5py.File(name, mode, **kwds)``. Mode "a" adds to what an earlier call of this run has
    written. The file takes its place when it is closed. Override it to write elsewhere, or nowhere."""
    session = _session(self)
    path = session.results_path()
    if mode == "r":
        return h5py.File(path, "r", **kwds)
    if mode in ("w-", "x") and os.path.exists(path):
        raise FileExistsError(f"the results file {path} exists already")
    own = path in session.own_files and os.path.exists(path)
    if mode == "a" and (session.composing or not own):
        mode = "w"
    if not session.composing:
        session.handle_used = True
    handle = _ResultsHandle(path, mode, **kwds)
    if session.composing and own:
        _keep_extras(path, handle)
    session.own_files.add(path)
    return handle


def _keep_extras(path, handle):
    """What the experiment has put into its file beside the datasets, which are written anew."""
    with h5py.File(path, "r") as old:
        for name in old:
            if name not in _MANAGED:
                old.copy(name, handle)


def write_metadata(self, f):
    """Puts artiq_version, rid, start_time, run_time and expid into ``f``."""
    for name, value in _session(self).metadata().items():
        if name in f:
            del f[name]
        f[name] = value


def write_datasets(self, f):
    """Calls ``store_dataset`` for each dataset, then adds its unit, scale, precision and attributes, and writes the
    archive. One that cannot be stored does not cost the others; its error is raised when the file is written."""
    session = _session(self)
    manager = session.manager()
    group = f.require_group("datasets")
    for name, value in list(manager.local.items()):
        try:
            self.store_dataset(f, name, value)
            if name in group:
                for attribute, content in {**manager.metadata.get(name, {}), **session.attributes.get(name, {})}.items():
                    group[name].attrs[attribute] = content
        except Exception as error:
            session.defer("datasets", name, error)
    archive = f.require_group("archive")
    for name, value in list(manager.archive.items()):
        try:
            if name in archive:
                del archive[name]
            session.module._write(archive, name, value, manager.metadata.get(name, {}))
        except Exception as error:
            session.defer("archive", name, error)


def store_dataset(self, f, name, value):
    """Puts one dataset into ``f["datasets"]``, with the options of set_dataset_storage(); returns it."""
    group = f["datasets"]
    storage = _session(self).storage.get(name)
    if name in group:
        del group[name]
    if storage and getattr(value, "shape", ()) != ():
        return group.create_dataset(name, data=value, **storage)
    group[name] = value
    return group[name]


def write_results(self):
    """Writes the results file of this moment. Called by the worker at the run's end; may be called from run()."""
    session = _session(self)
    if not session.writes_by_hooks():
        return session.write_results()
    with session.lock:
        session.composing = True
        try:
            with self.get_hdf5_handle() as f:
                self.write_metadata(f)
                self.write_datasets(f)
        finally:
            session.composing = False
    session.raise_deferred()
    return None


def checkpoint(self, name="checkpoint", *, file=False, wait=False):
    """Marks this moment in the journal under ``name``, which ``daybook replay --at NAME`` takes; a later one of the same name
    takes the name over. Returns its sequence number at once. ``file``: the results file of this moment is made in the background;
    ``wait`` for it."""
    return _session(self).checkpoint(name, file=file, wait=wait)


def list_datasets(self):
    """The names of the datasets that would be in the file now, in their order."""
    return list(_session(self).manager().local)


def set_dataset_storage(self, key, **options):
    """How ``key`` is stored: the keywords of h5py's create_dataset (compression, compression_opts, shuffle, chunks,
    fletcher32, fillvalue). Kept in the journal, never broadcast. Without options: as before."""
    _session(self).set_storage(key, options or None)


def set_dataset_attribute(self, key, name, value):
    """Gives the dataset ``key`` an HDF5 attribute beside unit, scale and precision. Kept in the journal, never broadcast."""
    _session(self).set_attribute(key, name, value)


_HOOKS = (get_hdf5_handle, write_metadata, write_datasets, store_dataset, write_results)
_METHODS = (*_HOOKS, checkpoint, list_datasets, set_dataset_storage, set_dataset_attribute)


def overridden(experiment):
    """True if the experiment's class has a hook of its own."""
    return any(getattr(type(experiment), hook.__name__, hook) is not hook for hook in _HOOKS)


def install(has_environment):
    """Gives the class the hooks that it does not have, and lets an experiment say which session is its own."""
    for method in _METHODS:
        if not hasattr(has_environment, method.__name__):
            setattr(has_environment, method.__name__, method)
    original = has_environment.__init__

    @functools.wraps(original)
    def __init__(self, managers_or_parent, *args, **kwargs):
        if isinstance(managers_or_parent, tuple) and len(managers_or_parent) > 1:
            session = getattr(managers_or_parent[1], "_daybook", None)
            if session is not None:
                session.guarded(session.adopt, self)
        original(self, managers_or_parent, *args, **kwargs)

    has_environment.__init__ = __init__
