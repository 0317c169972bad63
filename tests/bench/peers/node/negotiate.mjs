// peer-bench negotiate with a library of Node's: node negotiate.mjs node-datachannel|werift COUNT LINES…; lines 0 is the common call. Both
// sides are in this process, and no candidate is passed on.

// Each adapter makes a negotiation of so many m-lines, which ends with {close()} when both sides are stable.
async function libdatachannel() {
  const {default: library} = await import('node-datachannel');
  const media = (pc, kind, mid) => {
    const description = kind === 'audio' ? new library.Audio(mid, 'SendRecv') : new library.Video(mid, 'SendRecv');
    if (kind === 'audio') description.addOpusCodec(111);
    else description.addVP8Codec(96);
    return pc.addTrack(description);
  };
  return async lines => {
    const options = {iceServers: [], disableAutoNegotiation: true};
    const a = new library.PeerConnection('a', options), b = new library.PeerConnection('b', options);
    const tracks = [];
    const stable = new Promise((resolve, reject) => {
      a.onLocalDescription((sdp, type) => {
        try { b.setRemoteDescription(sdp, type); b.setLocalDescription('answer'); } catch (error) { reject(error); }
      });
      b.onLocalDescription((sdp, type) => {
        try { a.setRemoteDescription(sdp, type); resolve(); } catch (error) { reject(error); }
      });
    });
    b.onTrack(track => tracks.push(track)); // it would be closed if nobody kept it
    for (let i = 0; i < (lines || 2); i++) tracks.push(media(a, i % 2 === 0 ? 'audio' : 'video', String(i)));
    const channel = lines === 0 ? a.createDataChannel('data') : undefined;
    a.setLocalDescription('offer');
    await stable;
    return {close() { channel?.close(); a.close(); b.close(); }};
  };
}

async function werift() {
  const library = await import('werift');
  const {RTCPeerConnection, MediaStreamTrack, RTCDtlsTransport} = library;
  await RTCDtlsTransport.SetupCertificate?.(); // it is kept for all that follow
  return async lines => {
    const a = new RTCPeerConnection({iceServers: []}), b = new RTCPeerConnection({iceServers: []});
    if (lines === 0) {
      for (const pc of [a, b]) for (const kind of ['audio', 'video']) pc.addTrack(new MediaStreamTrack({kind}));
      a.createDataChannel('data');
    }
    for (let i = 0; i < lines; i++) a.addTransceiver(i % 2 === 0 ? 'audio' : 'video', {direction: 'sendrecv'});
    await a.setLocalDescription(await a.createOffer());
    await b.setRemoteDescription(a.localDescription);
    await b.setLocalDescription(await b.createAnswer());
    await a.setRemoteDescription(b.localDescription);
    return {close() { a.close(); b.close(); }};
  };
}

const cpu = () => { const {user, system} = process.cpuUsage(); return (user + system) / 1000; };
const median = values => values.sort((x, y) => x - y)[values.length >> 1];

const [name, count, ...sizes] = process.argv.slice(2);
const negotiate = await (name === 'werift' ? werift() : libdatachannel());
for (const lines of sizes.map(Number)) {
  const walls = [], cpus = [];
  for (let i = 0; i < 2 + +count * 4 / (lines + 4); i++) {
    const start = performance.now(), before = cpu();
    const pair = await negotiate(lines);
    if (i > 0) { // the first is not counted
      walls.push(performance.now() - start);
      cpus.push(cpu() - before);
    }
    pair.close();
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  console.log(JSON.stringify({mlines: lines, wall_ms: median(walls), cpu_ms: median(cpus)}));
}
process.exit(0);
