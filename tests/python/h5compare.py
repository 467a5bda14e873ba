"""Strict comparison of two HDF5 files through h5py's low-level API.

Equal means: same tree and links, same HDF5 types down to the last property, same dataspaces, same attributes, same
bits. How the bytes lie on disk (chunks, filters, offsets) is free. Root attributes named daybook_* are ignored.

    differences = compare("a.h5", "b.h5")      # readable lines; empty if equal
"""

import sys

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5s, h5t

_CLASSES = {
    h5t.INTEGER: "integer", h5t.FLOAT: "float", h5t.STRING: "string", h5t.BITFIELD: "bitfield", h5t.OPAQUE: "opaque",
    h5t.COMPOUND: "compound", h5t.REFERENCE: "reference", h5t.ENUM: "enum", h5t.VLEN: "vlen", h5t.ARRAY: "array",
    h5t.TIME: "time",
}


def describe_type(tid):
    """Everything HDF5 knows about a type, as nested tuples that compare and print well."""
    cls = tid.get_class()
    name, size = _CLASSES[cls], tid.get_size()
    if cls == h5t.STRING:
        length = "variable" if tid.is_variable_str() else size
        return (name, ("length", length), ("strpad", tid.get_strpad()), ("cset", tid.get_cset()))
    if cls == h5t.OPAQUE:
        return (name, ("size", size), ("tag", tid.get_tag()))
    if cls == h5t.ENUM:
        members = tuple((tid.get_member_name(i), tid.get_member_value(i)) for i in range(tid.get_nmembers()))
        return (name, describe_type(tid.get_super()), members)
    if cls == h5t.COMPOUND:
        members = tuple(
            (tid.get_member_name(i), tid.get_member_offset(i), describe_type(tid.get_member_type(i)))
            for i in range(tid.get_nmembers())
        )
        return (name, ("size", size), members)
    if cls == h5t.ARRAY:
        return (name, tid.get_array_dims(), describe_type(tid.get_super()))
    if cls == h5t.VLEN:
        return (name, describe_type(tid.get_super()))
    if cls == h5t.REFERENCE:
        return (name, ("size", size))
    atom = (
        name, ("size", size), ("order", tid.get_order()), ("precision", tid.get_precision()),
        ("offset", tid.get_offset()), ("pad", tid.get_pad()),
    )
    if cls == h5t.INTEGER:
        return atom + (("sign", tid.get_sign()),)
    if cls == h5t.FLOAT:
        return atom + (
            ("fields", tid.get_fields()), ("ebias", tid.get_ebias()), ("norm", tid.get_norm()),
            ("inpad", tid.get_inpad()),
        )
    return atom


def is_variable(tid):
    """Whether elements live outside of the dataset's own bytes."""
    cls = tid.get_class()
    if cls == h5t.STRING:
        return tid.is_variable_str()
    if cls in (h5t.VLEN, h5t.REFERENCE):
        return True
    if cls == h5t.COMPOUND:
        return any(is_variable(tid.get_member_type(i)) for i in range(tid.get_nmembers()))
    return is_variable(tid.get_super()) if cls == h5t.ARRAY else False


