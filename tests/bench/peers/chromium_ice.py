#!/usr/bin/env python3
"""The side of `peer-bench ice` that ice-peer is, with Chromium: chromium_ice.py all|relay [URL [USER PASSWORD]]."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "interop"))

from chromium import ALLOW, Chromium  # noqa: E402

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
globalThis.side = {pc, gathered, now, connected};
"""
OFFER = "pc.createDataChannel('bench'); const description = await pc.createOffer(); await pc.setLocalDescription(description); return {type: description.type, sdp: description.sdp};"
ANSWER = """await pc.setRemoteDescription(%s); const description = await pc.createAnswer(); await pc.setLocalDescription(description);
return {type: description.type, sdp: description.sdp};"""
GO = """const known = side.now(); %s.forEach(candidate => side.pc.addIceCandidate(candidate)); side.pc.addIceCandidate();
return [known, await side.connected];"""


def say(word, value=None):
    print(word if value is None else f"{word} {json.dumps(value)}", flush=True)


def describe(browser, page, body):
    """The candidates follow, when all are there: the other side is given them together anyway."""
    say("description", browser.evaluate(page, body))
    for candidate in browser.evaluate(page, "return await side.gathered"):
        say("candidate", candidate)
    say("gathered")


def main():
    policy, server = sys.argv[1], sys.argv[2:]
    configuration = {"iceTransportPolicy": policy, "iceServers": [dict(zip(("urls", "username", "credential"), server))] if server else []}
    start = START % json.dumps(configuration)
    browser = Chromium(ALLOW, "--disable-features=WebRtcHideLocalIpsWithMdns")
    try:
        page, candidates = browser.open("about:blank"), []
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
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
                say("failed") if connected is None else say("connected", connected)
            elif word == "close":
                candidates.clear()
                browser.evaluate(page, "side.pc.close()")
                say("closed")
    finally:
        browser.close()


main()
