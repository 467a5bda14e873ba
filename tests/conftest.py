"""What all Python tests share: the program under test, and a check that it never fails ungracefully."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
GOLDEN = TESTS / "golden"
sys.path.insert(0, str(TESTS / "python"))

UNGRACEFUL = ("HDF5-DIAG", "terminate called", "what():", "Traceback", "Segmentation", "AddressSanitizer",
              "runtime error:", "Assertion")


class Result:
    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def __repr__(self):
        command = " ".join(map(str, self.args))
        return f"daybook {command} -> {self.code}\nstdout: {self.out[-2000:]}\nstderr: {self.err[-2000:]}"

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    @property
    def lines(self):
        return self.out.splitlines()


def check_graceful(text):
    for word in UNGRACEFUL:
        assert word not in text, f"'{word}' in the program's output:\n{text[-3000:]}"


class Daybook:
    """Runs the program. Every call checks that it ended by itself, without a dump of any library's internals."""

    def __init__(self, program):
        self.program = str(program)

    def __call__(self, *args, expect=0, timeout=120, **options):
        done = subprocess.run([self.program, *map(str, args)], capture_output=True, timeout=timeout, **options)
        result = Result(args, done.returncode, done.stdout.decode("utf-8", "replace"),
                        done.stderr.decode("utf-8", "replace"))
        check_graceful(result.out + result.err)
        assert result.code >= 0, f"killed by signal {-result.code}: {result!r}"
        if expect is not None:
            assert result.code == expect, repr(result)
        return result

    def start(self, *args, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([self.program, *map(str, args)], **options)

    def ingest(self, trace, run, *more, **options):
        return self("ingest", trace, "-o", run, *more, **options)

    def replay(self, run, file, *more, **options):
        return self("replay", run, "-o", file, *more, **options)


@pytest.fixture(scope="session")
def daybook():
    default = TESTS.parent / "build" / "bin" / "daybook"
    program = Path(os.environ.get("DAYBOOK_PROGRAM") or os.environ.get("DAYBOOK_BIN") or default)
    assert program.is_file(), f"no program at {program}: build first, or set DAYBOOK_PROGRAM"
    return Daybook(program)
