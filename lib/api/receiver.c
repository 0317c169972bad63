/* RTCRtpReceiver: frames from the connection through a decoder to the sinks of its track. */
#include "api/api.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "media/media.h"

#include <stdio.h>
#include <string.h>

#define POSTED_MAX 8 /* decoded pictures waiting for a slow application; then new ones are dropped */

peer_receiver_t *peer_receiver_ref(peer_receiver_t *receiver)
{
    peer_transceiver_ref(receiver->transceiver);
    return receiver;
}

void peer_receiver_unref(peer_receiver_t *receiver)
{
    if (receiver != NULL)
        peer_transceiver_unref(receiver->transceiver);
}

/* ---- from the decoder's thread to the loop ---- */

typedef struct delivery {
    peer_receiver_t *receiver;
    peer_video_frame_t *video;
    peer_audio_frame_t *audio;
} delivery_t;

static bool is_open(peer_receiver_t *receiver, bool is_picture)
{
    loop_lock(receiver->transceiver->loop);
    bool is_open = receiver->transceiver->pc != NULL && !receiver->transceiver->pc->is_closed;
    if (is_open && is_picture)
        api_receiver_note_picture(receiver, runtime_now());
    loop_unlock(receiver->transceiver->loop);
    return is_open;
}

static void deliver(void *argument)
{
    delivery_t *delivery = argument;
    peer_receiver_t *receiver = delivery->receiver;
    atomic_fetch_sub(&receiver->posted, 1);
    if (is_open(receiver, delivery->video != NULL)) {
        if (delivery->video != NULL)
            api_track_deliver_video(receiver->track, delivery->video);
        if (delivery->audio != NULL)
            api_track_deliver_audio(receiver->track, delivery->audio);
    }
    peer_video_frame_unref(delivery->video);
    peer_audio_frame_unref(delivery->audio);
    peer_receiver_unref(receiver);
    memory_free(delivery);
}

static void post(peer_receiver_t *receiver, peer_video_frame_t *video, peer_audio_frame_t *audio)
{
    if (atomic_load(&receiver->posted) >= (video != NULL ? POSTED_MAX : 10 * POSTED_MAX)) {
        atomic_fetch_add(&receiver->overflowed, video != NULL);
        return;
    }
    delivery_t *delivery = MEMORY_NEW(delivery_t);
    if (delivery == NULL)
        return;
    delivery->receiver = peer_receiver_ref(receiver);
    delivery->video = video != NULL ? peer_video_frame_ref(video) : NULL;
    delivery->audio = audio != NULL ? peer_audio_frame_ref(audio) : NULL;
    atomic_fetch_add(&receiver->posted, 1);
    if (loop_post(receiver->transceiver->loop, deliver, delivery) < 0) {
        atomic_fetch_sub(&receiver->posted, 1);
        peer_video_frame_unref(delivery->video);
        peer_audio_frame_unref(delivery->audio);
        peer_receiver_unref(receiver);
        memory_free(delivery);
    }
}

static void on_video(void *user, peer_video_frame_t *frame)
{
    post(user, frame, NULL);
}

static void on_audio(void *user, peer_audio_frame_t *frame)
{
    post(user, NULL, frame);
}

static void on_key_needed(void *user)
{
    peer_receiver_request_key_frame(user);
}

static void on_decoder_error(void *user, int error, const char *message)
{
    LOG_WARNING("receiver", 0, "decoder: %s (%s)", message, peer_error_name(error));
}

static void on_decoder_released(void *user)
{
    peer_receiver_unref(user);
}

static const codec_worker_events_t decoder_events = {.on_video = on_video,
                                                     .on_audio = on_audio,
                                                     .on_key_needed = on_key_needed,
                                                     .on_error = on_decoder_error,
                                                     .on_released = on_decoder_released};

/* ---- from the connection, on the loop ---- */

/* The decoder for what comes now: made at the first frame that someone wants to see or hear, and anew when the codec changes; then the old
 * one is the caller's to free. Under the loop's lock, as is whatever is done with the decoder: another thread may be closing. */
static codec_worker_t *decoder_for(peer_receiver_t *receiver, const connection_event_codec_t *wanted, codec_worker_t **old)
{
    char mime_type[48];
    snprintf(mime_type, sizeof mime_type, "%s/%s", peer_media_kind_name(receiver->transceiver->kind), wanted->name);
    const peer_codec_t *codec = peer_codec_find(mime_type);
    bool may_make = receiver->transceiver->pc != NULL && !receiver->transceiver->pc->is_closed && codec != NULL;
    if ((receiver->worker != NULL && receiver->codec == codec) || !may_make)
        return receiver->worker;
    peer_decoder_settings_t settings;
    peer_decoder_settings_init(&settings, sizeof settings);
    settings.fmtp = wanted->fmtp;
    api_receiver_keep_counts(receiver);
    *old = receiver->worker;
    receiver->worker = NULL;
    receiver->codec = codec;
    peer_receiver_ref(receiver);
    if (codec_worker_new_decoder(api_codec_pool(), codec, &settings, receiver->transceiver->kind == PEER_MEDIA_AUDIO ? 48000 : 0,
                                 &decoder_events, receiver, &receiver->worker) < 0) {
        LOG_ERROR("receiver", 0, "no decoder: %s", peer_last_error_message());
        peer_receiver_unref(receiver);
    }
    api_receiver_go_on_counting(receiver);
    return receiver->worker;
}

