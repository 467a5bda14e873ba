"""What `from artiq.experiment import *` gives an experiment."""

from artiq import language
from artiq.coredevice.exceptions import RTIOOverflow, RTIOUnderflow

__all__ = [*language.__all__, "RTIOOverflow", "RTIOUnderflow"]
globals().update({name: getattr(language, name) for name in language.__all__})
