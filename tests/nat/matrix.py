"""Every kind of network against every other, both roles: every pair connects, directly wherever it can be. Needs root.

    python3 tests/nat/matrix.py BUILD [--write-docs] [--only KIND[,KIND]] [--stun-only]

Prints TAP. Several worlds work at the same time. With --write-docs the table in docs/nat.md is written anew."""
import argparse
import os
import signal
import statistics
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

WORLDS = 4
SETTLE_S = 30  # how long a path may still change to the one that theory wants, after data flows
TLS_443 = SERVERS[4][2], SERVERS[6][2]

# What theory allows between two networks: u UDP over IPv4, 6 UDP over IPv6, t TCP, and "." nothing but a relay.
#
# UDP passes when each side can send to an address at which the other's filter admits it. The address that STUN shows is the right one for
# mappings that do not depend on the destination. A symmetric NAT shows the peer another port than the one that STUN saw: a peer whose filter
# looks at addresses alone (or at nothing) admits that and answers it, one whose filter looks at ports does not. Two NATs in a row are as
# strict as the stricter. Behind a filter for TCP nobody can be called, so TCP needs one side that is open.
THEORY = """
                        open fire full addr port sym  rand dbl  blk  443  ip6  dual
open                    u    u    u    u    u    u    u    u    t    .    .    u
firewalled              u    u    u    u    u    .    .    u    .    .    .    u
full-cone               u    u    u    u    u    u    u    u    .    .    .    u
address-restricted-cone u    u    u    u    u    u    u    u    .    .    .    u
port-restricted-cone    u    u    u    u    u    .    .    u    .    .    .    u
symmetric               u    .    u    u    .    .    .    .    .    .    .    .
symmetric-random        u    .    u    u    .    .    .    .    .    .    .    .
double-nat              u    u    u    u    u    .    .    u    .    .    .    u
udp-blocked             t    .    .    .    .    .    .    .    .    .    .    .
tcp-443-only            .    .    .    .    .    .    .    .    .    .    .    .
ipv6-only               .    .    .    .    .    .    .    .    .    .    6    6
dual-stack              u    u    u    u    u    .    .    u    .    .    6    6
"""
WAYS = {"u": "direct", "6": "direct, IPv6", "t": "direct, TCP", ".": "relay"}
HEADINGS = {"open": "open", "firewalled": "fire­walled", "full-cone": "full cone", "address-restricted-cone": "address-restricted",
            "port-restricted-cone": "port-restricted", "symmetric": "sym­metric", "symmetric-random": "symmetric, random", "double-nat": "double NAT",
            "udp-blocked": "UDP blocked", "tcp-443-only": "TCP 443 only", "ipv6-only": "IPv6 only", "dual-stack": "dual stack"}
TOGETHER = (  # both behind one full cone: what it does, what theory allows, a sentence
    ({"hairpin": True}, "direct", "one NAT that hairpins, each in a network of its own"),
    ({"hairpin": False}, "relay", "one NAT that does not hairpin, each in a network of its own"),
    ({"hairpin": False, "joined": True}, "direct", "one NAT and one network"),
)


def theory():
    """The way that each pair of kinds is to go."""
    rows = [line.split() for line in THEORY.strip().splitlines()[1:]]
    ways = {(row[0], other[0]): WAYS[way] for row in rows for other, way in zip(rows, row[1:], strict=True)}
    if [row[0] for row in rows] != list(KINDS) or any(ways[a, b] != ways[b, a] for a, b in ways):
        raise RuntimeError("the table of theory is wrong")
    return ways


