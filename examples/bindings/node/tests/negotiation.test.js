import { assert, assertEquals, assertRejects, event, isPending, negotiate, tasks, test } from './harness.js';

const recordEvents = (pc, types) => {
    const seen = [];
    for (const type of types) pc.addEventListener(type, () => seen.push(`${type} ${pc.signalingState}`));
    return seen;
};

test('an offer and its answer pass through the signaling states', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.addTransceiver('audio');
    const [ofA, ofB] = [recordEvents(a, ['signalingstatechange']), recordEvents(b, ['signalingstatechange'])];
    await negotiate(a, b);
    assertEquals(ofA, ['signalingstatechange have-local-offer', 'signalingstatechange stable']);
    assertEquals(ofB, ['signalingstatechange have-remote-offer', 'signalingstatechange stable']);
    assertEquals([a.currentLocalDescription.type, a.currentRemoteDescription.type], ['offer', 'answer']);
    assertEquals([b.currentLocalDescription.type, b.currentRemoteDescription.type], ['answer', 'offer']);
    assertEquals([a.pendingLocalDescription, a.pendingRemoteDescription], [null, null]);
});

test('what a description changes shows in the task of its events, not before', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    const transceiver = a.addTransceiver('audio');
    const offer = await a.createOffer();
    const pending = a.setLocalDescription(offer);
    assertEquals([a.signalingState, a.localDescription, transceiver.mid], ['stable', null, null]);
    let states = null;
    a.onsignalingstatechange = () => (states = [a.signalingState, a.localDescription.type, transceiver.mid]);
    await pending;
    assertEquals(states, ['have-local-offer', 'offer', '0']);
    await b.setRemoteDescription(a.localDescription);
    await b.setLocalDescription();
    assertEquals(transceiver.currentDirection, null);
    await a.setRemoteDescription(b.localDescription);
    assertEquals(transceiver.currentDirection, 'sendonly');
});

test('track events come after signalingstatechange and before the promise resolves', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    const stream = await t.media({ audio: true, video: true });
    for (const track of stream.getTracks()) a.addTrack(track, stream);
    await a.setLocalDescription();
    const seen = [];
    b.onsignalingstatechange = () => seen.push('state');
    b.ontrack = ({ track, streams, transceiver, receiver }) => {
        seen.push(track.kind);
        assertEquals(streams[0].id, stream.id);
        assert(streams[0].getTracks().includes(track), 'the stream has the track');
        assert(transceiver.receiver === receiver && receiver.track === track, 'it is the receiver of the transceiver');
        assertEquals(transceiver.direction, 'recvonly');
    };
    await b.setRemoteDescription(a.localDescription);
    seen.push('resolved');
    assertEquals(seen.map((entry) => (['audio', 'video'].includes(entry) ? 'track' : entry)), ['state', 'track', 'track', 'resolved']);
});

test('an answer in the wrong state is refused, and changes nothing', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.addTransceiver('video');
    await negotiate(a, b);
    const answer = b.localDescription;
    await assertRejects('InvalidStateError', a.setRemoteDescription(answer));
    await assertRejects('InvalidStateError', a.createAnswer());
    assertEquals(a.signalingState, 'stable');
});

test('only the offer that was created last can be set', async (t) => {
    const pc = t.connection();
    pc.addTransceiver('audio');
    const first = await pc.createOffer();
    pc.addTransceiver('video');
    const last = await pc.createOffer();
    await assertRejects('InvalidModificationError', pc.setLocalDescription(first));
    await pc.setLocalDescription(last);
    assertEquals(pc.signalingState, 'have-local-offer');
});

test('text that is no SDP is refused', async (t) => {
    const pc = t.connection();
    const error = await pc.setRemoteDescription({ type: 'offer', sdp: 'Good morning' }).catch((reason) => reason);
    assert(error instanceof DOMException, 'it rejects with a DOMException');
    assertEquals(pc.signalingState, 'stable');
});

test('a local offer is rolled back, and its mids with it', async (t) => {
    const pc = t.connection();
    const transceiver = pc.addTransceiver('audio');
    await pc.setLocalDescription();
    assertEquals(transceiver.mid, '0');
    await pc.setLocalDescription({ type: 'rollback' });
    assertEquals([pc.signalingState, transceiver.mid, pc.localDescription], ['stable', null, null]);
    assertEquals(pc.getTransceivers(), [transceiver]);
    await assertRejects('InvalidStateError', pc.setLocalDescription({ type: 'rollback' }));
});

test('a remote offer is rolled back, and its transceivers with it', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.addTransceiver('audio');
    await a.setLocalDescription();
    await b.setRemoteDescription(a.localDescription);
    const [transceiver] = b.getTransceivers();
    await b.setRemoteDescription({ type: 'rollback' });
    assertEquals([b.signalingState, b.getTransceivers().length, transceiver.mid], ['stable', 0, null]);
});