static void decode(peer_receiver_t *receiver, const connection_event_t *event, peer_encoded_frame_t *encoded)
{
    const media_frame_t *frame = event->media.frame;
    codec_arrival_t arrival = {frame->first_receive_time, frame->receive_time, frame->packet_count};
    codec_worker_t *old = NULL;
    loop_lock(receiver->transceiver->loop);
    api_receiver_follow_stream(receiver, frame->ssrc);
    codec_worker_t *worker = decoder_for(receiver, &event->media.codec, &old);
    if (worker != NULL)
        codec_worker_decode(worker, encoded, &arrival);
    loop_unlock(receiver->transceiver->loop);
    codec_worker_free(old);
}

static void release_media_frame(void *user)
{
    media_frame_unref(user);
}

static peer_encoded_frame_t *encoded_of(const peer_receiver_t *receiver, const connection_event_t *event)
{
    media_frame_t *frame = event->media.frame;
    char mime_type[48];
    snprintf(mime_type, sizeof mime_type, "%s/%s", peer_media_kind_name(receiver->transceiver->kind), event->media.codec.name);
    peer_encoded_buffer_t buffer;
    peer_encoded_buffer_init(&buffer, sizeof buffer);
    buffer.mime_type = mime_type;
    buffer.data = frame->data;
    buffer.length = frame->length;
    buffer.timestamp_us = frame->render_time;
    buffer.duration_us = frame->duration_us;
    buffer.rtp_timestamp = frame->rtp_timestamp;
    buffer.is_key = frame->is_key;
    buffer.rid = event->media.rid[0] != '\0' ? event->media.rid : NULL;
    buffer.temporal_layers = frame->has_layers ? frame->temporal_id + 1 : 0;
    buffer.temporal_id = frame->has_layers ? frame->temporal_id : 0;
    buffer.is_layer_sync = frame->is_layer_sync;
    peer_encoded_frame_t *encoded;
    if (peer_encoded_frame_new_adopt(&buffer, release_media_frame, media_frame_ref(frame), &encoded) < 0) {
        media_frame_unref(frame);
        return NULL;
    }
    return encoded;
}

void api_receiver_frame(struct peer_receiver *receiver, const connection_event_t *event)
{
    api_track_wants_t wants = api_track_wants(receiver->track);
    bool is_decoded = wants.raw && event->media.is_shown;
    if (!is_decoded && !wants.encoded)
        return;
    peer_encoded_frame_t *encoded = encoded_of(receiver, event);
    if (encoded == NULL)
        return;
    if (wants.encoded)
        api_track_deliver_encoded(receiver->track, encoded);
    if (is_decoded)
        decode(receiver, event, encoded);
    peer_encoded_frame_unref(encoded);
}

void api_receiver_lost(struct peer_receiver *receiver, const connection_event_t *event)
{
    if (!api_track_wants(receiver->track).raw)
        return;
    peer_encoded_frame_t *next = event->media.frame != NULL ? encoded_of(receiver, event) : NULL;
    loop_lock(receiver->transceiver->loop);
    codec_worker_t *worker = receiver->worker;
    if (worker != NULL && next != NULL)
        codec_worker_recover(worker, next, event->media.render_time, event->media.duration_us);
    else if (worker != NULL)
        codec_worker_conceal(worker, event->media.render_time, event->media.duration_us);
    loop_unlock(receiver->transceiver->loop);
    peer_encoded_frame_unref(next);
}

void api_receiver_close(struct peer_receiver *receiver)
{
    codec_worker_t *worker = receiver->worker;
    api_receiver_keep_counts(receiver);
    receiver->worker = NULL;
    codec_worker_free(worker);
    api_track_close(receiver->track);
}

/* ---- public ---- */

peer_track_t *peer_receiver_track(const peer_receiver_t *receiver)
{
    return peer_track_ref(receiver->track);
}

peer_transceiver_t *peer_receiver_transceiver(const peer_receiver_t *receiver)
{
    return receiver->transceiver;
}

int peer_receiver_request_key_frame(peer_receiver_t *receiver)
{
    peer_transceiver_t *transceiver = receiver->transceiver;
    loop_lock(transceiver->loop);
    int result = transceiver->pc == NULL ? error_set(PEER_ERROR_INVALID_STATE, "the connection is gone")
                                         : api_connection_check_open(transceiver->pc);
    if (result == 0) {
        transceiver_request_key_frame(transceiver->implementation, runtime_now());
        api_connection_touch(transceiver->pc);
    }
    loop_unlock(transceiver->loop);
    return result;
}
