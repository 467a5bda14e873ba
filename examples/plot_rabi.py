"""Draws rabi.p over rabi.t from results files, one panel a file: plot_rabi.py OUT.png LABEL=FILE.h5 …"""

import sys

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend is chosen first)
import numpy as np  # noqa: E402


def main(out, runs):
    figure, panels = plt.subplots(len(runs), 1, sharex=True, sharey=True, squeeze=False, figsize=(8, 3 * len(runs)))
    for panel, run in zip(panels[:, 0], runs):
        label, path = run.rsplit("=", 1)
        with h5py.File(path, "r") as f:
            t, p = f["datasets/rabi.t"][()], f["datasets/rabi.p"][()]
        measured = np.count_nonzero(np.isfinite(p))   # a point that was not taken is NaN
        panel.plot(t * 1e6, p, "o-", markersize=4)
        panel.set_title(f"{label}: {measured} of {len(p)} points")
        panel.set_ylabel("rabi.p")
        panel.grid(alpha=0.3)
        print(f"{label}: {measured} of {len(p)} points")
    panels[-1, 0].set_xlabel("rabi.t (µs)")
    figure.tight_layout()
    figure.savefig(out, dpi=100)
    print(f"picture: {out}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
