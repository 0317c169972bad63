// werift as the other side: node peer.mjs offer|answer [--full]. It has no codecs: what it receives it sends back, so the caller sees its own
// test picture. The protocol of its lines is in tests/interop/peer.c.
import readline from 'node:readline';
import {MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters} from 'werift';

const isOffering = process.argv.includes('offer'), isFull = process.argv.includes('--full');
const PREFIX = 'echo: ';
const binary = Buffer.from(Array.from({length: 12000}, (_, i) => i * 7 + (i >> 8)));
const said = ['hello', 'größer, 你好 ✓', binary.subarray(0, 100), binary];
const echoed = new Set(), packets = {audio: 0, video: 0}, tracks = {};
let messages = 0, keyFrameAsks = 0, video = null;

const show = message => process.stdout.write(JSON.stringify(message) + '\n');
const complain = (call, error) => show({error: String(error?.stack ?? error), call});
process.on('uncaughtException', error => complain('uncaught', error));

const pc = new RTCPeerConnection({
  codecs: {
    audio: [new RTCRtpCodecParameters({mimeType: 'audio/opus', clockRate: 48000, channels: 2, payloadType: 111})],
    video: [new RTCRtpCodecParameters({mimeType: 'video/VP8', clockRate: 90000, payloadType: 96,
      rtcpFeedback: [{type: 'nack'}, {type: 'nack', parameter: 'pli'}, {type: 'goog-remb'}]})],
  },
  iceServers: [],
});

function askForKeyFrame() {
  keyFrameAsks++;
  video?.receiver.sendRtcpPLI(video.track.ssrc).catch(error => complain('PLI', error));
}

pc.onRemoteTransceiverAdded.subscribe(transceiver => {
  if (tracks[transceiver.kind])
    return;
  tracks[transceiver.kind] = new MediaStreamTrack({kind: transceiver.kind});
  transceiver.sender.replaceTrack(tracks[transceiver.kind]);
  transceiver.setDirection('sendrecv');
  watchFeedback(transceiver);
});

// Who receives our echo and wants a key frame must get it from the one whose picture it is.
function watchFeedback(transceiver) {
  if (transceiver.kind === 'video')
    transceiver.sender.onPictureLossIndication.subscribe(askForKeyFrame);
}

pc.onTransceiverAdded.subscribe(transceiver => transceiver.onTrack.subscribe(track => {
  if (track.kind === 'video') {
    video = {receiver: transceiver.receiver, track};
    askForKeyFrame();
  }
  track.onReceiveRtp.subscribe(packet => {
    packets[track.kind]++;
    const echo = packet.clone();
    echo.header.extensions = [];
    echo.header.extension = false;
    tracks[track.kind]?.writeRtp(echo);
  });
}));

function takeChannel(channel) {
  channel.onMessage.subscribe(data => {
    messages++;
    if (!isOffering)
      return channel.send(typeof data === 'string' ? PREFIX + data : data);
    said.forEach((one, i) => {
      if (typeof one === 'string' ? data === PREFIX + one : typeof data !== 'string' && one.equals(data))
        echoed.add(i);
    });
  });
  if (isOffering)
    channel.stateChanged.subscribe(state => state === 'open' && said.forEach(one => channel.send(one)));
}
pc.onDataChannel.subscribe(takeChannel);

// Candidates that are found while the description is being set wait until it has left.
let early = [];
pc.onIceCandidate.subscribe(candidate => {
  const message = {candidate: candidate?.candidate ? candidate.toJSON() : null};
  if (early)
    early.push(message);
  else if (!isFull)
    show(message);
});

async function describe(description) {
  const complete = new Promise(resolve => pc.iceGatheringStateChange.subscribe(state => state === 'complete' && resolve()));
  await pc.setLocalDescription(description);
  if (isFull) {
    if (pc.iceGatheringState !== 'complete')
      await complete;
    description = pc.localDescription;
    early = [];
  }
  show({description: {type: description.type, sdp: description.sdp}});
  early?.forEach(show);
  early = null;
}

async function offer() {
  for (const kind of ['audio', 'video']) {
    tracks[kind] = new MediaStreamTrack({kind});
    watchFeedback(pc.addTransceiver(tracks[kind], {direction: 'sendrecv'}));
  }
  takeChannel(pc.createDataChannel('chat'));
  await describe(await pc.createOffer());
}

async function receive(message) {
  if (message.report) {
    show({report: {state: pc.connectionState, messages, echoes: echoed.size, video_packets: packets.video, audio_packets: packets.audio,
      key_frame_asks: keyFrameAsks}});
  } else if (message.description) {
    await pc.setRemoteDescription(message.description);
    if (message.description.type === 'offer')
      await describe(await pc.createAnswer());
  } else if (message.candidate?.candidate) {
    await pc.addIceCandidate(message.candidate);
  }
}

let turn = Promise.resolve(); // one line after the other
readline.createInterface({input: process.stdin}).on('line', line => {
  turn = turn.then(() => receive(JSON.parse(line))).catch(error => complain(line.slice(0, 40), error));
}).on('close', async () => {
  await Promise.race([pc.close(), new Promise(resolve => setTimeout(resolve, 200))]);
  process.exit(0);
});
if (isOffering)
  turn = offer().catch(error => complain('offer', error));
