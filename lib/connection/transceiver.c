/* A transceiver of the connection: a lasting name for what jsep negotiates, and the functions that change it. */
#include "connection/internal.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

static const connection_direction_t directions[] = {[SDP_INACTIVE] = CONNECTION_INACTIVE,
                                                    [SDP_SENDONLY] = CONNECTION_SENDONLY,
                                                    [SDP_RECVONLY] = CONNECTION_RECVONLY,
                                                    [SDP_SENDRECV] = CONNECTION_SENDRECV};

static sdp_direction_t sdp_direction_of(connection_direction_t direction)
{
    static const sdp_direction_t values[] = {SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE};
    return values[direction];
}

transceiver_t *transceiver_of(connection_t *connection, jsep_transceiver_t *jsep)
{
    if (jsep->user != NULL)
        return jsep->user;
    void *transceivers = connection->transceivers;
    if (!memory_reserve(&transceivers, &connection->transceiver_capacity, connection->transceiver_count + 1,
                        sizeof *connection->transceivers))
        return NULL;
    connection->transceivers = transceivers;
    transceiver_t *transceiver = MEMORY_NEW(transceiver_t);
    if (transceiver == NULL)
        return NULL;
    atomic_init(&transceiver->references, 1);
    transceiver->connection = connection;
    transceiver->jsep = jsep;
    transceiver->kind = jsep->kind == JSEP_VIDEO ? CONNECTION_VIDEO : CONNECTION_AUDIO;
    connection->transceivers[connection->transceiver_count++] = transceiver;
    jsep->user = transceiver;
    return transceiver;
}

transceiver_t *transceiver_ref(transceiver_t *transceiver)
{
    atomic_fetch_add_explicit(&transceiver->references, 1, memory_order_relaxed);
    return transceiver;
}

void transceiver_unref(transceiver_t *transceiver)
{
    if (transceiver == NULL || atomic_fetch_sub_explicit(&transceiver->references, 1, memory_order_acq_rel) > 1)
        return;
    encodings_clear(transceiver);
    sending_clear(transceiver);
    memory_free(transceiver->dtmf.tones);
    memory_free(transceiver);
}

void transceiver_remove(transceiver_t *transceiver, bool keeps_mid)
{
    if (!keeps_mid)
        transceiver->mid[0] = '\0';
    connection_t *connection = transceiver->connection;
    event_transceiver(connection, CONNECTION_EVENT_TRANSCEIVER_REMOVED, transceiver);
    transceiver->jsep = NULL;
    size_t i = 0;
    while (connection->transceivers[i] != transceiver)
        i++;
    connection->transceiver_count--;
    memmove(&connection->transceivers[i], &connection->transceivers[i + 1],
            (connection->transceiver_count - i) * sizeof(connection->transceivers[0]));
    transceiver_unref(transceiver);
}

static int finish(connection_t *connection, peer_time_t now, int result, jsep_transceiver_t *jsep, transceiver_t **transceiver)
{
    if (result < 0)
        return result;
    connection->now = now;
    if (transceiver != NULL) {
        *transceiver = transceiver_of(connection, jsep);
        if (*transceiver == NULL)
            return error_no_memory();
    }
    update_negotiation_needed(connection);
    return 0;
}

int connection_add_track(connection_t *connection, peer_time_t now, connection_kind_t kind, const char *track_id,
                         const char *const *stream_ids, size_t stream_count, transceiver_t **transceiver)
{
    jsep_transceiver_t *jsep = NULL;
    int result =
        jsep_add_track(connection->jsep, kind == CONNECTION_VIDEO ? JSEP_VIDEO : JSEP_AUDIO, track_id, stream_ids, stream_count, &jsep);
    return finish(connection, now, result, jsep, transceiver);
}

int connection_remove_track(connection_t *connection, peer_time_t now, transceiver_t *transceiver)
{
    int result = transceiver->jsep != NULL ? jsep_remove_track(connection->jsep, transceiver->jsep) : 0;
    return finish(connection, now, result, NULL, NULL);
}

int connection_add_transceiver(connection_t *connection, peer_time_t now, connection_kind_t kind, const connection_transceiver_init_t *init,
                               transceiver_t **transceiver)
{
    const char *rids[CONNECTION_ENCODINGS_MAX];
    size_t rid_count = 0;
    for (; rid_count < init->encoding_count && init->encodings[rid_count].rid != NULL; rid_count++)
        rids[rid_count] = init->encodings[rid_count].rid;
    jsep_transceiver_init_t made = {.direction = sdp_direction_of(init->direction),
                                    .track = init->track_id,
                                    .streams = init->stream_ids,
                                    .stream_count = init->stream_count,
                                    .rids = rids,
                                    .rid_count = rid_count};
    jsep_transceiver_t *jsep = NULL;
    if (!encodings_are_possible(connection, kind, init->encodings, init->encoding_count))
        return PEER_ERROR_OPERATION;
    int result = jsep_add_transceiver(connection->jsep, kind == CONNECTION_VIDEO ? JSEP_VIDEO : JSEP_AUDIO, &made, &jsep);
    result = finish(connection, now, result, jsep, transceiver);
    if (result < 0 || init->encoding_count == 0)
        return result;
    result = transceiver_set_encodings(*transceiver, now, init->encodings, init->encoding_count);
    if (result < 0)
        jsep_stop(connection->jsep, jsep); /* it was not negotiated: gone at once */
    return result;
}

