"""Whole journals: looking at them, checking them, recovering and salvaging them."""

import dataclasses
import os
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

from daybook import _core
from daybook._info import RunInfo, SalvageNote, StrPath, hdf5_turn, salvage_note


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Of an open journal."""

    last: int
    """The newest event."""
    committed: int
    """The newest event that is in LMDB, synced."""
    commits: int
    superseded: int
    """Bytes of history that could be dropped."""
    waits: int
    """Appends that had to wait for a full intake …"""
    waited: float
    """… and for how many seconds in all."""


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A dataset, archived value or attribute that is not in a file as it should be, and why."""

    group: str
    """"datasets" or "archive"."""
    key: str
    reason: str


@dataclasses.dataclass(frozen=True)
class ReplayReport:
    """What became of a file."""

    file: Optional[str]
    no_file: Optional[str]
    """Why there is none: the layout wants it so."""
    layout_failure: Optional[str]
    """Why it has the default layout instead."""
    up_to: int
    """The event as of which it is."""
    complete: bool
    """The run has ended and all of it is in the file."""
    datasets: int
    bytes: int
    refused: List[Refusal]
    """What HDF5 cannot hold. Everything else was written."""
    notes: List[Refusal]
    """In the file, but not as the layout says."""


@dataclasses.dataclass(frozen=True)
class Damage:
    sequence: int
    """0: not tied to one event."""
    what: str


@dataclasses.dataclass(frozen=True)
class Verification:
    """What `verify` found."""

    events: int
    """Intact ones."""
    last: int
    """The newest event that the journal says it has."""
    elided: int
    """Of them, those whose value retention has dropped."""
    unknown_kinds: int
    """Events of kinds that a later version added."""
    damage: List[Damage]
    lost: int
    """Events that salvage did not find: no damage of this journal."""
    salvaged: Optional[SalvageNote]
    intake: str
    """"", or what the intake held that is not in data.mdb yet."""

    @property
    def intact(self) -> bool:
        return not self.damage


@dataclasses.dataclass(frozen=True)
class RecoverReport:
    """What `recover` found and did."""

    journal: str
    info: Optional[RunInfo]
    salvaged: Optional[SalvageNote]
    before: str
    """"live", "crashed", "finished without file" or "finished"."""
    outcome: str
    """"left alone" (live), "nothing to do", "whole", "in part", or "nothing" (see `error`)."""
    last: int
    recovered: int
    """So many events were still in the intake."""
    until: float
    """The newest event's time; 0 if there is none."""
    complete: bool
    file: Optional[str]
    replaced: bool
    instead: str
    """Why the file is not where it belongs."""
    remark: str
    no_file: Optional[str]
    layout_failure: Optional[str]
    refused: List[Refusal]
    differences: List[str]
    not_compared: str
    fault: str
    """"", "damaged", "unsupported", "busy", "storage" or "other"."""
    error: str


@dataclasses.dataclass(frozen=True)
class Summary:
    """What can be said of a journal in constant time."""

    path: str
    info: RunInfo
    phase: str
    """"running", "finished" or "crashed"."""
    live: bool
    """A writer has it open at this moment."""
    last: int
    disk_bytes: int
    salvaged: Optional[SalvageNote]


@dataclasses.dataclass(frozen=True)
class LostOfKey:
    """What became of a dataset, archived value or attribute of which something is lost."""

    what: str
    """"dataset", "archived", "attribute" or "stages"."""
    key: str
    attribute: str
    lost: List[int]
    """Its lost events, as far as the rest names them."""
    newest: int
    shown: int
    """The newest event whose value can be proven, which is what is shown; 0: none."""
    idle: int
    metadata_lost: bool
    uncertain: bool


@dataclasses.dataclass(frozen=True)
class Salvage:
    """What `salvage` got out."""

    info: RunInfo
    info_made: bool
    phase: str
    last: int
    events: int
    lost: int
    ranges: List[Tuple[int, int]]
    """First and last of each range of lost events."""
    keys: List[LostOfKey]
    others: List[Tuple[str, int]]
    """UUID and number of records of other runs that were found."""
    unreadable: int
    """Bytes that the disk refused to read."""


def refusals(given: Iterable[Tuple[str, str, str]]) -> List[Refusal]:
    return [Refusal(*each) for each in given]


def replay_report(given: Dict[str, Any]) -> ReplayReport:
    given["refused"], given["notes"] = refusals(given["refused"]), refusals(given["notes"])
    return ReplayReport(**given)


def verify(path: StrPath) -> Verification:
    """Checks every page, record, checksum and link of a journal, and changes nothing. Damage is the answer, no exception.

    UnsupportedError: no journal, or a newer format. StorageError: it cannot be read. Without the GIL.
    """
    found = _core.verify(path)
    found["damage"] = [Damage(*each) for each in found["damage"]]
    found["salvaged"] = salvage_note(found["salvaged"])
    return Verification(**found)


def recover(path: StrPath, *, dry_run: bool = False) -> RecoverReport:
    """The morning after: brings a dead run's journal to a clean state, makes its file if it is missing or older, and compares
    it with a replay. Does nothing to a live run, and nothing twice. dry_run: only says what would be done.

    What is wrong with journal, file or disk is in the report, not raised. Without the GIL; holds h5py's lock.
    """
    with hdf5_turn():
        found = _core.recover(path, dry_run)
    found["info"] = None if found["info"] is None else RunInfo(**found["info"])
    found["salvaged"] = salvage_note(found["salvaged"])
    found["refused"] = refusals(found["refused"])
    return RecoverReport(**found)


def summarize(path: StrPath) -> Summary:
    """Who, when and how a run is, in constant time. Changes nothing. UnsupportedError: no journal."""
    found = _core.summarize(path)
    found["info"] = RunInfo(**found["info"])
    found["salvaged"] = salvage_note(found["salvaged"])
    return Summary(**found)


def ls(folder: StrPath = ".") -> Iterator[Summary]:
    """The journals at or below a folder, in order of their paths. What cannot be read is passed over: `verify` says why."""
    if _core.looks_like_journal(folder):
        found = [os.fspath(folder)]
    else:
        found = []
        for parent, names, _ in os.walk(folder):
            journals = [name for name in names if _core.looks_like_journal(os.path.join(parent, name))]
            found += [os.path.join(parent, name) for name in journals]
            names[:] = [name for name in names if name not in journals]
    for path in sorted(found):
        try:
            summary = summarize(path)
        except _core.Error:
            continue
        yield summary


def salvage(damaged: StrPath, journal: StrPath, *, uuid: Optional[str] = None) -> Salvage:
    """Rebuilds a journal from what is left of one: a folder or a single file, of which nothing is changed.

    uuid: of the run, where records of several are found; else the one with the most. InvalidError if `journal` exists, or
    nothing of that run is found; StorageError if there is nothing to read, or no room. Without the GIL.
    """
    found = _core.salvage(damaged, journal, uuid)
    found["info"] = RunInfo(**found["info"])
    found["keys"] = [LostOfKey(**each) for each in found["keys"]]
    return Salvage(**found)
