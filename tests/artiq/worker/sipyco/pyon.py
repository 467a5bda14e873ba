"""PYON: JSON on one line, with {"__jsonclass__": [name, arguments]} for what JSON does not have."""

import base64
import json
import os
import tempfile
from collections import OrderedDict
from fractions import Fraction

import numpy

MARK = "__jsonclass__"


class _Marked:
    def __init__(self, name, *arguments):
        self.content = {MARK: [name, list(arguments)]}


def _ready(x):
    """`x` with those containers replaced that json would take for something simpler."""
    if isinstance(x, tuple):
        return _Marked("tuple", [_ready(item) for item in x])
    if isinstance(x, list):
        return [_ready(item) for item in x]
    if isinstance(x, dict):
        assert MARK not in x
        if all(isinstance(key, str) for key in x):
            return {key: _ready(item) for key, item in x.items()}
        return _Marked("dict", [[_ready(key), _ready(item)] for key, item in x.items()])
    return x


def _text(data):
    return base64.b64encode(data).decode()


def _array(x):
    if x.dtype == numpy.dtype(object):
        raise TypeError(f"`{x!r}`: numpy arrays with object dtype are not PYON encodable")
    return _Marked("nparray", list(x.shape), x.dtype.str, _text(numpy.ascontiguousarray(x).data))


_MARKERS = {
    _Marked: lambda x: x,
    complex: lambda x: _Marked("complex", x.real, x.imag),
    bytes: lambda x: _Marked("bytes", _text(x)),
    set: lambda x: _Marked("set", [_ready(item) for item in x]),
    slice: lambda x: _Marked("slice", *(_ready(part) for part in (x.start, x.stop, x.step))),
    Fraction: lambda x: _Marked("Fraction", x.numerator, x.denominator),
    OrderedDict: lambda x: _Marked("OrderedDict", [[_ready(key), _ready(item)] for key, item in x.items()]),
    numpy.ndarray: _array,
}
for _kind in ("bool_ bytes_ str_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 "
              "complex128 timedelta64 datetime64 void").split():
    _MARKERS[getattr(numpy, _kind)] = lambda x: _Marked("npscalar", x.dtype.str, _text(x.data))

_MAKERS = {
    "tuple": tuple,
    "dict": dict,
    "complex": complex,
    "bytes": base64.b64decode,
    "set": set,
    "slice": slice,
    "Fraction": Fraction,
    "OrderedDict": OrderedDict,
    "nparray": lambda shape, dtype, data: numpy.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy(),
    "npscalar": lambda dtype, data: numpy.frombuffer(base64.b64decode(data), dtype)[0],
}


def _default(x):
    marker = _MARKERS.get(type(x))
    if marker is None:
        raise TypeError(f"`{x!r}`: Object of type `{type(x).__name__}` is not PYON encodable")
    return marker(x).content


def _hook(found):
    if MARK not in found:
        return found
    name, arguments = found[MARK]
    if name not in _MAKERS:
        raise TypeError(f"Object of type `{name}` is not PYON decodable")
    return _MAKERS[name](*arguments)


def encode(x, pretty=False):
    layout = {"indent": 4} if pretty else {"separators": (",", ":")}
    return json.dumps(_ready(x), default=_default, **layout)


def decode(text):
    return json.loads(text, object_hook=_hook)


def store_file(filename, x):
    folder = os.path.dirname(os.path.abspath(filename))
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as f:
        f.write(encode(x, pretty=True))
        f.flush()
        os.fsync(f.fileno())
    os.replace(f.name, filename)


def load_file(filename):
    with open(filename, encoding="utf-8") as f:
        return decode(f.read())
