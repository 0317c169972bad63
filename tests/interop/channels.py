"""Data channels between libpeer and real browsers, point by point as W3C WebRTC §6 and RFC 8831, 8832 have them, each browser as offerer and as
answerer; and between two libpeers, which must do the same."""
import os
import time

import sides
from sides import PATIENCE_S, Wrong, both_ways, brief, must, position

MANY = 1000
SIZES = (0, 1, 3, 1160, 1161, 4096, 16384, 65535, 65536, 200000, 262144)

# The side of a browser, as interop-channels is one: commands go in, descriptions and candidates come out.
SCRIPT = """
window.side = makeSide((pc, log) => {
  const channels = {};
  const sumOf = bytes => { let sum = 2166136261; for (const byte of bytes) sum = Math.imul(sum ^ byte, 16777619) >>> 0; return sum; };
  const fill = (size, seed, text) => {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = text ? 97 + (i * 7 + seed) % 26 : i * 7 + (i >> 8) + seed;
    return bytes;
  };
  const use = channel => {
    const mine = channels[channel.label] = {channel, messages: []};
    channel.binaryType = 'arraybuffer';
    channel.onopen = () => log.push(`open ${channel.label}`);
    channel.onclosing = () => log.push(`closing ${channel.label}`);
    channel.onclose = () => log.push(`close ${channel.label}`);
    channel.onerror = ({error}) => log.push(`error ${error?.errorDetail} ${channel.label}`);
    channel.onbufferedamountlow = () => log.push(`bufferedamountlow ${channel.label}`);
    channel.onmessage = ({data}) => {
      const isText = typeof data === 'string', bytes = isText ? new TextEncoder().encode(data) : new Uint8Array(data);
      mine.messages.push([bytes.length, isText, sumOf(bytes)]);
    };
  };
  pc.ondatachannel = ({channel}) => { log.push(`datachannel ${channel.label}`); use(channel); };
  return {
    async create({label, init}) { use(pc.createDataChannel(label, init)); },
    async send({label, size, seed = 0, text = false, count = 1}) {
      const {channel} = channels[label];
      for (let i = 0; i < count; i++) {
        const bytes = fill(size, seed + i, text);
        channel.send(text ? new TextDecoder().decode(bytes) : bytes);
      }
      return {bufferedAmount: channel.bufferedAmount};
    },
    async threshold({label, bytes}) { channels[label].channel.bufferedAmountLowThreshold = bytes; },
    async close({label}) { channels[label].channel.close(); },
    async state() {
      const each = ({channel, messages}) => ({
        label: channel.label, protocol: channel.protocol, id: channel.id ?? -1, ordered: channel.ordered, maxRetransmits: channel.maxRetransmits ?? -1,
        maxPacketLifeTime: channel.maxPacketLifeTime ?? -1, negotiated: channel.negotiated, readyState: channel.readyState,
        bufferedAmount: channel.bufferedAmount, messages});
      return {channels: Object.fromEntries(Object.entries(channels).map(([label, mine]) => [label, each(mine)])),
              sctp: pc.sctp && {state: pc.sctp.state, maxMessageSize: Math.min(pc.sctp.maxMessageSize, 2 ** 53), maxChannels: pc.sctp.maxChannels ?? -1}};
    },
  };
});
"""


def sum_of(size, seed, is_text):
    result = 2166136261
    for i in range(size):
        byte = 97 + (i * 7 + seed) % 26 if is_text else (i * 7 + (i >> 8) + seed) & 255
        result = ((result ^ byte) * 16777619) & 0xffffffff
    return result


