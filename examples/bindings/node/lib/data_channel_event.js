/* RTCDataChannelEvent (W3C WebRTC §6.3). */
import { isDataChannel } from './data_channel.js';
import { EventInit, eventArguments } from './events.js';
import { defineInterface, dictionary, interfaceType } from './webidl.js';

const RTCDataChannelEventInit = dictionary(
    'RTCDataChannelEventInit',
    { channel: { type: interfaceType('RTCDataChannel', isDataChannel), required: true } },
    EventInit,
);

export class RTCDataChannelEvent extends Event {
    #channel;

    constructor(type, eventInitDict) {
        const [name, init] = eventArguments('RTCDataChannelEvent', arguments, 2, RTCDataChannelEventInit);
        super(name, init);
        this.#channel = init.channel;
    }

    get channel() {
        return this.#channel;
    }
}
defineInterface(RTCDataChannelEvent);
