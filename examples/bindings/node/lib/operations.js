/* The operations chain of a connection and its negotiation-needed flag (W3C WebRTC §4.4.1.2 [[Operations]], §4.7.3). */
import { declare } from './native.js';
import { fireNamed } from './events.js';
import { queueTask } from './loop.js';

const peer = declare(`
    int32_t peer_connection_is_negotiation_needed(handle pc)
`);

export function invalidState(message) {
    return new DOMException(message, 'InvalidStateError');
}

/** Chains an operation: a function that returns a promise. After close() the promise that this returns never settles. */
export function chain(state, operation) {
    if (state.isClosed) return Promise.reject(invalidState('The connection is closed'));
    return new Promise((resolve, reject) => {
        const settle = (how) => (value) => {
            if (state.isClosed) return;
            queueMicrotask(() => advance(state)); // before what awaits the promise goes on
            how(value);
        };
        const run = () => operation().then(settle(resolve), settle(reject));
        state.operations.push(run);
        if (state.operations.length === 1) run();
    });
}

function advance(state) {
    if (state.isClosed) return;
    state.operations.shift();
    if (state.operations.length) {
        state.operations[0]();
        return;
    }
    if (!state.updateOnEmptyChain) return;
    state.updateOnEmptyChain = false;
    updateNegotiationNeeded(state);
}

/** Runs steps in a task of their own, unless the connection has been closed; the promise has their result, or what they call `resolve` with. */
export function inTask(state, steps) {
    return new Promise((resolve, reject) => {
        queueTask(() => {
            if (state.isClosed) return;
            try {
                const result = steps(resolve);
                if (steps.length === 0) resolve(result);
            } catch (error) {
                reject(error);
            }
        });
    });
}

/** Updates the negotiation-needed flag, and fires negotiationneeded if it becomes set. */
export function updateNegotiationNeeded(state) {
    if (state.operations.length) {
        state.updateOnEmptyChain = true;
        return;
    }
    queueTask(() => {
        if (state.isClosed) return;
        if (state.operations.length) {
            state.updateOnEmptyChain = true;
            return;
        }
        if (state.signalingState !== 'stable') return;
        if (!peer.peer_connection_is_negotiation_needed(state.handle)) {
            state.isNegotiationNeeded = false;
            return;
        }
        if (state.isNegotiationNeeded) return;
        state.isNegotiationNeeded = true;
        fireNamed(state.object, 'negotiationneeded');
    });
}
