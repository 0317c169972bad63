#!/bin/sh
# Calls with other stacks and real browsers: sh tests/interop/run.sh BUILD [WORD…]; with words only the cases that name one of them.
# scripts/deps.sh has installed the Debian packages; npm and go fetch the rest, in the versions that are pinned here, into BUILD/interop.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/deps.sh"
build=$(cd "$1" && pwd)
shift
cache=$build/interop
mkdir -p "$cache/werift"

# What cannot be prepared is said here, and its calls fail.
prepare()
{
    name=$1
    shift
    "$@" >"$cache/$name.log" 2>&1 && return 0
    echo "# $name cannot be prepared:"
    tail -n 15 "$cache/$name.log" | sed 's/^/# /'
}

prepare_werift()
{
    cp "$here/peers/werift/peer.mjs" "$cache/werift/"
    cmp -s "$here/peers/werift/package-lock.json" "$cache/werift/package-lock.json" && [ -d "$cache/werift/node_modules" ] && return 0
    cp "$here/peers/werift/package.json" "$here/peers/werift/package-lock.json" "$cache/werift/"
    (cd "$cache/werift" && again npm ci --ignore-scripts --no-audit --no-fund)
}

prepare_pion()
{
    rm -f "$cache/pion-peer"
    (cd "$here/peers/pion" && again go build -mod=readonly -o "$cache/pion-peer" .)
}

prepare libpeer ninja -C "$build" tests/interop/interop-peer tests/interop/interop-channels tests/interop/interop-midcall tests/interop/interop-sdp examples/peer-call/peer-call
prepare werift prepare_werift
prepare pion prepare_pion
exec /usr/bin/python3 "$here/run.py" "$build" "$@"
