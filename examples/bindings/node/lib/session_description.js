/* RTCSessionDescription (W3C WebRTC §4.6). */
import { declare } from './native.js';
import { check } from './dom_exception.js';
import { DOMString, defineInterface, dictionary, enumeration } from './webidl.js';

const peer = declare(`
    int peer_description_new(int32_t type, str sdp, _Out_ handle *description)
    void peer_description_unref(handle description)
    int32_t peer_description_type(handle description)
    str peer_description_sdp(handle description)
`);

const types = ['offer', 'pranswer', 'answer', 'rollback'];
export const RTCSdpType = enumeration('RTCSdpType', types);

export const RTCSessionDescriptionInit = dictionary('RTCSessionDescriptionInit', {
    type: { type: RTCSdpType, required: true },
    sdp: { type: DOMString, default: '' },
});

export const RTCLocalSessionDescriptionInit = dictionary('RTCLocalSessionDescriptionInit', {
    type: { type: RTCSdpType },
    sdp: { type: DOMString, default: '' },
});

export class RTCSessionDescription {
    #type;
    #sdp;

    constructor(descriptionInitDict) {
        const init = RTCSessionDescriptionInit(descriptionInitDict, 'RTCSessionDescription: descriptionInitDict');
        this.#type = init.type;
        this.#sdp = init.sdp;
    }

    get type() {
        return this.#type;
    }

    get sdp() {
        return this.#sdp;
    }

    toJSON() {
        return { type: this.#type, sdp: this.#sdp };
    }
}
defineInterface(RTCSessionDescription);

/** What a description of the library says, as a dictionary; the reference passes to this function. null for 0. */
export function describe(handle) {
    if (!handle) return null;
    const init = { type: types[peer.peer_description_type(handle)], sdp: peer.peer_description_sdp(handle) };
    peer.peer_description_unref(handle);
    return init;
}

/** Calls `use` with the library's description for a dictionary. */
export function withDescription({ type, sdp }, use) {
    const out = [0];
    check(peer.peer_description_new(types.indexOf(type), type === 'rollback' ? '' : sdp, out));
    try {
        return use(out[0]);
    } finally {
        peer.peer_description_unref(out[0]);
    }
}