class Matrix(Arena):
    """A world with its servers, where one call after the other is made."""

    def __init__(self, build, certificates, stun_only):
        super().__init__()
        self.build, self.ca, self.stun_only = build, certificates.ca, stun_only
        with self.stack:
            self.world = self.stack.enter_context(World())
            self.stack.enter_context(coturn.Coturn(self.world, certificates.good))
            self.stack.enter_context(coturn.Coturn(self.world, certificates.good, addresses=TLS_443, tls_port=443))
            self.stack = self.stack.pop_all()

    def servers(self, kinds):
        """The servers that an application would name, of the families that are about."""
        hosts = [host for family, host in ((4, SERVERS[4][0]), (6, f"[{SERVERS[6][0]}]")) if any(family in kind.families for kind in kinds)]
        if self.stun_only:
            return [argument for host in hosts for argument in ("--server", f"stun:{host}")]
        tls = [host for family, host in ((4, TLS_443[0]), (6, f"[{TLS_443[1]}]")) if any(family in kind.families for kind in kinds)]
        urls = [f"turn:{host}" for host in hosts] + [f"turn:{host}?transport=tcp" for host in hosts] + [f"turns:{host}:443?transport=tcp" for host in tls]
        return [argument for url in urls for argument in ("--server", url)]

    def call(self, kinds, way):
        """One call from a to b, which stand already. What was wrong, and (path, milliseconds, packets)."""
        for host in self.world.hosts.values():
            host.count_sent()
        options = [*self.servers(kinds), "--user", coturn.USER, "--password", coturn.PASSWORD, "--ca-file", self.ca, "--ice-tcp", "all"]
        with Call(self.world, self.build, "a", options) as call:
            took = call.works()
            packets = sum(host.sent() for host in self.world.hosts.values())
            if took is None:
                return ["it does not connect", *call.explain()], ("fails", None, None)
            path = self.settled(call, way)
            problems = [] if path.startswith(way) else [f"it goes by {path}, where {way} is possible", *call.explain()]
        return problems + call.endings(), (path, took, packets)

    def settled(self, call, way):
        """The path that is used, when it is the wanted one or does not become that."""
        deadline = time.monotonic() + SETTLE_S
        while not (path := way_of(call.paths())).startswith(way) and time.monotonic() < deadline:
            time.sleep(0.02)
        return path

    def pair(self, a, b, way):
        self.world.place("a", a)
        self.world.place("b", b)
        return self.call((KINDS[a], KINDS[b]), way)

    def together(self, options, way, offerer):
        self.world.place_together("full-cone", **options)
        return self.call((KINDS["full-cone"],), way)


def way_of(paths):
    """The path in the words of WAYS; behind "relay" how the relaying sides reach their servers."""
    servers = {address for family in SERVERS.values() for address in family}
    relayed = [path for path in paths.values() if path.local.get("candidateType") == "relay"]
    if relayed or any(path.remote.get("address") in servers for path in paths.values()):
        return "relay, " + " + ".join(sorted(path.local.get("relayProtocol", "?") for path in relayed))
    path = paths["a"]
    if not path.exists:
        return "none"
    if path.local.get("protocol") == "tcp":
        return "direct, TCP"
    return "direct, IPv6" if ":" in path.local.get("address", "") else "direct"


def cell(figure):
    path, took, packets = figure
    return path if took is None else f"{path}<br>{took:.0f} ms, {packets}"


def documentation(pairs, figures, together):
    """The generated section of docs/nat.md."""
    names = list(KINDS)
    lines = ["| offers ↓ answers → | " + " | ".join(HEADINGS[name] for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    of = dict(zip(pairs, figures, strict=True))
    for a in names:
        lines.append(f"| **{HEADINGS[a]}** | " + " | ".join(cell(of[a, b]) for b in names) + " |")
    lines += ["", "| both behind | |", "|---|---|"]
    lines += [f"| {sentence} | {cell(figure)} |" for (_, _, sentence), figure in zip(TOGETHER, together, strict=True)]
    direct = [figure for figure in figures if figure[0].startswith("direct")]
    relay = [figure for figure in figures if figure[0].startswith("relay")]
    lines.append("")
    for name, group in (("direct", direct), ("relayed", relay)):
        if group:
            lines.append(f"{len(group)} {name}: median {statistics.median(each[1] for each in group):.0f} ms, at most {max(each[1] for each in group):.0f} ms; "
                         f"median {statistics.median(each[2] for each in group):.0f} packets.")
    return "\n".join(lines).replace("packets.\n", "packets.  \n")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the namespaces go
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--only", help="kinds, separated by commas: pairs of these alone")
    parser.add_argument("--stun-only", action="store_true", help="no relay: only the pairs that connect directly by UDP")
    arguments = parser.parse_args()
    build, tap, ways = os.path.abspath(arguments.build), Tap(), theory()
    kinds = arguments.only.split(",") if arguments.only else list(KINDS)
    pairs = [(a, b) for a in kinds for b in kinds if not arguments.stun_only or ways[a, b] in ("direct", "direct, IPv6")]
    jobs = [(f"{a} calls {b}", lambda arena, a=a, b=b: arena.pair(a, b, ways[a, b])) for a, b in pairs]
    jobs += [(f"two hosts behind {sentence}", lambda arena, options=options, way=way: arena.together(options, way, "a")) for options, way, sentence in TOGETHER
             if not arguments.stun_only or way == "direct"]
    figures = []
    with coturn.Certificates() as certificates, several(WORLDS, lambda: Matrix(build, certificates, arguments.stun_only)) as arenas:
        for (sentence, _), (problems, figure) in zip(jobs, run_all(arenas, [job for _, job in jobs])):
            path, took, packets = figure = figure or ("fails", None, None)
            tap.result(f"{sentence}: {path}" + (f", {took:.0f} ms, {packets} packets" if took is not None else ""), problems)
            figures.append(figure)
    if arguments.write_docs and not arguments.only and not arguments.stun_only:
        write_section("matrix", documentation(pairs, figures[:len(pairs)], figures[len(pairs):]))
    sys.exit(tap.end())


main()
