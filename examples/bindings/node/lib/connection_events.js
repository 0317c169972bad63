/* From the library's callbacks to events: what a callback tells is read at once, and fired later, in a task. */
import { callback, declare, handlesAt, koffi } from './native.js';
import { wrapDataChannel } from './data_channel.js';
import { RTCDataChannelEvent } from './data_channel_event.js';
import { dtlsError, dtlsStateChanged } from './dtls_transport.js';
import { errorAt } from './error.js';
import { fire, fireNamed } from './events.js';
import { readCandidate } from './ice_candidate.js';
import { post, release, removeRoute, routeTo } from './loop.js';
import { wrapStream } from './media_stream.js';
import { updateNegotiationNeeded } from './operations.js';
import { RTCPeerConnectionIceErrorEvent } from './peer_connection_ice_error_event.js';
import { RTCPeerConnectionIceEvent } from './peer_connection_ice_event.js';
import { sctpStateChanged } from './sctp_transport.js';
import { RTCTrackEvent } from './track_event.js';
import { wrapTransceiver } from './transceiver.js';

const peer = declare(`
    handle peer_transceiver_ref(handle transceiver)
    handle peer_stream_ref(handle stream)
    handle peer_data_channel_ref(handle channel)
    str peer_ice_gathering_state_name(int32_t state)
    str peer_ice_connection_state_name(int32_t state)
    str peer_connection_state_name(int32_t state)
`);

const trackEventStruct = koffi.struct('peer_track_event_t', {
    receiver: 'handle',
    track: 'handle',
    streams: 'void *',
    stream_count: 'size_t',
    transceiver: 'handle',
});
const candidateErrorStruct = koffi.struct('peer_ice_candidate_error_t', {
    address: 'str',
    port: 'uint16_t',
    url: 'str',
    code: 'int32_t',
    text: 'str',
});

/** A callback of a connection: `read(state, …)` is given what the library gave, and returns the task to run, or nothing. */
function onEvent(parameters, read, isPartOfDescription = false) {
    const names = parameters === '' ? '' : `${parameters}, `;
    return callback(`void connection_event_${onEvent.count++}(handle pc, ${names}uintptr_t user)`, (pc, ...values) => {
        const state = routeTo(values.pop());
        if (!state || state.isClosed) return;
        const task = read(state, ...values);
        if (!task) return;
        post(
            state,
            () => {
                if (!state.isClosed) task();
            },
            isPartOfDescription,
        );
    });
}
onEvent.count = 0;

/* Changes of state, numbered as the library tells them. One of a transport is followed by those of the connection that come of it, and W3C has
 * all of them change in one task (§5.6.1, §5.5.1): so the first task lets the attributes of the others change too. */
const told = new WeakMap(); // state → { count, changes: number → [attribute, value] }

function changesOf(state) {
    if (!told.has(state)) told.set(state, { count: 0, changes: new Map() });
    return told.get(state);
}

const stateEvent = (attribute, nameOf, type) =>
    onEvent('int32_t value', (state, value) => {
        const record = changesOf(state);
        const number = ++record.count;
        record.changes.set(number, [attribute, nameOf(value)]);
        return () => {
            state[attribute] = nameOf(value);
            record.changes.delete(number);
            fireNamed(state.object, type);
        };
    });

/** The one DTLS transport of a connection, if it has one. */
function dtlsTransportOf(state) {
    if (state.sctp) return state.sctp.transport;
    for (const { sender, receiver } of state.transceivers) {
        const transport = sender.transport ?? receiver.transport;
        if (transport) return transport;
    }
    return null;
}

/** An event of the transport: `member` of what it shows changes, if that is given, and `fireAt(transport)` fires at the object, if there is one. */
const transportEvent = (parameters, member, fireAt) =>
    onEvent(parameters, (state, value) => {
        const record = changesOf(state);
        const number = ++record.count;
        return () => {
            for (let next = number + 1; record.changes.has(next); next++) {
                const [attribute, changed] = record.changes.get(next);
                state[attribute] = changed;
            }
            if (member) state.transport[member] = value;
            const transport = dtlsTransportOf(state);
            if (transport) fireAt(transport);
        };
    });

function trackEvent(state, pointer) {
    const event = koffi.decode(pointer, trackEventStruct);
    const transceiver = wrapTransceiver(peer.peer_transceiver_ref(event.transceiver), state);
    const streams = handlesAt(event.streams, Number(event.stream_count)).map((stream) => wrapStream(peer.peer_stream_ref(stream)));
    const { receiver } = transceiver;
    return () => fire(state.object, new RTCTrackEvent('track', { receiver, track: receiver.track, streams, transceiver }));
}

function candidateError(state, pointer) {
    const { address, port, url, code, text } = koffi.decode(pointer, candidateErrorStruct);
    const init = { address, port: address === null ? null : port, url: url ?? '', errorCode: code, errorText: text ?? '' };
    return () => fire(state.object, new RTCPeerConnectionIceErrorEvent('icecandidateerror', init));
}

const EVENT_COUNT = 18; // members of peer_connection_events_t, the reserved ones included

koffi.struct('peer_connection_events_t', { members: koffi.array('void *', EVENT_COUNT) });

const events = [
    onEvent('', (state) => updateNegotiationNeeded(state)),
    onEvent('handle candidate', (state, handle) => {
        const candidate = readCandidate(handle);
        return () => {
            state.readLocalDescriptions();
            fire(state.object, new RTCPeerConnectionIceEvent('icecandidate', { candidate, url: candidate?.url ?? null }));
        };
    }),
    onEvent('peer_ice_candidate_error_t *error', candidateError),
    onEvent('int32_t value', (state) => () => fireNamed(state.object, 'signalingstatechange'), true),
    stateEvent('iceConnectionState', (value) => peer.peer_ice_connection_state_name(value), 'iceconnectionstatechange'),
    stateEvent('iceGatheringState', (value) => peer.peer_ice_gathering_state_name(value), 'icegatheringstatechange'),
    stateEvent('connectionState', (value) => peer.peer_connection_state_name(value), 'connectionstatechange'),
    onEvent('peer_track_event_t *event', trackEvent, true),
    onEvent('handle channel', (state, handle) => {
        const channel = wrapDataChannel(peer.peer_data_channel_ref(handle), state);
        return () => fire(state.object, new RTCDataChannelEvent('datachannel', { channel }));
    }),
    callback('void connection_closed(handle pc, uintptr_t user)', (pc, user) => {
        const state = routeTo(user);
        removeRoute(user);
        if (state) release(state);
    }),
    onEvent('int32_t value', (state, value) => () => {
        if (state.sctp) sctpStateChanged(state.sctp, value);
    }),
    transportEvent('int32_t value', 'ice', ({ iceTransport }) => fireNamed(iceTransport, 'statechange')),
    transportEvent('int32_t value', 'gathering', ({ iceTransport }) => fireNamed(iceTransport, 'gatheringstatechange')),
    transportEvent('', null, ({ iceTransport }) => fireNamed(iceTransport, 'selectedcandidatepairchange')),
    transportEvent('int32_t value', 'dtls', dtlsStateChanged),
    onEvent('peer_rtc_error_t *error', (state, pointer) => {
        const error = errorAt(pointer);
        return () => {
            const transport = dtlsTransportOf(state);
            if (transport) dtlsError(transport, error);
        };
    }),
];
while (events.length < EVENT_COUNT) events.push(null);

/** The library's struct of a connection's events, for `peer_connection_events_t *`. */
export const connectionEvents = { members: events };
