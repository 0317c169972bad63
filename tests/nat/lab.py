"""A small Internet in network namespaces: a public network with servers, and sites behind packet filters of any kind. Needs root.

    with World() as world:
        world.place("a", "symmetric")
        world.place("b", "port-restricted-cone")
        world.hosts["a"].run("ip", "addr")

         host a --lan-- box a --wan-- provider a --uplink--.
                                                        public (203.0.113.10 …, 2001:db8:0:1::10 …)
         host b --lan-- box b --wan-- provider b --uplink--'
            '--lan2-- box a                                (for both behind one box)

The namespaces stay while a world lives; another kind of network is other rules in a box, and other addresses on the host. Names hold this
process's number and the world's, so that several worlds live side by side; they go in every case."""
import concurrent.futures
import ctypes
import itertools
import os
import socket
import subprocess

from kinds import KINDS, LIFETIME_S, filter_rules

SERVERS = {4: ("203.0.113.10", "203.0.113.11", "203.0.113.12"), 6: ("2001:db8:0:1::10", "2001:db8:0:1::11", "2001:db8:0:1::12")}
SITES = ("a", "b", "mobile")
HOST_PORTS = {"a": "32768 46000", "b": "46001 60999"}  # apart, so that one box can keep the ports of both
SOCKET_PATIENCE_S = 30
_worlds = itertools.count()

# Every datagram and segment that a host sends is counted.
_COUNTERS = """table inet count {
 counter sent { }
 chain output { type filter hook output priority filter;
  oifname != "lo" counter name sent
 }
}
"""


def command(*arguments, text=None):
    """Runs a program that must succeed; its output."""
    run = subprocess.run(arguments, input=text, capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)}: {run.stderr.strip()}\n{text or ''}")
    return run.stdout


_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


class Namespace:
    def __init__(self, name, forwards):
        self.name = name
        command("ip", "netns", "add", name)
        self.prefix = ["ip", "netns", "exec", name]
        values = ["net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.dad_transmits=0"]  # addresses are usable at once
        if forwards:
            values += ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]
        self.sysctl(*values)
        self.ip("link set lo up")

    def run(self, *arguments, text=None):
        return command(*self.prefix, *arguments, text=text)

    def sysctl(self, *values):
        self.run("sysctl", "-qw", *values)

    def ip(self, *lines):
        """Commands of ip, without the word."""
        command("ip", "-n", self.name, "-batch", "-", text="\n".join(lines) + "\n")

    def filters(self, rules):
        self.run("nft", "-f", "-", text=rules)

    def socket(self, family, type_, address=None):
        """A socket of this namespace: made by a thread that entered it, it stays there."""
        def make():
            with open(f"/run/netns/{self.name}") as handle:
                if _libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made = socket.socket(family, type_)
            made.settimeout(SOCKET_PATIENCE_S)
            if address is not None:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind(address)
            return made
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            return thread.submit(make).result()

    def connect(self, address):
        """A TCP connection that leaves from here."""
        made = self.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.connect(address)
        return made

    def forget_flows(self):
        self.run("conntrack", "-F")

    def link(self, interface, other, other_interface):
        self.ip(f"link add {interface} type veth peer name {other_interface} netns {other.name}", f"link set {interface} up")
        other.ip(f"link set {other_interface} up")

    def remove(self):
        subprocess.run(["ip", "netns", "del", self.name], stderr=subprocess.DEVNULL)


class Host(Namespace):
    """A user's machine. It has eth0, and eth1 where the world gives it a second link."""

    def count_sent(self):
        """Counts what it sends from now on."""
        self.filters(_COUNTERS if "table inet count" not in self.run("nft", "list", "tables") else "reset counters table inet count\n")

    def sent(self):
        """How many packets it has sent since."""
        return int(self.run("nft", "list", "counter", "inet", "count", "sent").split("packets ")[1].split()[0])

    def address(self, interface, addresses, gateways):
        """Takes all addresses away and gives it these."""
        lines = [f"addr flush dev {each} scope global" for each in self.interfaces]
        for address in addresses:
            lines.append(f"addr add {address} dev {interface}")
        self.ip(*lines, *(f"route replace {'::/0' if ':' in gateway else 'default'} via {gateway} dev {interface}" for gateway in gateways))

    def has(self, interface):
        return interface in self.interfaces

    interfaces = ()


