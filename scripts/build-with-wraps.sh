#!/usr/bin/env bash
# Builds libpeer with libsrtp2, and its tests with usrsctp, from source in the wraps' places, libsrtp2 on OpenSSL, and runs the unit tests. The sources are the
# upstream archives; Meson checks their hashes. They come, in this order: from subprojects/packagecache, if they are there already; from the
# distribution's source packages (apt-get source, Debian 12); else Meson fetches them itself.
#
# usage: scripts/build-with-wraps.sh [BUILD_DIRECTORY [meson setup options …]]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build-wraps}
shift || true
cache=subprojects/packagecache
mkdir -p "$cache"

# fetch SOURCE_PACKAGE ORIG_GLOB ARCHIVE: the package's upstream archive under the name the wrap gives it
fetch() {
    local package=$1 glob=$2 archive=$3
    [ -e "$cache/$archive" ] && return 0
    (cd "$scratch" && apt-get "${apt[@]}" source --download-only "$package" >/dev/null) || return 1
    cp "$scratch"/$glob "$cache/$archive"
}

# The system's own package sources, as sources of source packages, in a place of their own: the system's lists are left alone.
source_lists() {
    mkdir -p "$scratch/sources.d" "$scratch/lists/partial" "$scratch/cache/archives/partial"
    if [ -e /etc/apt/sources.list ]; then
        sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$scratch/sources.d/system.list"
    fi
    local file
    for file in /etc/apt/sources.list.d/debian*.sources; do
        [ -e "$file" ] && sed 's/^Types:.*/Types: deb-src/' "$file" >"$scratch/sources.d/$(basename "$file")"
    done
    apt=(-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$scratch/sources.d" -o Dir::State::lists="$scratch/lists"
        -o Dir::Cache="$scratch/cache" -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" update >/dev/null
}

if command -v apt-get >/dev/null && ! { [ -e "$cache/libsrtp-2.5.0.tar.gz" ] && [ -e "$cache/usrsctp-0.9.5.0.tar.gz" ]; }; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    if ! { source_lists && fetch libsrtp2 'libsrtp2_2.5.0.orig.tar.gz' libsrtp-2.5.0.tar.gz &&
        fetch libusrsctp 'libusrsctp_0.9.5.0.orig.tar.gz' usrsctp-0.9.5.0.tar.gz; }; then
        echo "no source packages of these versions here: Meson fetches the archives" >&2
    fi
fi

reconfigure=
[ -e "$build/build.ninja" ] && reconfigure=--reconfigure
meson setup "$build" $reconfigure --force-fallback-for=libsrtp2,usrsctp "$@"
ninja -C "$build" library # what the tests need comes with them; all else by ninja without a target
meson test -C "$build" --suite libpeer:unit --print-errorlogs

if ldd "$build/libpeer.so" | grep -E 'libsrtp2|libusrsctp|libnss3'; then
    echo "libpeer.so still uses the system's libraries" >&2
    exit 1
fi
echo "libpeer.so with libsrtp2 on OpenSSL inside: $build/libpeer.so"
