/* RTCPeerConnection (W3C WebRTC §4.4). */
import { Wrappers, declare, struct } from './native.js';
import { generateCertificate } from './certificate.js';
import { RTCConfiguration, copyConfiguration, writeConfiguration } from './configuration.js';
import { connectionEvents } from './connection_events.js';
import { ConnectionState } from './connection_state.js';
import { RTCDataChannelInit, createDataChannel } from './data_channel.js';
import { addIceCandidate, createAnswer, createOffer, setLocalDescription, setRemoteDescription } from './descriptions.js';
import { check, checkHandle } from './dom_exception.js';
import { RTCIceCandidateInit } from './ice_candidate.js';
import { addRoute, keepAlive, queueTask } from './loop.js';
import { streamHandle } from './media_stream.js';
import { isTrack, trackHandle } from './media_stream_track.js';
import { chain, invalidState, updateNegotiationNeeded } from './operations.js';
import { RTCRtpEncodingParameters, writeEncoding } from './rtp_parameters.js';
import { isSender, senderHandle, senderState, streamType } from './sender.js';
import { SCTP_CLOSED, sctpStateChanged } from './sctp_transport.js';
import { RTCLocalSessionDescriptionInit, RTCSessionDescriptionInit } from './session_description.js';
import { statsReport } from './stats_report.js';
import { RTCRtpTransceiverDirection, directionIndex, wrapTransceiver } from './transceiver.js';
import { DOMString, USVString, boolean, callbackFunction, defineInterface, dictionary, interfaceType, nullable, sequence } from './webidl.js';

const transceiverInitStruct = struct('peer_transceiver_init_t', {
    direction: 'int32_t',
    track: 'handle',
    streams: 'handle *',
    stream_count: 'size_t',
    send_encodings: 'peer_rtp_encoding_t *',
    send_encoding_count: 'size_t',
});

const peer = declare(`
    handle peer_connection_new(peer_configuration_t *configuration, peer_connection_events_t *events, uintptr_t user)
    void peer_connection_unref(handle pc)
    void peer_connection_close(handle pc)
    int peer_connection_restart_ice(handle pc)
    int32_t peer_connection_can_trickle_ice_candidates(handle pc)
    int peer_connection_set_configuration(handle pc, peer_configuration_t *configuration)
    int peer_connection_add_track(handle pc, handle track, handle *streams, size_t stream_count, _Out_ handle *sender)
    int peer_connection_remove_track(handle pc, handle sender)
    int peer_connection_add_transceiver(handle pc, int32_t kind, peer_transceiver_init_t *init, _Out_ handle *transceiver)
    handle peer_sender_transceiver(handle sender)
    handle peer_transceiver_ref(handle transceiver)
    void peer_sender_unref(handle sender)
    int peer_connection_get_stats(handle pc, _Out_ handle *report)
    int peer_connection_get_stats_of_track(handle pc, handle track, _Out_ handle *report)
`);

const kinds = ['audio', 'video'];

const RTCOfferOptions = dictionary('RTCOfferOptions', {
    iceRestart: { type: boolean, default: false },
    offerToReceiveAudio: { type: boolean },
    offerToReceiveVideo: { type: boolean },
});
const RTCAnswerOptions = dictionary('RTCAnswerOptions', {});
const RTCRtpTransceiverInit = dictionary('RTCRtpTransceiverInit', {
    direction: { type: RTCRtpTransceiverDirection, default: 'sendrecv' },
    streams: { type: sequence(streamType), default: () => [] },
    sendEncodings: { type: sequence(RTCRtpEncodingParameters), default: () => [] },
});
const trackType = interfaceType('MediaStreamTrack', (value) => isTrack(value));
const senderType = interfaceType('RTCRtpSender', (value) => isSender(value));

const connections = new Wrappers((handle) => peer.peer_connection_unref(handle));

/** The legacy form of a method (§4.4.3.2): callbacks in place of the promise. */
function withCallbacks(name, call, success, failure) {
    callbackFunction(success, `${name}: successCallback`);
    callbackFunction(failure, `${name}: failureCallback`);
    call().then(
        (value) => success(value),
        (reason) => failure(reason),
    );
    return Promise.resolve();
}

let isConnection;

export class RTCPeerConnection extends EventTarget {
    #s;

