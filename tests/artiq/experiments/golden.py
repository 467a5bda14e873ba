"""Every golden case as an experiment: it makes the calls of its trace, and sees that they end as they ended there."""

import builtins
import json
import sys
from pathlib import Path

import numpy as np
from artiq.experiment import EnvExperiment
from sipyco.packed_exceptions import GenericRemoteException

TESTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS / "python"))
from trace_encoding import decode  # noqa: E402
from trace_player import overwrite  # noqa: E402


class _Player(EnvExperiment):
    def build(self):
        lines = (TESTS / "golden" / f"{type(self).__name__}.jsonl").read_text(encoding="utf-8").splitlines()
        self.objects, self.calls, stage = {}, {}, "build"
        for line in map(json.loads, lines[2:]):
            if line["ev"] == "stage":
                stage = line["stage"]
            self.calls.setdefault(stage, []).append(line)
        self.play("build")

    def prepare(self):
        self.play("prepare")

    def run(self):
        self.play("run")

    def analyze(self):
        self.play("analyze")

    def play(self, stage):
        for line in self.calls.get(stage, []):
            if line["ev"] == "failed":
                raise getattr(builtins, line["type"])(line["message"])
            try:
                self.call(line)
            except (Exception, GenericRemoteException) as e:
                if "raised" not in line:
                    raise
                assert type(e).__name__ == line["raised"]["type"] or isinstance(e, GenericRemoteException), (line, e)
            else:
                assert "raised" not in line, line

    def same(self, line, value):
        return self.objects.setdefault(line["obj"], value) if "obj" in line else value

    def call(self, line):
        ev, key = line["ev"], line.get("key")
        if ev == "set":
            value = self.same(line, decode(line["value"]))
            flags = {name: line[name] for name in ("broadcast", "persist", "archive")}
            self.set_dataset(key, value, **decode(line["metadata"]), **flags)
        elif ev == "mutate":
            self.mutate_dataset(key, decode(line["index"]), decode(line["value"]))
        elif ev == "append":
            self.append_to_dataset(key, self.same(line, decode(line["value"])))
        elif ev == "get":
            value = self.get_dataset(key, archive=line["archive"])
            assert self.same(line, value) is value or not isinstance(value, (np.ndarray, list)), line
        elif ev == "get_metadata":
            assert self.get_dataset_metadata(key) == decode(line["value"])
        elif ev == "inplace":
            overwrite(self.objects[line["obj"]], decode(line["value"]))


for _case in (TESTS / "golden").glob("*.jsonl"):
    globals()[_case.stem] = type(_case.stem, (_Player,), {})
