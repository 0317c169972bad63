/* RTCDTMFToneChangeEvent (W3C WebRTC §7.3). */
import { EventInit, eventArguments } from './events.js';
import { DOMString, defineInterface, dictionary } from './webidl.js';

const RTCDTMFToneChangeEventInit = dictionary('RTCDTMFToneChangeEventInit', { tone: { type: DOMString, default: '' } }, EventInit);

export class RTCDTMFToneChangeEvent extends Event {
    #tone;

    constructor(type, eventInitDict = {}) {
        const [name, init] = eventArguments('RTCDTMFToneChangeEvent', arguments, 1, RTCDTMFToneChangeEventInit);
        super(name, init);
        this.#tone = init.tone;
    }

    get tone() {
        return this.#tone;
    }
}
defineInterface(RTCDTMFToneChangeEvent);
