"""How a file is laid out: layouts from TOML, from dictionaries, from functions."""

import os
from typing import Any, Callable, Dict, Iterator, List, Mapping, MutableMapping, Optional, Sequence, Tuple, Union

import numpy as np

from daybook import _core
from daybook._core import Layout
from daybook._info import StrPath

LayoutLike = Union[Layout, StrPath, Mapping[str, Any], Callable[["Plan"], Any], Sequence[Any]]


class _Attributes(MutableMapping[str, Any]):
    """The attributes of an object of the file: what h5py's `.attrs` will show. Assigning converts as h5py does."""

    def __init__(self, core: _core.NodeHandle) -> None:
        self._core = core

    def __getitem__(self, name: str) -> Any:
        return self._core.get_attribute(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._core.set_attribute(name, value)

    def __delitem__(self, name: str) -> None:
        self._core.delete_attribute(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._core.attribute_names())

    def __len__(self) -> int:
        return len(self._core.attribute_names())

    def __repr__(self) -> str:
        return f"{dict(self)!r}"


class Storage:
    """How a dataset's elements are kept: wishes, which the writer follows where HDF5 can."""

    def __init__(self, core: _core.NodeHandle) -> None:
        self._core = core

    def compress(self, method: Union[str, int] = "gzip", level: Optional[int] = None, *,
                 options: Optional[Sequence[int]] = None, shuffle: Optional[bool] = None, fletcher32: bool = False,
                 allow_loss: bool = False) -> None:
        """Chunks behind a filter, as the transform `compress` does it: "gzip" with a level from 0 to 9, any other by name or
        registered number with its own options. shuffle: None for where the method gains by it. What cannot be compressed
        (scalars, texts of any length) stays as it is."""
        given: Dict[str, Any] = {"method": method, "fletcher32": fletcher32, "allow-loss": allow_loss, "min-bytes": 0}
        for name, value in (("level", level), ("options", options), ("shuffle", shuffle)):
            if value is not None:
                given[name] = list(value) if isinstance(value, (tuple, list)) else value
        self._core.apply("compress", given)

    @property
    def filters(self) -> Tuple[Tuple[int, str, Tuple[int, ...]], ...]:
        """(number, name, options) of each stage."""
        return tuple(self._core.storage()["filters"])

    @property
    def chunks(self) -> Optional[Tuple[int, ...]]:
        """Shape of a chunk; None: the writer chooses where chunks are needed."""
        chunks: Optional[Tuple[int, ...]] = self._core.storage()["chunks"]
        return chunks

    @chunks.setter
    def chunks(self, shape: Optional[Sequence[int]]) -> None:
        if shape is None:
            self._core.set_chunks([])
        else:
            self._core.apply("chunk", {"shape": [int(extent) for extent in shape]})

    @property
    def extendible(self) -> bool:
        """Every dimension unlimited, so that others can append to the dataset."""
        return bool(self._core.storage()["extendible"])

    def make_extendible(self) -> None:
        self._core.apply("extendible", {})

    @property
    def fill_value(self) -> Any:
        return self._core.storage()["fill_value"]

    @fill_value.setter
    def fill_value(self, value: Any) -> None:
        self._core.apply("fill-value", {"value": value})

    def make_compact(self) -> None:
        """In the object's header, if it is small enough."""
        self._core.apply("compact", {})

    def make_contiguous(self) -> None:
        """In one piece, without chunks and filters."""
        self._core.apply("contiguous", {})

    def __repr__(self) -> str:
        return f"<storage {self._core.storage()!r}>"


class Node:
    """One thing in the file. Of use only while the function runs that was given the plan."""

    def __init__(self, core: _core.NodeHandle) -> None:
        self._core = core

    @property
    def path(self) -> str:
        """Absolute. Assigning moves the object and everything below it; links and attributes follow."""
        return self._core.path

    @path.setter
    def path(self, path: str) -> None:
        self._core.path = path

    @property
    def key(self) -> Optional[str]:
        """The dataset's key; None for what is no dataset of the run."""
        return self._core.key

    @property
    def group(self) -> Optional[str]:
        """"datasets" or "archive"; None for what is no dataset of the run."""
        return self._core.group

    @property
    def kind(self) -> str:
        """"dataset", "table", "group", "attribute", "field", "link", "omitted", "refused" or "custom"."""
        return self._core.kind

    @property
    def origin(self) -> str:
        """Who made it, or gave it its place: "default", or a transform."""
        return self._core.origin

    @property
    def reason(self) -> Optional[str]:
        """Why it is omitted or refused."""
        return self._core.reason

    @property
    def dtype(self) -> "np.dtype[Any]":
        """Of its value in the file. InvalidError if there is none, or if HDF5 cannot hold it."""
        return self._core.stored_as()[0]

    @property
    def shape(self) -> Optional[Tuple[int, ...]]:
        """() for a scalar, None for h5py.Empty."""
        return self._core.stored_as()[1]

    @property
    def value(self) -> Any:
        """A copy of its value, as it will be in the file."""
        return self._core.value()

    @property
    def attributes(self) -> MutableMapping[str, Any]:
        """Unit and the like, to be read and changed as a dictionary."""
        return _Attributes(self._core)

    @property
    def storage(self) -> Storage:
        """Of a dataset: chunks and filters."""
        return Storage(self._core)

    def omit(self, reason: str) -> None:
        """Leaves it out of the file."""
        self._core.omit(reason)

    def as_attribute(self, object: str, name: str) -> None:
        """Its value becomes an attribute of the object at the path `object`."""
        self._core.as_attribute(object, name)

    def as_link(self, target: str, kind: str = "soft", file: str = "") -> None:
        """A link to the path `target` instead: "soft", "hard", or "external" (into `file`)."""
        self._core.as_link(target, kind, file)

    def as_dataset(self) -> None:
        """An ordinary dataset again, with the default storage."""
        self._core.as_dataset()

    def cast(self, dtype: Any, *, lossy: bool = False) -> None:
        """Writes the value as another dtype. Unless lossy, a value that would change keeps its own."""
        self._core.cast(dtype, lossy)

    def apply(self, use: str, **options: Any) -> None:
        """One of Daybook's transforms for this node alone: node.apply("cast", to="float32"). _ in names stands for -."""
        self._core.apply(use, _named(options))

    def __repr__(self) -> str:
        return f"<daybook.Node {self.kind} {self.path}>"


class Plan:
    """What goes where in an HDF5 file, before it is written: a sequence of nodes in the order of writing. Of use only
    while the function runs that was given it."""

    def __init__(self, core: _core.PlanHandle) -> None:
        self._core = core

    def __len__(self) -> int:
        return len(self._core)

    def __iter__(self) -> Iterator[Node]:
        for index in range(len(self._core)):
            yield Node(self._core.node(index))

    def __getitem__(self, path: str) -> Node:
        """The node at a path that is in the file. KeyError."""
        found = self._core.find(path)
        if found is None:
            raise KeyError(path)
        return Node(found)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self._core.find(path) is not None

    @property
    def as_of(self) -> int:
        """The sequence number of the event as of which the file is."""
        return self._core.as_of

    def datasets(self) -> List[Node]:
        """The nodes that stand for a dataset or an archived value and are in the file."""
        return [node for node in self if node.key is not None and node.kind not in ("omitted", "refused")]

    def add_constant(self, path: str, value: Any, attributes: Optional[Mapping[str, Any]] = None) -> Node:
        """A dataset that is not of the run."""
        return self._with(self._core.add_constant(path, value), attributes)

    def add_group(self, path: str, attributes: Optional[Mapping[str, Any]] = None) -> Node:
        """A group that is there even if it is empty."""
        return self._with(self._core.add_group(path), attributes)

    def add_link(self, path: str, target: str, kind: str = "soft", file: str = "") -> Node:
        """A link at `path` to `target`: "soft", "hard", or "external" (into `file`)."""
        return Node(self._core.add_link(path, target, kind, file))

    def move(self, from_path: str, to_path: str) -> None:
        """Moves everything at or below a path. KeyError if there is nothing."""
        self._core.move(from_path, to_path)

    def apply(self, use: str, **options: Any) -> None:
        """One of Daybook's transforms for the plan: plan.apply("compress", keys=["image*"]). _ in names stands for -. Nodes
        got before are of no use afterwards."""
        self._core.apply(use, _named(options))

    def no_file(self, reason: str) -> None:
        """There is to be no file at all."""
        self._core.no_file(reason)

    @staticmethod
    def _with(core: _core.NodeHandle, attributes: Optional[Mapping[str, Any]]) -> Node:
        node = Node(core)
        node.attributes.update(attributes or {})
        return node

    def __str__(self) -> str:
        """One line a node, as `daybook layout explain` prints it."""
        return str(self._core)


def _named(options: Mapping[str, Any]) -> Dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in options.items()}


