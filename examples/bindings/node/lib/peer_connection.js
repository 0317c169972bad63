/* RTCPeerConnection (W3C WebRTC §4.4). */
import { Wrappers, declare, listOf, struct } from './native.js';
import { generateCertificate } from './certificate.js';
import { RTCConfiguration, copyConfiguration, writeConfiguration } from './configuration.js';
import { connectionEvents } from './connection_events.js';
import { RTCDataChannelInit, createDataChannel } from './data_channel.js';
import { check, checkHandle, exceptionFor, lastErrorLine } from './dom_exception.js';
import { RTCError } from './error.js';
import { RTCIceCandidateInit, withCandidate } from './ice_candidate.js';
import { addRoute, collect, keepAlive, queueTask, runInTurn } from './loop.js';
import { streamHandle } from './media_stream.js';
import { isTrack, trackHandle } from './media_stream_track.js';
import { chain, inTask, invalidState, updateNegotiationNeeded } from './operations.js';
import { RTCRtpEncodingParameters, writeEncoding } from './rtp_parameters.js';
import { wrapSctpTransport } from './sctp_transport.js';
import { isSender, senderHandle, senderState, streamType } from './sender.js';
import {
    RTCLocalSessionDescriptionInit,
    RTCSessionDescription,
    RTCSessionDescriptionInit,
    describe,
    withDescription,
} from './session_description.js';
import { statsReport } from './stats_report.js';
import { RTCRtpTransceiverDirection, directionIndex, wrapTransceiver } from './transceiver.js';
import { DOMString, USVString, boolean, callbackFunction, defineInterface, dictionary, interfaceType, nullable, sequence } from './webidl.js';

const offerOptionsStruct = struct('peer_offer_options_t', {
    ice_restart: 'int32_t',
    offer_to_receive_audio: 'int32_t',
    offer_to_receive_video: 'int32_t',
});
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
    int peer_connection_create_offer(handle pc, peer_offer_options_t *options, _Out_ handle *description)
    int peer_connection_create_answer(handle pc, _Out_ handle *description)
    int peer_connection_set_local_description(handle pc, handle description)
    int peer_connection_set_remote_description(handle pc, handle description)
    int peer_connection_add_ice_candidate(handle pc, handle candidate)
    int peer_connection_restart_ice(handle pc)
    handle peer_connection_current_local_description(handle pc)
    handle peer_connection_pending_local_description(handle pc)
    handle peer_connection_current_remote_description(handle pc)
    handle peer_connection_pending_remote_description(handle pc)
    int32_t peer_connection_can_trickle_ice_candidates(handle pc)
    int32_t peer_connection_signaling_state(handle pc)
    str peer_signaling_state_name(int32_t state)
    int peer_connection_set_configuration(handle pc, peer_configuration_t *configuration)
    int peer_connection_add_track(handle pc, handle track, handle *streams, size_t stream_count, _Out_ handle *sender)
    int peer_connection_remove_track(handle pc, handle sender)
    int peer_connection_add_transceiver(handle pc, int32_t kind, peer_transceiver_init_t *init, _Out_ handle *transceiver)
    size_t peer_connection_transceivers(handle pc, _Out_ uint64_t *transceivers, size_t capacity)
    handle peer_sender_transceiver(handle sender)
    handle peer_transceiver_ref(handle transceiver)
    void peer_sender_unref(handle sender)
    handle peer_connection_sctp(handle pc)
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

/** What a connection knows; other modules are given this. */
class ConnectionState {
    object; // the RTCPeerConnection
    handle = 0;
    configuration;
    isClosed = false;
    isNegotiationNeeded = false;
    operations = [];
    updateOnEmptyChain = false;
    lastCreatedOffer = '';
    lastCreatedAnswer = '';
    iceConnectionState = 'new';
    iceGatheringState = 'new';
    connectionState = 'new';
    currentLocal = null;
    pendingLocal = null;
    currentRemote = null;
    pendingRemote = null;
    transceivers = []; // held, so that they stay the same objects
    sctp = null;
    transport = { dtls: 0, ice: 0, gathering: 0 }; // states of the one transport, as the library numbers them

    get signalingState() {
        return peer.peer_signaling_state_name(peer.peer_connection_signaling_state(this.handle));
    }

