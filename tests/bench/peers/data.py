#!/usr/bin/env python3
"""Makes the tables of data channels in docs/benchmarks.md anew. As root.
usage: data.py BUILD [--quick] [--part loopback|paths|compete|peers …] [--json FILE]

loopback  messages of 64, 16 and 1 KiB between two sides of one machine, libpeer and other libraries
paths     emulated paths, libpeer and then TCP CUBIC (iperf3) on each: 1 to 200 ms, 0 to 1 % loss, 10 to 1,000 Mbit/s; where packets are lost, several seeds, the
          same for both, and the median of the ratios
compete   a libpeer channel and a TCP CUBIC flow at the same time on the same path
peers     some of those paths with other libraries on both sides

BUILD is a build tree of --buildtype=release; others are installed into BUILD/bench-peers as run.py does it. Everything measured is in the JSON file
(BUILD/bench-data.json unless told otherwise); the tables are printed. Paths that cost little run side by side, those that take the machine alone."""
import argparse
import concurrent.futures
import contextlib
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

import ice
import run

RTTS, LOSSES, RATES = [1, 20, 50, 100, 200], [0, 0.1, 1], [10, 100, 1000]
QUICK_PATHS = [(1, 0, 1000), (20, 0, 10), (20, 0.1, 100), (50, 0, 100), (50, 1, 10), (100, 0, 1000), (100, 0.1, 100), (200, 0, 100)]
COMPETE_PATHS = [(20, 0, 10), (20, 0, 100), (20, 0, 1000), (50, 0, 100), (100, 0, 100), (200, 0, 10)]
PEER_PATHS = [(1, 0, 100), (20, 0, 100), (50, 0, 100), (100, 0, 100), (200, 0, 100), (50, 0.1, 100), (50, 1, 100), (20, 0, 1000)]
SIZES = [65536, 16384, 1024]
CAPACITY = 4  # what runs at a time; a path of 1,000 Mbit/s takes it all


class Capacity:
    """A semaphore of which one can take several places at once."""

    def __init__(self, places):
        self.free, self.changed = places, threading.Condition()

    @contextlib.contextmanager
    def take(self, places):
        with self.changed:
            self.changed.wait_for(lambda: self.free >= places)
            self.free -= places
        try:
            yield
        finally:
            with self.changed:
                self.free += places
                self.changed.notify_all()


def places_of(rtt, loss, rate):
    """By what is expected to flow: with losses hardly more than 1.22 segments / (round trip × √loss)."""
    expected = min(rate, 1.22 * 1448 * 8e-3 / (rtt * math.sqrt(loss / 100))) if loss else rate
    return CAPACITY if expected > 150 else CAPACITY // 2 if rate > 100 or expected > 50 else 1


