#!/bin/sh
# Installs a build tree into a folder of its own and links a program against it as an application would. Prints TAP.
#   sh tests/install.sh BUILD_DIRECTORY
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
number=0
failures=0

result()
{
    number=$((number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $number $2"
    else
        failures=$((failures + 1))
        echo "not ok $number $2"
        sed 's/^/# /' "$root/log" | tail -n 20
    fi
}

DESTDIR=$root/destination meson install -C "$build" --no-rebuild >"$root/log" 2>&1
result $? "meson install puts everything into its place"

prefix=$(find "$root/destination" -name peer.pc -printf '%h\n' | head -n 1)
PKG_CONFIG_PATH=$prefix PKG_CONFIG_SYSROOT_DIR=$root/destination
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
library=$(dirname "$prefix")
[ -e "$library/libpeer.so" ] && [ -e "$library/libpeer.so.0" ] && readelf -d "$library/libpeer.so" 2>"$root/log" | grep -q 'SONAME.*libpeer.so.0'
result $? "libpeer.so is there with its soname"

cc -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -o "$root/offer-answer" examples/offer-answer.c $(pkg-config --cflags --libs peer) >"$root/log" 2>&1
result $? "a program is built with pkg-config --cflags --libs peer"

LD_LIBRARY_PATH=$library timeout 30 "$root/offer-answer" >"$root/log" 2>&1 </dev/null
result $? "and runs"

echo "1..$number"
[ "$failures" = 0 ]
