import { assert, assertEquals, connectedPair, event, negotiate, openChannels, tasks, test, until } from './harness.js';

/** A connected pair that has only data: [our DTLS transport, theirs, our connection, theirs]. */
async function dataTransports(t) {
    const [, , a, b] = await openChannels(t);
    return [a.sctp.transport, b.sctp.transport, a, b];
}

test('there is no transport before there is an answer, and one for all afterwards', async (t) => {
    const [a, b] = [t.connection({ bundlePolicy: 'max-bundle' }), t.connection()];
    const transceiver = a.addTransceiver('audio');
    a.createDataChannel('');
    assertEquals([a.sctp, transceiver.sender.transport, transceiver.receiver.transport], [null, null, null]);
    await negotiate(a, b);
    const { transport } = transceiver.sender;
    assert(transport instanceof RTCDtlsTransport && transport.iceTransport instanceof RTCIceTransport, 'of their classes');
    assert(transport === transceiver.receiver.transport && transport === a.sctp.transport, 'one transport');
    assert(a.sctp instanceof RTCSctpTransport && a.sctp === a.sctp && transport.iceTransport === transport.iceTransport, 'the same objects');
});

test('the transports of a connected pair are connected', async (t) => {
    const [ours, theirs, a] = await dataTransports(t);
    assertEquals([ours.state, theirs.state, a.sctp.state], ['connected', 'connected', 'connected']);
    for (const { iceTransport } of [ours, theirs]) {
        assert(['connected', 'completed'].includes(iceTransport.state), iceTransport.state);
    }
});

test('a DTLS transport passes through its states', async (t) => {
    const seen = [];
    const [a, b] = [t.connection(), t.connection()];
    for (const [from, to] of [
        [a, b],
        [b, a],
    ]) {
        from.addEventListener('icecandidate', ({ candidate }) => to.addIceCandidate(candidate ?? undefined).catch(() => {}));
    }
    a.createDataChannel('');
    await negotiate(a, b);
    const { transport } = a.sctp;
    seen.push(transport.state);
    transport.onstatechange = () => seen.push(transport.state);
    await until(transport, 'statechange', () => transport.state === 'connected');
    await tasks();
    assertEquals(
        seen.filter((state, index) => state !== seen[index - 1]),
        ['new', 'connecting', 'connected'],
    );
});

test('the certificate of the peer can be read', async (t) => {
    const [ours, , , b] = await dataTransports(t);
    const [der] = ours.getRemoteCertificates();
    assert(der instanceof ArrayBuffer && der.byteLength > 100, 'it is there');
    assertEquals(new Uint8Array(der)[0], 0x30, 'the beginning of a DER sequence');
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', der));
    const fingerprint = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    assert(b.localDescription.sdp.toLowerCase().includes(`sha-256 ${fingerprint}`), 'its fingerprint is that of the description');
});

test('the selected pair is of candidates of both sides', async (t) => {
    const [{ iceTransport }, { iceTransport: other }] = await dataTransports(t);
    const pair = iceTransport.getSelectedCandidatePair();
    const mirrored = other.getSelectedCandidatePair();
    assert(pair.local instanceof RTCIceCandidate && pair.remote instanceof RTCIceCandidate, 'candidates');
    assertEquals([pair.local.port, pair.remote.port], [mirrored.remote.port, mirrored.local.port]);
    assert(pair.local.candidate.startsWith('candidate:'), pair.local.candidate);
});

test('an ICE transport has nothing selected before it knows candidates', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    const bare = ({ type, sdp }) => ({ type, sdp: sdp.replace(/a=candidate:.*\r\n/g, '') });
    a.createDataChannel('');
    await a.setLocalDescription();
    await b.setRemoteDescription(bare(a.localDescription));
    await b.setLocalDescription();
    await a.setRemoteDescription(bare(b.localDescription));
    const { iceTransport } = a.sctp.transport;
    assertEquals([iceTransport.getSelectedCandidatePair(), iceTransport.getRemoteCandidates()], [null, []]);
});

test('the association says how many channels there can be, and how large messages', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.createDataChannel('');
    await negotiate(a, b);
    assertEquals([a.sctp.state, a.sctp.maxChannels], ['connecting', null]);
    const [, , connected] = await openChannels(t);
    assert(connected.sctp.maxChannels > 0 && connected.sctp.maxChannels <= 65535, `${connected.sctp.maxChannels} channels`);
    assert(connected.sctp.maxMessageSize >= 65536, `${connected.sctp.maxMessageSize} bytes`);
});

test('closing a connection closes its transports', async (t) => {
    const [ours, , a] = await dataTransports(t);
    const { sctp } = a;
    const { iceTransport } = ours;
    const told = event(sctp, 'statechange');
    ours.onstatechange = () => assert(false, 'this one tells nothing');
    a.close();
    assertEquals([ours.state, iceTransport.state], ['closed', 'closed']);
    await told;
    assertEquals(sctp.state, 'closed');
});

test('a connection that the peer has closed loses its transport with an event', async (t) => {
    const [ours, , , b] = await dataTransports(t);
    const changed = event(ours, 'statechange');
    b.close();
    await changed;
    assertEquals(ours.state, 'closed');
});

test('media and data share the transport of their bundle', async (t) => {
    const stream = await t.media({ audio: true, video: true });
    const [a] = await connectedPair(t, (first) => {
        for (const track of stream.getTracks()) first.addTrack(track, stream);
        first.createDataChannel('');
    });
    const transports = new Set([...a.getSenders(), ...a.getReceivers()].map(({ transport }) => transport).concat(a.sctp.transport));
    assertEquals(transports.size, 1);
});
