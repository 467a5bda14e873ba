"""Every kind of value in every form, and every pairing of number types in a list, each against what h5py writes."""

import array
import collections
import itertools
import random
import warnings

import h5py
import numpy as np
import pytest

from h5compare import compare
from random_values import COMPLEX, FLOATS, INTS, TEXTS, Level, Point, Values
from trace_oracle import Experiment

NUMBERS = ["?", *INTS, *FLOATS, *COMPLEX, "g", "G"]


def check(entries, daybook, folder, padding=False):
    """`entries`: (name, value) or (name, value, metadata); each becomes a dataset of one experiment."""
    experiment = Experiment(class_name="Types", watch=False)
    for name, value, *metadata in entries:
        experiment.set(name, value, *metadata)
    experiment.finish()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        experiment.write(folder / "expected.h5")
    (folder / "types.jsonl").write_text(experiment.text())
    daybook.ingest(folder / "types.jsonl", folder / "run.daybook")
    result = daybook.replay(folder / "run.daybook", folder / "types.h5", expect=1 if experiment.refused else 0)
    found = compare(folder / "types.h5", folder / "expected.h5", padding)
    assert not found, f"{len(found)} differences (first file: Daybook's, second: h5py's)\n" + "\n".join(found[:40])
    unnamed = [r for r in experiment.refused if r.key not in result.err]
    assert not unnamed, f"not named on stderr: {unnamed[:20]}"
    return experiment, result


