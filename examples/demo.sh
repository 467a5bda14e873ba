#!/usr/bin/env bash
# What `./dev demo` shows. demo.sh PROGRAM FOLDER, both seen from the top of the source tree
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=$1 out=$2
trace=tests/golden/RabiScan.jsonl
last=130   # the line of the trace after which the second run is killed: the middle of the scan
name=000000108-RabiScan

step() { printf '\n== %s\n' "$*"; }
run() { printf '$ %s\n' "$*" | sed "s|$program|daybook|"; "$@"; }

rm -rf "$out"
mkdir -p "$out/whole" "$out/killed"

step "Record: a Rabi scan of 60 points, as an ARTIQ experiment made it, goes into a journal."
run "$program" ingest "$trace" -o "$out/whole/$name.daybook"

step "Record it once more at the pace of the experiment, and kill -9 the recorder half-way."
printf '$ daybook ingest %s -o %s --realtime --ack   # kill -9 once it has printed %s\n' \
  "$trace" "$out/killed/$name.daybook" "$last"
exec {acks}< <(exec "$program" ingest "$trace" -o "$out/killed/$name.daybook" --realtime --ack)
recorder=$!
acked=0
while [[ $acked -lt $last ]] && read -r -u "$acks" acked; do :; done
[[ $acked -ge $last ]] || { echo "demo: the recorder ended before line $last" >&2; exit 1; }
kill -KILL "$recorder"
while read -r -u "$acks" line; do acked=$line; done   # what it still said before it died
exec {acks}<&-
echo "killed; the last event it said was safe came from line $acked of the trace's 255"

step "Two journals. The second has no end: its recorder is dead."
run "$program" ls "$out"

step "Replay both into HDF5. Opening the second journal recovers it: nothing else has to be done."
run "$program" replay "$out/whole/$name.daybook" -o "$out/whole/$name.h5"
run "$program" replay "$out/killed/$name.daybook" -o "$out/killed/$name.h5"

step "The recovered run: its datasets, and what HDF5's own tool sees in the file."
run "$program" ls "$out"
run "$program" show "$out/killed/$name.daybook"
run h5ls -r "$out/killed/$name.h5"

step "Are the files what the journals say? Every record's checksum, then every value of the file."
run "$program" verify "$out/whole/$name.daybook" "$out/whole/$name.h5"
run "$program" verify "$out/killed/$name.daybook" "$out/killed/$name.h5"

step "The same run again, compressed and with one merged group: a layout is a few lines of TOML."
run "$program" replay "$out/whole/$name.daybook" -o "$out/whole/compressed.h5" --layout examples/layouts/lab.toml

step "Plot the scan from both HDF5 files."
/usr/bin/python3 examples/plot_rabi.py "$out/rabi.png" "whole run=$out/whole/$name.h5" \
  "killed half-way, recovered=$out/killed/$name.h5"
