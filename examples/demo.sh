#!/bin/sh
# Installs what is missing, builds, and runs a call between two processes on this machine: sh examples/demo.sh [options of peer-call demo]
# Its status is 0 only if sound, picture and data went both ways.
set -eu
cd "$(dirname "$0")/.."
. scripts/deps.sh

need_packages lib
program=examples/peer-call/peer-call
log=$(mktemp)
echo 'Building…'
if ! { [ -f build/build.ninja ] || meson setup build; } >"$log" 2>&1 || ! ninja -C build "$program" >>"$log" 2>&1; then
    tail -n 60 "$log" >&2
    rm -f "$log"
    echo 'The build failed: see above.' >&2
    exit 1
fi
rm -f "$log"
exec "build/$program" demo "$@"
