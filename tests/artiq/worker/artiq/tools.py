"""Experiments from files."""

import asyncio
import importlib.machinery
import importlib.util
import inspect
import pathlib
import sys

from sipyco import pyon

from artiq.language.environment import is_public_experiment


def parse_arguments(arguments):
    pairs = (argument.partition("=") for argument in arguments)
    return {name: pyon.decode(text) for name, _, text in pairs}


def file_import(filename, prefix="file_import_"):
    """The module in `filename`, whose folder is first in sys.path while it is imported."""
    path = pathlib.Path(filename)
    loader = importlib.machinery.SourceFileLoader(prefix + path.stem, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


def get_experiment(module, class_name=None):
    if class_name:
        found = module
        for name in class_name.split("."):
            found = getattr(found, name)
        return found
    names = [name for name, _ in inspect.getmembers(module, is_public_experiment)]
    if not names:
        raise ValueError("No experiments in module")
    if len(names) > 1:
        raise ValueError("More than one experiment found in module: " + ", ".join(names))
    return getattr(module, names[0])


async def first_of(*coroutines, timeout):
    """Waits until one ends, cancels the others. Returns the tasks; all are cancelled when the time is over."""
    tasks = [asyncio.ensure_future(c) for c in coroutines]
    try:
        _, pending = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    except BaseException:
        pending = tasks
        raise
    finally:
        for task in pending:
            task.cancel()
    if pending:
        await asyncio.wait(pending)
    return tasks
