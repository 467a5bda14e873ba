"""Random runs through random layouts: what a layout does not leave out is in the file, with its value.

DAYBOOK_SEEDS=1000 tries that many, DAYBOOK_SEEDS=70-75 the seeds from 70 up to 75. A failure names its seed.
"""

import random
import warnings

import h5py
import numpy as np
import pytest
from numpy.lib.recfunctions import repack_fields

from random_experiment import RandomExperiment
from test_random import seeds

BATCHES = 6
PATTERNS = [("^(.*)$", "$1"), ("^([a-z])", "first_$1"), ("[.]", "_"), ("/", "-"), ("^(.)(.*)$", "$2$1"), ("x", "y")]
NUMBERS = ["number", "float", "int", "bool"]


def random_layout(draw):
    """A list of transforms as TOML, and whether a part of them may leave datasets out."""
    keys = draw.choice(["", "", 'keys = ["*a*", "scan*", "g*"]\n', 'min-rank = 1\n', 'max-bytes = 64\n',
                        'types = ["number"]\n', 'paths = ["/datasets/*"]\n', 'except = ["*x*"]\n'])
    pattern, to = draw.choice(PATTERNS)
    choices = [
        f'use = "compress"\nlevel = {draw.randrange(10)}\nmin-bytes = {draw.choice([0, 100])}\n'
        f'shuffle = {draw.choice(["true", "false"])}\nfletcher32 = {draw.choice(["true", "false"])}\n',
        f'use = "chunk"\nbytes = {draw.choice([1000, 100000])}\n',
        f'use = "chunk"\nshape = {draw.choice([[1], [7], [2, 3], [0, 1]])}\n',
        'use = "contiguous"\n', 'use = "compact"\n', 'use = "extendible"\n',
        'use = "attributes"\n', f'use = "attributes"\nof = "/datasets"\nname = "n{draw.randrange(3)}"\n',
        f'use = "small-as-attributes"\nmax-bytes = {draw.choice([8, 1000, 60000])}\n',
        f'use = "scalars-as-table"\nrows = "{draw.choice(["automatic", "one", "many"])}"\n',
        'use = "scalars-as-table"\ntable = "/all"\nstrings = false\n',
        f'use = "groups-from-keys"\nseparator = "{draw.choice("./-")}"\n',
        f'use = "rename"\npattern = {pattern!r}\nto = {to!r}\n',
        'use = "move"\nto = "/moved/here"\n',
        'use = "history"\nkeys = ["*"]\nmax-bytes = 1000000\n',
    ]
    steps = [draw.choice(choices) for _ in range(draw.randrange(1, 5))]
    option = keys.split(" =")[0]
    steps = [s + (keys if f"{option} =" not in s and draw.random() < .7 else "") for s in steps]
    omits = draw.random() < .3
    if omits:
        steps.insert(draw.randrange(len(steps) + 1),
                     draw.choice(['use = "omit"\nkeys = ["*x*"]\n', 'use = "only"\nkeys = ["*a*"]\n',
                                  'use = "merge-archive"\n']))
    if draw.random() < .3:
        steps.insert(0, f'use = "file-format"\nlow = "{draw.choice(["earliest", "v18", "latest"])}"\n')
    return "\n".join(f"[[transform]]\n{step}" for step in steps), omits


def plain(value):
    """A value as bytes of its numbers, or of its text: tables keep strings at a fixed length."""
    if isinstance(value, h5py.Empty):
        return "empty", value.dtype.str
    if isinstance(value, (str, bytes)):
        return (value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)).rstrip(b"\0")
    array = np.asarray(value)
    if array.dtype.kind == "S" and array.ndim == 0:
        return bytes(array[()]).rstrip(b"\0")
    if array.dtype.kind == "O":
        return array.shape, [plain(v) for v in array.ravel()]
    if array.dtype.names:     # what lies between the fields is nobody's value
        array = repack_fields(array, recurse=True)
    native = array.dtype.newbyteorder("=")
    return array.shape, native.str, array.astype(native).tobytes()


