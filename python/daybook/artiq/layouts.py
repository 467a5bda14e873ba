"""Which layout a run has: the experiment's ``hdf5_layout``, else the lab's, else ARTIQ's."""

import inspect
import os

import daybook

from . import settings as lab


def _wanted(experiment, settings):
    """(layout, file of the experiment's class): a path, a list, or None."""
    wanted = getattr(experiment, "hdf5_layout", None) if experiment is not None else None
    if wanted is None:
        return settings.layout, None
    return wanted, _source(type(experiment))


def _source(kind):
    """The file of a class; its module need not be in sys.modules, as those that the worker imports are not."""
    for base in kind.__mro__:
        for member in vars(base).values():
            code = getattr(inspect.unwrap(member) if callable(member) else member, "__code__", None)
            if code is not None and base.__module__ == kind.__module__:
                return code.co_filename
    return None


def wanted(experiment, settings):
    """True if the run's file is to be laid out otherwise than ARTIQ does it."""
    return _wanted(experiment, settings)[0] is not None


def _steps(wanted):
    return list(wanted) if isinstance(wanted, (list, tuple)) else [wanted]


def callables(experiment):
    """The Python functions in the experiment's layout: those cannot be kept in the journal."""
    return [step for step in _steps(getattr(experiment, "hdf5_layout", None)) if callable(step)]


def _resolved(wanted, source):
    """Paths of layout files made absolute; names of transforms and tables as they are."""
    return [
        lab.resolve(os.fspath(step), source) if isinstance(step, (str, os.PathLike)) and _is_file(step) else step
        for step in _steps(wanted)
    ]


def _is_file(step):
    return isinstance(step, os.PathLike) or step.endswith(".toml")


def text_of(experiment, settings):
    """The layout as a text that stands alone, for the journal; "" for ARTIQ's own. Functions are left out of it. Raises
    daybook.Error or OSError with file, line and reason."""
    wanted, source = _wanted(experiment, settings)
    steps = [step for step in _resolved(wanted, source) if step is not None and not callable(step)]
    return daybook.layout(steps).toml if steps else ""


def replay(journal, path, experiment, settings):
    """Makes the file in this process, since the layout has Python functions in it; a report as the program gives it."""
    wanted, source = _wanted(experiment, settings)
    layout = daybook.layout(_resolved(wanted, source))
    with daybook.open(journal) as run:
        report = run.replay(path, layout=layout, use_default=True)
    return {
        "file": report.file,
        "sequence": report.up_to,
        "layout": "artiq" if report.layout_failure else layout.name,
        "layout_digest": "" if report.layout_failure else layout.digest,
        "layout_failure": report.layout_failure,
        "refused": [{"group": item.group, "key": item.key, "reason": item.reason} for item in report.refused],
    }
