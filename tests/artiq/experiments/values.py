"""Experiments about values: what is kept by reference, what cannot be stored, what comes from kernels."""

import collections
import datetime
import decimal
import enum
import fractions
import logging

import h5py
import numpy as np
from artiq.experiment import EnvExperiment, StringValue

logger = logging.getLogger("experiment")


class InPlace(EnvExperiment):
    """Nearly all of it happens behind the dataset manager's back."""

    def run(self):
        array = np.arange(12.0).reshape(3, 4)
        self.set_dataset("array", array)
        self.set_dataset("view", array[1:, ::2])
        self.set_dataset("same.1", array)
        self.set_dataset("same.2", array)
        array[1] = -1
        self.mutate_dataset("same.1", (0, 1), 7)
        items = [1, 2]
        self.set_dataset("items", items)
        items.append(3.5)
        self.get_dataset("items").append(4)
        self.append_to_dataset("items", 5)
        del items[0]
        row = np.zeros(3, "<i2")
        self.set_dataset("rows", [])
        for i in range(4):
            row[:] = i
            self.append_to_dataset("rows", row)
        grown = np.arange(4)
        self.set_dataset("grown", grown)
        grown.resize((6,), refcheck=False)
        nested = [[1, 2], [3, 4]]
        self.set_dataset("nested", nested)
        nested[0][1] = 20
        self.set_dataset("lent", np.zeros(3), broadcast=True)
        self.get_dataset("lent")[1] = 5
        self.set_dataset("retyped", np.arange(4, dtype="<u4"))
        self.get_dataset("retyped").dtype = np.dtype("<i4")
        self.set_dataset("negated", np.array([0.0, 1.0]))
        self.get_dataset("negated")[0] = -0.0
        self.set_dataset("nan", np.array([1.0, np.nan]))
        self.get_dataset("from_master")[0] = 99
        self.kept = array

    def analyze(self):
        self.kept[2, 3] = 1e9
        self.get_dataset("items")[:] = [0.5]


class LargeInPlace(EnvExperiment):
    """Arrays of all sizes at which something else is done with them; of some an element changes behind the manager's back."""

    def run(self):
        for i, size in enumerate([1000, 400_000, 2_000_003, 6_000_000, 17_000_000]):
            for how in ("left", "edited", "mutated"):
                array = np.arange(size, dtype=np.uint8)
                self.set_dataset(f"{how}.{i}", array, unit="V" if i % 2 else None)
                if how == "edited":
                    array[size - 1] += 1
                if how == "mutated":
                    self.mutate_dataset(f"{how}.{i}", size - 2, 7)


class NotAsTheyStand(EnvExperiment):
    """Arrays of which a copy is journaled, or bytes that are not the array's own; nobody edits them but once each, by the API."""

    def run(self):
        arrays = {"transposed": np.arange(6000.0).reshape(100, 60).T, "strided": np.arange(9000)[::3],
                  "backwards": np.arange(3000)[::-1], "bytes": np.array([b"a", b"bytes"] * 500), "swapped": np.arange(3000, dtype=">f8"),
                  "flags": np.ones(3000, bool), "complex": np.ones(2000, complex),
                  "records": np.zeros(500, [("a", "<i4"), ("b", "<f8", 3)])}
        for name, array in arrays.items():
            self.set_dataset(f"left.{name}", array)
        for name in ("transposed", "strided", "swapped", "flags"):
            self.set_dataset(f"mutated.{name}", arrays[name].copy() if name == "flags" else arrays[name] + 0)
            self.mutate_dataset(f"mutated.{name}", 1, 0)


