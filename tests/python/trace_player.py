"""Plays a recorded trace, or its beginning, through the model."""

import json

from trace_encoding import decode
from trace_oracle import Experiment


def overwrite(live, value):
    """Changes `live` in place until it equals `value`."""
    if isinstance(live, list):
        live[:] = value
    else:
        live[...] = value


def play(lines, watch=True):
    """The model after `lines` (texts or parsed), from the header on. Which calls raise is checked against the trace."""
    lines = [json.loads(line) if isinstance(line, str) else line for line in lines]
    begin = lines[1]
    e = Experiment(rid=begin["rid"], class_name=begin["class_name"], version=lines[0]["artiq_version"], watch=watch,
                   database={k: decode(v) for k, v in begin["database"].items()})
    e.expid, e.start_time = begin["expid_pyon"], begin["start_time"]
    objects = {}
    for line in lines[2:]:
        ev, key = line["ev"], line.get("key")
        if ev == "stage" and line["stage"] == "run":
            e.run_time = line["run_time"]
        elif ev == "set":
            value = objects.setdefault(line["obj"], decode(line["value"])) if "obj" in line else decode(line["value"])
            e.set(key, value, decode(line["metadata"]), line["broadcast"], line["persist"], line["archive"])
        elif ev == "mutate":
            assert e.mutate(key, decode(line["index"]), decode(line["value"])) == ("raised" not in line)
        elif ev == "append":
            assert e.append_to(key, decode(line["value"])) == ("raised" not in line)
        elif ev == "get":
            value = e.get(key, line["archive"])
            if "obj" in line:
                objects.setdefault(line["obj"], value)
        elif ev == "inplace":
            overwrite(objects[line["obj"]], decode(line["value"]))
    return e
