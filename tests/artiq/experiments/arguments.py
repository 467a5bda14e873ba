"""An experiment with arguments, as the master and the dashboard want to know of them."""

import logging

from artiq.experiment import BooleanValue, EnumerationValue, EnvExperiment, NumberValue, PYONValue, StringValue

logger = logging.getLogger("experiment")


class Arguments(EnvExperiment):
    """Has arguments. This line is its name."""

    def build(self):
        self.setattr_argument("flag", BooleanValue(True))
        self.setattr_argument("kind", EnumerationValue(["a", "b"], "b"), "group", "tip")
        self.setattr_argument("number", NumberValue(2.5, unit="ms"))
        self.setattr_argument("count", NumberValue(5, precision=0, step=1, min=1, max=9))
        self.setattr_argument("text", StringValue("x"))
        self.setattr_argument("any", PYONValue({"a": (1, 2)}))
        self.set_default_scheduling(priority=3, pipeline_name="other")
        logger.warning("%r", self.get_dataset("from_master", default=None))

    def run(self):
        for name in ("flag", "kind", "number", "count", "text"):
            self.set_dataset(name, getattr(self, name))
