"""An independent model of an ARTIQ experiment's datasets.

`Experiment` behaves as ARTIQ's DatasetManager does (values by reference, dict order, flags, broadcaster), records
each call in the encoding of tests/golden, and writes with h5py the file that ARTIQ would write. Where ARTIQ's write
would stop at a value that HDF5 cannot hold, this one goes on without it and notes it in `refused`: that is what
Daybook promises.
"""

import copy
import json
import warnings
from dataclasses import dataclass, field

import h5py
import numpy as np

from mutation import artiq_index, resolve
from trace_encoding import encode

START = 1750000000.0
OWN_SCALARS = {"artiq_version", "rid", "start_time", "run_time", "expid"}


def _bits(x):
    return encode(float(x))["bits"]


def is_mutable(value):
    return not isinstance(value, (type(None), bool, int, float, complex, str, bytes, tuple, range, np.generic,
                                  h5py.Empty, frozenset))


@dataclass
class Refused:
    """What cannot be in the file: a dataset (attribute None) or one attribute of it."""
    group: str
    key: str
    attribute: str | None = None
    reason: str = ""


@dataclass
class Experiment:
    rid: int = 1
    class_name: str = "Random"
    arguments: dict = field(default_factory=dict)
    database: dict = field(default_factory=dict)      # the master's datasets from before
    version: str = "9.0+test"
    watch: bool = True                                # look for changes in place before each call
    pace: float = 1e-6                                # seconds from call to call

    def __post_init__(self):
        self.local, self.archive, self.metadata, self.broadcaster = {}, {}, {}, {}
        self.lines, self.refused = [], []
        self._objects, self._numbers, self._seen = [], {}, {}
        self._t = 0.0
        expid = {"log_level": 30, "class_name": self.class_name, "arguments": self.arguments, "file": "exp.py"}
        self.expid = json.dumps(expid)
        self.start_time = START + 1e-6
        self.run_time = START + 6e-6
        self.event("header", format="artiq-dataset-trace", version=1, case=self.class_name, artiq_version=self.version)
        self.event("begin", rid=self.rid, class_name=self.class_name, expid=expid, expid_pyon=self.expid,
                   start_time=self.start_time, start_time_bits=_bits(self.start_time),
                   database={k: encode(v) for k, v in self.database.items()})
        for stage in ("build", "prepare"):
            self.event("stage", stage=stage)
        self.event("stage", stage="run", run_time=self.run_time, run_time_bits=_bits(self.run_time))

    # -- the trace

    def event(self, ev, **members):
        self._t += self.pace
        line = {"n": len(self.lines) + 1, "t": float(f"{self._t:.7f}"), "ev": ev, **members}
        self.lines.append(json.dumps(line, separators=(",", ":")))
        return line["n"]

    def sleep(self, seconds):
        self._t += seconds

    def now(self):
        """A moment between the newest call and the next: journals count from start_time and `begin`."""
        begin = json.loads(self.lines[1])["t"]
        return f"@{self.start_time + self._t - begin + self.pace / 2!r}"

    def identity(self, value):
        if not is_mutable(value):
            return {}
        if id(value) not in self._numbers:
            self._objects.append(value)        # kept alive, so that the id is not given again
            self._numbers[id(value)] = len(self._objects)
        return {"obj": self._numbers[id(value)]}

    def _remember(self, group, key):
        if self.watch:
            value = getattr(self, group)[key]
            self._seen[group, key] = json.dumps(encode(value)) if is_mutable(value) else None

    def look(self):
        """Notes what was changed behind the manager's back since the last call."""
        if not self.watch:
            return
        for group, name in (("local", "datasets"), ("archive", "archive")):
            for key, value in getattr(self, group).items():
                if not is_mutable(value):
                    continue
                now = encode(value)
                text = json.dumps(now)
                if self._seen.get((group, key)) != text:
                    self._seen[group, key] = text
                    self.event("inplace", group=name, key=key, **self.identity(value), value=now)

    def text(self):
        return "\n".join(self.lines) + "\n"

    # -- what an experiment can call

    def set(self, key, value, metadata=None, broadcast=False, persist=False, archive=True, options=None):
        self.look()
        metadata = metadata or {}
        more = {"options": encode(options)} if options else {}
        self.event("set", key=key, value=encode(value), metadata=encode(metadata), broadcast=broadcast,
                   persist=persist, archive=archive, **self.identity(value), **more)
        if persist or broadcast:
            self.broadcaster[key] = value
        else:
            self.broadcaster.pop(key, None)
        if archive:
            self.local[key] = value
            self._remember("local", key)
        elif key in self.local:
            del self.local[key]
        self.metadata[key] = metadata

    def _target(self, key):
        if key in self.broadcaster:
            return self.broadcaster[key]
        if key not in self.local:
            raise KeyError(key)
        return self.local[key]

    def mutate(self, key, index, value):
        """Returns whether the call succeeded; one that raised is in the trace as such."""
        self.look()
        given = {"key": key, "index": encode(index), "value": encode(value)}
        try:
            target = self._target(key)
            effective = artiq_index(index)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target[effective] = value
        except Exception as e:
            self.event("mutate", **given, raised={"type": type(e).__name__, "message": str(e)})
            return False
        self.event("mutate", **given, resolved=resolve(target, effective))
        if key in self.local:
            self._remember("local", key)
        return True

    def append_to(self, key, value):
        self.look()
        given = {"key": key, "value": encode(value)}
        try:
            self._target(key).append(value)
        except Exception as e:
            return self.event("append", **given, raised={"type": type(e).__name__, "message": str(e)}) and False
        self.event("append", **given)
        if key in self.local:
            self._remember("local", key)
        return True

    def get(self, key, archive=True):
        self.look()
        if key in self.local:
            value = self.local[key]
            self.event("get", key=key, archive=archive, **{"from": "local"}, **self.identity(value))
            return value
        held = self.broadcaster.get(key, self.database.get(key, KeyError))
        if held is KeyError:
            self.event("get", key=key, archive=archive, raised={"type": "KeyError", "message": repr(key)})
            return None
        value = copy.deepcopy(held)
        if archive:
            self.archive[key] = value
            self._remember("archive", key)
        self.event("get", key=key, archive=archive, **{"from": "db"}, value=encode(value), archived=archive,
                   **self.identity(value))
        return value

    def finish(self, status="ok"):
        self.look()
        stage = "run" if status == "raised" else "analyze"
        if stage == "analyze":
            self.event("stage", stage="analyze")
        self.event("write", datasets=sorted(self.local), archive=sorted(self.archive), stage=stage,
                   file=f"{self.class_name}.h5", run_time=self.run_time, run_time_bits=_bits(self.run_time),
                   rid=self.rid, start_time=self.start_time, start_time_bits=_bits(self.start_time),
                   artiq_version=self.version, expid_pyon=self.expid)
        if status == "raised":
            self.event("failed", stage="run", type="RuntimeError", message="laser unlocked")
        self.event("end", status=status)

    # -- the file

    def write(self, path):
        """The worker's file; values that h5py refuses are left out and noted in self.refused."""
        self.refused = []
        with h5py.File(path, "w") as f:
            datasets = f.create_group("datasets")
            for key, value in self.local.items():
                self._write(datasets, "datasets", key, value)
            archive = f.require_group("archive")      # a key "/archive/x" of the datasets made it already
            for key, value in self.archive.items():
                self._write(archive, "archive", key, value)
            f["artiq_version"] = self.version
            f["rid"] = self.rid
            f["start_time"] = self.start_time
            f["run_time"] = self.run_time
            f["expid"] = self.expid

    def _write(self, group, name, key, value):
        path = [part for part in key.split("/") if part not in ("", ".")] if key.startswith("/") else []
        if path == ["archive"] or path[:1] and path[0] in OWN_SCALARS:
            self.refused.append(Refused(name, key, None, "the name is the file's own"))
            return
        try:
            group[key] = value
        except Exception as e:
            self.refused.append(Refused(name, key, None, f"{type(e).__name__}: {e}"))
            return
        for attribute, v in self.metadata.get(key, {}).items():
            try:
                group[key].attrs[attribute] = v
            except Exception as e:
                self.refused.append(Refused(name, key, attribute, f"{type(e).__name__}: {e}"))
