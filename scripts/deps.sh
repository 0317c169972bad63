# Sourced: what must be installed, by purpose. need_packages lib|default|tests|nat|bench|interop|node|python|browser installs (Debian 12, as root) what is missing and nothing else, and does
# not touch the network when nothing is. A program that is there counts, wherever it comes from: Debian's npm, say, cannot be installed beside
# a Node of another make.

# libusrsctp-dev is for the tests, which a build holds unless it is told otherwise.
packages_lib="gcc libc6-dev meson ninja-build pkg-config libssl-dev libsrtp2-dev libopus-dev libvpx-dev libyuv-dev libspeexdsp-dev libunistring-dev libjansson-dev libnatpmp-dev libminiupnpc-dev libwebsockets-dev libusrsctp-dev"
packages_default="g++ python3 iproute2 coturn openssl"
packages_tests="clang libclang-rt-14-dev llvm valgrind iproute2 nftables tshark g++ python3 doxygen clang-format dpkg-dev"
packages_nat="coturn conntrack iproute2 miniupnpd-nftables nftables openssl procps"
packages_bench="iperf3 iproute2"
packages_browser="chromium"
packages_node="nodejs npm"
packages_python="python3 python3-numpy"
packages_interop="chromium firefox-esr python3-aiortc gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-nice gir1.2-gst-plugins-bad-1.0 gir1.2-gst-plugins-base-1.0 python3-gi"

# again COMMAND…: up to three times, for what fetches from a network
again()
{
    for pause in 5 20 0; do
        "$@" && return 0
        [ $pause = 0 ] || sleep $pause
    done
    return 1
}

install_packages()
{
    DEBIAN_FRONTEND=noninteractive apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

is_there() # PACKAGE, under another name than its program's for Node alone
{
    case $1 in
    nodejs) command -v node >/dev/null ;;
    npm) command -v npm >/dev/null ;;
    *) false ;;
    esac
}

need_packages()
{
    missing=
    for purpose in "$@"; do
        eval "wanted=\$packages_$purpose"
        for package in $wanted; do
            is_there "$package" || dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
        done
    done
    [ -z "$missing" ] && return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "These Debian packages are needed; install them as root, or their likes on another system:$missing" >&2
        return 1
    fi
    echo "Installing:$missing" >&2
    log=$(mktemp)
    if ! again install_packages $missing >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        echo "The packages could not be installed." >&2
        return 1
    fi
    rm -f "$log"
}

# need_node_package: Node, and what the binding for it needs from npm.
need_node_package()
{
    need_packages node || return 1
    [ -d examples/bindings/node/node_modules/koffi ] && return 0
    (cd examples/bindings/node && again npm install --no-audit --no-fund --loglevel=error)
}

# build_program PROGRAM: builds one, in build/, and shows the output only when that fails.
build_program()
{
    log=$(mktemp)
    echo 'Building…' >&2
    if { [ -f build/build.ninja ] || meson setup build; } >"$log" 2>&1 && ninja -C build "$1" >>"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 60 "$log" >&2
    rm -f "$log"
    echo 'The build failed: see above.' >&2
    return 1
}

# build_tree DIR [meson options…]: configures once, builds TARGETS, or everything when that is empty, and shows the output only when that fails.
build_tree()
{
    tree=$1
    shift
    log=$(mktemp)
    if { [ -f "$tree/build.ninja" ] || meson setup "$tree" "$@"; } >"$log" 2>&1 && ninja -C "$tree" ${TARGETS:-} >>"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 60 "$log" >&2
    rm -f "$log"
    return 1
}
