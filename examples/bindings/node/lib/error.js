/* RTCError (W3C WebRTC §11.1). */
import { koffi } from './native.js';
import { DOMString, defineInterface, dictionary, enumeration, long, unsignedLong } from './webidl.js';

const RTCErrorDetailType = enumeration('RTCErrorDetailType', [
    'data-channel-failure',
    'dtls-failure',
    'fingerprint-failure',
    'sctp-failure',
    'sdp-syntax-error',
    'hardware-encoder-not-available',
    'hardware-encoder-error',
]);

const RTCErrorInit = dictionary('RTCErrorInit', {
    errorDetail: { type: RTCErrorDetailType, required: true },
    httpRequestStatusCode: { type: long, default: null },
    receivedAlert: { type: unsignedLong, default: null },
    sctpCauseCode: { type: long, default: null },
    sdpLineNumber: { type: long, default: null },
    sentAlert: { type: unsignedLong, default: null },
});

/** peer_rtc_error_t */
const peerRtcError = koffi.struct('peer_rtc_error_t', {
    code: 'int32_t',
    detail: 'int32_t',
    sctp_cause_code: 'int32_t',
    received_alert: 'int32_t',
    sent_alert: 'int32_t',
    message: 'str',
});

/** Whether a value is an RTCError. */
export let isRTCError;

export class RTCError extends DOMException {
    #init;

    constructor(init, message = '') {
        if (arguments.length < 1) throw new TypeError('RTCError: 1 argument required, but only 0 present');
        const converted = RTCErrorInit(init, 'RTCError: init');
        super(DOMString(message, 'RTCError: message'), 'OperationError');
        this.#init = converted;
    }

    get errorDetail() {
        return this.#init.errorDetail;
    }

    get sdpLineNumber() {
        return this.#init.sdpLineNumber;
    }

    get sctpCauseCode() {
        return this.#init.sctpCauseCode;
    }

    get receivedAlert() {
        return this.#init.receivedAlert;
    }

    get sentAlert() {
        return this.#init.sentAlert;
    }

    /* W3C webrtc-identity */
    get httpRequestStatusCode() {
        return this.#init.httpRequestStatusCode;
    }

    static {
        isRTCError = (value) => typeof value === 'object' && value !== null && #init in value;
    }
}
defineInterface(RTCError);

/** The RTCError that a peer_rtc_error_t tells of; the pointer is valid during an event of the library. */
export function errorAt(pointer) {
    const told = koffi.decode(pointer, peerRtcError);
    const known = (value) => (value < 0 ? undefined : value);
    return new RTCError(
        {
            errorDetail: RTCErrorDetailType.values[told.detail],
            sctpCauseCode: known(told.sctp_cause_code),
            receivedAlert: known(told.received_alert),
            sentAlert: known(told.sent_alert),
        },
        told.message,
    );
}