def _from_callable(function: Callable[[Plan], Any]) -> Layout:
    name = getattr(function, "__name__", type(function).__name__)
    code = getattr(function, "__code__", None)
    where = type(function).__module__ if code is None else \
        f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}"
    return Layout.from_callable(lambda core: function(Plan(core)), name, where)


def _looks_like_text(text: str) -> bool:
    return "\n" in text or "=" in text or "[[" in text


def layout(spec: LayoutLike, *, name: Optional[str] = None, plugins: Sequence[StrPath] = ()) -> Layout:
    """A layout of whatever says one:

    - the path of a layout file ("lab.toml"), or the text of one;
    - the name of a transform that needs no options ("merge-archive"), or "artiq": what ARTIQ writes;
    - {"use": "compress", "keys": ["image*"]}: a transform with its options;
    - a function that edits a `Plan`;
    - a list of any of these, applied in order.

    name: what file and journal call it. plugins: shared libraries with further transforms; loading one runs its code.

    InvalidError names transform, option and the nearest known name (OptionError), or file and line; UnsupportedError: no
    such transform; StorageError: the file cannot be read; TypeError: none of the above.
    """
    made = _layout(spec, [os.fspath(plugin) for plugin in plugins])
    return made if name is None else made.renamed(name)


def _layout(spec: Any, plugins: List[str]) -> Layout:
    if isinstance(spec, Layout):
        return spec
    if isinstance(spec, Mapping):
        return Layout.from_options([dict(spec)], str(spec.get("use", "options")), plugins)
    if callable(spec):
        return _from_callable(spec)
    if isinstance(spec, str):
        if spec == "artiq":
            return Layout.default()
        if _looks_like_text(spec):
            return Layout.from_text(spec, plugins)
        if not spec.endswith(".toml") and os.sep not in spec:
            return Layout.from_options([{"use": spec}], spec, plugins)
    if isinstance(spec, (str, os.PathLike)):
        return Layout.from_file(spec, plugins)
    if isinstance(spec, (list, tuple)):
        made = Layout.default()
        for each in spec:
            made = made.then(_layout(each, plugins))
        return made
    raise TypeError("a layout is a path, a text, the name of a transform, a dict with \"use\", a function, or a list of "
                    f"these, not {type(spec).__name__}")
