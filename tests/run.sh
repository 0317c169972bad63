#!/bin/sh
# Builds the library and runs its tests: sh tests/run.sh [SUITE…]
#   without a suite   unit sim api structure   (no browser, no root network, minutes)
#   all               those, and: clang asan tsan valgrind fuzz wraps netns nat interop bindings bench
# Each suite can be named. What is missing is installed (Debian 12, as root). The last line counts: N passed, N failed.
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/deps.sh

default_suites="unit sim api structure"
all_suites="$default_suites clang asan tsan valgrind fuzz wraps netns nat interop bindings bench"
case "${1:-}" in
-h | --help)
    sed -n '2,6s/^# //p' "$0"
    exit 0
    ;;
all) suites=$all_suites ;;
"") suites=$default_suites ;;
*) suites=$* ;;
esac
: "${FUZZ_SECONDS:=60}"
passed=0
failed=0
failures= # told again at the end: "failed: …", and under it, indented, what was said
took=

# fail NAME [FILE]: with a file, its last lines are told as well
fail()
{
    failed=$((failed + 1))
    failures="$failures
failed: $1"
    [ -z "${2:-}" ] || failures="$failures
$(tail -n 30 "$2" | cut -c 1-300 | sed 's/^/    /')"
    echo "not ok - $1"
}

pass()
{
    passed=$((passed + 1))
    echo "ok - $1"
}

# The end of the output: of the first ten failures what they said, of the others their names.
finish()
{
    echo "# took:$took"
    echo "$failures" | awk '/^failed: / { count++; print; next } /./ && count <= 10'
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}

# check NAME command…: one test that is its exit status
check()
{
    name=$1
    shift
    output=$(mktemp)
    { "$@" 2>&1; echo $? >"$output.status"; } | tee "$output"
    if [ "$(cat "$output.status")" = 0 ]; then pass "$name"; else fail "$name" "$output"; fi
    rm -f "$output" "$output.status"
}

# meson_suites TREE PREFIX SUITE…: runs suites of a build tree and adds their counts
meson_suites()
{
    tree=$1
    prefix=$2
    shift 2
    rm -f "$tree"/meson-logs/testlog.junit.xml "$tree"/meson-logs/testlog.json
    arguments=
    for wanted_suite in "$@"; do arguments="$arguments --suite $wanted_suite"; done
    # Twice as many at a time as there are processors: many wait most of the time.
    meson test -C "$tree" --no-rebuild --num-processes $((2 * $(nproc))) --print-errorlogs -t "${TIMEOUT_MULTIPLIER:-1}" $arguments | grep -vE '^(ninja|$)'
    report=$(python3 tests/count.py "$prefix" "$tree/meson-logs") || report="0 1
failed: $prefix: no report"
    counts=$(echo "$report" | head -n 1)
    echo "# $prefix: $counts (passed, failed)"
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
    failures="$failures
$(echo "$report" | sed 1d)"
}

# tap NAME command…: a program that prints "ok …" and "not ok …" lines
tap()
{
    name=$1
    shift
    output=$(mktemp)
    { "$@" 2>&1; echo $? >"$output.status"; } | tee "$output"
    status=$(cat "$output.status")
    good=$(grep -c '^ok' "$output")
    bad=$(grep -c '^not ok' "$output")
    passed=$((passed + good))
    failed=$((failed + bad))
    failures="$failures
$(python3 tests/failures.py "$name" "$output")"
    if [ "$status" != 0 ] && [ "$bad" = 0 ]; then fail "$name ended with status $status" "$output"; fi
    if [ "$good" = 0 ] && [ "$bad" = 0 ] && [ "$status" = 0 ]; then fail "$name ran no test"; fi
    rm -f "$output" "$output.status"
}

# build NAME TREE options…
build()
{
    name=$1
    shift
    output=$(mktemp)
    if build_tree "$@" 2>"$output"; then
        rm -f "$output"
        pass "build $name"
        return 0
    fi
    cat "$output"
    fail "build $name" "$output"
    rm -f "$output"
    return 1
}

plain_built=
plain()
{
    if [ -z "$plain_built" ]; then
        need_packages lib default || exit 1
        command -v python3 >/dev/null || exit 1
        build "with gcc" build -Dwerror=true || finish
        plain_built=1
    fi
}

