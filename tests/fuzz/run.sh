#!/bin/sh
# Runs every fuzzer of a build tree for some seconds each, two at a time: sh tests/fuzz/run.sh BUILD SECONDS
# New inputs go to a temporary folder; the kept corpora stay as they are. What a fuzzer finds is printed as base64.
set -u
build=${1:?BUILD}
seconds=${2:?SECONDS}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}"

length_of() # the longest input that is of use to a target
{
    case $1 in
    sdp | json | negotiation) echo 16384 ;;
    candidate | mdns | dcep | server_url) echo 1024 ;;
    connection | ice | ice_links | media | sctp | dtls | tls_client | turn) echo 4096 ;;
    *) echo 2048 ;;
    esac
}

run_one() # NAME: one TAP line, and what was found
{
    name=$1
    mkdir -p "$work/$name/corpus" "$work/$name/found"
    [ -d "$here/corpus/$name" ] && cp -r "$here/corpus/$name/." "$work/$name/corpus"
    timeout -k 5 $((seconds + 60)) "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len="$(length_of "$name")" -timeout=25 \
        -rss_limit_mb=2048 -close_fd_mask=1 -print_final_stats=1 -artifact_prefix="$work/$name/found/" "$work/$name/corpus" >"$work/$name/log" 2>&1
    status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name/log")
    if [ $status = 0 ]; then
        echo "ok - fuzz_$name ${runs:-0} runs"
        return
    fi
    echo "not ok - fuzz_$name (status $status)"
    grep -vE '^(#|INFO|NEW_FUNC)' "$work/$name/log" | tail -n 60 | sed 's/^/# /'
    for found in "$work/$name"/found/*; do
        [ -f "$found" ] && echo "# $(basename "$found"): $(base64 -w0 "$found")"
    done
}

# Every other fuzzer of the list, from the first or the second on.
run_half()
{
    turn=0
    for target in "$build"/tests/fuzz/fuzz_*; do
        [ -f "$target" ] && [ -x "$target" ] || continue
        if [ $((turn % 2)) = "$1" ]; then run_one "$(basename "$target" | sed 's/^fuzz_//')" >"$work/line.$1.$turn"; fi
        turn=$((turn + 1))
    done
}

run_half 0 &
run_half 1
wait
cat "$work"/line.* 2>/dev/null
if ! ls "$work"/line.* >/dev/null 2>&1; then echo "not ok - no fuzzer in $build/tests/fuzz"; fi
! grep -q '^not ok' "$work"/line.* 2>/dev/null
