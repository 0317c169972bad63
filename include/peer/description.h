/** @file
 * Session descriptions: a type and SDP text (W3C WebRTC §4.6.1, RTCSessionDescription). Immutable.
 */
#ifndef PEER_DESCRIPTION_H
#define PEER_DESCRIPTION_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** RTCSdpType. */
typedef enum peer_sdp_type { PEER_SDP_OFFER = 0, PEER_SDP_PRANSWER = 1, PEER_SDP_ANSWER = 2, PEER_SDP_ROLLBACK = 3 } peer_sdp_type_t;

/** Gives "offer", "pranswer", "answer" or "rollback"; "" for another value. @threadsafe */
PEER_API const char *peer_sdp_type_name(int32_t type);

/**
 * Makes a description from a type and SDP text. The text is not parsed until it is set on a connection, as in a browser.
 *
 * @param type         one of ::peer_sdp_type_t
 * @param sdp          NUL-terminated SDP; NULL or "" for a rollback
 * @param description  receives the description
 * @return 0, PEER_ERROR_TYPE (unknown type), PEER_ERROR_RANGE (more than 1 MiB), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_description_new(int32_t type, const char *sdp, peer_description_t **description);

/**
 * Reads the JSON that JSON.stringify(pc.localDescription) gives: {"type":"offer","sdp":"v=0…"}.
 *
 * @param json         JSON text; members other than type and sdp are ignored
 * @param length       its length in bytes
 * @param description  receives the description
 * @return 0, PEER_ERROR_SYNTAX (not JSON; the message gives the position), PEER_ERROR_TYPE (type is missing, or one of them wrong; a
 * missing sdp is ""), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_description_from_json(const char *json, size_t length, peer_description_t **description);

/** Writes what JSON.stringify(description) gives in a browser; give it back with peer_string_free(). NULL when memory ran out. @threadsafe
 */
PEER_API char *peer_description_to_json(const peer_description_t *description);

/** Takes a reference. @threadsafe */
PEER_API peer_description_t *peer_description_ref(peer_description_t *description);
/** Gives a reference back. @threadsafe */
PEER_API void peer_description_unref(peer_description_t *description);

/** The type, one of ::peer_sdp_type_t. @threadsafe */
PEER_API int32_t peer_description_type(const peer_description_t *description);
/** The SDP text; "" for a rollback. @threadsafe */
PEER_API const char *peer_description_sdp(const peer_description_t *description);

PEER_END_DECLS

#endif
