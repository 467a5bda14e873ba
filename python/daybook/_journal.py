"""The write side: daybook.Journal."""

import operator
from types import TracebackType
from typing import Any, Mapping, Optional, Sequence, Type

import numpy as np

from daybook import _core
from daybook._info import RunInfo, StrPath
from daybook._layout import LayoutLike, layout as make_layout
from daybook._reports import Statistics


class UnstorableWarning(UserWarning):
    """A value was journaled that no HDF5 file can hold: its type and repr() are all that is kept."""


def _name(what: str, text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{what} must be str, not {type(text).__name__}: {text!r:.80}")
    return text


def _region(index: Any, shape: Sequence[int]) -> "tuple[list[int], list[int], list[int]]":
    """Start, count and step for each dimension of what NumPy's basic indexing selects of an array of this shape."""
    items = list(index) if isinstance(index, tuple) else [index]
    named = [item for item in items if item is not None]
    missing = len(shape) - sum(item is not Ellipsis for item in named)
    resolved: "list[Any]" = []
    for item in named:
        resolved += [slice(None)] * missing if item is Ellipsis else [item]
    resolved += [slice(None)] * (len(shape) - len(resolved))
    start, count, step = [], [], []
    for item, extent in zip(resolved, shape):
        if isinstance(item, slice):
            chosen = range(*item.indices(extent))
            start.append(chosen.start if len(chosen) else 0)
            count.append(len(chosen))
            step.append(chosen.step if len(chosen) else 1)
        else:
            position = operator.index(item)
            start.append(position + extent if position < 0 else position)
            count.append(1)
            step.append(1)
    return start, count, step


def _is_basic(index: Any) -> bool:
    """Integers, slices, None and Ellipsis, or a tuple of them: what selects a regular part of an array."""
    items = index if isinstance(index, tuple) else (index,)
    for item in items:
        if item is None or item is Ellipsis or isinstance(item, slice):
            continue
        if isinstance(item, (bool, np.bool_)) or not hasattr(item, "__index__"):
            return False
        if isinstance(item, np.ndarray) and item.ndim != 0:
            return False
    return True


def _is_element(index: Any, shape: Sequence[int]) -> bool:
    items = index if isinstance(index, tuple) else (index,)
    return len(items) == len(shape) and all(hasattr(item, "__index__") for item in items)


class Journal:
    """The crash-safe journal of one run, open for writing: the directory `{rid:09}-{Class}.daybook`.

    Once a call has returned, its event survives a kill of this process. A power cut can cost the events of the last
    `commit_interval`; what was appended before a `sync()` survives that, too.

    As a context manager it ends the run: `finish("ok")` after a normal exit, `finish("raised TypeError: …")` after an
    exception. Without either the run is later shown as crashed, with every event in it.

    Values are what ARTIQ's `set_dataset` takes: bool, int, float, complex, str, bytes, NumPy scalars and arrays of any
    dtype that HDF5 has (any shape and strides; structured ones, too), h5py's special dtypes, lists and tuples of such. A
    list stays one, so that it can be appended to; it becomes an array in the file. A value is copied before the call
    returns. What HDF5 cannot hold (None, a dict, …) is kept as its repr() with an UnstorableWarning, and costs an entry
    in the report of each replay, nothing else.

    Any thread may call anything at any time. Calls release the GIL while they wait. After `os.fork()` every call in the
    child raises InvalidError, and the parent is not disturbed.

    All calls raise TypeError for arguments of the wrong type, InvalidError (a ValueError) for an event that breaks a rule
    or a closed journal, StorageError (an OSError) if the disk failed, and FullError if it is full: then they work again
    once there is room. Nothing is recorded by a call that raises.
    """

    def __init__(self, core: _core.Journal) -> None:
        """Use `create` or `open`."""
        if not isinstance(core, _core.Journal):
            raise TypeError("use daybook.Journal.create(path, …) or daybook.Journal.open(path)")
        self._core = core
        self._ended = False

    @classmethod
    def create(
        cls,
        path: StrPath,
        *,
        rid: int = 0,
        class_name: str = "",
        expid: str = "",
        start_time: float = 0.0,
        software_version: str = "",
        layout: Optional[LayoutLike] = None,
        results: StrPath = "",
        intake_bytes: Optional[int] = None,
        commit_interval: Optional[float] = None,
        full_timeout: Optional[float] = None,
        history_bytes: Optional[int] = None,
    ) -> "Journal":
        """Makes the directory `path` and opens it. See `journal_name` for how it should be called.

        rid, class_name, expid, software_version: the run, as the file will say it. start_time: seconds since the Unix
        epoch; 0: now. layout: the run's own, for whoever makes its file later (no functions: they cannot be kept).
        results: where the file belongs, absolute or seen from the journal's folder; "": beside the journal.

        intake_bytes: of the memory-mapped ring in front of LMDB, which bounds how long a burst is absorbed at memory speed
        (16 MiB; at least 64 KiB). commit_interval: seconds within which an event is safe from a power cut (0.02).
        full_timeout: seconds a call may wait for a full intake before it raises StorageError (30). history_bytes: of
        superseded values that are kept (1 GiB).

        InvalidError if `path` exists; StorageError on a network share, or if the disk refuses.
        """
        chosen = None if layout is None else make_layout(layout)
        if chosen is not None and not chosen.portable:
            raise _core.InvalidError(f"journal {path!s}: its layout {chosen.name} has a function, which a journal cannot "
                                     "keep: use layout files, names and dictionaries")
        text = "" if chosen is None else chosen.toml
        return cls(_core.Journal.create(path, rid, class_name, expid, start_time, software_version, text,
                                        str(results), intake_bytes, commit_interval, full_timeout, history_bytes))

    @classmethod
    def open(
        cls,
        path: StrPath,
        *,
        intake_bytes: Optional[int] = None,
        commit_interval: Optional[float] = None,
        full_timeout: Optional[float] = None,
        history_bytes: Optional[int] = None,
    ) -> "Journal":
        """Goes on with an existing journal, after recovering it if its writer died.

        BusyError (a BlockingIOError) while another writer has it open, or this process reads it (`daybook.open`).
        UnsupportedError if it is no journal. The options are those of `create`.
        """
        return cls(_core.Journal.open(path, intake_bytes, commit_interval, full_timeout, history_bytes))

    def set(
        self,
        key: str,
        value: Any,
        *,
        unit: Optional[str] = None,
        scale: Optional[float] = None,
        precision: Optional[int] = None,
        attributes: Optional[Mapping[str, Any]] = None,
        broadcast: bool = False,
        persist: bool = False,
        archive: bool = True,
        storage: Optional[Mapping[str, Any]] = None,
    ) -> int:
        """Gives the dataset `key` a value, whatever it had before. Returns the event's sequence number.

        unit, scale, precision and any further attributes replace those of the set before. archive=False: the value is
        journaled, but not for the file. storage: options for layouts, named as h5py's `create_dataset` names them.
        """
        given = {"unit": unit, "scale": scale, "precision": precision}
        named = {name: item for name, item in given.items() if item is not None}
        if attributes is not None:
            named.update(attributes)
        return self._core.set(_name("a dataset's key", key), value, named, broadcast, persist, archive,
                              dict(storage or {}))

    def mutate(self, key: str, index: Any, value: Any, *, shape: Optional[Sequence[int]] = None) -> int:
        """`dataset[index] = value`, as NumPy (or a list) does it: negative indices, slices, Ellipsis and tuples of them;
        `value` is cast to the dataset's dtype and broadcast to what the index selects.

        The index is resolved against the dataset as the journal has it now, or against `shape` if that is given (of an
        array the journal knows under that shape). Of a list one item can be replaced, by an integer.

        IndexError as NumPy raises it; InvalidError if there is no such dataset, if it is a scalar, or for an index that
        selects no regular part (integer arrays, masks, field names, slices of lists): give the whole value to `replace`
        then. ValueError if `value` cannot be broadcast.
        """
        _name("a dataset's key", key)
        outline = self._core.outline(key)
        if outline is None:
            raise _core.InvalidError(f"mutate {key!r}: there is no such dataset: set it first")
        form, dtype, known, items = outline
        if form == "list":
            return self._core.mutate_item(key, self._position(key, index, items), value)
        if form not in ("array", "objects"):
            raise _core.InvalidError(f"mutate {key!r}: it is {form}, which has no elements: use set or replace")
        extents = known if shape is None else tuple(map(operator.index, shape))
        if not _is_basic(index):
            raise _core.InvalidError(f"mutate {key!r}: {index!r:.80} selects no regular part of the array: change your "
                                     "array and give the whole of it to replace()")
        # A stand-in of that shape that takes no memory: NumPy says what the index selects, or what is wrong with it.
        stand_in = np.broadcast_to(np.empty((), np.int8), extents)
        try:
            selected = np.shape(stand_in[index])
        except IndexError as error:
            raise IndexError(f"mutate {key!r}: {error}") from None
        part = np.empty(selected, object if form == "objects" else dtype)
        try:
            # One element takes what its dtype takes, such as the text of an array for "S"; a part is broadcast to.
            part[() if _is_element(index, extents) else ...] = value
        except (TypeError, ValueError) as error:
            raise type(error)(f"mutate {key!r}: {error}") from None
        start, count, step = _region(index, extents)
        return self._core.mutate(key, start, count, step, part.reshape(count))

    @staticmethod
    def _position(key: str, index: Any, items: int) -> int:
        try:
            position = operator.index(index)
        except TypeError:
            raise _core.InvalidError(f"mutate {key!r}: it is a list, of which an integer selects one item, not "
                                     f"{index!r:.80}: give the whole list to replace()") from None
        if not -items <= position < items:
            raise IndexError(f"mutate {key!r}: index {position} is out of range of a list of {items}")
        return position % items

    def append(self, key: str, value: Any) -> int:
        """Appends one item to the list `key`, or to the first dimension of an array."""
        return self._core.append(_name("a dataset's key", key), value)

    def replace(self, key: str, value: Any) -> int:
        """The whole value anew; attributes, options and flags stay. InvalidError if there is no such dataset."""
        return self._core.replace(_name("a dataset's key", key), value)

    def remove(self, key: str) -> int:
        """The dataset is gone from here on; what it was stays in the journal."""
        return self._core.remove(_name("a dataset's key", key))

    def set_attribute(self, key: str, name: str, value: Any) -> int:
        """An attribute of `key` that stays until `remove_attribute`, whatever `set` does."""
        return self._core.set_attribute(_name("a dataset's key", key), _name("an attribute's name", name), value)

    def remove_attribute(self, key: str, name: str) -> int:
        """Takes back what `set_attribute` gave."""
        return self._core.remove_attribute(_name("a dataset's key", key), _name("an attribute's name", name))

    def archive(self, key: str, value: Any) -> int:
        """Keeps a value that the run has read from elsewhere: /archive/KEY of the file."""
        return self._core.archive(_name("a dataset's key", key), value)

    def checkpoint(self, name: str) -> int:
        """Names the state up to here, at no cost. A later checkpoint of the same name takes the name over."""
        return self._core.checkpoint(_name("a checkpoint's name", name))

    def stage(self, stage: str, run_time: float = 0.0) -> int:
        """The run goes on to "prepare", "run", "analyze", …; run_time: seconds since the Unix epoch, for /run_time."""
        return self._core.stage(_name("a stage", stage), run_time)

    def sync(self) -> None:
        """Returns when everything appended before would survive a power cut."""
        self._core.sync()

    def commit(self) -> None:
        """Returns when everything appended before would survive a power cut and is there for readers (`Run.refresh`). Costs
        more than `sync`."""
        self._core.commit()

    def finish(self, how: str = "ok") -> None:
        """Ends the run ("ok", or what went wrong), commits everything and closes the journal."""
        self._core.finish(_name("how a run ended", how))
        self._ended = True

    def close(self) -> None:
        """Commits everything and closes without ending the run. Idempotent."""
        self._core.close()
        self._ended = True

    def statistics(self) -> Statistics:
        """What was appended, committed and waited for."""
        return Statistics(**self._core.statistics())

    @property
    def path(self) -> str:
        """The journal's directory."""
        return self._core.path

    @property
    def info(self) -> RunInfo:
        """The run, as the journal says it."""
        return RunInfo(**self._core.info)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        if self._ended:
            return
        if kind is None:
            self.finish()
            return
        text = f"{error}".partition("\n")[0].encode("utf-8", "backslashreplace").decode("utf-8")
        self.finish(f"raised {kind.__name__}: {text}" if text else f"raised {kind.__name__}")

    def __repr__(self) -> str:
        return f"<daybook.Journal {self.path!r}>"


