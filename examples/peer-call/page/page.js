// What the user sees and presses. window.peerCall is the same for a script: it drives the page and reads what arrived.

import {Rendezvous} from '/-/rendezvous.js';
import {Call} from '/-/call.js';
import {CodeReader, LevelMeter, openMedia, openTrack} from '/-/media.js';

const $ = id => document.getElementById(id);
const room = decodeURIComponent(location.pathname.slice(1));
const options = {video: 'camera', audio: 'microphone', ...Object.fromEntries(new URLSearchParams(location.search))};
if (options.audio === 'test')
  options.audio = 'tones';

const peerCall = window.peerCall = {
  room,
  state: 'starting', // starting, waiting, full, lost, left, or the connection's: new, connecting, connected, …
  pc: null,
  polite: null,
  calls: 0, // begun so far
  localStream: null,
  sharedStream: new MediaStream(),
  remoteStream: null,
  remoteShared: null,
  messages: [], // {mine, text}
  files: [], // received: {name, size, sha256, url}
  sent: {messages: 0},
  received: {messages: 0, bytes: 0, frames: 0, numbers: new Set()}, // numbers: those burnt into the frames that were shown
  troubles: [],
  readCode: () => codes.read($('remote')),
  readSharedCode: () => codes.read($('shared')),
  readLevel: () => meter?.isRunning ? meter.read() : statsLevel,
  getStats: async () => peerCall.pc ? [...(await peerCall.pc.getStats()).values()] : [],
  say, sendFile, setMicrophone, setCamera, setSource, share, hold, hangUp, join,
};

const codes = new CodeReader();
let rendezvous = null, iceServers = [], call = null, meter = null, lastStats = null, lastEnergy = null, statsLevel = -127;

function status(text) {
  $('status').textContent = text;
}

function show(state, invitation) {
  peerCall.state = state;
  $('empty').hidden = !invitation;
  $('empty').className = state === 'waiting' ? '' : 'still';
  $('invitation').textContent = invitation ?? '';
  $('hang-up').classList.toggle('again', !rendezvous);
  $('hang-up').title = rendezvous ? 'Hang up' : 'Call again';
}

function note(text, kind = 'note', link) {
  const line = document.createElement('li');
  line.className = kind;
  if (link) {
    const anchor = Object.assign(document.createElement('a'), {href: link.url, download: link.name, textContent: text});
    line.append(anchor);
  } else {
    line.textContent = text;
  }
  $('messages').append(line);
  line.scrollIntoView({block: 'nearest'});
}

function trouble(error) {
  peerCall.troubles.push(String(error.message ?? error));
  note(String(error.message ?? error));
}

function begin(polite) {
  end();
  call = new Call(polite, peerCall.localStream, peerCall.sharedStream, iceServers, message => rendezvous?.send(message));
  Object.assign(peerCall, {pc: call.pc, polite, remoteStream: call.remoteStream, remoteShared: call.remoteShared, calls: peerCall.calls + 1});
  const current = call;
  const on = (type, handler) => call.addEventListener(type, event => current === call && handler(event.detail));
  on('state', state => {
    const text = {connecting: 'Connecting…', connected: 'Connected', disconnected: 'The connection is interrupted…', failed: 'No way to the other side was found'};
    show(state, state === 'failed' ? 'No way to the other side was found: a firewall may be in between.' : null);
    status(text[state] ?? state);
  });
  on('track', track => {
    const remote = $('remote');
    if (remote.srcObject !== call.remoteStream)
      remote.srcObject = call.remoteStream;
    if (track.kind === 'audio')
      meter = new LevelMeter(call.remoteStream);
    remote.play().catch(error => {
      if (error.name !== 'NotAllowedError')
        return;
      remote.muted = true; // no sound before a gesture of the user
      remote.play();
      $('sound').hidden = false;
    });
  });
  on('change', () => {
    const shared = $('shared');
    if (shared.srcObject !== call.remoteShared)
      shared.srcObject = call.remoteShared;
    shared.hidden = !call.remoteShared.getTracks().some(track => !track.muted);
    $('remote').classList.toggle('off', !call.remoteStream.getVideoTracks().some(track => !track.muted));
    $('stage').classList.toggle('sharing', !shared.hidden);
    if (!shared.hidden)
      shared.play().catch(() => {}); // it has no sound: a gesture is not needed
  });
  on('data', data => {
    peerCall.received.messages++;
    peerCall.received.bytes += typeof data === 'string' ? new TextEncoder().encode(data).length : data.byteLength;
  });
  on('message', text => {
    peerCall.messages.push({mine: false, text});
    note(text, 'theirs');
  });
  on('file', file => {
    peerCall.files.push(file);
    note(`${file.name} (${file.size} bytes)`, 'theirs', file);
  });
  on('trouble', trouble);
  show('new', null);
  status('Connecting…');
}

