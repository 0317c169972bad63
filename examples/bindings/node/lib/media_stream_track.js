/* MediaStreamTrack (W3C Media Capture and Streams §4.3). */
import { check } from './dom_exception.js';
import { fireNamed } from './events.js';
import { addRoute, loop, post, queueTask, removeRoute, routeTo } from './loop.js';
import { MediaTrackConstraints, plainConstraints } from './constraints.js';
import { Wrappers, callback, declare, struct } from './native.js';
import { boolean, defineInterface, illegalUnless, internal } from './webidl.js';

const kinds = ['audio', 'video']; // as peer_media_kind_t numbers them
const ENDED = 1;
export const makeSink = struct('peer_track_sink_t', {
    on_video_frame: 'void *',
    on_audio_frame: 'void *',
    on_encoded_frame: 'void *',
    on_rtp: 'void *',
    on_mute: 'void *',
    on_unmute: 'void *',
    on_ended: 'void *',
    on_key_frame_request: 'void *',
    on_stream_rtp: 'void *',
    on_stream_key_frame_request: 'void *',
    on_tone: 'void *',
    loop: 'handle',
});
const peer = declare(`
    void peer_track_unref(handle track)
    int32_t peer_track_kind(handle track)
    str peer_track_id(handle track)
    str peer_track_label(handle track)
    int32_t peer_track_enabled(handle track)
    void peer_track_set_enabled(handle track, int32_t enabled)
    int32_t peer_track_muted(handle track)
    int32_t peer_track_ready_state(handle track)
    void peer_track_stop(handle track)
    int peer_track_clone(handle track, _Out_ handle *clone)
    int peer_track_add_sink(handle track, const peer_track_sink_t *sink, handle user)
`);

/** What a track without a device behind it can do, and is. */
const noSource = {
    capabilities: () => ({}),
    settings: () => ({}),
    configure: () => {},
};

/** The handle of a track, borrowed. */
export let trackHandle;
/** Whether a value is a MediaStreamTrack. */
export let isTrack;
/** Its source: what getCapabilities(), getSettings() and applyConstraints() ask. */
export let setTrackSource;
let told;

export class MediaStreamTrack extends EventTarget {
    #handle;
    #isRemote;
    #isEnded; // scripts know it
    #isMuted;
    #source = noSource;
    #constraints = {};

    constructor(token, handle, isRemote) {
        illegalUnless(token);
        super();
        this.#handle = handle;
        this.#isRemote = isRemote;
        this.#isEnded = peer.peer_track_ready_state(handle) === ENDED;
        this.#isMuted = peer.peer_track_muted(handle) !== 0;
    }

    get kind() {
        return kinds[peer.peer_track_kind(this.#handle)];
    }

    get id() {
        return peer.peer_track_id(this.#handle);
    }

    get label() {
        return peer.peer_track_label(this.#handle);
    }

    get enabled() {
        return peer.peer_track_enabled(this.#handle) !== 0;
    }

    set enabled(value) {
        peer.peer_track_set_enabled(this.#handle, boolean(value) ? 1 : 0);
    }

    get muted() {
        return this.#isMuted;
    }

    /* When the connection is closed its tracks have ended, and no event tells it. */
    get readyState() {
        return peer.peer_track_ready_state(this.#handle) === ENDED ? 'ended' : 'live';
    }

    clone() {
        const result = [0];
        check(peer.peer_track_clone(this.#handle, result));
        const clone = makeTrack(result[0], this.#isRemote);
        clone.#isEnded = this.#isEnded;
        clone.#isMuted = this.#isMuted;
        clone.#source = this.#source;
        clone.#constraints = this.#constraints;
        return clone;
    }

    stop() {
        if (this.#isEnded) return;
        this.#isEnded = true;
        peer.peer_track_stop(this.#handle);
    }

    getCapabilities() {
        return this.#source.capabilities();
    }

    getConstraints() {
        return plainConstraints(this.#constraints);
    }

    getSettings() {
        return this.#source.settings();
    }

    applyConstraints(constraints = {}) {
        const wanted = MediaTrackConstraints(constraints, 'applyConstraints: constraints');
        return new Promise((resolve, reject) => {
            queueTask(() => {
                try {
                    if (this.readyState === 'live') this.#source.configure(wanted, this);
                    this.#constraints = wanted;
                    resolve();
                } catch (error) {
                    reject(error);
                }
            });
        });
    }

    static {
        isTrack = (value) => typeof value === 'object' && value !== null && #handle in value;
        trackHandle = (track) => track.#handle;
        setTrackSource = (track, source, constraints) => {
            track.#source = source;
            track.#constraints = constraints;
        };
        told = {
            muted(track, isMuted) {
                if (track.#isEnded || track.#isMuted === isMuted) return;
                track.#isMuted = isMuted;
                fireNamed(track, isMuted ? 'mute' : 'unmute');
            },
            ended(track) {
                if (track.#isEnded) return;
                track.#isEnded = true;
                fireNamed(track, 'ended');
            },
        };
    }
}
defineInterface(MediaStreamTrack, { is: isTrack, handlers: ['onmute', 'onunmute', 'onended'], promises: ['applyConstraints'] });
Object.defineProperty(MediaStreamTrack, 'length', { value: 0, configurable: true });

function postTo(user, task) {
    const track = routeTo(user);
    if (track) post(null, () => task(track), true);
}

const sink = {
    on_mute: callback('void peer_node_on_mute(handle track, handle user)', (_, user) => postTo(user, (track) => told.muted(track, true))),
    on_unmute: callback('void peer_node_on_unmute(handle track, handle user)', (_, user) => postTo(user, (track) => told.muted(track, false))),
    on_ended: callback('void peer_node_on_ended(handle track, handle user)', (_, user) => postTo(user, told.ended)),
};

const routesGone = new FinalizationRegistry(removeRoute);
const wrappers = new Wrappers((handle) => peer.peer_track_unref(handle), (handle) => makeObject(handle, true));

function makeObject(handle, isRemote) {
    const track = new MediaStreamTrack(internal, handle, isRemote);
    const route = addRoute(track);
    routesGone.register(track, route);
    check(peer.peer_track_add_sink(handle, makeSink({ ...sink, loop: loop() }), route));
    return track;
}

/** The object of a track of a connection's, whose reference passes to it; the same one for the same handle. */
export function wrapTrack(handle) {
    return wrappers.adopt(handle);
}

/** The object of a new track, whose reference passes to it. */
export function makeTrack(handle, isRemote = false) {
    return wrappers.add(handle, makeObject(handle, isRemote));
}
