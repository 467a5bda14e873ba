"""What a successful mutate did, in the words of the trace's `resolved`: a region, an item or the full value."""

import numpy as np

from trace_encoding import encode


def artiq_index(index):
    """ARTIQ's reading of an index: a tuple of tuples is a tuple of slices, any other tuple one slice."""
    if isinstance(index, tuple):
        if isinstance(index[0], tuple):
            return tuple(slice(*e) for e in index)
        return slice(*index)
    return index


def _as_region(index, shape):
    """(start, count, step) per dimension for an index of ints, slices and one Ellipsis; None for any other."""
    entries = list(index) if isinstance(index, tuple) else [index]
    if not all(isinstance(e, (int, np.integer, slice, type(Ellipsis))) and not isinstance(e, (bool, np.bool_))
               for e in entries):
        return None
    if Ellipsis in [e for e in entries if e is Ellipsis]:
        at = next(i for i, e in enumerate(entries) if e is Ellipsis)
        entries[at:at + 1] = [slice(None)] * (len(shape) - len(entries) + 1)
    entries += [slice(None)] * (len(shape) - len(entries))
    region = []
    for entry, length in zip(entries, shape):
        if isinstance(entry, slice):
            start, stop, step = entry.indices(length)
            region.append((start, len(range(start, stop, step)), step))
        else:
            entry = int(entry)
            region.append((entry + length if entry < 0 else entry, 1, 1))
    return region


def resolve(target, index):
    """`target` is the live object after `target[index] = value` succeeded."""
    if isinstance(target, np.ndarray):
        region = _as_region(index, target.shape)
        if region is None:
            return {"kind": "full", "value": encode(target)}
        part = np.asarray(target)
        for axis, (start, count, step) in enumerate(region):
            chosen = np.array([start + i * step for i in range(count)], dtype=np.intp)
            part = part[(slice(None),) * axis + (chosen,)]
        return {
            "kind": "region", "start": [r[0] for r in region], "count": [r[1] for r in region],
            "step": [r[2] for r in region], "value": encode(part),
        }
    if isinstance(target, list) and isinstance(index, (int, np.integer)):
        at = int(index)
        at += len(target) if at < 0 else 0
        return {"kind": "item", "index": at, "value": encode(target[at])}
    return {"kind": "full", "value": encode(target)}
