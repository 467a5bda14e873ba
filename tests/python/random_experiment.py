"""Experiments made of random calls, for comparing Daybook with the model of trace_oracle.py."""

import collections
import copy
import enum
import random

import h5py
import numpy as np

from random_values import Values
from trace_oracle import Experiment

KEYS = ["a", "b", "counts", "scan.x", "scan.y", "ndscan.rid_1.points.axis_0", "group/one", "group/two", "group/sub/x",
        "deep/er/and/deeper", "with space", " lead", "trail ", "dot.ted/mixed.key", "µ/Ω.漢字 😀", "é", "e\u0301", "UPPER",
        "upper", "0", "-dash", "..", "quote'\"back\\slash", "<tag>&%d{}[]()*?$#@!", "line\nbreak", "x" * 600]
AWKWARD = ["a/b", "a/b/c", "group", "group//one", "./a", "a/", "group/./two", "/abs", "/abs/olute", "/rid", "/expid",
           "/archive", "/datasets/through_root", "", "key\ud800", "group/sub", "/"]


def pyon_safe(value):
    """Whether the master could be sent the value and would give back the same."""
    if value is None or type(value) in (bool, int, float, complex, str, bytes):
        return True
    if isinstance(value, np.generic):
        return value.dtype.kind in "biufc" and value.dtype.char not in "gG"
    if type(value) is np.ndarray:
        return value.dtype.kind in "biufcS" and value.dtype.char not in "gG" and not value.dtype.metadata
    return type(value) in (list, tuple) and all(pyon_safe(v) for v in value)


