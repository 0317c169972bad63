/* What a receiver counts of each stream that it decoded, for getStats: the decoder's counters and what happened to its pictures. */
#include "api/api.h"

#include "base/memory.h"

/* The entry of a stream; the one that was left longest ago gives way. NULL: memory ran out. */
static api_received_t *find(struct peer_receiver *receiver, uint32_t ssrc, bool makes)
{
    for (size_t i = 0; i < receiver->received_count; i++)
        if (receiver->received[i].ssrc == ssrc)
            return &receiver->received[i];
    if (!makes)
        return NULL;
    if (receiver->received == NULL)
        receiver->received = memory_array(API_RECEIVED_MAX, sizeof *receiver->received);
    if (receiver->received == NULL)
        return NULL;
    api_received_t *entry = &receiver->received[0];
    if (receiver->received_count < API_RECEIVED_MAX)
        entry = &receiver->received[receiver->received_count++];
    for (size_t i = 0; i < receiver->received_count; i++)
        if (receiver->received[i].left < entry->left)
            entry = &receiver->received[i];
    *entry = (api_received_t){.ssrc = ssrc};
    return entry;
}

static api_received_t *current(struct peer_receiver *receiver)
{
    return find(receiver, receiver->ssrc, true);
}

void api_receiver_keep_counts(struct peer_receiver *receiver)
{
    api_received_t *entry = receiver->worker != NULL ? current(receiver) : NULL;
    if (entry != NULL)
        codec_worker_get_stats(receiver->worker, &entry->decoded);
}

void api_receiver_follow_stream(struct peer_receiver *receiver, uint32_t ssrc)
{
    if (receiver->ssrc == ssrc && receiver->received_count != 0)
        return;
    api_receiver_keep_counts(receiver);
    api_received_t *left = receiver->received_count != 0 ? current(receiver) : NULL;
    if (left != NULL) {
        left->overflowed += atomic_exchange(&receiver->overflowed, 0);
        left->left = ++receiver->streams_left;
    }
    receiver->ssrc = ssrc;
    api_received_t *entry = current(receiver);
    if (entry == NULL)
        return;
    entry->left = UINT64_MAX;
    api_receiver_go_on_counting(receiver);
}

void api_receiver_go_on_counting(struct peer_receiver *receiver)
{
    const api_received_t *entry = current(receiver);
    if (receiver->worker != NULL && entry != NULL)
        codec_worker_count_from(receiver->worker, &entry->decoded);
}

void api_receiver_note_picture(struct peer_receiver *receiver, peer_time_t now)
{
    api_received_t *entry = current(receiver);
    if (entry != NULL)
        media_rendering_add(&entry->rendering, now);
}

bool api_receiver_counts(struct peer_receiver *receiver, uint32_t ssrc, api_received_t *counts)
{
    const api_received_t *entry = find(receiver, ssrc, false);
    if (entry == NULL)
        return false;
    *counts = *entry;
    if (receiver->ssrc != ssrc)
        counts->decoded.frames_per_second = 0;
    if (receiver->ssrc == ssrc && receiver->worker != NULL)
        codec_worker_get_stats(receiver->worker, &counts->decoded);
    if (receiver->ssrc == ssrc)
        counts->overflowed += atomic_load(&receiver->overflowed);
    return true;
}