    constructor(configuration = {}) {
        super();
        const state = new ConnectionState();
        state.configuration = RTCConfiguration(configuration, 'RTCPeerConnection: configuration');
        const native = writeConfiguration(state.configuration);
        state.object = this;
        state.handle = checkHandle(peer.peer_connection_new(native, connectionEvents, addRoute(state)));
        connections.add(state.handle, state);
        this.#s = state;
    }

    createOffer(options = {}) {
        const state = this.#s;
        const [success, failure, legacyOptions] = arguments;
        const isLegacy = arguments.length > 1;
        const init = RTCOfferOptions(isLegacy ? legacyOptions : options, 'createOffer: options');
        const start = () => chain(state, () => createOffer(state, init));
        return isLegacy ? withCallbacks('createOffer', start, success, failure) : start();
    }

    createAnswer(options = {}) {
        const state = this.#s;
        const start = () => chain(state, () => createAnswer(state));
        if (arguments.length > 1) return withCallbacks('createAnswer', start, ...arguments);
        RTCAnswerOptions(options, 'createAnswer: options');
        return start();
    }

    setLocalDescription(description = {}) {
        const state = this.#s;
        const [, success, failure] = arguments;
        const init = RTCLocalSessionDescriptionInit(description, 'setLocalDescription: description');
        const start = () => chain(state, () => setLocalDescription(state, init));
        return arguments.length > 1 ? withCallbacks('setLocalDescription', start, success, failure) : start();
    }

    get localDescription() {
        return this.#s.localDescription;
    }

    get currentLocalDescription() {
        return this.#s.current.local;
    }

    get pendingLocalDescription() {
        return this.#s.pending.local;
    }

    setRemoteDescription(description) {
        const state = this.#s;
        const [, success, failure] = arguments;
        const init = RTCSessionDescriptionInit(description, 'setRemoteDescription: description');
        const start = () => chain(state, () => setRemoteDescription(state, init));
        return arguments.length > 1 ? withCallbacks('setRemoteDescription', start, success, failure) : start();
    }

    get remoteDescription() {
        return this.#s.remoteDescription;
    }

    get currentRemoteDescription() {
        return this.#s.current.remote;
    }

    get pendingRemoteDescription() {
        return this.#s.pending.remote;
    }

    addIceCandidate(candidate = {}) {
        const state = this.#s;
        const [, success, failure] = arguments;
        const init = RTCIceCandidateInit(candidate, 'addIceCandidate: candidate');
        const start = () => addIceCandidate(state, init);
        return arguments.length > 1 ? withCallbacks('addIceCandidate', start, success, failure) : start();
    }

    get signalingState() {
        return this.#s.signalingState;
    }

    get iceGatheringState() {
        return this.#s.iceGatheringState;
    }

    get iceConnectionState() {
        return this.#s.iceConnectionState;
    }

    get connectionState() {
        return this.#s.connectionState;
    }