class RandomExperiment:
    def __init__(self, seed):
        self.seed = seed
        self.rng = random.Random(seed)
        self.values = Values(self.rng)
        keys = self.rng.sample(KEYS, self.rng.randrange(3, 12))
        if self.rng.random() < .4:
            keys += self.rng.sample(AWKWARD, self.rng.randrange(1, 5))
        self.keys = keys
        database = {f"master.{i}": self.safe() for i in range(self.rng.randrange(4))}
        self.experiment = Experiment(rid=self.rng.randrange(10**6), class_name="Random", database=database,
                                     arguments={"seed": seed, "text": "µ\"\\"}, pace=1e-3)
        self.known = []      # values given before, for two keys with one object

    def safe(self):
        value = self.values.any()
        while not pyon_safe(value):
            value = self.values.any()
        return value

    def run(self, calls=None, each=lambda experiment: None):
        steps = [self.set] * 6 + [self.append] * 6 + [self.mutate] * 8 + [self.in_place] * 2 + [self.get] * 2
        for _ in range(calls or self.rng.randrange(3, 60)):
            self.rng.choice(steps)()
            each(self.experiment)
        self.experiment.finish(self.rng.choice(["ok", "ok", "raised"]))
        return self.experiment

    # -- calls

    def value(self):
        r = self.rng
        x = r.random()
        if x < .08 and self.known:
            return r.choice(self.known)
        if x < .3:
            return r.choice([lambda: [], lambda: [1], lambda: [0.5], lambda: ["a"], lambda: [[1, 2]], lambda: [True],
                             lambda: [np.arange(3)], lambda: collections.deque([1.5])])()
        if x < .5:
            return self.values.number_array(r.choice(["<f8", "<f4", "<i4", ">i2", "u1", "?", "<c16", "S3"])
                                            if r.random() < .7 else None, self.values.shape(r.choice([1, 1, 2, 3]))) \
                if r.random() < .9 else self.values.string_array()
        return self.values.any()

    def metadata(self):
        r, v = self.rng, self.values
        if r.random() < .7:
            return {}
        make = {
            "unit": lambda: r.choice(["MHz", "", "µs", v.text(), b"raw"]),
            "scale": lambda: r.choice([1e6, 1000, np.float32(1e3), True, v.python_float()]),
            "precision": lambda: r.choice([3, 0, np.int32(2), v.any() if r.random() < .3 else 1]),
        }
        return {name: make[name]() for name in r.sample(sorted(make), r.randrange(1, 4))}

    def set(self):
        r = self.rng
        key, value = r.choice(self.keys), self.value()
        flags = {"broadcast": False, "persist": False, "archive": r.random() < .93}
        if r.random() < .3 and pyon_safe(value):
            flags.update(broadcast=r.random() < .7, persist=r.random() < .4)
        if not flags["archive"]:
            value = copy.deepcopy(value)     # a trace tells of changes in place only where the file has the value
        self.experiment.set(key, value, self.metadata(), **flags)
        if isinstance(value, (np.ndarray, list)) and flags["archive"]:
            self.known.append(value)

    def targets(self, kinds):
        e = self.experiment
        held = {**e.broadcaster, **e.local}
        return [key for key, value in held.items() if isinstance(value, kinds) and not getattr(value, "maxlen", None)]

    def append(self):
        r = self.rng
        keys = self.targets((list, collections.deque))
        if not keys or r.random() < .03:
            self.experiment.append_to(r.choice(self.keys), 1)
            return
        key = r.choice(keys)
        target = self.experiment._target(key)
        for _ in range(r.choice([1, 1, 3, 20])):
            self.experiment.append_to(key, self.item_like(target))

    def item_like(self, target):
        """Mostly something that goes with what the sequence holds already."""
        r, v = self.rng, self.values
        if isinstance(target, collections.deque):
            return r.random()
        last = target[-1] if target else r.choice([1, 1.5, "a"])
        if r.random() < .08:
            return v.any()
        if isinstance(last, str):
            return v.text()
        if isinstance(last, bytes):
            return v.raw()
        if isinstance(last, (list, tuple)):
            return type(last)([self.item_like([e]) for e in last]) if type(last) in (list, tuple) else last
        if isinstance(last, np.ndarray) and last.dtype.kind in "biufc" and not last.dtype.metadata:
            dtype = last.dtype if r.random() < .7 else v.number_dtype()
            return v.number_array(dtype, last.shape)
        if isinstance(last, (bool, int, float, complex, np.number, np.bool_)) and not isinstance(last, enum.Enum):
            return r.choice([lambda: r.randrange(-9, 9), lambda: r.gauss(0, 1), lambda: type(last)(1),
                             lambda: last, v.numpy_scalar if r.random() < .3 else v.python_float])()
        return last

    def index_for(self, target):
        r = self.rng
        n = 0 if isinstance(target, np.ndarray) and not target.ndim else len(target)

        def bound():
            return r.choice([None, None, 0, 1, 2, -1, -2, n, n + 3, r.randrange(-n - 1, n + 2)])

        def pair():
            return r.choice([(bound(), bound()), (bound(), bound(), r.choice([None, 1, 2, 3, -1, -2]))])

        forms = [lambda: r.randrange(-n, n) if n else 0, lambda: np.int64(r.randrange(n)) if n else 0, lambda: n + 1,
                 lambda: slice(*pair()), pair, lambda: (bound(),)]
        if isinstance(target, np.ndarray):
            rank = target.ndim
            forms += [lambda: Ellipsis, lambda: tuple(pair() for _ in range(r.randrange(1, rank + 1))) if rank else ...,
                      lambda: tuple(pair() for _ in range(rank)) if rank else ..., lambda: (),
                      lambda: [r.randrange(n) for _ in range(r.randrange(1, 4))] if n else slice(None),
                      lambda: np.array([r.random() < .5 for _ in range(n)]) if n else slice(None)]
            if target.dtype.names:
                forms += [lambda: r.choice(target.dtype.names)] * 3
        return r.choice(forms)()

    def value_for(self, target, index):
        r, v = self.rng, self.values
        kind = target.dtype.kind if isinstance(target, np.ndarray) else "list"
        if kind == "list":
            return [self.item_like(target) for _ in range(r.randrange(4))] if isinstance(index, (slice, tuple)) \
                else self.item_like(target)
        if kind in "SV" and not target.dtype.names:
            return r.choice([b"", b"ab", b"too long for it", np.void(b"xyz")])
        if kind == "O":
            # In an array that says which charset it holds, only that: h5py lets invalid UTF-8 pass, Daybook does not.
            string = h5py.check_string_dtype(target.dtype) if target.dtype.metadata else None
            if string is None:
                return r.choice([v.text(), v.raw(), 1])
            return v.text() if string.encoding == "utf-8" else "ascii"
        if target.dtype.names and isinstance(index, str):
            return r.choice([1, 2.9, 7])
        if target.dtype.names:
            return np.zeros((), target.dtype)[()] if r.random() < .8 else v.struct_array()
        if r.random() < .5:
            shape = ()
            try:
                shape = np.asarray(target)[np.s_[index] if not isinstance(index, tuple) else Ellipsis].shape
            except IndexError:
                pass
            return v.number_array(None, shape)
        return r.choice([2.9, 256, -1, True, 1e300, v.python_float(), v.numpy_scalar(), [1, 2, 3]])

    def mutate(self):
        r = self.rng
        keys = self.targets((np.ndarray, list))
        if not keys or r.random() < .03:
            self.experiment.mutate(r.choice(self.keys), 0, 1)
            return
        key = r.choice(keys)
        target = self.experiment._target(key)
        base = h5py.check_vlen_dtype(target.dtype) if isinstance(target, np.ndarray) else None
        if isinstance(base, np.dtype):
            self.experiment.mutate(key, r.randrange(len(target)), self.values.number_array(base, (r.randrange(4),)))
            return
        index = self.index_for(target)
        self.experiment.mutate(key, index, self.value_for(target, index))

    def in_place(self):
        """The experiment changes a value that it gave away, or got."""
        e, r = self.experiment, self.rng
        held = [v for v in [*e.local.values(), *e.archive.values()] if isinstance(v, (np.ndarray, list))]
        for value in r.sample(held, min(len(held), 2)):
            if isinstance(value, list):
                r.choice([lambda: value.append(self.item_like(value)), value.clear, value.reverse,
                          lambda: value.extend(value[:3])])()
            elif value.size and value.flags.writeable and value.dtype.kind in "biufc" and not value.dtype.metadata:
                value.reshape(-1)[:1] = 7
                value[...] = value[::-1].copy() if value.ndim else value
        if held and r.random() < .3:
            views = [v for v in held if isinstance(v, np.ndarray) and type(v) is np.ndarray and v.ndim and len(v) > 1]
            if views:
                e.set(r.choice(self.keys), r.choice(views)[1:])

    def get(self):
        r = self.rng
        key = r.choice(self.keys + list(self.experiment.database) * 2 + ["nowhere"])
        self.experiment.get(key, archive=r.random() < .8)
