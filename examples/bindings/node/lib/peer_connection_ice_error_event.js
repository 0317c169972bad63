/* RTCPeerConnectionIceErrorEvent (W3C WebRTC §4.8.3). */
import { EventInit, eventArguments } from './events.js';
import { DOMString, USVString, defineInterface, dictionary, nullable, unsignedShort } from './webidl.js';

const RTCPeerConnectionIceErrorEventInit = dictionary(
    'RTCPeerConnectionIceErrorEventInit',
    {
        address: { type: nullable(DOMString), default: null },
        port: { type: nullable(unsignedShort), default: null },
        url: { type: USVString, default: '' },
        errorCode: { type: unsignedShort, required: true },
        errorText: { type: USVString, default: '' },
    },
    EventInit,
);

export class RTCPeerConnectionIceErrorEvent extends Event {
    #init;

    constructor(type, eventInitDict) {
        const [name, init] = eventArguments('RTCPeerConnectionIceErrorEvent', arguments, 2, RTCPeerConnectionIceErrorEventInit);
        super(name, init);
        this.#init = init;
    }

    get address() {
        return this.#init.address;
    }

    get port() {
        return this.#init.port;
    }

    get url() {
        return this.#init.url;
    }

    get errorCode() {
        return this.#init.errorCode;
    }

    get errorText() {
        return this.#init.errorText;
    }
}
defineInterface(RTCPeerConnectionIceErrorEvent);
