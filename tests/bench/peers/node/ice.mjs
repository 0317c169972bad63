// The side of `peer-bench ice` that ice-peer is, with libdatachannel: node ice.mjs all|relay [URL [USER PASSWORD]].
import library from 'node-datachannel';
import {createInterface} from 'node:readline';

const [policy, url, username, password] = process.argv.slice(2);
const [scheme, hostname] = url?.split(':') ?? [];
const server = scheme === 'turn' ? {hostname, port: 3478, username, password, relayType: 'TurnUdp'} : `${url}:3478`;
const configuration = {iceServers: url ? [server] : [], iceTransportPolicy: policy};

const say = (word, value) => console.log(value === undefined ? word : `${word} ${JSON.stringify(value)}`);
const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
let connection, candidates = [];

function start() {
  const pc = connection = new library.PeerConnection('bench', configuration);
  pc.onLocalDescription((sdp, type) => say('description', {type, sdp: sdp.replace(/^a=(candidate|end-of-candidates).*\r\n/gm, '')}));
  pc.onLocalCandidate((candidate, mid) => say('candidate', {candidate, mid}));
  pc.onGatheringStateChange(state => { if (state === 'complete') say('gathered'); });
  pc.onIceStateChange(state => {
    if (state === 'connected' || state === 'completed') say('connected', now());
    else if (state === 'failed') say('failed');
  });
}

const commands = {
  offer() { start(); connection.createDataChannel('bench'); },
  answer({type, sdp}) { start(); connection.setRemoteDescription(sdp, type); },
  description({type, sdp}) { connection.setRemoteDescription(sdp, type); say('ready'); },
  candidate(candidate) { candidates.push(candidate); },
  go() {
    say('known', now());
    candidates.forEach(({candidate, mid}) => connection.addRemoteCandidate(candidate, mid));
  },
  close() {
    candidates = [];
    connection.close();
    say('closed');
  },
};
for await (const line of createInterface({input: process.stdin})) {
  const [, word, rest] = /^(\S+) ?(.*)$/.exec(line);
  commands[word](rest ? JSON.parse(rest) : undefined);
}
process.exit(0);