def specials(dtype):
    """Elements with the awkward bits of a number type: extremes, NaNs with payload, subnormals, infinities."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.array([True, False], dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return np.array([info.min, info.max, 0, 1, info.max // 3], dtype)
    if dtype.kind == "c":
        parts = specials({"F": "f4", "D": "f8", "G": "g"}[dtype.char])
        out = np.zeros(len(parts), dtype)
        out.real, out.imag = parts, parts[::-1]
        return out
    if dtype.char == "g":
        third = np.longdouble(1) / 3
        return np.array([third, -third, np.inf, -np.inf, np.nan, 0.0, -0.0, np.longdouble(2) ** 64 + 1,
                         np.finfo(np.longdouble).max, np.finfo(np.longdouble).tiny], dtype)
    bits = {"e": ["0100", "ff7b", "ff03", "007c", "00fc", "007e", "017e", "017c", "eefc", "0080"],
            "f": ["01000000", "ffff7f7f", "0000807f", "000080ff", "0000c07f", "0100c07f", "0100807f", "00000080", "cdcccc3d"],
            "d": ["0100000000000000", "ffffffffffffef7f", "000000000000f07f", "000000000000f0ff", "000000000000f87f",
                  "010000000000f87f", "010000000000f07f",
                  "0000000000000080", "9a9999999999b93f"]}[dtype.char]
    little = dtype.newbyteorder("<")
    return np.frombuffer(bytes.fromhex("".join(bits)), little).astype(dtype)


def python_numbers():
    return {"pybool": [True, False], "pyint": [0, -1, 2**63 - 1, -2**63], "pybig": [2**63, 2**64 - 1],
            "pyfloat": [0.1, float("nan"), -0.0, float("inf"), 5e-324], "pycomplex": [1j, complex("nan-0j")]}


def scalar_kinds():
    kinds = {dtype: list(specials(dtype)) for dtype in NUMBERS}
    kinds.update(python_numbers())
    kinds.update({"S2": [np.bytes_(b"ab"), np.bytes_(b"\xff")], "S9": [np.bytes_(b"123456789")],
                  "bytes": [b"xyz", b""]})
    return kinds


def test_scalars(daybook, tmp_path):
    entries = []
    for kind, values in scalar_kinds().items():
        entries += [(f"{kind}.{i}", value) for i, value in enumerate(values)]
    entries += [(f"text.{i}", text) for i, text in enumerate(TEXTS)]
    entries += [("bytes.high", bytes(range(1, 256))), ("trailing", np.bytes_(b"ab\0\0")), ("void", np.void(b"ab\0c")),
                ("nothing", np.bytes_(b"")), ("intenum", Level.HIGH), ("long", "x" * 10**6)]
    check(entries, daybook, tmp_path)


def test_arrays(daybook, tmp_path):
    entries = []
    for dtype, order in itertools.product(NUMBERS + ["S4", "V3"], "<>"):
        if dtype + order == "G>":
            continue         # test_beyond_h5py
        full = np.dtype(dtype).newbyteorder(order)
        one = specials(full) if dtype in NUMBERS else np.array([b"ab", b"", b"abcd"], "S4").astype(full)
        three = np.resize(one, (2, 3, 4)).astype(full)
        forms = {"vector": one, "cube": three, "fortran": np.asfortranarray(three), "transposed": three.T,
                 "reversed": one[::-1], "strided": three[:, ::2, 1:], "zero_d": np.array(one[0], full),
                 "none": one[:0], "none_inside": np.zeros((2, 0, 3), full),
                 "broadcast": np.broadcast_to(one[:1], (3, 2))}
        entries += [(f"{dtype}{'le' if order == '<' else 'be'}.{name}", value) for name, value in forms.items()]
    check(entries, daybook, tmp_path)


def test_structs(daybook, tmp_path):
    values = Values(random.Random(7))
    inner = np.dtype([("x", "<i2"), ("y", ">f4", (2,))])
    dtypes = {
        "packed": [("a", "<i4"), ("b", "<f8"), ("c", "S3")], "big": [("a", ">u2"), ("b", ">f8")],
        "aligned": np.dtype([("a", "i1"), ("b", "<f8")], align=True), "nested": [("n", inner), ("m", inner, (2, 2))],
        "bool": [("flag", "?"), ("flags", "?", (3,))], "complex": [("z", "c16"), ("w", ">c8")],
        "halves": [("h", "f2"), ("l", "g")], "opaque": [("v", "V5")], "names": [("µ", "u1"), ("with blank", "u1")],
        "tail": {"names": ["a"], "formats": ["<i4"], "offsets": [2], "itemsize": 11},
        "swapped": {"names": ["late", "early"], "formats": ["<i4", "<i2"], "offsets": [4, 0], "itemsize": 8},
    }
    entries = []
    for name, spec in dtypes.items():
        made = values.struct_array(np.dtype(spec))
        while made.size < 2:
            made = values.struct_array(np.dtype(spec))
        flat = made.reshape(-1)
        entries += [(f"{name}.array", made), (f"{name}.one", flat[0]), (f"{name}.none", flat[:0]),
                    (f"{name}.list", [flat[0], flat[1]]), (f"{name}.rows", [flat[:2], flat[:2]])]
    fields = np.zeros(2, [("a", "<i4"), ("b", "<f8"), ("c", "<i2")])
    entries.append(("some_fields", fields[["a", "c"]]))
    check(entries, daybook, tmp_path)


def test_beyond_h5py(daybook, tmp_path):
    """Where h5py writes rubbish without a word, Daybook writes the value or says that it cannot."""
    # h5py 3.7 labels big-endian complex long doubles as little-endian.
    x = (np.arange(3) + 1j / np.longdouble(3)).astype(">c32")
    # Members that overlap are moved apart in the type but not in the memory that is written.
    overlap = np.dtype({"names": ["whole", "half"], "formats": ["<u4", "<u2"], "offsets": [0, 2], "itemsize": 4})
    experiment = Experiment(watch=False)
    experiment.set("complex", x)
    experiment.set("overlap", np.frombuffer(bytes(range(8)), overlap))
    experiment.finish()
    (tmp_path / "trace.jsonl").write_text(experiment.text())
    daybook.ingest(tmp_path / "trace.jsonl", tmp_path / "run.daybook")
    result = daybook.replay(tmp_path / "run.daybook", tmp_path / "file.h5", expect=1)
    assert "datasets/overlap is not in the file" in result.err
    with h5py.File(tmp_path / "file.h5", "r") as f:
        stored = f["datasets/complex"].id
        r, i = (stored.get_type().get_member_type(m) for m in (0, 1))
        assert r.get_order() == i.get_order() == h5py.h5t.ORDER_BE
        little = h5py.h5t.py_create(np.dtype("<c32"))
        out = np.zeros(3, "<c32")
        stored.read(h5py.h5s.ALL, h5py.h5s.ALL, out, mtype=little)
        assert (out == x.astype("<c32")).all()
        assert list(f["datasets"]) == ["complex"]


def test_padding(daybook, tmp_path):
    """The bytes in the gaps of a compound arrive as they were."""
    padded = np.dtype({"names": ["a", "b"], "formats": ["i1", "<f8"], "offsets": [1, 8], "itemsize": 20})
    check([("gaps", np.frombuffer(bytes(range(60)), padded)), ("one", np.frombuffer(bytes(range(20)), padded)[0])],
          daybook, tmp_path, padding=True)


def test_h5py_types(daybook, tmp_path):
    values, entries = Values(random.Random(11)), []
    for i in range(40):
        entries += [(f"string.{i}", values.h5_string_array()), (f"enum.{i}", values.h5_enum_array()),
                    (f"vlen.{i}", values.h5_vlen_array()), (f"empty.{i}", values.h5_empty()),
                    (f"object.{i}", values.object_array()), (f"opaque.{i}", values.opaque_array())]
    check(entries, daybook, tmp_path)


def beside(kind, other, numbers):
    """NumPy takes a Python int to a clongdouble by way of a double and loses its last bits; Daybook keeps them. So the
    ints there are some that a double holds."""
    if other[0] == "G" and kind in ("pyint", "pybig"):
        return [number for number in (0, -1, -2**63, 2**63, 2**64 - 2048) if (number >= 2**63) == (kind == "pybig")]
    return numbers


def test_list_pairs(daybook, tmp_path):
    """Lists that mix two kinds of scalars, in both orders, with all their awkward values."""
    kinds = scalar_kinds()
    entries = []
    for a, b in itertools.product(kinds, kinds):
        one, two = beside(a, b, kinds[a]), beside(b, a, kinds[b])
        entries.append((f"{a}+{b}", [*one, *two]))
        entries.append((f"{a}+{b}.rows", [[one[0], two[0]], [two[-1], one[-1]]]))
    check(entries, daybook, tmp_path)


def test_triples(daybook, tmp_path):
    """NumPy's promotion is not associative: three kinds in a list."""
    kinds = {k: v[-1] for k, v in scalar_kinds().items() if k not in ("S9", "bytes")}
    names = ["?", "i1", "u1", "i4", "u4", "i8", "u8", "f2", "f4", "c8", "pyint", "pybig", "pyfloat", "S2"]
    entries = [("+".join(trio), [kinds[name] for name in trio]) for trio in itertools.permutations(names, 3)]
    check(entries[::2], daybook, tmp_path)


