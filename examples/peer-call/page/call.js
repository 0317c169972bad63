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
  constructor(polite, stream, iceServers, send) {
    super();
    this.polite = polite;
    this.send = send;
    this.makingOffer = false;
    this.ignoreOffer = false;
    this.settingAnswer = false;
    this.remoteStream = new MediaStream();
    this.pc = new RTCPeerConnection({iceServers: usable(iceServers)});
    this.pc.onnegotiationneeded = () => this.#offer();
    this.pc.onicecandidate = ({candidate}) => this.send({candidate});
    this.pc.onconnectionstatechange = () => this.#emit('state', this.pc.connectionState);
    this.pc.oniceconnectionstatechange = () => this.pc.iceConnectionState === 'failed' && this.pc.restartIce();
    this.pc.ontrack = ({track}) => {
      this.remoteStream.addTrack(track);
      this.#emit('track', track);
    };
    this.pc.ondatachannel = ({channel}) => this.#take(channel);
    for (const track of stream.getTracks())
      this.pc.addTrack(track, stream);
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