    /** Reads what a description has changed. */
    refresh() {
        this.readDescriptions();
        this.readTransceivers();
        this.sctp = wrapSctpTransport(peer.peer_connection_sctp(this.handle), this.transport);
    }

    readTransceivers() {
        const handles = listOf((buffer, capacity) => peer.peer_connection_transceivers(this.handle, buffer, capacity));
        this.transceivers = handles.map((handle) => wrapTransceiver(handle, this));
    }

    readDescriptions() {
        const read = (get) => {
            const init = describe(get(this.handle));
            return init && new RTCSessionDescription(init);
        };
        this.currentLocal = read(peer.peer_connection_current_local_description);
        this.pendingLocal = read(peer.peer_connection_pending_local_description);
        this.currentRemote = read(peer.peer_connection_current_remote_description);
        this.pendingRemote = read(peer.peer_connection_pending_remote_description);
    }
}

/* ---- descriptions (§4.4.1.5, §4.4.2) ---- */

function createOffer(state, options) {
    if (!['stable', 'have-local-offer'].includes(state.signalingState)) {
        return Promise.reject(invalidState(`An offer cannot be created in ${state.signalingState}`));
    }
    return inTask(state, () => {
        const out = [0];
        check(
            peer.peer_connection_create_offer(
                state.handle,
                offerOptionsStruct({
                    ice_restart: options.iceRestart ? 1 : 0,
                    offer_to_receive_audio: options.offerToReceiveAudio === undefined ? -1 : Number(options.offerToReceiveAudio),
                    offer_to_receive_video: options.offerToReceiveVideo === undefined ? -1 : Number(options.offerToReceiveVideo),
                }),
                out,
            ),
        );
        const offer = describe(out[0]);
        state.lastCreatedOffer = offer.sdp;
        state.readTransceivers(); // the legacy options may have added transceivers
        return offer;
    });
}

function createAnswer(state) {
    if (!['have-remote-offer', 'have-local-pranswer'].includes(state.signalingState)) {
        return Promise.reject(invalidState(`An answer cannot be created in ${state.signalingState}`));
    }
    return inTask(state, () => {
        const out = [0];
        check(peer.peer_connection_create_answer(state.handle, out));
        const answer = describe(out[0]);
        state.lastCreatedAnswer = answer.sdp;
        return answer;
    });
}

const namesOfDescriptionErrors = ['InvalidStateError', 'InvalidAccessError', 'InvalidModificationError', 'OperationError'];

/** The exception of a description that could not be set. */
function descriptionError(code) {
    const error = exceptionFor(code);
    if (error.name === 'SyntaxError') {
        return new RTCError({ errorDetail: 'sdp-syntax-error', sdpLineNumber: lastErrorLine() ?? 0 }, error.message);
    }
    return namesOfDescriptionErrors.includes(error.name) ? error : new DOMException(error.message, 'OperationError');
}

function setDescription(state, init, isRemote) {
    if (init.type === 'rollback' && !['have-local-offer', 'have-remote-offer'].includes(state.signalingState)) {
        return Promise.reject(invalidState(`There is nothing to roll back in ${state.signalingState}`));
    }
    return inTask(state, (resolve) => {
        const set = isRemote ? peer.peer_connection_set_remote_description : peer.peer_connection_set_local_description;
        const { result, tasks } = collect(state, () => {
            const code = withDescription(init, (description) => set(state.handle, description));
            if (code >= 0) state.refresh();
            return code;
        });
        if (result < 0) throw descriptionError(result);
        if (!isRemote && init.type !== 'rollback') {
            // the library's has candidates already; here they show with their events
            state[init.type === 'answer' ? 'currentLocal' : 'pendingLocal'] = new RTCSessionDescription(init);
        }
        keepAlive(state);
        if (init.type === 'answer') {
            state.lastCreatedOffer = '';
            state.lastCreatedAnswer = '';
        }
        if (state.signalingState === 'stable') {
            state.isNegotiationNeeded = false;
            updateNegotiationNeeded(state);
        }
        runInTurn([...tasks, resolve]);
    });
}

