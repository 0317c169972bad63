/* RTCPeerConnectionIceEvent (W3C WebRTC §4.8.2). */
import { EventInit, eventArguments } from './events.js';
import { isIceCandidate } from './ice_candidate.js';
import { USVString, defineInterface, dictionary, interfaceType, nullable } from './webidl.js';

const RTCPeerConnectionIceEventInit = dictionary(
    'RTCPeerConnectionIceEventInit',
    {
        candidate: { type: nullable(interfaceType('RTCIceCandidate', (value) => isIceCandidate(value))), default: null },
        url: { type: nullable(USVString), default: null },
    },
    EventInit,
);

export class RTCPeerConnectionIceEvent extends Event {
    #init;

    constructor(type, eventInitDict = {}) {
        const [name, init] = eventArguments('RTCPeerConnectionIceEvent', arguments, 1, RTCPeerConnectionIceEventInit);
        super(name, init);
        this.#init = init;
    }

    get candidate() {
        return this.#init.candidate;
    }

    get url() {
        return this.#init.url;
    }
}
defineInterface(RTCPeerConnectionIceEvent);
