/* RTCErrorEvent (W3C WebRTC §11.2). */
import { isRTCError } from './error.js';
import { EventInit, eventArguments } from './events.js';
import { defineInterface, dictionary, interfaceType } from './webidl.js';

const RTCErrorEventInit = dictionary('RTCErrorEventInit', { error: { type: interfaceType('RTCError', isRTCError), required: true } }, EventInit);

export class RTCErrorEvent extends Event {
    #error;

    constructor(type, eventInitDict) {
        const [name, init] = eventArguments('RTCErrorEvent', arguments, 2, RTCErrorEventInit);
        super(name, init);
        this.#error = init.error;
    }

    get error() {
        return this.#error;
    }
}
defineInterface(RTCErrorEvent);
