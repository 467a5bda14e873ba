"""The command `daybook`: the program that is bundled with the package takes this process over. It imports nothing of the
package, which would take longer than most of the program's commands."""

import importlib.util
import os
import sys


def main():
    package = importlib.util.find_spec("daybook").submodule_search_locations[0]
    for place in (os.path.join(package, "bin", "daybook"), os.path.join(package, "..", "..", "bin", "daybook")):
        if os.access(place, os.X_OK):
            os.execv(place, ["daybook", *sys.argv[1:]])
    sys.exit("daybook: the program is not there: install the package anew")
