#!/bin/sh
# Installs what is missing, builds, and sends files between two processes on this machine: sh examples/send-demo.sh [FILE…]
# Without files it makes some. Its status is 0 only if all arrived and is the same.
set -eu
there=$PWD
cd "$(dirname "$0")/.."
. scripts/deps.sh

need_packages lib
build_program examples/peer-send/peer-send
program=$PWD/build/examples/peer-send/peer-send
directory=$(mktemp -d)
trap 'kill $children 2>/dev/null || true; rm -rf "$directory"' EXIT
children=

# wait_for FILE PATTERN: what it is followed by in a line of a file
wait_for()
{
    for _ in $(seq 100); do
        found=$(sed -n "s/.*$2//p" "$1" | head -n 1)
        [ -n "$found" ] && break
        sleep 0.1
    done
    echo "$found"
}

"$program" serve --listen 127.0.0.1:0 >"$directory/serve" &
children=$!
port=$(wait_for "$directory/serve" 'on port ')
export PEER_RENDEZVOUS="ws://127.0.0.1:${port%%.*}"
if [ $# = 0 ]; then
    mkdir "$directory/files"
    head -c 100000000 /dev/urandom >"$directory/files/large"
    for number in $(seq 100); do echo "$number" >"$directory/files/$number.txt"; done
    set -- "$directory/files"
else
    cd "$there"
fi
"$program" "$@" 2>"$directory/send" &
sender=$!
children="$children $sender"
code=$(wait_for "$directory/send" 'peer-send receive ')
echo "\$ peer-send $*" && cat "$directory/send"
echo "\$ peer-send receive $code" && "$program" receive "$code" --output "$directory/received"
wait "$sender" || exit
for path; do diff -r "$path" "$directory/received/$(basename "$path")"; done
echo 'What was received is what was sent.'
