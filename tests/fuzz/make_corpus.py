#!/usr/bin/env python3
"""Makes the seed corpora anew from real journals: make_corpus.py path/to/daybook. Small, and of every kind of event."""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden"
SMALL = 8 << 10
MAGIC = b"DBR1"


def fresh(target):
    folder = HERE / "corpus" / target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def records(data):
    """The records in these bytes, by their headers."""
    at = data.find(MAGIC)
    while at >= 0:
        words = int.from_bytes(data[at + 4:at + 8], "little")
        payload = int.from_bytes(data[at + 8:at + 16], "little")
        yield data[at:at + 48 + 8 * words + (payload + 7) // 8 * 8]
        at = data.find(MAGIC, at + 8)


def main(daybook):
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        record, salvage, intake, trace, layout = map(fresh, ("record", "salvage", "intake", "trace", "layout"))
        shapes = set()
        for case in sorted(GOLDEN.glob("*.jsonl")):
            if case.stat().st_size <= SMALL:
                shutil.copy(case, trace / case.name)
            run = work / f"{case.stem}.daybook"
            subprocess.run([daybook, "ingest", case, "-o", run], check=True, capture_output=True)
            data = (run / "data.mdb").read_bytes()
            for found in records(data):
                # One of each length of the message: most of what can differ between kinds of events does it there.
                shape = found[4:8]
                if len(found) < 2048 and shape not in shapes:
                    shapes.add(shape)
                    (record / f"{case.stem}-{len(shapes)}").write_bytes(found)
            if len(data) <= 10 * 4096 and not any(salvage.iterdir()):
                (salvage / case.stem).write_bytes(data)
        # What a killed writer leaves: its intake, cut after the last record.
        lines = (GOLDEN / "PythonScalars.jsonl").read_text().splitlines()
        writer = subprocess.Popen([daybook, "ingest", "-", "-o", work / "killed.daybook", "--ack"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        writer.stdin.write(("\n".join(lines[:12]) + "\n").encode())
        writer.stdin.flush()
        last = json.loads(lines[11])["n"]
        while int(writer.stdout.readline()) != last:
            pass
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        (intake / "killed").write_bytes((work / "killed.daybook/intake").read_bytes()[:12 << 10])
        example = HERE.parents[1] / "examples/layout.toml"
        shutil.copy(example, layout / "example.toml")
        (layout / "mistakes.toml").write_text('include = "none.toml"\n[[transform]]\nuse = "gzpi"\nlevel = [1, "a"]\n')
    total = sum(file.stat().st_size for file in (HERE / "corpus").rglob("*") if file.is_file())
    print(f"{total} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