def test_array_pairs(daybook, tmp_path):
    """Lists of two arrays of unlike types and byte orders; and an array beside a plain number."""
    entries, dtypes = [], [d + o for d, o in itertools.product(NUMBERS, "<>")]
    made = {name: specials(np.dtype(name[:-1]).newbyteorder(name[-1]))[-4:] for name in dtypes}
    for a, b in itertools.product(dtypes, dtypes):
        entries.append((f"{a}+{b}", [made[a], made[b]]))
    for a, (kind, numbers) in itertools.product(dtypes, python_numbers().items()):
        numbers = beside(kind, a, numbers)
        entries.append((f"{a}+{kind}", [np.array(made[a][0]), numbers[0]]))
        entries.append((f"{a}+{kind}s", [made[a], numbers[:2]]))
    check(entries, daybook, tmp_path)


def test_sequences(daybook, tmp_path):
    entries = {
        "empty": [], "empty_tuple": (), "nested_empty": [[]], "two_empty": [[], []], "empty3": [[[]]],
        "strs": ["a", "µ", ""], "str_rows": [["a", "b"], ["c", "d"]], "bytess": [b"a", b"\xff"],
        "tuple_strs": ("a", "b"),
        "list_of_tuples": [(1, 2), (3, 4.5)], "tuple_of_lists": ([1], [2]), "bools": [True, False],
        "range": range(2, 20, 3), "no_range": range(0), "bytearray": bytearray(b"a\0b"), "memory": memoryview(b"ab"),
        "deque": collections.deque([1, 2.5]), "deque_strs": collections.deque(["a"]), "point": Point(1, 2.5),
        "points": [Point(1, 2), Point(3, 4)], "ranges": [range(3), range(3)], "levels": list(Level),
        "mixed": [1, 2.5, 1j],
        "zero_ds": [np.array(1), np.array(2.5)], "columns": [np.zeros((2, 1)), np.ones((2, 1), "i4")],
        "void": [np.void(b"ab"), np.void(b"cd")], "voids": [np.void(b"ab"), np.void(b"c")],
        "matrix": np.matrix([[1, 2]]), "masked": np.ma.masked_array([1.0, 2.0], [True, False]),
        "deep": [[[[1]], [[2]]], [[[3]], [[4.0]]]], "strings_and_bytes_": [b"a", np.bytes_(b"bcd")],
        "numbers_and_bytes": [1, 2.5, b"x"], "arrays_of_none": [np.zeros(0), np.zeros(0)],
        "arrays_of_none_i": [np.zeros((0, 2), "i4")] * 3, "array_and_list": [np.array([1, 2], "i2"), [3, 4]],
        "array_and_range": [np.arange(3), range(3)], "str_arrays": [np.array(["a", "b"], object)] * 2,
        "fixed_arrays": [np.array([b"a"], "S3"), np.array([b"abcd"], "S4")], "half": [np.float16(1), 70000.0],
    }
    entries = list(entries.items())
    entries += [(f"array.{code}", array.array(code, [1, 2, 3])) for code in "bBhHiIlLqQfd"]
    check(entries, daybook, tmp_path)


