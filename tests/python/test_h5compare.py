"""The comparison itself: it finds each kind of difference, and none where there is none."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5s, h5t

from h5compare import compare

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
PADDED = np.dtype({"names": ["a", "b"], "formats": ["i1", "<f8"], "offsets": [0, 8], "itemsize": 16})


def base(f):
    g = f.create_group("datasets")
    g["number"] = 1.5
    g["nan"] = np.frombuffer(bytes.fromhex("010000000000f87f"), "<f8")
    g["ints"] = np.arange(6, dtype="<i4").reshape(2, 3)
    g["flag"] = True
    g["text"] = "µs"
    g["texts"] = ["a", "b"]
    g["fixed"] = np.array([b"ab", b"c"], "S3")
    g["struct"] = np.zeros(2, np.dtype([("x", "<i2"), ("y", "<f4", (2,))]))
    g["padded"] = np.frombuffer(bytes(range(16)), PADDED)
    g["opaque"] = np.void(b"abc")
    g["enum"] = np.array([1, 2], h5py.enum_dtype({"ONE": 1, "TWO": 2}, "i1"))
    vlen = np.empty(2, h5py.vlen_dtype("<i4"))
    vlen[0], vlen[1] = np.array([1, 2], "<i4"), np.array([3], "<i4")
    g["vlen"] = vlen
    g["long"] = np.longdouble(1) / 3
    g["null"] = h5py.Empty("<f8")
    g["empty"] = np.zeros((0, 3))
    g["number"].attrs["unit"] = "MHz"
    f.attrs["daybook_layout"] = "artiq"


def replaced(name, value):
    def change(f):
        del f["datasets"][name]
        f["datasets"][name] = value
    return change


def attribute(name, value):
    return lambda f: f["datasets/number"].attrs.__setitem__(name, value)


def vlen_value(*rows, dtype="<i4"):
    out = np.empty(len(rows), h5py.vlen_dtype(dtype))
    for i, row in enumerate(rows):
        out[i] = np.array(row, dtype)
    return out


def opaque_tag(f):
    del f["datasets/opaque"]
    tid = h5t.create(h5t.OPAQUE, 3)
    tid.set_tag(b"tag")
    h5py.h5d.create(f["datasets"].id, b"opaque", tid, h5s.create(h5s.SCALAR))


def strpad(f):
    del f["datasets/fixed"]
    tid = h5t.C_S1.copy()
    tid.set_size(3)
    h5py.h5d.create(f["datasets"].id, b"fixed", tid, h5s.create_simple((2,)))


def maxshape(f):
    del f["datasets/ints"]
    f["datasets"].create_dataset("ints", data=np.arange(6, dtype="<i4").reshape(2, 3), maxshape=(None, 3))


CHANGES = {
    "a_bit": replaced("number", np.nextafter(1.5, 2)),
    "nan_payload": replaced("nan", np.array([np.nan])),
    "int_value": replaced("ints", np.array([[0, 1, 2], [3, 4, 6]], "<i4")),
    "int_size": replaced("ints", np.arange(6, dtype="<i8").reshape(2, 3)),
    "int_sign": replaced("ints", np.arange(6, dtype="<u4").reshape(2, 3)),
    "byte_order": replaced("ints", np.arange(6, dtype=">i4").reshape(2, 3)),
    "shape": replaced("ints", np.arange(6, dtype="<i4").reshape(3, 2)),
    "rank": replaced("ints", np.arange(6, dtype="<i4")),
    "scalar_or_one": replaced("number", [1.5]),
    "maxshape": maxshape,
    "bool_as_int": replaced("flag", np.int8(1)),
    "bool_value": replaced("flag", False),
    "text": replaced("text", "ms"),
    "text_charset": replaced("text", "µs".encode()),
    "text_fixed": replaced("text", np.bytes_("µs".encode())),
    "texts_item": replaced("texts", ["a", "c"]),
    "fixed_length": replaced("fixed", np.array([b"ab", b"c"], "S4")),
    "fixed_padding": strpad,
    "member_name": replaced("struct", np.zeros(2, np.dtype([("x", "<i2"), ("z", "<f4", (2,))]))),
    "member_type": replaced("struct", np.zeros(2, np.dtype([("x", "<i2"), ("y", "<i4", (2,))]))),
    "member_dims": replaced("struct", np.zeros(2, np.dtype([("x", "<i2"), ("y", "<f4", (1, 2))]))),
    "member_order": replaced("struct", np.zeros(2, np.dtype([("x", ">i2"), ("y", "<f4", (2,))]))),
    "member_offset": replaced("struct", np.zeros(2, np.dtype([("x", "<i2"), ("y", "<f4", (2,))], align=True))),
    "padding_bytes": replaced("padded", np.frombuffer(bytes([0, 99]) + bytes(range(2, 16)), PADDED)),
    "opaque_value": replaced("opaque", np.void(b"abd")),
    "opaque_tag": opaque_tag,
    "enum_name": replaced("enum", np.array([1, 2], h5py.enum_dtype({"ONE": 1, "TOO": 2}, "i1"))),
    "enum_value": replaced("enum", np.array([1, 2], h5py.enum_dtype({"ONE": 1, "TWO": 3}, "i1"))),
    "enum_base": replaced("enum", np.array([1, 2], h5py.enum_dtype({"ONE": 1, "TWO": 2}, "i2"))),
    "vlen_value": replaced("vlen", vlen_value([1, 2], [4])),
    "vlen_length": replaced("vlen", vlen_value([1, 2, 3], [3])),
    "vlen_base": replaced("vlen", vlen_value([1, 2], [3], dtype="<i8")),
    "long_double": replaced("long", np.nextafter(np.longdouble(1) / 3, np.longdouble(1))),
    "null_type": replaced("null", h5py.Empty("<f4")),
    "null_or_scalar": replaced("null", 0.0),
    "empty_shape": replaced("empty", np.zeros((0, 4))),
    "attribute_value": attribute("unit", "kHz"),
    "attribute_type": attribute("unit", np.bytes_(b"MHz")),
    "attribute_more": attribute("scale", 1.0),
    "attribute_less": lambda f: f["datasets/number"].attrs.__delitem__("unit"),
    "root_attribute": lambda f: f.attrs.__setitem__("other", 1),
    "link_more": lambda f: f["datasets"].__setitem__("new", 1),
    "link_less": lambda f: f["datasets"].__delitem__("text"),
    "group_more": lambda f: f.create_group("archive"),
    "group_or_dataset": lambda f: (f["datasets"].__delitem__("text"), f["datasets"].create_group("text")),
    "soft_link": replaced("text", h5py.SoftLink("/datasets/number")),
    "hard_link": lambda f: f["datasets"].__setitem__("text2", f["datasets/text"]),
}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    path = tmp_path_factory.mktemp("h5compare") / "first.h5"
    with h5py.File(path, "w") as f:
        base(f)
    return path


@pytest.mark.parametrize("name", CHANGES)
def test_finds(name, first, tmp_path):
    second = tmp_path / "second.h5"
    shutil.copy(first, second)
    assert compare(first, second) == []
    with h5py.File(second, "r+") as f:
        CHANGES[name](f)
    assert compare(first, second), f"{name} was not noticed"
    assert compare(second, first), f"{name} was not noticed the other way round"


def test_free_layout(first, tmp_path):
    second = tmp_path / "second.h5"
    with h5py.File(second, "w", libver="latest") as f:
        base(f)
        f.attrs["daybook_layout"] = "other"
        f.attrs["daybook_journal"] = "x"
        del f["datasets/ints"]
        f["datasets"].create_dataset("ints", data=np.arange(6, dtype="<i4").reshape(2, 3), compression="gzip")
    assert compare(first, second) == []


def test_padding_can_be_left_out(first, tmp_path):
    second = tmp_path / "second.h5"
    shutil.copy(first, second)
    with h5py.File(second, "r+") as f:
        CHANGES["padding_bytes"](f)
    assert compare(first, second, padding=False) == []


@pytest.mark.parametrize("case", sorted(p.stem for p in GOLDEN.glob("*.h5")))
def test_golden_equals_itself(case):
    assert compare(GOLDEN / f"{case}.h5", GOLDEN / f"{case}.h5") == []
