import { assert, assertEquals, assertRejects, assertThrows, holds, test } from './harness.js';

const shapes = {
    RTCPeerConnection: {
        attributes: ['localDescription', 'signalingState', 'iceGatheringState', 'connectionState', 'sctp', 'canTrickleIceCandidates'],
        handlers: ['onnegotiationneeded', 'onicecandidate', 'ontrack', 'ondatachannel', 'onconnectionstatechange'],
        methods: { createOffer: 0, setRemoteDescription: 1, setLocalDescription: 0, addTrack: 1, addTransceiver: 1, removeTrack: 1, createDataChannel: 1, getStats: 0 },
    },
    RTCRtpSender: { attributes: ['track', 'transport', 'dtmf'], methods: { replaceTrack: 1, getParameters: 0, setParameters: 1, setStreams: 0, getStats: 0 } },
    RTCRtpReceiver: { attributes: ['track', 'transport'], methods: { getParameters: 0, getContributingSources: 0, getStats: 0 } },
    RTCRtpTransceiver: { attributes: ['mid', 'sender', 'receiver', 'direction', 'currentDirection'], methods: { stop: 0, setCodecPreferences: 1 } },
    RTCDataChannel: {
        attributes: ['label', 'id', 'readyState', 'bufferedAmount', 'binaryType', 'negotiated'],
        handlers: ['onopen', 'onmessage', 'onclose', 'onclosing', 'onerror', 'onbufferedamountlow'],
        methods: { send: 1, close: 0 },
    },
    RTCDtlsTransport: { attributes: ['iceTransport', 'state'], handlers: ['onstatechange', 'onerror'], methods: { getRemoteCertificates: 0 } },
    RTCIceTransport: {
        attributes: ['role', 'state', 'gatheringState'],
        handlers: ['onstatechange', 'ongatheringstatechange', 'onselectedcandidatepairchange'],
        methods: { getSelectedCandidatePair: 0, getLocalCandidates: 0, getRemoteParameters: 0 },
    },
    RTCSctpTransport: { attributes: ['transport', 'state', 'maxMessageSize', 'maxChannels'], handlers: ['onstatechange'], methods: {} },
    RTCDTMFSender: { attributes: ['canInsertDTMF', 'toneBuffer'], handlers: ['ontonechange'], methods: { insertDTMF: 1 } },
    RTCCertificate: { attributes: ['expires'], methods: { getFingerprints: 0 } },
    RTCStatsReport: { attributes: ['size'], methods: { get: 1, has: 1, forEach: 1, keys: 0, values: 0, entries: 0 } },
    RTCSessionDescription: { attributes: ['type', 'sdp'], methods: { toJSON: 0 } },
    RTCIceCandidate: { attributes: ['candidate', 'sdpMid', 'foundation', 'priority', 'address', 'relatedPort'], methods: { toJSON: 0 } },
    MediaStream: { attributes: ['id', 'active'], handlers: ['onaddtrack', 'onremovetrack'], methods: { getTracks: 0, addTrack: 1, getTrackById: 1, clone: 0 } },
    MediaStreamTrack: {
        attributes: ['kind', 'id', 'label', 'enabled', 'muted', 'readyState'],
        handlers: ['onmute', 'onunmute', 'onended'],
        methods: { clone: 0, stop: 0, getSettings: 0, applyConstraints: 0 },
    },
    RTCError: { attributes: ['errorDetail', 'sctpCauseCode', 'sentAlert'], methods: {} },
};

for (const [name, { attributes, handlers = [], methods }] of Object.entries(shapes)) {
    test(`${name} has the shape of an interface`, () => {
        const Class = globalThis[name];
        const { prototype } = Class;
        const global = Object.getOwnPropertyDescriptor(globalThis, name);
        assertEquals([global.writable, global.enumerable, global.configurable], [true, false, true], 'the global');
        assertEquals([Class.name, Object.prototype.toString.call(prototype)], [name, `[object ${name}]`]);
        assertEquals(Object.getOwnPropertyDescriptor(Class, 'prototype').writable, false);
        for (const attribute of [...attributes, ...handlers]) {
            const { get, enumerable, configurable } = Object.getOwnPropertyDescriptor(prototype, attribute);
            assertEquals([typeof get, enumerable, configurable, get.name], ['function', true, true, `get ${attribute}`], attribute);
            assertThrows('TypeError', () => get.call({}));
            assertThrows('TypeError', () => prototype[attribute]);
        }
        for (const [method, length] of Object.entries(methods)) {
            const { value, writable, enumerable } = Object.getOwnPropertyDescriptor(prototype, method);
            assertEquals([value.name, value.length, writable, enumerable], [method, length, true, true], method);
        }
    });
}

