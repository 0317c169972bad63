/* RTP capabilities and parameters between the public structs and the connection's. */
#ifndef API_RTP_H
#define API_RTP_H

#include "api/api.h"
#include "base/arena.h"

/* Arrays of public structs have the stride that their first element's size says. */
#define API_RTP_ITEM(array, index) ((const void *)((const char *)(array) + (index) * (array)->size))

/* What comes from the application. Texts are borrowed from it. PEER_ERROR_TYPE (no size, no MIME type), PEER_ERROR_INVALID_MODIFICATION (of
 * another kind: such a codec cannot match anything). */
int api_rtp_codec_read(const peer_rtp_codec_t *codec, int32_t kind, connection_rtp_codec_t *read);

/* What goes to it, in the arena. NULL when memory ran out. */
const peer_rtp_codec_t *api_rtp_codecs(arena_t *arena, int32_t kind, const connection_rtp_codec_t *codecs, size_t count);
const peer_rtp_header_extension_t *api_rtp_extensions(arena_t *arena, const connection_rtp_extension_t *extensions, size_t count);
peer_rtp_encoding_t *api_rtp_encodings(arena_t *arena, int32_t kind, const connection_encoding_t *encodings, size_t count);

/* The members of an encoding that may be changed, checked as W3C's setParameters validation does. `codec` has room for the codec; texts are
 * borrowed. */
int api_rtp_encoding_read(const peer_rtp_encoding_t *encoding, int32_t kind, connection_encoding_t *read, connection_rtp_codec_t *codec);

/* sendEncodings of addTransceiver, checked and completed as W3C §5.1 "addTransceiver sendEncodings validation steps" say; texts are
 * borrowed, codecs in the arena. *count_read is 0 when none were given. */
int api_rtp_send_encodings_read(const peer_rtp_encoding_t *encodings, size_t count, int32_t kind, arena_t *arena,
                                connection_encoding_t read[CONNECTION_ENCODINGS_MAX], size_t *count_read);

/* The codecs of the process as a connection is told them. */
#define API_CODECS_MAX PEER_CODEC_MAX
size_t api_list_codecs(connection_codec_t codecs[API_CODECS_MAX]);

#endif
