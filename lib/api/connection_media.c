/* RTCPeerConnection's media: tracks, transceivers, and the lists of them (W3C WebRTC §5.1). */
#include "api/rtp.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

#define STREAMS_BEFORE_SWEEP 16

void peer_transceiver_init_init(peer_transceiver_init_t *init, size_t size)
{
    memset(init, 0, size);
    init->size = size;
}

/* Under the lock. Is the track sent by this connection already? (W3C WebRTC §5.1 addTrack step 5) */
static bool has_track(const peer_connection_t *pc, const peer_track_t *track)
{
    for (size_t i = 0; i < pc->transceiver_count; i++)
        if (pc->transceivers[i]->sender.track == track && transceiver_direction(pc->transceivers[i]->implementation) != CONNECTION_STOPPED)
            return true;
    return false;
}

/* The ids of streams that are given to a sender. */
static int list_ids(peer_stream_t *const *streams, size_t count, const char *ids[API_STREAMS_MAX])
{
    if (count > API_STREAMS_MAX)
        return error_set(PEER_ERROR_RANGE, "a track has at most %d streams", API_STREAMS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (streams == NULL || streams[i] == NULL)
            return error_set(PEER_ERROR_TYPE, "stream %zu is NULL", i);
        ids[i] = peer_stream_id(streams[i]);
    }
    return 0;
}

/* The results of both are referenced: as soon as the lock is gone a negotiation may remove them. */
static int add_track(peer_connection_t *pc, peer_track_t *track, const char *const *stream_ids, size_t stream_count,
                     peer_transceiver_t **result)
{
    if (has_track(pc, track))
        return error_set(PEER_ERROR_INVALID_ACCESS, "the track is sent by this connection already");
    transceiver_t *implementation;
    int error = connection_add_track(pc->connection, runtime_now(), (connection_kind_t)peer_track_kind(track), peer_track_id(track),
                                     stream_ids, stream_count, &implementation);
    if (error < 0)
        return error;
    peer_transceiver_t *transceiver = api_transceiver(pc, implementation);
    error = transceiver != NULL ? api_sender_set_track(&transceiver->sender, track) : error_no_memory();
    if (error < 0)
        connection_remove_track(pc->connection, runtime_now(), implementation);
    else
        *result = peer_transceiver_ref(transceiver);
    return error;
}

int peer_connection_add_track(peer_connection_t *pc, peer_track_t *track, peer_stream_t *const *streams, size_t stream_count,
                              peer_sender_t **sender)
{
    peer_transceiver_t *transceiver = NULL;
    const char *ids[API_STREAMS_MAX];
    if (track == NULL)
        return error_set(PEER_ERROR_TYPE, "track is NULL");
    int result = list_ids(streams, stream_count, ids);
    if (result < 0)
        return result;
    API_CALL_OPEN(pc, result, add_track(pc, track, ids, stream_count, &transceiver));
    if (result == 0 && sender != NULL)
        *sender = &transceiver->sender; /* with the transceiver's reference */
    else
        peer_transceiver_unref(transceiver);
    return result;
}

static int set_streams(peer_transceiver_t *transceiver, const char *const *ids, size_t count)
{
    if (transceiver->is_removed) /* W3C WebRTC §5.2 setStreams refuses nothing here; there will be no description of it */
        return 0;
    int error = transceiver->pc == NULL ? error_set(PEER_ERROR_INVALID_STATE, "the connection is gone")
                                        : api_connection_check_open(transceiver->pc);
    if (error == 0)
        error = transceiver_set_streams(transceiver->implementation, runtime_now(), ids, count);
    if (error == 0)
        api_connection_touch(transceiver->pc);
    return error;
}

int peer_sender_set_streams(peer_sender_t *sender, peer_stream_t *const *streams, size_t stream_count)
{
    const char *ids[API_STREAMS_MAX];
    int result = list_ids(streams, stream_count, ids);
    if (result < 0)
        return result;
    loop_lock(sender->transceiver->loop);
    result = set_streams(sender->transceiver, ids, stream_count);
    loop_unlock(sender->transceiver->loop);
    return result;
}

static int remove_track(peer_connection_t *pc, peer_sender_t *sender)
{
    if (sender->transceiver->connection_id != pc->id)
        return error_set(PEER_ERROR_INVALID_ACCESS, "the sender belongs to another connection");
    /* W3C WebRTC §5.1 removeTrack steps 5 to 8: of one that is stopping, or gone, nothing changes. */
    if (sender->transceiver->pc == NULL || transceiver_direction(sender->transceiver->implementation) == CONNECTION_STOPPED)
        return 0;
    int error = connection_remove_track(pc->connection, runtime_now(), sender->transceiver->implementation);
    return error < 0 ? error : api_sender_set_track(sender, NULL);
}

int peer_connection_remove_track(peer_connection_t *pc, peer_sender_t *sender)
{
    int result;
    if (sender == NULL)
        return error_set(PEER_ERROR_TYPE, "sender is NULL");
    API_CALL_OPEN(pc, result, remove_track(pc, sender));
    return result;
}

