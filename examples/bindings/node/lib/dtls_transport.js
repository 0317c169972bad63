/* RTCDtlsTransport (W3C WebRTC §5.5). */
import { fire, fireNamed } from './events.js';
import { RTCErrorEvent } from './error_event.js';
import { wrapIceTransport } from './ice_transport.js';
import { Wrappers, declare } from './native.js';
import { defineInterface, illegalUnless, internal } from './webidl.js';

const CONNECTED = 2;
const CLOSED = 3;
const states = ['new', 'connecting', 'connected', 'closed', 'failed']; // as peer_dtls_transport_state_t numbers them
const peer = declare(`
    void peer_dtls_transport_unref(handle transport)
    int32_t peer_dtls_transport_state(handle transport)
    handle peer_dtls_transport_ice_transport(handle transport)
    size_t peer_dtls_transport_remote_certificate_count(handle transport)
    int peer_dtls_transport_remote_certificate(handle transport, size_t index, _Out_ uint8_t *der, size_t capacity)
`);

/** What it shows has changed: to be called from a task of the connection. */
export let dtlsStateChanged;

export class RTCDtlsTransport extends EventTarget {
    #handle;
    #shown;
    #iceTransport = null;
    #certificates = [];

    constructor(token, handle, shown) {
        illegalUnless(token);
        super();
        this.#handle = handle;
        this.#shown = shown;
        if (shown.dtls === CONNECTED) this.#readCertificates();
    }

    get iceTransport() {
        this.#iceTransport ??= wrapIceTransport(peer.peer_dtls_transport_ice_transport(this.#handle), this.#shown);
        return this.#iceTransport;
    }

    /* When the connection is closed its transport is, and no event tells it. */
    get state() {
        return states[peer.peer_dtls_transport_state(this.#handle) === CLOSED ? CLOSED : this.#shown.dtls];
    }

    getRemoteCertificates() {
        return this.#certificates.map((der) => der.slice(0));
    }

    #readCertificates() {
        const count = Number(peer.peer_dtls_transport_remote_certificate_count(this.#handle));
        this.#certificates = Array.from({ length: count }, (_, index) => {
            const der = new Uint8Array(peer.peer_dtls_transport_remote_certificate(this.#handle, index, null, 0));
            peer.peer_dtls_transport_remote_certificate(this.#handle, index, der, der.length);
            return der.buffer;
        });
    }

    static {
        dtlsStateChanged = (transport) => {
            if (transport.#shown.dtls === CONNECTED) transport.#readCertificates();
            fireNamed(transport, 'statechange');
        };
    }
}
defineInterface(RTCDtlsTransport, {
    is: (value) => value instanceof RTCDtlsTransport,
    handlers: ['onstatechange', 'onerror'],
});
Object.defineProperty(RTCDtlsTransport, 'length', { value: 0, configurable: true });

/** It has failed, for an RTCError: to be called from a task of the connection. */
export function dtlsError(transport, error) {
    fire(transport, new RTCErrorEvent('error', { error }));
}

const wrappers = new Wrappers(
    (handle) => peer.peer_dtls_transport_unref(handle),
    (handle, shown) => new RTCDtlsTransport(internal, handle, shown),
);

/** The object of a handle, whose reference passes to it; null for 0. `shown` has the states that events have told: { dtls, ice, gathering }. */
export function wrapDtlsTransport(handle, shown) {
    return wrappers.adopt(handle, shown);
}
