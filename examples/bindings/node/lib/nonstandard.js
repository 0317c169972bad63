/* Raw media in and out of tracks, for programs without a DOM: what the `nonstandard` interfaces of other WebRTC packages for Node do.
 * Pictures are { width, height, data } with I420 bytes, sound is { samples, sampleRate, channelCount } with interleaved 16-bit samples. */
import { check } from './dom_exception.js';
import { fire } from './events.js';
import { addRoute, loop, post, removeRoute, routeTo } from './loop.js';
import { isTrack, makeSink, makeTrack, setTrackSource, trackHandle } from './media_stream_track.js';
import { callback, declare, koffi, struct } from './native.js';
import { defineInterface, interfaceType } from './webidl.js';

const AUDIO = 0;
const VIDEO = 1;
const I420 = 0;
const S16 = 0;
const makeVideoBuffer = struct('peer_video_buffer_t', {
    format: 'int32_t',
    width: 'uint32_t',
    height: 'uint32_t',
    rotation: 'int32_t',
    timestamp_us: 'int64_t',
    planes: koffi.array('void *', 3),
    strides: koffi.array('uint32_t', 3),
});
const makeAudioBuffer = struct('peer_audio_buffer_t', {
    format: 'int32_t',
    sample_rate: 'uint32_t',
    channels: 'uint32_t',
    samples_per_channel: 'uint32_t',
    timestamp_us: 'int64_t',
    data: 'void *',
});
const peer = declare(`
    int peer_track_new(int32_t kind, str label, _Out_ handle *track)
    int peer_track_write_video(handle track, handle frame)
    int peer_track_write_audio(handle track, handle frame)
    int peer_track_add_sink(handle track, const peer_track_sink_t *sink, handle user)
    void peer_track_remove_sink(handle track, handle user)
    int peer_video_frame_new_copy(const peer_video_buffer_t *buffer, _Out_ handle *frame)
    void peer_video_frame_unref(handle frame)
    int peer_video_frame_convert(handle frame, int32_t format, _Out_ handle *converted)
    uint32_t peer_video_frame_width(handle frame)
    uint32_t peer_video_frame_height(handle frame)
    int32_t peer_video_frame_rotation(handle frame)
    int64_t peer_video_frame_timestamp_us(handle frame)
    void *peer_video_frame_plane(handle frame, uint32_t plane)
    uint32_t peer_video_frame_stride(handle frame, uint32_t plane)
    int peer_audio_frame_new_copy(const peer_audio_buffer_t *buffer, _Out_ handle *frame)
    void peer_audio_frame_unref(handle frame)
    int peer_audio_frame_convert(handle frame, int32_t format, _Out_ handle *converted)
    uint32_t peer_audio_frame_sample_rate(handle frame)
    uint32_t peer_audio_frame_channels(handle frame)
    uint32_t peer_audio_frame_samples_per_channel(handle frame)
    int64_t peer_audio_frame_timestamp_us(handle frame)
    void *peer_audio_frame_data(handle frame)
`);
const trackType = interfaceType('MediaStreamTrack', isTrack);

function now() {
    return process.hrtime.bigint() / 1000n;
}

function chroma(side) {
    return (side + 1) >> 1;
}

/* ---- in ---- */

class Source {
    #kind;
    #tracks = [];
    #settings = {};

    constructor(kind) {
        this.#kind = kind;
    }

