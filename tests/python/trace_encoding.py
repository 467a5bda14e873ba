"""The trace's value encoding (tests/golden/README.md), both ways, for each kind of value in its table."""

import base64
import collections
import struct

import h5py
import numpy as np


def _b64(data):
    return base64.b64encode(bytes(data)).decode("ascii")


def _bits(x):
    return struct.pack(">d", x).hex()


def encode_dtype(dtype):
    string, enum, vlen = h5py.check_string_dtype(dtype), h5py.check_enum_dtype(dtype), h5py.check_vlen_dtype(dtype)
    if string is not None and dtype.metadata:
        return {"str": dtype.str, "string": string.encoding, "length": string.length}
    if enum is not None:
        return {"str": dtype.str, "enum": {name: int(value) for name, value in enum.items()}}
    if vlen is not None:
        return {"str": dtype.str, "vlen": encode_dtype(np.dtype(vlen))}
    if dtype.subdtype is not None:
        return {"base": encode_dtype(dtype.subdtype[0]), "shape": list(dtype.subdtype[1])}
    if dtype.names is not None:
        return {
            "itemsize": dtype.itemsize, "names": list(dtype.names),
            "formats": [encode_dtype(dtype.fields[name][0]) for name in dtype.names],
            "offsets": [dtype.fields[name][1] for name in dtype.names],
        }
    return dtype.str


def decode_dtype(d):
    if isinstance(d, str):
        return np.dtype(d)
    if "enum" in d:
        return h5py.enum_dtype(d["enum"], basetype=d["str"])
    if "string" in d:
        return h5py.string_dtype(d["string"], d["length"])
    if "vlen" in d:
        return h5py.vlen_dtype(decode_dtype(d["vlen"]))
    if "base" in d:
        return np.dtype((decode_dtype(d["base"]), tuple(d["shape"])))
    return np.dtype({"names": d["names"], "formats": [decode_dtype(f) for f in d["formats"]],
                     "offsets": d["offsets"], "itemsize": d["itemsize"]})


def _elements(array):
    """Bytes in C order, byte order kept, whatever lies in the gaps of a structured type included."""
    return np.array(array, order="C", copy=True).tobytes() if array.dtype.names is None else _raw(array)


def _raw(array):
    # A copy of a structured array leaves its gaps to chance, so contiguous ones are read where they are.
    return (array if array.flags.c_contiguous else np.ascontiguousarray(array)).tobytes()


def _encode_array(array):
    out = {"t": "ndarray", "dtype": encode_dtype(array.dtype), "shape": list(array.shape)}
    if array.dtype.kind == "O":
        out["v"] = [encode(e) for e in array.reshape(-1)]
    else:
        out["b64"] = _b64(_elements(np.asarray(array)))
    if type(array) is not np.ndarray:
        out["subclass"] = type(array).__name__
    return out


def encode(v):
    if v is None:
        return {"t": "none"}
    if isinstance(v, bool):
        return {"t": "bool", "v": v}
    if isinstance(v, np.ndarray):
        return _encode_array(v)
    if isinstance(v, np.generic):
        data = v.tobytes() if v.dtype.kind != "S" else bytes(v).ljust(v.dtype.itemsize, b"\0")
        return {"t": "npscalar", "dtype": encode_dtype(v.dtype), "b64": _b64(data)}
    if type(v) is int:
        return {"t": "int", "v": str(v)}
    if type(v) is float:
        return {"t": "float", "bits": _bits(v), "r": repr(v)}
    if type(v) is complex:
        return {"t": "complex", "re": _bits(v.real), "im": _bits(v.imag), "r": repr(v)}
    if type(v) is str:
        return {"t": "str", "v": v}
    if type(v) is bytes:
        return {"t": "bytes", "b64": _b64(v)}
    if isinstance(v, (list, tuple)):
        return {"t": "list" if isinstance(v, list) else "tuple", "v": [encode(e) for e in v]}
    if isinstance(v, dict):
        return {"t": "dict", "v": [[encode(k), encode(e)] for k, e in v.items()]}
    if isinstance(v, (set, frozenset)):
        return {"t": "set", "v": [encode(e) for e in v]}
    if isinstance(v, range):
        return {"t": "range", "v": [v.start, v.stop, v.step]}
    if isinstance(v, bytearray):
        return {"t": "bytearray", "b64": _b64(v)}
    if isinstance(v, slice):
        return {"t": "slice", "v": [encode(e) for e in (v.start, v.stop, v.step)]}
    if v is Ellipsis:
        return {"t": "ellipsis"}
    if isinstance(v, h5py.Empty):
        return {"t": "empty", "dtype": encode_dtype(v.dtype)}
    return {"t": "other", "type": type(v).__name__, "r": repr(v)[:80], "asarray": _encode_array(np.asarray(v))}


def _decode_array(d):
    dtype, shape = decode_dtype(d["dtype"]), tuple(d["shape"])
    if "v" not in d:
        data = base64.b64decode(d["b64"])
        # A copy through bytes, not through elements: gaps of structured types are kept.
        return np.ndarray(shape, dtype, bytearray(data)) if data else np.zeros(shape, dtype)
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    for i, item in enumerate(d["v"]):
        flat[i] = decode(item)
    return flat.reshape(shape)


def decode(d):
    kind = d["t"]
    if kind == "none":
        return None
    if kind in ("bool", "str"):
        return d["v"]
    if kind == "int":
        return int(d["v"])
    if kind == "float":
        return struct.unpack(">d", bytes.fromhex(d["bits"]))[0]
    if kind == "complex":
        return complex(*(struct.unpack(">d", bytes.fromhex(d[part]))[0] for part in ("re", "im")))
    if kind == "bytes":
        return base64.b64decode(d["b64"])
    if kind == "bytearray":
        return bytearray(base64.b64decode(d["b64"]))
    if kind in ("list", "tuple", "set"):
        return {"list": list, "tuple": tuple, "set": set}[kind](decode(e) for e in d["v"])
    if kind == "dict":
        return {decode(k): decode(e) for k, e in d["v"]}
    if kind == "ndarray":
        return _decode_array(d)
    if kind == "npscalar":
        dtype, data = decode_dtype(d["dtype"]), base64.b64decode(d["b64"])
        if dtype.kind == "S":
            return np.bytes_(data)
        if dtype.kind == "V" and dtype.names is None:
            return np.void(data)
        return np.ndarray((), dtype, bytearray(data))[()]
    if kind == "range":
        return range(*d["v"])
    if kind == "slice":
        return slice(*(decode(e) for e in d["v"]))
    if kind == "ellipsis":
        return Ellipsis
    if kind == "empty":
        return h5py.Empty(decode_dtype(d["dtype"]))
    if kind == "other" and d["type"] == "deque":
        return collections.deque(decode(d["asarray"]).tolist())
    if kind == "other":
        return decode(d["asarray"])
    raise ValueError(f"no value is called {kind!r}")
