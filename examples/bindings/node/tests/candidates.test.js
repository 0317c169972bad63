import { assert, assertEquals, assertRejects, assertThrows, event, negotiate, test, until } from './harness.js';

const text = 'candidate:1 1 udp 2122260223 192.0.2.7 50000 typ srflx raddr 198.51.100.1 rport 40000 generation 0 ufrag abcd';

test('a candidate is read into its attributes', () => {
    const candidate = new RTCIceCandidate({ candidate: text, sdpMid: 'audio', sdpMLineIndex: 3, usernameFragment: 'abcd' });
    const { foundation, component, priority, address, protocol, port, type, tcpType, relatedAddress, relatedPort, usernameFragment } = candidate;
    assertEquals([foundation, component, priority], ['1', 'rtp', 2122260223]);
    assertEquals([address, protocol, port, type, tcpType], ['192.0.2.7', 'udp', 50000, 'srflx', null]);
    assertEquals([relatedAddress, relatedPort, usernameFragment], ['198.51.100.1', 40000, 'abcd']);
    assertEquals(candidate.toJSON(), { candidate: text, sdpMid: 'audio', sdpMLineIndex: 3, usernameFragment: 'abcd' });
});

test('a candidate needs a mid or an index, and text that is none is kept', () => {
    assertThrows('TypeError', () => new RTCIceCandidate());
    assertThrows('TypeError', () => new RTCIceCandidate({ candidate: text }));
    const candidate = new RTCIceCandidate({ candidate: 'some text', sdpMid: '' });
    assertEquals([candidate.candidate, candidate.sdpMid, candidate.foundation, candidate.port], ['some text', '', null, null]);
});

test('candidates are refused that belong nowhere', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.addTransceiver('audio');
    await assertRejects('InvalidStateError', b.addIceCandidate({ candidate: text, sdpMid: '0' }));
    await a.setLocalDescription();
    await b.setRemoteDescription(a.localDescription);
    await assertRejects('TypeError', b.addIceCandidate({ candidate: text }));
    await assertRejects('OperationError', b.addIceCandidate({ candidate: text, sdpMid: 'elsewhere' }));
    await assertRejects('OperationError', b.addIceCandidate({ candidate: text, sdpMLineIndex: 7 }));
    await assertRejects('OperationError', b.addIceCandidate({ candidate: 'some text', sdpMid: '0' }));
    await b.addIceCandidate();
    await b.addIceCandidate({ candidate: '', sdpMid: '0' });
});

test('candidates come in events, then the end of them, and are in the description', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.createDataChannel('data');
    const candidates = [];
    const ended = new Promise((resolve) => {
        a.onicecandidate = ({ candidate }) => (candidate ? candidate.candidate && candidates.push(candidate) : resolve());
    });
    await a.setLocalDescription();
    await ended;
    assertEquals(a.iceGatheringState, 'complete');
    assert(candidates.length > 0, 'there are some');
    for (const { candidate, sdpMid, usernameFragment } of candidates) {
        assertEquals(sdpMid, '0');
        assert(a.localDescription.sdp.includes(`a=ice-ufrag:${usernameFragment}\r\n`), 'it has the ufrag of the description');
        assert(a.localDescription.sdp.includes(candidate.split(' ').slice(0, 8).join(' ')), 'the description has it');
    }
    await b.setRemoteDescription(a.localDescription);
    assertEquals(b.canTrickleIceCandidates, true);
});

test('a connection comes about by candidates that trickle', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.createDataChannel('data');
    a.onicecandidate = ({ candidate }) => b.addIceCandidate(candidate ?? undefined);
    b.onicecandidate = ({ candidate }) => a.addIceCandidate(candidate ?? undefined);
    const states = [];
    a.onconnectionstatechange = () => states.push(a.connectionState);
    await negotiate(a, b);
    await until(a, 'connectionstatechange', () => a.connectionState === 'connected');
    await until(b, 'connectionstatechange', () => b.connectionState === 'connected');
    assertEquals(states, ['connecting', 'connected']);
    assert(['connected', 'completed'].includes(a.iceConnectionState));
});

test('a server that cannot be a server is refused', () => {
    assertThrows('SyntaxError', () => new RTCPeerConnection({ iceServers: [{ urls: 'http://example.org' }] }));
    assertThrows('SyntaxError', () => new RTCPeerConnection({ iceServers: [{ urls: [] }] }));
    assertThrows('InvalidAccessError', () => new RTCPeerConnection({ iceServers: [{ urls: 'turn:example.org' }] }));
    assertThrows('TypeError', () => new RTCPeerConnection({ iceServers: [{}] }));
    assertThrows('TypeError', () => new RTCPeerConnection({ iceTransportPolicy: 'some' }));
});

test('the configuration is given back, and some of it can be changed', (t) => {
    const pc = t.connection({ iceServers: [{ urls: ['stun:stun.example.org'] }] });
    const configuration = pc.getConfiguration();
    assertEquals([configuration.iceTransportPolicy, configuration.bundlePolicy, configuration.rtcpMuxPolicy], ['all', 'balanced', 'require']);
    assertEquals([].concat(configuration.iceServers[0].urls), ['stun:stun.example.org']);
    pc.setConfiguration({ iceTransportPolicy: 'relay' });
    assertEquals(pc.getConfiguration().iceTransportPolicy, 'relay');
    assertThrows('InvalidModificationError', () => pc.setConfiguration({ bundlePolicy: 'max-bundle' }));
    pc.close();
    assertThrows('InvalidStateError', () => pc.setConfiguration({}));
});

test('a description that leaves no transport takes the gathering state back to new', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.addTransceiver('audio');
    await negotiate(a, b);
    await until(a, 'icegatheringstatechange', () => a.iceGatheringState === 'complete');
    const isTold = event(a, 'icegatheringstatechange');
    a.getTransceivers()[0].stop();
    await negotiate(a, b);
    assertEquals(a.iceGatheringState, 'new');
    await isTold;
});

test('a restart that is rolled back tells nothing of gathering', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.createDataChannel('');
    await negotiate(a, b);
    await until(a, 'icegatheringstatechange', () => a.iceGatheringState === 'complete');
    await a.setLocalDescription(await a.createOffer({ iceRestart: true }));
    await until(a, 'icegatheringstatechange', () => a.iceGatheringState === 'gathering');
    await until(a, 'icegatheringstatechange', () => a.iceGatheringState === 'complete');
    a.onicegatheringstatechange = () => {
        throw new Error('It is told');
    };
    await a.setLocalDescription({ type: 'rollback' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    assertEquals(a.iceGatheringState, 'complete');
});
