/* What W3C's texts say and Chromium does not do, or does otherwise. */
import { assert, assertEquals, assertRejects, assertThrows, connectedPair, event, openChannels, tasks, test } from './harness.js';

/* ---- data channels ---- */

test('closing is told to the peer after what was sent, and to both at the end', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const order = [];
    theirs.onmessage = ({ data }) => order.push(data);
    theirs.onclosing = () => order.push(`closing ${theirs.readyState}`);
    theirs.onclose = () => order.push(`close ${theirs.readyState}`);
    const both = [event(ours, 'close'), event(theirs, 'close')];
    ours.send(new Blob(['last']));
    ours.send('words');
    ours.close();
    await Promise.all(both);
    assertEquals(order.slice(-3), ['words', 'closing closing', 'close closed']);
});

test('blobs keep their place among other messages', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const received = [];
    const done = new Promise((resolve) => {
        theirs.onmessage = ({ data }) => {
            received.push(typeof data === 'string' ? data : data.byteLength);
            if (received.length === 4) resolve();
        };
    });
    ours.send(new Blob([new Uint8Array(1000)]));
    ours.send('text');
    ours.send(Uint8Array.of(1, 2));
    ours.send(new Blob(['abc']));
    await done;
    assertEquals(received, [1000, 'text', 2, 3]);
});

test('what was changed after send() is not sent, behind a blob neither', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const data = Uint8Array.of(1, 2, 3);
    ours.send(new Blob(['first']));
    ours.send(data);
    data.fill(9);
    await event(theirs, 'message');
    assertEquals([...new Uint8Array((await event(theirs, 'message')).data)], [1, 2, 3]);
});

test('the threshold must be in the range of its type', (t) => {
    const channel = t.connection().createDataChannel('');
    assertThrows('TypeError', () => (channel.bufferedAmountLowThreshold = -1));
    assertThrows('TypeError', () => (channel.bufferedAmountLowThreshold = 2 ** 32));
    assertThrows('TypeError', () => (channel.bufferedAmountLowThreshold = NaN));
    assertEquals(channel.bufferedAmountLowThreshold, 0);
});

test('a channel has a priority that its creator chose', async (t) => {
    const [ours, theirs] = await openChannels(t, 'urgent', { priority: 'high' });
    assertEquals([ours.priority, theirs.priority], ['high', 'high']);
    assertEquals(t.connection().createDataChannel('').priority, 'low');
    assertThrows('TypeError', () => t.connection().createDataChannel('', { priority: 'urgent' }));
});

/* ---- the end of a connection ---- */

test('close() closes channels and ends received tracks at once, and no event tells it', async (t) => {
    const [ours, , a, b] = await openChannels(t);
    const { track } = a.addTransceiver('audio').receiver;
    const seen = [];
    for (const type of ['closing', 'close', 'error']) ours.addEventListener(type, () => seen.push(type));
    track.onended = () => seen.push('ended');
    a.close();
    assertEquals([ours.readyState, track.readyState], ['closed', 'ended']);
    await tasks();
    assertEquals(seen, []);
    b.close();
});

/* ---- transports ---- */

test('one side controls ICE, and both know candidates', async (t) => {
    const [, , a, b] = await openChannels(t);
    const [ours, theirs] = [a.sctp.transport.iceTransport, b.sctp.transport.iceTransport];
    assertEquals([ours.role, theirs.role, ours.component], ['controlling', 'controlled', 'rtp']);
    for (const list of [ours.getLocalCandidates(), ours.getRemoteCandidates()]) {
        assert(list.length > 0 && list.every((candidate) => candidate instanceof RTCIceCandidate), 'candidates');
    }
    const ports = theirs.getRemoteCandidates().map(({ port }) => port);
    assert(ports.includes(ours.getLocalCandidates()[0].port), 'those of one side are known to the other');
});

test('ICE parameters are those of the descriptions', async (t) => {
    const [, , a] = await openChannels(t);
    const { iceTransport } = a.sctp.transport;
    for (const [parameters, { sdp }] of [
        [iceTransport.getLocalParameters(), a.localDescription],
        [iceTransport.getRemoteParameters(), a.remoteDescription],
    ]) {
        assert(sdp.includes(`a=ice-ufrag:${parameters.usernameFragment}\r\n`), 'the ufrag');
        assert(sdp.includes(`a=ice-pwd:${parameters.password}\r\n`), 'the password');
    }
});

test('an ICE transport tells of its states, gathering and selected pair', async (t) => {
    const seen = new Set();
    await connectedPair(t, (a) => {
        a.createDataChannel('');
        a.addEventListener('signalingstatechange', () => {
            const iceTransport = a.sctp?.transport.iceTransport;
            if (!iceTransport) return;
            for (const type of ['statechange', 'gatheringstatechange', 'selectedcandidatepairchange']) {
                iceTransport.addEventListener(type, () => seen.add(`${type} ${type === 'statechange' ? iceTransport.state === a.iceConnectionState : ''}`));
            }
        });
    });
    assert(seen.has('statechange true') && !seen.has('statechange false'), 'the connection has the state of its transport, in the same task');
    assert(seen.has('selectedcandidatepairchange '), [...seen].join(', '));
});

/* ---- certificates, descriptions ---- */

