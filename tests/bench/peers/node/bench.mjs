// The measurements of peer-bench with a library of Node's: node bench.mjs wrtc|node-datachannel SETUPS SECONDS PINGS [SIZE]. Both sides are in
// this process.

const inFlight = 4 << 20;
const lowWater = 1 << 20;

// An adapter makes a connected pair: {send(bytes), buffered(), onLow, onReceive, answer(bytes), onAnswer, close()}.
async function libwebrtc() {
  const {default: {RTCPeerConnection}} = await import('@roamhq/wrtc');
  return async () => {
    const a = new RTCPeerConnection(), b = new RTCPeerConnection();
    const early = {a: [], b: []};
    const add = (to, candidate) => to.addIceCandidate(candidate).catch(() => {}); // one may come after close()
    const give = (name, to) => ({candidate}) => {
      if (candidate) to.remoteDescription ? add(to, candidate) : early[name].push(candidate);
    };
    a.onicecandidate = give('b', b);
    b.onicecandidate = give('a', a);
    const near = a.createDataChannel('bench');
    near.binaryType = 'arraybuffer';
    const pair = {onLow() {}, onReceive() {}, onAnswer() {}};
    const open = Promise.all([
      new Promise(resolve => { near.onopen = resolve; }),
      new Promise(resolve => {
        b.ondatachannel = ({channel}) => {
          channel.binaryType = 'arraybuffer';
          channel.onmessage = ({data}) => pair.onReceive(data.byteLength);
          pair.answer = bytes => channel.send(bytes);
          if (channel.readyState === 'open') resolve();
          else channel.onopen = resolve;
        };
      }),
    ]);
    near.bufferedAmountLowThreshold = lowWater;
    near.onbufferedamountlow = () => pair.onLow();
    near.onmessage = () => pair.onAnswer();
    pair.send = bytes => near.send(bytes);
    pair.buffered = () => near.bufferedAmount;
    pair.close = () => { a.close(); b.close(); };
    await a.setLocalDescription(await a.createOffer());
    await b.setRemoteDescription(a.localDescription);
    early.b.forEach(candidate => add(b, candidate));
    await b.setLocalDescription(await b.createAnswer());
    await a.setRemoteDescription(b.localDescription);
    early.a.forEach(candidate => add(a, candidate));
    await open;
    return pair;
  };
}

async function libdatachannel() {
  const {default: library} = await import('node-datachannel');
  return async () => {
    const a = new library.PeerConnection('a', {iceServers: []}), b = new library.PeerConnection('b', {iceServers: []});
    const pair = {onLow() {}, onReceive() {}, onAnswer() {}};
    const give = (from, to) => { // a candidate may come ahead of its description
      const early = [];
      let isDescribed = false;
      from.onLocalDescription((sdp, type) => {
        to.setRemoteDescription(sdp, type);
        isDescribed = true;
        early.forEach(([candidate, mid]) => to.addRemoteCandidate(candidate, mid));
      });
      from.onLocalCandidate((candidate, mid) => isDescribed ? to.addRemoteCandidate(candidate, mid) : early.push([candidate, mid]));
    };
    give(a, b);
    give(b, a);
    const far = new Promise(resolve => {
      b.onDataChannel(channel => {
        channel.onMessage(data => pair.onReceive(data.byteLength ?? data.length));
        pair.answer = bytes => channel.sendMessageBinary(bytes);
        resolve(channel);
      });
    });
    const near = a.createDataChannel('bench');
    const open = new Promise(resolve => near.onOpen(resolve));
    near.setBufferedAmountLowThreshold(lowWater);
    near.onBufferedAmountLow(() => pair.onLow());
    near.onMessage(() => pair.onAnswer());
    pair.send = bytes => near.sendMessageBinary(bytes);
    pair.buffered = () => near.bufferedAmount();
    pair.close = () => { a.close(); b.close(); };
    await Promise.all([open, far]);
    return pair;
  };
}

const now = () => performance.now();
const cpu = () => { const {user, system} = process.cpuUsage(); return (user + system) / 1000; };
const percentile = (values, fraction) => values.sort((x, y) => x - y)[Math.min(values.length - 1, Math.floor(fraction * values.length))];

async function measureSetup(connect, count, report) {
  const warm = await connect();
  const times = [], before = cpu();
  for (let i = 0; i < count; i++) {
    const start = now();
    const pair = await connect();
    times.push(now() - start);
    pair.close();
    await new Promise(resolve => setImmediate(resolve));
  }
  report.cpu_ms_per_connection = (cpu() - before) / count;
  report.setup_ms_median = percentile(times, 0.5);
  report.setup_ms_p95 = percentile(times, 0.95);
  warm.close();
}

async function measureFlood(pair, seconds, report) {
  const message = Buffer.alloc(sizeOfMessage);
  const start = now(), warmUntil = start + seconds * 200, end = start + seconds * 1000;
  let received = 0, messages = 0, from = 0, fromMessages = 0, fromTime = 0, fromCpu = 0;
  pair.onReceive = length => { received += length; messages++; };
  await new Promise(resolve => {
    const pump = () => {
      const time = now();
      if (fromTime === 0 && time >= warmUntil) [from, fromMessages, fromTime, fromCpu] = [received, messages, time, cpu()];
      if (time >= end) return resolve();
      for (let i = 0; i < 16 && pair.buffered() < inFlight; i++) pair.send(message);
      if (pair.buffered() < inFlight) setImmediate(pump); // the library's own events come between
      else timer = setTimeout(go, 50); // an event may get lost
    };
    let timer;
    const go = () => { clearTimeout(timer); timer = undefined; pump(); };
    pair.onLow = () => { if (timer) go(); };
    pump();
  });
  const bytes = received - from;
  report.messages_per_s = (messages - fromMessages) / (now() - fromTime) * 1000;
  report.throughput_MBps = bytes / (now() - fromTime) / 1000;
  report.cpu_s_per_GB = (cpu() - fromCpu) / 1000 / (bytes / 1e9);
  pair.onLow = () => {};
  while (pair.buffered() > 0) await new Promise(resolve => setTimeout(resolve, 20));
  await new Promise(resolve => setTimeout(resolve, 500));
}

async function measurePings(pair, count, report) {
  const message = Buffer.alloc(32), times = [];
  await new Promise(resolve => {
    let sent = 0;
    const ping = () => { sent = now(); pair.send(message); };
    pair.onReceive = () => pair.answer(message);
    pair.onAnswer = () => { times.push((now() - sent) * 1000); times.length < count ? ping() : resolve(); };
    ping();
  });
  report.rtt_us_median = percentile(times, 0.5);
  report.rtt_us_p99 = percentile(times, 0.99);
}

const [name, setups, seconds, pings, size] = process.argv.slice(2);
const sizeOfMessage = +(size ?? 65536);
const connect = await (name === 'wrtc' ? libwebrtc() : libdatachannel());
// A line after each, so that a library that does not survive the next has told what it did.
const tell = async (measure, ...rest) => {
  const report = {bench: name};
  await measure(...rest, report);
  console.log(JSON.stringify(report));
};
if (+setups) await tell(measureSetup, connect, +setups);
const pair = await connect();
await tell(measureFlood, pair, +seconds);
if (+pings) await tell(measurePings, pair, +pings);
process.exit(0);
