"""Devices for the tests' experiments."""


class FailsAtRunEnd:
    def __init__(self, device_mgr):
        pass

    def notify_run_end(self):
        raise RuntimeError("the device failed at the end of the run")
