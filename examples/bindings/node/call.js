/* A call between two connections: sound and pictures each way, and a message. Run it: node call.js */
import { RTCPeerConnection, mediaDevices } from './index.js';

const alice = new RTCPeerConnection();
const bob = new RTCPeerConnection();
const stream = await mediaDevices.getUserMedia({ audio: true, video: true });

for (const [name, pc, other] of [
    ['alice', alice, bob],
    ['bob', bob, alice],
]) {
    for (const track of stream.getTracks()) pc.addTrack(track, stream);
    pc.onicecandidate = ({ candidate }) => other.addIceCandidate(candidate);
    pc.onconnectionstatechange = () => console.log(`${name} is ${pc.connectionState}`);
    pc.ontrack = ({ track }) => (track.onunmute = () => console.log(`${name} gets ${track.kind}`));
}

alice.onnegotiationneeded = async () => {
    await alice.setLocalDescription();
    await bob.setRemoteDescription(alice.localDescription);
    await bob.setLocalDescription();
    await alice.setRemoteDescription(bob.localDescription);
};

const channel = alice.createDataChannel('chat');
channel.onopen = () => channel.send('Good morning, Bob.');
bob.ondatachannel = ({ channel: received }) => (received.onmessage = ({ data }) => console.log(`bob reads: ${data}`));

setTimeout(async () => {
    const report = await bob.getStats();
    for (const { type, kind, bytesReceived } of report.values()) {
        if (type === 'inbound-rtp') console.log(`bob got ${bytesReceived} bytes of ${kind}`);
    }
    for (const track of stream.getTracks()) track.stop();
    for (const pc of [alice, bob]) pc.close();
}, 3000);
