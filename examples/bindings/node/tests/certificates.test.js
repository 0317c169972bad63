import { assert, assertEquals, assertRejects, assertThrows, test } from './harness.js';

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' };
const rsa = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' };

test('certificates of both kinds are made', async () => {
    for (const algorithm of [ecdsa, rsa]) {
        const certificate = await RTCPeerConnection.generateCertificate(algorithm);
        assert(certificate instanceof RTCCertificate, 'an RTCCertificate');
        assert(certificate.expires > Date.now() + 86400000, 'it is valid for more than a day');
    }
});

test('a hash can be named by an object, and names in any case', async () => {
    await RTCPeerConnection.generateCertificate({ ...rsa, hash: { name: 'sha-256' } });
    await RTCPeerConnection.generateCertificate({ ...ecdsa, name: 'ecdsa' });
});

test('algorithms that cannot be are refused', async () => {
    const refused = (name, algorithm) => assertRejects(name, RTCPeerConnection.generateCertificate(algorithm));
    await refused('NotSupportedError', 'ROT13');
    await refused('NotSupportedError', { name: 'ROT13' });
    await refused('NotSupportedError', { ...ecdsa, namedCurve: 'P-1' });
    await refused('TypeError', { name: 'ECDSA' });
    await refused('TypeError', {});
    await refused('NotSupportedError', undefined);
    await assertRejects('TypeError', RTCPeerConnection.generateCertificate());
});

test('the time of expiry can be chosen', async () => {
    const before = Date.now();
    const { expires } = await RTCPeerConnection.generateCertificate({ ...ecdsa, expires: 3600000 });
    assert(expires >= before + 3600000 - 1000 && expires <= Date.now() + 3600000 + 1000, `it is ${expires - before} ms ahead`);
    for (const wrong of [-1, NaN, Infinity, 'tomorrow']) {
        await assertRejects('TypeError', RTCPeerConnection.generateCertificate({ ...ecdsa, expires: wrong }));
    }
});

test('a certificate that has expired is refused', async (t) => {
    const expired = await RTCPeerConnection.generateCertificate({ ...ecdsa, expires: 0 });
    assert(expired.expires <= Date.now(), 'it has expired');
    assertThrows('InvalidAccessError', () => t.connection({ certificates: [expired] }));
});

test('a connection offers the fingerprint of the certificate that it was given', async (t) => {
    const certificate = await RTCPeerConnection.generateCertificate(ecdsa);
    const [{ algorithm, value }] = certificate.getFingerprints();
    assertEquals(algorithm, 'sha-256');
    assert(/^([0-9a-f]{2}:){31}[0-9a-f]{2}$/.test(value), value);
    const pc = t.connection({ certificates: [certificate] });
    pc.createDataChannel('');
    const { sdp } = await pc.createOffer();
    assert(sdp.includes(`a=fingerprint:sha-256 ${value.toUpperCase()}\r\n`), sdp);
    assertEquals(pc.getConfiguration().certificates[0].getFingerprints()[0].value, value);
});

test('connections without a certificate have different ones', async (t) => {
    const fingerprints = [];
    for (const pc of [t.connection(), t.connection()]) {
        pc.createDataChannel('');
        fingerprints.push(/a=fingerprint:(.*)/.exec((await pc.createOffer()).sdp)[1]);
    }
    assert(fingerprints[0] !== fingerprints[1], fingerprints[0]);
});

test('what is no certificate is refused', (t) => {
    assertThrows('TypeError', () => t.connection({ certificates: [{}] }));
    assertThrows('TypeError', () => t.connection({ certificates: null }));
    assertThrows('TypeError', () => new RTCCertificate());
});
