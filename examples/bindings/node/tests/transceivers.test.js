import { assert, assertEquals, assertRejects, assertThrows, event, negotiate, test } from './harness.js';

const directions = (pc) => pc.getTransceivers().map(({ direction, currentDirection }) => [direction, currentDirection]);

test('addTransceiver makes a transceiver with a sender and a receiver', (t) => {
    const pc = t.connection();
    const transceiver = pc.addTransceiver('video', { direction: 'sendonly' });
    const { sender, receiver, mid, direction, currentDirection } = transceiver;
    assertEquals([mid, direction, currentDirection, sender.track], [null, 'sendonly', null, null]);
    assertEquals([receiver.track.kind, receiver.track.readyState, receiver.track.muted], ['video', 'live', true]);
    assert(pc.getTransceivers()[0] === transceiver && pc.getSenders()[0] === sender && pc.getReceivers()[0] === receiver, 'they are listed');
    assert(transceiver.sender === sender && transceiver.receiver === receiver, 'they stay the same');
});

test('arguments of addTransceiver are checked', (t) => {
    const pc = t.connection();
    assertThrows('TypeError', () => pc.addTransceiver('text'));
    assertThrows('TypeError', () => pc.addTransceiver());
    assertThrows('TypeError', () => pc.addTransceiver('audio', { direction: 'upwards' }));
    assertThrows('TypeError', () => pc.addTransceiver('video', { sendEncodings: [{ rid: 'not a rid' }] }));
    assertThrows('RangeError', () => pc.addTransceiver('video', { sendEncodings: [{ scaleResolutionDownBy: 0.5 }] }));
    assertEquals(pc.getTransceivers().length, 0);
    pc.close();
    assertThrows('InvalidStateError', () => pc.addTransceiver('audio'));
});

test('addTrack uses a sender that has not sent yet, and refuses a track twice', async (t) => {
    const pc = t.connection();
    const stream = await t.media({ audio: true, video: true });
    const [track] = stream.getAudioTracks();
    const transceiver = pc.addTransceiver('audio', { direction: 'recvonly' });
    assert(pc.addTrack(track, stream) === transceiver.sender, 'it is the one that was there');
    assertEquals([transceiver.direction, transceiver.sender.track === track], ['sendrecv', true]);
    assertThrows('InvalidAccessError', () => pc.addTrack(track));
    pc.addTrack(stream.getVideoTracks()[0]);
    assertEquals(pc.getSenders().length, 2);
    assertThrows('TypeError', () => pc.addTrack());
    assertThrows('TypeError', () => pc.addTrack(track, {}));
});

test('removeTrack keeps the transceiver, which sends no more', async (t) => {
    const [pc, other] = [t.connection(), t.connection()];
    const stream = await t.media({ audio: true });
    const sender = pc.addTrack(stream.getTracks()[0], stream);
    pc.removeTrack(sender);
    assertEquals([sender.track, directions(pc)], [null, [['recvonly', null]]]);
    pc.removeTrack(sender);
    assertThrows('InvalidAccessError', () => other.removeTrack(sender));
    assertThrows('TypeError', () => pc.removeTrack(null));
    pc.close();
    assertThrows('InvalidStateError', () => pc.removeTrack(sender));
});

test('directions are agreed upon', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    for (const direction of ['sendrecv', 'sendonly', 'recvonly', 'inactive']) a.addTransceiver('audio', { direction });
    await a.setLocalDescription();
    await b.setRemoteDescription(a.localDescription);
    for (const transceiver of b.getTransceivers()) transceiver.direction = 'sendrecv';
    await b.setLocalDescription();
    await a.setRemoteDescription(b.localDescription);
    assertEquals(
        a.getTransceivers().map(({ currentDirection }) => currentDirection),
        ['sendrecv', 'sendonly', 'recvonly', 'inactive'],
    );
    assertEquals(
        b.getTransceivers().map(({ currentDirection }) => currentDirection),
        ['sendrecv', 'recvonly', 'sendonly', 'inactive'],
    );
    const [first] = a.getTransceivers();
    first.direction = 'sideways';
    assertEquals(first.direction, 'sendrecv');
    assertThrows('TypeError', () => (first.direction = 'stopped'));
});

test('tracks of the same connection share the stream, whose id travels', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    const stream = await t.media({ audio: true, video: true });
    for (const track of stream.getTracks()) a.addTrack(track, stream);
    const streams = [];
    b.ontrack = (track) => streams.push(track.streams[0]);
    await negotiate(a, b);
    assert(streams[0] === streams[1] && streams.length === 2, 'it is one stream');
    assertEquals([streams[0].id, streams[0].getTracks().length], [stream.id, 2]);
});

