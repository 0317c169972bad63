"""What peer-nat says behind every kind of NAT, asking a real coturn. Needs root.

    python3 tests/nat/discovery.py BUILD

Prints TAP."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

import coturn  # noqa: E402
from kinds import KINDS  # noqa: E402
from lab import SERVERS, World  # noqa: E402
from tap import Tap  # noqa: E402

PATIENCE_S = 60
PLAIN_PORT = 3500  # of servers with one address
BEHAVIOURS = {"independent": "endpoint-independent", "address": "address-dependent", "port": "address-and-port-dependent",
              "sequential": "address-and-port-dependent", "random": "address-and-port-dependent"}
CONES = ("full-cone", "address-restricted-cone", "port-restricted-cone")
LIFETIME_S, MEASURED_S = 4, 14


def url(address, port=3478):
    return f"stun:[{address}]:{port}" if ":" in address else f"stun:{address}:{port}"


class Lab:
    def __init__(self, build, world):
        self.program, self.world = os.path.join(build, "examples", "peer-nat"), world

    def run(self, *arguments):
        return subprocess.run([*self.world.hosts["a"].prefix, self.program, *arguments], capture_output=True, text=True, timeout=PATIENCE_S)

    def ask(self, *arguments):
        """The answer, and what is wrong with its form."""
        run = self.run("--json", *arguments)
        if run.returncode != 0:
            return {}, [f"status {run.returncode}: {run.stderr}{run.stdout}"]
        answer = json.loads(run.stdout)
        missing = {"nat_type", "mapping", "filtering", "mapped_address", "hairpinning", "binding_lifetime_s"} - set(answer)
        return answer, [f"without {missing}"] if missing else []

    def mapped_ip(self, kind):
        """The host's address as the Internet sees it."""
        site = self.world.sites["a"]
        if not kind.is_translated or 4 not in kind.families:
            return site.host_addresses(kind)[0][0].split("/")[0]
        return site.provider_address if kind.layers == 2 else site.public_address


def expected(kind, hairpin):
    if kind.passes != "all":
        return {"nat_type": "udp-blocked", "mapping": None, "filtering": None, "hairpinning": None}
    if not kind.is_translated or 4 not in kind.families:
        return {"nat_type": "firewalled" if kind.filtering else "open", "mapping": "endpoint-independent",
                "filtering": BEHAVIOURS[kind.filtering or "independent"], "hairpinning": None}
    mapping, filtering = BEHAVIOURS[kind.mapping], BEHAVIOURS[kind.filtering]
    names = {"endpoint-independent": "full-cone", "address-dependent": "address-restricted-cone", "address-and-port-dependent": "port-restricted-cone"}
    return {"nat_type": names[filtering] if kind.mapping == "independent" else "symmetric", "mapping": mapping, "filtering": filtering,
            "hairpinning": hairpin}


def differences(answer, wanted):
    return [f"{key} is {answer.get(key)!r}, not {value!r}: {answer}" for key, value in wanted.items() if answer.get(key) != value]


def judge(lab, kind, hairpin=False):
    lab.world.place("a", kind.name, hairpin=hairpin)
    answer, problems = lab.ask(url(SERVERS[4 if 4 in kind.families else 6][0]))
    problems += differences(answer, expected(kind, hairpin))
    if kind.passes == "all":
        mapped = str(answer.get("mapped_address")).rpartition(":")[0].strip("[]")
        problems += [] if mapped == lab.mapped_ip(kind) else [f"seen as {mapped}, not {lab.mapped_ip(kind)}"]
    else:
        problems += differences(answer, {"mapped_address": None, "turn": "always", "direct_with": []})
    return problems


