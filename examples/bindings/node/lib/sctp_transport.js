/* RTCSctpTransport (W3C WebRTC §6.1.1). */
import { wrapDtlsTransport } from './dtls_transport.js';
import { fireNamed } from './events.js';
import { Wrappers, declare } from './native.js';
import { defineInterface, illegalUnless, internal } from './webidl.js';

const CONNECTED = 1;
/** Of peer_sctp_transport_state_t. */
export const SCTP_CLOSED = 2;
const states = ['connecting', 'connected', 'closed']; // as peer_sctp_transport_state_t numbers them
const peer = declare(`
    void peer_sctp_transport_unref(handle transport)
    int32_t peer_sctp_transport_state(handle transport)
    uint64_t peer_sctp_transport_max_message_size(handle transport)
    int32_t peer_sctp_transport_max_channels(handle transport)
    handle peer_sctp_transport_transport(handle transport)
`);
const UNLIMITED = 2n ** 64n - 1n;

/** The association's state has changed: to be called from a task of the connection. */
export let sctpStateChanged;

export class RTCSctpTransport extends EventTarget {
    #handle;
    #state;
    #maxChannels = null;
    #transport = null;
    #shown;

    constructor(token, handle, shown) {
        illegalUnless(token);
        super();
        this.#handle = handle;
        this.#shown = shown;
        this.#changeState(peer.peer_sctp_transport_state(handle));
    }

    get transport() {
        this.#transport ??= wrapDtlsTransport(peer.peer_sctp_transport_transport(this.#handle), this.#shown);
        return this.#transport;
    }

    /* When the connection is closed its transport is, and no event tells it. */
    get state() {
        return states[peer.peer_sctp_transport_state(this.#handle) === SCTP_CLOSED ? SCTP_CLOSED : this.#state];
    }

    get maxMessageSize() {
        const size = peer.peer_sctp_transport_max_message_size(this.#handle);
        return BigInt(size) === UNLIMITED ? Infinity : Number(size);
    }

    get maxChannels() {
        return this.#maxChannels;
    }

    #changeState(state) {
        this.#state = state;
        if (state === CONNECTED) this.#maxChannels = peer.peer_sctp_transport_max_channels(this.#handle);
    }

    static {
        sctpStateChanged = (transport, state) => {
            if (transport.#state === state) return;
            transport.#changeState(state);
            fireNamed(transport, 'statechange');
        };
    }
}
defineInterface(RTCSctpTransport, {
    is: (value) => value instanceof RTCSctpTransport,
    handlers: ['onstatechange'],
});
Object.defineProperty(RTCSctpTransport, 'length', { value: 0, configurable: true });

const wrappers = new Wrappers(
    (handle) => peer.peer_sctp_transport_unref(handle),
    (handle, shown) => new RTCSctpTransport(internal, handle, shown),
);

/** The object of a handle, whose reference passes to it. `shown`: as for wrapDtlsTransport(). */
export function wrapSctpTransport(handle, shown) {
    return wrappers.adopt(handle, shown);
}
