"""HasEnvironment and what experiments are made of: arguments, devices, datasets."""

from collections import OrderedDict
from inspect import isclass

from sipyco import pyon

from artiq.language import units
from artiq.language.core import rpc

__all__ = ["NoDefault", "DefaultMissing", "PYONValue", "BooleanValue", "EnumerationValue", "NumberValue", "StringValue",
           "HasEnvironment", "Experiment", "EnvExperiment"]


class NoDefault:
    """There is no default."""


class DefaultMissing(Exception):
    """An argument was not given and has no default."""


class _Processor:
    def __init__(self, default=NoDefault):
        if default is not NoDefault:
            self.default_value = self.process(default)

    def default(self):
        try:
            return self.default_value
        except AttributeError:
            raise DefaultMissing from None

    def process(self, x):
        return x

    def described_default(self):
        return self.default_value

    def describe(self):
        found = {"ty": type(self).__name__}
        if hasattr(self, "default_value"):
            found["default"] = self.described_default()
        return found


class StringValue(_Processor):
    pass


class PYONValue(_Processor):
    def __init__(self, default=NoDefault):
        if default is not NoDefault:
            self.default_value = default

    def process(self, x):
        return pyon.decode(x)

    def described_default(self):
        return pyon.encode(self.default_value)


class BooleanValue(_Processor):
    def process(self, x):
        if type(x) is not bool:
            raise ValueError("Invalid BooleanValue value")
        return x


class EnumerationValue(_Processor):
    def __init__(self, choices, default=NoDefault, quickstyle=False):
        self.choices, self.quickstyle = choices, quickstyle
        super().__init__(default)

    def process(self, x):
        if x not in self.choices:
            raise ValueError("Invalid EnumerationValue value")
        return x

    def describe(self):
        return super().describe() | {"choices": self.choices, "quickstyle": self.quickstyle}


class NumberValue(_Processor):
    """A float; an int if there is nothing in precision, scale and step that says otherwise."""

    def __init__(self, default=NoDefault, unit="", *, scale=None, step=None, min=None, max=None, precision=2,
                 type="auto"):
        self.unit, self.min, self.max, self.precision, self.type = unit, min, max, precision, type
        self.scale = scale if scale is not None else getattr(units, unit) if unit else 1.0
        self.step = self.scale / 10.0 if step is None else step
        super().__init__(default)

    def process(self, x):
        whole = self.precision == 0 and self.scale == 1 and int(self.step) == self.step
        return int(x) if self.type == "int" or (self.type == "auto" and whole) else float(x)

    def describe(self):
        names = ("unit", "scale", "step", "min", "max", "precision", "type")
        return super().describe() | {name: getattr(self, name) for name in names}


class TraceArgumentManager:
    """Notes which arguments an experiment asks for."""

    def __init__(self):
        self.requested_args = OrderedDict()

    def get(self, key, processor, group, tooltip):
        self.requested_args[key] = (processor, group, tooltip)


class ProcessArgumentManager:
    """Gives an experiment the arguments that were submitted."""

    def __init__(self, unprocessed_arguments):
        self.unprocessed_arguments = unprocessed_arguments
        self._taken = set()

    def get(self, key, processor, group, tooltip):
        if key not in self.unprocessed_arguments:
            return processor.default()
        self._taken.add(key)
        return processor.process(self.unprocessed_arguments[key])

    def check_unprocessed_arguments(self):
        left = set(self.unprocessed_arguments) - self._taken
        if left:
            raise AttributeError("Supplied argument(s) not queried in experiment: " + ", ".join(left))


class HasEnvironment:
    """Made from (device_mgr, dataset_mgr, argument_mgr, scheduler_defaults), or from a parent that has them."""

    def __init__(self, managers_or_parent, *args, **kwargs):
        self.children = []
        if isinstance(managers_or_parent, tuple):
            self.__device_mgr, self.__dataset_mgr, self.__argument_mgr, self.__scheduler_defaults = managers_or_parent
        else:
            parent = managers_or_parent
            self.__device_mgr = parent.__device_mgr
            self.__dataset_mgr = parent.__dataset_mgr
            self.__argument_mgr = parent.__argument_mgr
            self.__scheduler_defaults = {}
            parent.register_child(self)
        self.__building = True
        self.build(*args, **kwargs)
        self.__building = False

    def register_child(self, child):
        self.children.append(child)

    def call_child_method(self, method, *args, **kwargs):
        for child in self.children:
            if hasattr(child, method):
                getattr(child, method)(*args, **kwargs)

    def build(self):
        pass

    def _only_in_build(self, what):
        if not self.__building:
            raise TypeError(f"{what}() should only be called from build()")

    def get_argument(self, key, processor, group=None, tooltip=None):
        self._only_in_build("get_argument")
        return self.__argument_mgr.get(key, processor, group, tooltip)

    def setattr_argument(self, key, processor=None, group=None, tooltip=None):
        setattr(self, key, self.get_argument(key, processor, group, tooltip))

    def get_device_db(self):
        return self.__device_mgr.get_device_db()

    def get_device(self, key):
        return self.__device_mgr.get(key)

    def setattr_device(self, key):
        setattr(self, key, self.get_device(key))

    @rpc(flags={"async"})
    def set_dataset(self, key, value, *, unit=None, scale=None, precision=None, broadcast=False, persist=False,
                    archive=True):
        given = {"unit": unit, "scale": scale, "precision": precision}
        metadata = {name: item for name, item in given.items() if item is not None}
        self.__dataset_mgr.set(key, value, metadata, broadcast, persist, archive)

    @rpc(flags={"async"})
    def mutate_dataset(self, key, index, value):
        self.__dataset_mgr.mutate(key, index, value)

    @rpc(flags={"async"})
    def append_to_dataset(self, key, value):
        self.__dataset_mgr.append_to(key, value)

    def get_dataset(self, key, default=NoDefault, archive=True):
        try:
            return self.__dataset_mgr.get(key, archive)
        except KeyError:
            if default is NoDefault:
                raise
            return default

    def get_dataset_metadata(self, key, default=NoDefault):
        try:
            return self.__dataset_mgr.get_metadata(key)
        except KeyError:
            if default is NoDefault:
                raise
            return default

    def setattr_dataset(self, key, default=NoDefault, archive=True):
        setattr(self, key, self.get_dataset(key, default, archive))

    def set_default_scheduling(self, priority=None, pipeline_name=None, flush=None):
        self._only_in_build("set_default_scheduling")
        given = {"priority": priority, "pipeline_name": pipeline_name, "flush": flush}
        self.__scheduler_defaults.update({name: item for name, item in given.items() if item is not None})


class Experiment:
    """What the master can run."""

    def prepare(self):
        pass

    def run(self):
        raise NotImplementedError

    def analyze(self):
        pass


class EnvExperiment(Experiment, HasEnvironment):
    def prepare(self):
        self.call_child_method("prepare")


def is_experiment(o):
    return isclass(o) and issubclass(o, Experiment) and o not in (Experiment, EnvExperiment)


def is_public_experiment(o):
    return is_experiment(o) and not o.__name__.startswith("_")
