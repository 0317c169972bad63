"""What servers do to a call: every transport and family, credentials and certificates that are refused, nonces that expire, quotas that are full,
servers that die in mid-call, and whether relay-only keeps what it promises. coturn is the server. Needs root.

    python3 tests/nat/servers.py BUILD [--only WORD]

Prints TAP."""
import argparse
import contextlib
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

import coturn  # noqa: E402
from arenas import Arena, run_all, several  # noqa: E402
from kinds import KINDS  # noqa: E402
from lab import SERVERS, World  # noqa: E402
from peers import PATIENCE_S, Call  # noqa: E402
from tap import Tap  # noqa: E402

WORLDS = 3
LONG_PATIENCE_S = 120  # consent must expire first, RFC 7675 §5.1
SECOND = (SERVERS[4][2], SERVERS[6][2])  # addresses of a second server
NONCE_LIFETIME_S = 1
CREDENTIALS = ("--user", coturn.USER, "--password", coturn.PASSWORD)

# What host a sends, by where it goes: to the servers, or anywhere else but its own network's neighbour discovery and multicast.
CAPTURE = """table inet capture {{
 counter to_servers {{ }}
 counter elsewhere {{ }}
 chain output {{ type filter hook output priority filter;
  oifname "lo" accept
  ip daddr {{ {v4} }} counter name to_servers accept
  ip6 daddr {{ {v6} }} counter name to_servers accept
  meta l4proto {{ icmpv6, igmp }} accept
  ip daddr 224.0.0.0/4 accept
  ip6 daddr ff00::/8 accept
  counter name elsewhere
 }}
}}
"""


def url(scheme, family, transport=None, port=None, host=None):
    host = host or (SERVERS[4][0] if family == 4 else f"[{SERVERS[6][0]}]")
    return f"{scheme}:{host}" + (f":{port}" if port else "") + (f"?transport={transport}" if transport else "")


class Case(Arena):
    """A world for one case after the other, both hosts with public addresses of both families unless the case says otherwise."""

    def __init__(self, build, certificates):
        super().__init__()
        self.build, self.certificates = build, certificates
        with self.stack:
            self.world = self.stack.enter_context(World())
            self.stack = self.stack.pop_all()

    def place(self, a="dual-stack", b="dual-stack"):
        self.world.place("a", a)
        self.world.place("b", b)

    def server(self, *options, certificate=None, **more):
        return coturn.Coturn(self.world, certificate or self.certificates.good, "--verbose", *options, **more)

    def call(self, urls, *options, offerer="a", trusts=True, **more):
        """A call in which host a knows the servers, and host b none."""
        ca = ("--ca-file", self.certificates.ca) if trusts else ()
        mine = [argument for each in urls for argument in ("--server", each)]
        return Call(self.world, self.build, offerer, options_of={"a": [*mine, *CREDENTIALS, *ca, *options]}, **more)


def judge_working(call, protocol=None, relayed=True):
    """The call works, and host a's end of the path is a relayed address (or is not)."""
    if call.works() is None:
        return ["it does not connect", *call.explain()]
    local = call.paths()["a"].local
    problems = []
    if (local.get("candidateType") == "relay") != relayed:
        problems.append(f"the path starts from a candidate of type {local.get('candidateType')}")
    if protocol is not None and local.get("relayProtocol") != protocol:
        problems.append(f"the server is reached over {local.get('relayProtocol')}, not {protocol}")
    return problems + (call.explain() if problems else [])


def judge_error(call, server, code, words):
    """The server's failure was told, and gathering came to its end all the same."""
    peer = call.peers["a"]
    line = peer.wait(lambda each: each.get("server_error", {}).get("url") == server)
    if line is None:
        return [f"nothing was said of {server}", *call.explain()]
    error = line["server_error"]
    problems = [] if error["code"] == code else [f"the code is {error['code']}, not {code}: {error['text']}"]
    problems += [] if any(word in error["text"].lower() for word in words) else [f"the text names none of {words}: {error['text']}"]
    if peer.wait(lambda each: each.get("gathering") == "complete") is None:
        problems.append("gathering does not end")
    return problems


# ---- transports ----

def relays_over(case, scheme, family, transport, protocol):
    case.place()
    with case.server(), case.call([url(scheme, family, transport)], "--relay-only") as call:
        return judge_working(call, protocol)


def reflects_over(case, scheme, family, transport):
    """The server says what it sees; over UDP a candidate comes of it."""
    case.place("full-cone" if family == 4 else "ipv6-only", "open" if family == 4 else "ipv6-only")
    server = url(scheme, family, transport)
    seen = case.world.sites["a"].public_address if family == 4 else f"[{case.world.sites['a'].v6}:1::2]"
    with case.server(), case.call([server], "--ice-tcp", "all") as call:
        problems = judge_working(call, relayed=False)
        call.peers["a"].wait(lambda line: line.get("gathering") == "complete")
        asked = [one for one in call.peers["a"].report()["ice"]["servers"] if one["url"] == server]
    if not any(one["state"] == "answered" and one["mapped"].rpartition(":")[0] == seen for one in asked):
        problems.append(f"not answered, or not with {seen}: {asked}")
    return problems


