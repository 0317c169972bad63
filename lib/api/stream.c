/* Streams: named sets of tracks. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <string.h>

#define OWN_ID_MAX 127 /* a peer may give longer ones */

struct peer_stream {
    atomic_uint references;
    pthread_mutex_t lock;
    peer_track_t **tracks;
    size_t count, capacity;
    peer_stream_events_t events;
    void *user;
    char id[];
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

int api_check_id(const char *id)
{
    size_t length = strlen(id);
    if (length == 0 || length > OWN_ID_MAX || !text_is_utf8(id, length))
        return error_set(PEER_ERROR_TYPE, "an id has 1 to %d bytes of UTF-8", OWN_ID_MAX);
    for (; *id != '\0'; id++)
        if ((unsigned char)*id <= ' ' || *id == 0x7f)
            return error_set(PEER_ERROR_TYPE, "an id has no spaces and control characters");
    return 0;
}

peer_stream_t *api_stream_new(const char *id)
{
    size_t id_size = id != NULL ? strlen(id) + 1 : API_ID_SIZE;
    peer_stream_t *stream = memory_new(sizeof *stream + id_size);
    if (stream == NULL) {
        error_no_memory();
        return NULL;
    }
    atomic_init(&stream->references, 1);
    pthread_mutex_init(&stream->lock, NULL);
    if (id != NULL)
        memcpy(stream->id, id, id_size);
    else
        api_new_id(stream->id);
    return stream;
}

peer_stream_t *peer_stream_new(void)
{
    return api_stream_new(NULL);
}

peer_stream_t *peer_stream_new_with_id(const char *id)
{
    if (id == NULL) {
        error_set(PEER_ERROR_TYPE, "id is NULL");
        return NULL;
    }
    return api_check_id(id) < 0 ? NULL : api_stream_new(id);
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

/* 1 when it is new there. */
static int add(peer_stream_t *stream, peer_track_t *track)
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
        result = 1;
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

/* True when it was there: its reference is the caller's. */
static bool take_out(peer_stream_t *stream, peer_track_t *track)
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
    return was_there;
}

bool api_stream_is_unused(const peer_stream_t *stream)
{
    return atomic_load(&stream->references) == 1 && peer_stream_track_count(stream) == 0;
}

int peer_stream_add_track(peer_stream_t *stream, peer_track_t *track)
{
    int result = add(stream, track);
    return result < 0 ? result : 0;
}

void peer_stream_remove_track(peer_stream_t *stream, peer_track_t *track)
{
    if (take_out(stream, track))
        peer_track_unref(track);
}

void peer_stream_events_init(peer_stream_events_t *events, size_t size)
{
    memset(events, 0, size);
    events->size = size;
}

int peer_stream_set_events(peer_stream_t *stream, const peer_stream_events_t *events, void *user)
{
    peer_stream_events_t known = {.size = sizeof known};
    if (events != NULL && events->size < sizeof events->size)
        return error_set(PEER_ERROR_TYPE, "the events were not filled by peer_stream_events_init()");
    if (events != NULL)
        API_COPY_SIZED(&known, events);
    pthread_mutex_lock(&stream->lock);
    stream->events = known;
    stream->user = user;
    pthread_mutex_unlock(&stream->lock);
    return 0;
}

static peer_stream_events_t take_events(peer_stream_t *stream, void **user)
{
    pthread_mutex_lock(&stream->lock);
    peer_stream_events_t events = stream->events;
    *user = stream->user;
    pthread_mutex_unlock(&stream->lock);
    return events;
}

void api_stream_add_remote(peer_stream_t *stream, peer_track_t *track)
{
    void *user;
    if (add(stream, track) <= 0)
        return;
    peer_stream_events_t events = take_events(stream, &user);
    if (events.on_add_track != NULL)
        events.on_add_track(stream, track, user);
}

void api_stream_remove_remote(peer_stream_t *stream, peer_track_t *track)
{
    void *user;
    if (!take_out(stream, track))
        return;
    peer_stream_events_t events = take_events(stream, &user);
    if (events.on_remove_track != NULL)
        events.on_remove_track(stream, track, user);
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