    createTrack() {
        const result = [0];
        check(peer.peer_track_new(this.#kind, '', result));
        const track = makeTrack(result[0]);
        this.#tracks.push(track);
        setTrackSource(track, { capabilities: () => ({}), settings: () => ({ ...this.#settings }), configure: () => {} }, {});
        return track;
    }

    write(settings, frame, write) {
        this.#settings = settings;
        for (const track of this.#tracks) write(trackHandle(track), frame);
    }
}

/** Makes video tracks whose pictures the program gives. */
export class RTCVideoSource {
    #source = new Source(VIDEO);

    createTrack() {
        return this.#source.createTrack();
    }

    /** Gives the next picture: { width, height, data, rotation = 0 }, where data are the bytes of Y, U and V (I420). */
    onFrame(frame) {
        const { width, height, data, rotation = 0 } = frame;
        const luma = width * height;
        const quarter = chroma(width) * chroma(height);
        if (!ArrayBuffer.isView(data) || data.byteLength !== luma + 2 * quarter) {
            throw new TypeError(`onFrame: a picture of ${width} × ${height} has ${luma + 2 * quarter} bytes of I420`);
        }
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        const result = [0];
        const buffer = makeVideoBuffer({
            format: I420,
            width,
            height,
            rotation,
            timestamp_us: now(),
            planes: [bytes, bytes.subarray(luma), bytes.subarray(luma + quarter)],
        });
        check(peer.peer_video_frame_new_copy(buffer, result));
        this.#source.write({ width, height, aspectRatio: width / height }, result[0], peer.peer_track_write_video);
        peer.peer_video_frame_unref(result[0]);
    }
}
defineInterface(RTCVideoSource);

/** Makes audio tracks whose sound the program gives. */
export class RTCAudioSource {
    #source = new Source(AUDIO);

    createTrack() {
        return this.#source.createTrack();
    }

    /** Gives the next stretch of sound, usually 10 ms: { samples, sampleRate, channelCount = 1 }. */
    onData(data) {
        const { samples, sampleRate, channelCount = 1 } = data;
        if (!(samples instanceof Int16Array) || samples.length % channelCount !== 0) {
            throw new TypeError('onData: samples is not an Int16Array with as many samples for each channel');
        }
        const result = [0];
        const buffer = makeAudioBuffer({
            format: S16,
            sample_rate: sampleRate,
            channels: channelCount,
            samples_per_channel: samples.length / channelCount,
            timestamp_us: now(),
            data: samples,
        });
        check(peer.peer_audio_frame_new_copy(buffer, result));
        this.#source.write({ sampleRate, channelCount, sampleSize: 16 }, result[0], peer.peer_track_write_audio);
        peer.peer_audio_frame_unref(result[0]);
    }
}
defineInterface(RTCAudioSource);

/* ---- out ---- */

const running = new Set(); // sinks that get media although nobody holds them

class Sink extends EventTarget {
    #track;
    #route;

    constructor(track, native) {
        super();
        this.#track = track;
        this.#route = addRoute(this);
        running.add(this);
        check(peer.peer_track_add_sink(trackHandle(track), makeSink({ ...native, loop: loop() }), this.#route));
    }

    get stopped() {
        return !running.has(this);
    }

    /** No more media come. */
    stop() {
        if (!running.delete(this)) return;
        removeRoute(this.#route);
        peer.peer_track_remove_sink(trackHandle(this.#track), this.#route);
    }
}

function postFrame(user, type, members) {
    const sink = routeTo(user);
    if (!sink) return;
    post(null, () => {
        if (!sink.stopped) fire(sink, Object.assign(new Event(type), members));
    });
}

/* Copies a plane without the gaps between its rows. */
function copyPlane(frame, plane, target, width, height) {
    const stride = peer.peer_video_frame_stride(frame, plane);
    const rows = new Uint8Array(koffi.view(peer.peer_video_frame_plane(frame, plane), stride * (height - 1) + width));
    for (let row = 0; row < height; row++) target.set(rows.subarray(row * stride, row * stride + width), row * width);
}

function readPicture(frame) {
    const width = peer.peer_video_frame_width(frame);
    const height = peer.peer_video_frame_height(frame);
    const luma = width * height;
    const quarter = chroma(width) * chroma(height);
    const data = new Uint8ClampedArray(luma + 2 * quarter);
    copyPlane(frame, 0, data, width, height);
    copyPlane(frame, 1, data.subarray(luma), chroma(width), chroma(height));
    copyPlane(frame, 2, data.subarray(luma + quarter), chroma(width), chroma(height));
    return {
        width,
        height,
        data,
        rotation: peer.peer_video_frame_rotation(frame),
        timestamp: Number(peer.peer_video_frame_timestamp_us(frame)),
    };
}

const onVideoFrame = callback('void peer_node_on_video_frame(handle track, handle frame, handle user)', (_, frame, user) => {
    const converted = [0];
    if (!routeTo(user) || peer.peer_video_frame_convert(frame, I420, converted) < 0) return;
    postFrame(user, 'frame', { frame: readPicture(converted[0]) });
    peer.peer_video_frame_unref(converted[0]);
});

const onAudioFrame = callback('void peer_node_on_audio_frame(handle track, handle frame, handle user)', (_, frame, user) => {
    const converted = [0];
    if (!routeTo(user) || peer.peer_audio_frame_convert(frame, S16, converted) < 0) return;
    const channelCount = peer.peer_audio_frame_channels(converted[0]);
    const numberOfFrames = peer.peer_audio_frame_samples_per_channel(converted[0]);
    const bytes = koffi.view(peer.peer_audio_frame_data(converted[0]), 2 * channelCount * numberOfFrames);
    postFrame(user, 'data', {
        samples: new Int16Array(bytes.slice(0)),
        sampleRate: peer.peer_audio_frame_sample_rate(converted[0]),
        bitsPerSample: 16,
        channelCount,
        numberOfFrames,
        timestamp: Number(peer.peer_audio_frame_timestamp_us(converted[0])),
    });
    peer.peer_audio_frame_unref(converted[0]);
});

const onTone = callback('void peer_node_on_tone(handle track, str tone, int32_t duration_ms, handle user)', (_, tone, duration, user) =>
    postFrame(user, 'tone', { tone, duration }),
);

/** Gets the pictures of a video track, decoded if it is a remote one: `frame` events with { width, height, data, rotation, timestamp } as their frame. */
export class RTCVideoSink extends Sink {
    constructor(track) {
        if (trackType(track, 'RTCVideoSink: track').kind !== 'video') throw new TypeError('RTCVideoSink: the track is not a video track');
        super(track, { on_video_frame: onVideoFrame });
    }
}
defineInterface(RTCVideoSink, { is: (value) => value instanceof RTCVideoSink, handlers: ['onframe'] });

/**
 * Gets the sound of an audio track: `data` events with samples, sampleRate, bitsPerSample, channelCount, numberOfFrames and timestamp. DTMF tones
 * that the peer sends in its place come as `tone` events with the tone and its duration in milliseconds.
 */
export class RTCAudioSink extends Sink {
    constructor(track) {
        if (trackType(track, 'RTCAudioSink: track').kind !== 'audio') throw new TypeError('RTCAudioSink: the track is not an audio track');
        super(track, { on_audio_frame: onAudioFrame, on_tone: onTone });
    }
}
defineInterface(RTCAudioSink, { is: (value) => value instanceof RTCAudioSink, handlers: ['ondata', 'ontone'] });
