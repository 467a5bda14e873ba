"""Crash-safe journals of experiment datasets, and the HDF5 files that are made of them.

    with daybook.Journal.create("000000042-Scan.daybook", rid=42, class_name="Scan") as journal:
        journal.set("scan.y", np.zeros(100), unit="counts")
        journal.mutate("scan.y", 3, 17.0)

    with daybook.open("000000042-Scan.daybook") as run:
        print(run["scan.y"], run.at(3)["scan.y"])
        run.replay("scan.h5", layout=[{"use": "compress"}])
"""

from daybook._core import (
    BusyError,
    CorruptError,
    ElidedError,
    Error,
    Event,
    FullError,
    InvalidError,
    Layout,
    OptionError,
    StorageError,
    UnsupportedError,
    __version__,
    journal_name,
    transforms,
)
from daybook._info import RunInfo, SalvageNote
from daybook._journal import Journal, UnstorableWarning
from daybook._layout import Node, Plan, layout
from daybook._reports import (
    Damage,
    LostOfKey,
    RecoverReport,
    Refusal,
    ReplayReport,
    Salvage,
    Statistics,
    Summary,
    Verification,
    ls,
    recover,
    salvage,
    summarize,
    verify,
)
from daybook._run import Archive, Checkpoint, Run, Stage, Status, Unstorable, open

__all__ = [
    "Archive", "BusyError", "Checkpoint", "CorruptError", "Damage", "ElidedError", "Error", "Event", "FullError",
    "InvalidError", "Journal", "Layout", "LostOfKey", "Node", "OptionError", "Plan", "RecoverReport", "Refusal",
    "ReplayReport", "Run", "RunInfo", "Salvage", "SalvageNote", "Stage", "Statistics", "Status", "StorageError",
    "Summary", "UnsupportedError", "Unstorable", "UnstorableWarning", "Verification", "__version__", "journal_name",
    "layout", "ls", "open", "recover", "salvage", "summarize", "transforms", "verify",
]