def value_mask(tid, padding):
    """One 0/255 per byte of an element: which bytes are value. Bytes beyond a float's precision (80-bit long doubles
    in 16 bytes) never are; gaps of compounds are if `padding`."""
    cls, size = tid.get_class(), tid.get_size()
    if cls == h5t.FLOAT and tid.get_precision() < 8 * size:
        mask = np.zeros(size, np.uint8)
        used = tid.get_precision() // 8
        mask[(slice(0, used) if tid.get_order() == h5t.ORDER_LE else slice(size - used, size))] = 255
        return mask
    if cls == h5t.COMPOUND:
        mask = np.full(size, 255 if padding else 0, np.uint8)
        for i in range(tid.get_nmembers()):
            member = tid.get_member_type(i)
            start = tid.get_member_offset(i)
            mask[start:start + member.get_size()] = value_mask(member, padding)
        return mask
    if cls == h5t.ARRAY:
        base = value_mask(tid.get_super(), padding)
        return np.tile(base, size // len(base)) if len(base) else base
    return np.full(size, 255, np.uint8)


def describe_space(space):
    kind = space.get_simple_extent_type()
    if kind == h5s.NULL:
        return ("null",)
    if kind == h5s.SCALAR:
        return ("scalar",)
    return ("simple", space.get_simple_extent_dims(), space.get_simple_extent_dims(True))


def raw_bytes(obj):
    """The elements of a dataset or attribute as stored, without any conversion: uint8 of shape (count, size)."""
    tid, space = obj.get_type(), obj.get_space()
    count = space.get_simple_extent_npoints()
    out = np.zeros(count * tid.get_size(), np.uint8)
    if count and isinstance(obj, h5d.DatasetID):
        obj.read(h5s.ALL, h5s.ALL, out, mtype=tid)
    elif count:
        obj.read(out, mtype=tid)
    return out.reshape(count, tid.get_size())


def variable_elements(obj):
    """The elements of a dataset or attribute of variable-length type, as NumPy objects in C order."""
    if not obj.get_space().get_simple_extent_npoints():
        return []
    out = np.empty(obj.shape, dtype=obj.dtype)
    if isinstance(obj, h5d.DatasetID):
        obj.read(h5s.ALL, h5s.ALL, out)
    else:
        obj.read(out)
    return list(out.reshape(-1))


def plain(element):
    """Bits of a variable-length element in a form that compares (NaN equals itself)."""
    if isinstance(element, np.ndarray):
        if element.dtype.kind == "O":
            return ("array", element.shape, tuple(plain(e) for e in element.reshape(-1)))
        return ("array", element.dtype.str, element.shape, element.tobytes())
    if isinstance(element, np.void) and element.dtype.names:
        return tuple(plain(element[name]) for name in element.dtype.names)
    if isinstance(element, np.generic):
        return (element.dtype.str, element.tobytes())
    if isinstance(element, str):
        return element.encode("utf-8", "surrogateescape")
    return element


class _Comparison:
    def __init__(self, padding):
        self.padding = padding
        self.differences = []

    def note(self, where, what, a, b):
        self.differences.append(f"{where}: {what}: {a!r} != {b!r}")

    def content(self, where, a, b):
        type_a, type_b = describe_type(a.get_type()), describe_type(b.get_type())
        space_a, space_b = describe_space(a.get_space()), describe_space(b.get_space())
        if type_a != type_b:
            self.note(where, "type", type_a, type_b)
        elif not a.get_type().equal(b.get_type()):
            self.note(where, "type", "H5Tequal says the types differ", type_a)
        if space_a != space_b:
            self.note(where, "space", space_a, space_b)
        if type_a != type_b or space_a != space_b or space_a == ("null",):
            return
        if is_variable(a.get_type()):
            self.variable(where, a, b)
            return
        raw_a, raw_b = raw_bytes(a), raw_bytes(b)
        differ = ((raw_a ^ raw_b) & value_mask(a.get_type(), self.padding)).any(axis=1)
        if differ.any():
            at = int(np.argmax(differ))
            self.note(where, f"{int(differ.sum())} of {len(differ)} elements, first at {at}", raw_a[at].tobytes().hex(),
                      raw_b[at].tobytes().hex())

    def variable(self, where, a, b):
        for i, (x, y) in enumerate(zip(variable_elements(a), variable_elements(b))):
            if plain(x) != plain(y):
                self.note(where, f"element {i}", x, y)
                return

    def names(self, where, what, a, b):
        for name in sorted(a - b):
            self.differences.append(f"{where}: {what} {name!r} only in the first file")
        for name in sorted(b - a):
            self.differences.append(f"{where}: {what} {name!r} only in the second file")
        return sorted(a & b)

    def attributes(self, where, a, b):
        def names(loc):
            found = {h5a.open(loc, index=i).name for i in range(h5a.get_num_attrs(loc))}
            return {n for n in found if not (where == "/" and n.startswith(b"daybook_"))}

        for name in self.names(where, "attribute", names(a), names(b)):
            here = f"{where}@{name.decode('utf-8', 'replace')}"
            set_a, set_b = h5a.get_info(a, name).cset, h5a.get_info(b, name).cset
            if set_a != set_b:
                self.note(here, "charset of the name", set_a, set_b)
            self.content(here, h5a.open(a, name), h5a.open(b, name))

    def objects(self, where, a, b):
        if type(a) is not type(b):
            self.note(where, "kind of object", type(a).__name__, type(b).__name__)
            return
        self.attributes(where, a, b)
        links_a, links_b = h5o.get_info(a).rc, h5o.get_info(b).rc
        if links_a != links_b:
            self.note(where, "hard links", links_a, links_b)
        if isinstance(a, h5d.DatasetID):
            self.content(where, a, b)
        elif isinstance(a, h5t.TypeID):
            if describe_type(a) != describe_type(b):
                self.note(where, "committed type", describe_type(a), describe_type(b))
        else:
            self.groups(where, a, b)

    def groups(self, where, a, b):
        for name in self.names(where, "link", set(a), set(b)):
            here = where.rstrip("/") + "/" + name.decode("utf-8", "replace")
            link_a, link_b = a.links.get_info(name), b.links.get_info(name)
            if (link_a.type, link_a.cset) != (link_b.type, link_b.cset):
                self.note(here, "link type, charset", (link_a.type, link_a.cset), (link_b.type, link_b.cset))
            elif link_a.type == h5py.h5l.TYPE_HARD:
                self.objects(here, h5o.open(a, name), h5o.open(b, name))
            elif a.links.get_val(name) != b.links.get_val(name):
                self.note(here, "link target", a.links.get_val(name), b.links.get_val(name))


def compare(first, second, padding=True):
    """Readable differences between two HDF5 files; an empty list if there are none. `padding`: whether the bytes in
    the gaps of compounds count as well (they do not where NumPy itself left them to chance)."""
    comparison = _Comparison(padding)
    with h5py.File(first, "r") as a, h5py.File(second, "r") as b:
        comparison.objects("/", h5g.open(a.id, b"/"), h5g.open(b.id, b"/"))
    return comparison.differences


if __name__ == "__main__":
    found = compare(sys.argv[1], sys.argv[2])
    print("\n".join(found))
    sys.exit(1 if found else 0)
