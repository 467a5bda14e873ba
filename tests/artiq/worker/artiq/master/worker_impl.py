"""The worker: one process, started by the master for each run (or for a look into a file), talking over two pipes.

Cut down in one place: there is no compiler, so nothing about it is set up, and CompileError does not exist.
"""

import importlib.util
import inspect
import linecache
import logging
import os
import sys
import threading
import time
import traceback
from collections import OrderedDict

import h5py
from sipyco import pipe_ipc, pyon
from sipyco.logs import multiline_log_config
from sipyco.packed_exceptions import raise_packed_exc

from artiq import __version__ as artiq_version
from artiq import tools
from artiq.language.core import TerminationRequested, host_only, set_watchdog_factory
from artiq.language.environment import ProcessArgumentManager, TraceArgumentManager, is_public_experiment
from artiq.master.worker_db import DatasetManager, DeviceManager, DummyDevice

ipc = None
ipc_lock = threading.Lock()


def line_of(obj):
    return (pyon.encode(obj) + "\n").encode()


def get_object():
    with ipc_lock:
        line = ipc.readline()
    return pyon.decode(line.decode())


def put_object(obj):
    line = line_of(obj)
    with ipc_lock:
        ipc.write(line)


def put_and_get_object(obj):
    line = line_of(obj)
    with ipc_lock:
        ipc.write(line)
        answer = ipc.readline()
    return pyon.decode(answer.decode())


def make_parent_action(action):
    """A function that the parent carries out. Told to terminate instead, the worker exits."""

    def parent_action(*args, **kwargs):
        reply = put_and_get_object({"action": action, "args": args, "kwargs": kwargs})
        if "action" in reply:
            if reply["action"] != "terminate":
                raise ValueError
            sys.exit()
        if reply["status"] != "ok":
            raise_packed_exc(reply["exception"])
        return reply["data"]

    return parent_action


class ParentDeviceDB:
    get_device_db = make_parent_action("get_device_db")
    get = make_parent_action("get_device")


class ParentDatasetDB:
    get = make_parent_action("get_dataset")
    update = make_parent_action("update_dataset")
    get_metadata = make_parent_action("get_dataset_metadata")


class Watchdog:
    create = make_parent_action("create_watchdog")
    delete = make_parent_action("delete_watchdog")

    def __init__(self, t):
        self.t = t

    def __enter__(self):
        self.wid = Watchdog.create(self.t)

    def __exit__(self, kind, value, frames):
        Watchdog.delete(self.wid)


set_watchdog_factory(Watchdog)


class Scheduler:
    pause_noexc = staticmethod(make_parent_action("pause"))
    delete = staticmethod(make_parent_action("scheduler_delete"))
    request_termination = staticmethod(make_parent_action("scheduler_request_termination"))
    get_status = staticmethod(make_parent_action("scheduler_get_status"))
    _check_pause = staticmethod(make_parent_action("scheduler_check_pause"))
    _check_termination = staticmethod(make_parent_action("scheduler_check_termination"))
    _submit = staticmethod(make_parent_action("scheduler_submit"))

    def set_run_info(self, rid, pipeline_name, expid, priority):
        self.rid, self.pipeline_name, self.expid, self.priority = rid, pipeline_name, expid, priority

    @host_only
    def pause(self):
        if self.pause_noexc():
            raise TerminationRequested

    def check_pause(self, rid=None):
        return self._check_pause(self.rid if rid is None else rid)

    def check_termination(self, rid=None):
        return self._check_termination(self.rid if rid is None else rid)

    def submit(self, pipeline_name=None, expid=None, priority=None, due_date=None, flush=False):
        return self._submit(self.pipeline_name if pipeline_name is None else pipeline_name,
                            self.expid if expid is None else expid,
                            self.priority if priority is None else priority, due_date, flush)


class CCB:
    issue = staticmethod(make_parent_action("ccb_issue"))


class StringLoader:
    """Imports a module whose source came with the submission."""

    def __init__(self, fake_filename, content):
        self.fake_filename, self.content = fake_filename, content

    def get_source(self, fullname):
        return self.content

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(self.content, self.fake_filename, "exec"), module.__dict__)


def get_experiment_from_file(file, class_name):
    return tools.get_experiment(tools.file_import(file, prefix="artiq_worker_"), class_name)


def get_experiment_from_content(content, class_name):
    loader = StringLoader("expcontent", content)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("expmodule", loader))
    loader.exec_module(module)
    linecache.lazycache(loader.fake_filename, module.__dict__)
    return tools.get_experiment(module, class_name)


register_experiment = make_parent_action("register_experiment")