def by_name(case):
    """The server's name is looked up, and its certificate is for that name."""
    case.place()
    with case.server() as server:
        hosts = os.path.join(server.folder, "hosts")
        with open(hosts, "w") as file:
            file.write(f"127.0.0.1 localhost\n{SERVERS[4][0]} {coturn.NAME}\n")
        with case.call([url("turns", 4, host=coturn.NAME)], "--relay-only", names=hosts) as call:
            return judge_working(call, "tls")


def redirects(case):
    """A server that names another one (RFC 8656 §10)."""
    case.place()
    with case.server("--alternate-server", f"{SECOND[0]}:3478"), case.server(addresses=SECOND), \
            case.call([url("turn", 4)], "--relay-only") as call:
        problems = judge_working(call, "udp")
        address = call.paths()["a"].local.get("address")
        return problems + ([] if problems or address in SECOND else [f"it is relayed by {address}"])


def foreign_credentials(case):
    """User name and password in other scripts (RFC 8265); the password has a space that is none of ASCII's."""
    case.place()
    user, typed, kept = "жанна", "пароль\u00a0密碼", "пароль 密碼"
    with case.server(users=((user, kept),)), \
            Call(case.world, case.build, "a", options_of={"a": ["--server", url("turn", 4), "--user", user, "--password", typed, "--relay-only"]}) as call:
        return judge_working(call, "udp")


# ---- what servers refuse ----

def wrong_password(case):
    case.place()
    server = url("turn", 4)
    with case.server(users=((coturn.USER, "another"),)), case.call([server]) as call:
        return judge_working(call, relayed=False) + judge_error(call, server, 401, ("unauthorized", "password", "credential"))


def full_quota(case):
    case.place()
    server = url("turn", 4)
    with case.server("--user-quota=1"), case.call([server], "--relay-only") as first:
        problems = judge_working(first)
        with case.call([server]) as second:
            return problems + judge_working(second, relayed=False) + judge_error(second, server, 486, ("quota",))


def bad_certificate(case, scheme, transport, which, words):
    case.place()
    server = url(scheme, 4, transport)
    with case.server(certificate=getattr(case.certificates, which)), case.call([server]) as call:
        return judge_working(call, relayed=False) + judge_error(call, server, 701, words)


def system_roots(case):
    """Without a file of roots the system's count, which do not have the lab's."""
    case.place()
    server = url("turns", 4)
    with case.server(), case.call([server], trusts=False) as call:
        return judge_working(call, relayed=False) + judge_error(call, server, 701, ("certificate", "issuer"))


def nobody_there(case):
    case.place()
    server = url("turn", 4, "tcp")
    with case.call([server]) as call:
        return judge_working(call, relayed=False) + judge_error(call, server, 701, ("refused", "connect"))


# ---- servers in mid-call ----

def watch(call):
    """Waits for the next data on both sides; whether it came."""
    after = []
    for peer in call.peers.values():
        with peer.changed:
            after.append(len(peer.lines))
        peer.send('{"watch":true}\n')
    return all(peer.wait(lambda line: line.get("arrived") == "data", LONG_PATIENCE_S, start) for peer, start in zip(call.peers.values(), after))


def expired_nonce(case):
    """A nonce lives a second, and the peer is met when the allocation is older than that: the permission is asked for with a stale one."""
    case.place()
    with case.server(f"--stale-nonce={NONCE_LIFETIME_S}") as server, case.call([url("turn", 4)], "--relay-only", meets=False) as call:
        wait_for(lambda: any("ALLOCATE processed, success" in line for line in server.log))
        time.sleep(2 * NONCE_LIFETIME_S)
        call.meet()
        problems = judge_working(call)

        def is_renewed():
            stale = [i for i, line in enumerate(server.log) if "438" in line]
            return bool(stale) and any("CREATE_PERMISSION processed, success" in line for line in server.log[stale[0]:])
        with contextlib.suppress(TimeoutError):  # what the server logs comes a moment after what it does
            wait_for(is_renewed)
        return problems + ([] if is_renewed() else ["no nonce was stale, or none was taken anew", *server.log[-20:]])


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.02)


def dies_and_another_is_there(case, offerer):
    case.place()
    with case.server() as first, case.server(addresses=SECOND) as second, \
            case.call([url("turn", 4), url("turn", 4, host=SECOND[0])], "--relay-only", offerer=offerer) as call:
        problems = judge_working(call)
        used = call.paths()["a"].local.get("address")
        (second if used in SECOND else first).stop()
        problems += [] if watch(call) else ["the call has ended"]
        address = call.paths()["a"].local.get("address")
        return problems + ([f"it is still relayed by {address}"] if address == used else []) + (call.explain() if problems else [])


