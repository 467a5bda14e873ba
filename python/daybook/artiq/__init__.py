"""Automatic journaling in ARTIQ's workers.

Nothing is called here by hand: start the master (or ``artiq_run``) with ``daybook-run``, and every dataset call of every
experiment is journaled, and the results files come out of the journal. See docs/artiq.md.

ARTIQ itself is not changed: when one of its two modules below is imported, its class is replaced by one that does the same
and journals. Whatever goes wrong in Daybook is a warning in the experiment's log; the experiment goes on as it did without.
"""

__all__ = ["adapt_worker_db", "adapt_environment"]


def adapt_worker_db(module):
    """Replaces DatasetManager in ``artiq.master.worker_db``, and lets its DeviceManager say which run this is."""
    from . import devices, manager

    module.DatasetManager = manager.journaling(module.DatasetManager, module)
    devices.watch(module.DeviceManager)


def adapt_environment(module):
    """Gives ``artiq.language.environment.HasEnvironment`` the storage hooks, and has experiments make themselves known."""
    from . import hooks

    hooks.install(module.HasEnvironment)
