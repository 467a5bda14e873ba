"""Plays a recorded trace through the Python package: what an experiment did, with daybook.Journal in ARTIQ's place."""

import json

import daybook
from mutation import artiq_index
from trace_encoding import decode


def play(lines, path):
    """Makes the journal `path` of a trace's lines (texts)."""
    lines = [json.loads(line) for line in lines]
    begin = lines[1]
    journal = daybook.Journal.create(
        path, rid=begin["rid"], class_name=begin["class_name"], expid=begin["expid_pyon"],
        start_time=begin["start_time"], software_version=lines[0]["artiq_version"])
    database = {key: decode(value) for key, value in begin["database"].items()}
    known = set()
    for line in lines[2:]:
        if "raised" in line:
            continue
        ev, key = line["ev"], line.get("key")
        if ev in ("mutate", "append") and key not in known:
            # Only the master's database had it: to the run it is broadcast, and not for the file.
            journal.set(key, database[key], broadcast=True, archive=False)
            known.add(key)
        if ev == "stage":
            journal.stage(line["stage"], line.get("run_time", 0.0))
        elif ev == "set":
            known.add(key)
            journal.set(key, decode(line["value"]), attributes=decode(line["metadata"]), broadcast=line["broadcast"],
                        persist=line["persist"], archive=line["archive"])
        elif ev == "append":
            journal.append(key, decode(line["value"]))
        elif ev == "mutate" and line["resolved"]["kind"] == "full":
            journal.replace(key, decode(line["resolved"]["value"]))
        elif ev == "mutate":
            journal.mutate(key, artiq_index(decode(line["index"])), decode(line["value"]))
        elif ev == "get" and line.get("archived") and line["from"] == "db":
            journal.archive(key, decode(line["value"]))
        elif ev == "inplace":
            (journal.archive if line["group"] == "archive" else journal.replace)(key, decode(line["value"]))
        elif ev == "end":
            journal.finish(line["status"])