function setLocalDescription(state, init) {
    const { signalingState } = state;
    const isOffering = ['stable', 'have-local-offer', 'have-remote-pranswer'].includes(signalingState);
    const type = init.type ?? (isOffering ? 'offer' : 'answer');
    if (type === 'rollback') return setDescription(state, { type, sdp: '' }, false);
    const last = type === 'offer' ? state.lastCreatedOffer : state.lastCreatedAnswer;
    if (init.sdp === '') {
        const created = type === 'offer' ? createOffer(state, {}) : createAnswer(state);
        return created.then(({ sdp }) => setDescription(state, { type, sdp }, false));
    }
    if (init.sdp !== last) {
        return Promise.reject(new DOMException(`The ${type} is not the one that was created last`, 'InvalidModificationError'));
    }
    return setDescription(state, { type, sdp: init.sdp }, false);
}

function setRemoteDescription(state, init) {
    if (init.type === 'offer' && !['stable', 'have-remote-offer'].includes(state.signalingState)) {
        return setDescription(state, { type: 'rollback', sdp: '' }, false).then(() => setDescription(state, init, true));
    }
    return setDescription(state, init, true);
}

function addIceCandidate(state, init) {
    if (init.candidate !== '' && init.sdpMid === null && init.sdpMLineIndex === null) {
        throw new TypeError('addIceCandidate: both sdpMid and sdpMLineIndex are null');
    }
    return chain(state, () => {
        if (!(state.pendingRemote ?? state.currentRemote)) return Promise.reject(invalidState('There is no remote description'));
        return inTask(state, () => {
            const add = (candidate) => peer.peer_connection_add_ice_candidate(state.handle, candidate);
            const isForAll = init.sdpMid === null && init.sdpMLineIndex === null && init.usernameFragment === null;
            let error;
            try {
                const result = isForAll ? add(0) : withCandidate(init, add);
                if (result < 0) error = exceptionFor(result);
            } catch (refused) {
                error = refused;
            }
            if (error) throw error.name === 'InvalidStateError' ? error : new DOMException(error.message, 'OperationError');
            state.readDescriptions();
        });
    });
}

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

/* ---- the interface ---- */

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
        if (arguments.length > 1) {
            const [success, failure, legacyOptions] = arguments;
            return withCallbacks('createOffer', () => this.createOffer(legacyOptions), success, failure);
        }
        const init = RTCOfferOptions(options, 'createOffer: options');
        return chain(state, () => createOffer(state, init));
    }

    createAnswer(options = {}) {
        const state = this.#s;
        if (arguments.length > 1) return withCallbacks('createAnswer', () => this.createAnswer(), ...arguments);
        RTCAnswerOptions(options, 'createAnswer: options');
        return chain(state, () => createAnswer(state));
    }

    setLocalDescription(description = {}) {
        const state = this.#s;
        if (arguments.length > 1) {
            const [, success, failure] = arguments;
            return withCallbacks('setLocalDescription', () => this.setLocalDescription(description), success, failure);
        }
        const init = RTCLocalSessionDescriptionInit(description, 'setLocalDescription: description');
        return chain(state, () => setLocalDescription(state, init));
    }

    get localDescription() {
        return this.#s.pendingLocal ?? this.#s.currentLocal;
    }

    get currentLocalDescription() {
        return this.#s.currentLocal;
    }

    get pendingLocalDescription() {
        return this.#s.pendingLocal;
    }

    setRemoteDescription(description) {
        const state = this.#s;
        if (arguments.length > 1) {
            const [, success, failure] = arguments;
            return withCallbacks('setRemoteDescription', () => this.setRemoteDescription(description), success, failure);
        }
        const init = RTCSessionDescriptionInit(description, 'setRemoteDescription: description');
        return chain(state, () => setRemoteDescription(state, init));
    }

    get remoteDescription() {
        return this.#s.pendingRemote ?? this.#s.currentRemote;
    }

    get currentRemoteDescription() {
        return this.#s.currentRemote;
    }

    get pendingRemoteDescription() {
        return this.#s.pendingRemote;
    }

    addIceCandidate(candidate = {}) {
        const state = this.#s;
        if (arguments.length > 1) {
            const [, success, failure] = arguments;
            return withCallbacks('addIceCandidate', () => this.addIceCandidate(candidate), success, failure);
        }
        return addIceCandidate(state, RTCIceCandidateInit(candidate, 'addIceCandidate: candidate'));
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
