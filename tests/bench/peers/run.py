#!/usr/bin/env python3
"""Makes the table of docs/benchmarks.md anew: peer-bench and other libraries, one after the other on the same machine, several times over.
usage: run.py BUILD [--rounds N] [--seconds S] [--only NAME…]

BUILD is a build tree of --buildtype=release. Others are installed into BUILD/bench-peers where their package managers are there: node-datachannel
(libdatachannel) and @roamhq/wrtc (libwebrtc) by npm, Pion by go, Chromium and aiortc as Debian's chromium and python3-aiortc. What does not install is left out, and said so."""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROWS = [
    ("connection set-up, median ms", "setup_ms_median", 2, min),
    ("connection set-up, p95 ms", "setup_ms_p95", 2, min),
    ("CPU per connected pair, ms", "cpu_ms_per_connection", 2, min),
    ("data, 64 KiB messages, MB/s", "throughput_MBps", 1, max),
    ("CPU s per GB", "cpu_s_per_GB", 2, min),
    ("round trip, median µs", "rtt_us_median", 1, min),
    ("round trip, p99 µs", "rtt_us_p99", 1, min),
]


def last_object(command, timeout):
    """All that it reports, as one object; what it reported before it crashed or hung counts too."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        try:
            output, errors = run.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            run.kill()
            output, errors = run.communicate()
            print(f"{command[0]} {command[1]} did not end within {timeout} s", file=sys.stderr)
    objects = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if not objects:
        raise RuntimeError((errors.strip() or f"status {run.returncode}").splitlines()[-1])
    return {key: value for each in objects for key, value in each.items()}


def quiet(command, cwd):
    run = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=600)
    if run.returncode != 0:
        raise RuntimeError(f"{command[0]}: {(run.stderr or run.stdout).strip()[-300:]}")


def node(directory):
    if not (directory / "node_modules").is_dir():
        quiet(["npm", "install", "--no-audit", "--no-fund"], directory)


def pion(directory):
    quiet(["go", "build", "-o", "bench", "."], directory)


def tree_cpu(pid):
    """CPU seconds so far of a process and of all that descend from it."""
    parents, times = {}, {}
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.parent.name)], times[int(entry.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    tree, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in tree} - tree
        tree |= more
        grown = bool(more)
    return sum(times.get(each, 0) for each in tree) / os.sysconf("SC_CLK_TCK")


def prepare(build, options):
    """The commands that can be run here, by name."""
    bench = [str(build / "tests/bench/peer-bench"), "--json"]
    workload = [str(options.setups), str(options.seconds), str(options.pings)]
    commands = {
        "libpeer": (bench + ["--count", str(options.setups), "setup"], bench + ["--seconds", str(options.seconds), "--count", str(options.pings), "data"]),
        "libpeer, a loop a side": (bench + ["--loops", "2", "--count", str(options.setups), "setup"],
                                   bench + ["--loops", "2", "--seconds", str(options.seconds), "--count", str(options.pings), "data"]),
    }
    place = build / "bench-peers"
    for name in ("node", "pion"):
        shutil.copytree(HERE / name, place / name, dirs_exist_ok=True)
    for name, install, command in (
        ("Pion v4", lambda: pion(place / "pion"), [str(place / "pion/bench")]),
        ("node-datachannel", lambda: node(place / "node"), ["node", str(place / "node/bench.mjs"), "node-datachannel"]),
        ("@roamhq/wrtc", lambda: node(place / "node"), ["node", str(place / "node/bench.mjs"), "wrtc"]),
        ("Chromium", lambda: quiet(["/usr/bin/chromium", "--version"], HERE), ["/usr/bin/python3", str(HERE / "chromium_bench.py")]),
        ("aiortc", lambda: quiet(["/usr/bin/python3", "-c", "import aiortc"], HERE), ["/usr/bin/python3", str(HERE / "aiortc_bench.py")]),
    ):
        if options.only and name not in options.only:
            continue
        try:
            install()
            commands[name] = (command + workload,)
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return commands


def measure(commands, rounds, timeout):
    """Every round runs all once, so that a busy spell of the machine does not hit one alone. The best of the rounds counts."""
    samples = {name: [] for name in commands}
    loads = []
    for number in range(rounds):
        for name, runs in commands.items():
            loads.append(os.getloadavg()[0])
            try:
                samples[name].append({key: value for run in runs for key, value in last_object(run, timeout).items()})
            except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
                print(f"{name}: {error}", file=sys.stderr)
            print(f"round {number + 1}: {name}: {samples[name][-1:]}", file=sys.stderr)
    return samples, loads


def table(samples):
    names = [name for name in samples if samples[name]]
    print("| | " + " | ".join(names) + " | best other / libpeer |")
    print("|---" * (len(names) + 2) + "|")
    for title, key, digits, best in ROWS:
        values = {name: best(measured) for name in names if (measured := [sample[key] for sample in samples[name] if key in sample])}
        ours = best(value for name, value in values.items() if name.startswith("libpeer"))
        others = [value for name, value in values.items() if not name.startswith("libpeer")]
        ratio = f"{best(others) / ours:.2f}" if others else "–"
        print(f"| {title} | " + " | ".join(f"{values[name]:.{digits}f}" if name in values else "–" for name in names) + f" | {ratio} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--setups", type=int, default=100)
    parser.add_argument("--pings", type=int, default=5000)
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one library's run")
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    samples, loads = measure(prepare(options.build, options), options.rounds, options.timeout)
    table(samples)
    print(f"\nload average before each run: median {statistics.median(loads):.1f}, {min(loads):.1f} to {max(loads):.1f}")


if __name__ == "__main__":
    main()
