"""Browsers behind one NAT, peer-call and nat-peer behind another: through the boxes, through coturn, over TCP, and with their addresses hidden.
Needs root.

    python3 tests/nat/browsers.py BUILD [--only WORD]

Prints TAP. Data and pictures must go both ways; with peer-call also sound, lines and files."""
import argparse
import contextlib
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

import coturn  # noqa: E402
from browser_peer import BrowserCall, chromium, firefox  # noqa: E402
from browsers import browser_case  # noqa: E402
from chromium import ALLOW  # noqa: E402
from lab import SERVERS, World  # noqa: E402
from peer_call import Rendezvous  # noqa: E402
from peers import Path, Peer  # noqa: E402
from tap import Tap  # noqa: E402

PATIENCE_S = 60
RENDEZVOUS = SERVERS[4][2], 8080
# Camera and digests are for pages of https, and for those that the user says are as good.
STARTS = {"Chromium": lambda host: chromium(host, ALLOW, f"--unsafely-treat-insecure-origin-as-secure=http://{RENDEZVOUS[0]}:{RENDEZVOUS[1]}"),
          "Firefox": lambda host: firefox(host, {"dom.securecontext.allowlist": RENDEZVOUS[0]}), "Chromium as shipped": chromium}
RELAY = {"urls": [f"turn:{SERVERS[4][0]}", f"turn:{SERVERS[4][0]}?transport=tcp"], "username": coturn.USER, "credential": coturn.PASSWORD}
STUN = {"urls": [f"stun:{SERVERS[4][0]}"]}


def kind_of(path):
    """"relay", "tcp" or "direct", as nat-peer's end sees the pair."""
    ends = (path.local.get("candidateType"), path.remote.get("candidateType"))
    if "relay" in ends or path.remote.get("address") in SERVERS[4]:
        return "relay"
    return "tcp" if path.local.get("protocol") == "tcp" else "direct"


def call_case(world, browser, build, role, server, wanted, options=(), is_hidden=False):
    """A call whose nat-peer has the role; both know the server. A page that is not asked for the camera hides its addresses."""
    arguments = [argument for each in server["urls"] for argument in ("--server", each)]
    if "username" in server:
        arguments += ["--user", server["username"], "--password", server["credential"]]
    peer = Peer(build, world.hosts["b"], role, ["--media", *arguments, *options])
    call = None
    try:
        call = BrowserCall(browser, peer, {"iceServers": [server] if server["urls"] else []}, not is_hidden)
        problems = call.works(PATIENCE_S)
        if problems:
            return problems + [line.rstrip() for line in peer.logged[-8:]]
        kind = kind_of(Path(peer.report()["stats"]))
        problems += [] if kind == wanted else [f"the path is {kind}, not {wanted}"]
        shown = [line for line in call.page.candidates if is_hidden and ".local " not in line]
        return problems + [f"an address is shown: {line}" for line in shown]
    finally:
        if call is not None:
            call.page.close()
        peer.close()
        peer.kill()


def placed_case(world, kind_of_a, kind_of_b, *arguments):
    world.place("a", kind_of_a)
    world.place("b", kind_of_b)
    return call_case(world, *arguments)


def hidden_case(world, browser, build, role):
    """On one link, where .local names are looked up by multicast."""
    world.place_on_one_link()
    return call_case(world, browser, build, role, {"urls": []}, "direct", is_hidden=True)


def peer_call_case(world, browser, build, is_browser_offering):
    """On the page that peer-call serves in the public network, both behind symmetric NATs."""
    world.place("a", "symmetric-random")
    world.place("b", "symmetric")
    room = f"nat-{browser.name.lower()}-{'offer' if is_browser_offering else 'answer'}"
    servers = [argument for each in RELAY["urls"] for argument in ("--ice-server", each)]
    rendezvous = Rendezvous(build, RENDEZVOUS[0], *servers, "--ice-user", coturn.USER, "--ice-password", coturn.PASSWORD,
                            prefix=world.public.prefix, port=RENDEZVOUS[1])

    def judge(report):
        pair = report.get("selected_pair") or {}
        return [] if "relay" in ((pair.get("local") or {}).get("type"), (pair.get("remote") or {}).get("type")) else [f"the pair is {pair}"]
    try:
        return browser_case(browser, rendezvous, build, room, is_browser_offering, "", prefix=world.hosts["b"].prefix, judge=judge)
    finally:
        rendezvous.kill()


def cases():
    """(browser, sentence, case(world, browser, build))"""
    for name in ("Chromium", "Firefox"):
        for is_offering in (True, False):
            yield (name, f"{name} and peer-call behind symmetric NATs, {name if is_offering else 'peer-call'} offers: picture, sound, lines and files",
                   lambda *call, is_offering=is_offering: peer_call_case(*call, is_offering))
        for role in ("answer", "offer"):
            verb = "calls" if role == "answer" else "is called by"
            yield (name, f"{name} behind a symmetric NAT {verb} a peer behind a port-restricted cone through coturn",
                   lambda *call, role=role: placed_case(call[0], "symmetric-random", "port-restricted-cone", *call[1:], role, RELAY, "relay"))
            yield (name, f"{name} behind a port-restricted cone {verb} a peer behind another directly",
                   lambda *call, role=role: placed_case(call[0], "port-restricted-cone", "port-restricted-cone", *call[1:], role, STUN, "direct"))
    for role in ("answer", "offer"):
        verb = "calls" if role == "answer" else "is called by"
        yield ("Chromium", f"Chromium, UDP blocked, {verb} an open peer over TCP",
               lambda *call, role=role: placed_case(call[0], "udp-blocked", "open", *call[1:], role, STUN, "tcp", ("--ice-tcp", "all")))
        yield ("Chromium as shipped", f"Chromium as shipped {verb} a peer on its link, its addresses hidden", lambda *call, role=role: hidden_case(*call, role))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the namespaces go
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--only", default="", help="cases whose sentence has this in it")
    arguments = parser.parse_args()
    build, tap = os.path.abspath(arguments.build), Tap()
    chosen = [case for case in cases() if arguments.only in case[1]]
    with coturn.Certificates() as certificates, World() as world, coturn.Coturn(world, certificates.good):
        for name, start in STARTS.items():
            mine = [case for case in chosen if case[0] == name]
            if not mine:
                continue
            world.place("a", "open")  # browsers look for networks when they start
            with contextlib.closing(start(world.hosts["a"])) as browser:
                tap.note(browser.version)
                for _, sentence, case in mine:
                    tap.run(sentence, lambda: case(world, browser, build))
    sys.exit(tap.end())


main()
