"""Ports mapped at real gateways: two homes behind symmetric, filtering NATs that run miniupnpd, and no server. Needs root.

    python3 tests/nat/portmap.py BUILD

Prints TAP. The addresses of the boxes are ordinary ones of the Internet, because miniupnpd maps nothing on any other; nothing leaves the namespaces."""
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

from lab import Host, Namespace  # noqa: E402
from peers import Call  # noqa: E402
from tap import Tap  # noqa: E402

PATIENCE_S = 60
PUBLIC = {"a": "5.5.5.5", "b": "5.5.5.6"}

# What the box maps is let in, and what an inner host began; whatever leaves has a port of its own for each destination.
RULES = """table inet miniupnpd {
 chain forward { type filter hook forward priority filter; policy drop;
  ct state established,related accept
  iifname "lan" accept
  jump mapped
 }
 chain mapped { }
 chain prerouting { type nat hook prerouting priority dstnat;
  jump inward
 }
 chain inward { }
 chain postrouting { type nat hook postrouting priority srcnat;
  jump outward
  oifname "wan" masquerade fully-random
 }
 chain outward { }
}
"""
SETTINGS = """ext_ifname=wan
listening_ip=lan
http_port=0
enable_natpmp={natpmp}
enable_upnp={upnp}
secure_mode=yes
uuid=7f3c0c6e-5d1e-4e1b-9a55-0c2d6f8a1b{i:02x}
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
upnp_forward_chain=mapped
upnp_nat_chain=inward
upnp_nat_postrouting_chain=outward
allow 1024-65535 192.168.0.0/16 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""


class Street:
    """Two homes, a host and a box each, and the wire between the boxes."""

    def __init__(self):
        self.namespaces, self.hosts, self.boxes, self.stack = [], {}, {}, contextlib.ExitStack()

    def add(self, kind, name, forwards):
        namespace = kind(f"map{os.getpid()}-{name}", forwards)
        self.namespaces.append(namespace)
        return namespace

    def __enter__(self):
        try:
            for i, letter in enumerate(PUBLIC):
                host, box = self.hosts[letter], self.boxes[letter] = self.add(Host, f"host-{letter}", False), self.add(Namespace, f"box-{letter}", True)
                host.link("eth0", box, "lan")
                host.ip(f"addr add 192.168.{i}.2/24 dev eth0", f"route add default via 192.168.{i}.1")
                box.ip(f"addr add 192.168.{i}.1/24 dev lan")
                box.filters(RULES)
            self.boxes["a"].link("wan", self.boxes["b"], "wan")
            for letter, box in self.boxes.items():
                box.ip(f"addr add {PUBLIC[letter]}/24 dev wan")
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()
        for namespace in self.namespaces:
            namespace.remove()

    def mapped(self, letter):
        """The rules of the box that lead in."""
        rules = self.boxes[letter].run("nft", "list", "chain", "inet", "miniupnpd", "inward")
        return [line.strip() for line in rules.splitlines() if "dnat" in line]


class Gateway:
    """miniupnpd in a box. What it says is read, so that it is known to listen."""

    def __init__(self, box, i, protocol):
        self.folder = tempfile.TemporaryDirectory()
        settings = os.path.join(self.folder.name, "settings")
        with open(settings, "w") as file:
            file.write(SETTINGS.format(i=i, natpmp="yes" if protocol == "PCP" else "no", upnp="yes" if protocol == "UPnP" else "no"))
        self.process = subprocess.Popen([*box.prefix, "miniupnpd", "-d", "-f", settings, "-P", os.path.join(self.folder.name, "pid")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wanted = "Listening for NAT-PMP/PCP" if protocol == "PCP" else "HTTP listening"
        for line in self.process.stderr:
            if wanted in line:
                break
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.drain.wait()
        self.folder.cleanup()


def told_mappings(peer):
    """The reflexive candidates that a side has told of: without any server, they are what its gateway maps."""
    candidates = [each.get("candidate", "").split() for each in peer.said("candidate") if each]
    return [fields[4] for fields in candidates if len(fields) > 7 and fields[7] == "srflx"]


def awaited(what, patience_s=PATIENCE_S):
    deadline = time.monotonic() + patience_s
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def mapped_case(tap, build, street, protocols):
    problems = []
    with contextlib.ExitStack() as stack:
        for i, letter in enumerate(PUBLIC):
            stack.enter_context(Gateway(street.boxes[letter], i, protocols[letter]))
        with Call(street, build, "a", ["--map-ports"]) as call:
            time_ms = call.works(PATIENCE_S)
            problems += ["it has not connected", *call.explain()] if time_ms is None else []
            for letter, peer in call.peers.items():
                if not awaited(lambda: PUBLIC[letter] in told_mappings(peer)):
                    problems.append(f"{letter} has told of {told_mappings(peer)}, not of {PUBLIC[letter]}")
                tap.note(f"{letter} by {protocols[letter]}: {street.mapped(letter)}")
            tap.note(f"connected after {time_ms} ms")
        for letter in PUBLIC:
            if not awaited(lambda: not street.mapped(letter)):
                problems.append(f"left behind at {letter}: {street.mapped(letter)}")
    return problems


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the namespaces go
    build = os.path.abspath(sys.argv[1])
    tap = Tap()
    with Street() as street:
        for a, b in (("PCP", "UPnP"), ("UPnP", "PCP")):
            tap.run(f"two hosts behind symmetric NATs find each other with ports mapped by {a} and by {b}, and leave nothing behind",
                    lambda: mapped_case(tap, build, street, {"a": a, "b": b}))
    sys.exit(tap.end())


main()
