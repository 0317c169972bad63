#!/usr/bin/env python3
"""The measurements of peer-bench with Chromium: chromium_bench.py SETUPS SECONDS PINGS [SIZE]. Both sides are in one page."""
import json
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "interop"))

from chromium import ALLOW, Chromium  # noqa: E402
from run import tree_cpu  # noqa: E402

CONNECT = """
globalThis.connect = async () => {
  const a = new RTCPeerConnection(), b = new RTCPeerConnection(), near = a.createDataChannel('bench');
  a.onicecandidate = ({candidate}) => candidate && b.addIceCandidate(candidate).catch(() => {});
  b.onicecandidate = ({candidate}) => candidate && a.addIceCandidate(candidate).catch(() => {});
  const open = Promise.all([
    new Promise(resolve => { near.onopen = resolve; }),
    new Promise(resolve => {
      b.ondatachannel = ({channel}) => {
        channel.binaryType = 'arraybuffer';
        if (channel.readyState === 'open') resolve(channel);
        else channel.onopen = () => resolve(channel);
      };
    }),
  ]);
  const offer = await a.createOffer();
  await Promise.all([a.setLocalDescription(offer), b.setRemoteDescription(offer)]);
  const answer = await b.createAnswer();
  await Promise.all([b.setLocalDescription(answer), a.setRemoteDescription(answer)]);
  const [, far] = await open;
  return {a, b, near, far, close() { a.close(); b.close(); }};
};
"""
SETUP = """
const warm = await connect(), times = [];
for (let i = 0; i < %d; i++) {
  const start = performance.now(), pair = await connect();
  times.push(performance.now() - start);
  pair.close();
}
warm.close();
return times;
"""
FLOOD = """
const {near, far} = globalThis.pair ??= await connect();
const size = %d, ms = %f * 1000, inFlight = 4 << 20, message = new Uint8Array(size), start = performance.now();
let received = 0, messages = 0;
far.onmessage = ({data}) => { received += data.byteLength; messages++; };
near.bufferedAmountLowThreshold = 1 << 20;
while (performance.now() < start + ms) {
  for (let i = 0; i < 64 && near.bufferedAmount < inFlight; i++) near.send(message);
  await new Promise(resolve => {
    if (near.bufferedAmount < inFlight) setTimeout(resolve, 0);
    else near.onbufferedamountlow = resolve;
  });
}
return [received, messages, (performance.now() - start) / 1000];
"""
DRAIN = """
while (pair.near.bufferedAmount > 0) await new Promise(resolve => setTimeout(resolve, 20));
await new Promise(resolve => setTimeout(resolve, 500));
"""
PINGS = """
const {near, far} = pair, message = new Uint8Array(32), times = [];
far.onmessage = ({data}) => far.send(data);
await new Promise(resolve => {
  let sent;
  const ping = () => { sent = performance.now(); near.send(message); };
  near.onmessage = () => { times.push((performance.now() - sent) * 1000); times.length < %d ? ping() : resolve(); };
  ping();
});
return times;
"""


def percentile(values, fraction):
    return sorted(values)[min(len(values) - 1, int(fraction * len(values)))]


def main(setups, seconds, pings, size=65536):
    browser = Chromium(ALLOW)
    try:
        page, report = browser.open("about:blank"), {"bench": "chromium"}
        browser.evaluate(page, CONNECT)
        if setups:
            before = tree_cpu(browser.process.pid)
            times = browser.evaluate(page, SETUP % setups, timeout=120)
            report |= {"cpu_ms_per_connection": (tree_cpu(browser.process.pid) - before) * 1e3 / setups, "setup_ms_median": percentile(times, 0.5),
                       "setup_ms_p95": percentile(times, 0.95)}
        browser.evaluate(page, FLOOD % (size, seconds / 5), timeout=seconds + 60)  # the first fifth is not counted
        before = tree_cpu(browser.process.pid)
        received, messages, elapsed = browser.evaluate(page, FLOOD % (size, seconds * 4 / 5), timeout=seconds + 60)
        report |= {"throughput_MBps": received / elapsed / 1e6, "messages_per_s": messages / elapsed,
                   "cpu_s_per_GB": (tree_cpu(browser.process.pid) - before) / (received / 1e9)}
        browser.evaluate(page, DRAIN, timeout=60)
        if pings:
            times = browser.evaluate(page, PINGS % pings, timeout=120)
            report |= {"rtt_us_median": percentile(times, 0.5), "rtt_us_p99": percentile(times, 0.99)}
        print(json.dumps(report), flush=True)
    finally:
        browser.close()


main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), *map(int, sys.argv[4:]))
