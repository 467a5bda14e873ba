"""The pictures of docs/performance.md, from the results of one run."""

import re
import statistics

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend has to be chosen before)

NAMES = {"daybook": "Daybook", "lmdb": "LMDB, commit an event, no sync", "lmdb_batched": "LMDB, 10 000 per synced txn",
         "sqlite": "SQLite WAL NORMAL", "rocksdb": "RocksDB, sync=false", "hdf5": "HDF5 extend+write+flush",
         "memcpy": "memcpy", "nothing": "reading the clock"}
COLORS = {who: f"C{i}" for i, who in enumerate(NAMES)}  # a store's is the same everywhere


def median(entries, of="real_time"):
    return statistics.median(entry[of] for entry in entries)


def seconds(entries):
    scale = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
    return statistics.median(entry["real_time"] * scale[entry["time_unit"]] for entry in entries)


def save(figure, out, name):
    # The same figures give the same file: no date, no random ids.
    matplotlib.rcParams["svg.hashsalt"] = name
    figure.tight_layout()
    figure.savefig(out / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def latency(good, out):
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    quantiles = [("q10", 0.1), ("q50", 0.5), ("q90", 0.9), ("q99", 0.99), ("q99.9", 0.999), ("q99.99", 0.9999),
                 ("q99.999", 0.99999)]
    for axis, work, title in zip(axes, ("stream", "paced"), ("as fast as it goes", "20 µs after each")):
        for who in NAMES:
            entries = good.get(f"latency/{work}/{who}")
            if entries:
                axis.plot([1 - q for _, q in quantiles], [median(entries, key) for key, _ in quantiles], marker="o",
                          markersize=3, label=NAMES.get(who, who), color=COLORS.get(who))
        axis.set(xscale="log", yscale="log", xlabel="part of the calls that take longer", title=title)
        axis.invert_xaxis()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("one append of a double / ns")
    axes[0].legend(fontsize=8)
    save(figure, out, "latency")


def growth(good, out):
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), sharey=True)
    for axis, work, label in zip(axes, ("events", "keys", "threads", "journal"),
                                 ("events in all", "keys", "threads", "MB in the journal before")):
        points = sorted((int(re.sub(r"\D", "", name.rsplit("/", 1)[1])), 1e9 * seconds(entries))
                        for name, entries in good.items() if name.startswith(f"growth/{work}/"))
        if points:
            axis.plot(*zip(*points), marker="o")
        axis.set(xscale="log", yscale="log", xlabel=label)
        if work == "threads":
            axis.set_xticks([count for count, _ in points], [str(count) for count, _ in points])
            axis.set_xticks([], minor=True)
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("set of a scalar / ns")
    save(figure, out, "growth")


def materialization(good, out):
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    for axis, ending, title in zip(axes, ("contiguous", "gzip4"), ("uncompressed doubles", "camera counts, shuffle+gzip 4")):
        for who in ("daybook", "daybook_1_thread", "H5Dwrite"):
            points = []
            for name, entries in good.items():
                size = re.fullmatch(rf"arrays/size_(\d+)MiB_{ending}/{who}", name)
                if size:
                    points.append((int(size[1]), int(size[1]) / seconds(entries)))
            if points:
                axis.plot(*zip(*sorted(points)), marker="o",
                          label={"daybook": "Daybook, all cores", "daybook_1_thread": "Daybook, one thread"}.get(who, who))
        axis.set(xscale="log", xlabel="array / MiB", ylabel="MiB of array a second, file synced", title=title, ylim=(0, None))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    save(figure, out, "materialization")


def disk(good, out):
    works = ("set", "append", "mutate", "mix")
    stores = ("daybook", "lmdb_batched", "lmdb", "sqlite", "rocksdb", "hdf5")
    figure, axis = plt.subplots(figsize=(8, 3.6))
    for i, store in enumerate(stores):
        heights = [median(good[name], "bytes_per_event") if (name := f"events/sustained/{work}/{store}") in good else 0
                   for work in works]
        axis.bar([w + (i - 2.5) * 0.14 for w in range(len(works))], heights, 0.13, label=NAMES[store], color=COLORS[store])
    axis.set_xticks(range(len(works)), works)
    axis.set(ylabel="bytes on the disk an event")
    axis.legend(fontsize=8)
    axis.grid(alpha=0.3, axis="y")
    save(figure, out, "disk")


def draw(good, out):
    latency(good, out)
    growth(good, out)
    materialization(good, out)
    disk(good, out)
