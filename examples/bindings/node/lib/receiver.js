/* RTCRtpReceiver (W3C WebRTC §5.3). */
import { Wrappers, declare, koffi, struct } from './native.js';
import { check } from './dom_exception.js';
import { wrapDtlsTransport } from './dtls_transport.js';
import { queueTask } from './loop.js';
import { wrapTrack } from './media_stream_track.js';
import { readCapabilities, readParameters } from './rtp_parameters.js';
import { statsReport } from './stats_report.js';
import { DOMString, defineInterface, double, illegalUnless, internal, nullable } from './webidl.js';

const sourceStruct = koffi.struct('peer_rtp_source_t', {
    size: 'size_t',
    source: 'uint32_t',
    rtp_timestamp: 'uint32_t',
    timestamp_ms: 'double',
    has_audio_level: 'int32_t',
    audio_level: 'double',
    has_capture_timestamp: 'int32_t',
    capture_timestamp_ms: 'double',
    has_sender_capture_time_offset: 'int32_t',
    sender_capture_time_offset_ms: 'double',
});

const peer = declare(`
    void peer_receiver_unref(handle receiver)
    handle peer_receiver_track(handle receiver)
    handle peer_receiver_transport(handle receiver)
    int peer_receiver_get_parameters(handle receiver, _Out_ void **parameters)
    int peer_receiver_get_stats(handle receiver, _Out_ handle *report)
    size_t peer_receiver_get_contributing_sources(handle receiver, void *sources, size_t capacity)
    size_t peer_receiver_get_synchronization_sources(handle receiver, void *sources, size_t capacity)
    int peer_receiver_set_jitter_buffer_target(handle receiver, double target_ms)
    double peer_receiver_jitter_buffer_target(handle receiver)
`);

const MOST_SOURCES = 32; // more contributing sources than two packets can name

function readSources(get, handle) {
    const buffer = Buffer.alloc(koffi.sizeof(sourceStruct) * MOST_SOURCES);
    buffer.writeBigUInt64LE(BigInt(koffi.sizeof(sourceStruct))); // the first one's size, which is that of all
    const count = Math.min(Number(get(handle, buffer, MOST_SOURCES)), MOST_SOURCES);
    return koffi.decode(buffer, koffi.array(sourceStruct, MOST_SOURCES)).slice(0, count).map((source) => {
        const result = {};
        if (source.has_audio_level) result.audioLevel = source.audio_level;
        if (source.has_capture_timestamp) result.captureTimestamp = source.capture_timestamp_ms;
        result.rtpTimestamp = source.rtp_timestamp;
        if (source.has_sender_capture_time_offset) result.senderCaptureTimeOffset = source.sender_capture_time_offset_ms;
        result.source = source.source;
        result.timestamp = source.timestamp_ms - performance.timeOrigin;
        return result;
    });
}

export let isReceiver;
export let receiverHandle;

export class RTCRtpReceiver {
    #handle;
    #state;
    #track;
    #transport = null;

    constructor() {
        illegalUnless(arguments[0]);
        [, this.#handle, this.#state] = arguments;
        this.#track = wrapTrack(peer.peer_receiver_track(this.#handle));
    }

    get track() {
        return this.#track;
    }

    get transport() {
        return (this.#transport = wrapDtlsTransport(peer.peer_receiver_transport(this.#handle), this.#state.transport));
    }

    static getCapabilities(kind) {
        return readCapabilities(false, DOMString(kind, 'getCapabilities: kind'));
    }

    getParameters() {
        return readParameters(peer.peer_receiver_get_parameters, this.#handle, false);
    }

    getContributingSources() {
        return readSources(peer.peer_receiver_get_contributing_sources, this.#handle);
    }

    getSynchronizationSources() {
        return readSources(peer.peer_receiver_get_synchronization_sources, this.#handle);
    }

    getStats() {
        const handle = this.#handle;
        return new Promise((resolve, reject) => {
            queueTask(() => {
                const out = [0];
                try {
                    check(peer.peer_receiver_get_stats(handle, out));
                    resolve(statsReport(out[0]));
                } catch (error) {
                    reject(error);
                }
            });
        });
    }

    get jitterBufferTarget() {
        const target = peer.peer_receiver_jitter_buffer_target(this.#handle);
        return target < 0 ? null : target;
    }

    set jitterBufferTarget(value) {
        const handle = this.#handle;
        const target = nullable(double)(value, 'jitterBufferTarget');
        if (target !== null && target < 0) throw new RangeError('jitterBufferTarget is negative');
        check(peer.peer_receiver_set_jitter_buffer_target(handle, target ?? -1));
    }

    static {
        isReceiver = (object) => typeof object === 'object' && object !== null && #handle in object;
        receiverHandle = (receiver) => receiver.#handle;
    }
}
defineInterface(RTCRtpReceiver, { promises: ['getStats'] });

const wrappers = new Wrappers(
    (handle) => peer.peer_receiver_unref(handle),
    (handle, state) => new RTCRtpReceiver(internal, handle, state),
);

/** The object of a handle, whose reference passes to it. */
export function wrapReceiver(handle, state) {
    return wrappers.adopt(handle, state);
}
