/* RTCDTMFSender (W3C WebRTC §7). */
import { check } from './dom_exception.js';
import { RTCDTMFToneChangeEvent } from './dtmf_tone_change_event.js';
import { fire } from './events.js';
import { addRoute, post, routeTo } from './loop.js';
import { Wrappers, callback, declare, struct } from './native.js';
import { DOMString, defineInterface, illegalUnless, internal, unsignedLong } from './webidl.js';

const INT32_MAX = 2 ** 31 - 1;
const makeEvents = struct('peer_dtmf_sender_events_t', { on_tone_change: 'void *' });
const peer = declare(`
    void peer_dtmf_sender_unref(handle dtmf)
    int peer_dtmf_sender_set_events(handle dtmf, const peer_dtmf_sender_events_t *events, handle user)
    int peer_dtmf_sender_insert_dtmf(handle dtmf, str tones, int32_t duration_ms, int32_t inter_tone_gap_ms)
    int32_t peer_dtmf_sender_can_insert_dtmf(handle dtmf)
    owned_string peer_dtmf_sender_tone_buffer(handle dtmf)
`);

export class RTCDTMFSender extends EventTarget {
    #handle;

    constructor(token, handle) {
        illegalUnless(token);
        super();
        this.#handle = handle;
    }

    insertDTMF(tones, duration = 100, interToneGap = 70) {
        const text = DOMString(tones, 'insertDTMF: tones');
        const durationMs = Math.min(unsignedLong(duration, 'insertDTMF: duration'), INT32_MAX); // clamped to 6,000 anyway
        const gapMs = Math.min(unsignedLong(interToneGap, 'insertDTMF: interToneGap'), INT32_MAX);
        check(peer.peer_dtmf_sender_insert_dtmf(this.#handle, text, durationMs, gapMs));
    }

    get canInsertDTMF() {
        return peer.peer_dtmf_sender_can_insert_dtmf(this.#handle) !== 0;
    }

    get toneBuffer() {
        return peer.peer_dtmf_sender_tone_buffer(this.#handle);
    }
}
defineInterface(RTCDTMFSender, { is: (value) => value instanceof RTCDTMFSender, handlers: ['ontonechange'] });
Object.defineProperty(RTCDTMFSender, 'length', { value: 0, configurable: true });

const onToneChange = callback('void peer_node_on_tone_change(handle dtmf, str tone, handle user)', (_, tone, user) => {
    const sender = routeTo(user);
    if (sender) post(null, () => fire(sender, new RTCDTMFToneChangeEvent('tonechange', { tone })));
});

const wrappers = new Wrappers((handle) => peer.peer_dtmf_sender_unref(handle), (handle) => {
    const sender = new RTCDTMFSender(internal, handle);
    peer.peer_dtmf_sender_set_events(handle, makeEvents({ on_tone_change: onToneChange }), addRoute(sender));
    return sender;
});

/** The object of a handle, whose reference passes to it; null for 0. */
export function wrapDtmfSender(handle) {
    return wrappers.adopt(handle);
}