function end() {
  call?.close();
  call = null;
  meter?.context.close();
  meter = null;
  lastStats = lastEnergy = null;
  statsLevel = -127;
  $('remote').srcObject = $('shared').srcObject = null;
  $('shared').hidden = true;
  $('stage').classList.remove('sharing');
  $('hold').setAttribute('aria-pressed', true);
  $('sound').hidden = true;
}

function join() {
  hangUp();
  rendezvous = new Rendezvous(room);
  const current = rendezvous;
  const on = (type, handler) => rendezvous.addEventListener(type, event => current === rendezvous && handler(event.detail));
  const waiting = why => {
    show('waiting', `${why}\nThe other side joins with\n${location.origin}/${room}`);
    status('Waiting');
  };
  const out = (state, why) => {
    rendezvous.close();
    rendezvous = null;
    show(state, why);
    status('Not in the room');
  };
  on('joined', joined => {
    iceServers = joined.iceServers ?? [];
    waiting('Nobody else is here yet.');
  });
  on('present', ({polite}) => begin(polite));
  on('left', () => {
    end();
    waiting('The other side has left.');
  });
  on('message', message => call?.receive(message));
  on('full', ({reason}) => out('full', `Sorry, ${reason}.`));
  on('refused', ({reason}) => out('refused', `Sorry, ${reason}.`));
  on('lost', () => {
    if (call?.pc.connectionState === 'connected') {
      note('The rendezvous is gone; the call goes on without it.');
      return;
    }
    end();
    out('lost', 'The rendezvous cannot be reached.');
  });
  show('starting', 'Entering the room…');
}

function hangUp() {
  end();
  rendezvous?.close();
  rendezvous = null;
  show('left', 'You have left the room.');
  status('');
}

function say(text) {
  if (!call?.say(text))
    return false;
  peerCall.sent.messages++;
  peerCall.messages.push({mine: true, text});
  note(text, 'mine');
  return true;
}

async function sendFile(file) {
  if (!call)
    return;
  note(`sending ${file.name}…`);
  try {
    await call.sendFile(file);
    note(`${file.name} has arrived`);
  } catch (error) {
    trouble(error);
  }
}

// Silence in place of the sound; the other side need not know.
function setMicrophone(on) {
  peerCall.localStream?.getAudioTracks().forEach(track => track.enabled = on);
  $('microphone').setAttribute('aria-pressed', on);
}

function put(stream, kind, track) {
  for (const old of stream.getTracks().filter(old => old.kind === kind)) {
    stream.removeTrack(old);
    old.stop();
  }
  if (track)
    stream.addTrack(track);
}

async function setPicture(source) {
  const track = await openTrack(source);
  await call?.setTrack('video', track);
  put(peerCall.localStream, 'video', track);
  $('local').hidden = !track;
  $('local').classList.toggle('plain', source !== 'camera');
  $('camera').setAttribute('aria-pressed', !!track);
}

// Off, the camera is free for others, and the other side is told by negotiation.
function setCamera(on) {
  return setPicture(on ? options.video : 'none').catch(trouble);
}

// Another picture: camera, test, screen.
function setSource(source) {
  options.video = source;
  return setPicture(source).catch(trouble);
}

// A second picture beside the first: screen, camera, test; null ends it.
async function share(source) {
  try {
    const track = source && await openTrack(source);
    await call?.share(track);
    put(peerCall.sharedStream, 'video', track);
    if (track)
      track.onended = () => share(null);
    $('share').setAttribute('aria-pressed', !track);
  } catch (error) {
    if (error.name !== 'NotAllowedError') // the user chose nothing
      trouble(error);
  }
}

