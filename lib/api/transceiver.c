/* RTCRtpTransceiver: the application's handle on a transceiver of the connection; its sender and receiver share its count. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"
#include "srtp/srtp.h"

#include <string.h>

static bool acquire(void *owner)
{
    peer_transceiver_t *transceiver = owner;
    unsigned references = atomic_load(&transceiver->references);
    while (references > 0)
        if (atomic_compare_exchange_weak(&transceiver->references, &references, references + 1))
            return true;
    return false;
}

static void on_sinks_changed(void *owner)
{
    peer_transceiver_t *transceiver = owner;
    api_track_wants_t wants = api_track_wants(transceiver->receiver.track);
    loop_lock(transceiver->loop);
    if (transceiver->pc != NULL && !transceiver->pc->is_closed)
        transceiver_set_wanted(transceiver->implementation, runtime_now(), wants.rtp, wants.encoded);
    loop_unlock(transceiver->loop);
    peer_transceiver_unref(transceiver);
}

static void destroy(peer_transceiver_t *transceiver)
{
    if (transceiver->receiver.track != NULL) {
        api_track_set_owner(transceiver->receiver.track, NULL, NULL, NULL);
        peer_track_unref(transceiver->receiver.track);
    }
    memory_free(transceiver->receiver.received);
    api_sender_destroy(&transceiver->sender);
    peer_dtls_transport_unref(transceiver->last_transport);
    transceiver_unref(transceiver->implementation);
    loop_unref(transceiver->loop);
    while (transceiver->mids != NULL) {
        api_mid_t *mid = transceiver->mids;
        transceiver->mids = mid->next;
        memory_free(mid);
    }
    memory_free(transceiver);
}

/* What the first media of the process would otherwise wait for. */
static void warm_up(void)
{
    runtime_in_background(srtp_prepare);
}

peer_transceiver_t *api_transceiver(peer_connection_t *pc, transceiver_t *implementation)
{
    static pthread_once_t warmed_up = PTHREAD_ONCE_INIT;
    peer_transceiver_t *transceiver = transceiver_user(implementation);
    if (transceiver != NULL)
        return transceiver;
    pthread_once(&warmed_up, warm_up);
    void *transceivers = pc->transceivers;
    if (!memory_reserve(&transceivers, &pc->transceiver_capacity, pc->transceiver_count + 1, sizeof *pc->transceivers))
        return NULL;
    pc->transceivers = transceivers;
    transceiver = MEMORY_NEW(peer_transceiver_t);
    if (transceiver == NULL)
        return NULL;
    atomic_init(&transceiver->references, 1); /* the connection's */
    transceiver->loop = loop_ref(pc->loop);
    transceiver->pc = pc;
    transceiver->connection_id = pc->id;
    transceiver->implementation = transceiver_ref(implementation);
    transceiver->kind = (int32_t)transceiver_kind(implementation);
    transceiver->current_direction = -1;
    transceiver->receiver.transceiver = transceiver;
    transceiver->receiver.jitter_buffer_target_ms = -1;
    transceiver->dtmf.transceiver = transceiver;
    if (api_sender_init(transceiver) < 0) {
        transceiver_unref(implementation);
        loop_unref(transceiver->loop);
        memory_free(transceiver);
        return NULL;
    }
    const char *remote_id = transceiver_remote_track_id(implementation);
    transceiver->receiver.track =
        api_track_new(transceiver->kind, remote_id != NULL && *remote_id != '\0' ? remote_id : NULL, "remote", true);
    if (transceiver->receiver.track == NULL) {
        destroy(transceiver);
        return NULL;
    }
    api_track_set_owner(transceiver->receiver.track, acquire, on_sinks_changed, transceiver);
    pc->transceivers[pc->transceiver_count++] = transceiver;
    transceiver_set_user(implementation, transceiver);
    return transceiver;
}

#define MIDS_KEPT 8

/* The text for the application: it must stay valid, even if a rollback and another offer give the transceiver another mid, but endless
 * rollbacks must not hold memory without end. Under the lock. */
static const char *keep_mid(peer_transceiver_t *transceiver, const char *text)
{
    api_mid_t **last = &transceiver->mids;
    if (text == NULL)
        return NULL;
    for (size_t count = 1; *last != NULL && strcmp((*last)->text, text) != 0 && count < MIDS_KEPT; count++)
        last = &(*last)->next;
    api_mid_t *mid = *last;
    if (mid == NULL || strcmp(mid->text, text) != 0) {
        size_t size = strlen(text) + 1;
        api_mid_t *made = memory_new(sizeof *made + size);
        if (made == NULL)
            return NULL;
        memcpy(made->text, text, size);
        if (mid != NULL) { /* the one that was not asked for the longest */
            *last = mid->next;
            memory_free(mid);
        }
        mid = made;
    } else {
        *last = mid->next;
    }
    mid->next = transceiver->mids;
    transceiver->mids = mid;
    return mid->text;
}

/* Keeps what the getters answer once the connection is gone. */
static void remember(peer_transceiver_t *transceiver)
{
    transceiver->mid = keep_mid(transceiver, transceiver_mid(transceiver->implementation));
    transceiver->direction = transceiver_direction(transceiver->implementation);
    transceiver->current_direction = transceiver_current_direction(transceiver->implementation);
    api_transceiver_remember_extensions(transceiver);
}