test('an offer in the face of another rolls it back by way of stable', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.addTransceiver('audio');
    b.addTransceiver('audio');
    await a.setLocalDescription();
    await b.setLocalDescription();
    const states = [];
    a.onsignalingstatechange = () => states.push(a.signalingState);
    await a.setRemoteDescription(b.localDescription);
    assertEquals(states, ['stable', 'have-remote-offer']);
    assertEquals(a.getTransceivers().length, 2);
});

test('a provisional answer is followed by the final one', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.addTransceiver('audio');
    await a.setLocalDescription();
    await b.setRemoteDescription(a.localDescription);
    const { sdp } = await b.createAnswer();
    await b.setLocalDescription({ type: 'pranswer', sdp });
    await a.setRemoteDescription({ type: 'pranswer', sdp });
    assertEquals([a.signalingState, b.signalingState], ['have-remote-pranswer', 'have-local-pranswer']);
    assertEquals(a.pendingRemoteDescription.type, 'pranswer');
    await b.setLocalDescription({ type: 'answer', sdp });
    await a.setRemoteDescription({ type: 'answer', sdp });
    assertEquals([a.signalingState, b.signalingState], ['stable', 'stable']);
});

test('negotiationneeded comes once for all that is changed together', async (t) => {
    const pc = t.connection();
    let count = 0;
    pc.onnegotiationneeded = () => count++;
    pc.addTransceiver('audio');
    pc.addTransceiver('video');
    pc.createDataChannel('data');
    assertEquals(count, 0);
    await event(pc, 'negotiationneeded');
    await tasks();
    assertEquals(count, 1);
    pc.addTransceiver('audio');
    await tasks();
    assertEquals(count, 1);
});

test('negotiationneeded waits until the connection is stable and its operations are done', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.addTransceiver('audio');
    await event(a, 'negotiationneeded');
    let count = 0;
    a.onnegotiationneeded = () => count++;
    await a.setLocalDescription();
    a.addTransceiver('video');
    await tasks();
    assertEquals(count, 0);
    await b.setRemoteDescription(a.localDescription);
    await b.setLocalDescription();
    const needed = event(a, 'negotiationneeded');
    await a.setRemoteDescription(b.localDescription);
    await needed;
    assertEquals(count, 1);
    await negotiate(a, b);
    await tasks();
    assertEquals(count, 1);
});

test('negotiationneeded comes for directions, for stop() and for restartIce()', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    const transceiver = a.addTransceiver('audio');
    await negotiate(a, b);
    for (const change of [() => (transceiver.direction = 'recvonly'), () => a.restartIce(), () => transceiver.stop()]) {
        const needed = event(a, 'negotiationneeded');
        change();
        await needed;
        await negotiate(a, b);
    }
    assertEquals(a.getTransceivers().length, 0);
});

test('restartIce() changes the credentials that are offered', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.createDataChannel('data');
    await negotiate(a, b);
    const ufrag = () => /a=ice-ufrag:(.*)\r\n/.exec(a.localDescription.sdp)[1];
    const first = ufrag();
    await negotiate(a, b);
    assertEquals(ufrag(), first);
    a.restartIce();
    await negotiate(a, b);
    assert(ufrag() !== first, 'they are others');
});

test('operations are carried out one after another', async (t) => {
    const pc = t.connection();
    pc.addTransceiver('audio');
    const order = [];
    const note = (name) => () => order.push(name);
    await Promise.all([
        pc.createOffer().then(note('offer')),
        pc.setLocalDescription().then(note('set')),
        pc.createOffer().then(note('second offer')),
        pc.setLocalDescription({ type: 'rollback' }).then(note('rollback')),
    ]);
    assertEquals(order, ['offer', 'set', 'second offer', 'rollback']);
});

test('close() leaves promises pending, and changes the states without an event', async (t) => {
    const pc = t.connection();
    pc.addTransceiver('audio');
    const seen = recordEvents(pc, ['signalingstatechange', 'iceconnectionstatechange', 'connectionstatechange', 'negotiationneeded']);
    const offer = pc.createOffer();
    const set = pc.setLocalDescription();
    pc.close();
    assertEquals([pc.signalingState, pc.iceConnectionState, pc.connectionState], ['closed', 'closed', 'closed']);
    assert(await isPending(offer), 'createOffer() is pending');
    assert(await isPending(set), 'setLocalDescription() is pending');
    await assertRejects('InvalidStateError', pc.createOffer());
    assertEquals(seen, []);
});

test('the legacy methods call back', async (t) => {
    const pc = t.connection();
    pc.addTransceiver('audio');
    const offer = await new Promise((resolve, reject) => pc.createOffer(resolve, reject));
    await new Promise((resolve, reject) => pc.setLocalDescription(offer, resolve, reject));
    const error = await new Promise((resolve, reject) => pc.createAnswer(reject, resolve));
    assertEquals(error.name, 'InvalidStateError');
});