class Pair(sides.Pair):
    def open(self, label, side=None, **init):
        side = side or self.a
        answer = side.do("create", label=label, init=init)
        if "error" in answer:
            raise Wrong(f"create {label}: {answer}")
        return self.wait(f"{label} open", lambda *both: all(state["channels"].get(label, {}).get("readyState") == "open" for state in both))

    def expect_messages(self, receiver, label, wanted):
        """wanted: (size, seed, is_text) in order."""
        pick = (lambda a, b: a) if receiver is self.a else (lambda a, b: b)
        states = self.wait(f"{len(wanted)} messages on {label}", lambda *both: len(pick(*both)["channels"][label]["messages"]) >= len(wanted), 30)
        got = pick(*states)["channels"][label]["messages"]
        expected = [[size, is_text, sum_of(size, seed, is_text)] for size, seed, is_text in wanted]
        if got != expected:
            raise Wrong(f"{receiver.name} got {got[:12]} and not {expected[:12]}")


# ---- what is shown ----

def attributes(pair):
    """§6.2 attributes, §6.1.1 announce as open, RFC 8832 §6 stream ids by DTLS role."""
    inits = {"plain": {}, "unordered": {"ordered": False}, "retransmits": {"maxRetransmits": 3}, "lifetime": {"ordered": False, "maxPacketLifeTime": 500},
             "zero": {"maxRetransmits": 0}, "proto": {"protocol": "grüße.example"}, "": {}}
    for label, init in inits.items():
        answer = pair.a.do("create", label=label, init=init)
        must("error" not in answer, f"create: {answer}")
        must(pair.a.do("state")["channels"][label]["readyState"] == "connecting", "a new channel is connecting")
    a, b = pair.wait("open", lambda *both: all(len(state["channels"]) == len(inits) and all(channel["readyState"] == "open" for channel in
                                               state["channels"].values()) for state in both))
    parities = set()
    for label, init in inits.items():
        here, there = a["channels"][label], b["channels"][label]
        for name, default in (("ordered", True), ("maxRetransmits", -1), ("maxPacketLifeTime", -1), ("protocol", ""), ("negotiated", False)):
            must(here[name] == there[name] == init.get(name, default), f"{name} of {label!r}: {here[name]} and {there[name]}")
        must(here["id"] == there["id"] >= 0, f"ids of {label!r}: {here['id']} and {there['id']}")
        parities.add(here["id"] % 2)
        must(0 <= position(b, f"datachannel {label}") < position(b, f"open {label}"), f"datachannel, then open of {label!r}: {b['log']}")
    must(len(parities) == 1, f"ids of one side are all even or all odd: {parities}")
    a, b = pair.open("back", pair.b)
    must(a["channels"]["back"]["id"] == b["channels"]["back"]["id"] and a["channels"]["back"]["id"] % 2 not in parities, "the other side's are the others")
    for state in (a, b):
        must(state["sctp"]["state"] == "connected" and state["sctp"]["maxMessageSize"] > 0, f"sctp {state['sctp']}")
    for side, state in ((pair.a, a), (pair.b, b)):
        must(state["sctp"]["maxChannels"] > 1000 or side.name == "Firefox", f"maxChannels of {side.name}: {state['sctp']}")  # its stays null


def sizes(pair):
    """§6.2 send(): every size up to the maximum, text and binary, in order; §6.1.1.1 a longer one is a TypeError."""
    pair.open("sizes")
    for sender, receiver in both_ways(pair):
        wanted = [(size, seed, is_text) for seed, size in enumerate(SIZES) for is_text in (False, True)]
        for size, seed, is_text in wanted:
            answer = sender.do("send", label="sizes", size=size, seed=seed, text=is_text)
            must("error" not in answer, f"{sender.name} sends {size} bytes: {answer}")
        pair.expect_messages(receiver, "sizes", wanted)
        if receiver.takes_at_most < 1 << 24:
            answer = sender.do("send", label="sizes", size=receiver.takes_at_most + 1)
            must(answer.get("error") == "TypeError", f"{sender.name} sends more than {receiver.name} takes: {answer}")


