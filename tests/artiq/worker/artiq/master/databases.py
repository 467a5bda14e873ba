"""The master's side of devices and datasets. What persists is one PYON file here."""

import os

from sipyco import pyon
from sipyco.sync_struct import Notifier, process_mod

from artiq.tools import file_import


class DeviceDB:
    def __init__(self, backing_file):
        self.data = Notifier(file_import(backing_file).device_db if os.path.exists(backing_file) else {})

    def get_device_db(self):
        return self.data.raw_view

    def get(self, key, resolve_alias=False):
        desc = self.data.raw_view[key]
        while resolve_alias and isinstance(desc, str):
            desc = self.data.raw_view[desc]
        return desc


class DatasetDB:
    """key → (persist, value, metadata)."""

    def __init__(self, persist_file):
        self.persist_file = persist_file
        self.data = Notifier(pyon.load_file(persist_file) if os.path.exists(persist_file) else {})

    def get(self, key):
        return self.data.raw_view[key][1]

    def get_metadata(self, key):
        return self.data.raw_view[key][2]

    def update(self, mod):
        process_mod(self.data, mod)

    def save(self):
        pyon.store_file(self.persist_file, {key: entry for key, entry in self.data.raw_view.items() if entry[0]})

    def close_db(self):
        pass
