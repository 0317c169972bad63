/* RTCRtpSender (W3C WebRTC §5.2). */
import { Wrappers, declare } from './native.js';
import { check } from './dom_exception.js';
import { wrapDtmfSender } from './dtmf_sender.js';
import { wrapDtlsTransport } from './dtls_transport.js';
import { queueTask } from './loop.js';
import { isStream, streamHandle } from './media_stream.js';
import { isTrack, trackHandle, wrapTrack } from './media_stream_track.js';
import { chain, inTask, invalidState, updateNegotiationNeeded } from './operations.js';
import { RTCRtpSendParameters, readCapabilities, readParameters, writeParameters } from './rtp_parameters.js';
import { statsReport } from './stats_report.js';
import { DOMString, defineInterface, dictionary, illegalUnless, interfaceType, internal, nullable } from './webidl.js';

const peer = declare(`
    void peer_sender_unref(handle sender)
    handle peer_sender_track(handle sender)
    handle peer_sender_transport(handle sender)
    handle peer_sender_dtmf(handle sender)
    int peer_sender_replace_track(handle sender, handle track)
    int peer_sender_set_streams(handle sender, handle *streams, size_t count)
    int peer_sender_get_parameters(handle sender, _Out_ void **parameters)
    int peer_sender_set_parameters(handle sender, peer_rtp_parameters_t *parameters)
    int peer_sender_get_stats(handle sender, _Out_ handle *report)
    int32_t peer_transceiver_direction(handle transceiver)
    int32_t peer_transceiver_kind(handle transceiver)
`);

const DIRECTION_STOPPED = 4;
const RTCSetParameterOptions = dictionary('RTCSetParameterOptions', {});
export const streamType = interfaceType('MediaStream', (value) => isStream(value));
const trackType = interfaceType('MediaStreamTrack', (value) => isTrack(value));

export let isSender;
export let senderHandle;
export let senderState;

export class RTCRtpSender {
    #handle;
    #state;
    #transceiver; // the transceiver's handle, which lives as long as the sender
    #track = null; // held, so that it stays the same object
    #transport = null;
    #dtmf = undefined;
    #lastReturned = null;

    constructor() {
        illegalUnless(arguments[0]);
        [, this.#handle, this.#state, this.#transceiver] = arguments;
    }

    get track() {
        return (this.#track = wrapTrack(peer.peer_sender_track(this.#handle)));
    }

    get transport() {
        return (this.#transport = wrapDtlsTransport(peer.peer_sender_transport(this.#handle), this.#state.transport));
    }

    get dtmf() {
        if (this.#dtmf === undefined) this.#dtmf = wrapDtmfSender(peer.peer_sender_dtmf(this.#handle), this.#state);
        return this.#dtmf;
    }

    static getCapabilities(kind) {
        return readCapabilities(true, DOMString(kind, 'getCapabilities: kind'));
    }

    setParameters(parameters, setParameterOptions = {}) {
        const dictionary = RTCRtpSendParameters(parameters, 'setParameters: parameters');
        RTCSetParameterOptions(setParameterOptions, 'setParameters: setParameterOptions');
        if (peer.peer_transceiver_direction(this.#transceiver) === DIRECTION_STOPPED) throw invalidState('The transceiver is stopping or stopped');
        if (this.#lastReturned === null) throw invalidState('getParameters() has not been called in this task');
        check(peer.peer_sender_set_parameters(this.#handle, writeParameters(dictionary)));
        return inTask(this.#state, () => {
            this.#lastReturned = null;
        });
    }

    /* W3C §5.2: the same parameters, with the same transactionId, until the task ends; browsers that are older than that text give a new one
     * each time. */
    getParameters() {
        if (this.#lastReturned === null) {
            const returned = (this.#lastReturned = readParameters(peer.peer_sender_get_parameters, this.#handle, true));
            queueTask(() => {
                if (this.#lastReturned === returned) this.#lastReturned = null;
            });
        }
        return structuredClone(this.#lastReturned);
    }

    replaceTrack(withTrack) {
        const track = nullable(trackType)(withTrack, 'replaceTrack: withTrack');
        if (track !== null && track.kind !== ['audio', 'video'][peer.peer_transceiver_kind(this.#transceiver)]) {
            throw new TypeError('replaceTrack: the track is of the other kind');
        }
        const handle = this.#handle;
        return chain(this.#state, () => {
            if (peer.peer_transceiver_direction(this.#transceiver) === DIRECTION_STOPPED) {
                return Promise.reject(invalidState('The transceiver is stopping or stopped'));
            }
            return inTask(this.#state, () => {
                check(peer.peer_sender_replace_track(handle, track === null ? 0 : trackHandle(track)));
                this.#track = track;
            });
        });
    }

    setStreams(...streams) {
        const handle = this.#handle;
        const list = streams.map((stream, index) => streamType(stream, `setStreams: argument ${index + 1}`));
        if (this.#state.isClosed) throw invalidState('The connection is closed');
        check(peer.peer_sender_set_streams(handle, list.map(streamHandle), list.length));
        updateNegotiationNeeded(this.#state);
    }

    getStats() {
        const handle = this.#handle;
        return new Promise((resolve, reject) => {
            queueTask(() => {
                const out = [0];
                try {
                    check(peer.peer_sender_get_stats(handle, out));
                    resolve(statsReport(out[0]));
                } catch (error) {
                    reject(error);
                }
            });
        });
    }

    static {
        isSender = (object) => typeof object === 'object' && object !== null && #handle in object;
        senderHandle = (sender) => sender.#handle;
        senderState = (sender) => sender.#state;
    }
}
defineInterface(RTCRtpSender, { promises: ['setParameters', 'replaceTrack', 'getStats'] });

const wrappers = new Wrappers(
    (handle) => peer.peer_sender_unref(handle),
    (handle, state, transceiver) => new RTCRtpSender(internal, handle, state, transceiver),
);

/** The object of a handle, whose reference passes to it. */
export function wrapSender(handle, state, transceiver) {
    return wrappers.adopt(handle, state, transceiver);
}