    get canTrickleIceCandidates() {
        return [false, true][peer.peer_connection_can_trickle_ice_candidates(this.#s.handle)] ?? null;
    }

    restartIce() {
        if (this.#s.isClosed) return;
        check(peer.peer_connection_restart_ice(this.#s.handle));
        updateNegotiationNeeded(this.#s);
    }

    getConfiguration() {
        return copyConfiguration(this.#s.configuration);
    }

    setConfiguration(configuration = {}) {
        const state = this.#s;
        const init = RTCConfiguration(configuration, 'setConfiguration: configuration');
        if (state.isClosed) throw invalidState('The connection is closed');
        check(peer.peer_connection_set_configuration(state.handle, writeConfiguration(init)));
        state.configuration = init;
    }

    close() {
        const state = this.#s;
        if (state.isClosed) return;
        state.isClosed = true;
        keepAlive(state); // until the peer has been told: the library then says that it has closed
        peer.peer_connection_close(state.handle);
        state.iceConnectionState = 'closed';
        state.connectionState = 'closed';
        if (state.sctp) queueTask(() => sctpStateChanged(state.sctp, SCTP_CLOSED)); // W3C §6.1.1: the one transport that tells of it
    }

    static generateCertificate(keygenAlgorithm) {
        return generateCertificate(keygenAlgorithm);
    }

    getSenders() {
        return this.#s.transceivers.filter(({ currentDirection }) => currentDirection !== 'stopped').map(({ sender }) => sender);
    }

    getReceivers() {
        return this.#s.transceivers.filter(({ currentDirection }) => currentDirection !== 'stopped').map(({ receiver }) => receiver);
    }

    getTransceivers() {
        return [...this.#s.transceivers];
    }

    addTrack(track, ...streams) {
        const state = this.#s;
        trackType(track, 'addTrack: track');
        const handles = streams.map((stream, index) => streamHandle(streamType(stream, `addTrack: argument ${index + 2}`)));
        const out = [0];
        check(peer.peer_connection_add_track(state.handle, trackHandle(track), handles, handles.length, out));
        const added = out[0];
        const transceiver = wrapTransceiver(peer.peer_transceiver_ref(peer.peer_sender_transceiver(added)), state);
        peer.peer_sender_unref(added);
        state.readTransceivers();
        updateNegotiationNeeded(state);
        return transceiver.sender;
    }

    removeTrack(sender) {
        const state = this.#s;
        senderType(sender, 'removeTrack: sender');
        if (state.isClosed) throw invalidState('The connection is closed');
        if (senderState(sender) !== state) throw new DOMException('The sender is of another connection', 'InvalidAccessError');
        check(peer.peer_connection_remove_track(state.handle, senderHandle(sender)));
        updateNegotiationNeeded(state);
    }

    addTransceiver(trackOrKind, init = {}) {
        const state = this.#s;
        const track = isTrack(trackOrKind) ? trackOrKind : null;
        const kind = track ? track.kind : DOMString(trackOrKind, 'addTransceiver: trackOrKind');
        const { direction, streams, sendEncodings } = RTCRtpTransceiverInit(init, 'addTransceiver: init');
        if (!kinds.includes(kind)) throw new TypeError(`addTransceiver: '${kind}' is no kind of media`);
        const out = [0];
        check(
            peer.peer_connection_add_transceiver(
                state.handle,
                kinds.indexOf(kind),
                transceiverInitStruct({
                    direction: directionIndex(direction),
                    track: track ? trackHandle(track) : 0,
                    streams: streams.map(streamHandle),
                    stream_count: streams.length,
                    send_encodings: sendEncodings.map(writeEncoding),
                    send_encoding_count: sendEncodings.length,
                }),
                out,
            ),
        );
        const transceiver = wrapTransceiver(out[0], state);
        state.readTransceivers();
        updateNegotiationNeeded(state);
        return transceiver;
    }

    get sctp() {
        return this.#s.sctp;
    }

    createDataChannel(label, dataChannelDict = {}) {
        const state = this.#s;
        const text = USVString(label, 'createDataChannel: label');
        const init = RTCDataChannelInit(dataChannelDict, 'createDataChannel: dataChannelDict');
        if (state.isClosed) throw invalidState('The connection is closed');
        const channel = createDataChannel(state.handle, state, text, init);
        updateNegotiationNeeded(state);
        return channel;
    }

    getStats(selector = null) {
        const { handle } = this.#s;
        const track = nullable(trackType)(selector, 'getStats: selector');
        if (track && [...this.getSenders(), ...this.getReceivers()].filter((one) => one.track === track).length !== 1) {
            throw new DOMException('getStats: the track is not that of one sender or receiver', 'InvalidAccessError');
        }
        const read = () => {
            const out = [0];
            check(
                track
                    ? peer.peer_connection_get_stats_of_track(handle, trackHandle(track), out)
                    : peer.peer_connection_get_stats(handle, out),
            );
            return statsReport(out[0]);
        };
        return new Promise((resolve, reject) => {
            queueTask(() => {
                try {
                    resolve(read());
                } catch (error) {
                    reject(error);
                }
            });
        });
    }

    static {
        isConnection = (object) => #s in object;
    }
}
defineInterface(RTCPeerConnection, {
    is: (object) => isConnection(object),
    promises: [
        'createOffer',
        'createAnswer',
        'setLocalDescription',
        'setRemoteDescription',
        'addIceCandidate',
        'getStats',
        'generateCertificate',
    ],
    handlers: [
        'onnegotiationneeded',
        'onicecandidate',
        'onicecandidateerror',
        'onsignalingstatechange',
        'oniceconnectionstatechange',
        'onicegatheringstatechange',
        'onconnectionstatechange',
        'ontrack',
        'ondatachannel',
    ],
});
