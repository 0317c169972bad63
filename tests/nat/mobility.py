"""Changes of network in mid-call: addresses that go, interfaces that take each other's place, NATs that forget. Needs root.

    python3 tests/nat/mobility.py BUILD [--write-docs] [--only WORD]

Prints TAP: picture and data must come again on both sides, over a path of the new network. How long that takes, from when the new path exists,
is told and not judged. With --write-docs the times in docs/nat.md are written anew."""
import argparse
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

import coturn  # noqa: E402
from arenas import Arena, run_all, several  # noqa: E402
from docs import write_section  # noqa: E402
from kinds import KINDS  # noqa: E402
from lab import SERVERS, World  # noqa: E402
from peers import Call  # noqa: E402
from tap import Tap  # noqa: E402

PATIENCE_S = 120  # for the way back: longer than consent lasts, RFC 7675 §5.1, and an ICE restart
WORLDS = 3
AT_ONCE_MS = 10   # what flows since then has never paused


class Stage(Arena):
    """A world with a server, in which host a is the one that moves: eth0 is its Wi-Fi, eth1 its mobile network."""

    def __init__(self, build, certificates):
        super().__init__()
        self.build = build
        with self.stack:
            self.world = self.stack.enter_context(World(mobile=True))
            self.stack.enter_context(coturn.Coturn(self.world, certificates.good))
            self.stack = self.stack.pop_all()
        self.host = self.world.hosts["a"]

    def place(self, kind, kind_of_b):
        self.kind = kind
        self.host.ip("link set eth0 up", "link set eth1 up")
        self.world.place("a", kind)
        self.world.place("b", kind_of_b)
        self.world.sites["mobile"].become(KINDS["port-restricted-cone"])
        self.addresses = {"eth0": self.world.sites["a"].host_addresses(KINDS[kind]),
                          "eth1": self.world.sites["mobile"].host_addresses(KINDS["port-restricted-cone"])}

    def join_mobile(self):
        """eth1 gets its address. What leaves with that address goes out there; the default route prefers eth0."""
        (address,), (gateway,) = self.addresses["eth1"]
        self.host.ip(f"addr replace {address} dev eth1", f"route replace default via {gateway} dev eth1 metric 200",
                     f"route replace default via {gateway} dev eth1 table 11")
        if "lookup 11" not in self.host.run("ip", "rule"):
            self.host.ip(f"rule add from {address.split('/')[0]} lookup 11")

    def leave_wifi(self):
        self.host.ip("link set eth0 down", "addr flush dev eth0 scope global")

    def lose_address(self, family):
        self.host.ip(*(f"addr del {address.replace(' nodad', '')} dev eth0" for address in self.addresses["eth0"][0] if (":" in address) == (family == 6)))

    def rebind(self):
        self.world.sites["a"].become(KINDS[self.kind], renumbered=True)

    def forget(self):
        self.world.sites["a"].become(KINDS[self.kind])


# name, kind of a, kind of b, before the call, (what happens first, then what makes the new path), local addresses of the path afterwards
CASES = (
    ("the Wi-Fi's address is taken away, a mobile network is there", "port-restricted-cone", "port-restricted-cone", Stage.join_mobile,
     (None, lambda stage: stage.lose_address(4)), "192.168.12.2"),
    ("the Wi-Fi goes, a mobile network comes after it", "port-restricted-cone", "port-restricted-cone", None, (Stage.leave_wifi, Stage.join_mobile),
     "192.168.12.2"),
    ("a mobile network comes, then the Wi-Fi goes", "port-restricted-cone", "port-restricted-cone", None, (Stage.join_mobile, Stage.leave_wifi),
     "192.168.12.2"),
    ("the IPv6 address is taken away, IPv4 is there", "dual-stack", "dual-stack", None, (None, lambda stage: stage.lose_address(6)), "192.168.10.2"),
    ("the NAT forgets its mappings and makes others, the peer is open", "symmetric-random", "open", None, (None, Stage.forget), "192.168.10.2"),
    ("the NAT gets another address, the peer is open", "port-restricted-cone", "open", None, (None, Stage.rebind), "192.168.10.2"),
    ("the NAT gets another address, the peer is behind a full cone", "port-restricted-cone", "full-cone", None, (None, Stage.rebind), "192.168.10.2"),
    ("the NAT gets another address, the peer is behind a port-restricted cone", "port-restricted-cone", "port-restricted-cone", None,
     (None, Stage.rebind), "192.168.10.2"),
)


