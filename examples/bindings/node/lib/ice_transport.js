/* RTCIceTransport (W3C WebRTC §5.6). */
import { wrapCandidate } from './ice_candidate.js';
import { Wrappers, declare, listOf } from './native.js';
import { defineInterface, illegalUnless, internal } from './webidl.js';

/* As peer_ice_transport_state_t, peer_ice_gathering_state_t and peer_ice_role_t number them. */
const states = ['new', 'checking', 'connected', 'completed', 'disconnected', 'failed', 'closed'];
const CLOSED = 6;
const gatheringStates = ['new', 'gathering', 'complete'];
const roles = ['unknown', 'controlling', 'controlled'];
const PARAMETER_SIZE = 257; // ice-ufrag and ice-pwd have at most 256 characters (RFC 8839 §5.4)
const peer = declare(`
    void peer_ice_transport_unref(handle transport)
    int32_t peer_ice_transport_role(handle transport)
    int32_t peer_ice_transport_state(handle transport)
    int32_t peer_ice_transport_component(handle transport)
    size_t peer_ice_transport_local_candidates(handle transport, _Out_ uintptr_t *candidates, size_t capacity)
    size_t peer_ice_transport_remote_candidates(handle transport, _Out_ uintptr_t *candidates, size_t capacity)
    int peer_ice_transport_selected_candidate_pair(handle transport, _Out_ handle *local, _Out_ handle *remote)
    int peer_ice_transport_local_parameters(handle transport, _Out_ char *ufrag, size_t ufrag_size, _Out_ char *password, size_t password_size)
    int peer_ice_transport_remote_parameters(handle transport, _Out_ char *ufrag, size_t ufrag_size, _Out_ char *password, size_t password_size)
`);

function readText(buffer) {
    return buffer.toString('utf8', 0, buffer.indexOf(0));
}

export class RTCIceTransport extends EventTarget {
    #handle;
    #shown;

    constructor(token, handle, shown) {
        illegalUnless(token);
        super();
        this.#handle = handle;
        this.#shown = shown;
    }

    get role() {
        return roles[peer.peer_ice_transport_role(this.#handle)];
    }

    get component() {
        return peer.peer_ice_transport_component(this.#handle) === 2 ? 'rtcp' : 'rtp';
    }

    /* When the connection is closed its transport is, and no event tells it. */
    get state() {
        return states[peer.peer_ice_transport_state(this.#handle) === CLOSED ? CLOSED : this.#shown.ice];
    }

    get gatheringState() {
        return gatheringStates[this.#shown.gathering];
    }

    getLocalCandidates() {
        return listOf((list, capacity) => peer.peer_ice_transport_local_candidates(this.#handle, list, capacity)).map(wrapCandidate);
    }

    getRemoteCandidates() {
        return listOf((list, capacity) => peer.peer_ice_transport_remote_candidates(this.#handle, list, capacity)).map(wrapCandidate);
    }

    getSelectedCandidatePair() {
        const local = [0];
        const remote = [0];
        if (this.state === 'closed') return null;
        if (peer.peer_ice_transport_selected_candidate_pair(this.#handle, local, remote) !== 1) return null;
        return { local: wrapCandidate(local[0]), remote: wrapCandidate(remote[0]) };
    }

    getLocalParameters() {
        return this.#parameters(peer.peer_ice_transport_local_parameters);
    }

    getRemoteParameters() {
        return this.#parameters(peer.peer_ice_transport_remote_parameters);
    }

    #parameters(read) {
        const ufrag = Buffer.alloc(PARAMETER_SIZE);
        const password = Buffer.alloc(PARAMETER_SIZE);
        if (read(this.#handle, ufrag, ufrag.length, password, password.length) !== 1) return null;
        return { usernameFragment: readText(ufrag), password: readText(password) };
    }
}
defineInterface(RTCIceTransport, {
    is: (value) => value instanceof RTCIceTransport,
    handlers: ['onstatechange', 'ongatheringstatechange', 'onselectedcandidatepairchange'],
});
Object.defineProperty(RTCIceTransport, 'length', { value: 0, configurable: true });

const wrappers = new Wrappers((handle) => peer.peer_ice_transport_unref(handle), (handle, shown) => new RTCIceTransport(internal, handle, shown));

/** The object of a handle, whose reference passes to it; null for 0. `shown` has the states that events have told: { ice, gathering }. */
export function wrapIceTransport(handle, shown) {
    return wrappers.adopt(handle, shown);
}
