/* RTCCertificate and RTCPeerConnection.generateCertificate (W3C WebRTC §4.9). */
import { queueTask } from './loop.js';
import { declare } from './native.js';
import { defineInterface, dictionary, double, illegalUnless, internal } from './webidl.js';

const KEY_ECDSA_P256 = 0;
const KEY_RSA_2048 = 1;
const DEFAULT_MS = 2592000000; // 30 days
const LONGEST_MS = 31536000000; // a year

const peer = declare(`
    int peer_certificate_generate(int32_t algorithm, int64_t lifetime_s, _Out_ handle *certificate)
    void peer_certificate_unref(handle certificate)
    str peer_certificate_fingerprint(handle certificate)
`);
const released = new FinalizationRegistry((handle) => peer.peer_certificate_unref(handle));

/** The handle of a certificate, which may not have expired (W3C WebRTC §4.4.1.1: InvalidAccessError). */
export let certificateHandle;
/** Whether a value is an RTCCertificate. */
export let isCertificate;

export class RTCCertificate {
    #handle;
    #expires; // to the millisecond, which the certificate itself cannot tell

    constructor(token, handle, expires) {
        illegalUnless(token);
        this.#handle = handle;
        this.#expires = expires;
        released.register(this, handle);
    }

    get expires() {
        return this.#expires;
    }

    getFingerprints() {
        return [{ algorithm: 'sha-256', value: peer.peer_certificate_fingerprint(this.#handle).toLowerCase() }];
    }

    static {
        isCertificate = (value) => typeof value === 'object' && value !== null && #handle in value;
        certificateHandle = (certificate) => {
            if (certificate.#expires <= Date.now()) throw new DOMException('A certificate has expired', 'InvalidAccessError');
            return certificate.#handle;
        };
    }
}
defineInterface(RTCCertificate);
Object.defineProperty(RTCCertificate, 'length', { value: 0, configurable: true });

function unsupported(what) {
    return new DOMException(`${what} is not supported`, 'NotSupportedError');
}

function required(algorithm, member) {
    if (algorithm[member] === undefined) throw new TypeError(`generateCertificate: required member ${member} is undefined`);
    return algorithm[member];
}

function hashName(hash) {
    return `${typeof hash === 'object' && hash !== null ? required(hash, 'name') : hash}`.toLowerCase();
}

/* W3C Web Cryptography §18.4.4: an AlgorithmIdentifier is normalized by the members that the algorithm of its name needs. */
function keyAlgorithm(identifier) {
    const isObject = (typeof identifier === 'object' && identifier !== null) || typeof identifier === 'function';
    const algorithm = isObject ? identifier : { name: `${identifier}` };
    const name = `${required(algorithm, 'name')}`.toLowerCase();
    if (name === 'ecdsa') {
        const curve = `${required(algorithm, 'namedCurve')}`;
        if (curve !== 'P-256') throw unsupported(`The curve ${curve}`);
        return KEY_ECDSA_P256;
    }
    if (name === 'rsassa-pkcs1-v1_5') {
        const hash = hashName(required(algorithm, 'hash'));
        const length = Number(required(algorithm, 'modulusLength'));
        const exponent = required(algorithm, 'publicExponent');
        if (!(exponent instanceof Uint8Array)) throw new TypeError('generateCertificate: publicExponent is not a Uint8Array');
        if (hash !== 'sha-256') throw unsupported(`The hash ${hash}`);
        if (length !== 2048) throw unsupported(`A modulus of ${length} bits`);
        if (exponent.reduce((value, byte) => value * 256 + byte, 0) !== 65537) throw unsupported('An exponent other than 65,537');
        return KEY_RSA_2048;
    }
    throw unsupported(`The algorithm ${name}`);
}

function enforcedUnsignedLongLong(value, what) {
    const number = Math.trunc(double(value, what));
    if (number < 0 || number > Number.MAX_SAFE_INTEGER) throw new TypeError(`${what} is out of range`);
    return number;
}

const RTCCertificateExpiration = dictionary('RTCCertificateExpiration', { expires: { type: enforcedUnsignedLongLong } });

/** RTCPeerConnection.generateCertificate */
export async function generateCertificate(keygenAlgorithm) {
    const { expires = DEFAULT_MS } = typeof keygenAlgorithm === 'object' ? RTCCertificateExpiration(keygenAlgorithm) : {};
    const algorithm = keyAlgorithm(keygenAlgorithm);
    const lifetime = Math.min(expires, LONGEST_MS);
    const result = [0];
    return new Promise((resolve, reject) => {
        peer.peer_certificate_generate.async(algorithm, Math.max(1, Math.ceil(lifetime / 1000)), result, (error, code) => {
            if (error || code < 0) reject(new DOMException('The certificate could not be made', 'OperationError'));
            else queueTask(() => resolve(new RTCCertificate(internal, result[0], Date.now() + lifetime)));
        });
    });
}
