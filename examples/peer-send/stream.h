/* The standard input as it is sent: what the other side has not taken yet is kept, so that it can be sent again after the connection broke,
 * though it cannot be read again. */
#ifndef STREAM_H
#define STREAM_H

#include "digest.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct stream stream_t;

stream_t *stream_new(int descriptor); /* NULL when memory ran out */
void stream_free(stream_t *stream);   /* NULL is allowed */

/* Sends again from here on; false when that is not kept any more. */
bool stream_seek(stream_t *stream, int64_t from);
/* The other side has what is before this. */
void stream_taken(stream_t *stream, int64_t to);
/* Of all before `to`; "" when that is not known any more, or not yet. */
void stream_hash(const stream_t *stream, int64_t to, char hex[DIGEST_HEX_SIZE]);

typedef enum stream_state { STREAM_BYTES, STREAM_END, STREAM_WAITS, STREAM_FAILED } stream_state_t;
/* The next bytes to send, at most as many as a message takes; waits for input until `other` is readable (STREAM_WAITS). At most
 * CONDUIT_WINDOW bytes may not be taken. */
stream_state_t stream_read(stream_t *stream, int other, const uint8_t **bytes, size_t *length);
int64_t stream_position(const stream_t *stream);

#endif