size_t connection_transceiver_count(const connection_t *connection)
{
    return connection->transceiver_count;
}

transceiver_t *connection_transceiver(const connection_t *connection, size_t index)
{
    return connection->transceivers[index];
}

void transceiver_set_user(transceiver_t *transceiver, void *user)
{
    transceiver->user = user;
}

void *transceiver_user(const transceiver_t *transceiver)
{
    return transceiver->user;
}

connection_kind_t transceiver_kind(const transceiver_t *transceiver)
{
    return transceiver->kind;
}

const char *transceiver_mid(const transceiver_t *transceiver)
{
    return transceiver->jsep != NULL ? transceiver->jsep->mid : transceiver->mid[0] != '\0' ? transceiver->mid : NULL;
}

bool transceiver_is_removed(const transceiver_t *transceiver)
{
    return transceiver->jsep == NULL;
}

bool transceiver_is_stopped(const transceiver_t *transceiver)
{
    return transceiver->jsep == NULL || transceiver->jsep->is_stopped || transceiver->connection->is_closed;
}

int32_t transceiver_direction(const transceiver_t *transceiver)
{
    const jsep_transceiver_t *jsep = transceiver->jsep;
    if (transceiver_is_stopped(transceiver) || jsep->is_stopping)
        return CONNECTION_STOPPED;
    return (int32_t)directions[jsep->direction];
}

int32_t transceiver_current_direction(const transceiver_t *transceiver)
{
    const jsep_transceiver_t *jsep = transceiver->jsep;
    if (transceiver_is_stopped(transceiver))
        return CONNECTION_STOPPED;
    return jsep->current_direction == JSEP_NO_DIRECTION ? -1 : (int32_t)directions[jsep->current_direction];
}

const char *transceiver_remote_track_id(const transceiver_t *transceiver)
{
    return transceiver->jsep != NULL ? transceiver->jsep->receiver_track : transceiver->remote_track;
}

int transceiver_set_direction(transceiver_t *transceiver, peer_time_t now, connection_direction_t direction)
{
    if (transceiver_direction(transceiver) == CONNECTION_STOPPED)
        return error_set(PEER_ERROR_INVALID_STATE, "the transceiver is stopped");
    if (direction > CONNECTION_INACTIVE)
        return error_set(PEER_ERROR_TYPE, "\"stopped\" cannot be set: stop() does it");
    int result = jsep_set_direction(transceiver->connection->jsep, transceiver->jsep, sdp_direction_of(direction));
    return finish(transceiver->connection, now, result, NULL, NULL);
}

void end_track(transceiver_t *transceiver)
{
    if (transceiver == NULL || transceiver->is_track_ended)
        return;
    transceiver->is_track_ended = true;
    event_transceiver(transceiver->connection, CONNECTION_EVENT_TRACK_ENDED, transceiver);
}

/* W3C §5.4 "stop sending and receiving" at once; the rest is negotiated. */
int transceiver_stop(transceiver_t *transceiver, peer_time_t now)
{
    if (transceiver->jsep == NULL || transceiver->jsep->is_stopping)
        return 0;
    int result = jsep_stop(transceiver->connection->jsep, transceiver->jsep);
    if (result == 0) {
        streams_remove(transceiver, now);
        sending_tell(transceiver->connection);
        end_track(transceiver);
    }
    return finish(transceiver->connection, now, result, NULL, NULL);
}

int transceiver_set_streams(transceiver_t *transceiver, peer_time_t now, const char *const *stream_ids, size_t stream_count)
{
    if (transceiver->jsep == NULL) /* W3C §5.2: nothing refuses it, and nothing will be negotiated */
        return 0;
    int result = jsep_set_streams(transceiver->connection->jsep, transceiver->jsep, stream_ids, stream_count);
    return finish(transceiver->connection, now, result, NULL, NULL);
}

int transceiver_replace_track(transceiver_t *transceiver, const char *track_id)
{
    if (transceiver->jsep == NULL)
        return error_set(PEER_ERROR_INVALID_STATE, "the transceiver is stopped");
    return jsep_replace_track(transceiver->connection->jsep, transceiver->jsep, track_id);
}
