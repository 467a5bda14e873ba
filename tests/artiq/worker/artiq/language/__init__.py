"""The names of the three modules below, together."""

from artiq.language import core, environment, units

__all__ = []
for _module in (core, environment, units):
    __all__ += _module.__all__
    globals().update({name: getattr(_module, name) for name in _module.__all__})
