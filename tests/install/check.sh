#!/usr/bin/env bash
# Installs the build, builds examples/journal_and_recover against the installed package outside the source tree, lets it
# die and recover, and reads the file with h5py.  check.sh SOURCE BUILD SCRATCH [SANITIZER]
set -euo pipefail
source=$1 build=$2 scratch=$3 sanitizer=${4:-}
cmake=${CMAKE_COMMAND:-cmake}
here=$(cd "$(dirname "$0")" && pwd)

rm -rf "$scratch"
mkdir -p "$scratch"
work=$(mktemp -d)   # outside the source and the build tree, so that nothing is found by accident
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --prefix "$work/prefix" >"$scratch/install.log"
cp -r "$source/examples/journal_and_recover" "$work/example"

# No public header may need what its user did not ask for.
if grep -rnE '#include *[<"](lmdb|hdf5|H5[A-Z]*public|capnp/.*|kj/.*|fmt/.*|toml.*|xxhash|libdeflate|zlib)' "$work/prefix/include"; then
  echo "a public header includes a private dependency" >&2
  exit 1
fi

flags=
case $sanitizer in
  address) flags="-fsanitize=address,undefined" ;;
  thread) flags="-fsanitize=thread" ;;
esac
"$cmake" -G Ninja -S "$work/example" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_FLAGS="$flags" \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo >"$scratch/configure.log"
"$cmake" --build "$work/build"

run=$scratch/000000042-Example.daybook
status=0
"$work/build/journal_and_recover" "$run" || status=$?
[[ $status -eq 137 ]] || { echo "expected death by SIGKILL (137), got $status" >&2; exit 1; }
[[ $("$work/prefix/bin/daybook" ls "$scratch") == *crashed* ]] || { echo "ls does not say crashed" >&2; exit 1; }
"$work/build/journal_and_recover" "$run" "$scratch/out.h5"
/usr/bin/python3 "$here/check_file.py" "$scratch/out.h5"
"$work/prefix/bin/daybook" verify "$run" "$scratch/out.h5"