test('a stopped transceiver goes with the next answer, and its line is used again', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    const transceiver = a.addTransceiver('audio');
    a.addTransceiver('video');
    await negotiate(a, b);
    transceiver.stop();
    assertEquals([transceiver.direction, transceiver.currentDirection], ['stopped', 'sendonly']);
    assertThrows('InvalidStateError', () => (transceiver.direction = 'inactive'));
    await negotiate(a, b);
    assertEquals([transceiver.currentDirection, a.getTransceivers().length, b.getTransceivers().length], ['stopped', 1, 1]);
    a.addTransceiver('audio');
    await negotiate(a, b);
    assertEquals(a.localDescription.sdp.match(/^m=/gm).length, 2);
    transceiver.stop(); // again: nothing happens
    a.close();
    assertThrows('InvalidStateError', () => transceiver.stop());
});

test('replaceTrack changes the track in a task, without negotiation', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    const [one, other] = [await t.media({ audio: true, video: true }), await t.media({ audio: true })];
    const sender = a.addTrack(one.getAudioTracks()[0], one);
    await negotiate(a, b);
    let needed = false;
    a.onnegotiationneeded = () => (needed = true);
    const replaced = sender.replaceTrack(other.getTracks()[0]);
    assert(sender.track === one.getAudioTracks()[0], 'it is not changed at once');
    await replaced;
    assert(sender.track === other.getTracks()[0], 'it is another');
    await assertRejects('TypeError', sender.replaceTrack(one.getVideoTracks()[0]));
    await assertRejects('TypeError', sender.replaceTrack('track'));
    await sender.replaceTrack(null);
    assertEquals([sender.track, needed], [null, false]);
    a.close();
    await assertRejects('InvalidStateError', sender.replaceTrack(null));
});

test('setStreams changes the streams that the peer finds the track in', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    const media = await t.media({ audio: true });
    const sender = a.addTrack(media.getTracks()[0], media);
    await negotiate(a, b);
    const [one, other] = [new MediaStream(), new MediaStream()];
    const needed = event(a, 'negotiationneeded');
    sender.setStreams(one, other);
    await needed;
    let streams = [];
    b.ontrack = (track) => (streams = track.streams);
    await negotiate(a, b);
    assertEquals(streams.map(({ id }) => id).sort(), [one.id, other.id].sort());
});

test('media flow both ways, and stop and go with the direction', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.onicecandidate = ({ candidate }) => b.addIceCandidate(candidate ?? undefined);
    b.onicecandidate = ({ candidate }) => a.addIceCandidate(candidate ?? undefined);
    const streams = [await t.media({ audio: true }), await t.media({ audio: true })];
    a.addTrack(streams[0].getTracks()[0], streams[0]);
    b.addTrack(streams[1].getTracks()[0], streams[1]);
    const unmuted = (pc) => new Promise((resolve) => (pc.ontrack = ({ track }) => (track.onunmute = () => resolve(track))));
    const both = Promise.all([unmuted(a), unmuted(b)]);
    await negotiate(a, b);
    const [, received] = await both;
    const muted = event(received, 'mute');
    a.getTransceivers()[0].direction = 'recvonly';
    await negotiate(a, b);
    await muted;
    assertEquals([received.muted, received.readyState, b.getTransceivers()[0].currentDirection], [true, 'live', 'sendonly']);
    const again = event(received, 'unmute');
    a.getTransceivers()[0].direction = 'sendrecv';
    await negotiate(a, b);
    await again;
});

test('a transceiver that is stopped after createOffer gets its track event all the same', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    const stream = await t.media({ audio: true });
    const [track] = stream.getTracks();
    a.addTrack(track, stream);
    b.addTrack(track, stream);
    const offer = await a.createOffer();
    const [transceiver] = a.getTransceivers();
    transceiver.stop();
    await b.setRemoteDescription(offer);
    await a.setLocalDescription(offer);
    await b.setLocalDescription();
    const told = event(a, 'track');
    await a.setRemoteDescription(b.localDescription);
    assert((await told).transceiver === transceiver, 'of it');
    assertEquals([transceiver.direction, transceiver.currentDirection], ['stopped', 'sendrecv']);
    await negotiate(a, b);
    assertEquals([a.getTransceivers().length, transceiver.currentDirection], [0, 'stopped']);
});