# Those of unit, sim and api that are wanted run together, with the first of them.
together()
{
    [ -z "$together_done" ] || return 0
    together_done=1
    plain
    wanted=
    for each in $suites; do
        case $each in unit | sim | api) wanted="$wanted $each" ;; esac
    done
    meson_suites build "$(echo $wanted)" $wanted
}
together_done=
suite_unit() { together; }
suite_sim() { together; }
suite_api() { together; }
suite_structure()
{
    plain
    tap structure python3 tests/structure.py build
    tap install sh tests/install.sh build
}

docs_are_complete()
{
    warnings=$(doxygen docs/Doxyfile 2>&1) && [ -z "$warnings" ] && return 0
    echo "$warnings"
    return 1
}

suite_clang()
{
    need_packages lib tests || { fail "packages for clang"; return; }
    # It is never run, and warnings do not depend on optimization.
    CC=clang build "with clang" build-clang -Dwerror=true -Doptimization=0 -Ddebug=false
    check "sources are formatted as .clang-format says" sh -c "git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror"
    check "Doxygen finds everything public explained" docs_are_complete
}

suite_asan()
{
    need_packages lib tests || { fail "packages for asan"; return; }
    CC=clang TARGETS=meson-test-prereq build "with address and undefined-behaviour sanitizers" build-asan -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 || return
    ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TIMEOUT_MULTIPLIER=5 \
        meson_suites build-asan asan unit sim api
}

suite_tsan()
{
    need_packages lib tests || { fail "packages for tsan"; return; }
    CC=clang TARGETS=threads-tests build "with the thread sanitizer" build-tsan -Dwerror=true -Db_sanitize=thread -Db_lundef=false -Doptimization=1 || return
    TSAN_OPTIONS=halt_on_error=1:suppressions=$PWD/tests/support/tsan.supp TIMEOUT_MULTIPLIER=5 meson_suites build-tsan tsan threads
}

suite_valgrind()
{
    plain
    need_packages tests || { fail "packages for valgrind"; return; }
    check "one call under valgrind leaks nothing" env PAIR_PATIENCE=120 valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
        build/tests/api/api_call own_loop
}

suite_fuzz()
{
    need_packages lib tests || { fail "packages for fuzz"; return; }
    CC=clang TARGETS=fuzzers build fuzzers build-fuzz -Dfuzzers=true -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 -Dexamples=false || return
    tap fuzz sh tests/fuzz/run.sh build-fuzz "$FUZZ_SECONDS"
}

suite_wraps()
{
    need_packages lib tests || { fail "packages for wraps"; return; }
    check "libsrtp2 and usrsctp from source, in the wraps' places" bash scripts/build-with-wraps.sh
}
suite_netns() { plain; need_packages tests && tap netns python3 tests/netns/run.py build; }
suite_nat()
{
    plain
    need_packages nat || { fail "packages for nat"; return; }
    for test in boxes discovery names portmap matrix servers mobility; do tap "nat $test" python3 "tests/nat/$test.py" build; done
}
suite_interop()
{
    plain
    need_packages tests nat interop || { fail "packages for interop"; return; }
    tap interop sh tests/interop/run.sh build
    tap "browsers in the lab" /usr/bin/python3 tests/nat/browsers.py build
}
suite_bindings()
{
    plain
    need_packages browser python || { fail "packages for bindings"; return; }
    need_node_package || { fail "Node and its packages for bindings"; return; }
    PEER_LIBRARY=$PWD/build/libpeer.so tap "Python's binding" /usr/bin/python3 examples/bindings/python/tests/run.py
    tap "Node's binding" node examples/bindings/node/tests/run.js
    tap "the same tests in Chromium" python3 examples/bindings/node/tests/in_chromium.py
}
suite_bench() { plain; need_packages nat bench && tap bench python3 tests/bench/check.py build; }

for suite in $suites; do
    case " $all_suites " in
    *" $suite "*) ;;
    *)
        echo "There is no suite \"$suite\"; there are: $all_suites" >&2
        exit 2
        ;;
    esac
    echo "# suite $suite"
    started=$(date +%s)
    suite_$suite
    seconds=$(($(date +%s) - started))
    echo "# suite $suite took $seconds s"
    took="$took $suite $seconds s,"
done
finish
