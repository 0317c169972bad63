"""That the boxes of the lab are what they are called: how each kind maps, filters and hairpins, seen by plain sockets. Needs root.

    python3 tests/nat/boxes.py

Prints TAP. That something does not pass is never waited for: what must pass is sent after it on the same way, and has arrived alone."""
import contextlib
import os
import signal
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

from kinds import KINDS  # noqa: E402
from lab import SERVERS, World  # noqa: E402
from tap import Tap  # noqa: E402

PORTS = (7001, 7002)
FILTERING = {"": 4, "independent": 4, "address": 2, "port": 1}   # of four servers' ports, how many reach a host that has sent to one
MAPPINGS = {"": 1, "independent": 1, "sequential": 4, "random": 4}  # how many mapped ports four servers' ports see


class Servers:
    """Two ports on each of two addresses of a family, UDP and TCP."""

    def __init__(self, world, family, stack):
        def opened(type_, address, port):
            one = world.public.socket(socket.AF_INET if family == 4 else socket.AF_INET6, type_, (address, port))
            stack.enter_context(one)
            return one
        self.udp = [opened(socket.SOCK_DGRAM, address, port) for address in SERVERS[family][:2] for port in PORTS]
        self.tcp = {port: opened(socket.SOCK_STREAM, SERVERS[family][0], port) for port in (443, PORTS[0])}
        for one in self.tcp.values():
            one.listen()


def datagram_socket(host, family, stack):
    return stack.enter_context(host.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM, ("0.0.0.0" if family == 4 else "::", 0)))


def mappings(client, servers):
    """What each server sees the client as."""
    seen = []
    for server in servers.udp:
        client.sendto(b"hello", server.getsockname()[:2])
        seen.append(server.recvfrom(100)[1][:2])
    return seen


def admitted(host, family, servers, stack):
    """How many of the servers reach a new socket of the host that has sent to the first of them only."""
    client = datagram_socket(host, family, stack)
    client.sendto(b"hello", servers.udp[0].getsockname()[:2])
    mapped = servers.udp[0].recvfrom(100)[1][:2]
    for server in reversed(servers.udp):  # the one that was asked answers last
        server.sendto(b"x", mapped)
    count = 1
    while client.recvfrom(100)[1][:2] != servers.udp[0].getsockname()[:2]:
        count += 1
    return count


def is_udp_blocked(host, servers, stack):
    """TCP passes, and what was sent by UDP before is not there."""
    client = datagram_socket(host, 4, stack)
    client.sendto(b"hello", servers.udp[0].getsockname())
    connect(host, 443, servers)
    servers.udp[0].setblocking(False)
    with contextlib.suppress(BlockingIOError):
        servers.udp[0].recvfrom(100)
        return False
    return True


def connect(host, port, servers):
    with host.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.connect(servers.tcp[port].getsockname())
        servers.tcp[port].accept()[0].close()


def is_tcp_blocked(host, port, servers):
    """A first segment that nobody answers, while the same to 443 is answered."""
    with host.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.connect(servers.tcp[port].getsockname())
        connect(host, 443, servers)
        servers.tcp[port].setblocking(False)
        with contextlib.suppress(BlockingIOError):
            servers.tcp[port].accept()
            return False
    return True


def judge(world, kind):
    world.place("a", kind.name)
    host, problems = world.hosts["a"], []
    with contextlib.ExitStack() as stack:
        if kind.passes != "all":
            servers = Servers(world, 4, stack)
            problems += [] if is_udp_blocked(host, servers, stack) else ["UDP passes"]
            problems += ["TCP is not as said"] if is_tcp_blocked(host, PORTS[0], servers) != (kind.passes == "443") else []
            return problems
        for family in kind.families:
            servers = Servers(world, family, stack)
            seen = mappings(datagram_socket(host, family, stack), servers)
            wanted = MAPPINGS[kind.mapping] if family == 4 else 1
            problems += [] if len(set(seen)) == wanted else [f"IPv{family}: {wanted} mappings expected: {seen}"]
            count = admitted(host, family, servers, stack)
            wanted = FILTERING[kind.filtering if family == 4 else "port"]
            problems += [] if count == wanted else [f"IPv{family}: {count} of four reach it, not {wanted}"]
    return problems


def judge_together(world, hairpin, joined):
    """Whether b gets what a sends to b's private and to b's mapped address, from whom, and whether an answer comes back."""
    world.place_together("full-cone", hairpin=hairpin, joined=joined)
    problems = []
    with contextlib.ExitStack() as stack:
        servers = Servers(world, 4, stack)
        a, b = (datagram_socket(world.hosts[letter], 4, stack) for letter in ("a", "b"))
        mapped_a, mapped_b = (mappings(each, servers)[0] for each in (a, b))
        private_b = world.sites["a"].host_addresses(KINDS["full-cone"], "lan2")[0][0].split("/")[0]
        a.sendto(b"private", (private_b, b.getsockname()[1]))
        a.sendto(b"mapped", mapped_b)
        servers.udp[0].sendto(b"last", mapped_b)
        got = {}
        while b"last" not in got:
            data, source = b.recvfrom(100)
            got[data] = source
        problems += ["the private address is not as said"] if (b"private" in got) != joined else []
        problems += ["the mapped address is not as said"] if (b"mapped" in got) != hairpin else []
        if hairpin and not problems:
            problems += [] if got[b"mapped"] == mapped_a else [f"a is seen as {got[b'mapped']}, not as {mapped_a}"]
            b.sendto(b"answer", got[b"mapped"])
            problems += [] if a.recvfrom(100)[1] == mapped_b else ["the answer does not come from b's mapped address"]
    return problems


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the namespaces go
    tap = Tap()
    with World() as world:
        for kind in KINDS.values():
            tap.run(f"{kind.name} maps and filters as it is called", lambda: judge(world, kind))
        for hairpin, joined, sentence in ((True, False, "reach each other by their mapped addresses alone"), (False, False, "do not reach each other"),
                                          (False, True, "reach each other by their own addresses alone")):
            tap.run(f"two hosts behind one box {sentence}", lambda: judge_together(world, hairpin, joined))
    sys.exit(tap.end())


main()
