/* MediaStream (W3C Media Capture and Streams §4.2). */
import { checkHandle } from './dom_exception.js';
import { fire } from './events.js';
import { addRoute, post, removeRoute, routeTo } from './loop.js';
import { MediaStreamTrackEvent } from './media_stream_track_event.js';
import { isTrack, wrapTrack } from './media_stream_track.js';
import { Wrappers, callback, declare, struct } from './native.js';
import { DOMString, defineInterface, interfaceType, internal, sequence } from './webidl.js';

const makeEvents = struct('peer_stream_events_t', { on_add_track: 'void *', on_remove_track: 'void *' });
const peer = declare(`
    handle peer_stream_new()
    void peer_stream_unref(handle stream)
    str peer_stream_id(handle stream)
    size_t peer_stream_track_count(handle stream)
    handle peer_stream_track(handle stream, size_t index)
    int peer_stream_set_events(handle stream, const peer_stream_events_t *events, handle user)
    handle peer_track_ref(handle track)
`);
const trackType = interfaceType('MediaStreamTrack', isTrack);

/** The handle of a stream, borrowed. The library knows only the tracks that it put into it itself. */
export let streamHandle;
/** Whether a value is a MediaStream. */
export let isStream;
let told;

/* Overloads: no argument, a stream, or a sequence of tracks. */
function initialTracks(given) {
    if (given === undefined) return [];
    if (isStream(given)) return given.getTracks();
    return sequence(trackType)(given, 'MediaStream: tracks');
}

export class MediaStream extends EventTarget {
    #handle;
    #tracks = new Set();

    constructor() {
        super();
        const [token, handle] = arguments;
        if (token === internal) {
            this.#handle = handle;
            return;
        }
        for (const track of initialTracks(token)) this.#tracks.add(track);
        this.#handle = checkHandle(peer.peer_stream_new());
        wrappers.add(this.#handle, this);
    }

    get id() {
        return peer.peer_stream_id(this.#handle);
    }

    get active() {
        return [...this.#tracks].some((track) => track.readyState === 'live');
    }

    getAudioTracks() {
        return [...this.#tracks].filter((track) => track.kind === 'audio');
    }

    getVideoTracks() {
        return [...this.#tracks].filter((track) => track.kind === 'video');
    }

    getTracks() {
        return [...this.#tracks];
    }

    getTrackById(trackId) {
        const id = DOMString(trackId, 'getTrackById: trackId');
        return [...this.#tracks].find((track) => track.id === id) ?? null;
    }

    addTrack(track) {
        this.#tracks.add(trackType(track, 'addTrack: track'));
    }

    removeTrack(track) {
        this.#tracks.delete(trackType(track, 'removeTrack: track'));
    }

    clone() {
        return new MediaStream([...this.#tracks].map((track) => track.clone()));
    }

    static {
        isStream = (value) => typeof value === 'object' && value !== null && #handle in value;
        streamHandle = (stream) => stream.#handle;
        told = {
            initial(stream, track) {
                stream.#tracks.add(track);
            },
            added(stream, track) {
                if (stream.#tracks.has(track)) return;
                stream.#tracks.add(track);
                fire(stream, new MediaStreamTrackEvent('addtrack', { track }));
            },
            removed(stream, track) {
                if (stream.#tracks.delete(track)) fire(stream, new MediaStreamTrackEvent('removetrack', { track }));
            },
        };
    }
}
defineInterface(MediaStream, { is: isStream, handlers: ['onaddtrack', 'onremovetrack'] });

/* ---- streams of the peer's ---- */

function postTo(user, trackHandle, task) {
    const stream = routeTo(user);
    if (!stream) return;
    const track = wrapTrack(peer.peer_track_ref(trackHandle));
    post(null, () => task(stream, track), true);
}

const events = {
    on_add_track: callback('void peer_node_on_add_track(handle stream, handle track, handle user)', (_, track, user) =>
        postTo(user, track, told.added),
    ),
    on_remove_track: callback('void peer_node_on_remove_track(handle stream, handle track, handle user)', (_, track, user) =>
        postTo(user, track, told.removed),
    ),
};
const routesGone = new FinalizationRegistry(removeRoute);

const wrappers = new Wrappers((handle) => peer.peer_stream_unref(handle), (handle) => {
    const stream = new MediaStream(internal, handle);
    for (let index = 0; index < Number(peer.peer_stream_track_count(handle)); index++) {
        told.initial(stream, wrapTrack(peer.peer_track_ref(peer.peer_stream_track(handle, index))));
    }
    const route = addRoute(stream);
    routesGone.register(stream, route);
    peer.peer_stream_set_events(handle, makeEvents(events), route);
    return stream;
});

/** The object of a stream of the peer's, whose reference passes to it; the same one for the same handle. */
export function wrapStream(handle) {
    return wrappers.adopt(handle);
}
