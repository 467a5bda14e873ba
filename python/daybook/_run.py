"""The read side: daybook.open() and the run that it gives."""

import dataclasses
import datetime
import difflib
import operator
from types import TracebackType
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Type, Union

from daybook import _core
from daybook._core import Event
from daybook._info import RunInfo, SalvageNote, StrPath, hdf5_turn, salvage_note
from daybook._layout import LayoutLike, layout as make_layout
from daybook._reports import ReplayReport, replay_report

Point = Union[int, float, str, datetime.datetime]

_BATCH = 256  # events that are looked at in one go


@dataclasses.dataclass(frozen=True)
class Unstorable:
    """Stands for a value that HDF5 cannot hold: all that the journal keeps of it."""

    python_type: str
    repr: str


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    name: str
    sequence: int


@dataclasses.dataclass(frozen=True)
class Stage:
    name: str
    sequence: int
    time: float
    """Seconds since the Unix epoch."""


@dataclasses.dataclass(frozen=True)
class Status:
    phase: str
    """"running", "finished" or "crashed"."""
    live: bool
    """A writer has it open at this moment."""
    unrecovered: bool
    """The writer died, and what its intake held could not be recovered: the place is read-only."""


def _nanoseconds(moment: datetime.datetime) -> int:
    """Exactly. A moment without a time zone is local, as everywhere in Python."""
    since = moment.astimezone(datetime.timezone.utc) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (since.days * 86400 + since.seconds) * 10**9 + since.microseconds * 1000