def peer_bench(options, *arguments, timeout=120):
    command = [str(options.build / "tests/bench/peer-bench"), "--json", *map(str, arguments), "data"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
        if done.returncode == 0:
            return json.loads(done.stdout)
        error = done.stderr.strip()[-300:]
    except subprocess.TimeoutExpired:
        error = f"did not end within {timeout} s"
    print(f"{' '.join(command[1:])}: {error}", file=sys.stderr, flush=True)
    return {"error": error}


def over(options, path, seconds, seed, *arguments):
    rtt, loss, rate = path
    return peer_bench(options, "--seconds", seconds, "--rtt-ms", rtt, "--loss", loss, "--rate-mbps", rate, "--seed", seed, *arguments,
                      timeout=2 * seconds + 120)


def run_all(jobs):
    """Runs {key: (places, function)}, the largest first; returns {key: result}."""
    capacity = Capacity(CAPACITY)

    def one(key, places, function):
        with capacity.take(places):
            load, result = os.getloadavg()[0], function()
        print(json.dumps({"of": key, "load": load, **result}), file=sys.stderr, flush=True)
        return {"load": load, **result}

    with concurrent.futures.ThreadPoolExecutor(CAPACITY) as pool:
        futures = {key: pool.submit(one, key, *job) for key, job in sorted(jobs.items(), key=lambda item: -item[1][0])}
        return {key: future.result() for key, future in futures.items()}


def median(reports, key):
    values = [report[key] for report in reports if key in report]
    return statistics.median(values) if values else None


def rate_text(mbps):
    return "–" if mbps is None else f"{mbps:.0f}" if mbps >= 100 else f"{mbps:.1f}" if mbps >= 10 else f"{mbps:.2f}"


def choose(options, some):
    """What the options ask for, or else those."""
    if not (options.rtt or options.loss or options.rate):
        return some
    return [(rtt, loss, rate) for rate in options.rate or RATES for loss in options.loss or LOSSES for rtt in options.rtt or RTTS]


def measure_paths(options):
    paths = choose(options, QUICK_PATHS if options.quick else [(rtt, loss, rate) for rate in RATES for loss in LOSSES for rtt in RTTS])
    jobs = {}
    for path in paths:
        seconds = (10 if path[1] else 12) if options.quick else (10 if path[1] else 20)
        for seed in range(1, 1 + (options.seeds if path[1] else 1)):
            jobs[*path, seed] = (places_of(*path), lambda path=path, seconds=seconds, seed=seed: over(options, path, seconds, seed, "--tcp"))
    results = run_all(jobs)
    cells = {path: [report for key, report in results.items() if key[:3] == path] for path in paths}
    rates = sorted({path[2] for path in paths})
    print("\n| RTT ms, loss % | " + " | ".join(f"{rate:g} Mbit/s" for rate in rates) + " |\n" + "|---" * (len(rates) + 1) + "|")
    for rtt, loss in sorted({path[:2] for path in paths}, key=lambda cell: (cell[1], cell[0])):
        texts = []
        for rate in rates:
            reports = cells.get((rtt, loss, rate), [])
            ratio = median(reports, "ratio_to_lesser")
            texts.append("" if not reports else "–" if ratio is None else
                         f"{rate_text(median(reports, 'throughput_mbps'))} / {rate_text(median(reports, 'tcp_mbps'))} ({ratio:.2f})")
        print(f"| {rtt:g}, {loss:g} | " + " | ".join(texts) + " |")
    ratios = [ratio for reports in cells.values() if (ratio := median(reports, "ratio_to_lesser")) is not None]
    print(f"\nReceived Mbit/s of libpeer / TCP CUBIC (ratio to the lesser of TCP and the link). {sum(ratio >= 0.9 for ratio in ratios)} of {len(paths)} paths reach 0.90; "
          f"the least is {min(ratios, default=0):.2f}.", flush=True)
    return list(results.values())


def measure_compete(options):
    """Whoever begins keeps an advantage for long, as two flows of TCP CUBIC do: so each begins once."""
    paths = choose(options, [COMPETE_PATHS[1], COMPETE_PATHS[3]] if options.quick else COMPETE_PATHS)
    seconds = 12 if options.quick else 30
    jobs = {(*path, lead): (places_of(*path), lambda path=path, lead=lead: over(options, path, seconds, 1, f"--compete={lead}")) for path in paths for lead in (0, 2)}
    results = run_all(jobs)
    print("\n| RTT ms, loss %, Mbit/s | libpeer / TCP CUBIC, libpeer first | libpeer / TCP CUBIC, TCP 2 s earlier | share of libpeer |\n|---|---|---|---|")
    for path in paths:
        reports = [results[*path, lead] for lead in (0, 2)]
        texts = ["–" if "error" in report else f"{rate_text(report['throughput_MBps'] * 8)} / {rate_text(report['tcp_steady_mbps'])}" for report in reports]
        shares = [report["share"] for report in reports if "share" in report]
        share = f"{shares[0]:.2f}, {shares[1]:.2f}: {statistics.mean(shares):.2f}" if len(shares) == 2 else "–"
        print("| {:g}, {:g}, {:g} | ".format(*path) + " | ".join([*texts, share]) + " |")
    return list(results.values())


def measure_peers(options):
    commands = ice.prepare(options.build, options.only)
    place = pathlib.Path(__file__).resolve().parent / "aiortc_peer.py"
    if not options.only or "aiortc" in options.only:
        try:
            run.quiet(["/usr/bin/python3", "-c", "import aiortc"], place.parent)
            commands["aiortc"] = f"/usr/bin/python3 {place}"
        except (OSError, RuntimeError) as error:
            print(f"aiortc is left out: {error}", file=sys.stderr)
    paths = choose(options, PEER_PATHS[3:4] if options.quick else PEER_PATHS)
    jobs = {}
    for path in paths:  # others take more of the machine
        for name, command in commands.items():
            places = min(CAPACITY, places_of(*path) * (1 if name == "libpeer" else 2))
            arguments = ["--tcp"] if command is None else ["--peer", command]
            jobs[*path, name] = (places, lambda path=path, arguments=arguments: over(options, path, 10 if options.quick else 20, 1, *arguments))
    results = run_all(jobs)
    print("\n| RTT ms, loss %, Mbit/s | TCP CUBIC | " + " | ".join(commands) + " |\n" + "|---" * (len(commands) + 2) + "|")
    for path in paths:
        reports = [results[*path, name] for name in commands]
        tcp = next((report["tcp_mbps"] for report in reports if "tcp_mbps" in report), None)
        print("| {:g}, {:g}, {:g} | ".format(*path) + " | ".join(rate_text(value) for value in [tcp, *(report.get("throughput_mbps") for report in reports)]) + " |")
    return [{"peer": key[3], **report} for key, report in results.items()]


def measure_loopback(options):
    options.setups, options.pings = 0, 0
    options.seconds = 2 if options.quick else 4
    commands = run.prepare(options.build, options)
    bench = [str(options.build / "tests/bench/peer-bench"), "--json", "--seconds", str(options.seconds), "--count", "1000"]
    ours = {"libpeer": [], "libpeer, a loop a side": ["--loops", "2"], "libpeer, a loop a side, 1,200 bytes": ["--loops", "2", "--datagram", "1200"]}
    samples, rounds = {}, 1 if options.quick else 3
    for number in range(rounds):
        for size in SIZES:
            for name in [*ours, *(name for name in commands if name not in ours)]:
                command = bench + ours[name] + ["--size", str(size), "data"] if name in ours else commands[name][0] + [str(size)]
                try:
                    report = run.last_object(command, 30 if options.quick else 60)
                except (RuntimeError, ValueError) as error:
                    print(f"{name}, {size} bytes: {error}", file=sys.stderr)
                    continue
                samples.setdefault((name, size), []).append({"peer": name, "size": size, "round": number, "load": os.getloadavg()[0], **report})
                print(json.dumps(samples[name, size][-1]), file=sys.stderr, flush=True)
    names = [name for name in [*ours, *(name for name in commands if name not in ours)] if any((name, size) in samples for size in SIZES)]
    print("\n| loopback | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 1) + "|")
    for size in SIZES:
        for title, key, digits, best in ((f"{size // 1024} KiB messages, MB/s", "throughput_MBps", 1, max),
                                         (f"{size // 1024} KiB messages a second", "messages_per_s", 0, max),
                                         ("CPU s per GB", "cpu_s_per_GB", 2, min)):
            if key != "messages_per_s" or size < 4096:
                values = [[sample[key] for sample in samples.get((name, size), []) if sample.get("throughput_MBps", 0) > 0 and key in sample] for name in names]
                print(f"| {title} | " + " | ".join(f"{best(each):.{digits}f}" if each else "–" for each in values) + " |")
    return [sample for each in samples.values() for sample in each]


PARTS = {"loopback": measure_loopback, "paths": measure_paths, "compete": measure_compete, "peers": measure_peers}


def take_precedence():
    os.setpriority(os.PRIO_PROCESS, 0, -19)
    with contextlib.suppress(OSError):  # where sessions share the processor among them
        pathlib.Path("/proc/self/autogroup").write_text("-19")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--quick", action="store_true", help="some of each, shorter: five minutes; else three quarters of an hour, the paths eighteen minutes")
    parser.add_argument("--part", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rtt", type=float, nargs="*", help="these round trips in ms, and with them --loss PERCENT… and --rate MBPS…, instead of the usual paths")
    parser.add_argument("--loss", type=float, nargs="*")
    parser.add_argument("--rate", type=float, nargs="*")
    parser.add_argument("--seeds", type=int, default=None, help="of paths with losses (3; quick: 1)")
    parser.add_argument("--only", nargs="*", help="these libraries")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--first", action="store_true", help="before whatever else the machine does")
    options = parser.parse_args()
    options.seeds = options.seeds or (1 if options.quick else 3)
    if options.first:
        take_precedence()
    output, measured = options.json or options.build / "bench-data.json", {}
    for part in options.part:
        start = time.monotonic()
        measured[part] = PARTS[part](options)
        print(f"\n{part}: {time.monotonic() - start:.0f} s; load average {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
        output.write_text(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
