"""A structure whose changes are told to somebody else as they happen, and what that somebody does with them."""

from enum import Enum, unique


@unique
class ModAction(Enum):
    init = "init"
    append = "append"
    insert = "insert"
    pop = "pop"
    setitem = "setitem"
    delitem = "delitem"


def process_mod(target, mod):
    for step in mod["path"]:
        target = target[step]
    action = ModAction(mod["action"])
    if action is ModAction.append:
        target.append(mod["x"])
    elif action is ModAction.insert:
        target.insert(mod["i"], mod["x"])
    elif action is ModAction.pop:
        target.pop(mod["i"])
    elif action is ModAction.setitem:
        target[mod["key"]] = mod["value"]
    elif action is ModAction.delitem:
        del target[mod["key"]]
    else:
        raise KeyError(action)


class Notifier:
    """Wraps `backing_struct` (raw_view). Changes go through the wrapper, which tells them to the root's `publish`."""

    def __init__(self, backing_struct, root=None, path=[]):
        self.raw_view = backing_struct
        self.root = self if root is None else root
        if root is None:
            self.publish = None
        self._path = path

    def _tell(self, action, **details):
        if self.root.publish is not None:
            self.root.publish({"action": action.value, "path": self._path, **details})

    def append(self, x):
        self.raw_view.append(x)
        self._tell(ModAction.append, x=x)

    def insert(self, i, x):
        self.raw_view.insert(i, x)
        self._tell(ModAction.insert, i=i, x=x)

    def pop(self, i=-1):
        item = self.raw_view.pop(i)
        self._tell(ModAction.pop, i=i)
        return item

    def __setitem__(self, key, value):
        self.raw_view.__setitem__(key, value)  # not []: what raises for an int is an AttributeError
        self._tell(ModAction.setitem, key=key, value=value)

    def __delitem__(self, key):
        self.raw_view.__delitem__(key)
        self._tell(ModAction.delitem, key=key)

    def __getitem__(self, key):
        return Notifier(self.raw_view[key], self.root, self._path + [key])
