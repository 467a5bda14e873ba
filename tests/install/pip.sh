#!/usr/bin/env bash
# Makes the source distribution, installs from it with pip into a fresh virtual environment, offline, and uses what is there:
# module, program, start-up files.  pip.sh SOURCE BUILD SCRATCH
# The build tree is reused, so that nothing is compiled twice; what the source distribution lacks is found by a configure run.
set -euo pipefail
source=$1 build=$2 scratch=$3
here=$(cd "$(dirname "$0")" && pwd)
python=/usr/bin/python3
export PIP_NO_INDEX=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
unset PYTHONPATH

rm -rf "$scratch"
mkdir -p "$scratch"
work=$(mktemp -d)   # outside the source and the build tree, so that nothing is found by accident
trap 'rm -rf "$work"' EXIT

# setuptools writes beside setup.py, which must not be the source tree.
mkdir "$work/source"
(cd "$source" && tar c --exclude='./build*' --exclude=./.git --exclude=__pycache__ .) | tar x -C "$work/source"
(cd "$work/source" && "$python" setup.py -q sdist --dist-dir "$work") >"$scratch/sdist.log" 2>&1
mkdir "$work/unpacked"
tar xzf "$work"/daybook-*.tar.gz -C "$work/unpacked" --strip-components=1
"${CMAKE_COMMAND:-cmake}" -G Ninja -S "$work/unpacked" -B "$work/fresh" -DDAYBOOK_BUILD_TESTS=OFF -DDAYBOOK_BUILD_PYTHON=ON \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo >"$scratch/configure.log"
# Every source file that the build wants, and what would have to be made of it, without making it.
ninja -C "$work/fresh" -n daybook_python daybook_program >"$scratch/ninja.log"

"$python" -m venv --system-site-packages "$work/venv"
(cd "$work" && DAYBOOK_BUILD_DIR=$build "$work/venv/bin/pip" install --no-build-isolation --no-deps "$work/unpacked") \
  >"$scratch/pip.log" 2>&1 || { cat "$scratch/pip.log" >&2; exit 1; }
cd "$work"
"$work/venv/bin/python" "$here/check_pip.py" "$scratch" "$source"
[[ $("$work/venv/bin/daybook" ls "$scratch") == *finished* ]] || { echo "the bundled program does not see the run" >&2; exit 1; }
"$work/venv/bin/daybook" verify "$scratch/000000007-Installed.daybook" "$scratch/out.h5"