class Site:
    """A box and the provider that it is connected to. Its public addresses are 198.51.100.<64 i + …> and 2001:db8:<i + 1>::/48."""

    def __init__(self, world, letter, public):
        self.i = SITES.index(letter)
        self.box = world.add(Namespace, f"box-{letter}", True)
        self.provider = world.add(Namespace, f"provider-{letter}", True)
        i, base = self.i, 64 * self.i
        self.public_address = f"198.51.100.{base + 2}"     # of the box
        self.other_address = f"198.51.100.{base + 3}"      # of the box, when its provider has given it another
        self.provider_address = f"198.51.100.{base + 1}"   # of the provider, whose customers share it where it translates too
        self.carrier_address = f"100.64.{i}.2"             # of the box then
        self.v6 = f"2001:db8:{i + 1}"
        provider, box = self.provider, self.box
        provider.link("uplink", public, f"down-{letter}")
        provider.link("lan", box, "wan")
        public.ip(f"addr add 10.255.{i}.1/30 dev down-{letter}", f"addr add 2001:db8:0:{i + 256:x}::1/64 dev down-{letter}",
                  f"route add 198.51.100.{base}/26 via 10.255.{i}.2", f"route add {self.v6}::/48 via 2001:db8:0:{i + 256:x}::2")
        provider.ip(f"addr add 10.255.{i}.2/30 dev uplink", f"addr add 2001:db8:0:{i + 256:x}::2/64 dev uplink",
                    f"addr add {self.provider_address}/27 dev lan", f"addr add 100.64.{i}.1/24 dev lan", f"addr add {self.v6}:0::1/64 dev lan",
                    f"route add default via 10.255.{i}.1", f"route add ::/0 via 2001:db8:0:{i + 256:x}::1",
                    f"route add 198.51.100.{base + 32}/27 via {self.public_address}", f"route add {self.v6}:1::/64 via {self.v6}:0::2",
                    f"route add {self.v6}:2::/64 via {self.v6}:0::2",
                    *(f"route add blackhole {network}" for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
        box.ip(f"addr add {self.public_address}/27 dev wan", f"addr add {self.other_address}/27 dev wan",
               f"addr add {self.carrier_address}/24 dev wan", f"addr add {self.v6}:0::2/64 dev wan",
               f"route add default via {self.provider_address}", f"route add ::/0 via {self.v6}:0::1")

    def join(self, host, interface, lan):
        """A link between a host and the box: 198.51.100.<64 i + 34>, 192.168.<1 or 2><i>.2 or 2001:db8:<i + 1>:<1 or 2>::2 is the host's."""
        self.box.link(lan, host, interface)
        n = 2 if lan == "lan2" else 1
        self.box.ip(*([f"addr add 198.51.100.{64 * self.i + 33}/27 dev {lan}"] if n == 1 else []),
                    f"addr add 192.168.{n}{self.i}.1/24 dev {lan}", f"addr add {self.v6}:{n}::1/64 dev {lan}")
        host.interfaces = (*host.interfaces, interface)

    def host_addresses(self, kind, lan="lan"):
        """What a host has in a network of that kind: addresses with their lengths, and gateways."""
        n = 2 if lan == "lan2" else 1
        addresses, gateways = [], []
        if 4 in kind.families:
            private = kind.is_translated
            addresses.append(f"192.168.{n}{self.i}.2/24" if private else f"198.51.100.{64 * self.i + 34}/27")
            gateways.append(f"192.168.{n}{self.i}.1" if private else f"198.51.100.{64 * self.i + 33}")
        if 6 in kind.families:
            addresses.append(f"{self.v6}:{n}::2/64 nodad")
            gateways.append(f"{self.v6}:{n}::1")
        return addresses, gateways

    def become(self, kind, lifetime_s=LIFETIME_S, renumbered=False, **options):
        """Whatever it has known of flows is forgotten; `renumbered`, its mappings have another address from now on."""
        is_double = kind.layers == 2
        address = self.carrier_address if is_double else self.other_address if renumbered else self.public_address
        self.box.filters(filter_rules(kind, address, lifetime_s=lifetime_s, **options))
        self.provider.filters(filter_rules(kind, self.provider_address, lifetime_s=lifetime_s).replace('"wan"', '"uplink"') if is_double
                              else "flush ruleset\n")
        gateway = f"100.64.{self.i}.1" if is_double else self.provider_address
        self.box.ip(f"route replace default via {gateway}")
        for each in (self.box, self.provider):
            each.forget_flows()
            each.sysctl(f"net.netfilter.nf_conntrack_udp_timeout={lifetime_s}", f"net.netfilter.nf_conntrack_udp_timeout_stream={lifetime_s}")


class World:
    """Two hosts, their sites, and the public network. With `mobile`, host a has a second link to a third site."""

    def __init__(self, mobile=False):
        self.name = f"nat{os.getpid()}-{next(_worlds)}"
        self.is_mobile = mobile
        self.namespaces = []

    def add(self, kind, name, *arguments):
        namespace = kind(f"{self.name}-{name}", *arguments)
        self.namespaces.append(namespace)
        return namespace

    def __enter__(self):
        try:
            self.public = self.add(Namespace, "public", True)
            rest = self.add(Namespace, "rest", False)  # of the Internet: what goes to addresses that nobody has is lost there without a word
            self.public.link("rest", rest, "public")
            rest.ip("addr add 10.255.255.2/30 dev public", "addr add 2001:db8:0:ffff::2/64 dev public")
            self.public.ip(*(f"addr add {address} dev lo" for addresses in SERVERS.values() for address in addresses),
                           "addr add 10.255.255.1/30 dev rest", "addr add 2001:db8:0:ffff::1/64 dev rest",
                           "route add default via 10.255.255.2", "route add ::/0 via 2001:db8:0:ffff::2")
            self.hosts = {letter: self.add(Host, f"host-{letter}", False) for letter in ("a", "b")}
            self.sites = {letter: Site(self, letter, self.public) for letter in SITES[:3 if self.is_mobile else 2]}
            for letter, host in self.hosts.items():
                host.sysctl(f"net.ipv4.ip_local_port_range={HOST_PORTS[letter]}")
                self.sites[letter].join(host, "eth0", "lan")
            self.sites["a"].join(self.hosts["b"], "eth1", "lan2")
            if self.is_mobile:
                self.sites["mobile"].join(self.hosts["a"], "eth1", "lan")
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for namespace in self.namespaces:
            namespace.remove()

    def place(self, letter, kind, **options):
        """Puts a host into its own site, which becomes a network of that kind."""
        kind, site = KINDS[kind], self.sites[letter]
        site.become(kind, **options)
        self.hosts[letter].address("eth0", *site.host_addresses(kind))

    def place_together(self, kind, **options):
        """Puts both hosts behind box a, on a link each."""
        kind, site = KINDS[kind], self.sites["a"]
        site.become(kind, **options)
        self.hosts["a"].address("eth0", *site.host_addresses(kind))
        self.hosts["b"].address("eth1", *site.host_addresses(kind, "lan2"))

    def place_on_one_link(self):
        """Joins both hosts by a cable, and nothing else: what is multicast by one reaches the other."""
        a, b = self.hosts["a"], self.hosts["b"]
        if not b.has("eth2"):
            a.link("eth2", b, "eth2")
            for host in (a, b):
                host.interfaces = (*host.interfaces, "eth2")
        a.address("eth2", ["192.168.9.1/24"], ["192.168.9.2"])
        b.address("eth2", ["192.168.9.2/24"], ["192.168.9.1"])
