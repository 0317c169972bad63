#include "stream.h"

#include "conduit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_SIZE ((size_t)CONDUIT_WINDOW + 2 * CONDUIT_CHUNK)

struct stream {
    int descriptor;
    bool has_ended;
    int64_t base, position, end; /* bytes from `base` to `end` are kept; sent from `position` on */
    digest_t *before_base;
    uint8_t ring[RING_SIZE];
};

stream_t *stream_new(int descriptor)
{
    stream_t *stream = malloc(sizeof *stream);
    if (stream == NULL)
        return NULL;
    stream->descriptor = descriptor;
    stream->has_ended = false;
    stream->base = stream->position = stream->end = 0;
    stream->before_base = digest_new();
    if (stream->before_base != NULL)
        return stream;
    free(stream);
    return NULL;
}

void stream_free(stream_t *stream)
{
    if (stream != NULL)
        digest_free(stream->before_base);
    free(stream);
}

/* How many of the bytes at `from` lie together in the ring, of those up to `to`. */
static size_t piece(int64_t from, int64_t to)
{
    size_t at = (size_t)(from % (int64_t)RING_SIZE), length = (size_t)(to - from);
    return length < RING_SIZE - at ? length : RING_SIZE - at;
}

static void hash(const stream_t *stream, digest_t *digest, int64_t to)
{
    for (int64_t at = stream->base; at < to;) {
        size_t length = piece(at, to);
        digest_add(digest, stream->ring + at % (int64_t)RING_SIZE, length);
        at += (int64_t)length;
    }
}

bool stream_seek(stream_t *stream, int64_t from)
{
    if (from < stream->base || from > stream->end)
        return false;
    stream->position = from;
    return true;
}

void stream_taken(stream_t *stream, int64_t to)
{
    if (to <= stream->base || to > stream->position)
        return;
    hash(stream, stream->before_base, to);
    stream->base = to;
}

void stream_hash(const stream_t *stream, int64_t to, char hex[DIGEST_HEX_SIZE])
{
    hex[0] = '\0';
    if (to < stream->base || to > stream->end)
        return;
    digest_t *digest = digest_copy(stream->before_base);
    if (digest == NULL)
        return;
    hash(stream, digest, to);
    digest_hex(digest, hex);
    digest_free(digest);
}

stream_state_t stream_read(stream_t *stream, int other, const uint8_t **bytes, size_t *length)
{
    if (stream->position == stream->end) {
        struct pollfd wanted[2] = {{.fd = stream->descriptor, .events = POLLIN}, {.fd = other, .events = POLLIN}};
        if (stream->has_ended)
            return STREAM_END;
        if (poll(wanted, 2, -1) < 0)
            return errno == EINTR ? STREAM_WAITS : STREAM_FAILED;
        if (wanted[0].revents == 0)
            return STREAM_WAITS;
        size_t at = (size_t)(stream->end % (int64_t)RING_SIZE), room = RING_SIZE - (size_t)(stream->end - stream->base);
        room = room < RING_SIZE - at ? room : RING_SIZE - at;
        ssize_t got = read(stream->descriptor, stream->ring + at, room < CONDUIT_CHUNK ? room : CONDUIT_CHUNK);
        if (got < 0)
            return errno == EAGAIN || errno == EINTR ? STREAM_WAITS : STREAM_FAILED;
        stream->has_ended = got == 0;
        stream->end += got;
        if (got == 0)
            return STREAM_END;
    }
    *length = piece(stream->position, stream->end);
    if (*length > CONDUIT_CHUNK)
        *length = CONDUIT_CHUNK;
    *bytes = stream->ring + stream->position % (int64_t)RING_SIZE;
    stream->position += (int64_t)*length;
    return STREAM_BYTES;
}

int64_t stream_position(const stream_t *stream)
{
    return stream->position;
}
