/* RTCDataChannel (W3C WebRTC §6.2). What scripts see changes in tasks only: the library's events queue them. */
import { check } from './dom_exception.js';
import { RTCError, errorAt } from './error.js';
import { RTCErrorEvent } from './error_event.js';
import { fire, fireNamed } from './events.js';
import { addRoute, post, removeRoute, routeTo } from './loop.js';
import { callback, declare, koffi, struct } from './native.js';
import { USVString, boolean, defineInterface, dictionary, enumeration, illegalUnless, internal, unsignedLong, unsignedShort } from './webidl.js';

const CLOSED = 3;
const priorities = ['', 'very-low', 'low', 'medium', 'high']; // as peer_priority_t numbers them
const RTCPriorityType = enumeration('RTCPriorityType', priorities.slice(1));

export const RTCDataChannelInit = dictionary('RTCDataChannelInit', {
    id: { type: unsignedShort.enforceRange, default: null },
    maxPacketLifeTime: { type: unsignedShort.enforceRange, default: null },
    maxRetransmits: { type: unsignedShort.enforceRange, default: null },
    negotiated: { type: boolean, default: false },
    ordered: { type: boolean, default: true },
    priority: { type: RTCPriorityType, default: 'low' },
    protocol: { type: USVString, default: '' },
});

const makeInit = struct('peer_data_channel_init_t', {
    ordered: 'int32_t',
    max_packet_life_time: 'int32_t',
    max_retransmits: 'int32_t',
    protocol: 'str',
    negotiated: 'int32_t',
    id: 'int32_t',
    priority: 'int32_t',
    in_description: 'int32_t',
});
koffi.struct('peer_data_channel_events_t', {
    on_open: 'void *',
    on_message: 'void *',
    on_buffered_amount_low: 'void *',
    on_closing: 'void *',
    on_error: 'void *',
    on_close: 'void *',
    on_message_part: 'void *',
    reserved: koffi.array('void *', 3),
});

const peer = declare(`
    int peer_connection_create_data_channel(handle pc, str label, const peer_data_channel_init_t *init, const peer_data_channel_events_t *events, handle user, _Out_ handle *channel)
    void peer_data_channel_unref(handle channel)
    void peer_data_channel_set_events(handle channel, const peer_data_channel_events_t *events, handle user)
    str peer_data_channel_label(handle channel)
    str peer_data_channel_protocol(handle channel)
    int32_t peer_data_channel_ordered(handle channel)
    int32_t peer_data_channel_max_packet_life_time(handle channel)
    int32_t peer_data_channel_max_retransmits(handle channel)
    int32_t peer_data_channel_negotiated(handle channel)
    int32_t peer_data_channel_priority(handle channel)
    int32_t peer_data_channel_id(handle channel)
    int32_t peer_data_channel_ready_state(handle channel)
    uint64_t peer_data_channel_buffered_amount(handle channel)
    void peer_data_channel_set_buffered_amount_low_threshold(handle channel, uint64_t bytes)
    int peer_data_channel_send(handle channel, const void *data, size_t length, int32_t is_text)
    void peer_data_channel_close(handle channel)
`);
const released = new FinalizationRegistry(({ handle, route }) => {
    removeRoute(route);
    peer.peer_data_channel_unref(handle);
});

/* Channels that something may still happen to, by connection: they stay although nobody holds them. */
const channelsOf = new WeakMap();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const absent = (value) => (value < 0 ? null : value);

/** Whether a value is an RTCDataChannel. */
export let isDataChannel;
/** The events of the library, as methods of nobody's: functions of a channel. */
let on;

export class RTCDataChannel extends EventTarget {
    #handle;
    #connection;
    #readyState;
    #binaryType = 'arraybuffer';
    #lowThreshold = 0;
    #waiting = []; // messages behind a Blob that is still being read
    #waitingBytes = 0;
    #isReading = false;

    constructor(token, handle, connection, readyState) {
        illegalUnless(token);
        super();
        this.#handle = handle;
        this.#connection = connection;
        this.#readyState = readyState;
        let channels = channelsOf.get(connection);
        if (!channels) channelsOf.set(connection, (channels = new Set()));
        channels.add(this);
    }