class ExamineDeviceMgr:
    get_device_db = make_parent_action("get_device_db")

    @staticmethod
    def get(name):
        return DummyDevice()


class ExamineDatasetMgr:
    @staticmethod
    def get(key, archive=False):
        return ParentDatasetDB.get(key)

    @staticmethod
    def get_metadata(key):
        return ParentDatasetDB.get_metadata(key)


def examine(device_mgr, dataset_mgr, file):
    """Tells the parent of every experiment in `file`, and forgets the modules that this brought in."""
    before = set(sys.modules)
    try:
        module = tools.file_import(file)
        for class_name, exp_class in inspect.getmembers(module, is_public_experiment):
            name = class_name
            if exp_class.__doc__ is not None:
                name = exp_class.__doc__.strip().splitlines()[0].strip().removesuffix(".")
            argument_mgr = TraceArgumentManager()
            scheduler_defaults = {}
            exp_class((device_mgr, dataset_mgr, argument_mgr, scheduler_defaults))
            arginfo = OrderedDict((key, (processor.describe(), group, tooltip)) for key, (processor, group, tooltip)
                                  in argument_mgr.requested_args.items())
            register_experiment(class_name, name, arginfo, getattr(exp_class, "argument_ui", None), scheduler_defaults)
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]


class ArgumentManager(ProcessArgumentManager):
    pass


def put_completed():
    put_object({"action": "completed"})


def put_exception_report():
    exc = sys.exc_info()[1]
    first_line = str(exc).splitlines()[:1]
    lines = ["Terminating with exception (" + ": ".join([type(exc).__name__, *first_line]) + ")\n"]
    remote = getattr(exc, "parent_traceback", None)
    if remote is not None:
        lines += remote + traceback.format_exception_only(type(exc), exc)
    logging.error("".join(lines).rstrip(), exc_info=remote is None)
    put_object({"action": "exception"})


def main():
    global ipc

    multiline_log_config(level=int(sys.argv[2]))
    ipc = pipe_ipc.ChildComm(sys.argv[1])

    start_time = run_time = rid = expid = exp = exp_inst = None

    def write_results():
        with h5py.File(f"{rid:09}-{exp.__name__}.h5", "w") as f:
            dataset_mgr.write_hdf5(f)
            f["artiq_version"] = artiq_version
            f["rid"] = rid
            f["start_time"] = start_time
            f["run_time"] = run_time
            f["expid"] = pyon.encode(expid)

    device_mgr = DeviceManager(ParentDeviceDB, virtual_devices={"scheduler": Scheduler(), "ccb": CCB()})
    dataset_mgr = DatasetManager(ParentDatasetDB)

    try:
        while True:
            obj = get_object()
            action = obj["action"]
            if action == "terminate":
                break
            elif action == "build":
                start_time = time.time()
                rid, expid = obj["rid"], obj["expid"]
                device_mgr.devarg_override = expid.get("devarg_override", device_mgr.devarg_override)
                if "file" in expid:
                    # A repository has a folder of its own, the rest an absolute path.
                    path = expid["file"] if obj["wd"] is None else os.path.join(obj["wd"], expid["file"])
                    exp = get_experiment_from_file(path, expid["class_name"])
                else:
                    exp = get_experiment_from_content(expid["content"], expid["class_name"])
                device_mgr.virtual_devices["scheduler"].set_run_info(rid, obj["pipeline_name"], expid, obj["priority"])
                folder = time.strftime(os.path.join("results", "%Y-%m-%d", "%H"), time.localtime(start_time))
                os.makedirs(folder, exist_ok=True)
                os.chdir(folder)
                argument_mgr = ArgumentManager(expid["arguments"])
                exp_inst = exp((device_mgr, dataset_mgr, argument_mgr, {}))
                argument_mgr.check_unprocessed_arguments()
                put_completed()
            elif action == "prepare":
                exp_inst.prepare()
                put_completed()
            elif action == "run":
                run_time = time.time()
                try:
                    exp_inst.run()
                except BaseException:
                    write_results()  # after success this waits for the end of analyze
                    raise
                finally:
                    try:
                        device_mgr.notify_run_end()
                    except BaseException:
                        write_results()
                        raise
                put_completed()
            elif action == "analyze":
                try:
                    exp_inst.analyze()
                finally:
                    if rid is not None:  # the browser's analyze has none, and leaves no file
                        write_results()
                put_completed()
            elif action == "examine":
                examine(ExamineDeviceMgr, ExamineDatasetMgr, obj["file"])
                put_completed()
    except BaseException:
        put_exception_report()
    finally:
        device_mgr.close_devices()
        ipc.close()


if __name__ == "__main__":
    main()
