"""Random values of every kind that an experiment may hand to ARTIQ, storable or not."""

import array
import collections
import enum
import struct

import h5py
import numpy as np

INTS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
FLOATS = ["f2", "f4", "f8"]
COMPLEX = ["c8", "c16"]
NUMBERS = ["?"] + INTS + FLOATS + COMPLEX + ["g", "G"]
TEXTS = ["", "a", "µs → Ω", "漢字 😀", "line\nbreak\ttab\r", "x" * 300, "\x01\x7f", "'quote\" \\back", "é", "e\u0301"]


class Level(enum.IntEnum):
    LOW = -3
    HIGH = 2**40


Point = collections.namedtuple("Point", "x y")


class Values:
    def __init__(self, rng):
        self.rng = rng            # random.Random

    def pick(self, *choices):
        return self.rng.choice(choices)

    def bytes(self, n):
        return self.rng.randbytes(n)

    # -- scalars

    def python_int(self):
        r = self.rng
        return r.choice([0, 1, -1, 127, 255, -129, 2**31, -2**31 - 1, 2**53 + 1, 2**63 - 1, -2**63, 2**63, 2**64 - 1,
                         r.randrange(-100, 100), r.randrange(-2**62, 2**62)])

    def python_float(self):
        r = self.rng
        return r.choice([0.0, -0.0, 1.5, 0.1, 1e308, -1e-308, 5e-324, float("inf"), float("-inf"), float("nan"),
                         struct.unpack("<d", bytes.fromhex("0100000000000c80"))[0],
                         struct.unpack("<d", bytes.fromhex("010000000000fc7f"))[0], r.gauss(0, 1), r.random() * 1e6])

    def text(self):
        r = self.rng
        return r.choice(TEXTS) if r.random() < .5 else "".join(chr(r.choice([65, 97, 48, 32, 955, 0x6f22, 0x1f600])
                                                                 + r.randrange(20)) for _ in range(r.randrange(12)))

    def raw(self):
        return bytes(b or 1 for b in self.bytes(self.rng.randrange(12)))      # any byte but NUL

    def number_bits(self, dtype, count):
        """Elements with random bits (every NaN, subnormal and extreme) or everyday values, in dtype's byte order."""
        r = self.rng
        if dtype.kind == "b":
            return np.array([r.random() < .5 for _ in range(count)], dtype)
        if dtype.char in "gG":
            kind = np.longdouble if dtype.char == "g" else np.clongdouble
            return (np.array([r.gauss(0, 1e3) for _ in range(count)], kind) / 3).astype(dtype)
        if r.random() < .5:
            return np.frombuffer(bytearray(self.bytes(count * dtype.itemsize)), dtype, count)
        return np.array([r.randrange(0, 100) for _ in range(count)]).astype(dtype)

    def number_dtype(self):
        dtype = np.dtype(self.rng.choice(NUMBERS))
        # h5py mislabels big-endian complex long doubles (test_types.py, test_beyond_h5py).
        return dtype.newbyteorder(self.pick("<", ">") if dtype.char != "G" else "<")

    def numpy_scalar(self, dtype=None):
        dtype = np.dtype(dtype or self.rng.choice(NUMBERS))
        return self.number_bits(dtype, 1)[0]

    def python_scalar(self):
        return self.pick(lambda: self.rng.random() < .5, self.python_int, self.python_float, self.text, self.raw,
                         lambda: complex(self.python_float(), self.python_float()), lambda: self.pick(*Level))()

    # -- arrays

    def shape(self, rank=None):
        r = self.rng
        rank = r.choice([0, 1, 1, 1, 2, 2, 3, 4]) if rank is None else rank
        return tuple(r.choice([0, 1, 2, 3, 5, 8]) if r.random() < .8 else 3 for _ in range(rank))

    def strided(self, a):
        """The same elements in some other memory layout, or a view with other elements."""
        if a.ndim == 0:
            return a
        return self.pick(
            lambda: a, lambda: np.asfortranarray(a), lambda: a.T, lambda: a[::-1], lambda: a[..., ::2],
            lambda: np.moveaxis(a, 0, -1), lambda: np.broadcast_to(a[:1], a.shape) if len(a) else a,
            lambda: self.unaligned(a), lambda: a[1:] if len(a) else a, lambda: self.frozen(a))()

    def unaligned(self, a):
        memory = bytearray(1 + a.nbytes)
        out = np.ndarray(a.shape, a.dtype, memory, offset=1)
        out[...] = a
        return out

    @staticmethod
    def frozen(a):
        a = a.copy()
        a.flags.writeable = False
        return a

    def number_array(self, dtype=None, shape=None):
        dtype = np.dtype(dtype) if dtype else self.number_dtype()
        shape = self.shape() if shape is None else shape
        return self.number_bits(dtype, int(np.prod(shape))).reshape(shape)

    def string_array(self):
        n, shape = self.rng.choice([1, 3, 8]), self.shape()
        count = int(np.prod(shape))
        flat = np.array([self.bytes(self.rng.randrange(n + 1)) for _ in range(count)], f"S{n}")
        return flat.reshape(shape)

    def opaque_array(self):
        n, shape = self.rng.choice([1, 3, 16]), self.shape()
        return np.frombuffer(bytearray(self.bytes(n * int(np.prod(shape)))), f"V{n}").reshape(shape)

    def struct_dtype(self, depth=0):
        r = self.rng
        names = [r.choice(["a", "b b", "µ", "long_name", "x.y", "9", "r", "i"]) + (str(i) if i else "")
                 for i in range(r.randrange(1, 4))]
        formats = []
        for _ in names:
            kind = r.random()
            member = self.struct_dtype(depth + 1) if kind < .2 and depth < 2 else \
                np.dtype(f"S{r.randrange(1, 5)}") if kind < .3 else np.dtype(f"V{r.randrange(1, 5)}") if kind < .35 \
                else self.number_dtype()
            formats.append((member, self.shape(r.choice([1, 2]))) if r.random() < .2 else member)
        formats = [f if not (isinstance(f, tuple) and 0 in f[1]) else f[0] for f in formats]
        if r.random() < .4:      # gaps, and now and then a member order other than the offsets'
            offsets, at = [], r.choice([0, 0, 3])
            for f in formats:
                offsets.append(at)
                at += np.dtype(f).itemsize + r.choice([0, 1, 5])
            return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": at + r.choice([0, 7])})
        return np.dtype(list(zip(names, formats)), align=r.random() < .4)

    def struct_array(self, dtype=None):
        dtype, shape = dtype or self.struct_dtype(), self.shape()
        out = np.zeros(shape, dtype)
        for element in out.reshape(-1):
            self.fill(element)
        return out

    def fill(self, element):
        for name in element.dtype.names or ():
            member = element.dtype.fields[name][0]
            base, shape = member.subdtype or (member, ())
            if base.names:
                if shape:
                    for inner in element[name].reshape(-1):
                        self.fill(inner)
                else:
                    self.fill(element[name])
            elif base.kind in "SV":
                element[name] = np.frombuffer(self.bytes(base.itemsize * int(np.prod(shape))), base).reshape(shape)
            else:
                element[name] = self.number_bits(base, int(np.prod(shape))).reshape(shape)

    def object_array(self, make=None):
        shape = self.shape()
        out = np.empty(shape, object)
        make = make or self.pick(self.text, self.raw)
        for i in np.ndindex(*shape):
            out[i] = make()
        return out

    def h5_string_array(self):
        charset = self.pick("utf-8", "ascii")
        length = self.pick(None, None, 5)
        dtype = h5py.string_dtype(charset, length)
        shape = self.shape()
        out = np.zeros(shape, dtype)
        for i in np.ndindex(*shape):
            out[i] = self.raw()[:5] if length else self.text() if charset == "utf-8" else "ascii"
        return out

    def h5_enum_array(self):
        base = self.pick("i1", "u1", "<i2", ">i4", "u8", "i8")
        members = {"A": 0, "two words": 5, "µ": 100} if self.rng.random() < .7 else {"ONLY": 1}
        dtype = h5py.enum_dtype(members, base)
        shape = self.shape()
        flat = [self.rng.choice(list(members.values())) for _ in range(int(np.prod(shape)))]
        return np.array(flat, base).reshape(shape).astype(dtype) if flat else np.zeros(shape, dtype)

    def h5_vlen_array(self):
        base = np.dtype(self.pick("i1", "<i4", ">u2", "f4", "<f8"))
        out = np.empty((self.rng.randrange(1, 5),), h5py.vlen_dtype(base))
        for i in range(len(out)):
            out[i] = self.number_array(base, (self.rng.randrange(4),))
        return out

    def h5_empty(self):
        return h5py.Empty(self.pick(np.dtype("<f8"), np.dtype("S5"), np.dtype(">i2"), h5py.string_dtype(),
                                    np.dtype(bool), np.dtype([("a", "<i4"), ("b", "<f8")])))

    def subclass(self):
        r = self.rng
        return self.pick(
            lambda: np.ma.masked_array([1.5, 2.5, 3.5], mask=[0, 1, 0]),
            lambda: np.array([(1, 2.5)], [("a", "<i4"), ("b", "<f8")]).view(np.recarray),
            lambda: np.asarray([[1, 2], [3, r.randrange(100)]]).view(np.matrix))()

    def any_array(self):
        r = self.rng
        x = r.random()
        if x < .55:
            return self.strided(self.number_array())
        return self.pick(self.string_array, self.opaque_array, self.struct_array, self.struct_array,
                         lambda: self.strided(self.struct_array()), self.object_array, self.h5_string_array,
                         self.h5_enum_array, self.h5_vlen_array, self.subclass)()

    # -- sequences: what numpy.asarray makes of them

    def sequence(self):
        r, n = self.rng, self.rng.randrange(6)
        item = self.pick(
            self.python_int, self.python_float, self.text, self.raw, lambda: r.random() < .5,
            lambda: r.randrange(-5, 300), lambda: complex(self.python_float(), 1.0),
            lambda: self.numpy_scalar(), lambda: self.numpy_scalar(r.choice(INTS)),
            lambda: self.pick(self.numpy_scalar, self.python_float, lambda: r.randrange(100), lambda: True)(),
            lambda: np.bytes_(self.raw()), lambda: [r.randrange(9), self.python_float()],
            lambda: self.number_array(None, (2,)), lambda: self.number_array("f8", (2, 0)),
            lambda: np.array(r.random()), lambda: (1, r.random()), lambda: [[r.randrange(9)], [True]],
            lambda: [self.text(), self.text()], lambda: np.zeros((), [("a", "i4"), ("b", "f8")])[()],
            lambda: range(3), lambda: [], lambda: [[], []], lambda: Point(1, 2.5), lambda: self.pick(*Level))
        items = [item() for _ in range(n)]
        return self.pick(list, list, list, tuple)(items)

    def other_sequence(self):
        r = self.rng
        return self.pick(
            lambda: range(r.randrange(5), r.randrange(20), r.choice([1, 3])), lambda: bytearray(self.bytes(5)),
            lambda: memoryview(self.bytes(4)), lambda: array.array(r.choice("bBhiqfd"), [1, 2, 3]),
            lambda: collections.deque([r.random(), 2]), lambda: collections.deque([1, 2, 3], maxlen=5),
            lambda: Point(1.5, 2), lambda: ())()

    def refused(self):
        """What HDF5 cannot hold, in the forms that a trace can tell."""
        r = self.rng
        return self.pick(
            lambda: None, lambda: {"a": 1}, lambda: {1, 2}, lambda: np.str_("abc"), lambda: np.array(["a", "bc"]),
            lambda: 2**64, lambda: -2**63 - 1, lambda: [1, [2]], lambda: [[1, 2], [3]], lambda: [None],
            lambda: [1, None],
            lambda: [1, "a"], lambda: ["a", b"b"], lambda: "nul\0inside", lambda: b"nul\0inside", lambda: ["a", "b\0"],
            lambda: [2**64], lambda: [np.str_("a")], lambda: self.object_array(lambda: r.randrange(9)),
            lambda: self.object_array(lambda: r.choice(["a", b"b"])), lambda: np.empty(0, object),
            lambda: [np.zeros(2), np.zeros(3)], lambda: np.array([(1, "x")], [("n", "i4"), ("s", "U3")]),
            lambda: np.datetime64("2025-01-01"), lambda: np.array([1, 2], "m8[s]"), lambda: [1.5, b"x"],
            lambda: [{"a": 1}], lambda: np.void(b""), lambda: ["lone \ud800"], lambda: "lone \udc80 surrogate")()

    def any(self):
        x = self.rng.random()
        if x < .25:
            return self.python_scalar()
        if x < .4:
            return self.pick(self.numpy_scalar, self.numpy_scalar, lambda: np.bytes_(self.raw()),
                             lambda: np.bytes_(self.raw() + b"\0\0"), lambda: np.void(self.bytes(5)),
                             lambda: self.struct_array(self.struct_dtype()).reshape(-1)[:1].reshape(-1).tolist()
                             and np.zeros((), [("a", "<i4"), ("b", ">f8")])[()], self.h5_empty)()
        if x < .65:
            return self.any_array()
        if x < .9:
            return self.sequence()
        return self.other_sequence() if x < .95 else self.refused()
