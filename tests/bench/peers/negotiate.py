#!/usr/bin/env python3
"""Makes the table of negotiation of docs/benchmarks.md anew: from nothing to two stable sides, by libpeer and others, one after the other.
usage: negotiate.py BUILD [--rounds N] [--count N]

BUILD is a build tree of --buildtype=release. The others are installed into BUILD/bench-peers as run.py does. What does not install is left out,
and what does not manage so many m-lines shows as a dash."""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LINES = [0, 1, 10, 100, 1000]  # 0: the common call
OTHERS_LINES = [0, 1, 10, 100]


def quiet(command, cwd):
    run = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=600)
    if run.returncode != 0:
        raise RuntimeError(f"{command[0]}: {(run.stderr or run.stdout).strip()[-300:]}")


def prepare(build, count):
    place = build / "bench-peers"
    for name in ("node", "pion"):
        shutil.copytree(HERE / name, place / name, dirs_exist_ok=True)
    commands = {}
    for name, install, cwd, command in (
        ("Pion v4", ["go", "build", "-o", "negotiate-bench", "./negotiate"], place / "pion", [str(place / "pion/negotiate-bench")]),
        ("node-datachannel", ["npm", "install", "--no-audit", "--no-fund"], place / "node", ["node", "negotiate.mjs", "node-datachannel"]),
        ("werift", ["npm", "install", "--no-audit", "--no-fund"], place / "node", ["node", "negotiate.mjs", "werift"]),
    ):
        try:
            quiet(install, cwd)
            commands[name] = (command + [str(count)], cwd)
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return commands


def own(build, count):
    run = subprocess.run([build / "tests/bench/peer-bench", "--json", "--count", str(count), "negotiate"], capture_output=True, text=True, check=True,
                         timeout=300)
    report = json.loads(run.stdout)
    result = {lines: (wall, cpu) for lines, wall, cpu in zip(report["mlines"], report["wall_ms"], report["cpu_ms"])}
    return {0: (report["call_wall_ms"], report["call_cpu_ms"]), **result}


def other(command, cwd):
    """Each size in a process of its own: one that crashes or hangs does not take the others along."""
    result = {}
    for lines in OTHERS_LINES:
        try:
            run = subprocess.run([*command, str(lines)], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
            report = json.loads(run.stdout.splitlines()[-1])
            result[lines] = (report["wall_ms"], report["cpu_ms"])
        except (subprocess.TimeoutExpired, IndexError, ValueError):
            print(f"{command[0]} {lines}: no figure", file=sys.stderr)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=100)
    options = parser.parse_args()
    commands = prepare(options.build, options.count)
    best = {}
    for number in range(options.rounds):
        for name in ["libpeer", *commands]:
            report = own(options.build, options.count) if name == "libpeer" else other(*commands[name])
            print(f"round {number + 1}: {name}: {report}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
            for lines, figures in report.items():
                best[name, lines] = tuple(map(min, zip(figures, best.get((name, lines), figures))))
    names = ["libpeer", *commands]
    print("| wall / CPU, ms | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 1) + "|")
    for lines in LINES:
        title = "audio, video, data" if lines == 0 else f"{lines} m-line" + ("s" if lines > 1 else "")
        cells = [f"{best[name, lines][0]:.2f} / {best[name, lines][1]:.2f}" if (name, lines) in best else "–" for name in names]
        print(f"| {title} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
