#!/usr/bin/env bash
# Builds examples/plugin and examples/custom_node against an installed Daybook outside the source tree, makes a file with
# each, and reads that with h5py.  plugin.sh SOURCE BUILD SCRATCH [SANITIZER]
set -euo pipefail
source=$1 build=$2 scratch=$3 sanitizer=${4:-}
cmake=${CMAKE_COMMAND:-cmake}
here=$(cd "$(dirname "$0")" && pwd)

rm -rf "$scratch"
mkdir -p "$scratch"
work=$(mktemp -d)   # outside the source and the build tree, so that nothing is found by accident
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --prefix "$work/prefix" >"$scratch/install.log"
cp -r "$source/examples/plugin" "$source/examples/custom_node" "$work"
daybook=$work/prefix/bin/daybook

flags=
[[ $sanitizer != address ]] || flags="-fsanitize=address,undefined"
[[ $sanitizer != thread ]] || flags="-fsanitize=thread"
"$cmake" -G Ninja -S "$work/plugin" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DCMAKE_C_FLAGS="-Wall -Wextra $flags" >"$scratch/configure.log"
"$cmake" --build "$work/build"
plugin=$work/build/libthumbnail.so
if nm -D --undefined-only "$plugin" | grep -i daybook; then
  echo "the plug-in needs symbols of Daybook" >&2
  exit 1
fi

run=$scratch/rabi.daybook
"$daybook" ingest "$source/tests/golden/RabiScan.jsonl" -o "$run"
"$daybook" layout list thumbnail --plugin "$plugin"
"$daybook" layout check "$work/plugin/thumbnail.toml" --plugin "$plugin"
if "$daybook" layout check "$work/plugin/thumbnail.toml"; then
  echo "the plug-in was loaded without being named" >&2
  exit 1
fi
for n in 1 2; do
  "$daybook" replay "$run" -o "$scratch/$n.h5" --plugin "$plugin" --layout "$work/plugin/thumbnail.toml"
done
cmp "$scratch/1.h5" "$scratch/2.h5"
"$daybook" verify "$run" "$scratch/1.h5" --plugin "$plugin" --layout "$work/plugin/thumbnail.toml"
/usr/bin/python3 "$here/check_thumbnail.py" "$scratch/1.h5"

"$cmake" -G Ninja -S "$work/custom_node" -B "$work/custom_build" -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DCMAKE_CXX_FLAGS="-Wall -Wextra $flags" \
  >"$scratch/configure_custom.log"
"$cmake" --build "$work/custom_build"
"$work/custom_build/custom_node" "$run" "$scratch/adc.h5" "$work/custom_node/adc.toml"
/usr/bin/python3 "$here/check_adc.py" "$scratch/adc.h5"
