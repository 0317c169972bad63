/* MediaStreamTrackEvent (W3C Media Capture and Streams §4.4). */
import { EventInit, eventArguments } from './events.js';
import { isTrack } from './media_stream_track.js';
import { defineInterface, dictionary, interfaceType } from './webidl.js';

const MediaStreamTrackEventInit = dictionary(
    'MediaStreamTrackEventInit',
    { track: { type: interfaceType('MediaStreamTrack', isTrack), required: true } },
    EventInit,
);

export class MediaStreamTrackEvent extends Event {
    #track;

    constructor(type, eventInitDict) {
        const [name, init] = eventArguments('MediaStreamTrackEvent', arguments, 2, MediaStreamTrackEventInit);
        super(name, init);
        this.#track = init.track;
    }

    get track() {
        return this.#track;
    }
}
defineInterface(MediaStreamTrackEvent);
