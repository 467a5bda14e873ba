"""The rows of the table: what is divided by what, and what design and common sense ask of the ratio.

Each row: (what, against, ours, rival, rule, target). `ours` and `rival` name benchmarks. Rules: "faster" is rival's time /
our time and wants at least the target; "time" is our time / rival's time and wants at most the target; a rule with a counter's
name behind it, as "time:peak_bytes", divides that instead. Target None: shown for what it is worth."""

SUSTAINED = "events/sustained/"
BURST = "events/burst/"


def _events():
    for work, what in (("set", "set of a scalar"), ("append", "append of a double to a list"),
                       ("mutate", "change of an element of a 1 MB array"), ("mix", "recorded ndscan events")):
        targets = {"rocksdb": 20, "sqlite": 80} if work in ("set", "append") else {}
        for store, against in (("rocksdb", "RocksDB put, sync=false"), ("sqlite", "SQLite WAL, synchronous=NORMAL"),
                               ("lmdb", "LMDB, a commit an event, no sync"), ("hdf5", "HDF5: extend, write, flush"),
                               ("memcpy", "memcpy")):
            if store != "hdf5" or work != "mix":
                yield (f"{what}, survives kill -9", against, f"{BURST}{work}/daybook", f"{BURST}{work}/{store}", "faster",
                       targets.get(store))
        for store, against in (("lmdb_batched", "raw LMDB, 10 000 per synced txn"), ("rocksdb", "RocksDB, then one sync"),
                               ("sqlite", "SQLite WAL NORMAL, then a checkpoint")):
            yield (f"sustained {what}, incl. durable commit", against, f"{SUSTAINED}{work}/daybook",
                   f"{SUSTAINED}{work}/{store}", "faster", 1.0 if store == "lmdb_batched" and work != "mix" else None)


def _growth():
    first = {"events": "10000", "keys": "10", "threads": "1", "journal": "10MB"}
    for work, base in first.items():
        for at in {"events": ["100000", "1000000", "10000000"], "keys": ["100", "1000", "10000", "100000"],
                   "threads": ["2", "4", "8"], "journal": ["100MB", "1000MB", "10000MB"]}[work]:
            what = {"events": f"one of {int(at):,} events" if at.isdigit() else "", "keys": f"event, {at} keys",
                    "threads": f"event, {at} threads", "journal": f"event, journal of {at}"}[work]
            yield (what, f"the same, {base}", f"growth/{work}/{at}", f"growth/{work}/{base}", "time", None)


def _arrays():
    yield ("materialize 200 MB of doubles, uncompressed", "H5Dwrite of them", "arrays/noise_contiguous/daybook",
           "arrays/noise_contiguous/H5Dwrite", "faster", 0.9)
    yield ("the same in chunks", "H5Dwrite of them", "arrays/noise_chunked/daybook", "arrays/noise_chunked/H5Dwrite", "faster", 0.9)
    for name, what in (("camera", "camera counts"), ("noise", "noise"), ("smooth", "a smooth curve")):
        work = f"arrays/{name}_gzip4"
        yield (f"materialize {what}, shuffle+gzip 4", "H5Dwrite, same filters", f"{work}/daybook", f"{work}/H5Dwrite",
               "faster", 4.0)
        yield (f"materialize {what}, on one thread", "H5Dwrite, same filters", f"{work}/daybook_1_thread", f"{work}/H5Dwrite", "faster", None)


def _rest(large):
    yield ("append + sync, one thread", "pwrite + fdatasync to a preallocated file", "durable/set/daybook_sync",
           "durable/set/file_sync", "time", 1.3)
    for store, against in (("lmdb_sync", "LMDB, a synced commit an event"), ("sqlite_sync", "SQLite WAL, synchronous=FULL"),
                           ("rocksdb_sync", "RocksDB put, sync=true")):
        yield ("append + sync, one thread", against, "durable/set/daybook_sync", f"durable/set/{store}", "faster", None)
    for store, against, target in (("lmdb_batched", "raw LMDB put of the same, 16 MiB per synced txn", 0.9),
                                   ("rocksdb", "RocksDB put, sync=false, then one sync", None),
                                   ("sqlite", "SQLite WAL NORMAL, then a checkpoint", None),
                                   ("hdf5", "HDF5: extend, write, flush", None),
                                   ("file_sync", "pwrite + fdatasync, 16 MiB preallocated", None),
                                   ("memcpy", "memcpy", None)):
        yield ("stream of 2 MB pictures", against, "frames/2MB/daybook", f"frames/2MB/{store}", "faster", target)
    yield from _arrays()
    yield ("materialize 1000 scalars", "h5py writing them", "scalars/datasets/daybook", "scalars/datasets/h5py", "faster", 2.4)
    yield ("materialize 1000 scalars", "a bare C loop", "scalars/datasets/daybook", "scalars/datasets/loop", "time", 1.1)
    yield ("materialize 1000 scalars", "a bare C loop, with object times", "scalars/datasets/daybook",
           "scalars/datasets/loop_with_times", "time", None)
    yield ("1000 scalars as one table", "h5py writing them", "scalars/table/daybook", "scalars/datasets/h5py", "faster", 20.0)
    yield ("materialize 100 lists × 10 000 floats", "h5py writing them", "lists/100x10000/daybook", "lists/100x10000/h5py",
           "faster", 5.0)
    yield ("the same, built by a million appends", "h5py writing them", "lists/100x10000_appended/daybook", "lists/100x10000/h5py",
           "faster", None)
    yield ("a list of a million appends", "h5py writing it", "lists/1000000_appended/daybook", "lists/1000000_appended/h5py",
           "faster", None)
    yield ("one key set 10⁶ times, then its file", "set once", "history/set_10_6_times/daybook", "history/set_once/daybook",
           "time", 1.1)
    for work, what, target in (("checkpoint", "checkpoint", 1.2), ("file", "file of a checkpoint", None),
                               ("open_after_kill", "open after kill -9", 1.5), ("file_after_kill", "file after kill -9", None)):
        for history in ("pictures", "scalars"):
            name = f"history/{work}_of_{history}"
            yield (f"{what}, {large} of {history}", "same, 10 MB", f"{name}/large", f"{name}/10MB", "time", target)
    for work, what in (("write_journal", "writer"), ("read_journal", "reader"), ("materialize_journal", "materializer"),
                       ("write_array", "writer of one array"), ("materialize_array", "materializer of one array"),
                       ("materialize_mutated_array", "materializer of an array that was changed")):
        yield (f"peak memory of the {what}, {large}", "same, 10 MB", f"memory/{work}/large", f"memory/{work}/10MB",
               "time:peak_bytes", None)


def rows(size):
    yield from _events()
    yield from _rest({"full": "10 GB", "quick": "1 GB", "smoke": "20 MB"}[size])
    yield from _growth()
