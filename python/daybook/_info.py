"""What the parts of the package share."""

import contextlib
import dataclasses
import importlib
import os
import threading
from typing import Any, Iterator, Mapping, Optional, Union

StrPath = Union[str, "os.PathLike[str]"]


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """Who and when. Times are seconds since the Unix epoch."""

    uuid: str
    rid: int
    class_name: str
    expid: str
    """The text for /expid, as ARTIQ encodes it (PYON)."""
    start_time: float
    software_version: str
    """The text for /artiq_version."""
    host: str
    """Of the process that made the journal, as are boot_id and pid."""
    boot_id: str
    pid: int
    daybook_version: str
    layout: str
    """The run's own layout (TOML); empty: as ARTIQ lays it out."""
    results: str
    """Where its file belongs; empty: beside the journal, as {rid:09}-{Class}.h5."""


@dataclasses.dataclass(frozen=True)
class SalvageNote:
    """What a journal that `daybook salvage` made tells of itself."""

    source: str
    time: float
    lost: int
    """How many events are missing."""
    made: bool
    """The run's description was lost, too: RunInfo is made of what the rest tells."""
    daybook_version: str


def salvage_note(given: Optional[Mapping[str, Any]]) -> Optional[SalvageNote]:
    return None if given is None else SalvageNote(**given)


_own_turn = threading.RLock()


@contextlib.contextmanager
def hdf5_turn() -> Iterator[None]:
    """One HDF5 user at a time: Daybook and h5py may share one library, which is not thread-safe. h5py is imported where it is
    installed: another thread that imported it while a file is being made would not know of us."""
    try:
        turn = importlib.import_module("h5py._objects").phil
    except ImportError:
        turn = _own_turn
    with turn:
        yield
