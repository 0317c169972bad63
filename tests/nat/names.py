"""Addresses hidden behind names: two hosts of one network, which publish and look up names of multicast DNS. Needs root.

    python3 tests/nat/names.py BUILD

Prints TAP. No address may be signalled, and the call must connect directly all the same, over either family."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

from lab import Host  # noqa: E402
from peers import Call  # noqa: E402
from tap import Tap  # noqa: E402

ADDRESSES = {"a": ("192.168.5.1", "2001:db8:5::1"), "b": ("192.168.5.2", "2001:db8:5::2")}


class Lan:
    """Two hosts on one wire."""

    def __init__(self):
        self.hosts = {}

    def __enter__(self):
        try:
            for letter in ADDRESSES:
                self.hosts[letter] = Host(f"names{os.getpid()}-{letter}", False)
            self.hosts["a"].link("eth0", self.hosts["b"], "eth0")
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for host in self.hosts.values():
            host.remove()

    def only(self, family):
        for letter, host in self.hosts.items():
            host.ip("addr flush dev eth0 scope global", f"addr add {ADDRESSES[letter][0]}/24 dev eth0" if family == 4 else f"addr add {ADDRESSES[letter][1]}/64 dev eth0 nodad")


def hidden_case(tap, build, lan, family, hiders):
    lan.only(family)
    problems = []
    with Call(lan, build, "a", options_of={letter: ["--hide-addresses"] for letter in hiders}) as call:
        time_ms = call.works()
        problems += ["it has not connected", *call.explain()] if time_ms is None else []
        tap.note(f"connected after {time_ms} ms")
        for letter in hiders:
            said = [str(each) for key in ("candidate", "description") for each in call.peers[letter].said(key) if each]
            shown = [each for each in said for address in ADDRESSES[letter] if address in each]
            problems += [f"{letter} has shown its address: {each}" for each in shown]
            problems += [] if any(".local" in each for each in said) else [f"{letter} has told no name: {said}"]
    return problems


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the namespaces go
    build = os.path.abspath(sys.argv[1])
    tap = Tap()
    with Lan() as lan:
        for family in (4, 6):
            for hiders in ("ab", "a", "b"):
                tap.run(f"over IPv{family} {' and '.join(hiders)} may hide behind names", lambda: hidden_case(tap, build, lan, family, hiders))
    sys.exit(tap.end())


main()
