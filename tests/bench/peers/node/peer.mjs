// What bench-peer is, with libdatachannel: node peer.mjs all|relay [URL [USER PASSWORD]].
import library from 'node-datachannel';
import {createInterface} from 'node:readline';

const [policy, url, username, password] = process.argv.slice(2);
const [scheme, hostname] = url?.split(':') ?? [];
const server = scheme === 'turn' ? {hostname, port: 3478, username, password, relayType: 'TurnUdp'} : `${url}:3478`;
const configuration = {iceServers: url ? [server] : [], iceTransportPolicy: policy};

const say = (word, value) => console.log(value === undefined ? word : `${word} ${JSON.stringify(value)}`);
const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
const cpu = () => { const {user, system} = process.cpuUsage(); return (user + system) / 1e6; };
const saySample = (word, bytes, messages) => console.log(`${word} ${now()} ${bytes} ${messages} ${cpu()}`);
let connection, channel, candidates = [], onMessage = () => {}, reporting;

function take(taken) {
  channel = taken;
  channel.onMessage(data => onMessage(data));
  channel.onOpen(() => say('open'));
}

function start() {
  const pc = connection = new library.PeerConnection('bench', configuration);
  pc.onLocalDescription((sdp, type) => say('description', {type, sdp: sdp.replace(/^a=(candidate|end-of-candidates).*\r\n/gm, '')}));
  pc.onLocalCandidate((candidate, mid) => say('candidate', {candidate, mid}));
  pc.onDataChannel(taken => {
    take(taken);
    if (taken.isOpen()) say('open');
  });
  pc.onGatheringStateChange(state => { if (state === 'complete') say('gathered'); });
  pc.onIceStateChange(state => {
    if (state === 'connected' || state === 'completed') say('connected', now());
    else if (state === 'failed') say('failed');
  });
}

const percentile = (values, fraction) => values.sort((x, y) => x - y)[Math.min(values.length - 1, Math.floor(fraction * values.length))];

function ping(count) {
  const message = Buffer.alloc(32), times = [];
  let sent;
  const send = () => { sent = performance.now(); channel.sendMessageBinary(message); };
  onMessage = () => {
    times.push((performance.now() - sent) * 1000);
    if (times.length < count) send();
    else console.log(`round-trips ${percentile(times, 0.5)} ${percentile(times, 0.99)}`);
  };
  send();
}

function flood(size, seconds, limit) {
  const message = Buffer.alloc(size), end = performance.now() + seconds * 1000;
  let sent = 0, isWaiting = false;
  const pump = () => {
    isWaiting = false;
    for (let i = 0; i < 16 && channel.bufferedAmount() + size <= limit; i++, sent++) channel.sendMessageBinary(message);
    if (performance.now() >= end) {
      clearTimeout(timer);
      channel.onBufferedAmountLow(() => {});
      saySample('flooded', sent * size, sent);
    } else if (channel.bufferedAmount() + size <= limit) {
      setImmediate(pump); // the library's own events come between
    } else {
      isWaiting = true;
    }
  };
  const timer = setTimeout(() => { if (isWaiting) pump(); }, seconds * 1000 + 1);
  channel.setBufferedAmountLowThreshold(Math.floor(limit / 2));
  channel.onBufferedAmountLow(() => { if (isWaiting) pump(); });
  saySample('flooding', 0, 0);
  pump();
}

const commands = {
  offer() { start(); take(connection.createDataChannel('bench')); },
  answer(rest) { start(); const {type, sdp} = JSON.parse(rest); connection.setRemoteDescription(sdp, type); },
  description(rest) { const {type, sdp} = JSON.parse(rest); connection.setRemoteDescription(sdp, type); say('ready'); },
  candidate(rest) { candidates.push(JSON.parse(rest)); },
  go() {
    say('known', now());
    candidates.forEach(({candidate, mid}) => connection.addRemoteCandidate(candidate, mid));
  },
  reflect() { onMessage = data => channel.sendMessageBinary(data); say('reflecting'); },
  ping(rest) { ping(+rest); },
  count() {
    let bytes = 0, messages = 0;
    onMessage = data => { bytes += data.byteLength ?? data.length; messages++; };
    const report = () => saySample('received', bytes, messages);
    report();
    reporting = setInterval(report, 50);
  },
  flood(rest) { flood(...rest.split(' ').map(Number)); },
  close() {
    clearInterval(reporting);
    candidates = [];
    onMessage = () => {};
    connection.close();
    say('closed');
  },
};
for await (const line of createInterface({input: process.stdin})) {
  const [, word, rest] = /^(\S+) ?(.*)$/.exec(line);
  commands[word](rest);
}
process.exit(0);
