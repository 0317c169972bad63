/* RTCRtpSender: a track's media through an encoder (or as they are) into the connection. */
#include "api/api.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static peer_sender_t *sender_of(void *user)
{
    return user;
}

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
    pthread_mutex_destroy(&sender->lock);
}

/* ---- from the encoder ---- */

static void on_encoded(void *user, peer_encoded_frame_t *frame)
{
    peer_transceiver_t *transceiver = sender_of(user)->transceiver;
    loop_lock(transceiver->loop);
    peer_connection_t *pc = transceiver->pc;
    if (pc != NULL && !pc->is_closed) {
        connection_frame_t sent = {.data = peer_encoded_frame_data(frame),
                                   .length = peer_encoded_frame_length(frame),
                                   .timestamp_us = peer_encoded_frame_timestamp_us(frame),
                                   .duration_us = peer_encoded_frame_duration_us(frame),
                                   .is_key = peer_encoded_frame_is_key(frame)};
        if (sent.length > 0 && transceiver_send_frame(transceiver->implementation, runtime_now(), &sent) < 0)
            LOG_DEBUG("sender", 0, "frame not sent: %s", peer_last_error_message());
        api_connection_touch(pc);
    }
    loop_unlock(transceiver->loop);
}

static void on_encoder_error(void *user, int error, const char *message)
{
    LOG_ERROR("sender", 0, "encoder: %s (%s)", message, peer_error_name(error));
}

/* The worker had a reference: it may be inside a callback when the sender lets go of it. */
static void on_encoder_released(void *user)
{
    peer_sender_unref(user);
}

static const codec_worker_events_t encoder_events = {
    .on_encoded = on_encoded, .on_error = on_encoder_error, .on_released = on_encoder_released};

/* About 0.1 bits a pixel at 30 frames a second: 0.9 Mbit/s for 640×480, 2.8 for 1280×720. */
static uint32_t default_bitrate(const struct peer_sender *sender, uint32_t width, uint32_t height)
{
    if (sender->transceiver->kind == PEER_MEDIA_AUDIO)
        return sender->codec->clock_rate == 8000 ? 64000 : 32000;
    uint64_t rate = (uint64_t)width * height * 3;
    return rate < 150000 ? 150000 : rate > 4000000 ? 4000000 : (uint32_t)rate;
}

/* Under the sender's lock. */
static void set_rate(struct peer_sender *sender, uint32_t width, uint32_t height)
{
    peer_encoder_rates_t rates;
    peer_encoder_rates_init(&rates, sizeof rates);
    rates.bitrate_bps = sender->bitrate_bps != 0 ? sender->bitrate_bps : default_bitrate(sender, width, height);
    codec_worker_set_rates(sender->worker, &rates);
}

static codec_worker_t *new_worker(struct peer_sender *sender)
{
    peer_encoder_settings_t settings;
    peer_encoder_settings_init(&settings, sizeof settings, sender->transceiver->kind);
    settings.fmtp = sender->fmtp;
    settings.bitrate_bps = sender->bitrate_bps != 0 ? sender->bitrate_bps : default_bitrate(sender, 640, 480);
    codec_worker_t *worker;
    peer_sender_ref(sender);
    if (codec_worker_new_encoder(api_codec_pool(), sender->codec, &settings, &encoder_events, sender, &worker) < 0) {
        LOG_ERROR("sender", 0, "no encoder: %s", peer_last_error_message());
        peer_sender_unref(sender);
        return NULL;
    }
    return worker;
}

/* ---- from the track: any thread, no lock held ---- */

static void write_video(void *user, peer_video_frame_t *frame)
{
    peer_sender_t *sender = user;
    uint32_t width = peer_video_frame_width(frame), height = peer_video_frame_height(frame);
    pthread_mutex_lock(&sender->lock);
    if (sender->worker != NULL) {
        if (width != sender->width || height != sender->height) {
            sender->width = width;
            sender->height = height;
            set_rate(sender, width, height);
        }
        codec_worker_encode_video(sender->worker, frame);
    }
    pthread_mutex_unlock(&sender->lock);
}

static void write_audio(void *user, peer_audio_frame_t *frame)
{
    peer_sender_t *sender = user;
    pthread_mutex_lock(&sender->lock);
    if (sender->worker != NULL)
        codec_worker_encode_audio(sender->worker, frame);
    pthread_mutex_unlock(&sender->lock);
}

static void write_encoded(void *user, peer_encoded_frame_t *frame)
{
    peer_sender_t *sender = user;
    pthread_mutex_lock(&sender->lock);
    const peer_codec_t *codec = sender->codec;
    pthread_mutex_unlock(&sender->lock);
    if (codec != NULL && strcasecmp(codec->mime_type, peer_encoded_frame_mime_type(frame)) == 0)
        on_encoded(sender, frame);
}