class Identity(EnvExperiment):
    """What is given is what comes back: the object itself. What the calls return is None."""

    def run(self):
        array, items, text, big = np.arange(3), [1], "text" * 100, 10**30
        for broadcast in (False, True):
            for name, value in {"array": array, "items": items, "text": text, "float": 1.25, "big": big}.items():
                key = f"{name}.{broadcast}"
                logger.warning("%s %r", key, self.set_dataset(key, value, broadcast=broadcast))
                logger.warning("%s is %s", key, self.get_dataset(key) is value)
                logger.warning("%s is %s", key, self.get_dataset(key, archive=False) is value)
        logger.warning("%r", self.mutate_dataset("array.False", 0, 5))
        logger.warning("%r", self.append_to_dataset("items.True", 5))
        logger.warning("%r %r", array, items)
        self.set_dataset("array.False", 0, unit="V", precision=3)
        metadata = self.get_dataset_metadata("array.False")
        logger.warning("%r %s", metadata, self.get_dataset_metadata("array.False") is metadata)
        default = object()
        logger.warning("%s", self.get_dataset("absent", default) is default)
        logger.warning("%s", self.get_dataset_metadata("absent", default) is default)
        logger.warning("%s", self.get_dataset("from_master") is self.get_dataset("from_master"))
        self.setattr_dataset("items.True")
        logger.warning("%s", getattr(self, "items.True") is items)
        self.set_dataset("big.False", 0)
        self.set_dataset("big.True", 0)


class Raises(EnvExperiment):
    """Every call that raises in ARTIQ, caught: what was raised, and what there is afterwards."""

    def tries(self, what, *args, **kwargs):
        try:
            logger.warning("%r", getattr(self, what)(*args, **kwargs))
        except Exception as e:
            logger.warning("%s%s: %s %s: %s", what, repr(args)[:200], kwargs, type(e).__name__, str(e)[:300])

    def run(self):
        self.tries("append_to_dataset", "absent", 1)
        self.tries("mutate_dataset", "absent", 0, 1)
        self.tries("get_dataset", "absent")
        self.tries("get_dataset_metadata", "absent")
        self.tries("set_dataset", ["unhashable"], 1)
        self.tries("get_dataset", ["unhashable"])
        self.tries("set_dataset", "a", 1, color="red")
        for broadcast in (False, True):
            self.tries("set_dataset", "neither", 1, broadcast=broadcast, archive=False)
            self.tries("append_to_dataset", "neither", 1)
            self.set_dataset("array", np.zeros((2, 3), "u1"), broadcast=broadcast)
            self.tries("append_to_dataset", "array", 1)
            for index, value in [(2, 1), ((), 1), ((0, 1, 0), 1), ((5,), [1, 2]), (0, "text"), (0, 300), ("name", 1),
                                 ((0, 1), 2.9), (((0, 1), (0, 2)), 4), (((0, 1), 2), 4), (np.array([True, False]), 8),
                                 ([0, 1], 3), (-1, [1, 2, 3]), (..., 1), (1.5, 1), (None, 9), (slice(None, None, 2), 6)]:
                self.tries("mutate_dataset", "array", index, value)
            self.set_dataset("list", [1, [2]], broadcast=broadcast)
            for index, value in [(7, 1), (-1, 5), ((0, 1), [8, 9]), ((0,), []), ("a", 1), (True, 3), ((0, 9, 2), [1]),
                                 (np.int64(0), 4), (slice(1, None), [6.5, 7])]:
                self.tries("mutate_dataset", "list", index, value)
            self.set_dataset("number", 5, broadcast=broadcast)
            self.tries("append_to_dataset", "number", 1)
            self.tries("mutate_dataset", "number", 0, 1)
            self.set_dataset("none", None, broadcast=broadcast)
            self.tries("append_to_dataset", "none", 1)
            self.set_dataset("none", 0, broadcast=broadcast)
        # A broadcast that fails has changed the master's copy already, and the live object.
        self.set_dataset("live", [1], broadcast=True)
        self.tries("append_to_dataset", "live", object)
        self.get_dataset("live").pop()
        self.tries("append_to_dataset", "live", np.longdouble(2))
        self.tries("set_dataset", "live", [np.longdouble(1)], broadcast=True)
        self.tries("mutate_dataset", "live", 0, 3)
        self.set_dataset("live", [1, 2])
        self.set_dataset("cast", np.zeros(3, "f4"), broadcast=True)
        self.tries("mutate_dataset", "cast", 1, 1e300)
        for key in (5, ("t",), b"bytes", None, 1.5, True):
            self.tries("set_dataset", key, [1])
            self.tries("append_to_dataset", key, 2)
            self.tries("get_dataset", key)
            self.tries("set_dataset", key, 1, archive=False, broadcast=True)
            self.tries("set_dataset", key, 1, archive=False)