test('event targets are event targets, and events are events', () => {
    for (const Class of [RTCPeerConnection, RTCDataChannel, RTCDtlsTransport, RTCIceTransport, RTCSctpTransport, RTCDTMFSender]) {
        assert(Object.getPrototypeOf(Class) === EventTarget, Class.name);
    }
    for (const Class of [MediaStream, MediaStreamTrack]) assert(Object.getPrototypeOf(Class) === EventTarget, Class.name);
    for (const Class of [RTCTrackEvent, RTCDataChannelEvent, RTCPeerConnectionIceEvent, RTCErrorEvent, RTCDTMFToneChangeEvent]) {
        assert(Object.getPrototypeOf(Class) === Event, Class.name);
    }
    assert(Object.getPrototypeOf(RTCError) === DOMException, 'RTCError');
});

test('attributes that are read-only stay as they are', (t) => {
    'use strict';
    const pc = t.connection();
    assertThrows('TypeError', () => (pc.signalingState = 'closed'));
    assertThrows('TypeError', () => (pc.createDataChannel('').label = 'another'));
    assertThrows('TypeError', () => (new MediaStream().id = 'another'));
});

test('methods that give promises reject where others would throw', async (t) => {
    const pc = t.connection();
    await assertRejects('TypeError', pc.setRemoteDescription());
    await assertRejects('TypeError', pc.setRemoteDescription({ type: 'proposal', sdp: '' }));
    await assertRejects('TypeError', pc.addTransceiver('audio').sender.replaceTrack(5));
    await assertRejects('TypeError', RTCPeerConnection.prototype.createOffer.call({}));
    await assertRejects('TypeError', RTCPeerConnection.prototype.getStats.call({}));
});

test('an event handler is a function or null, and keeps its place among the listeners', async (t) => {
    const pc = t.connection();
    const seen = [];
    assertEquals(pc.onnegotiationneeded, null);
    pc.onnegotiationneeded = () => seen.push('replaced');
    pc.addEventListener('negotiationneeded', () => seen.push('listener'));
    pc.onnegotiationneeded = function () {
        seen.push(this === pc ? 'handler' : 'stranger');
    };
    pc.createDataChannel('');
    await holds(() => seen.length >= 2);
    assertEquals(seen, ['handler', 'listener']);
    pc.onnegotiationneeded = 'no function';
    assertEquals(pc.onnegotiationneeded, null);
});

test('listeners can be objects, can be removed, and are called once if they ask for it', async (t) => {
    const pc = t.connection();
    const seen = [];
    const object = { handleEvent: ({ type }) => seen.push(`object ${type}`) };
    const removed = () => seen.push('removed');
    pc.addEventListener('negotiationneeded', object);
    pc.addEventListener('negotiationneeded', removed);
    pc.removeEventListener('negotiationneeded', removed);
    pc.addEventListener('negotiationneeded', () => seen.push('once'), { once: true });
    pc.dispatchEvent(new Event('negotiationneeded'));
    pc.dispatchEvent(new Event('negotiationneeded'));
    assertEquals(seen, ['object negotiationneeded', 'once', 'object negotiationneeded']);
});

test('dictionaries are read as Web IDL says', (t) => {
    const read = [];
    const dictionary = {};
    for (const name of ['protocol', 'ordered', 'id', 'negotiated', 'maxRetransmits', 'unheard']) {
        Object.defineProperty(dictionary, name, { get: () => void read.push(name), enumerable: true });
    }
    t.connection().createDataChannel('', dictionary);
    assertEquals(read, ['id', 'maxRetransmits', 'negotiated', 'ordered', 'protocol']);
    assertThrows('TypeError', () => t.connection().createDataChannel('', 5));
    t.connection().createDataChannel('', null);
});

test('a subclass of an interface works', (t) => {
    class Connection extends RTCPeerConnection {
        get answer() {
            return 42;
        }
    }
    const pc = new Connection();
    t.after(() => pc.close());
    assert(pc instanceof RTCPeerConnection && pc instanceof Connection, 'it is both');
    assertEquals([pc.answer, pc.signalingState], [42, 'stable']);
});
