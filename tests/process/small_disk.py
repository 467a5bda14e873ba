"""A disk that is full soon: a tmpfs of a given size where mounting is permitted, else a limit on file sizes."""

import contextlib
import os
import resource
import signal
import subprocess


@contextlib.contextmanager
def small_disk(folder, size):
    """Yields a Disk in `folder`/disk of `size` bytes."""
    place = folder / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)],
                             capture_output=True).returncode == 0
    try:
        yield Disk(place, size, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)


class Disk:
    def __init__(self, place, size, mounted):
        self.place, self.size, self.mounted = place, size, mounted

    def options(self):
        """For subprocess: what makes the disk small where it could not be mounted."""
        if self.mounted:
            return {}

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)      # the write then fails with EFBIG
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.size))
        return {"preexec_fn": limit}

    def grow(self, size):
        if self.mounted:
            subprocess.run(["mount", "-o", f"remount,size={size}", str(self.place)], check=True)
        self.size = size

    def free(self):
        status = os.statvfs(self.place)
        return status.f_bavail * status.f_bsize
