/* RTCTrackEvent (W3C WebRTC §5.7). */
import { EventInit, eventArguments } from './events.js';
import { isReceiver } from './receiver.js';
import { isTransceiver } from './transceiver.js';
import { isTrack } from './media_stream_track.js';
import { isStream } from './media_stream.js';
import { defineInterface, dictionary, interfaceType, sequence } from './webidl.js';

const RTCTrackEventInit = dictionary(
    'RTCTrackEventInit',
    {
        receiver: { type: interfaceType('RTCRtpReceiver', (value) => isReceiver(value)), required: true },
        track: { type: interfaceType('MediaStreamTrack', (value) => isTrack(value)), required: true },
        streams: { type: sequence(interfaceType('MediaStream', (value) => isStream(value))), default: () => [] },
        transceiver: { type: interfaceType('RTCRtpTransceiver', (value) => isTransceiver(value)), required: true },
    },
    EventInit,
);

export class RTCTrackEvent extends Event {
    #init;
    #streams;

    constructor(type, eventInitDict) {
        const [name, init] = eventArguments('RTCTrackEvent', arguments, 2, RTCTrackEventInit);
        super(name, init);
        this.#init = init;
        this.#streams = Object.freeze(init.streams);
    }

    get receiver() {
        return this.#init.receiver;
    }

    get track() {
        return this.#init.track;
    }

    get streams() {
        return this.#streams;
    }

    get transceiver() {
        return this.#init.transceiver;
    }
}
defineInterface(RTCTrackEvent);