def modes(pair):
    """Every mode of reliability carries messages both ways, from a channel of either side."""
    for side, other in both_ways(pair):
        for number, init in enumerate(({"ordered": False}, {"maxRetransmits": 0}, {"maxRetransmits": 5, "ordered": False}, {"maxPacketLifeTime": 2000},
                                       {"maxPacketLifeTime": 2000, "ordered": False})):
            label = f"{side.name}-{'a' if side is pair.a else 'b'}-{number}"
            pair.open(label, side, **init)
            for sender, receiver in ((side, other), (other, side)):
                # One at a time: what may overtake, or be given up, is not to be told apart from what is wrong.
                for seed, size in enumerate((10, 3000, 40000)):
                    sender.do("send", label=label, size=size, seed=seed)
                    pair.expect_messages(receiver, label, [(size, seed, False) for seed, size in enumerate((10, 3000, 40000)[:seed + 1])])


def negotiated(pair):
    """§6.1 negotiated: made on both sides, announced by nobody; an id is taken once."""
    for side in (pair.a, pair.b):
        must("error" not in side.do("create", label="both", init={"negotiated": True, "id": 100}), "negotiated channel")
    a, b = pair.wait("both open", lambda *both: all(state["channels"]["both"]["readyState"] == "open" for state in both))
    must(a["channels"]["both"]["id"] == 100 and a["channels"]["both"]["negotiated"] and position(b, "datachannel both") < 0, "nobody announces it")
    must(pair.a.do("create", label="again", init={"negotiated": True, "id": 100}).get("error") == "OperationError", "the id is in use")
    must(pair.a.do("create", label="wrong", init={"maxRetransmits": 1, "maxPacketLifeTime": 1}).get("error") == "TypeError", "both limits")
    for sender, receiver in both_ways(pair):
        sender.do("send", label="both", size=1000, seed=5)
        pair.expect_messages(receiver, "both", [(1000, 5, False)])


def closing(pair):
    """§6.2 close(), RFC 8831 §6.7: what was sent arrives, both sides are told, the id can be used anew; from either side."""
    for closer, other in both_ways(pair):
        label = "closed by " + ("a" if closer is pair.a else "b")
        a, b = pair.open(label)
        number = a["channels"][label]["id"]
        closer.do("send", label=label, size=60000, count=10)
        closer.do("close", label=label)
        states = pair.wait("closed", lambda *both: all(state["channels"][label]["readyState"] == "closed" for state in both))
        pair.expect_messages(other, label, [(60000, seed, False) for seed in range(10)])
        for state in states:
            must(state["log"].count(f"close {label}") == 1, f"close comes once: {state['log']}")
            must(not any(entry.startswith("error") for entry in state["log"]), f"no error: {state['log']}")
        there = states[1] if closer is pair.a else states[0]
        if other.name != "Firefox" or position(there, f"closing {label}") >= 0:  # its version has no such event
            must(0 <= position(there, f"closing {label}") < position(there, f"close {label}"), f"closing, then close: {there['log']}")
        here = states[0] if closer is pair.a else states[1]
        must(position(here, f"closing {label}") < 0, "whoever closes gets no closing event")
        answer = closer.do("send", label=label, size=1)
        must(answer.get("error") == "InvalidStateError" or closer.name == "Firefox", f"nothing can be sent any more: {answer}")  # it drops the message
        again = label + ", again"
        answer = pair.a.do("create", label=again, init={"negotiated": True, "id": number})
        must("error" not in answer, f"the id is free: {answer}")
        must("error" not in pair.b.do("create", label=again, init={"negotiated": True, "id": number}), "the id is free on the other side")
        pair.wait("open again", lambda *both: all(state["channels"][again]["readyState"] == "open" for state in both))
        for sender, receiver in both_ways(pair):
            sender.do("send", label=again, size=100, seed=1)
            pair.expect_messages(receiver, again, [(100, 1, False)])


