"""The adapter under a real ARTIQ, where ARTIQ_PATH says where one is: folders for PYTHONPATH, separated by colons, a checkout
of ARTIQ among them, and of sipyco and ndscan if they are not installed."""

import os
import subprocess
from pathlib import Path

import pytest

import cases
from harness import (PYTHON, RUN, check_all, difference, drive, environment, eventually, job, owed,
                     same_but_for_the_file, same_results)

ARTIQ_PATH = os.environ.get("ARTIQ_PATH", "")
ARTIQ = [folder for folder in ARTIQ_PATH.split(os.pathsep) if folder]
pytestmark = pytest.mark.skipif(not ARTIQ, reason="ARTIQ_PATH is not set: no real ARTIQ to test with")
NDSCAN = next((Path(folder) for folder in ARTIQ if (Path(folder) / "examples" / "rabi_flop.py").exists()), None)


def test_the_real_one(tmp_path):
    """What is tested here is ARTIQ, and not the stand-in."""
    done = subprocess.run([PYTHON, "-c", "import artiq.compiler, artiq.master.worker_impl as w; print(w.__file__)"],
                          env=environment(False, tmp_path, ARTIQ), capture_output=True, text=True)
    assert done.returncode == 0 and "tests/artiq/worker" not in done.stdout, done


@pytest.mark.parametrize("module", ["test_datasets", "test_worker"])
def test_artiq_own(module, tmp_path):
    """ARTIQ's own tests of dataset manager and worker, with journaling on."""
    done = subprocess.run([*RUN, PYTHON, "-m", "unittest", "-v", f"artiq.test.{module}"], cwd=tmp_path,
                          env=environment(True, tmp_path / "state", ARTIQ), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "\nOK" in done.stderr, done.stderr[-4000:]
    adapted = subprocess.run([*RUN, PYTHON, "-c", "import artiq.master.worker_db as w; print(len(w.DatasetManager.__mro__))"],
                             env=environment(True, tmp_path / "state", ARTIQ), capture_output=True, text=True)
    assert adapted.stdout == "3\n", adapted


def check_same(jobs, folder):
    plain = drive(jobs, folder / "without", artiq=ARTIQ)
    seen = drive(jobs, folder / "with", journaled=True, artiq=ARTIQ)

    def check(name):
        same_but_for_the_file(plain[name], seen[name])
        if plain[name].results():
            same_results(plain[name], seen[name])

    check_all(check, plain)
    return plain, seen


@pytest.mark.parametrize("group", ["golden", "endings", "values", "around", "without_run"])
def test_same(group, tmp_path):
    """Real workers, through all stages, with Daybook and without."""
    _, seen = check_same(getattr(cases, group)(), tmp_path)
    if group in ("golden", "values", "around"):
        assert owed(tmp_path / "with") == []
        assert all(one.journals() for one in seen.values())


SCAN = ('{"overrides":{"rabi_flop.Readout.num_shots":[{"path":"*","value":20}]},"scan":{"axes":[{"type":"linear","range":'
        '{"start":0.0,"stop":3e-06,"num_points":21,"randomise_order":false},"fqn":"rabi_flop.RabiFlopSim.duration",'
        '"path":"*"}],"num_repeats":1,"no_axes_mode":"single","randomise_order_globally":false}}')


@pytest.mark.skipif(NDSCAN is None, reason="no folder in ARTIQ_PATH has ndscan's examples/rabi_flop.py")
def test_ndscan(tmp_path):
    """ndscan's example, a point and a scan, with the same random numbers."""
    seeded = tmp_path / "seeded_rabi_flop.py"
    seeded.write_text("import random, sys\nimport numpy\nrandom.seed(1)\nnumpy.random.seed(1)\n"
                      f"sys.path.insert(0, {str(NDSCAN / 'examples')!r})\nfrom rabi_flop import *\n"
                      "from rabi_flop import RabiFlopSim\nScanRabiFlopSim = make_fragment_scan_exp(RabiFlopSim)\n")
    jobs = [job("x", "ScanRabiFlopSim", 950, name="point"),
            job("x", "ScanRabiFlopSim", 951, name="scan", arguments={"ndscan_params": SCAN})]
    for entry in jobs:
        entry["expid"]["file"] = str(seeded)
        entry["database"] = {}
    plain, seen = check_same(jobs, tmp_path)
    assert owed(tmp_path / "with") == []
    assert all(one.report["error"] is None for one in seen.values()), seen


EXPERIMENT = '''
import numpy as np
from artiq.experiment import *

class Simple(EnvExperiment):
    def run(self):
        self.set_dataset("a", 1.5, broadcast=True, unit="kHz")
        self.set_dataset("b", np.arange(5))
        for i in range(5):
            self.mutate_dataset("b", i, i * i)
'''


def test_artiq_run(tmp_path):
    """artiq_run -o, with Daybook and without."""
    (tmp_path / "simple.py").write_text(EXPERIMENT)
    (tmp_path / "device_db.py").write_text("device_db = {}\n")
    command = [PYTHON, "-m", "artiq.frontend.artiq_run"]
    for name, prefix in (("without", []), ("with", RUN)):
        done = subprocess.run([*prefix, *command, "-o", f"{name}.h5", "simple.py"], cwd=tmp_path, capture_output=True,
                              text=True, env=environment(bool(prefix), tmp_path / "state", ARTIQ))
        assert done.returncode == 0, done
    assert difference(tmp_path / "without.h5", tmp_path / "with.h5") == []
    assert owed(tmp_path) == []


def test_artiq_master(tmp_path):
    """daybook-run artiq_master, and an experiment submitted by artiq_client."""
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / "simple.py").write_text(EXPERIMENT)
    (tmp_path / "device_db.py").write_text("device_db = {}\n")
    base = 20000 + os.getpid() % 20000
    ports = {name: str(base + i) for i, name in enumerate(("notify", "control", "logging", "broadcast"))}
    env = environment(True, tmp_path / "state", ARTIQ)
    master = subprocess.Popen(
        [*RUN, PYTHON, "-m", "artiq.frontend.artiq_master", "--bind", "127.0.0.1",
         *(word for name, port in ports.items() for word in (f"--port-{name}", port))],
        cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with master:
        try:
            assert any("ready" in line for line in master.stdout)
            client = [PYTHON, "-m", "artiq.frontend.artiq_client", "-s", "127.0.0.1", "--port", ports["control"]]
            subprocess.run([*client, "submit", "repository/simple.py"], cwd=tmp_path, env=env, check=True)
            file, = eventually(lambda: list(tmp_path.glob("results/*/*/*-Simple.h5")), 60)
        finally:
            master.terminate()
            master.communicate(timeout=60)
    assert len(list(file.parent.glob("*.daybook"))) == 1
    assert owed(tmp_path) == []
