"""Drives workers of whichever `artiq` is on PYTHONPATH, and reports all that can be seen of them from outside.

    drive.py JOBS.json REPORT.json      JOBS: a list of jobs; REPORT: {name: what was seen}

A job: name, folder (the worker's cwd), rid, expid, and optionally
    stages      default ["build", "prepare", "run", "analyze"]; "examine"; {"rid": …, "expid": …} is another build
    trace       a golden trace whose `database` the master has
    database    {key: value}, as JSON, that the master has
    pauses      answers to pause(), default []; True asks for termination; then False for ever
    devices     {name: description}
The experiment can ask for something by its CCB: issue("close") deletes the run, issue("kill", number) sends a signal.
"""

import asyncio
import copy
import json
import logging
import os
import sys
import traceback
from pathlib import Path

from artiq.master.worker import Worker
from sipyco import pyon
from sipyco.sync_struct import process_mod

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from trace_encoding import decode  # noqa: E402

AT_ONCE = 2


class Master:
    """What a worker can ask for. Everything that it was asked is in the messages; the state is here."""

    def __init__(self, job):
        self.job, self.datasets, self.submitted = job, {}, 0
        known = dict(job.get("database", {}))
        if "trace" in job:
            with open(job["trace"], encoding="utf-8") as lines:
                next(lines)
                known |= {key: decode(value) for key, value in json.loads(next(lines))["database"].items()}
        self.datasets = {key: (False, value, {}) for key, value in known.items()}
        self.pauses = iter(job.get("pauses", []))
        self.background = []

    def update(self, mod):
        process_mod(self.datasets, copy.deepcopy(mod))

    def submit(self, *args, **kwargs):
        self.submitted += 1
        return 1000 + self.submitted

    def get_device(self, key, resolve_alias=False):
        return self.job["devices"][key]

    def issue(self, service, *args, **kwargs):
        if service == "close":
            self.background.append(asyncio.ensure_future(self.worker.close()))
        elif service == "kill":
            self.worker.ipc.process.send_signal(*args)

    def handlers(self):
        return {
            "get_device_db": lambda: self.job["devices"], "get_device": self.get_device,
            "get_dataset": lambda key: self.datasets[key][1],
            "get_dataset_metadata": lambda key: self.datasets[key][2],
            "update_dataset": self.update,
            "scheduler_submit": self.submit,
            "scheduler_check_pause": lambda rid: False, "scheduler_check_termination": lambda rid: False,
            "scheduler_get_status": lambda: {self.job["rid"]: {"status": "running"}},
            "ccb_issue": self.issue,
        }


class Logs(logging.Handler):
    """[level, name, message] by source."""

    def __init__(self):
        super().__init__()
        self.lines = {}

    def emit(self, record):
        if hasattr(record, "source"):
            self.lines.setdefault(record.source, []).append([record.levelname, record.name, record.getMessage()])


def listen(ipc, messages):
    """From now on every line through `ipc` is in `messages`, too."""
    write, readline = ipc.write, ipc.readline

    def listening_write(data):
        messages.append("to worker " + data.decode().rstrip("\n"))
        return write(data)

    async def listening_readline():
        line = await readline()
        messages.append("from worker " + line.decode().rstrip("\n"))
        return line

    ipc.write, ipc.readline = listening_write, listening_readline


async def stages(worker, master, job):
    rid, expid = job["rid"], job["expid"]
    for stage in job.get("stages", ["build", "prepare", "run", "analyze"]):
        if stage == "examine":
            described = await worker.examine(rid, expid["file"])
            return json.loads(pyon.encode(described))
        elif isinstance(stage, dict):
            await worker.build(stage["rid"], "main", job.get("wd"), expid | stage["expid"], 0)
        elif stage == "build":
            await worker.build(rid, "main", job.get("wd"), expid, 0)
        elif stage == "run":
            completed = await worker.run()
            while not completed:
                completed = await worker.resume(next(master.pauses, False))
        else:
            await getattr(worker, stage)()


async def run(job, logs, starting):
    master = Master(job)
    worker = master.worker = Worker(master.handlers())
    report = {"messages": [], "error": None, "result": None}
    worker.rid, worker.filename = job["rid"], os.path.basename(job["expid"]["file"]) if "file" in job["expid"] else None
    source = f"worker({worker.rid},{worker.filename if worker.filename is not None else '<none>'})"
    try:
        async with starting:
            os.makedirs(job["folder"], exist_ok=True)
            os.chdir(job["folder"])
            await worker._create_process(job["expid"].get("log_level", logging.WARNING))
        process = worker.ipc.process._transport._proc
        listen(worker.ipc, report["messages"])
        report["result"] = await stages(worker, master, job)
    except Exception as e:
        report["error"] = f"{type(e).__name__}: {e}"
        report["where"] = traceback.format_exc()
    await worker.close()
    await asyncio.gather(*master.background)
    await worker.ipc.process.wait()
    # Whoever finds the child dead first knows its code: asyncio, which then says so and Popen 0, or Popen in
    # send_signal(); then asyncio says 255.
    code = worker.ipc.process.returncode
    report["returncode"] = process.returncode if code == 255 else code
    tasks = getattr(worker, "log_tasks", None) or [worker.log_stdout_task, worker.log_stderr_task]
    await asyncio.wait(tasks, timeout=5)
    report["log"] = logs.lines.get(source, [])
    report["datasets"] = pyon.encode(master.datasets)
    return report


async def main():
    logging.raiseExceptions = False
    logs = Logs()
    logging.getLogger().addHandler(logs)
    logging.getLogger().setLevel(logging.DEBUG)
    jobs = json.loads(Path(sys.argv[1]).read_text())
    slots, starting = asyncio.Semaphore(AT_ONCE), asyncio.Lock()

    async def in_turn(job):
        async with slots:
            return await run(job, logs, starting)

    # All of them end first: a worker that is waited for when the loop is torn down waits for us.
    reports = await asyncio.gather(*(in_turn(job) for job in jobs), return_exceptions=True)
    for failure in (report for report in reports if isinstance(report, BaseException)):
        raise failure
    Path(sys.argv[2]).write_text(json.dumps(dict(zip([job["name"] for job in jobs], reports))))


if __name__ == "__main__":
    asyncio.run(main())
