"""Devices and datasets as a worker sees them."""

import importlib
import logging
from operator import setitem

from sipyco.sync_struct import Notifier

logger = logging.getLogger(__name__)


class DummyDevice:
    pass


class DeviceError(Exception):
    pass


class DeviceManager:
    """Makes the devices that an experiment asks for; `virtual_devices` exist already. No controllers here."""

    def __init__(self, ddb, virtual_devices=dict()):
        self.ddb = ddb
        self.virtual_devices = virtual_devices
        self.active_devices = []
        self.devarg_override = {}

    def get_device_db(self):
        return self.ddb.get_device_db()

    def get_desc(self, name):
        return self.ddb.get(name, resolve_alias=True)

    def _make(self, desc, overrides):
        if desc["type"] == "dummy":
            return DummyDevice()
        if desc["type"] == "local":
            kind = getattr(importlib.import_module(desc["module"]), desc["class"])
            return kind(self, **(desc.get("arguments", {}) | overrides))
        raise ValueError("Unsupported type in device DB: " + desc["type"])

    def get(self, name):
        if name in self.virtual_devices:
            return self.virtual_devices[name]
        try:
            desc = self.get_desc(name)
        except Exception as e:
            raise DeviceError(f"Failed to get description of device '{name}'") from e
        for known, device in self.active_devices:
            if known == desc:
                return device
        try:
            device = self._make(desc, self.devarg_override.get(name, {}))
        except Exception as e:
            raise DeviceError(f"Failed to create device '{name}'") from e
        self.active_devices.append((desc, device))
        return device

    def notify_run_end(self):
        for _, device in self.active_devices:
            if hasattr(device, "notify_run_end"):
                device.notify_run_end()

    def close_devices(self):
        while self.active_devices:
            _, device = self.active_devices.pop()
            try:
                if hasattr(device, "close"):
                    device.close()
            except BaseException:
                logger.warning("Exception raised when closing device %r:", device, exc_info=True)


class DatasetManager:
    """`local`: what goes to /datasets. `archive`: what was read from the master and goes to /archive. `metadata`: key →
    attributes. The broadcaster holds (persist, value, metadata) and tells the master of every change of it."""

    def __init__(self, ddb):
        self._broadcaster = Notifier({})
        self.local = {}
        self.archive = {}
        self.metadata = {}
        self.ddb = ddb
        self._broadcaster.publish = ddb.update

    def set(self, key, value, metadata, broadcast, persist, archive):
        broadcast = broadcast or persist
        if not broadcast and not archive:
            logger.warning("Dataset '%s' will not be stored. Both 'broadcast' and 'archive' are set to False.", key)
        if broadcast:
            self._broadcaster[key] = (persist, value, metadata)
        elif key in self._broadcaster.raw_view:
            del self._broadcaster[key]
        if archive:
            self.local[key] = value
        else:
            self.local.pop(key, None)
        self.metadata[key] = metadata

    def _target(self, key):
        """What a mutation goes to: the live object, through the broadcaster if it is broadcast."""
        local = self.local.get(key)
        if key not in self._broadcaster.raw_view:
            if local is None:
                raise KeyError(f"Cannot mutate nonexistent dataset '{key}'")
            return local
        assert local is None or local is self._broadcaster.raw_view[key][1]
        return self._broadcaster[key][1]

    def mutate(self, key, index, value):
        target = self._target(key)
        if isinstance(index, tuple):
            many = isinstance(index[0], tuple)
            index = tuple(slice(*part) for part in index) if many else slice(*index)
        setitem(target, index, value)

    def append_to(self, key, value):
        self._target(key).append(value)

    def get(self, key, archive=False):
        if key in self.local:
            return self.local[key]
        value = self.ddb.get(key)
        if archive:
            if key in self.archive:
                logger.warning("Dataset '%s' is already in archive, overwriting", key, stack_info=True)
            self.archive[key] = value
        return value

    def get_metadata(self, key):
        return self.metadata[key] if key in self.metadata else self.ddb.get_metadata(key)

    def write_hdf5(self, f):
        for name, values in (("datasets", self.local), ("archive", self.archive)):
            group = f.create_group(name)
            for key, value in values.items():
                _write(group, key, value, self.metadata.get(key, {}))


def _write(group, key, value, metadata):
    try:
        group[key] = value
        for name, item in metadata.items():
            group[key].attrs[name] = item
    except TypeError as e:
        raise TypeError(f"Error writing dataset '{key}' of type '{type(value)}': {e}")
