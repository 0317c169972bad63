/* RTCRtpTransceiver (W3C WebRTC §5.4). */
import { Wrappers, declare } from './native.js';
import { check } from './dom_exception.js';
import { invalidState, updateNegotiationNeeded } from './operations.js';
import { wrapReceiver } from './receiver.js';
import {
    RTCRtpCodec,
    RTCRtpHeaderExtensionCapability,
    RTCRtpTransceiverDirection,
    directions,
    readExtensions,
    writeCodec,
    writeExtension,
} from './rtp_parameters.js';
import { wrapSender } from './sender.js';
import { defineInterface, illegalUnless, internal, sequence } from './webidl.js';

const peer = declare(`
    void peer_transceiver_unref(handle transceiver)
    str peer_transceiver_mid(handle transceiver)
    int32_t peer_transceiver_direction(handle transceiver)
    int32_t peer_transceiver_current_direction(handle transceiver)
    int peer_transceiver_set_direction(handle transceiver, int32_t direction)
    int peer_transceiver_stop(handle transceiver)
    handle peer_transceiver_sender(handle transceiver)
    handle peer_transceiver_receiver(handle transceiver)
    int peer_transceiver_set_codec_preferences(handle transceiver, peer_rtp_codec_t *codecs, size_t count)
    size_t peer_transceiver_get_header_extensions_to_negotiate(handle transceiver, void *extensions, size_t capacity)
    int peer_transceiver_set_header_extensions_to_negotiate(handle transceiver, peer_rtp_header_extension_t *extensions, size_t count)
    size_t peer_transceiver_get_negotiated_header_extensions(handle transceiver, void *extensions, size_t capacity)
`);

export { RTCRtpTransceiverDirection };
export const directionIndex = (direction) => directions.indexOf(direction);

export let isTransceiver;
export let transceiverHandle;

export class RTCRtpTransceiver {
    #handle;
    #state;
    #sender;
    #receiver;

    constructor() {
        illegalUnless(arguments[0]);
        [, this.#handle, this.#state] = arguments;
        this.#sender = wrapSender(peer.peer_transceiver_sender(this.#handle), this.#state, this.#handle);
        this.#receiver = wrapReceiver(peer.peer_transceiver_receiver(this.#handle), this.#state);
    }

    get mid() {
        return peer.peer_transceiver_mid(this.#handle);
    }

    get sender() {
        return this.#sender;
    }

    get receiver() {
        return this.#receiver;
    }

    get direction() {
        return directions[peer.peer_transceiver_direction(this.#handle)];
    }

    set direction(value) {
        const handle = this.#handle;
        const index = directions.indexOf(String(value));
        if (index < 0) return; // Web IDL: what is no value of the enumeration is ignored
        if (this.direction === 'stopped') throw invalidState('The transceiver is stopping or stopped');
        if (index === peer.peer_transceiver_direction(handle)) return;
        check(peer.peer_transceiver_set_direction(handle, index));
        updateNegotiationNeeded(this.#state);
    }

    /** Not in W3C's text any more, but in browsers. */
    get stopped() {
        return this.currentDirection === 'stopped';
    }

    get currentDirection() {
        return directions[peer.peer_transceiver_current_direction(this.#handle)] ?? null;
    }

    stop() {
        if (this.#state.isClosed) throw invalidState('The connection is closed');
        if (this.direction === 'stopped') return;
        check(peer.peer_transceiver_stop(this.#handle));
        updateNegotiationNeeded(this.#state);
    }

    setCodecPreferences(codecs) {
        const list = sequence(RTCRtpCodec)(codecs, 'setCodecPreferences: codecs');
        check(peer.peer_transceiver_set_codec_preferences(this.#handle, list.map(writeCodec), list.length));
    }

    getHeaderExtensionsToNegotiate() {
        return readExtensions(peer.peer_transceiver_get_header_extensions_to_negotiate, this.#handle);
    }

    setHeaderExtensionsToNegotiate(extensions) {
        const list = sequence(RTCRtpHeaderExtensionCapability)(extensions, 'setHeaderExtensionsToNegotiate: extensions');
        check(peer.peer_transceiver_set_header_extensions_to_negotiate(this.#handle, list.map(writeExtension), list.length));
    }

    getNegotiatedHeaderExtensions() {
        return readExtensions(peer.peer_transceiver_get_negotiated_header_extensions, this.#handle);
    }

    static {
        isTransceiver = (object) => typeof object === 'object' && object !== null && #handle in object;
        transceiverHandle = (transceiver) => transceiver.#handle;
    }
}
defineInterface(RTCRtpTransceiver);

const wrappers = new Wrappers(
    (handle) => peer.peer_transceiver_unref(handle),
    (handle, state) => new RTCRtpTransceiver(internal, handle, state),
);

/** The object of a handle, whose reference passes to it. */
export function wrapTransceiver(handle, state) {
    return wrappers.adopt(handle, state);
}
