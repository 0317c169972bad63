"""Two hosts: network namespaces joined by a veth pair, peer-call or peer-send in each, the rendezvous in one of them. Needs root.

    python3 tests/netns/run.py BUILD

Prints TAP. The namespaces' names hold this process's number, and go in every case."""
import concurrent.futures
import itertools
import os
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

from peer_call import Rendezvous, Side, judge_report  # noqa: E402
from tap import Tap  # noqa: E402
from transfers import break_case  # noqa: E402

CALL_SECONDS = 6
FRAMES = 120         # of 180
SOUND_SECONDS = 4.5
LOSSY_SECONDS = 10
LOSSY_FRAMES = 200   # of 300: what was lost has come again, and a key frame repaired the rest

# Each host drops five of a hundred packets that it receives, signaling (TCP) apart.
LOSS = """table inet loss {
 chain input { type filter hook input priority filter;
  meta l4proto udp numgen random mod 100 < 5 counter drop
 }
}
"""


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, stdout=subprocess.DEVNULL)


class Hosts:
    """Two namespaces and the link between them."""

    numbers = itertools.count()
    addresses = {"IPv4": ["198.51.100.1", "198.51.100.2"], "IPv6": ["2001:db8:7::1", "2001:db8:7::2"]}

    def __init__(self):
        number = next(self.numbers)
        self.names = [f"peer-{side}-{os.getpid()}-{number}" for side in ("a", "b")]

    def __enter__(self):
        try:
            for name in self.names:
                ip("netns", "add", name)
                ip("-n", name, "link", "set", "lo", "up")
            ip("-n", self.names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", self.names[1])
            for i, name in enumerate(self.names):
                ip("-n", name, "addr", "add", self.addresses["IPv4"][i] + "/24", "dev", "eth0")
                ip("-n", name, "addr", "add", self.addresses["IPv6"][i] + "/64", "dev", "eth0", "nodad")
                ip("-n", name, "link", "set", "eth0", "up")
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)

    def prefix(self, i):
        return ["ip", "netns", "exec", self.names[i]]

    def only(self, family):
        """Leaves the hosts one family of addresses."""
        for i, name in enumerate(self.names):
            for each, length in (("IPv4", "/24"), ("IPv6", "/64")):
                subprocess.run(["ip", "-n", name, "addr", "del", self.addresses[each][i] + length, "dev", "eth0"], stderr=subprocess.DEVNULL)
            address = self.addresses[family][i]
            ip("-n", name, "addr", "add", address + ("/24" if family == "IPv4" else "/64"), "dev", "eth0", *([] if family == "IPv4" else ["nodad"]))

    def set_link(self, is_up):
        ip("-n", self.names[1], "link", "set", "eth0", "up" if is_up else "down")

    def lose(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "exec", name, "nft", "-f", "-"], input=LOSS, text=True, check=True)

    def lost(self):
        """How many datagrams each host has dropped."""
        counts = []
        for i in range(2):
            rules = subprocess.run([*self.prefix(i), "nft", "list", "table", "inet", "loss"], capture_output=True, text=True, check=True).stdout
            counts.append(int(rules.split("counter packets ")[1].split()[0]))
        return counts


def judge_pair(report, who, local, remote):
    """The selected pair must be of the two hosts' own addresses."""
    pair = (report or {}).get("selected_pair") or {}
    ends = [(pair.get(end) or {}).get("address") for end in ("local", "remote")]
    return [] if ends == [local, remote] else [f"{who}: the selected pair is {ends}, not {[local, remote]}"]


def recovery(report):
    """What the receiver of a lossy picture did: (packets lost, NACKs sent)."""
    for one in report["stats"]:
        if one["type"] == "inbound-rtp" and one["kind"] == "video":
            return one.get("packetsLost", 0), one.get("nackCount", 0), one.get("pliCount", 0)
    return 0, 0, 0


def call_case(tap, build, hosts, family, seconds, frames, sound_seconds):
    addresses = hosts.addresses[family]
    host = addresses[0] if family == "IPv4" else f"[{addresses[0]}]"
    rendezvous, sides = None, []
    try:
        rendezvous = Rendezvous(build, host, prefix=hosts.prefix(0))
        for i in range(2):
            sides.append(Side(build, rendezvous, "link", seconds, "--say", f"hello from {i}", prefix=hosts.prefix(i)))
        problems = []
        for i, side in enumerate(sides):
            status = side.wait(seconds + 60)
            who, report = f"host {'ab'[i]}", side.report()
            problems += [] if status == 0 else [f"{who} ended with status {status}"]
            problems += judge_report(report, who, frames, sound_seconds)
            problems += judge_pair(report, who, addresses[i], addresses[1 - i])
            if report is not None:
                tap.note(f"{who}: {report['timing_ms']} {report['received']} lost, NACK, PLI: {recovery(report)}")
        if problems:
            problems += [line for side in sides for line in side.lines[-8:]]
        return problems
    finally:
        for child in [*sides, rendezvous]:
            if child is not None:
                child.kill()


def lossy_case(tap, build, hosts):
    hosts.lose()
    problems = call_case(tap, build, hosts, "IPv4", LOSSY_SECONDS, LOSSY_FRAMES, 0.8 * LOSSY_SECONDS)
    lost = hosts.lost()
    tap.note(f"dropped {lost}")
    return problems + ([] if min(lost) > 10 else ["hardly anything was dropped"])


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the namespaces go
    build = os.path.abspath(sys.argv[1])
    tap = Tap()
    with Hosts() as hosts, Hosts() as others, concurrent.futures.ThreadPoolExecutor(1) as pool:
        others.only("IPv4")
        is_down = threading.Event()  # from here on it waits for 45 s, in which the others go on
        long_break = pool.submit(break_case, tap, build, others, 45, is_down)
        is_down.wait()
        for family in ("IPv4", "IPv6"):
            hosts.only(family)
            tap.run(f"two hosts call each other over {family}: picture, sound and data both ways",
                    lambda: call_case(tap, build, hosts, family, CALL_SECONDS, FRAMES, SOUND_SECONDS))
        hosts.only("IPv4")
        tap.run("a transfer goes on after the network was gone for 8 s", lambda: break_case(tap, build, hosts, 8))
        tap.run("with every twentieth datagram lost in both directions the picture still flows", lambda: lossy_case(tap, build, hosts))
        tap.run("a transfer goes on after the network was gone for 45 s", long_break.result)
    sys.exit(tap.end())


main()
