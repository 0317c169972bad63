import { assert, assertEquals, assertThrows, test } from './harness.js';

test('a data channel event needs its channel', (t) => {
    const channel = t.connection().createDataChannel('');
    const made = new RTCDataChannelEvent('datachannel', { channel, cancelable: true });
    assert(made instanceof Event && made.channel === channel, 'it has the channel');
    assertEquals([made.type, made.cancelable, made.bubbles], ['datachannel', true, false]);
    assertThrows('TypeError', () => new RTCDataChannelEvent('datachannel'));
    assertThrows('TypeError', () => new RTCDataChannelEvent('datachannel', {}));
    assertThrows('TypeError', () => new RTCDataChannelEvent('datachannel', { channel: null }));
    assertThrows('TypeError', () => new RTCDataChannelEvent('datachannel', { channel: {} }));
});

test('a track event needs a receiver, a track and a transceiver', (t) => {
    const transceiver = t.connection().addTransceiver('audio');
    const { receiver } = transceiver;
    const init = { receiver, track: receiver.track, transceiver };
    const stream = new MediaStream();
    const made = new RTCTrackEvent('track', { ...init, streams: [stream] });
    assert(made.receiver === receiver && made.track === receiver.track && made.transceiver === transceiver, 'it has them');
    assert(made.streams[0] === stream && made.streams === made.streams && Object.isFrozen(made.streams), 'and a frozen list of streams');
    assertEquals(new RTCTrackEvent('track', init).streams, []);
    for (const name of Object.keys(init)) assertThrows('TypeError', () => new RTCTrackEvent('track', { ...init, [name]: undefined }));
    assertThrows('TypeError', () => new RTCTrackEvent('track', { ...init, streams: [{}] }));
});

test('a candidate event has a candidate, or none', () => {
    assertEquals([new RTCPeerConnectionIceEvent('icecandidate').candidate, new RTCPeerConnectionIceEvent('icecandidate', {}).candidate], [null, null]);
    const candidate = new RTCIceCandidate({ candidate: '', sdpMid: '0' });
    assert(new RTCPeerConnectionIceEvent('icecandidate', { candidate }).candidate === candidate, 'it has it');
    assertThrows('TypeError', () => new RTCPeerConnectionIceEvent('icecandidate', { candidate: {} }));
    assertThrows('TypeError', () => new RTCPeerConnectionIceEvent());
});

test('an event of a candidate error has its members', () => {
    const init = { address: '192.0.2.1', port: 3478, url: 'stun:192.0.2.9', errorCode: 701, errorText: 'no answer' };
    const made = new RTCPeerConnectionIceErrorEvent('icecandidateerror', init);
    for (const [name, value] of Object.entries(init)) assertEquals(made[name], value, name);
    assertThrows('TypeError', () => new RTCPeerConnectionIceErrorEvent('icecandidateerror', {}));
});

test('a tone change event has a tone, empty if not given', () => {
    assertEquals(new RTCDTMFToneChangeEvent('tonechange', { tone: '5' }).tone, '5');
    assertEquals([new RTCDTMFToneChangeEvent('tonechange', {}).tone, new RTCDTMFToneChangeEvent('tonechange').tone], ['', '']);
});

test('an event of a stream needs its track', (t) => {
    const { track } = t.connection().addTransceiver('video').receiver;
    assert(new MediaStreamTrackEvent('addtrack', { track }).track === track, 'it has it');
    assertThrows('TypeError', () => new MediaStreamTrackEvent('addtrack'));
    assertThrows('TypeError', () => new MediaStreamTrackEvent('addtrack', { track: null }));
});

test('an RTCError says what has failed', () => {
    const error = new RTCError({ errorDetail: 'sctp-failure', sctpCauseCode: 7 }, 'it broke');
    assert(error instanceof DOMException && error instanceof Error, 'it is a DOMException');
    assertEquals([error.name, error.message, error.code, error.errorDetail], ['OperationError', 'it broke', 0, 'sctp-failure']);
    assertEquals([error.sctpCauseCode, error.sdpLineNumber, error.receivedAlert, error.sentAlert], [7, null, null, null]);
    assertEquals(new RTCError({ errorDetail: 'dtls-failure', sentAlert: 40, receivedAlert: 41 }).sentAlert, 40);
    assertEquals(new RTCError({ errorDetail: 'dtls-failure' }).message, '');
});

test('an RTCError has a detail that is known', () => {
    assertThrows('TypeError', () => new RTCError());
    assertThrows('TypeError', () => new RTCError({}));
    assertThrows('TypeError', () => new RTCError({ errorDetail: 'bad luck' }));
    for (const detail of ['data-channel-failure', 'fingerprint-failure', 'sdp-syntax-error', 'hardware-encoder-error']) {
        assertEquals(new RTCError({ errorDetail: detail }).errorDetail, detail);
    }
});

test('an error event has an RTCError', () => {
    const error = new RTCError({ errorDetail: 'dtls-failure' });
    assert(new RTCErrorEvent('error', { error }).error === error, 'it has it');
    assertThrows('TypeError', () => new RTCErrorEvent('error', {}));
    assertThrows('TypeError', () => new RTCErrorEvent('error', { error: new Error('another') }));
});

test('an OverconstrainedError names its constraint', () => {
    const error = new OverconstrainedError('width', 'too wide');
    assertEquals([error.name, error.constraint, error.message], ['OverconstrainedError', 'width', 'too wide']);
    assert(error instanceof DOMException, 'it is a DOMException');
    assertThrows('TypeError', () => new OverconstrainedError());
});

test('a description has a type and text', () => {
    const description = new RTCSessionDescription({ type: 'offer', sdp: 'v=0\r\n' });
    assertEquals(description.toJSON(), { type: 'offer', sdp: 'v=0\r\n' });
    assertEquals(new RTCSessionDescription({ type: 'rollback' }).sdp, '');
    assertThrows('TypeError', () => new RTCSessionDescription({ type: 'proposal' }));
});

test('what only the library makes cannot be constructed', () => {
    for (const Class of [RTCRtpSender, RTCRtpReceiver, RTCRtpTransceiver, RTCDataChannel, RTCDtlsTransport, RTCSctpTransport]) {
        assertThrows('TypeError', () => new Class());
    }
    for (const Class of [RTCDTMFSender, RTCCertificate, RTCStatsReport, MediaStreamTrack, MediaDeviceInfo]) assertThrows('TypeError', () => new Class());
});

test('classes are not functions', () => {
    for (const Class of [RTCPeerConnection, RTCError, MediaStream, RTCIceCandidate, RTCTrackEvent]) assertThrows('TypeError', () => Class());
});
