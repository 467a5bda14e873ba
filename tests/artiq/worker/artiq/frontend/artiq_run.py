"""Runs one experiment in this process."""

import argparse
import logging

import h5py

from artiq.language.core import host_only
from artiq.language.environment import ProcessArgumentManager
from artiq.master.databases import DatasetDB, DeviceDB
from artiq.master.worker_db import DatasetManager, DeviceManager
from artiq.tools import file_import, get_experiment, parse_arguments

logger = logging.getLogger(__name__)


class DummyScheduler:
    rid, pipeline_name, priority, expid = 0, "main", 0, None

    def submit(self, pipeline_name=None, expid=None, priority=None, due_date=None, flush=False):
        logger.info("Submitting: %s", expid)
        return 1

    def check_pause(self, rid=None):
        return False

    @host_only
    def pause(self):
        pass


class DummyCCB:
    def issue(self, service, *args, **kwargs):
        logger.info("CCB for service '%s' (args %s, kwargs %s)", service, args, kwargs)


def get_argparser():
    parser = argparse.ArgumentParser(description="Local experiment running tool")
    parser.add_argument("--device-db", default="device_db.py")
    parser.add_argument("--dataset-db", default="dataset_db.pyon")
    parser.add_argument("-c", "--class-name")
    parser.add_argument("-o", "--hdf5", help="write results to this HDF5 file instead of printing them")
    parser.add_argument("file")
    parser.add_argument("arguments", nargs="*", metavar="KEY=VALUE")
    return parser


def run():
    args = get_argparser().parse_args()
    logging.basicConfig()
    device_mgr = DeviceManager(DeviceDB(args.device_db),
                               virtual_devices={"scheduler": DummyScheduler(), "ccb": DummyCCB()})
    dataset_db = DatasetDB(args.dataset_db)
    try:
        dataset_mgr = DatasetManager(dataset_db)
        try:
            arguments = parse_arguments(args.arguments)
            argument_mgr = ProcessArgumentManager(arguments)
            module = file_import(args.file, prefix="artiq_run_")
            device_mgr.virtual_devices["scheduler"].expid = {"file": args.file, "class_name": args.class_name,
                                                             "arguments": arguments}
            exp_inst = get_experiment(module, args.class_name)((device_mgr, dataset_mgr, argument_mgr, {}))
            argument_mgr.check_unprocessed_arguments()
            exp_inst.prepare()
            exp_inst.run()
            device_mgr.notify_run_end()
            exp_inst.analyze()
        finally:
            device_mgr.close_devices()
        if args.hdf5 is not None:
            with h5py.File(args.hdf5, "w") as f:
                dataset_mgr.write_hdf5(f)
        else:
            for key, value in sorted(dataset_mgr.local.items()):
                print(f"{key}: {value}")
        dataset_db.save()
    finally:
        dataset_db.close_db()


def main():
    return run()


if __name__ == "__main__":
    main()
