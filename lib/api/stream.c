/* Streams: named sets of tracks. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

struct peer_stream {
    atomic_uint references;
    char id[128];
    pthread_mutex_t lock;
    peer_track_t **tracks;
    size_t count, capacity;
};

void api_new_id(char id[API_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    random_source_t random = runtime_random_source();
    random_fill(&random, bytes, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* RFC 9562 §5.4: version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    char *out = id;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

peer_stream_t *api_stream_new(const char *id)
{
    peer_stream_t *stream = MEMORY_NEW(peer_stream_t);
    if (stream == NULL) {
        error_no_memory();
        return NULL;
    }
    atomic_init(&stream->references, 1);
    pthread_mutex_init(&stream->lock, NULL);
    if (id != NULL)
        strncpy(stream->id, id, sizeof stream->id - 1);
    else
        api_new_id(stream->id);
    return stream;
}

peer_stream_t *peer_stream_new(void)
{
    return api_stream_new(NULL);
}

peer_stream_t *peer_stream_ref(peer_stream_t *stream)
{
    atomic_fetch_add_explicit(&stream->references, 1, memory_order_relaxed);
    return stream;
}

void peer_stream_unref(peer_stream_t *stream)
{
    if (stream == NULL || atomic_fetch_sub_explicit(&stream->references, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < stream->count; i++)
        peer_track_unref(stream->tracks[i]);
    memory_free(stream->tracks);
    pthread_mutex_destroy(&stream->lock);
    memory_free(stream);
}

const char *peer_stream_id(const peer_stream_t *stream)
{
    return stream->id;
}

int peer_stream_add_track(peer_stream_t *stream, peer_track_t *track)
{
    int result = 0;
    pthread_mutex_lock(&stream->lock);
    bool is_there = false;
    for (size_t i = 0; i < stream->count; i++)
        is_there |= stream->tracks[i] == track;
    void *tracks = stream->tracks;
    if (!is_there && !memory_reserve(&tracks, &stream->capacity, stream->count + 1, sizeof *stream->tracks)) {
        result = error_no_memory();
    } else if (!is_there) {
        stream->tracks = tracks;
        stream->tracks[stream->count++] = peer_track_ref(track);
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

void peer_stream_remove_track(peer_stream_t *stream, peer_track_t *track)
{
    bool was_there = false;
    pthread_mutex_lock(&stream->lock);
    for (size_t i = 0; i < stream->count; i++)
        if (stream->tracks[i] == track) {
            memmove(&stream->tracks[i], &stream->tracks[i + 1], (stream->count - i - 1) * sizeof *stream->tracks);
            stream->count--;
            was_there = true;
            break;
        }
    pthread_mutex_unlock(&stream->lock);
    if (was_there)
        peer_track_unref(track);
}

size_t peer_stream_track_count(const peer_stream_t *stream)
{
    pthread_mutex_lock((pthread_mutex_t *)&stream->lock);
    size_t count = stream->count;
    pthread_mutex_unlock((pthread_mutex_t *)&stream->lock);
    return count;
}

peer_track_t *peer_stream_track(const peer_stream_t *stream, size_t index)
{
    pthread_mutex_lock((pthread_mutex_t *)&stream->lock);
    peer_track_t *track = index < stream->count ? stream->tracks[index] : NULL;
    pthread_mutex_unlock((pthread_mutex_t *)&stream->lock);
    return track;
}
