/** @file
 * Error codes and the message of the last error.
 *
 * A function that can fail returns 0 (or a non-negative value of its own) on success and one of these negative codes on failure.
 * Codes correspond to the DOMException names that the W3C texts give, so peer_error_name() is what a browser would have thrown.
 */
#ifndef PEER_ERROR_H
#define PEER_ERROR_H

#include <peer/export.h>
#include <stdint.h>

PEER_BEGIN_DECLS

/* clang-format off */
/** X(constant, value, name, meaning): every error code once. */
#define PEER_ERROR_MAP(X)                                                                                   \
    X(TYPE, -1, "TypeError", "an argument has the wrong type or is missing")                                \
    X(RANGE, -2, "RangeError", "an argument is outside its range")                                          \
    X(SYNTAX, -3, "SyntaxError", "text does not follow its grammar")                                        \
    X(INVALID_STATE, -4, "InvalidStateError", "the object is not in a state that allows this")              \
    X(INVALID_ACCESS, -5, "InvalidAccessError", "the object does not allow this operation or argument")     \
    X(INVALID_MODIFICATION, -6, "InvalidModificationError", "what was asked cannot be changed this way")    \
    X(NOT_SUPPORTED, -7, "NotSupportedError", "the operation or value is not supported")                    \
    X(NOT_FOUND, -8, "NotFoundError", "no such object, device or file")                                     \
    X(NOT_READABLE, -9, "NotReadableError", "a device or file could not be read")                           \
    X(OVERCONSTRAINED, -10, "OverconstrainedError", "no device satisfies the constraints")                  \
    X(OPERATION, -11, "OperationError", "the operation failed for a reason of its own")                     \
    X(NETWORK, -12, "NetworkError", "the network refused or failed")                                        \
    X(ABORT, -13, "AbortError", "the operation was given up")                                               \
    X(QUOTA_EXCEEDED, -14, "QuotaExceededError", "a queue or limit is full")                                \
    X(NO_MEMORY, -15, "UnknownError", "memory ran out")                                                     \
    X(INTERNAL, -16, "UnknownError", "a defect inside the library")                                         \
    X(INVALID_CHARACTER, -17, "InvalidCharacterError", "a text has characters that are not allowed in it")
/* clang-format on */

/** Error codes; zero is success. */
typedef enum peer_error {
    PEER_OK = 0,
/** One constant of the enumeration. */
#define PEER_ERROR_ENUM(constant, value, name, meaning) PEER_ERROR_##constant = (value),
    PEER_ERROR_MAP(PEER_ERROR_ENUM)
#undef PEER_ERROR_ENUM
} peer_error_t;

/**
 * Gives the DOMException name of an error code.
 *
 * @param error  a code returned by any function of the library
 * @return a static string such as "InvalidStateError"; "" for 0 or an unknown code
 * @threadsafe
 */
PEER_API const char *peer_error_name(int error);

/**
 * Says in a sentence what went wrong in the last call that failed on the calling thread.
 *
 * The message names the place (SDP line, candidate field, argument, range). It stays until the next failing call on the same thread.
 *
 * @return a string owned by the thread, never NULL; "" if nothing has failed yet
 * @threadsafe
 */
PEER_API const char *peer_last_error_message(void);

/**
 * Gives the code of that failure: for functions that fail by returning NULL.
 *
 * @return a ::peer_error_t; 0 if nothing has failed yet on the calling thread
 * @threadsafe
 */
PEER_API int peer_last_error_code(void);

/**
 * Gives the line of the session description at which that failure was detected (RTCError.sdpLineNumber, W3C WebRTC §11.1).
 *
 * Only a description that is no valid SDP has one (PEER_ERROR_SYNTAX): for all other failures a browser's error has null here.
 *
 * @return the number of the line, from 1; -1 if the last failing call on the calling thread failed for another reason
 * @threadsafe
 */
PEER_API int32_t peer_last_error_sdp_line(void);

/** RTCErrorDetailType (W3C WebRTC §11.1). */
typedef enum peer_error_detail {
    PEER_ERROR_DETAIL_DATA_CHANNEL_FAILURE = 0,
    PEER_ERROR_DETAIL_DTLS_FAILURE = 1,
    PEER_ERROR_DETAIL_FINGERPRINT_FAILURE = 2,
    PEER_ERROR_DETAIL_SCTP_FAILURE = 3,
    PEER_ERROR_DETAIL_SDP_SYNTAX_ERROR = 4,
    PEER_ERROR_DETAIL_HARDWARE_ENCODER_NOT_AVAILABLE = 5,
    PEER_ERROR_DETAIL_HARDWARE_ENCODER_ERROR = 6
} peer_error_detail_t;

/** Gives the W3C string, such as "sctp-failure"; "" for another value. @threadsafe */
PEER_API const char *peer_error_detail_name(int32_t detail);

/** RTCError (W3C WebRTC §11.1): what an error event brings. It and its message are valid during the event. */
typedef struct peer_rtc_error {
    int32_t code;            /**< a ::peer_error_t; RTCError's name, "OperationError" */
    int32_t detail;          /**< errorDetail, one of ::peer_error_detail_t */
    int32_t sctp_cause_code; /**< sctpCauseCode (RFC 9260 §3.3.10), or -1 */
    int32_t received_alert;  /**< receivedAlert of DTLS, or -1 */
    int32_t sent_alert;      /**< sentAlert of DTLS, or -1 */
    const char *message;     /**< what happened, in a sentence; never NULL */
} peer_rtc_error_t;

PEER_END_DECLS

#endif
