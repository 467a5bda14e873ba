"""A master without schedule, repository and network: submissions are PYON lines on stdin, each at once gets a worker.

    {"expid": {…}, "pipeline_name": "main", "priority": 0}      answered by "RID: 1", and "RID 1 ended: WHAT" later
    {"delete": 1}

It ends when stdin does and the last run is over, and on SIGINT and SIGTERM at once.
"""

import asyncio
import logging
import os
import signal
import sys

from sipyco import pyon

from artiq.master.databases import DatasetDB, DeviceDB
from artiq.master.worker import Worker


class RIDCounter:
    def __init__(self, cache_filename="last_rid.pyon"):
        self.cache_filename = cache_filename

    def get(self):
        last = pyon.load_file(self.cache_filename) if os.path.exists(self.cache_filename) else 0
        pyon.store_file(self.cache_filename, last + 1)
        return last + 1


class Master:
    def __init__(self):
        self.device_db, self.dataset_db = DeviceDB("device_db.py"), DatasetDB("dataset_db.pyon")
        self.rids, self.workers, self.tasks = RIDCounter(), {}, set()

    def handlers(self):
        return {
            "get_device_db": self.device_db.get_device_db, "get_device": self.device_db.get,
            "get_dataset": self.dataset_db.get, "get_dataset_metadata": self.dataset_db.get_metadata,
            "update_dataset": self.dataset_db.update,
            "scheduler_submit": self.submit, "scheduler_delete": self.delete,
            "scheduler_check_pause": lambda rid: False, "scheduler_check_termination": lambda rid: False,
            "scheduler_get_status": lambda: {rid: {} for rid in self.workers},
            "ccb_issue": lambda service, *args, **kwargs: None,
        }

    def start(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def submit(self, pipeline_name, expid, priority=0, due_date=None, flush=False):
        if "file" in expid:
            expid["file"] = os.path.abspath(expid["file"])
        rid = self.rids.get()
        self.start(self.run(rid, pipeline_name, expid, priority))
        return rid

    def delete(self, rid):
        self.start(self.workers[rid].close())

    async def run(self, rid, pipeline_name, expid, priority):
        worker = self.workers[rid] = Worker(self.handlers())
        ended = "completed"
        try:
            await worker.build(rid, pipeline_name, None, expid, priority)
            await worker.prepare()
            completed = await worker.run()
            while not completed:
                completed = await worker.resume(False)
            await worker.analyze()
        except Exception as e:
            ended = f"{type(e).__name__}: {e}"
        finally:
            await worker.close()
            del self.workers[rid]
        print(f"RID {rid} ended: {ended}", flush=True)

    def obey(self, line):
        order = pyon.decode(line)
        if "delete" in order:
            self.delete(order["delete"])
        else:
            rid = self.submit(order.get("pipeline_name", "main"), order["expid"], order.get("priority", 0))
            print(f"RID: {rid}", flush=True)

    async def main(self):
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        stdin = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
        print("ARTIQ master is now ready.", flush=True)
        stopped = asyncio.create_task(stop.wait())
        while not stop.is_set():
            reading = asyncio.create_task(stdin.readline())
            await asyncio.wait([reading, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                break
            if not reading.result():
                while self.tasks and not stop.is_set():
                    await asyncio.wait([*self.tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
                break
            self.obey(reading.result().decode())
        await asyncio.gather(*(worker.close() for worker in self.workers.values()))
        if self.tasks:
            await asyncio.wait(self.tasks)
        self.dataset_db.save()


def main():
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:%(name)s:%(message)s")
    asyncio.run(Master().main())


if __name__ == "__main__":
    main()