function hold(on) {
  call?.hold(on);
  $('hold').setAttribute('aria-pressed', !on);
}

// Every frame that is shown: count it, and the number burnt into it. A page in the background is told of no frames: there it looks by itself.
function watchFrames(video) {
  let last = null;
  const look = () => {
    const code = codes.read(video);
    if (!code || code.number === last)
      return false;
    last = code.number;
    if (peerCall.received.numbers.size < 100000)
      peerCall.received.numbers.add(code.number);
    return true;
  };
  const shown = () => {
    look();
    peerCall.received.frames++;
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback?.(shown);
  setInterval(() => {
    if ((document.hidden || !video.requestVideoFrameCallback) && video.srcObject && look())
      peerCall.received.frames++;
  }, 20);
}

// The loudness by statistics, for browsers whose WebAudio stands still (Firefox without a sound card).
function measureLevel(audio) {
  if (audio?.totalAudioEnergy === undefined)
    return;
  const now = {energy: audio.totalAudioEnergy, seconds: audio.totalSamplesDuration};
  if (lastEnergy && now.seconds > lastEnergy.seconds)
    statsLevel = Math.max(-127, 10 * Math.log10((now.energy - lastEnergy.energy) / (now.seconds - lastEnergy.seconds) + 1e-13));
  lastEnergy = now;
}

async function tick() {
  if (call?.pc.connectionState !== 'connected')
    return;
  const stats = [...(await call.pc.getStats()).values()];
  const bytes = stats.filter(s => s.type === 'inbound-rtp').reduce((sum, s) => sum + s.bytesReceived, 0);
  const video = stats.find(s => s.type === 'inbound-rtp' && s.kind === 'video');
  measureLevel(stats.find(s => s.type === 'inbound-rtp' && s.kind === 'audio'));
  const pair = stats.find(s => s.type === 'candidate-pair' && s.nominated && s.currentRoundTripTime !== undefined);
  const parts = ['Connected'];
  if (video?.frameWidth)
    parts.push(`${video.frameWidth}×${video.frameHeight} ${Math.round(video.framesPerSecond ?? 0)} fps`);
  if (lastStats)
    parts.push(`${Math.max(0, Math.round((bytes - lastStats.bytes) * 8 / (performance.now() - lastStats.time)))} kbit/s`);
  if (pair)
    parts.push(`${Math.round(pair.currentRoundTripTime * 1000)} ms`);
  lastStats = {bytes, time: performance.now()};
  status(parts.join(' · '));
}

async function start() {
  $('call').hidden = false;
  $('room').textContent = document.title = room;
  $('microphone').onclick = () => setMicrophone($('microphone').getAttribute('aria-pressed') !== 'true');
  $('camera').onclick = () => setCamera($('camera').getAttribute('aria-pressed') !== 'true');
  $('share').onclick = () => share(peerCall.sharedStream.getTracks().length > 0 ? null : options.share ?? 'screen');
  $('hold').onclick = () => hold($('hold').getAttribute('aria-pressed') === 'true');
  $('hang-up').onclick = () => rendezvous ? hangUp() : join();
  $('sound').onclick = () => {
    $('remote').muted = false;
    $('sound').hidden = true;
    meter?.context.resume();
  };
  $('chat').onsubmit = event => {
    event.preventDefault();
    if ($('text').value && say($('text').value))
      $('text').value = '';
  };
  $('file').onchange = () => {
    [...$('file').files].forEach(sendFile);
    $('file').value = '';
  };
  addEventListener('pagehide', hangUp);
  const {stream, troubles} = await openMedia(options);
  troubles.forEach(trouble);
  peerCall.localStream = $('local').srcObject = stream;
  $('local').hidden = stream.getVideoTracks().length === 0;
  $('local').classList.toggle('plain', options.video !== 'camera');
  $('microphone').hidden = stream.getAudioTracks().length === 0;
  watchFrames($('remote'));
  setInterval(tick, 1000);
  join();
}

if (room) {
  start();
} else {
  $('lobby').hidden = false;
  $('room-name').focus();
  $('lobby').onsubmit = event => {
    event.preventDefault();
    location.pathname = '/' + $('room-name').value;
  };
}
