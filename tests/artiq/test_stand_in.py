"""The stand-in does what ARTIQ does: the same experiments under both, without Daybook; the same messages, log lines, ends and
results files. Needs a real ARTIQ (ARTIQ_PATH, see test_real_artiq.py)."""

import os

import pytest

import cases
from harness import check_all, drive, same_but_for_the_file, same_results

ARTIQ = [folder for folder in os.environ.get("ARTIQ_PATH", "").split(os.pathsep) if folder]


@pytest.mark.skipif(not ARTIQ, reason="ARTIQ_PATH is not set: no real ARTIQ to compare the stand-in with")
@pytest.mark.parametrize("group", ["golden", "endings", "values", "around", "without_run", "unstorable"])
def test_as_artiq(group, tmp_path):
    jobs = getattr(cases, group)()
    real, ours = drive(jobs, tmp_path / "real", artiq=ARTIQ), drive(jobs, tmp_path / "stand-in")

    def check(name):
        same_but_for_the_file(real[name], ours[name])
        same_results(real[name], ours[name])

    check_all(check, real)
