#!/usr/bin/env python3
"""Runs each measurement of peer-bench briefly and looks at its report: every promised key, a number, positive. Never at how fast it was.
usage: check.py BUILD"""
import json
import math
import os
import subprocess
import sys

PATH_FIGURES = ["rtt_ms", "rate_mbps", "queue_ms", "mtu", "throughput_mbps", "throughput_MBps", "messages_per_s", "cpu_s_per_GB", "rtt_us_median",
                "rtt_us_p99"]
MEASUREMENTS = [
    ("setup", ["--count", "5"], ["setup_ms_median", "setup_ms_p95", "setup_ms_p99", "setup_ms_max", "cpu_ms_per_connection"], []),
    ("idle", ["--count", "5", "--seconds", "0.3"],
     ["rss_kb_per_connection", "rss_kb_per_connection_when_made", "setup_ms_median", "setup_ms_p95", "setup_ms_p99", "setup_ms_max",
      "descriptors_per_connection", "threads"],
     ["cpu_percent_per_pair", "wakeups_per_pair_s"]),
    ("data", ["--count", "200", "--seconds", "0.5"], ["throughput_MBps", "cpu_s_per_GB", "rtt_us_median", "rtt_us_p99"], []),
    ("data", ["--count", "20", "--seconds", "0.5", "--mtu", "1400"], ["throughput_MBps", "messages_per_s", "cpu_s_per_GB", "rtt_us_median"], []),
    ("data", ["--seconds", "2", "--rtt-ms", "20", "--rate-mbps", "50", "--loss", "0.1", "--tcp"], [*PATH_FIGURES, "wire_bytes_per_byte", "tcp_mbps", "ratio_to_lesser"],
     ["tcp_retransmissions"]),
    ("data", ["--seconds", "3", "--rtt-ms", "10", "--rate-mbps", "50", "--compete"], [*PATH_FIGURES, "tcp_mbps", "tcp_steady_mbps", "share"], []),
    ("rtp", ["--seconds", "0.5"], ["packets_per_s", "cpu_us_per_packet"], ["loss"]),
    ("negotiate", ["--count", "3"], ["call_wall_ms", "call_cpu_ms", "mlines", "wall_ms", "cpu_ms", "cpu_us_per_mline"], []),
    ("ice", ["--count", "3"], ["rounds", "ice_ms_median", "ice_ms_p95"], ["failed"]),
    *[("ice", ["--count", "3", "--rtt-ms", "20", "--loss", "5", "--path", path],
       ["rounds", "ice_ms_median", "ice_ms_p95", "rtt_ms", "loss_percent", "packets_median", "packets_p95", "round_trips_least", "round_trips_median",
        "ratio_to_least"],
       ["failed"]) for path in ("host", "srflx", "relay")],
]


def fault(report, name, positive, not_negative):
    """What is wrong with a report, or None."""
    if report.get("bench") != name:
        return f"\"bench\" is {report.get('bench')!r}"
    for key in positive + not_negative:
        value = report.get(key)
        if isinstance(value, list) and value:
            value = min(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return f"{key} is {value!r}"
        if value < 0 or (value == 0 and key in positive):
            return f"{key} is {value}"
    for low, high in (("setup_ms_median", "setup_ms_p95"), ("setup_ms_p95", "setup_ms_p99"), ("setup_ms_p99", "setup_ms_max"),
                      ("rtt_us_median", "rtt_us_p99"), ("ice_ms_median", "ice_ms_p95")):
        if low in report and report[low] > report[high]:
            return f"{low} is above {high}"
    for key in ("series_mbps", "tcp_series_mbps"):
        if key in report and len(report[key]) < report["seconds"] - 1:
            return f"{key} has {len(report[key])} seconds of {report['seconds']:.0f}"
    return "loss is above 1" if report.get("loss", 0) > 1 else None


def measure(program, name, arguments, positive, not_negative):
    try:
        run = subprocess.run([program, "--json", *arguments, name], capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return "does not end"
    if run.returncode != 0:
        return f"status {run.returncode}: {run.stderr.strip()}"
    lines = run.stdout.splitlines()
    if len(lines) != 1:
        return f"{len(lines)} lines instead of one"
    try:
        return fault(json.loads(lines[0]), name, positive, not_negative)
    except ValueError as error:
        return f"no JSON: {error}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = f"{sys.argv[1]}/tests/bench/peer-bench"
    failed = 0
    print(f"1..{len(MEASUREMENTS) + 1}")
    for number, measurement in enumerate(MEASUREMENTS, 1):
        title = " ".join([measurement[0], *measurement[1]])
        if {"--rtt-ms", "--mtu"} & set(measurement[1]) and os.getuid() != 0:
            print(f"ok {number} - bench: {title} # SKIP only root makes network namespaces", flush=True)
            continue
        problem = measure(program, *measurement)
        failed += problem is not None
        print(f"{'ok' if problem is None else 'not ok'} {number} - bench: {title} reports every figure" + (f" # {problem}" if problem else ""), flush=True)
    lone = subprocess.run([program, "--loss", "1", "data"], capture_output=True, text=True, timeout=300)
    is_refused = lone.returncode == 2 and "need --rtt-ms" in lone.stderr
    print(f"{'ok' if is_refused else 'not ok'} {len(MEASUREMENTS) + 1} - bench: what is told of a path without one is refused")
    sys.exit(1 if failed or not is_refused else 0)


main()
