"""Runs whose results file is still owed: a symbolic link to each journal in the folder `open` of Daybook's state folder.

A worker adds its run when the journal is made and takes it out when the file is there. Whoever finds one whose writer is dead
(daybook-run does) makes the file.
"""

import os

from daybook import _core


def folder():
    return os.path.join(_core.state_folder(), "open")


def add(uuid, journal):
    """OSError if the state folder cannot be written."""
    os.makedirs(folder(), exist_ok=True)
    link = os.path.join(folder(), uuid)
    if not os.path.islink(link):
        os.symlink(os.path.abspath(journal), link)


def remove(uuid):
    try:
        os.unlink(os.path.join(folder(), uuid))
    except OSError:  # not there, or no folder for it
        pass


def entries():
    """Pairs of UUID and journal; those whose journal is gone are dropped for good."""
    found = []
    try:
        names = sorted(os.listdir(folder()))
    except OSError:
        return found
    for name in names:
        try:
            journal = os.readlink(os.path.join(folder(), name))
        except OSError:
            continue
        if os.path.isdir(journal):
            found.append((name, journal))
        elif os.path.isdir(os.path.dirname(journal)):  # else its disk may not be mounted
            remove(name)
    return found