def base_of(path):
    """The own address that the path of host a starts from, whatever the peer knows it as."""
    return path.local.get("relatedAddress") or path.local.get("address")


def times_back(call, since_ms, watched):
    """When each flow has come again on each side, in milliseconds since then; None where it has not."""
    deadline = time.monotonic() + PATIENCE_S
    times = {}
    for (letter, peer), after in zip(call.peers.items(), watched):
        for flow in ("data", "video"):
            line = peer.wait(lambda each: each.get("arrived") == flow, max(0, deadline - time.monotonic()), after)
            times[f"{flow} at {letter}"] = line["at_ms"] - since_ms if line is not None else None
    return times


def watch(call):
    """Asks for the next arrivals; from which line on they are told."""
    watched = []
    for peer in call.peers.values():
        with peer.changed:
            watched.append(len(peer.lines))
        peer.send('{"watch":true}\n')
    return watched


def run_case(stage, case, offerer):
    name, kind, kind_of_b, prepare, (first, then), wanted = case
    stage.place(kind, kind_of_b)
    if prepare is not None:
        prepare(stage)
    families = KINDS[kind].families
    hosts = [SERVERS[4][0]] + ([f"[{SERVERS[6][0]}]"] if 6 in families else [])
    options = [argument for host in hosts for argument in ("--server", f"stun:{host}")]
    with Call(stage.world, stage.build, offerer, [*options, "--media"]) as call:
        if call.works() is None:
            return ["it does not connect at first", *call.explain()], None
        before = watch(call)
        if None in times_back(call, 0, before).values():
            return ["there is no picture at first", *call.explain()], None
        if first is not None:
            first(stage)
        then(stage)
        since_ms = time.monotonic() * 1e3
        times = times_back(call, since_ms, watch(call))
        path = call.paths()["a"]
        problems = [f"no {flow} any more" for flow, took in times.items() if took is None]
        problems += [] if base_of(path) == wanted else [f"the path starts from {base_of(path)}, not from {wanted}"]
        problems += call.explain() if problems else []
    problems += call.endings()
    return problems, None if problems else max(times.values())


def words(took):
    return "never back" if took is None else f"back after {took:.0f} ms" if took > AT_ONCE_MS else "no pause"


def documentation(results):
    lines = ["| what happens | who offered | picture and data |", "|---|---|---|"]
    for (case, offerer), took in results:
        lines.append(f"| {case[0]} | {'the one that moves' if offerer == 'a' else 'the other'} | {words(took)} |")
    return "\n".join(lines)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the namespaces go
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    arguments = parser.parse_args()
    build, tap = os.path.abspath(arguments.build), Tap()
    jobs = [(case, offerer) for case in CASES if arguments.only in case[0] for offerer in ("a", "b")]
    results = []
    with coturn.Certificates() as certificates, several(WORLDS, lambda: Stage(build, certificates)) as stages:
        calls = run_all(stages, [lambda stage, job=job: run_case(stage, *job) for job in jobs])
        for (case, offerer), (problems, took) in zip(jobs, calls):
            tap.result(f"{case[0]}; {offerer} offered: {words(took)}", problems)
            results.append(((case, offerer), took))
    if arguments.write_docs and not arguments.only:
        write_section("mobility", documentation(results))
    sys.exit(tap.end())


main()
