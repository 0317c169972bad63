#!/usr/bin/env python3
"""What bench-peer is, with Chromium: chromium_peer.py all|relay [URL [USER PASSWORD]]."""
import json
import os
import select
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "interop"))

from chromium import ALLOW, Chromium  # noqa: E402
from run import tree_cpu  # noqa: E402

BUFFERED_MAX = 12 << 20  # of the 16 MiB that a channel takes
# What a page does; `side` lives from one round to the next.
START = """
const pc = new RTCPeerConnection(%s), candidates = [];
const gathered = new Promise(resolve => { pc.onicecandidate = ({candidate}) => candidate ? candidates.push(candidate.toJSON()) : resolve(candidates); });
const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
const connected = new Promise(resolve => {
  pc.oniceconnectionstatechange = () => {
    if (['connected', 'completed'].includes(pc.iceConnectionState)) resolve(now());
    else if (pc.iceConnectionState === 'failed') resolve(null);
  };
});
const side = globalThis.side = {pc, gathered, now, connected, bytes: 0, messages: 0, onMessage() {}};
side.open = new Promise(resolve => {
  side.take = channel => {
    side.channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.onmessage = ({data}) => side.onMessage(data);
    if (channel.readyState === 'open') resolve();
    else channel.onopen = resolve;
  };
});
pc.ondatachannel = ({channel}) => side.take(channel);
"""
OFFER = """side.take(pc.createDataChannel('bench')); const description = await pc.createOffer(); await pc.setLocalDescription(description);
return {type: description.type, sdp: description.sdp};"""
ANSWER = """await pc.setRemoteDescription(%s); const description = await pc.createAnswer(); await pc.setLocalDescription(description);
return {type: description.type, sdp: description.sdp};"""
GO = """const known = side.now(); %s.forEach(candidate => side.pc.addIceCandidate(candidate)); side.pc.addIceCandidate();
return [known, await side.connected];"""
REFLECT = "side.onMessage = data => side.channel.send(data);"
COUNT = "side.onMessage = data => { side.bytes += data.byteLength; side.messages++; };"
COUNTED = "return [side.now(), side.bytes, side.messages];"
PING = """
const message = new Uint8Array(32), times = [];
await new Promise(resolve => {
  let sent;
  const ping = () => { sent = performance.now(); side.channel.send(message); };
  side.onMessage = () => { times.push((performance.now() - sent) * 1000); times.length < %d ? ping() : resolve(); };
  ping();
});
times.sort((x, y) => x - y);
return [times[Math.floor(times.length / 2)], times[Math.floor(times.length * 0.99)]];
"""
FLOOD = """
const size = %d, end = performance.now() + %f * 1000, limit = %d, message = new Uint8Array(size), channel = side.channel;
let sent = 0;
channel.bufferedAmountLowThreshold = Math.floor(limit / 2);
while (performance.now() < end) {
  for (let i = 0; i < 16 && channel.bufferedAmount + size <= limit; i++, sent++) channel.send(message);
  await new Promise(resolve => {
    if (channel.bufferedAmount + size <= limit) {
      setTimeout(resolve, 0);
    } else {
      channel.onbufferedamountlow = resolve;
      setTimeout(resolve, 50);
    }
  });
}
return [side.now(), sent * size, sent];
"""


def say(word, value=None):
    print(word if value is None else f"{word} {json.dumps(value)}", flush=True)


def say_sample(word, values, browser):
    print(word, *values, tree_cpu(browser.process.pid), flush=True)


def describe(browser, page, body):
    """The candidates follow, when all are there: the other side is given them together anyway."""
    say("description", browser.evaluate(page, body))
    for candidate in browser.evaluate(page, "return await side.gathered"):
        say("candidate", candidate)
    say("gathered")


def flood(browser, page, rest):
    size, seconds, limit = rest.split()
    say_sample("flooding", [int(time.time() * 1e6), 0, 0], browser)
    say_sample("flooded", browser.evaluate(page, FLOOD % (int(size), float(seconds), min(int(limit), BUFFERED_MAX)), timeout=float(seconds) + 30), browser)


def lines(browser, page, is_counting):
    """Those of standard input; between them tells what has arrived."""
    rest, ended = b"", False
    while not ended:
        if is_counting() and not select.select([0], [], [], 0.05)[0]:
            say_sample("received", browser.evaluate(page, COUNTED), browser)
            continue
        part = os.read(0, 65536)
        ended = not part
        *whole, rest = (rest + part).split(b"\n")
        yield from (line.decode() for line in whole)


def main():
    policy, server = sys.argv[1], sys.argv[2:]
    configuration = {"iceTransportPolicy": policy, "iceServers": [dict(zip(("urls", "username", "credential"), server))] if server else []}
    start = START % json.dumps(configuration)
    browser = Chromium(ALLOW, "--disable-features=WebRtcHideLocalIpsWithMdns")
    try:
        page, candidates, counting = browser.open("about:blank"), [], False
        for line in lines(browser, page, lambda: counting):
            word, _, rest = line.partition(" ")
            if word == "offer":
                describe(browser, page, start + OFFER)
            elif word == "answer":
                describe(browser, page, start + ANSWER % rest)
            elif word == "description":
                browser.evaluate(page, f"await side.pc.setRemoteDescription({rest})")
                say("ready")
            elif word == "candidate":
                candidates.append(rest)
            elif word == "go":
                known, connected = browser.evaluate(page, GO % f"[{','.join(candidates)}]", timeout=60)
                say("known", known)
                if connected is None:
                    say("failed")
                    continue
                say("connected", connected)
                browser.evaluate(page, "await side.open", timeout=60)
                say("open")
            elif word == "reflect":
                browser.evaluate(page, REFLECT)
                say("reflecting")
            elif word == "ping":
                print("round-trips", *browser.evaluate(page, PING % int(rest), timeout=60), flush=True)
            elif word == "count":
                browser.evaluate(page, COUNT)
                counting = True
                say_sample("received", browser.evaluate(page, COUNTED), browser)
            elif word == "flood":
                flood(browser, page, rest)
            elif word == "close":
                candidates.clear()
                counting = False
                browser.evaluate(page, "side.pc.close()")
                say("closed")
    finally:
        browser.close()


main()
