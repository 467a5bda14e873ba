"""A seeded, endless script of dataset calls, and what they make of an empty set of datasets."""

import random

import numpy as np

BIG = 40_000  # elements of the big array: 320 kB


def script(seed):
    """Yields (method, key, arguments, flags), the same for the same seed."""
    rng = random.Random(seed)
    for i in range(4):
        yield "set", f"list.{i}", ([],), {"broadcast": i == 3}
        yield "set", f"array.{i}", (np.zeros(50),), {"broadcast": i == 3}
    i = 8
    while True:
        i += 1
        which, kind = rng.randrange(4), rng.choice("sssaaammmltb")
        if kind == "s":
            yield "set", f"scalar.{rng.randrange(20)}", (float(i),), {}
        elif kind == "a":
            yield "append", f"list.{which}", (i,), {}
        elif kind == "m":
            start = rng.randrange(49)
            index = start if rng.random() < .5 else (start, start + rng.randrange(50 - start))
            yield "mutate", f"array.{which}", (index, i), {}
        elif kind == "l" and rng.random() < .1:
            yield "set", f"list.{which}", ([i, i + 1],), {"broadcast": which == 3}
        elif kind == "t":
            yield "set", f"text.{which}", (f"call {i} µ",), {"unit": f"u{i}"}
        elif kind == "b" and rng.random() < .2:
            yield "set", "big", (np.full(BIG, i, "<f8"),), {}


def make(experiment, call):
    method, key, arguments, flags = call
    name = {"set": "set_dataset", "append": "append_to_dataset", "mutate": "mutate_dataset"}[method]
    getattr(experiment, name)(key, *arguments, **flags)


def model(seed, count):
    """{key: value} after `count` calls."""
    state = {}
    for _, (method, key, arguments, _) in zip(range(count), script(seed)):
        if method == "set":
            state[key] = arguments[0]
        elif method == "append":
            state[key].append(arguments[0])
        else:
            index, value = arguments
            state[key][slice(*index) if isinstance(index, tuple) else index] = value
    return state


def differences(state, found):
    """Keys of {key: value} and of the values in a file, read by h5py, that differ."""
    keys = sorted(set(state) ^ set(found))
    for key in set(state) & set(found):
        value = found[key].decode() if isinstance(found[key], bytes) else found[key]
        if not np.array_equal(state[key], value):
            keys.append(key)
    return keys