static void write_rtp(void *user, const void *packet, size_t length)
{
    peer_transceiver_t *transceiver = sender_of(user)->transceiver;
    loop_lock(transceiver->loop);
    peer_connection_t *pc = transceiver->pc;
    if (pc != NULL && !pc->is_closed) {
        if (transceiver_send_rtp(transceiver->implementation, runtime_now(), packet, length) < 0)
            LOG_DEBUG("sender", 0, "packet not sent: %s", peer_last_error_message());
        api_connection_touch(pc);
    }
    loop_unlock(transceiver->loop);
}

static void ref_sender(void *user)
{
    peer_sender_ref(user);
}

static void unref_sender(void *user)
{
    peer_sender_unref(user);
}

static const api_track_output_t track_output = {write_video, write_audio, write_encoded, write_rtp, ref_sender, unref_sender};

int api_sender_set_track(struct peer_sender *sender, peer_track_t *track)
{
    if (track == sender->track)
        return 0;
    if (track != NULL) {
        int error = api_track_attach(track, &track_output, sender);
        if (error < 0)
            return error;
        peer_track_ref(track);
    }
    pthread_mutex_lock(&sender->lock);
    peer_track_t *previous = sender->track;
    sender->track = track;
    if (sender->worker != NULL)
        codec_worker_force_key(sender->worker);
    pthread_mutex_unlock(&sender->lock);
    if (previous != NULL)
        api_track_detach(previous, sender);
    peer_track_unref(previous);
    return 0;
}

void api_sender_configure(struct peer_sender *sender, const connection_event_t *event)
{
    const connection_event_codec_t *wanted = &event->codec;
    char mime_type[48];
    snprintf(mime_type, sizeof mime_type, "%s/%s", peer_media_kind_name(sender->transceiver->kind), wanted->name);
    const peer_codec_t *codec = wanted->name[0] != '\0' ? peer_codec_find(mime_type) : NULL;
    pthread_mutex_lock(&sender->lock);
    bool is_same = sender->is_closed || (codec == sender->codec && strcmp(sender->fmtp, wanted->fmtp) == 0);
    codec_worker_t *old = is_same ? NULL : sender->worker;
    if (!is_same) {
        sender->codec = codec;
        sender->channels = wanted->channels;
        snprintf(sender->fmtp, sizeof sender->fmtp, "%s", wanted->fmtp);
        sender->width = sender->height = 0;
        sender->worker = codec != NULL ? new_worker(sender) : NULL;
    }
    peer_track_t *track = !is_same && sender->track != NULL ? peer_track_ref(sender->track) : NULL;
    pthread_mutex_unlock(&sender->lock);
    codec_worker_free(old);
    if (track != NULL && codec != NULL) { /* the first picture need not wait for the next one of the source */
        peer_video_frame_t *frame = api_track_last_frame(track);
        if (frame != NULL)
            write_video(sender, frame);
        peer_video_frame_unref(frame);
    }
    peer_track_unref(track);
}

void api_sender_force_key(struct peer_sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    if (sender->worker != NULL)
        codec_worker_force_key(sender->worker);
    peer_track_t *track = sender->track != NULL ? peer_track_ref(sender->track) : NULL;
    pthread_mutex_unlock(&sender->lock);
    if (track != NULL)
        api_track_deliver_key_frame_request(track);
    peer_track_unref(track);
}

void api_sender_close(struct peer_sender *sender)
{
    if (sender->track != NULL) /* the attribute stays: W3C WebRTC §4.4.2 close and §5.4 stop do not touch it */
        api_track_detach(sender->track, sender);
    pthread_mutex_lock(&sender->lock);
    codec_worker_t *worker = sender->worker;
    sender->worker = NULL;
    sender->codec = NULL;
    sender->is_closed = true;
    pthread_mutex_unlock(&sender->lock);
    codec_worker_free(worker);
}

bool api_sender_stats(struct peer_sender *sender, codec_worker_stats_t *stats, const peer_codec_t **codec)
{
    pthread_mutex_lock(&sender->lock);
    bool is_encoding = sender->worker != NULL;
    if (is_encoding) {
        codec_worker_get_stats(sender->worker, stats);
        *codec = sender->codec;
    }
    pthread_mutex_unlock(&sender->lock);
    return is_encoding;
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
    if (sender->worker != NULL)
        set_rate(sender, sender->width != 0 ? sender->width : 640, sender->height != 0 ? sender->height : 480);
    pthread_mutex_unlock(&sender->lock);
    return 0;
}
