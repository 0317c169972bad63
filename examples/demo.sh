#!/bin/sh
# Installs what is missing, builds, and runs a call between two processes on this machine: sh examples/demo.sh [options of peer-call demo]
# Its status is 0 only if sound, picture and data went both ways.
set -eu
cd "$(dirname "$0")/.."
. scripts/deps.sh

need_packages lib
build_program examples/peer-call/peer-call
exec build/examples/peer-call/peer-call demo "$@"
