"""Random experiments: whatever ARTIQ would have written, Daybook writes; whatever HDF5 cannot hold, it names.

DAYBOOK_SEEDS=1000 tries that many, DAYBOOK_SEEDS=70-75 the seeds from 70 up to 75. A failure names its seed.
"""

import os
import warnings

import pytest

from h5compare import compare
from random_experiment import RandomExperiment

BATCHES = 10


def seeds():
    text = os.environ.get("DAYBOOK_SEEDS", "150")
    first, dash, last = text.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else list(range(int(first)))


def printable(key):
    return key.isprintable() and key != "" and not set(key) & set("'\"\\")


def complaints(experiment, result):
    """What is wrong with exit status and stderr, given what the model says must be refused."""
    wrong = []
    if (result.code == 1) != bool(experiment.refused) or result.code not in (0, 1):
        wrong.append(f"exit status {result.code} with {len(experiment.refused)} refused; {result.err[-500:]}")
    for refused in experiment.refused:
        if printable(refused.key) and refused.key[:60] not in result.err:
            wrong.append(f"{refused} is not named on stderr: {result.err[-500:]}")
        if refused.attribute and refused.attribute not in result.err:
            wrong.append(f"the attribute of {refused} is not named on stderr: {result.err[-500:]}")
    complained = [line for line in result.err.splitlines() if line.startswith("daybook:")]
    if len(complained) != len(experiment.refused):
        wrong.append(f"{len(complained)} complaints for {len(experiment.refused)} refused: {complained[:5]}")
    return wrong


def try_one(seed, daybook, folder):
    moments = []       # (time, the file at that time, what it refuses)

    def moment(experiment):
        if len(moments) < 2 and draw.random() < .1:
            experiment.look()
            path = folder / f"{seed}.at{len(moments)}.h5"
            experiment.write(path)
            moments.append((experiment.now(), path, list(experiment.refused)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        maker = RandomExperiment(seed)
        draw = type(maker.rng)(seed)
        experiment = maker.run(each=moment)
        expected = folder / f"{seed}.expected.h5"
        experiment.write(expected)
    trace, run, file = (folder / f"{seed}{suffix}" for suffix in (".jsonl", ".daybook", ".h5"))
    trace.write_text(experiment.text())

    ingested = daybook.ingest(trace, run, expect=None)
    if ingested.code != 0:
        return [f"ingest: {ingested.code}: {ingested.err[-500:]}"]
    replayed = daybook.replay(run, file, expect=None)
    wrong = complaints(experiment, replayed)
    if file.exists():
        wrong += compare(file, expected, padding=False)
    else:
        wrong.append("no file")
    if not experiment.refused and daybook("verify", run, file, expect=None).code != 0:
        wrong.append("verify says that journal and file differ")
    for time, path, refused in moments:
        then = daybook.replay(run, file, "--at", time, expect=None)
        if then.code != (1 if refused else 0):
            wrong.append(f"--at {time}: exit status {then.code} with {len(refused)} refused: {then.err[-500:]}")
        else:
            wrong += [f"--at {time}: {line}" for line in compare(file, path, padding=False)]
    return wrong


@pytest.mark.parametrize("batch", range(BATCHES), ids=lambda b: f"b{b}")
def test_random(batch, daybook, tmp_path):
    failures = {}
    mine = seeds()[batch::BATCHES]
    print("seeds", mine)
    for seed in mine:
        wrong = try_one(seed, daybook, tmp_path)
        if wrong:
            failures[seed] = wrong
    text = "\n".join(f"seed {seed}: {line[:600]}" for seed, lines in failures.items() for line in lines[:5])
    assert not failures, f"{len(failures)} of {len(mine)} seeds failed:\n{text}"
