/* RTCIceCandidate (W3C WebRTC §4.8.1). The library reads the candidate-attribute. */
import { declare } from './native.js';
import { check } from './dom_exception.js';
import { DOMString, USVString, defineInterface, dictionary, enumeration, nullable, unsignedShort } from './webidl.js';

const peer = declare(`
    int peer_ice_candidate_new(str candidate, str sdp_mid, int32_t sdp_mline_index, str username_fragment, _Out_ handle *result)
    void peer_ice_candidate_unref(handle candidate)
    str peer_ice_candidate_candidate(handle candidate)
    str peer_ice_candidate_sdp_mid(handle candidate)
    int32_t peer_ice_candidate_sdp_mline_index(handle candidate)
    str peer_ice_candidate_username_fragment(handle candidate)
    str peer_ice_candidate_foundation(handle candidate)
    int32_t peer_ice_candidate_component(handle candidate)
    uint32_t peer_ice_candidate_priority(handle candidate)
    str peer_ice_candidate_address(handle candidate)
    str peer_ice_candidate_protocol(handle candidate)
    uint16_t peer_ice_candidate_port(handle candidate)
    int32_t peer_ice_candidate_type(handle candidate)
    str peer_ice_candidate_type_name(int32_t type)
    str peer_ice_candidate_related_address(handle candidate)
    uint16_t peer_ice_candidate_related_port(handle candidate)
    str peer_ice_candidate_tcp_type(handle candidate)
    str peer_ice_candidate_relay_protocol(handle candidate)
    str peer_ice_candidate_url(handle candidate)
`);

const initMembers = {
    candidate: { type: DOMString, default: '' },
    sdpMid: { type: nullable(DOMString), default: null },
    sdpMLineIndex: { type: nullable(unsignedShort), default: null },
    usernameFragment: { type: nullable(DOMString), default: null },
};
export const RTCIceCandidateInit = dictionary('RTCIceCandidateInit', initMembers);
const RTCLocalIceCandidateInit = dictionary(
    'RTCLocalIceCandidateInit',
    {
        relayProtocol: { type: nullable(enumeration('RTCIceServerTransportProtocol', ['udp', 'tcp', 'tls'])), default: null },
        url: { type: nullable(USVString), default: null },
    },
    RTCIceCandidateInit,
);

const derived = ['foundation', 'component', 'priority', 'address', 'protocol', 'port', 'type', 'tcpType', 'relatedAddress', 'relatedPort'];
const nothing = Object.freeze(Object.fromEntries(derived.map((name) => [name, null])));

/** The attributes that follow from the candidate-attribute; a text that is none has no parts. */
function parsed(handle) {
    if (peer.peer_ice_candidate_foundation(handle) === null) return nothing;
    const relatedAddress = peer.peer_ice_candidate_related_address(handle);
    return {
        foundation: peer.peer_ice_candidate_foundation(handle),
        component: [null, 'rtp', 'rtcp'][peer.peer_ice_candidate_component(handle)] ?? null,
        priority: peer.peer_ice_candidate_priority(handle),
        address: peer.peer_ice_candidate_address(handle),
        protocol: peer.peer_ice_candidate_protocol(handle),
        port: peer.peer_ice_candidate_port(handle),
        type: peer.peer_ice_candidate_type_name(peer.peer_ice_candidate_type(handle)),
        tcpType: peer.peer_ice_candidate_tcp_type(handle),
        relatedAddress,
        relatedPort: relatedAddress === null ? null : peer.peer_ice_candidate_related_port(handle),
    };
}

/** Makes the library's candidate of a dictionary; the caller unrefs it. */
function nativeCandidate({ candidate, sdpMid, sdpMLineIndex, usernameFragment }) {
    const out = [0];
    check(peer.peer_ice_candidate_new(candidate, sdpMid, sdpMLineIndex ?? -1, usernameFragment, out));
    return out[0];
}

export let isIceCandidate;

export class RTCIceCandidate {
    #init;
    #parsed = null;

    constructor(candidateInitDict = {}) {
        const init = RTCLocalIceCandidateInit(candidateInitDict, 'RTCIceCandidate: candidateInitDict');
        if (init.sdpMid === null && init.sdpMLineIndex === null) throw new TypeError('RTCIceCandidate: both sdpMid and sdpMLineIndex are null');
        this.#init = init;
        this.#parsed = nothing;
        if (init.candidate === '') return;
        let handle;
        try {
            handle = nativeCandidate(init);
        } catch {
            return; // it is kept as it is, for addIceCandidate() to refuse
        }
        this.#parsed = parsed(handle);
        peer.peer_ice_candidate_unref(handle);
    }

    get candidate() {
        return this.#init.candidate;
    }

    get sdpMid() {
        return this.#init.sdpMid;
    }

    get sdpMLineIndex() {
        return this.#init.sdpMLineIndex;
    }

    get foundation() {
        return this.#parsed.foundation;
    }

    get component() {
        return this.#parsed.component;
    }

    get priority() {
        return this.#parsed.priority;
    }

    get address() {
        return this.#parsed.address;
    }

    get protocol() {
        return this.#parsed.protocol;
    }

    get port() {
        return this.#parsed.port;
    }

    get type() {
        return this.#parsed.type;
    }

    get tcpType() {
        return this.#parsed.tcpType;
    }

    get relatedAddress() {
        return this.#parsed.relatedAddress;
    }

    get relatedPort() {
        return this.#parsed.relatedPort;
    }

    get usernameFragment() {
        return this.#init.usernameFragment;
    }

    get relayProtocol() {
        return this.#init.relayProtocol;
    }

    get url() {
        return this.#init.url;
    }

    toJSON() {
        const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = this.#init;
        return { candidate, sdpMid, sdpMLineIndex, usernameFragment };
    }

    static {
        isIceCandidate = (object) => typeof object === 'object' && object !== null && #init in object;
    }
}
defineInterface(RTCIceCandidate);

/** An RTCIceCandidate with what a candidate of the library says; null for 0. The handle is only read. */
export function readCandidate(handle) {
    if (!handle) return null;
    const index = peer.peer_ice_candidate_sdp_mline_index(handle);
    const relayProtocol = peer.peer_ice_candidate_relay_protocol(handle);
    return new RTCIceCandidate({
        candidate: peer.peer_ice_candidate_candidate(handle),
        sdpMid: peer.peer_ice_candidate_sdp_mid(handle) ?? (index < 0 ? '' : null),
        sdpMLineIndex: index < 0 ? null : index,
        usernameFragment: peer.peer_ice_candidate_username_fragment(handle),
        relayProtocol: relayProtocol === 'dtls' ? null : relayProtocol, // W3C has no name for TURN over DTLS
        url: peer.peer_ice_candidate_url(handle),
    });
}

/** The same, for a handle whose reference passes to this function. */
export function wrapCandidate(handle) {
    const candidate = readCandidate(handle);
    if (handle) peer.peer_ice_candidate_unref(handle);
    return candidate;
}

/** Calls `use` with the library's candidate for a dictionary. */
export function withCandidate(init, use) {
    const handle = nativeCandidate(init);
    try {
        return use(handle);
    } finally {
        peer.peer_ice_candidate_unref(handle);
    }
}