test('the configuration has the certificates that were given, themselves', async (t) => {
    const certificate = await RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' });
    const { certificates } = t.connection({ certificates: [certificate] }).getConfiguration();
    assert(certificates.length === 1 && certificates[0] === certificate, 'it is the same object');
});

test('arguments of RSA certificates are checked', async () => {
    const rsa = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' };
    const refused = (name, members) => assertRejects(name, RTCPeerConnection.generateCertificate({ ...rsa, ...members }));
    await refused('NotSupportedError', { modulusLength: 512 });
    await refused('NotSupportedError', { publicExponent: Uint8Array.of(3) });
    await refused('NotSupportedError', { hash: 'SHA-1' });
    await refused('TypeError', { publicExponent: [1, 0, 1] });
    await refused('TypeError', { modulusLength: undefined });
});

test('a description needs its type', () => {
    assertThrows('TypeError', () => new RTCSessionDescription({ sdp: '' }));
});

/* ---- media ---- */

test('several tracks of one device can have different sizes', async (t) => {
    const sizes = [];
    for (const width of [320, 640]) {
        const [track] = (await t.media({ video: { width: { exact: width } } })).getVideoTracks();
        sizes.push([track.getSettings().width, track.getSettings().height]);
    }
    assertEquals(sizes, [[320, 240], [640, 480]]);
});

test('one side of a picture follows from the other and the ratio', async (t) => {
    const settings = async (video) => (await t.media({ video })).getVideoTracks()[0].getSettings();
    const wide = await settings({ width: 1280, aspectRatio: 16 / 9 });
    assertEquals([wide.width, wide.height], [1280, 720]);
    const tall = await settings({ height: 960, aspectRatio: { exact: 0.5 } });
    assertEquals([tall.width, tall.height], [480, 960]);
});

test('advanced sets are taken in their order', async (t) => {
    const advanced = [{ width: { min: 100000 } }, { width: 800 }, { width: 400 }];
    const [track] = (await t.media({ video: { advanced } })).getVideoTracks();
    assertEquals(track.getSettings().width, 800);
});

/* ---- transceivers and parameters ---- */

test('rids are given to all encodings or to none, each once', (t) => {
    const pc = t.connection();
    assertThrows('TypeError', () => pc.addTransceiver('video', { sendEncodings: [{ rid: 'a' }, { rid: 'a' }] }));
    assertThrows('TypeError', () => pc.addTransceiver('video', { sendEncodings: [{ rid: 'a' }, {}] }));
});

test('parameters are read and set in one task', async (t) => {
    const pc = t.connection();
    const { sender } = pc.addTransceiver('audio');
    const parameters = sender.getParameters();
    assertEquals(sender.getParameters().transactionId, parameters.transactionId);
    await tasks();
    await assertRejects('InvalidStateError', sender.setParameters(parameters));
    assert(sender.getParameters().transactionId !== parameters.transactionId, 'there is another id');
});

test('a receiver has no encodings', (t) => {
    const pc = t.connection();
    assertEquals('encodings' in pc.addTransceiver('audio').receiver.getParameters(), false);
});

/* ---- negotiation ---- */

test('a local description is that of createOffer, to the letter', async (t) => {
    const pc = t.connection();
    pc.addTransceiver('audio');
    const { type, sdp } = await pc.createOffer();
    await assertRejects('InvalidModificationError', pc.setLocalDescription({ type, sdp: `${sdp}a=mine\r\n` }));
    await pc.setLocalDescription({ type, sdp });
});

test('text that is no SDP is refused with the line', async (t) => {
    const pc = t.connection();
    const { sdp } = await pc.createOffer();
    const lines = sdp.split('\r\n');
    lines.splice(2, 0, 'this is no line of SDP');
    const error = await assertRejects('OperationError', pc.setRemoteDescription({ type: 'offer', sdp: lines.join('\r\n') }));
    assert(error instanceof RTCError);
    assertEquals([error.errorDetail, error.sdpLineNumber], ['sdp-syntax-error', 3]);
});

test('an operation waits for those before it to be checked, too', async (t) => {
    const pc = t.connection();
    const order = [];
    pc.addTransceiver('audio');
    const first = pc.createOffer().then(() => order.push('offer'));
    await pc.createAnswer().catch(() => order.push('no answer'));
    await first;
    assertEquals(order, ['offer', 'no answer']);
});

/* ---- webrtc-extensions ---- */

test('sources tell the time of capture where it was asked for', async (t) => {
    const stream = await t.media({ audio: true });
    const [, b] = await connectedPair(t, (a) => {
        const transceiver = a.addTransceiver(stream.getTracks()[0]);
        const extensions = transceiver.getHeaderExtensionsToNegotiate();
        extensions.find(({ uri }) => uri.endsWith('/abs-capture-time')).direction = 'sendrecv';
        transceiver.setHeaderExtensionsToNegotiate(extensions);
    });
    const [receiver] = b.getReceivers();
    let source;
    while (source?.captureTimestamp === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        [source] = receiver.getSynchronizationSources();
    }
    const sinceNtp = Date.now() + 2208988800000; // NTP counts from 1900
    assert(Math.abs(source.captureTimestamp - sinceNtp) < 60000, `captured at ${source.captureTimestamp}, and now is ${sinceNtp}`);
    assertEquals(source.senderCaptureTimeOffset, 0);
});
