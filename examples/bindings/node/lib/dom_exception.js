/* Errors of the library as JavaScript throws them. */
import { declare } from './native.js';

const peer = declare(`
    str peer_error_name(int error)
    str peer_last_error_message()
    int peer_last_error_code()
`);

/** The exception for an error code of the library, with the message of the call that failed last. */
export function exceptionFor(code) {
    const name = peer.peer_error_name(code);
    const message = peer.peer_last_error_message();
    if (name === 'TypeError') return new TypeError(message);
    if (name === 'RangeError') return new RangeError(message);
    return new DOMException(message, name);
}

/** Returns what a function of the library returned, or throws if that is an error code. */
export function check(result) {
    if (result < 0) throw exceptionFor(result);
    return result;
}

/** The same for functions that return NULL on failure. */
export function checkHandle(handle) {
    if (!handle) throw exceptionFor(peer.peer_last_error_code());
    return handle;
}

/** The SDP line that the message of the last failed call names, or null. */
export function lastErrorLine() {
    const match = /\bline (\d+)/.exec(peer.peer_last_error_message());
    return match ? Number(match[1]) : null;
}
