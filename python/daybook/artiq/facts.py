"""What a run is, as far as it can be known: from local variables of the worker's main(), and from ARTIQ's scheduler."""

from . import devices


def of_run(session):
    """Number, class, expid, … as a dict for Capture.create(); None if the session is in no run: a repository scan, the
    browser's analyze."""
    host = session.host
    local = host.locals() if host is not None else {}
    scheduler = devices.scheduler()
    rid = local.get("rid", getattr(scheduler, "rid", None))
    if not isinstance(rid, int):
        return None
    priority = getattr(scheduler, "priority", None)
    run = {
        "rid": rid,
        "class_name": _class_name(session, local),
        "expid": _encode(session, local.get("expid", getattr(scheduler, "expid", None))),
        "software_version": str(host.find("artiq_version") or "") if host is not None else "",
        "pipeline": str(getattr(scheduler, "pipeline_name", None) or ""),
        "priority": priority if isinstance(priority, int) else 0,
    }
    if isinstance(local.get("start_time"), float):
        run["start_time"] = local["start_time"]
    return run


def _class_name(session, local):
    named = local.get("exp")
    if isinstance(named, type):
        return named.__name__
    experiment = session.experiment() if session.experiment is not None else None
    return type(experiment).__name__ if experiment is not None else "Experiment"


def _encode(session, expid):
    """The text that the worker puts into /expid."""
    if expid is None:
        return ""
    try:
        from sipyco import pyon

        return pyon.encode(expid)
    except Exception as error:
        session.warn_once("expid", "this run's expid cannot be kept in the journal: %s", error)
        return ""
