// One call: an RTCPeerConnection by the pattern of perfect negotiation (W3C WebRTC §10.7), a chat channel and files.

import {receiveFile, sendFile} from '/-/file.js';

const PATIENCE_MS = 1000;

// Those of the rendezvous' servers that this browser takes: it refuses what it does not know by an exception.
function usable(iceServers) {
  return iceServers.filter(server => {
    try {
      new RTCPeerConnection({iceServers: [server]}).close();
      return true;
    } catch {
      return false;
    }
  });
}

export class Call extends EventTarget {
  // `stream` is of sound and picture, `shared` of what is shown beside them; both may be empty.
  constructor(polite, stream, shared, iceServers, send) {
    super();
    this.polite = polite;
    this.send = send;
    this.stream = stream;
    this.shared = shared;
    this.senders = new Map(); // by what they send: audio, video, shared
    this.directions = new Map(); // of transceivers on hold: those they had
    this.onHold = false;
    this.makingOffer = false;
    this.ignoreOffer = false;
    this.settingAnswer = false;
    this.remoteStream = new MediaStream();
    this.remoteShared = new MediaStream();
    this.mainStream = null; // id of the first to come: what comes in others is shared
    this.pc = new RTCPeerConnection({iceServers: usable(iceServers)});
    this.pc.onnegotiationneeded = () => this.#offer();
    this.pc.onicecandidate = ({candidate}) => this.send({candidate});
    this.pc.onconnectionstatechange = () => this.#emit('state', this.pc.connectionState);
    this.pc.oniceconnectionstatechange = () => this.pc.iceConnectionState === 'failed' && this.pc.restartIce();
    this.pc.ontrack = ({track, streams}) => this.#takeTrack(track, streams[0]?.id ?? '');
    this.pc.ondatachannel = ({channel}) => this.#take(channel);
    for (const track of stream.getTracks())
      this.senders.set(track.kind, this.pc.addTrack(track, stream));
    for (const track of shared.getTracks())
      this.senders.set('shared', this.pc.addTrack(track, shared));
    if (!polite) {
      // The impolite side's offer stands when both offer at once, so it asks for both kinds of media and opens the channel.
      for (const kind of ['audio', 'video'])
        if (!stream.getTracks().some(track => track.kind === kind))
          this.pc.addTransceiver(kind, {direction: 'recvonly'});
      this.#take(this.pc.createDataChannel('chat'));
    }
  }

  #emit(type, detail) {
    this.dispatchEvent(Object.assign(new Event(type), {detail}));
  }

  async #offer() {
    // The polite side gives way when both offer, so at first it waits whether the other's offer comes: Chromium 156 now and then never finds its
    // own addresses when the first offer of its process is rolled back. What that offer leaves open makes this event come again.
    if (this.polite && !this.pc.remoteDescription) {
      await new Promise(resolve => {
        this.pc.addEventListener('signalingstatechange', resolve, {once: true});
        setTimeout(resolve, PATIENCE_MS);
      });
      if (this.pc.signalingState !== 'stable')
        return;
    }
    try {
      this.makingOffer = true;
      await this.pc.setLocalDescription();
      this.send({description: this.pc.localDescription});
    } catch (error) {
      this.#emit('trouble', error);
    } finally {
      this.makingOffer = false;
    }
  }

  async receive({description, candidate}) {
    try {
      if (description) {
        const ready = !this.makingOffer && (this.pc.signalingState === 'stable' || this.settingAnswer);
        this.ignoreOffer = !this.polite && description.type === 'offer' && !ready;
        if (this.ignoreOffer)
          return;
        this.settingAnswer = description.type === 'answer';
        await this.pc.setRemoteDescription(description);
        this.settingAnswer = false;
        if (description.type === 'offer') {
          await this.pc.setLocalDescription();
          this.send({description: this.pc.localDescription});
        }
      } else if (candidate !== undefined) {
        const isOfIgnoredOffer = this.ignoreOffer; // an answer may come before the next line is through
        try {
          await this.pc.addIceCandidate(candidate ?? undefined);
        } catch (error) {
          if (!isOfIgnoredOffer)
            throw error;
        }
      }
    } catch (error) {
      if (this.pc.signalingState !== 'closed')
        this.#emit('trouble', error);
    }
  }

  #takeTrack(track, stream) {
    this.mainStream ??= stream;
    const isShared = track.kind === 'video' && stream !== this.mainStream, into = isShared ? this.remoteShared : this.remoteStream;
    into.addTrack(track);
    const changed = () => this.#emit('change', {track, isShared});
    track.onmute = track.onunmute = changed;
    track.onended = () => {
      into.removeTrack(track);
      changed();
    };
    this.#emit('track', track);
    changed();
  }

  // What is sent as audio or video is another track from now on, or none. The transceiver that sent it is used again: addTrack() would make a new one.
  async setTrack(kind, track) {
    const sender = this.senders.get(kind);
    if (!sender) {
      if (track)
        this.senders.set(kind, this.pc.addTrack(track, this.stream));
      return;
    }
    await sender.replaceTrack(track);
    const transceiver = this.pc.getTransceivers().find(one => one.sender === sender);
    const change = direction => /recv/.test(direction) ? (track ? 'sendrecv' : 'recvonly') : (track ? 'sendonly' : 'inactive');
    if (this.directions.has(transceiver))
      this.directions.set(transceiver, change(this.directions.get(transceiver)));
    else if (transceiver)
      transceiver.direction = change(transceiver.direction);
  }

  // Another picture beside the first; null ends it, and its m-line is free for the next.
  async share(track) {
    const sender = this.senders.get('shared');
    if (sender && track) {
      await sender.replaceTrack(track);
    } else if (track) {
      this.senders.set('shared', this.pc.addTrack(track, this.shared));
    } else if (sender) {
      this.pc.getTransceivers().find(one => one.sender === sender)?.stop();
      this.senders.delete('shared');
    }
  }

  // On hold nothing goes either way.
  hold(on) {
    if (on === this.onHold)
      return;
    this.onHold = on;
    const live = this.pc.getTransceivers().filter(({direction}) => direction !== 'stopped');
    for (const transceiver of live) {
      if (on)
        this.directions.set(transceiver, transceiver.direction);
      transceiver.direction = on ? 'inactive' : this.directions.get(transceiver) ?? transceiver.direction;
    }
    if (!on)
      this.directions.clear();
  }

  #take(channel) {
    channel.binaryType = 'arraybuffer';
    if (channel.label.startsWith('file:')) {
      const file = receiveFile(channel, data => this.#emit('data', data));
      file.then(result => this.#emit('file', result), error => this.#emit('trouble', error));
    } else {
      this.chat = channel;
      channel.onopen = () => this.#emit('open');
      channel.onmessage = ({data}) => {
        this.#emit('data', data);
        this.#emit('message', typeof data === 'string' ? data : `(${data.byteLength} bytes)`);
      };
    }
  }

  say(text) {
    if (this.chat?.readyState !== 'open')
      return false;
    this.chat.send(text);
    return true;
  }

  sendFile(file) {
    return sendFile(this.pc.createDataChannel('file:' + file.name), file);
  }

  close() {
    this.pc.close();
  }
}
