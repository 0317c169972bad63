import { assert, assertEquals, assertRejects, assertThrows, negotiate, test } from './harness.js';

test('capabilities name the codecs and extensions of a kind', () => {
    for (const Interface of [RTCRtpSender, RTCRtpReceiver]) {
        assertEquals(Interface.getCapabilities('text'), null);
        const audio = Interface.getCapabilities('audio');
        const opus = audio.codecs.find(({ mimeType }) => mimeType.toLowerCase() === 'audio/opus');
        assertEquals([opus.clockRate, opus.channels], [48000, 2]);
        const video = Interface.getCapabilities('video');
        assert(video.codecs.some(({ mimeType, clockRate }) => mimeType === 'video/VP8' && clockRate === 90000), 'VP8 is there');
        for (const { codecs, headerExtensions } of [audio, video]) {
            assert(codecs.every(({ mimeType, clockRate }) => mimeType.includes('/') && clockRate > 0), 'codecs are whole');
            assert(headerExtensions.some(({ uri }) => uri === 'urn:ietf:params:rtp-hdrext:sdes:mid'), 'mid is there');
        }
    }
    assertThrows('TypeError', () => RTCRtpSender.getCapabilities());
});

// Browsers that do not have it yet are left alone.
const hasExtensionControl = typeof RTCRtpTransceiver.prototype.setHeaderExtensionsToNegotiate === 'function';
const CAPTURE_TIME = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time';

test('header extensions are negotiated as the transceiver says', async (t) => {
    if (!hasExtensionControl) return;
    const [a, b] = [t.connection(), t.connection()];
    const transceiver = a.addTransceiver('audio');
    const extensions = transceiver.getHeaderExtensionsToNegotiate();
    const find = (list, uri) => list.find((extension) => extension.uri === uri);
    assertEquals(find(extensions, 'urn:ietf:params:rtp-hdrext:sdes:mid').direction, 'sendrecv');
    assertEquals(find(extensions, CAPTURE_TIME).direction, 'stopped');
    assertEquals(transceiver.getNegotiatedHeaderExtensions().filter(({ direction }) => direction !== 'stopped'), []);
    assert(!(await a.createOffer()).sdp.includes(CAPTURE_TIME), 'it is not offered by itself');
    find(extensions, CAPTURE_TIME).direction = 'sendrecv';
    find(extensions, 'urn:ietf:params:rtp-hdrext:ssrc-audio-level').direction = 'stopped';
    transceiver.setHeaderExtensionsToNegotiate(extensions);
    assertEquals(transceiver.getHeaderExtensionsToNegotiate(), extensions);
    await negotiate(a, b);
    assertEquals(find(transceiver.getNegotiatedHeaderExtensions(), CAPTURE_TIME).direction, 'sendrecv');
    assert(!a.localDescription.sdp.includes('ssrc-audio-level'), 'what was stopped is not offered');
    find(extensions, 'urn:ietf:params:rtp-hdrext:sdes:mid').direction = 'stopped';
    assertThrows('InvalidModificationError', () => transceiver.setHeaderExtensionsToNegotiate(extensions));
    assertThrows('InvalidModificationError', () => transceiver.setHeaderExtensionsToNegotiate(extensions.slice(1)));
    assertThrows('TypeError', () => transceiver.setHeaderExtensionsToNegotiate([{ uri: CAPTURE_TIME }]));
});

test('preferred codecs are in the offer, and others not', async (t) => {
    const pc = t.connection();
    const transceiver = pc.addTransceiver('video');
    const { codecs } = RTCRtpReceiver.getCapabilities('video');
    transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === 'video/VP8'));
    const { sdp } = await pc.createOffer();
    const names = [...sdp.matchAll(/^a=rtpmap:\d+ ([^/]+)/gm)].map(([, name]) => name);
    assertEquals(names, ['VP8']);
    transceiver.setCodecPreferences([]);
    assert((await pc.createOffer()).sdp.includes('rtx/90000'), 'all are back');
    assertThrows('InvalidModificationError', () => transceiver.setCodecPreferences([{ mimeType: 'video/none', clockRate: 90000 }]));
    assertThrows('TypeError', () => transceiver.setCodecPreferences([{}]));
});

test('encodings are those that were asked for', (t) => {
    const pc = t.connection();
    const { sender } = pc.addTransceiver('video', {
        sendEncodings: [
            { rid: 'low', scaleResolutionDownBy: 4, maxBitrate: 100000 },
            { rid: 'high', active: false, maxFramerate: 15 },
        ],
    });
    const [low, high] = sender.getParameters().encodings;
    assertEquals([low.rid, low.active, low.scaleResolutionDownBy, low.maxBitrate], ['low', true, 4, 100000]);
    assertEquals([high.rid, high.active, high.scaleResolutionDownBy, high.maxFramerate], ['high', false, 1, 15]);
    const [only] = pc.addTransceiver('audio').sender.getParameters().encodings;
    assertEquals([only.active, 'rid' in only, 'maxBitrate' in only], [true, false, false]);
});

test('parameters change by setParameters', async (t) => {
    const pc = t.connection();
    const { sender } = pc.addTransceiver('video');
    const parameters = sender.getParameters();
    parameters.encodings[0].maxBitrate = 300000;
    parameters.encodings[0].active = false;
    assertEquals(await sender.setParameters(parameters), undefined);
    const [encoding] = sender.getParameters().encodings;
    assertEquals([encoding.maxBitrate, encoding.active], [300000, false]);
});

test('parameters that were read can be set once', async (t) => {
    const pc = t.connection();
    const { sender } = pc.addTransceiver('audio');
    const parameters = sender.getParameters();
    await sender.setParameters(parameters);
    await assertRejects('InvalidStateError', sender.setParameters(parameters));
});

test('what is read-only in parameters cannot be changed', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    const { sender } = a.addTransceiver('video', { sendEncodings: [{ rid: 'one' }, { rid: 'two' }] });
    await negotiate(a, b);
    const changes = [
        (parameters) => (parameters.transactionId = 'mine'),
        (parameters) => (parameters.encodings[0].rid = 'three'),
        (parameters) => parameters.encodings.push({}),
        (parameters) => (parameters.codecs[0].payloadType ^= 1),
        (parameters) => (parameters.rtcp.cname = 'mine'),
        (parameters) => parameters.headerExtensions.pop(),
    ];
    for (const change of changes) {
        const parameters = sender.getParameters();
        change(parameters);
        await assertRejects('InvalidModificationError', sender.setParameters(parameters));
    }
    const parameters = sender.getParameters();
    parameters.encodings[0].scaleResolutionDownBy = 0.1;
    await assertRejects('RangeError', sender.setParameters(parameters));
    await assertRejects('TypeError', sender.setParameters({}));
});

test('what was negotiated is in the parameters of both', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.addTransceiver('audio');
    assertEquals(a.getSenders()[0].getParameters().codecs, []);
    await negotiate(a, b);
    const { codecs, headerExtensions, rtcp } = a.getSenders()[0].getParameters();
    const offered = a.localDescription.sdp;
    for (const { mimeType, payloadType, clockRate } of codecs) {
        assert(offered.includes(`a=rtpmap:${payloadType} ${mimeType.split('/')[1]}/${clockRate}`), `${mimeType} has the payload type of the offer`);
    }
    for (const { uri, id } of headerExtensions) assert(offered.includes(`a=extmap:${id} ${uri}`), `${uri} has its id`);
    assert(codecs.length > 0 && headerExtensions.length > 0 && rtcp.cname.length > 0 && rtcp.reducedSize === true);
    assertEquals('transactionId' in b.getReceivers()[0].getParameters(), false);
});
