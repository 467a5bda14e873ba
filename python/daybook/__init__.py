"""Crash-safe journals of experiment datasets, and the HDF5 files that are made of them."""
from daybook._core import (
    BusyError,
    CorruptError,
    ElidedError,
    Error,
    FullError,
    InvalidError,
    OptionError,
    StorageError,
    UnsupportedError,
    __version__,
)

__all__ = [
    "BusyError",
    "CorruptError",
    "ElidedError",
    "Error",
    "FullError",
    "InvalidError",
    "OptionError",
    "StorageError",
    "UnsupportedError",
    "__version__",
]