class Database(EnvExperiment):
    """What is read from the master, archived or not, twice, changed, shadowed."""

    def run(self):
        self.get_dataset("from_master")
        self.get_dataset("from_master")
        self.get_dataset("unarchived", archive=False)
        self.setattr_dataset("number")
        self.set_dataset("number", 7, unit="s")
        self.get_dataset("number")
        self.set_dataset("published", [1, 2], broadcast=True, archive=False)
        logger.warning("%r", self.get_dataset("published"))
        self.append_to_dataset("published", 3)
        logger.warning("%r", self.get_dataset("published"))
        self.set_dataset("gone", 1)
        self.set_dataset("gone", 1, archive=False)
        self.set_dataset("persistent", np.arange(3), persist=True)
        self.set_dataset("persistent", np.arange(4))
        logger.warning("%r", self.get_dataset_metadata("number"))


class Kernel(EnvExperiment):
    """Values as they come from a core device: NumPy scalars, and arrays of its byte order over what cannot be written."""

    def run(self):
        for order in "<>":
            for kind in ("i4", "i8", "f8", "?"):
                data = np.arange(6).astype(order + kind)
                received = np.frombuffer(data.tobytes(), order + kind)
                assert not received.flags.writeable
                self.set_dataset(f"array.{order}{kind}", received)
                self.set_dataset(f"matrix.{order}{kind}", received.reshape(2, 3), broadcast=True)
                self.set_dataset(f"list.{order}{kind}", [], broadcast=order == ">")
                for row in (received, received[::-1]):
                    self.append_to_dataset(f"list.{order}{kind}", row)
                self.set_dataset(f"target.{order}{kind}", np.zeros(6, order + kind))
                self.mutate_dataset(f"target.{order}{kind}", (1, 4), received[:3])
        self.set_dataset("int32", np.int32(-5))
        self.set_dataset("int64", np.int64(2**40), broadcast=True)
        self.set_dataset("float64", np.float64(0.1), broadcast=True)
        self.set_dataset("bool", np.bool_(True))
        self.set_dataset("tuple", (np.int32(1), np.int32(2)), broadcast=True)
        self.set_dataset("range", range(0, 10, 3))
        self.set_dataset("int32s", [np.int32(i) for i in range(5)])
        self.append_to_dataset("int32s", np.int64(2**40))
        self.set_dataset("bytes", b"\xff\xfe")
        self.set_dataset("text", "µ")
        self.mutate_dataset("int32s", np.int32(0), np.int32(-1))


class OtherTypes(EnvExperiment):
    """What NumPy and h5py take besides arrays and lists."""

    def run(self):
        import array
        point = collections.namedtuple("Point", "x y")(1, 2.5)
        structured = np.zeros(3, [("a", "<i4"), ("b", ">f8", (2,)), ("c", "S5")])
        structured["b"] = 2.5
        number = enum.IntEnum("Number", "one two")
        for i, value in enumerate([
                collections.deque([1, 2]), array.array("d", [1, 2]), point, structured, structured[0], number.two,
                np.ma.masked_array([1, 2], [True, False]), np.matrix([[1, 2]]), np.rec.array([(1, 2.0)]),
                h5py.Empty("f4"), np.float16(1.5), np.longdouble(1) / 3, np.arange(3, dtype=np.clongdouble),
                np.bytes_(b"ab\0"), np.void(b"abc"), bytearray(b"xyz"), memoryview(b"xyz"), [], (), [[]], [[], []],
                ["a", "µ"], [b"a", b""], [True, 2], [1, 2j], [2**63, 1], 2**63, -2**63, np.array("x", "S3"),
                np.array(["a", "bc"], dtype=object), [structured[0], structured[1]], np.zeros((2, 0, 3)),
                np.arange(24).reshape(2, 3, 4).T, np.broadcast_to(np.arange(3), (4, 3)), 1 + 2j, np.complex64(1j)]):
            self.set_dataset(f"value.{i:02}", value)
        self.append_to_dataset("value.00", 3)
        self.append_to_dataset("value.01", 3)
        self.mutate_dataset("value.03", 1, (7, [1, 2], b"row"))
        self.mutate_dataset("value.03", "a", 9)