def judge_lifetime(lab, name):
    """An idle binding is seen alive for less than it lives, and gone after more; a second is for the way."""
    lab.world.place("a", name, lifetime_s=LIFETIME_S)
    answer, problems = lab.ask("--lifetime", str(MEASURED_S), url(SERVERS[4][0]))
    alive, gone = answer.get("binding_lifetime_s"), answer.get("binding_lifetime_below_s")
    if alive is None or gone is None or not alive - 1 <= LIFETIME_S <= gone + 1:
        problems.append(f"{LIFETIME_S} s is not between {alive} and {gone}")
    return problems


def judge_long_lifetime(lab):
    lab.world.place("a", "port-restricted-cone")
    answer, problems = lab.ask("--lifetime", "4", url(SERVERS[4][0]))
    return problems + ([] if answer.get("binding_lifetime_s") else ["nothing measured"]) + differences(answer, {"binding_lifetime_below_s": None})


def judge_plain(lab, name, servers, **wanted):
    lab.world.place("a", name)
    answer, problems = lab.ask(*(url(server, PLAIN_PORT) for server in servers))
    return problems + differences(answer, {**wanted, "filtering": None, "other_address": None})


def judge_words(lab):
    lab.world.place("a", "symmetric")
    run = lab.run(url(SERVERS[4][0]))
    problems = [] if run.returncode == 0 else [f"status {run.returncode}"]
    for words in ("symmetric", "address-and-port-dependent", "A TURN server is needed", "Not with:      port-restricted-cone, symmetric, udp-blocked, firewalled",
                  lab.world.sites["a"].public_address):
        problems += [] if words in run.stdout else [f"it does not say {words!r}: {run.stdout}"]
    return problems


def judge_local_address(lab):
    """It looks from the address it is told to; one that the host has not is an error, and no answer."""
    lab.world.place("a", "open")
    address = lab.world.sites["a"].host_addresses(KINDS["open"])[0][0].split("/")[0]
    answer, problems = lab.ask("--local", address, url(SERVERS[4][0]))
    problems += differences(answer, {"nat_type": "open"})
    run = lab.run("--json", "--local", "192.0.2.99", url(SERVERS[4][0]))
    return problems + ([] if run.returncode == 1 and json.loads(run.stdout)["nat_type"] is None else [f"a foreign address: {run}"])


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the namespaces go
    tap = Tap()
    with World() as world, coturn.Certificates() as certificates, coturn.Coturn(world, certificates.good), \
            coturn.Coturn(world, certificates.good, addresses=SERVERS[4][:1], port=PLAIN_PORT, tls_port=PLAIN_PORT + 1), \
            coturn.Coturn(world, certificates.good, addresses=SERVERS[4][2:], port=PLAIN_PORT, tls_port=PLAIN_PORT + 1):
        lab = Lab(sys.argv[1], world)
        for kind in KINDS.values():
            tap.run(f"behind {kind.name} that is what it says", lambda: judge(lab, kind))
        for name in CONES:
            tap.run(f"behind {name} that hairpins it says so", lambda: judge(lab, KINDS[name], hairpin=True))
        for name in ("full-cone", "port-restricted-cone", "symmetric-random"):
            tap.run(f"how long {name} keeps an idle binding", lambda: judge_lifetime(lab, name))
        tap.run("a binding that outlives the measurement is alive to its end", lambda: judge_long_lifetime(lab))
        one, two = SERVERS[4][:1], (SERVERS[4][0], SERVERS[4][2])
        tap.run("of a server with one address it learns the mapped address alone",
                lambda: judge_plain(lab, "port-restricted-cone", one, nat_type=None, mapping=None))
        tap.run("two servers with one address each show endpoint-independent mapping",
                lambda: judge_plain(lab, "port-restricted-cone", two, nat_type=None, mapping="endpoint-independent"))
        tap.run("two servers with one address each show a symmetric NAT", lambda: judge_plain(lab, "symmetric", two, nat_type="symmetric", mapping=None))
        tap.run("people are told in words", lambda: judge_words(lab))
        tap.run("a local address can be given", lambda: judge_local_address(lab))
    sys.exit(tap.end())


main()
