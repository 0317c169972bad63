/* RTCDTMFSender: a part of the transceiver, whose count it shares. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

#define DEFAULT_DURATION_MS 100
#define DEFAULT_GAP_MS 70

peer_dtmf_sender_t *peer_sender_dtmf(peer_sender_t *sender)
{
    if (sender->transceiver->kind != PEER_MEDIA_AUDIO)
        return NULL;
    return peer_dtmf_sender_ref(&sender->transceiver->dtmf);
}

peer_dtmf_sender_t *peer_dtmf_sender_ref(peer_dtmf_sender_t *dtmf)
{
    peer_transceiver_ref(dtmf->transceiver);
    return dtmf;
}

void peer_dtmf_sender_unref(peer_dtmf_sender_t *dtmf)
{
    if (dtmf != NULL)
        peer_transceiver_unref(dtmf->transceiver);
}

void peer_dtmf_sender_events_init(peer_dtmf_sender_events_t *events, size_t size)
{
    memset(events, 0, size);
    events->size = size;
}

int peer_dtmf_sender_set_events(peer_dtmf_sender_t *dtmf, const peer_dtmf_sender_events_t *events, void *user)
{
    peer_dtmf_sender_events_t known = {.size = sizeof known};
    if (events != NULL && events->size < sizeof events->size)
        return error_set(PEER_ERROR_TYPE, "the events were not filled by peer_dtmf_sender_events_init()");
    if (events != NULL)
        API_COPY_SIZED(&known, events);
    loop_lock(dtmf->transceiver->loop);
    dtmf->events = known;
    dtmf->user = user;
    loop_unlock(dtmf->transceiver->loop);
    return 0;
}

void api_dtmf_tell(peer_dtmf_sender_t *dtmf, const char *tone)
{
    loop_lock(dtmf->transceiver->loop);
    void (*on_tone_change)(peer_dtmf_sender_t *, const char *, void *) = dtmf->events.on_tone_change;
    void *user = dtmf->user;
    loop_unlock(dtmf->transceiver->loop);
    if (on_tone_change != NULL)
        on_tone_change(dtmf, tone, user);
}

int peer_dtmf_sender_insert_dtmf(peer_dtmf_sender_t *dtmf, const char *tones, int32_t duration_ms, int32_t inter_tone_gap_ms)
{
    peer_transceiver_t *transceiver = dtmf->transceiver;
    if (tones == NULL)
        return error_set(PEER_ERROR_TYPE, "tones is NULL");
    loop_lock(transceiver->loop);
    int result = transceiver->pc == NULL ? error_set(PEER_ERROR_INVALID_STATE, "the connection is gone, or the transceiver stopped")
                                         : api_connection_check_open(transceiver->pc);
    if (result == 0)
        result =
            transceiver_insert_dtmf(transceiver->implementation, runtime_now(), tones, duration_ms < 0 ? DEFAULT_DURATION_MS : duration_ms,
                                    inter_tone_gap_ms < 0 ? DEFAULT_GAP_MS : inter_tone_gap_ms);
    if (result == 0)
        api_connection_touch(transceiver->pc);
    loop_unlock(transceiver->loop);
    return result;
}

int32_t peer_dtmf_sender_can_insert_dtmf(const peer_dtmf_sender_t *dtmf)
{
    const peer_transceiver_t *transceiver = dtmf->transceiver;
    loop_lock(transceiver->loop);
    bool can_insert = transceiver->pc != NULL && !transceiver->pc->is_closed && transceiver_can_insert_dtmf(transceiver->implementation);
    loop_unlock(transceiver->loop);
    return can_insert;
}

char *peer_dtmf_sender_tone_buffer(const peer_dtmf_sender_t *dtmf)
{
    const peer_transceiver_t *transceiver = dtmf->transceiver;
    loop_lock(transceiver->loop);
    char *buffer = memory_string(transceiver->pc != NULL ? transceiver_tone_buffer(transceiver->implementation) : "");
    loop_unlock(transceiver->loop);
    if (buffer == NULL)
        error_no_memory();
    return buffer;
}
