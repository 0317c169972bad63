#!/usr/bin/env python3
"""Makes the table of ICE in docs/benchmarks.md anew: `peer-bench ice` with this library and with others, over the same emulated networks. As root.
usage: ice.py BUILD [--rounds N] [--jobs N] [--rtt MS…] [--loss PERCENT…] [--path host srflx relay] [--only NAME…]

BUILD is a build tree of --buildtype=release; others are installed into BUILD/bench-peers as run.py does it, and Chromium is Debian's."""
import argparse
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys

from run import HERE, node, quiet

ROUND_SECONDS = 45  # at most: peer-bench gives up after 40


def prepare(build, only):
    """The command of each side by name; None is this library's."""
    place = build / "bench-peers"
    for name in ("node", "pion"):
        shutil.copytree(HERE / name, place / name, dirs_exist_ok=True)
    commands = {"libpeer": None}
    for name, install, command in (
        ("libdatachannel", lambda: node(place / "node"), f"node {place}/node/peer.mjs"),
        ("Pion v4", lambda: quiet(["go", "build", "-o", "bench-peer", "./peer"], place / "pion"), f"{place}/pion/bench-peer"),
        ("Chromium", lambda: quiet(["/usr/bin/chromium", "--version"], HERE), f"/usr/bin/python3 {HERE}/chromium_peer.py"),
    ):
        try:
            install()
            commands[name] = command
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return {name: command for name, command in commands.items() if not only or name in only}


def measure(build, options, peer, path, rtt, loss):
    command = [str(build / "tests/bench/peer-bench"), "--json", "--count", str(options.rounds), "--path", path, "--rtt-ms", str(rtt), "--loss", str(loss),
               "--seed", str(options.seed)]
    run = subprocess.run([*command, *(["--peer", peer] if peer else []), "ice"], capture_output=True, text=True, check=False,
                         timeout=ROUND_SECONDS * (options.rounds + 4))
    return json.loads(run.stdout) if run.returncode == 0 else {"error": run.stderr.strip()[-300:]}


def cell(report):
    if "error" in report:
        return "–"
    failed = f", {report['failed']:.0f} failed" if report["failed"] else ""
    return f"{report['ice_ms_median']:.1f} / {report['ice_ms_p95']:.0f} ({report['packets_median']:.0f}{failed})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=1, help="measurements at a time where the round trip is not 0")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rtt", type=float, nargs="*", default=[0, 50, 200])
    parser.add_argument("--loss", type=float, nargs="*", default=[0, 5, 20])
    parser.add_argument("--path", nargs="*", default=["host", "srflx", "relay"])
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    peers = prepare(options.build, options.only)
    print("| path, RTT ms, loss % | " + " | ".join(peers) + " | round trips of libpeer |")
    print("|---" * (len(peers) + 2) + "|")
    for path in options.path:
        for rtt in options.rtt:
            with concurrent.futures.ThreadPoolExecutor(options.jobs if rtt > 0 else 1) as pool:
                runs = {(loss, name): pool.submit(measure, options.build, options, peer, path, rtt, loss) for loss in options.loss
                        for name, peer in peers.items()}
            for loss in options.loss:
                reports = {name: runs[loss, name].result() for name in peers}
                print(json.dumps({"path": path, "rtt": rtt, "loss": loss, **reports}), file=sys.stderr, flush=True)
                trips = reports.get("libpeer", {}).get("round_trips_median")
                print(f"| {path}, {rtt:g}, {loss:g} | " + " | ".join(map(cell, reports.values())) + f" | {f'{trips:.2f}' if trips else '–'} |", flush=True)


if __name__ == "__main__":
    main()
