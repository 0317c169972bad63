/* RTCRtpSender: a track's media through encoders (or as they are) into the connection. The encoders are in sender_encoders.c. */
#include "api/api.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

peer_sender_t *peer_sender_ref(peer_sender_t *sender)
{
    peer_transceiver_ref(sender->transceiver);
    return sender;
}

void peer_sender_unref(peer_sender_t *sender)
{
    if (sender != NULL)
        peer_transceiver_unref(sender->transceiver);
}

int api_sender_init(peer_transceiver_t *transceiver)
{
    transceiver->sender.transceiver = transceiver;
    transceiver->sender.degradation_preference = PEER_DEGRADATION_UNSET;
    return pthread_mutex_init(&transceiver->sender.lock, NULL) == 0 ? 0 : error_no_memory();
}

void api_sender_destroy(struct peer_sender *sender)
{
    peer_track_unref(sender->track);
    memory_free(sender->encoders);
    pthread_mutex_destroy(&sender->lock);
}

int api_sender_set_track(struct peer_sender *sender, peer_track_t *track)
{
    if (track == sender->track)
        return 0;
    if (track != NULL) {
        int error = api_track_attach(track, &api_sender_output, sender);
        if (error < 0)
            return error;
        peer_track_ref(track);
    }
    pthread_mutex_lock(&sender->lock);
    peer_track_t *previous = sender->track;
    sender->track = track;
    api_sender_force_all_keys(sender);
    pthread_mutex_unlock(&sender->lock);
    if (previous != NULL)
        api_track_detach(previous, sender);
    peer_track_unref(previous);
    if (sender->transceiver->pc != NULL)
        api_sources_follow(sender->transceiver->pc);
    return 0;
}

void api_sender_close(struct peer_sender *sender)
{
    if (sender->track != NULL) /* the attribute stays: W3C WebRTC §4.4.2 close and §5.4 stop do not touch it */
        api_track_detach(sender->track, sender);
    api_sender_end_encoders(sender);
}

/* ---- public ---- */

peer_track_t *peer_sender_track(const peer_sender_t *sender)
{
    loop_lock(sender->transceiver->loop);
    peer_track_t *track = sender->track != NULL ? peer_track_ref(sender->track) : NULL;
    loop_unlock(sender->transceiver->loop);
    return track;
}

peer_transceiver_t *peer_sender_transceiver(const peer_sender_t *sender)
{
    return sender->transceiver;
}

int peer_sender_replace_track(peer_sender_t *sender, peer_track_t *track)
{
    peer_transceiver_t *transceiver = sender->transceiver;
    if (track != NULL && peer_track_kind(track) != transceiver->kind)
        return error_set(PEER_ERROR_TYPE, "the sender is of kind %s", peer_media_kind_name(transceiver->kind));
    loop_lock(transceiver->loop);
    int result = transceiver->pc == NULL ? error_set(PEER_ERROR_INVALID_STATE, "the connection is gone")
                                         : api_connection_check_open(transceiver->pc);
    if (result == 0 && transceiver_direction(transceiver->implementation) == PEER_DIRECTION_STOPPED)
        result = error_set(PEER_ERROR_INVALID_STATE, "the transceiver is stopped");
    if (result == 0)
        result = api_sender_set_track(sender, track);
    if (result == 0)
        transceiver_replace_track(transceiver->implementation, track != NULL ? peer_track_id(track) : NULL);
    loop_unlock(transceiver->loop);
    return result;
}

int peer_sender_set_bitrate(peer_sender_t *sender, uint32_t bitrate_bps)
{
    if (bitrate_bps != 0 && (bitrate_bps < 6000 || bitrate_bps > 50000000))
        return error_set(PEER_ERROR_RANGE, "a bitrate is 6,000 to 50,000,000, not %u", bitrate_bps);
    loop_lock(sender->transceiver->loop);
    bool is_open = sender->transceiver->pc != NULL && !sender->transceiver->pc->is_closed;
    loop_unlock(sender->transceiver->loop);
    if (!is_open)
        return error_set(PEER_ERROR_INVALID_STATE, "the connection is closed");
    pthread_mutex_lock(&sender->lock);
    sender->bitrate_bps = bitrate_bps;
    api_sender_rates_changed(sender);
    pthread_mutex_unlock(&sender->lock);
    return 0;
}