def buffered(pair):
    """§6.2 bufferedAmount and its low threshold."""
    pair.open("buffer")
    for sender, receiver in both_ways(pair):
        sender.do("threshold", label="buffer", bytes=50000)
        answer = sender.do("send", label="buffer", size=100000, count=10)
        must(answer["bufferedAmount"] == 1000000, f"nothing leaves bufferedAmount while a task runs: {answer}")
        pick = 0 if sender is pair.a else 1
        states = pair.wait("an empty buffer", lambda *both: both[pick]["channels"]["buffer"]["bufferedAmount"] == 0)
        must(states[pick]["log"].count("bufferedamountlow buffer") == 1, f"bufferedamountlow comes once: {states[pick]['log']}")
        pair.expect_messages(receiver, "buffer", [(100000, seed, False) for seed in range(10)])


def many(pair):
    """A thousand channels at a time: each opens, carries, closes."""
    labels = [f"c{number}" for number in range(MANY)]
    for label in labels:
        answer = pair.a.do("create", label=label, init={})
        must("error" not in answer, f"create {label}: {answer}")
    ready = lambda state, wanted: sum(channel["readyState"] == wanted for channel in state["channels"].values()) == MANY
    states = pair.wait("a thousand open", lambda *both: all(ready(state, "open") for state in both), 40)
    must(len({channel["id"] for channel in states[0]["channels"].values()}) == MANY, "each has an id of its own")
    for sender in (pair.a, pair.b):
        for label in labels[::10]:
            sender.do("send", label=label, size=50)
    pair.wait("a message on each", lambda *both: all(len(state["channels"][label]["messages"]) == 1 for state in both for label in labels[::10]))
    for label in labels:
        (pair.a if int(label[1:]) % 2 else pair.b).do("close", label=label)
    pair.wait("a thousand closed", lambda *both: all(ready(state, "closed") for state in both), 40)


def ended(pair):
    """§4.4.2 close() of the other connection: the channels close, the transport does."""
    pair.open("last")
    other, index = (pair.b, 1) if pair.a.name != "libpeer" else (pair.a, 0)  # libpeer stays
    leaver = pair.a if other is pair.b else pair.b
    leaver.do("hangup")
    deadline = time.monotonic() + PATIENCE_S
    while other.do("state")["channels"]["last"]["readyState"] != "closed":
        must(time.monotonic() < deadline, f"the channel stays: {brief(other.do('state'))}")
        time.sleep(0.02)
    state = other.do("state")
    must(state["log"].count("close last") == 1 and state["sctp"]["state"] == "closed", f"close comes once: {state['log']}, {state['sctp']}")


def large(pair):
    """maxMessageSize as negotiated, beyond 256 KiB."""
    pair.open("large")
    sender = pair.a if pair.a.name != "libpeer" else pair.b
    receiver = pair.b if sender is pair.a else pair.a
    index = 0 if sender is pair.a else 1
    most = (pair.a.do("state"), pair.b.do("state"))[index]["sctp"]["maxMessageSize"]
    must(most == 1048576 or sender.name == "Chromium", f"maxMessageSize is {most}")  # Chromium's buffer for sending is smaller
    for size in (most, 262144):
        answer = sender.do("send", label="large", size=size, seed=3)
        must("error" not in answer, f"{sender.name} sends {size} bytes: {answer}")
    must(sender.do("send", label="large", size=most + 1).get("error") == "TypeError", "more is a TypeError")
    pair.expect_messages(receiver, "large", [(most, 3, False), (262144, 3, False)])


CASES = (("attributes, announcement, ids", attributes), ("every size, text and binary, both ways", sizes), ("every mode of reliability", modes),
         ("negotiated channels", negotiated), ("closing from either side, ids used anew", closing), ("bufferedAmount", buffered),
         ("a thousand channels", many), ("the other connection closes", ended),
         ("a mebibyte at once", large, "--max-message-size", "1048576"))


def cases(build):
    program = os.path.join(build, "tests/interop/interop-channels")
    for kind, is_first in sides.ROLES:
        for what, case, *options in CASES:
            yield (kind, f"{kind or 'libpeer'} {'offers' if is_first else 'answers'} channels: {what}",
                   sides.between(program, SCRIPT, is_first, Pair, case, *options))