static int add_transceiver(peer_connection_t *pc, int32_t kind, const peer_transceiver_init_t *init, arena_t *arena,
                           peer_transceiver_t **result)
{
    transceiver_t *implementation;
    const char *ids[API_STREAMS_MAX];
    connection_encoding_t encodings[CONNECTION_ENCODINGS_MAX];
    size_t encoding_count;
    int error = api_rtp_send_encodings_read(init->send_encodings, init->send_encoding_count, kind, arena, encodings, &encoding_count);
    if (error == 0)
        error = list_ids(init->streams, init->stream_count, ids);
    if (error < 0)
        return error;
    connection_transceiver_init_t made = {.direction = (connection_direction_t)init->direction,
                                          .track_id = init->track != NULL ? peer_track_id(init->track) : NULL,
                                          .stream_ids = ids,
                                          .stream_count = init->stream_count,
                                          .encodings = encodings,
                                          .encoding_count = encoding_count};
    error = connection_add_transceiver(pc->connection, runtime_now(), (connection_kind_t)kind, &made, &implementation);
    if (error < 0)
        return error;
    peer_transceiver_t *transceiver = api_transceiver(pc, implementation);
    error = transceiver == NULL ? error_no_memory() : init->track != NULL ? api_sender_set_track(&transceiver->sender, init->track) : 0;
    if (error < 0)
        transceiver_stop(implementation, runtime_now());
    else
        *result = peer_transceiver_ref(transceiver);
    return error;
}

int peer_connection_add_transceiver(peer_connection_t *pc, int32_t kind, const peer_transceiver_init_t *init,
                                    peer_transceiver_t **transceiver)
{
    peer_transceiver_init_t known;
    peer_transceiver_init_init(&known, sizeof known);
    if (init != NULL && init->size < sizeof init->size)
        return error_set(PEER_ERROR_TYPE, "init was not filled by peer_transceiver_init_init()");
    if (init != NULL)
        API_COPY_SIZED(&known, init);
    if (kind != PEER_MEDIA_AUDIO && kind != PEER_MEDIA_VIDEO)
        return error_set(PEER_ERROR_TYPE, "%d is no kind of media", kind);
    if (known.direction < PEER_DIRECTION_SENDRECV || known.direction > PEER_DIRECTION_INACTIVE)
        return error_set(PEER_ERROR_TYPE, "%d is no direction to begin with", known.direction);
    if (known.track != NULL && peer_track_kind(known.track) != kind)
        return error_set(PEER_ERROR_TYPE, "the track is of kind %s", peer_media_kind_name(peer_track_kind(known.track)));
    peer_transceiver_t *made = NULL;
    int result;
    arena_t arena = {0};
    API_CALL_OPEN(pc, result, add_transceiver(pc, kind, &known, &arena, &made));
    arena_clear(&arena);
    if (result == 0 && transceiver != NULL)
        *transceiver = made;
    else
        peer_transceiver_unref(made);
    return result;
}

/* Calls `take` for each of the set of transceivers, without those that are stopped if it is halves of them that are asked for. */
static size_t collect(const peer_connection_t *pc, bool takes_stopped, void (*take)(peer_transceiver_t *, void **), void **items,
                      size_t capacity)
{
    size_t count = 0;
    loop_lock(pc->loop);
    for (size_t i = 0; i < connection_transceiver_count(pc->connection); i++) {
        transceiver_t *implementation = connection_transceiver(pc->connection, i);
        if (transceiver_is_removed(implementation) || (!takes_stopped && transceiver_is_stopped(implementation)))
            continue;
        peer_transceiver_t *transceiver = api_transceiver((peer_connection_t *)pc, implementation);
        if (transceiver == NULL)
            continue;
        if (count < capacity)
            take(peer_transceiver_ref(transceiver), &items[count]);
        count++;
    }
    loop_unlock(pc->loop);
    return count;
}

static void take_whole(peer_transceiver_t *transceiver, void **item)
{
    *item = transceiver;
}

static void take_sender(peer_transceiver_t *transceiver, void **item)
{
    *item = &transceiver->sender;
}

static void take_receiver(peer_transceiver_t *transceiver, void **item)
{
    *item = &transceiver->receiver;
}

size_t peer_connection_transceivers(const peer_connection_t *pc, peer_transceiver_t **transceivers, size_t capacity)
{
    return collect(pc, true, take_whole, (void **)(void *)transceivers, capacity);
}

size_t peer_connection_senders(const peer_connection_t *pc, peer_sender_t **senders, size_t capacity)
{
    return collect(pc, false, take_sender, (void **)(void *)senders, capacity);
}

size_t peer_connection_receivers(const peer_connection_t *pc, peer_receiver_t **receivers, size_t capacity)
{
    return collect(pc, false, take_receiver, (void **)(void *)receivers, capacity);
}

void api_connection_sweep_streams(peer_connection_t *pc)
{
    size_t kept = 0;
    for (size_t i = 0; i < pc->stream_count; i++)
        if (api_stream_is_unused(pc->streams[i]))
            peer_stream_unref(pc->streams[i]);
        else
            pc->streams[kept++] = pc->streams[i];
    pc->stream_count = kept;
}

peer_stream_t *api_connection_stream(peer_connection_t *pc, const char *id)
{
    if (pc->stream_count >= STREAMS_BEFORE_SWEEP && pc->stream_count == pc->stream_capacity)
        api_connection_sweep_streams(pc);
    for (size_t i = 0; i < pc->stream_count; i++)
        if (strcmp(peer_stream_id(pc->streams[i]), id) == 0)
            return pc->streams[i];
    void *streams = pc->streams;
    if (!memory_reserve(&streams, &pc->stream_capacity, pc->stream_count + 1, sizeof *pc->streams))
        return NULL;
    pc->streams = streams;
    peer_stream_t *stream = api_stream_new(id);
    if (stream != NULL)
        pc->streams[pc->stream_count++] = stream;
    return stream;
}
