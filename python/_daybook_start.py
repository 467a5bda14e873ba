"""Start-up of Daybook in every Python process below ``daybook-run``.

Run by ``daybook.pth`` (``daybook.start`` from Python 3.15 on) or by Daybook's ``sitecustomize``, if the environment variable
DAYBOOK_ARTIQ is set. It must cost nothing in processes that have nothing to do with ARTIQ, so it imports nothing: it waits
until one of two modules of ARTIQ is imported, and only then loads Daybook.
"""

import os
import sys

# What is imported → the function of daybook.artiq that adapts it.
_ADAPTED = {"artiq.master.worker_db": "adapt_worker_db", "artiq.language.environment": "adapt_environment"}


def start():
    """Installs the import hook. Does nothing if that was done, or if DAYBOOK_ARTIQ is not set (or set to 0)."""
    if os.environ.get("DAYBOOK_ARTIQ", "0") in ("", "0"):
        return
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Finder())
    for name in _ADAPTED:
        if name in sys.modules:
            _adapt(sys.modules[name])


def _adapt(module):
    try:
        import daybook.artiq as adapter

        getattr(adapter, _ADAPTED[module.__name__])(module)
    except Exception as error:  # whatever is wrong with Daybook, the experiment runs as it did without it
        print(
            f"daybook: this run is not journaled, since Daybook could not be set up: {type(error).__name__}: {error}. "
            "Check the installation with: python -c 'import daybook.artiq'",
            file=sys.stderr,
        )


class _Finder:
    """Lets the others find a module, and has it adapted once it was executed."""

    def find_spec(self, name, path=None, target=None):
        if name not in _ADAPTED:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader)
                return spec
        return None


class _Loader:
    """A loader that does what the real one does, and then adapts the module."""

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        create = getattr(self._loader, "create_module", None)
        return None if create is None else create(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _adapt(module)
