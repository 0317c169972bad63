"""The networks that a host may be in, and the packet filters that make them.

A NAT is three things: how it maps (RFC 4787 §4.1), what it lets in (§5), and whether its own hosts reach each other by their mapped addresses
(§6). The classic names are combinations of the first two. Mapping and filtering are made with nftables: what a host has sent is noted in
sets, which say where an arriving datagram goes and whether it may. Conntrack alone would do for the strictest kinds only."""
import random
from dataclasses import dataclass

LIFETIME_S = 60


@dataclass(frozen=True)
class Kind:
    name: str
    mapping: str = ""         # "" (no translation), "independent", "sequential" or "random": the last two make a new port for each destination
    filtering: str = ""       # "" (none), "independent", "address" or "port"
    layers: int = 1           # 2: the provider translates once more
    passes: str = "all"       # "all", "tcp", or "443": TCP to that port alone
    families: tuple = (4,)    # of the host's addresses; IPv6 is never translated, but filtered like "port"

    @property
    def is_translated(self):
        return self.mapping != ""


KINDS = {kind.name: kind for kind in (
    Kind("open"),
    Kind("firewalled", filtering="port"),
    Kind("full-cone", "independent", "independent"),
    Kind("address-restricted-cone", "independent", "address"),
    Kind("port-restricted-cone", "independent", "port"),
    Kind("symmetric", "sequential", "port"),
    Kind("symmetric-random", "random", "port"),
    Kind("double-nat", "independent", "port", layers=2),
    Kind("udp-blocked", "independent", "port", passes="tcp"),
    Kind("tcp-443-only", "independent", "port", passes="443"),
    Kind("ipv6-only", filtering="port", families=(6,)),
    Kind("dual-stack", "independent", "port", families=(4, 6)),
)}

_CONTACTED = {  # what is noted of a datagram that leaves, and what of an arriving one is looked up
    "address": ("ipv4_addr", "ip daddr", "ip saddr"),
    "port": ("ipv4_addr . inet_service", "ip daddr . udp dport", "ip saddr . udp sport"),
}

_FIREWALL6 = """table ip6 firewall {
 chain forward { type filter hook forward priority filter; policy drop;
  ct state established,related accept
  iifname "lan*" accept
 }
}
"""


def _passed(kind):
    """What may leave, as the rules of a forward chain."""
    if kind.passes == "443":
        return ' iifname "lan*" tcp dport 443 accept\n'
    if kind.passes == "tcp":
        return ' meta l4proto udp drop\n iifname "lan*" accept\n'
    return ' iifname "lan*" accept\n'


def _note(kind, lifetime_s):
    """The sets that remember what left, and the rule that fills them."""
    sets, rule = f" map mapped {{ type inet_service : ipv4_addr; flags dynamic,timeout; timeout {lifetime_s}s; }}\n", ""
    if kind.mapping == "independent":
        rule += " update @mapped { udp sport : ip saddr }"
    if kind.filtering in _CONTACTED:
        type_, sent, _ = _CONTACTED[kind.filtering]
        sets += f" set contacted {{ type inet_service . {type_}; flags dynamic,timeout; timeout {lifetime_s}s; }}\n"
        rule += f" update @contacted {{ udp sport . {sent} }}"
    return sets, f' iifname "lan*" meta l4proto udp{rule}\n' if rule else ""


def _admit(kind):
    """The rule that lets datagrams in which conntrack knows nothing of."""
    if kind.mapping not in ("", "independent"):
        return ""
    if kind.filtering in _CONTACTED:
        return f' iifname "wan" meta l4proto udp udp dport . {_CONTACTED[kind.filtering][2]} @contacted accept\n'
    return ' iifname "wan" meta l4proto udp accept\n' if kind.filtering == "independent" else ""


def filter_rules(kind, address, hairpin=False, joined=False, lifetime_s=LIFETIME_S):
    """The whole nftables rule set of one box: `address` is its own on its interface "wan", its hosts are behind "lan" and "lan2". They reach
    each other directly if they are `joined`, and by the mapped addresses if the box can `hairpin`. Sequential mappings begin anew elsewhere each
    time, so that servers that remember an earlier one do not take it for this."""
    rules = "flush ruleset\n"
    if 6 in kind.families:
        rules += _FIREWALL6
    if not kind.is_translated and not kind.filtering:
        return rules
    sets, note = _note(kind, lifetime_s)
    inside = ' iifname "lan*" oifname "lan*"'
    rules += f"""table ip nat_box {{
{sets} chain forward {{ type filter hook forward priority filter; policy drop;
{note}{inside}{"" if joined else " ct status dnat"} accept
{inside} drop
 ct state established,related accept
{_passed(kind)}{_admit(kind)} }}
 chain input {{ type filter hook input priority filter;
 ip daddr {address} ct state new drop
 }}
"""
    if kind.is_translated:
        rules += " chain arriving { type nat hook prerouting priority dstnat;\n"
        if kind.mapping == "independent":
            source = "" if hairpin else 'iifname "wan" '
            rules += f" {source}ip daddr {address} meta l4proto udp dnat to udp dport map @mapped\n"
        rules += " }\n chain leaving { type nat hook postrouting priority srcnat;\n"
        if kind.mapping == "sequential":
            rules += f' oifname "wan" meta l4proto udp snat to {address}:numgen inc mod 200 offset {random.randrange(20000, 60000)}\n'
        fully = " fully-random" if kind.mapping == "random" else ""
        rules += f' oifname "wan" snat to {address}{fully}\n'
        rules += f"{inside} ct status dnat snat to {address}\n" if hairpin else ""
        rules += " }\n"
    return rules + "}\n"