def dies_and_comes_back(case, offerer):
    """It knows nothing of its allocations then, and of both sides' negotiators one restarts ICE."""
    case.place()
    with case.server() as server, case.call([url("turn", 4)], "--relay-only", offerer=offerer) as call:
        problems = judge_working(call)
        server.stop()
        server.start()
        if call.peers["a"].wait(lambda line: line.get("state") in ("disconnected", "failed"), LONG_PATIENCE_S) is None:
            return ["that the path is gone was not noticed", *call.explain()]
        return problems + ([] if watch(call) else ["the call has ended", *call.explain()])


# ---- relay-only ----

def nothing_goes_elsewhere(case, scheme, transport, offerer):
    """Not one packet of host a goes anywhere but to the server, and no candidate shows an address of it."""
    case.place()
    host = case.world.hosts["a"]
    host.filters(CAPTURE.format(v4=", ".join(SERVERS[4]), v6=", ".join(SERVERS[6])))
    try:
        with case.server(), case.call([url(scheme, 4, transport)], "--relay-only", offerer=offerer) as call:
            problems = judge_working(call)
            problems += [] if watch(call) else ["no data comes"]
            shown = [each["candidate"] for each in call.peers["a"].said("candidate") if each and each["candidate"]]
        rules = host.run("nft", "list", "counters", "table", "inet", "capture")
        counts = {name: int(rules.split(f"counter {name}")[1].split("packets ")[1].split()[0]) for name in ("to_servers", "elsewhere")}
    finally:
        host.filters("delete table inet capture\n")
    own = [*(address.split("/")[0] for address in case.world.sites["a"].host_addresses(KINDS["dual-stack"])[0]), case.world.sites["a"].public_address]
    problems += [f"{counts['elsewhere']} packets went elsewhere"] if counts["elsewhere"] else []
    problems += ["nothing went to the server"] if counts["to_servers"] < 10 else []
    problems += [f"a candidate shows an own address: {line}" for line in shown if " typ relay" not in line or any(f" {each} " in line for each in own)]
    return problems + ([] if shown else ["no candidate was told"])


UNTRUSTED = ("certificate", "issuer")
MISNAMED = ("for another",)
CASES = (  # those that take long are first
    *((f"the relay dies, the call goes on over another server; {offerer} offered", dies_and_another_is_there, offerer) for offerer in ("a", "b")),
    *((f"the relay dies and comes back, and so does the call; {offerer} offered", dies_and_comes_back, offerer) for offerer in ("a", "b")),
    *((f"a relay is reached over {protocol.upper()}, IPv{family}", relays_over, scheme, family, transport, protocol) for family in (4, 6)
      for scheme, transport, protocol in (("turn", None, "udp"), ("turn", "tcp", "tcp"), ("turns", None, "tls"), ("turns", "udp", "dtls"))),
    *((f"{scheme}:{'?transport=' + transport if transport else ''} over IPv{family} is asked and answers", reflects_over, scheme, family, transport)
      for family in (4, 6) for scheme, transport in (("stun", None), ("stun", "tcp"), ("stuns", None), ("stuns", "udp"))),
    ("turns: by name: the certificate is for the name", by_name),
    ("a server that redirects is followed", redirects),
    ("user name and password in other scripts", foreign_credentials),
    ("a wrong password is told, and the call goes on without the relay", wrong_password),
    ("a full quota is told, and the call goes on without the relay", full_quota),
    *((f"{scheme}:{'?transport=udp' if transport else ''} with a certificate {sentence} is refused", bad_certificate, scheme, transport, which, words)
      for scheme, transport in (("turns", None), ("turns", "udp"), ("stuns", None), ("stuns", "udp"))
      for sentence, which, words in (("of an unknown authority", "unknown", UNTRUSTED), ("for another name", "wrong_name", MISNAMED))),
    ("turns: is verified by the system's roots when no file is given", system_roots),
    ("a server that is not there is told", nobody_there),
    ("a nonce that has expired is taken anew", expired_nonce),
    *((f"with relay-only nothing goes elsewhere than to {scheme}:{'?transport=tcp' if transport else ''}; {offerer} offered", nothing_goes_elsewhere, scheme,
       transport, offerer) for scheme, transport in (("turn", None), ("turn", "tcp"), ("turns", "tcp")) for offerer in ("a", "b")),
)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the namespaces go
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    arguments = parser.parse_args()
    build, tap = os.path.abspath(arguments.build), Tap()
    cases = [case for case in CASES if arguments.only in case[0]]

    def run(arena, judge, values):
        return judge(arena, *values), None
    with coturn.Certificates() as certificates, several(WORLDS, lambda: Case(build, certificates)) as arenas:
        jobs = [lambda arena, case=case: run(arena, case[1], case[2:]) for case in cases]
        for case, (problems, _) in zip(cases, run_all(arenas, jobs)):
            tap.result(case[0], problems)
    sys.exit(tap.end())


main()
