/* Descriptions and candidates: the operations of a connection (W3C WebRTC §4.4.1.5, §4.4.2). Each returns a promise. */
import { declare, struct } from './native.js';
import { check, exceptionFor, lastErrorLine } from './dom_exception.js';
import { RTCError } from './error.js';
import { withCandidate } from './ice_candidate.js';
import { collect, keepAlive, runInTurn } from './loop.js';
import { chain, inTask, invalidState, updateNegotiationNeeded } from './operations.js';
import { describe, withDescription } from './session_description.js';

const offerOptionsStruct = struct('peer_offer_options_t', {
    ice_restart: 'int32_t',
    offer_to_receive_audio: 'int32_t',
    offer_to_receive_video: 'int32_t',
});

const peer = declare(`
    int peer_connection_create_offer(handle pc, peer_offer_options_t *options, _Out_ handle *description)
    int peer_connection_create_answer(handle pc, _Out_ handle *description)
    int peer_connection_set_local_description(handle pc, handle description)
    int peer_connection_set_remote_description(handle pc, handle description)
    int peer_connection_add_ice_candidate(handle pc, handle candidate)
`);

export function createOffer(state, options) {
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

export function createAnswer(state) {
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
            if (code >= 0) {
                state.keepDescription(init, isRemote ? 'remote' : 'local');
                state.readTransceivers();
                state.readSctp();
                state.readGathering();
            }
            return code;
        });
        if (result < 0) throw descriptionError(result);
        keepAlive(state);
        if (state.signalingState === 'stable') {
            state.isNegotiationNeeded = false;
            updateNegotiationNeeded(state);
        }
        runInTurn([...tasks, resolve]);
    });
}

export function setLocalDescription(state, init) {
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

export function setRemoteDescription(state, init) {
    if (init.type === 'offer' && !['stable', 'have-remote-offer'].includes(state.signalingState)) {
        return setDescription(state, { type: 'rollback', sdp: '' }, false).then(() => setDescription(state, init, true));
    }
    return setDescription(state, init, true);
}

export function addIceCandidate(state, init) {
    if (init.candidate !== '' && init.sdpMid === null && init.sdpMLineIndex === null) {
        return Promise.reject(new TypeError('addIceCandidate: both sdpMid and sdpMLineIndex are null'));
    }
    return chain(state, () => {
        if (!state.remoteDescription) return Promise.reject(invalidState('There is no remote description'));
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
            state.readRemoteDescriptions();
        });
    });
}