def _point(at: Optional[Point]) -> Any:
    if at is None or isinstance(at, str):
        return at
    if isinstance(at, datetime.datetime):
        return "time", _nanoseconds(at)
    if isinstance(at, bool):
        raise TypeError("a point in a run is a sequence number, a time or a checkpoint's name, not bool")
    if hasattr(at, "__index__"):
        sequence = operator.index(at)
        if sequence < 0:
            raise _core.InvalidError(f"a sequence number is not negative: {sequence}")
        return "sequence", sequence
    if isinstance(at, float):
        if not abs(at) < 9.2e9:
            raise _core.InvalidError(f"{at} is no time in seconds since the Unix epoch")
        whole = int(at // 1)
        return "time", whole * 10**9 + round((at - whole) * 1e9)
    raise TypeError("a point in a run is a sequence number (int), a time (float seconds since the Unix epoch, or datetime) "
                    f"or a checkpoint's name (str), not {type(at).__name__}")


class _Group(Mapping[str, Any]):
    """The datasets, or the archived values, of a run as of one event."""

    _group = "datasets"

    def __init__(self, snapshot: _core.Snapshot, as_of: int) -> None:
        self._snapshot = snapshot
        self._as_of = as_of

    def __getitem__(self, key: str) -> Any:
        if not isinstance(key, str):
            raise KeyError(key)
        try:
            return self._snapshot.get(self._group, key, self._as_of)
        except KeyError:
            near = difflib.get_close_matches(key, self, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise KeyError(f"{key!r} is not in {self._group} as of event {self._as_of}{hint}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._snapshot.keys(self._group, self._as_of))

    def __len__(self) -> int:
        return len(self._snapshot.keys(self._group, self._as_of))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._snapshot.has(self._group, key, self._as_of)

    # A Mapping compares item by item, which would read every value, and arrays have no truth value.
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__

    def attributes(self, key: str) -> Dict[str, Any]:
        """Unit, scale and any other attribute of a key. KeyError."""
        return self._snapshot.attributes(self._group, key, self._as_of)

    def history(self, key: str) -> Iterator[Tuple[int, float, Any]]:
        """(sequence, time, value) after each event that changed the key, oldest first, up to this point. Each value is
        replayed when it is its turn, from the last whole one before it: of a list that was appended to n times, that is
        some n²/2 items in all; the transform `history` writes them to a file in one go. Where the key was removed, or
        retention has dropped the value, it is left out. KeyError if it never was there."""
        points = self._snapshot.chain(self._group, key, self._as_of)
        if not points:
            raise KeyError(key)
        return self._values(key, points)

    def _values(self, key: str, points: Sequence[Tuple[int, int]]) -> Iterator[Tuple[int, float, Any]]:
        for sequence, time in points:
            try:
                value = self._snapshot.get(self._group, key, sequence)
            except (KeyError, _core.ElidedError):
                continue
            yield sequence, time / 1e9, value


class Archive(_Group):
    """The values that a run read from elsewhere: /archive of its file."""

    _group = "archive"

    def __repr__(self) -> str:
        return f"<daybook.Archive of {len(self)} values as of event {self._as_of}>"


class Run(_Group):
    """One run, as of one point: a read-only mapping of the keys of its datasets to their values.

    A value is what h5py gives back for it (`file["datasets/KEY"][()]`), except that text is str: NumPy scalars, arrays with
    the dtype and byte order that the experiment gave, object arrays of str or bytes, np.void for structured scalars,
    h5py.Empty. A list is the array that it becomes in the file. Every value is a copy of its own. Keys come in the order of
    the file, those that are not for the file (archive=False) included.

    `run[key]` raises KeyError; InvalidError for what HDF5 cannot hold (see `events` for its repr), ElidedError for what
    retention has dropped, CorruptError for damage.

    The snapshot behind it does not change until `refresh()`, works while the writer writes, and is shared by all views
    made of it by `at`. Any thread may use it; reading releases the GIL, one read at a time. While it is open the writer
    cannot reuse the space of what it shows, and this process cannot open the journal for writing: `close()` it, or use
    it as a context manager. Not for use after a fork.
    """

    def __init__(self, snapshot: _core.Snapshot, as_of: int, newest: bool = False) -> None:
        """Use `daybook.open`."""
        super().__init__(snapshot, as_of)
        self._newest = newest

    def at(self, point: Optional[Point]) -> "Run":
        """Another view: as of an event (int), a time (float seconds since the Unix epoch, or datetime), a checkpoint (str), or
        the newest event (None). InvalidError if there is no such point."""
        return Run(self._snapshot, self._snapshot.resolve(_point(point)), point is None)

    @property
    def sequence(self) -> int:
        """The event as of which this view is."""
        return self._as_of

    @property
    def last(self) -> int:
        """The newest event of the snapshot."""
        return self._snapshot.last()

    @property
    def complete(self) -> bool:
        """The run has ended, and as of this view's event all of it is there."""
        return self._snapshot.is_complete(self._as_of)

    @property
    def archive(self) -> Archive:
        """The values that the run read from elsewhere."""
        return Archive(self._snapshot, self._as_of)

    @property
    def path(self) -> str:
        """The journal's directory."""
        return self._snapshot.path()

    @property
    def info(self) -> RunInfo:
        """Who and when."""
        return RunInfo(**self._snapshot.info())

    @property
    def status(self) -> Status:
        """Whether it is being written, has ended, or crashed."""
        return Status(**self._snapshot.status())

    @property
    def salvaged(self) -> Optional[SalvageNote]:
        """Where the journal is what salvage could save of another one."""
        return salvage_note(self._snapshot.salvaged())

    @property
    def checkpoints(self) -> List[Checkpoint]:
        """All of the snapshot, in order of sequence."""
        return [Checkpoint(*each) for each in self._snapshot.checkpoints()]

    @property
    def stages(self) -> List[Stage]:
        """Those up to this view's event."""
        return [Stage(name, sequence, time / 1e9) for name, sequence, time in self._snapshot.stages(self._as_of)]

    def describe(self, key: str) -> Dict[str, Any]:
        """saved (for the file), broadcast, persist, changed (time of the last change), sequence (its number). KeyError."""
        return self._snapshot.describe(self._group, key, self._as_of)

    def events(self, first: int = 1, last: Optional[int] = None) -> Iterator[Event]:
        """The events from `first` to `last` (default: the newest of the snapshot), in order. Their values are read when
        asked for."""
        end = self.last if last is None else min(last, self.last)
        for start in range(max(first, 1), end + 1, _BATCH):
            yield from _core.events(self._snapshot, start, min(start + _BATCH - 1, end))

    def refresh(self) -> None:
        """Takes a newer snapshot, for all views of it. A view of the newest event (not one made by `at` of a point) moves on
        to what is the newest now."""
        self._snapshot.refresh()
        if self._newest:
            self._as_of = self._snapshot.resolve(None)

    def replay(
        self,
        out: StrPath,
        *,
        layout: Optional[LayoutLike] = None,
        at: Optional[Point] = None,
        only: Sequence[str] = (),
        exclude: Sequence[str] = (),
        threads: int = 0,
        use_default: bool = False,
        progress: Optional[Callable[[int, int], Any]] = None,
    ) -> ReplayReport:
        """Makes the HDF5 file `out` of this view, or of the run as of `at`: the old file or the new one is there at any time,
        never a part of one. What HDF5 cannot hold is in the report, and everything else in the file.

        layout: see `daybook.layout`; None: what ARTIQ writes. only, exclude: globs on keys. threads: that compress; 0: one a
        core. use_default: write the default layout if the one given fails, and say so in the report and the file.
        progress: called now and then with bytes done and expected; what it raises ends the replay, and so does Ctrl-C: then
        the old file stays.

        InvalidError: the layout fails; an exception of a function in it is its __cause__. StorageError: no room, no such
        folder. CorruptError: the journal is damaged. Without the GIL; holds h5py's lock, since HDF5 is not thread-safe.
        """
        as_of = self._as_of if at is None else self._snapshot.resolve(_point(at))
        chosen = make_layout("artiq" if layout is None else layout)
        with hdf5_turn():
            return replay_report(_core.replay(self._snapshot, out, chosen, as_of, _globs(only), _globs(exclude), threads,
                                              use_default, progress))

    def explain(self, layout: Optional[LayoutLike] = None, *, at: Optional[Point] = None, only: Sequence[str] = (),
                exclude: Sequence[str] = ()) -> str:
        """The file that `replay` would make: one line an object."""
        as_of = self._as_of if at is None else self._snapshot.resolve(_point(at))
        chosen = make_layout("artiq" if layout is None else layout)
        return _core.explain(self._snapshot, chosen, as_of, _globs(only), _globs(exclude))

    def close(self) -> None:
        """Lets go of the snapshot; views and events made of it are of no use then. Idempotent."""
        self._snapshot.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<daybook.Run {self.path!r} as of event {self._as_of}>"


def _globs(given: Union[str, Sequence[str]]) -> List[str]:
    return [given] if isinstance(given, str) else list(given)


def open(path: StrPath) -> Run:
    """Opens a run for reading: as it is now, also while it is being written. A journal whose writer died is recovered first.

    UnsupportedError: no journal (says what it is), or of a newer format. CorruptError: damaged: see `verify`, `salvage`.
    """
    snapshot = _core.Snapshot(path)
    return Run(snapshot, snapshot.resolve(None), True)
