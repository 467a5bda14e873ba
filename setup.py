"""Builds the Python package with CMake and bundles the program `daybook`.

    pip install --no-build-isolation .                                # builds in a temporary directory
    DAYBOOK_BUILD_DIR=build pip install --no-build-isolation .        # reuses a CMake build tree
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PYTHON = ROOT / "python"


def version():
    return re.search(r"project\(daybook VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]


def startup_files():
    """What Python looks for at the root of site-packages when it starts."""
    return sorted([*PYTHON.glob("*.pth"), *PYTHON.glob("*.start")])


class BuildPython(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:
            for file in startup_files():
                self.copy_file(str(file), os.path.join(self.build_lib, file.name))


class BuildWithCMake(build_ext):
    def build_extension(self, ext):
        given = os.environ.get("DAYBOOK_BUILD_DIR")
        build = Path(given).absolute() if given else Path(self.build_temp).absolute() / "cmake"
        cmake = os.environ.get("CMAKE_COMMAND", "cmake")
        if not (build / "CMakeCache.txt").exists():
            self.configure(cmake, build)
        jobs = str(self.parallel or os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL") or os.cpu_count() or 1)
        subprocess.run([cmake, "--build", str(build), "--parallel", jobs,
                        "--target", "daybook_python", "daybook_program"], check=True)
        package = Path(self.get_ext_fullpath(ext.name)).absolute().parent
        for module in (build / "python" / "daybook").glob("_core.*"):
            if module.suffix != ".pyi":
                self.bundle(module, package)
        self.bundle(build / "bin" / "daybook", package / "bin")

    @staticmethod
    def configure(cmake, build):
        build.mkdir(parents=True, exist_ok=True)
        options = ["-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DDAYBOOK_BUILD_TESTS=OFF", "-DDAYBOOK_BUILD_PYTHON=ON",
                   f"-DPython_EXECUTABLE={sys.executable}"]
        if shutil.which("ninja"):
            options.append("-GNinja")
        try:
            import pybind11
            options.append(f"-Dpybind11_DIR={pybind11.get_cmake_dir()}")
        except ImportError:
            pass        # Debian's pybind11-dev is found without it
        subprocess.run([cmake, "-S", str(ROOT), "-B", str(build), *options], check=True)

    @staticmethod
    def bundle(file, folder):
        folder.mkdir(parents=True, exist_ok=True)
        # As it is in the build tree it has debug information, which is most of it.
        if shutil.which("strip"):
            subprocess.run(["strip", "--strip-debug", "-o", str(folder / file.name), str(file)], check=True)
        else:
            shutil.copy2(file, folder / file.name)
        (folder / file.name).chmod(0o755)


setup(
    version=version(),
    package_dir={"": "python"},
    packages=find_packages("python"),
    py_modules=sorted(file.stem for file in PYTHON.glob("_daybook_*.py")),
    package_data={"daybook": ["py.typed", "*.pyi", "site/*.py"]},
    ext_modules=[Extension("daybook._core", sources=[])],
    cmdclass={"build_ext": BuildWithCMake, "build_py": BuildPython},
    zip_safe=False,
)