def many_rows(table, name):
    row = next(r for r in table if r["name"].decode("utf-8", "surrogateescape") == name)
    return row[row["type"].decode()] if "type" in table.dtype.names else row["value"]


def place_of(f, node, noted):
    """The value of a node of the plan, from the place where the plan says it is."""
    if node["form"] == "attribute" and not noted:
        return f[node["object"]].attrs[node["name"]]
    if node["form"] == "field" and not noted:
        table = f[node["table"]]
        if node["name"] in table.dtype.names and len(table) == 1:
            return table[0][node["name"]]
        return many_rows(table, node["name"])
    return f[node["path"]][()]


def try_one(seed, daybook, folder):
    draw = random.Random(f"layout {seed}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        experiment = RandomExperiment(seed).run()
    trace, run, default, file, layout = (folder / f"{seed}{end}" for end in (".jsonl", ".daybook", ".d.h5", ".h5", ".toml"))
    trace.write_text(experiment.text())
    text, omits = random_layout(draw)
    layout.write_text(text)
    daybook.ingest(trace, run)
    daybook.replay(run, default, "--no-record", expect=None)
    before = daybook("layout", "explain", run, "--json").json["plan"]["nodes"]
    explained = daybook("layout", "explain", run, "--layout", layout, "--json", expect=None)
    replayed = daybook.replay(run, file, "--layout", layout, "--json", "--no-record", expect=None)
    if explained.code != 0:      # a conflict that the layout brings about: said before anything is written
        if replayed.code == 1 and not file.exists() and "(by " in replayed.err:
            return []
        return [f"{text}\nexplain says {explained.err[-300:]} replay {replayed!r}"]
    if replayed.code not in (0, 1) or not file.exists():
        return [f"{text}\n{replayed!r}"]
    report = replayed.json
    refused = {(r["group"], r["key"]) for r in report["refused"]}
    noted = {(r["group"], r["key"]) for r in report["notes"]}
    origin = {(n["group"], n["key"]): n for n in before if "key" in n and n["form"] == "dataset"}
    after = {}
    for node in explained.json["plan"]["nodes"]:
        if "key" in node and not node["path"].startswith("/history/"):
            after[node["group"], node["key"]] = node
    wrong = []
    with h5py.File(file, "r") as f, h5py.File(default, "r") as expected:
        for identity, node in origin.items():
            if node["path"] not in expected or identity in refused and identity not in noted:
                continue
            now = after.get(identity)
            if now is None or now["form"] in ("omitted", "refused"):
                if not omits and (now is None or now["form"] == "omitted"):
                    wrong.append(f"{identity} is lost: {now}")
                continue
            try:
                value = place_of(f, now, identity in noted)
            except Exception as e:
                wrong.append(f"{identity} is not where the plan says, {now}: {e!r}")
                continue
            if plain(value) != plain(expected[node["path"]][()]):
                wrong.append(f"{identity}: {plain(value)} instead of {plain(expected[node['path']][()])} at {now}")
    again = folder / "again.h5"
    daybook.replay(run, again, "--layout", layout, "--no-record", expect=None)
    if again.read_bytes() != file.read_bytes():
        wrong.append("other bytes the second time")
    return [f"{text}\n{line}" for line in wrong]


@pytest.mark.parametrize("batch", range(BATCHES), ids=lambda b: f"b{b}")
def test_random_layouts(batch, daybook, tmp_path):
    failures = {}
    mine = seeds()[batch::BATCHES]
    print("seeds", mine)
    for seed in mine:
        wrong = try_one(seed, daybook, tmp_path)
        if wrong:
            failures[seed] = wrong
    text = "\n".join(f"seed {seed}: {line[:900]}" for seed, lines in failures.items() for line in lines[:3])
    assert not failures, f"{len(failures)} of {len(mine)} seeds failed:\n{text}"