void api_transceiver_close(peer_transceiver_t *transceiver)
{
    remember(transceiver);
    api_sender_close(&transceiver->sender);
    api_receiver_close(&transceiver->receiver);
}

void api_transceiver_orphan(peer_transceiver_t *transceiver)
{
    remember(transceiver);
    peer_dtls_transport_t *transport = transceiver_has_transport(transceiver->implementation) ? api_dtls_transport(transceiver->pc) : NULL;
    transceiver->last_transport = transport != NULL ? peer_dtls_transport_ref(transport) : NULL;
    transceiver->direction = PEER_DIRECTION_STOPPED; /* W3C WebRTC §4.4.3: closing stops every transceiver */
    transceiver->current_direction = PEER_DIRECTION_STOPPED;
    transceiver_unref(transceiver->implementation);
    transceiver->implementation = NULL;
    transceiver->pc = NULL;
}

void api_transceiver_remove(peer_connection_t *pc, transceiver_t *implementation)
{
    loop_lock(pc->loop);
    peer_transceiver_t *transceiver = pc->is_closed ? NULL : transceiver_user(implementation);
    if (transceiver != NULL) {
        size_t i = 0;
        while (pc->transceivers[i] != transceiver)
            i++;
        pc->transceiver_count--;
        memmove(&pc->transceivers[i], &pc->transceivers[i + 1], (pc->transceiver_count - i) * sizeof(pc->transceivers[0]));
        api_transceiver_close(transceiver);
        api_transceiver_orphan(transceiver);
        transceiver->is_removed = true;
        api_connection_sweep_streams(pc);
    }
    loop_unlock(pc->loop);
    peer_transceiver_unref(transceiver);
}

peer_transceiver_t *peer_transceiver_ref(peer_transceiver_t *transceiver)
{
    atomic_fetch_add_explicit(&transceiver->references, 1, memory_order_relaxed);
    return transceiver;
}

void peer_transceiver_unref(peer_transceiver_t *transceiver)
{
    if (transceiver != NULL && atomic_fetch_sub_explicit(&transceiver->references, 1, memory_order_acq_rel) == 1)
        destroy(transceiver);
}

int32_t peer_transceiver_kind(const peer_transceiver_t *transceiver)
{
    return transceiver->kind;
}

const char *peer_transceiver_mid(const peer_transceiver_t *transceiver)
{
    loop_lock(transceiver->loop);
    const char *mid = transceiver->implementation != NULL
                          ? keep_mid((peer_transceiver_t *)transceiver, transceiver_mid(transceiver->implementation))
                          : transceiver->mid;
    loop_unlock(transceiver->loop);
    return mid;
}

int32_t peer_transceiver_direction(const peer_transceiver_t *transceiver)
{
    loop_lock(transceiver->loop);
    int32_t direction = transceiver->implementation != NULL ? transceiver_direction(transceiver->implementation) : transceiver->direction;
    loop_unlock(transceiver->loop);
    return direction;
}

int32_t peer_transceiver_current_direction(const peer_transceiver_t *transceiver)
{
    loop_lock(transceiver->loop);
    int32_t direction =
        transceiver->implementation != NULL ? transceiver_current_direction(transceiver->implementation) : transceiver->current_direction;
    loop_unlock(transceiver->loop);
    return direction;
}

int peer_transceiver_set_direction(peer_transceiver_t *transceiver, int32_t direction)
{
    if (direction < PEER_DIRECTION_SENDRECV || direction > PEER_DIRECTION_STOPPED)
        return error_set(PEER_ERROR_TYPE, "%d is no direction", direction);
    loop_lock(transceiver->loop);
    int result = transceiver->pc == NULL ? error_set(PEER_ERROR_INVALID_STATE, "the connection is gone")
                                         : api_connection_check_open(transceiver->pc);
    if (result == 0)
        result = transceiver_set_direction(transceiver->implementation, runtime_now(), (connection_direction_t)direction);
    if (result == 0)
        api_connection_touch(transceiver->pc);
    loop_unlock(transceiver->loop);
    return result;
}

int peer_transceiver_stop(peer_transceiver_t *transceiver)
{
    loop_lock(transceiver->loop);
    if (transceiver->is_removed) { /* W3C WebRTC §5.4 stop step 4: it is stopped */
        loop_unlock(transceiver->loop);
        return 0;
    }
    int result = transceiver->pc == NULL ? error_set(PEER_ERROR_INVALID_STATE, "the connection is gone")
                                         : api_connection_check_open(transceiver->pc);
    if (result == 0)
        result = transceiver_stop(transceiver->implementation, runtime_now());
    if (result == 0)
        api_connection_touch(transceiver->pc);
    loop_unlock(transceiver->loop);
    return result;
}

peer_sender_t *peer_transceiver_sender(const peer_transceiver_t *transceiver)
{
    return peer_sender_ref((peer_sender_t *)&transceiver->sender);
}

peer_receiver_t *peer_transceiver_receiver(const peer_transceiver_t *transceiver)
{
    return peer_receiver_ref((peer_receiver_t *)&transceiver->receiver);
}