    get label() {
        return peer.peer_data_channel_label(this.#handle);
    }

    get ordered() {
        return peer.peer_data_channel_ordered(this.#handle) !== 0;
    }

    get maxPacketLifeTime() {
        return absent(peer.peer_data_channel_max_packet_life_time(this.#handle));
    }

    get maxRetransmits() {
        return absent(peer.peer_data_channel_max_retransmits(this.#handle));
    }

    get protocol() {
        return peer.peer_data_channel_protocol(this.#handle);
    }

    get negotiated() {
        return peer.peer_data_channel_negotiated(this.#handle) !== 0;
    }

    get id() {
        return absent(peer.peer_data_channel_id(this.#handle));
    }

    /* W3C webrtc-priority */
    get priority() {
        return priorities[peer.peer_data_channel_priority(this.#handle)];
    }

    /* When the connection is closed its channels are, and no event tells it (§4.4.2 close). */
    get readyState() {
        return peer.peer_data_channel_ready_state(this.#handle) === CLOSED ? 'closed' : this.#readyState;
    }

    /* The library's amount falls in its dispatch only, so never within a task. */
    get bufferedAmount() {
        return Number(peer.peer_data_channel_buffered_amount(this.#handle)) + this.#waitingBytes;
    }

    get bufferedAmountLowThreshold() {
        return this.#lowThreshold;
    }

    set bufferedAmountLowThreshold(value) {
        const threshold = unsignedLong.enforceRange(value, 'RTCDataChannel.bufferedAmountLowThreshold');
        peer.peer_data_channel_set_buffered_amount_low_threshold(this.#handle, threshold);
        this.#lowThreshold = threshold;
    }

    get binaryType() {
        return this.#binaryType;
    }

    set binaryType(value) {
        const type = `${value}`;
        if (!(#handle in this)) throw new TypeError('Illegal invocation');
        if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type; // another value is ignored, as Web IDL says of enumerations
    }

    send(data) {
        if (!(#handle in this)) throw new TypeError('Illegal invocation');
        let bytes;
        let isText = 0;
        if (data instanceof Blob) bytes = data;
        else if (ArrayBuffer.isView(data)) bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        else if (data instanceof ArrayBuffer || Object.prototype.toString.call(data) === '[object ArrayBuffer]') bytes = new Uint8Array(data);
        else {
            bytes = Buffer.from(USVString(data, 'RTCDataChannel.send: data'));
            isText = 1;
        }
        if (this.readyState !== 'open') throw new DOMException(`The channel is ${this.readyState}`, 'InvalidStateError');
        if (bytes instanceof Blob || this.#isReading) this.#wait(bytes, isText);
        else this.#transmit(bytes, isText);
    }

    close() {
        if (this.#readyState === 'closing' || this.#readyState === 'closed') return;
        this.#readyState = 'closing';
        if (!this.#isReading) peer.peer_data_channel_close(this.#handle);
    }

    #transmit(bytes, isText) {
        check(peer.peer_data_channel_send(this.#handle, bytes, bytes.byteLength, isText));
    }

    /* A Blob is read in parallel; what was sent after it waits, so that the order stays. */
    #wait(bytes, isText) {
        const size = bytes instanceof Blob ? bytes.size : bytes.byteLength;
        const largest = this.#connection.sctp?.maxMessageSize ?? Infinity;
        if (size > largest) throw new TypeError(`A message of ${size} bytes is larger than ${largest}, what the peer takes`);
        const kept = bytes instanceof Blob || isText ? bytes : bytes.slice();
        this.#waiting.push({ bytes: kept, size, isText });
        this.#waitingBytes += size;
        if (!this.#isReading) this.#sendWaiting();
    }

    async #sendWaiting() {
        this.#isReading = true;
        while (this.#waiting.length > 0 && this.#readyState !== 'closed') {
            const { bytes, size, isText } = this.#waiting[0];
            const ready = bytes instanceof Blob ? new Uint8Array(await bytes.arrayBuffer()) : bytes;
            this.#waiting.shift();
            this.#waitingBytes -= size;
            try {
                this.#transmit(ready, isText);
            } catch (error) {
                post(null, () => fire(this, new RTCErrorEvent('error', { error: new RTCError({ errorDetail: 'sctp-failure' }, error.message) })));
                break;
            }
        }
        this.#isReading = false;
        if (this.#readyState === 'closing') peer.peer_data_channel_close(this.#handle);
    }

    #forget() {
        channelsOf.get(this.#connection)?.delete(this);
    }

    static {
        isDataChannel = (value) => typeof value === 'object' && value !== null && #handle in value;
        on = {
            open(channel) {
                if (channel.#readyState === 'closing' || channel.#readyState === 'closed') return;
                channel.#readyState = 'open';
                fireNamed(channel, 'open');
            },
            message(channel, bytes, isText) {
                if (channel.#readyState !== 'open') return;
                let data = bytes;
                if (isText) data = decoder.decode(bytes);
                else if (channel.#binaryType === 'blob') data = new Blob([bytes]);
                fire(channel, new MessageEvent('message', { data, origin: globalThis.location?.origin ?? '' }));
            },
            bufferedAmountLow(channel) {
                fireNamed(channel, 'bufferedamountlow');
            },
            closing(channel) {
                if (channel.#readyState === 'closing' || channel.#readyState === 'closed') return;
                channel.#readyState = 'closing';
                fireNamed(channel, 'closing');
            },
            error(channel, error) {
                channel.#readyState = 'closed';
                fire(channel, new RTCErrorEvent('error', { error }));
            },
            close(channel) {
                const isAbrupt = channel.#readyState === 'open' || channel.#readyState === 'connecting';
                channel.#readyState = 'closed';
                channel.#forget();
                if (isAbrupt) { // not this channel was closed, but all of the association
                    const error = new RTCError({ errorDetail: 'sctp-failure' }, 'The peer has closed the connection');
                    channel.dispatchEvent(new RTCErrorEvent('error', { error }));
                }
                fireNamed(channel, 'close');
            },
        };
    }
}
defineInterface(RTCDataChannel, {
    is: isDataChannel,
    handlers: ['onopen', 'onbufferedamountlow', 'onerror', 'onclosing', 'onclose', 'onmessage'],
});
Object.defineProperty(RTCDataChannel, 'length', { value: 0, configurable: true });

/* ---- the library's events ---- */

function postTo(user, task) {
    const channel = routeTo(user);
    if (channel) post(null, () => task(channel));
}

const empty = new ArrayBuffer(0);
const events = {
    on_open: callback('void peer_node_on_open(handle channel, handle user)', (_, user) => postTo(user, on.open)),
    on_message: callback(
        'void peer_node_on_message(handle channel, const void *data, size_t length, int32_t is_text, handle user)',
        (_, data, length, isText, user) => {
            const bytes = length > 0 ? koffi.view(data, Number(length)).slice(0) : empty.slice(0);
            postTo(user, (channel) => on.message(channel, bytes, isText));
        },
    ),
    on_buffered_amount_low: callback('void peer_node_on_buffered_amount_low(handle channel, handle user)', (_, user) =>
        postTo(user, on.bufferedAmountLow),
    ),
    on_closing: callback('void peer_node_on_closing(handle channel, handle user)', (_, user) => postTo(user, on.closing)),
    on_error: callback('void peer_node_on_channel_error(handle channel, const void *error, handle user)', (_, pointer, user) => {
        const error = errorAt(pointer);
        postTo(user, (channel) => on.error(channel, error));
    }),
    on_close: callback('void peer_node_on_close(handle channel, handle user)', (_, user) => postTo(user, on.close)),
    on_message_part: null,
    reserved: [null, null, null],
};

/* ---- for the connection ---- */

/** createDataChannel (W3C WebRTC §6.1) on a connection that is not closed; the arguments have been converted. */
export function createDataChannel(connectionHandle, connection, label, init) {
    if (init.negotiated && init.id === null) throw new TypeError('createDataChannel: a negotiated channel needs an id');
    if (init.maxPacketLifeTime !== null && init.maxRetransmits !== null) {
        throw new TypeError('createDataChannel: maxPacketLifeTime and maxRetransmits exclude each other');
    }
    const result = [0];
    check(
        peer.peer_connection_create_data_channel(
            connectionHandle,
            label,
            makeInit({
                ordered: init.ordered ? 1 : 0,
                max_packet_life_time: init.maxPacketLifeTime ?? -1,
                max_retransmits: init.maxRetransmits ?? -1,
                protocol: init.protocol,
                negotiated: init.negotiated ? 1 : 0,
                id: init.negotiated ? init.id : -1,
                priority: priorities.indexOf(init.priority),
            }),
            null,
            0,
            result,
        ),
    );
    return adopt(result[0], connection, 'connecting');
}

function adopt(handle, connection, readyState) {
    const channel = new RTCDataChannel(internal, handle, connection, readyState);
    const route = addRoute(channel);
    released.register(channel, { handle, route });
    peer.peer_data_channel_set_events(handle, events, route);
    return channel;
}

/**
 * The object of a channel that the peer opened, whose reference passes to it. It may be used at once (§6.2, announcing a channel instance); to be
 * called in the library's event, so that none of the channel's is missed.
 */
export function wrapDataChannel(handle, connection) {
    return adopt(handle, connection, 'open');
}
