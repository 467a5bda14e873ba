"""How ``daybook-run`` reaches the Python processes below it where Daybook is not installed in their site-packages.

Python loads one sitecustomize only, the first on its path: after starting Daybook this one runs the one that it hides.
"""

import importlib.machinery
import importlib.util
import os
import sys

import _daybook_start

_daybook_start.start()


def _run_the_hidden_one():
    here = os.path.dirname(os.path.abspath(__file__))
    path = [folder for folder in sys.path if os.path.abspath(folder or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_run_the_hidden_one()
