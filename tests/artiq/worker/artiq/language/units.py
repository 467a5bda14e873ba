"""us, kHz, mV, …: each a factor to the unit without a prefix."""

__all__ = []

for _unit, _prefixes in {"s": "pnum_", "Hz": "m_kMG", "dB": "_", "V": "um_k", "A": "um_", "W": "num_"}.items():
    for _prefix in _prefixes:
        _name = _prefix.strip("_") + _unit
        globals()[_name] = 10.0 ** (3 * "pnum_kMG".index(_prefix) - 12)
        __all__.append(_name)
