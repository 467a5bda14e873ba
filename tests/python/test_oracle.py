"""The model is right: playing a golden trace through it gives the file that ARTIQ left, and the same trace again."""

import json
from pathlib import Path

import pytest

from h5compare import compare
from trace_encoding import decode, encode
from trace_player import play

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
CASES = sorted(p.stem for p in GOLDEN.glob("*.jsonl"))


@pytest.mark.parametrize("case", CASES)
def test_model(case, tmp_path):
    lines = [json.loads(line) for line in (GOLDEN / f"{case}.jsonl").read_text().splitlines()]
    experiment = play(lines)
    experiment.finish()
    experiment.write(tmp_path / "model.h5")
    assert experiment.refused == []
    assert compare(tmp_path / "model.h5", GOLDEN / f"{case}.h5") == []

    def calls(trace):
        kinds = {"set", "mutate", "append", "get", "inplace"}
        return [{k: v for k, v in line.items() if k not in ("n", "t", "obj")} for line in trace if line["ev"] in kinds]

    recorded, golden = calls(map(json.loads, experiment.lines)), calls(lines)
    for mine, theirs in zip(recorded, golden):
        assert mine == theirs
    assert len(recorded) == len(golden)


@pytest.mark.parametrize("case", CASES)
def test_encoding(case):
    for line in (GOLDEN / f"{case}.jsonl").read_text().splitlines():
        for member in ("value", "index", "metadata"):
            value = json.loads(line).get(member)
            if value is not None:
                assert encode(decode(value)) == value
