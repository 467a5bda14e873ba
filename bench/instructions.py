"""Counts the instructions of fixed pieces of work (bench/instructions.cc) with callgrind and compares them with the recorded
baseline: unlike times, they are the same on a busy machine. Fails where one is above its bound."""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

BASELINE = pathlib.Path(__file__).with_name("instructions.json")
BOUND = 1.25  # other libraries and processors: below 1.05


def count(program, work):
    with tempfile.TemporaryDirectory(prefix="daybook-instructions-") as folder:
        done = subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", "--callgrind-out-file=/dev/null",
                               program, work, folder], capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        raise SystemExit(f"{work} failed under callgrind:\n{done.stderr[-3000:]}")
    return int(found[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="bench_instructions")
    parser.add_argument("--record", action="store_true", help=f"make what is counted now the baseline ({BASELINE.name})")
    arguments = parser.parse_args()
    works = subprocess.run([arguments.program], capture_output=True, text=True, check=True).stdout.split()
    with ThreadPoolExecutor(2) as pool:
        now = dict(zip(works, pool.map(lambda work: count(arguments.program, work), works)))
    if arguments.record:
        BASELINE.write_text(json.dumps(now, indent=2) + "\n")
    baseline = json.loads(BASELINE.read_text())
    worse = []
    print(f"{'work':<28} {'instructions':>14} {'baseline':>14} {'ratio':>7}")
    for work in works:
        ratio = now[work] / baseline[work] if work in baseline else float("inf")
        word = ""
        if ratio > BOUND:
            word = f"  above {BOUND:g}"
            worse.append(work)
        elif ratio < 1 / BOUND:
            word = "  far below: record it, so that it stays so"
        print(f"{work:<28} {now[work]:>14,} {baseline.get(work, 0):>14,} {ratio:>7.3f}{word}")
    if worse:
        print(f"\nMore instructions than recorded: {', '.join(worse)}. See where they went with\n"
              f"  valgrind --tool=callgrind --collect-atstart=no {arguments.program} {worse[0]} FOLDER; callgrind_annotate\n"
              f"If they are worth it, record a new baseline and say why in the commit:\n"
              f"  bench/instructions.py {arguments.program} --record")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
