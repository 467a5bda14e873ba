"""Runs bench_daybook table by table and prints one table of ratios, each the quotient of two medians with the spread of what
single repetitions give. Raw figures go to a JSON file, pictures beside it."""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

from rows import rows

TABLES = ["events", "latency", "durable", "frames", "growth", "arrays", "scalars", "lists", "history", "memory"]
REPETITIONS = {"full": {"history": 5, "memory": 1, "growth": 5}, "quick": {"memory": 1, "growth": 1, "history": 3},
               "smoke": {}}
USUAL = {"full": 7, "quick": 3, "smoke": 1}


def run(program, table, size, folder, wanted):
    """The raw result of one table. Repetitions are interleaved: what disturbs one moment disturbs all rows alike."""
    out = folder / f"bench-{os.getpid()}.json"
    command = [program, "--size", size, "--folder", folder, f"--benchmark_filter={wanted}", f"--benchmark_out={out}",
               "--benchmark_out_format=json", f"--benchmark_repetitions={REPETITIONS[size].get(table, USUAL[size])}",
               "--benchmark_enable_random_interleaving=true"]
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    try:
        code = child.wait()
    except BaseException:
        child.send_signal(signal.SIGTERM)  # it removes its folder
        child.wait()
        raise
    if code != 0:
        raise SystemExit(f"bench: {' '.join(map(str, command))} ended with {code}")
    try:
        return json.loads(out.read_text())
    except (OSError, ValueError):
        return {"context": {}, "benchmarks": []}  # no benchmark of this table was wanted
    finally:
        out.unlink(missing_ok=True)


def collect(results):
    """name → list of measurements; name → what went wrong."""
    good, bad = {}, {}
    for entry in (entry for result in results for entry in result["benchmarks"]):
        if entry.get("run_type") == "aggregate":
            continue
        name = entry["run_name"].split("/iterations:")[0]
        if entry.get("error_occurred"):
            bad[name] = entry["error_message"]
        else:
            good.setdefault(name, []).append(entry)
    return good, bad


def quotient(good, ours, rival, rule):
    """Ratio of the medians, and the range of the middle half of the ratios of any two repetitions."""
    kind, _, counter = rule.partition(":")
    of = (lambda entry: entry[counter]) if counter else (lambda entry: entry["real_time"])
    mine, theirs = [of(e) for e in good[ours]], [of(e) for e in good[rival]]
    if kind == "faster":
        mine, theirs = theirs, mine
    all_ratios = sorted(a / b for a in mine for b in theirs)
    quarter = len(all_ratios) // 4
    return statistics.median(mine) / statistics.median(theirs), all_ratios[quarter], all_ratios[-1 - quarter]


def table(good, bad, size):
    lines, missed = [], []
    for what, against, ours, rival, rule, target in rows(size):
        broken = [name for name in (ours, rival) if name in bad]
        if broken:
            lines.append((what, against, "failed", bad[broken[0]][:40], "", ""))
            continue
        if ours not in good or rival not in good:
            continue
        ratio, low, high = quotient(good, ours, rival, rule)
        text = "" if target is None else f"{'≥' if rule == 'faster' else '≤'} {target:g}×"
        fine = target is None or (ratio >= target if rule == "faster" else ratio <= target)
        word = "faster" if rule == "faster" else "its memory" if ":" in rule else "its time"
        lines.append((what, against, f"{ratio:.3g}× {word}", f"{low:.3g} … {high:.3g}", text,
                      "" if target is None else "yes" if fine else "NO"))
        if not fine:
            missed.append(f"{what} against {against}")
    head = ("work", "against", "ratio", "spread", "target", "met")
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in [head, *lines]]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text), missed


def publish(document, text):
    """Puts the table where the document has the last one."""
    old = document.read_text()
    begin, end = "<!-- table: ./dev bench --publish -->\n", "<!-- end of the table -->\n"
    if begin not in old or end not in old:
        raise SystemExit(f"bench: {document} has no place for a table: {begin!r} … {end!r}")
    head, rest = old.split(begin, 1)
    document.write_text(head + begin + "\n" + text + "\n" + end + rest.split(end, 1)[1])


def machine(results, size):
    context = next((result["context"] for result in results if result["context"]), {})
    git = subprocess.run(["git", "-C", pathlib.Path(__file__).parent, "describe", "--always", "--dirty"],
                         capture_output=True, text=True, check=False).stdout.strip()
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")
    lines = [f"{context.get('date', '')[:16]}, commit {git or 'unknown'}, {os.cpu_count()} cores of {cpu}, "
             f"Linux {os.uname().release}, size {size}"]
    load = float(context.get("warning_load", 0))  # before the first table; later ones see what the earlier ones did
    if load:
        lines.append(f"WARNING: the machine was busy (load {load:.1f}) when this began: these ratios may be off")
    if any("warning_build" in result["context"] for result in results):
        lines.append("WARNING: the build was not optimized: these figures mean nothing")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--size", choices=["full", "quick", "smoke"], default="full")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("."), help="on the disk that is measured")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."), help="for raw.json, table.md and pictures")
    parser.add_argument("--publish", type=pathlib.Path, help="a document to put the table into; pictures go beside it")
    parser.add_argument("filter", nargs="?", default="", help="a regex on TABLE/WORK/WHO; then no pictures are drawn")
    arguments = parser.parse_intermixed_args()  # the filter may stand behind options
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = []
    # One process a table: a large one leaves no trace in another. A filter is run at once.
    for name, wanted in [("the filter", arguments.filter)] if arguments.filter else [(t, f"^{t}/") for t in TABLES]:
        print(f"bench: {name} …", file=sys.stderr, flush=True)
        results.append(run(os.path.abspath(arguments.program), name, arguments.size, arguments.folder.resolve(), wanted))
    good, bad = collect(results)
    text, missed = table(good, bad, arguments.size)
    head = machine(results, arguments.size)
    print("\n".join([*head, "", text]))
    for name, reason in sorted(bad.items()):
        print(f"bench: {name} failed: {reason}", file=sys.stderr)
    if missed:
        print("\nNot reached: " + "; ".join(missed))
    (arguments.out / "raw.json").write_text(json.dumps(results, indent=1))
    (arguments.out / "table.md").write_text("\n".join([*head, "", text, ""]))
    if not arguments.filter:
        import pictures  # matplotlib takes a second, and a filtered run needs none
        pictures.draw(good, arguments.out)
        if arguments.publish:
            publish(arguments.publish, "\n\n".join([*head, text]) + "\n")
            beside = arguments.publish.with_suffix("")
            beside.mkdir(exist_ok=True)
            pictures.draw(good, beside)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