def test_attributes(daybook, tmp_path):
    values, entries = Values(random.Random(5)), []
    for kind, scalars in scalar_kinds().items():
        entries += [(f"{kind}.{i}", 1.0, {"scale": value}) for i, value in enumerate(scalars)]
        entries.append((f"{kind}.list", 1.0, {"unit": scalars, "precision": scalars[0]}))
    for i in range(150):
        entries.append((f"any.{i}", [i], {"unit": values.any(), "scale": values.any(), "precision": i}))
    entries += [("nearly", 1, {"unit": np.zeros(8000)}), ("text", 1, {"unit": "x" * 60000})]
    check(entries, daybook, tmp_path)


def test_large_attribute(daybook, tmp_path):
    """h5py leaves out one that the object's header cannot hold; here the object gets a header that can."""
    e = Experiment(watch=False)
    e.set("large", 1, {"unit": np.arange(20000.0), "scale": 1.5})
    e.set("small", 1, {"unit": "V"})
    e.finish()
    (tmp_path / "trace.jsonl").write_text(e.text())
    daybook.ingest(tmp_path / "trace.jsonl", tmp_path / "run.daybook")
    daybook.replay(tmp_path / "run.daybook", tmp_path / "file.h5")
    with h5py.File(tmp_path / "file.h5") as f:
        np.testing.assert_array_equal(f["datasets/large"].attrs["unit"], np.arange(20000.0))
        assert f["datasets/large"].attrs["scale"] == 1.5 and f["datasets/small"].attrs["unit"] == "V"
    assert (tmp_path / "file.h5").read_bytes().count(b"OHDR") == 1


REFUSED = {
    "none": None, "dict": {"a": 1}, "set": {1}, "str_": np.str_("abc"), "U": np.array(["a", "bc"]), "big": 2**64,
    "small": -2**63 - 1, "ragged": [1, [2]], "ragged_rows": [[1, 2], [3]], "none_in_list": [None],
    "some_none": [1, None],
    "number_and_text": [1, "a"], "text_and_bytes": ["a", b"b"], "nul": "a\0b", "nul_bytes": b"a\0b",
    "nul_item": ["a", "\0"],
    "big_item": [2**64], "str_item": [np.str_("a")], "objects": np.array([1, 2], object),
    "mixed_objects": np.array(["a", b"b"], object), "no_objects": np.empty(0, object),
    "unequal": [np.zeros(2), np.zeros(3)], "struct_U": np.array([(1, "x")], [("n", "i4"), ("s", "U3")]),
    "date": np.datetime64("2025-01-01"), "delta": np.array([1], "m8[s]"), "void0": np.void(b""),
    "surrogate": "a\ud800", "dicts": [{"a": 1}], "ragged_text": [["a"], ["b", "c"]], "unequal_rank": [np.zeros(2), 1.0],
}


def test_refused(daybook, tmp_path):
    """Each refused value is named on stderr; what comes before and after it is in the file, and no group for it."""
    entries = []
    for name, value in REFUSED.items():
        entries += [(f"before.{name}", 1), (f"refused/{name}/here", value), (f"after.{name}", [1.5])]
    experiment, result = check(entries, daybook, tmp_path)
    assert len(experiment.refused) == len(REFUSED)
    with h5py.File(tmp_path / "types.h5", "r") as f:
        assert "refused" not in f["datasets"]
    for name in REFUSED:
        named = [line for line in result.err.splitlines() if f"refused/{name}/here is not" in line]
        assert len(named) == 1, f"{name}: {named}"


@pytest.mark.parametrize("name", REFUSED)
def test_overwritten(name, daybook, tmp_path):
    """A value that cannot be stored does no harm if it is gone by the end."""
    experiment = Experiment(watch=False)
    experiment.set("key", REFUSED[name])
    experiment.set("key", 2)
    experiment.finish()
    experiment.write(tmp_path / "expected.h5")
    (tmp_path / "trace.jsonl").write_text(experiment.text())
    daybook.ingest(tmp_path / "trace.jsonl", tmp_path / "run.daybook")
    daybook.replay(tmp_path / "run.daybook", tmp_path / "file.h5")
    assert compare(tmp_path / "file.h5", tmp_path / "expected.h5") == []