_COLOR = enum.Enum("Color", "red")
_RECURSIVE = [1]
_RECURSIVE.append(_RECURSIVE)


class _BadRepr:
    def __repr__(self):
        raise RuntimeError("no repr")


class _BadArray:
    def __array__(self, *args, **kwargs):
        raise RuntimeError("no array")


UNSTORABLE = {
    "none": None, "dict": {"a": 1}, "set": {1}, "object": object(), "ellipsis": ..., "generator": (i for i in ()),
    "decimal": decimal.Decimal("1.5"), "date": datetime.date(2026, 1, 1), "enum": _COLOR.red, "huge": 2**64,
    "list_none": [1, None], "list_huge": [2**64], "objects": np.array([1, "a"], object), "str_": np.str_("a"),
    "unicode": np.array(["abc"]), "mixed": [1, "a"], "strings": ["a", b"b"], "datetime": np.datetime64("2026-01-01"),
    "ragged": [1, [2]], "unequal": [np.zeros(2), np.zeros(3)], "nul": "a\0b", "nul_list": ["a", "b\0"],
    "surrogate": "\ud800", "void": np.void(b""), "fraction": fractions.Fraction(1, 3),
    "bad_repr": _BadRepr(), "bad_array": _BadArray(), "recursive": _RECURSIVE,
}


class Unstorable(EnvExperiment):
    """Sets a value that HDF5 cannot hold between others that it can."""

    def build(self):
        self.setattr_argument("which", StringValue())

    def run(self):
        self.set_dataset("before", 1)
        for _ in range(3):
            self.set_dataset("bad", UNSTORABLE[self.which], unit="m")
        self.set_dataset("after", np.arange(3), precision=2)
        self.get_dataset("from_master")


class AllUnstorable(EnvExperiment):
    def run(self):
        for name, value in UNSTORABLE.items():
            self.set_dataset(f"bad.{name}", value)
            self.set_dataset(f"good.{name}", name)


class RefusedAndFails(EnvExperiment):
    """Two errors: its own, and then that of its file."""

    def run(self):
        self.set_dataset("bad", None)
        self.set_dataset("after", 1)
        raise ValueError("its own error")


class BadAppend(EnvExperiment):
    def run(self):
        self.set_dataset("bad", [1, 2])
        for _ in range(3):
            self.append_to_dataset("bad", None)
        self.set_dataset("after", 1)


class BadMetadata(EnvExperiment):
    def run(self):
        self.set_dataset("bad", 1, unit={"a": 1}, precision=2**70)
        self.set_dataset("after", 1)


class BadArchive(EnvExperiment):
    def run(self):
        self.set_dataset("before", 1)
        self.get_dataset("mixed")
        self.get_dataset("from_master")


class BadKey(EnvExperiment):
    """Keys that are no paths, or not each beside the other."""

    def build(self):
        self.setattr_argument("which", StringValue())

    def run(self):
        keys = {"int": [5], "tuple": [("t",)], "frozenset": [frozenset([1])], "empty": [""], "none": [None], "beneath": ["a", "a/b"],
                "above": ["a/b", "a"], "slashes": ["a/b", "a//b"], "bytes": ["b", b"b"], "surrogate": ["\ud800"],
                "metadata": ["/rid"], "group": ["/archive"], "dot": ["."]}
        self.set_dataset("before", 1)
        for key in keys[self.which]:
            self.set_dataset(key, 2, unit="m")
        self.set_dataset("zafter", 3)
