"""Exceptions as plain data, for the other side of a pipe."""

import builtins
import sys
import traceback

__all__ = ["GenericRemoteException", "current_exc_packed", "raise_packed_exc"]

GENERIC = "GenericRemoteException"


class GenericRemoteException(Exception):
    pass


def current_exc_packed():
    kind, exc, frames = sys.exc_info()
    if getattr(builtins, kind.__name__, None) is kind:
        name, message = kind.__name__, str(exc)
    else:
        name, message = GENERIC, traceback.format_exception_only(kind, exc)[0].rstrip()
    return {"class": name, "message": message, "traceback": traceback.format_tb(frames)}


def raise_packed_exc(pack):
    kind = GenericRemoteException if pack["class"] == GENERIC else getattr(builtins, pack["class"])
    exc = kind(pack["message"])
    exc.parent_traceback = pack["traceback"]
    raise exc
