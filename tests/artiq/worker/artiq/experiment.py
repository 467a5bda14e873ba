"""What `from artiq.experiment import *` gives an experiment."""

from artiq.coredevice.exceptions import RTIOOverflow, RTIOUnderflow
from artiq.language import *  # noqa: F403
from artiq.language import __all__ as _language

__all__ = [*_language, "RTIOOverflow", "RTIOUnderflow"]
