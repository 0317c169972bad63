/* The encoders of a sender: one for each encoding that is sent, made, changed and given up as negotiation and setParameters() say. Raw
 * media of the track go to all of them; what they give goes into the connection, each in the place of its encoding. */
#include "api/rtp.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "codec/frame.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BITRATE_LEAST 30000      /* below it no picture is worth sending */
#define SOUND_BITRATE_LEAST 6000 /* RFC 6716 §2.1.1 */
#define G711_BITRATE 64000
#define HEADROOM 0.95 /* of a limit: RTP headers count (RFC 3890 §6.2.2), and an encoder's rate varies */

/* What an encoder's callbacks are given: it lives as long as the encoder. */
typedef struct origin {
    peer_sender_t *sender;
    size_t place;
} origin_t;

/* ---- from an encoder ---- */

static void send_encoded(struct peer_sender *sender, size_t place, peer_encoded_frame_t *frame, size_t target_length)
{
    peer_transceiver_t *transceiver = sender->transceiver;
    loop_lock(transceiver->loop);
    peer_connection_t *pc = transceiver->pc;
    if (pc != NULL && !pc->is_closed) {
        connection_frame_t sent = {.data = peer_encoded_frame_data(frame),
                                   .length = peer_encoded_frame_length(frame),
                                   .timestamp_us = peer_encoded_frame_timestamp_us(frame),
                                   .duration_us = peer_encoded_frame_duration_us(frame),
                                   .target_length = target_length,
                                   .is_key = peer_encoded_frame_is_key(frame),
                                   .sending = place,
                                   .has_layers = peer_encoded_frame_temporal_layers(frame) > 1,
                                   .temporal_id = (uint8_t)peer_encoded_frame_temporal_id(frame),
                                   .is_layer_sync = peer_encoded_frame_is_layer_sync(frame),
                                   .has_audio_level = encoded_frame_level(frame) != ENCODED_FRAME_NO_LEVEL,
                                   .audio_level = encoded_frame_level(frame)};
        if (sent.length > 0 && transceiver_send_frame(transceiver->implementation, runtime_now(), &sent) < 0)
            LOG_DEBUG("sender", 0, "frame not sent: %s", peer_last_error_message());
        api_connection_touch(pc);
    }
    loop_unlock(transceiver->loop);
}

static void on_encoded(void *user, peer_encoded_frame_t *frame)
{
    const origin_t *origin = user;
    peer_sender_t *sender = origin->sender;
    pthread_mutex_lock(&sender->lock);
    size_t target_length = origin->place < sender->encoder_count ? sender->encoders[origin->place].target_length : 0;
    pthread_mutex_unlock(&sender->lock);
    send_encoded(sender, origin->place, frame, target_length);
}

static void on_encoder_error(void *user, int error, const char *message)
{
    LOG_ERROR("sender", 0, "encoder: %s (%s)", message, peer_error_name(error));
}

/* The worker had a reference: it may be inside a callback when the sender lets go of it. */
static void on_encoder_released(void *user)
{
    origin_t *origin = user;
    peer_sender_unref(origin->sender);
    memory_free(origin);
}

static const codec_worker_events_t encoder_events = {
    .on_encoded = on_encoded, .on_error = on_encoder_error, .on_released = on_encoder_released};

/* ---- rates: under the sender's lock ---- */

/* About 0.1 bits a pixel at 30 frames a second: 0.9 Mbit/s for 640×480, 2.8 for 1280×720. */
static uint64_t default_bitrate(const struct peer_sender *sender, const api_encoder_t *encoder)
{
    if (sender->transceiver->kind == PEER_MEDIA_AUDIO)
        return encoder->codec->clock_rate == 8000 ? G711_BITRATE : 32000;
    double by = encoder->wanted.scale_resolution_down_by;
    uint32_t width = (uint32_t)((sender->width != 0 ? sender->width : 640) / by);
    uint32_t height = (uint32_t)((sender->height != 0 ? sender->height : 480) / by);
    picture_limits_fit(&encoder->wanted.limits, &width, &height);
    uint64_t rate = (uint64_t)width * height * 3;
    uint64_t least = by > 1 ? 50000 : 150000; /* a small layer beside larger ones */
    return rate < least ? least : rate > 4000000 ? 4000000 : rate;
}

static uint64_t sum_of_defaults(const struct peer_sender *sender)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < sender->encoder_count; i++)
        if (sender->encoders[i].worker != NULL)
            sum += default_bitrate(sender, &sender->encoders[i]);
    return sum;
}

/* What is wished for all is shared as the defaults are; an encoding's own limit holds, and the peer's for all of them: the first come first
 * (W3C §5.8: some are not sent rather than all unusable). */
static void set_rates(struct peer_sender *sender)
{
    uint64_t sum = sum_of_defaults(sender), left = UINT64_MAX;
    for (size_t i = 0; i < sender->encoder_count; i++) {
        api_encoder_t *encoder = &sender->encoders[i];
        const connection_sending_t *wanted = &encoder->wanted;
        if (encoder->worker == NULL)
            continue;
        if (left == UINT64_MAX && wanted->limit_bps != 0)
            left = (uint64_t)((double)wanted->limit_bps * HEADROOM);
        uint64_t rate = default_bitrate(sender, encoder);
        if (sender->bitrate_bps != 0)
            rate = (uint64_t)sender->bitrate_bps * rate / sum;
        codec_worker_limits_t limits = {.scale_down_by = wanted->scale_resolution_down_by,
                                        .has_max_framerate = wanted->has_max_framerate,
                                        .max_framerate = wanted->max_framerate,
                                        .has_max_bitrate = wanted->has_max_bitrate || left != UINT64_MAX,
                                        .max_bitrate_bps = left,
                                        .sizes = wanted->limits};
        if (wanted->has_max_bitrate && (double)wanted->max_bitrate_bps * HEADROOM < (double)left)
            limits.max_bitrate_bps = (uint64_t)((double)wanted->max_bitrate_bps * HEADROOM);
        if (rate > limits.max_bitrate_bps)
            rate = limits.max_bitrate_bps;
        if (left != UINT64_MAX)
            left -= rate;
        peer_encoder_rates_t rates;
        peer_encoder_rates_init(&rates, sizeof rates);
        bool is_video = sender->transceiver->kind == PEER_MEDIA_VIDEO;
        uint64_t least = is_video ? BITRATE_LEAST : SOUND_BITRATE_LEAST; /* of pictures fewer are sent then, see limits */
        rates.bitrate_bps = (uint32_t)(rate < least ? least : rate);
        rates.framerate = is_video && wanted->has_max_framerate && wanted->max_framerate < 30 ? wanted->max_framerate : 30;
        if (rates.framerate < 1) /* for the encoder; what is not to be sent is left out before it */
            rates.framerate = 1;
        encoder->target_length = is_video ? (size_t)(rates.bitrate_bps / rates.framerate / 8) : 0;
        codec_worker_set_limits(encoder->worker, &limits);
        codec_worker_set_rates(encoder->worker, &rates);
    }
}

void api_sender_rates_changed(struct peer_sender *sender)
{
    set_rates(sender);
}

static codec_worker_t *new_worker(struct peer_sender *sender, size_t place)
{
    const api_encoder_t *encoder = &sender->encoders[place];
    origin_t *origin = MEMORY_NEW(origin_t);
    if (origin == NULL)
        return NULL;
    peer_encoder_settings_t settings;
    peer_encoder_settings_init(&settings, sizeof settings, sender->transceiver->kind);
    settings.fmtp = encoder->wanted.codec.fmtp;
    settings.temporal_layers = encoder->wanted.temporal_layers;
    settings.bitrate_bps = (uint32_t)default_bitrate(sender, encoder);
    codec_worker_t *worker;
    *origin = (origin_t){.sender = peer_sender_ref(sender), .place = place};
    if (codec_worker_new_encoder(api_codec_pool(), encoder->codec, &settings, &encoder_events, origin, &worker) < 0) {
        LOG_ERROR("sender", 0, "no encoder: %s", peer_last_error_message());
        on_encoder_released(origin);
        return NULL;
    }
    return worker;
}

/* ---- from negotiation and setParameters() ---- */

/* NULL: nothing is to be encoded. Sound is not sent at all where a limit leaves too little for it (W3C §5.2.9). */
static const peer_codec_t *find_codec(const struct peer_sender *sender, const connection_sending_t *wanted)
{
    char mime_type[48];
    if (wanted->codec.name[0] == '\0')
        return NULL;
    snprintf(mime_type, sizeof mime_type, "%s/%s", peer_media_kind_name(sender->transceiver->kind), wanted->codec.name);
    const peer_codec_t *codec = peer_codec_find(mime_type);
    bool is_sound = sender->transceiver->kind == PEER_MEDIA_AUDIO;
    uint64_t least = codec != NULL && codec->clock_rate == 8000 ? G711_BITRATE : SOUND_BITRATE_LEAST;
    return is_sound && wanted->has_max_bitrate && wanted->max_bitrate_bps < least ? NULL : codec;
}

static bool is_same_encoder(const api_encoder_t *encoder, const peer_codec_t *codec, const connection_sending_t *wanted)
{
    return encoder->codec == codec && strcmp(encoder->wanted.codec.fmtp, wanted->codec.fmtp) == 0 &&
           encoder->wanted.temporal_layers == wanted->temporal_layers;
}

/* The encoders that are new get the last picture: they need not wait for the next one of the source. */
static void give_last_picture(struct peer_sender *sender, const bool *is_new, peer_track_t *track)
{
    peer_video_frame_t *frame = track != NULL ? api_track_last_frame(track) : NULL;
    if (frame == NULL)
        return;
    pthread_mutex_lock(&sender->lock);
    for (size_t i = 0; i < sender->encoder_count; i++)
        if (is_new[i] && sender->encoders[i].worker != NULL)
            codec_worker_encode_video(sender->encoders[i].worker, frame);
    pthread_mutex_unlock(&sender->lock);
    peer_video_frame_unref(frame);
}

/* Its worker, which is now the caller's; what it counted stays. */
static codec_worker_t *give_up(api_encoder_t *encoder)
{
    codec_worker_t *worker = encoder->worker;
    codec_worker_get_stats(worker, &encoder->counts);
    encoder->counts.frames_per_second = 0;
    encoder->counts.target_bps = 0;
    encoder->counts.limit = CODEC_WORKER_UNLIMITED;
    encoder->counted = encoder->codec;
    encoder->worker = NULL;
    encoder->codec = NULL;
    return worker;
}

void api_sender_configure(struct peer_sender *sender, const connection_event_t *event)
{
    codec_worker_t *old[CONNECTION_ENCODINGS_MAX];
    bool is_new[CONNECTION_ENCODINGS_MAX] = {false};
    size_t old_count = 0, count = event->sender.count;
    pthread_mutex_lock(&sender->lock);
    void *encoders = sender->encoders;
    bool is_open = !sender->is_closed && memory_reserve(&encoders, &sender->encoder_capacity, count, sizeof *sender->encoders);
    sender->encoders = encoders;
    for (size_t i = sender->encoder_count; is_open && i < count; i++)
        sender->encoders[sender->encoder_count++] = (api_encoder_t){.since = runtime_now()};
    for (size_t i = 0; is_open && i < sender->encoder_count; i++) {
        static const connection_sending_t nothing = {.scale_resolution_down_by = 1};
        api_encoder_t *encoder = &sender->encoders[i];
        const connection_sending_t *wanted = i < count ? &event->sender.sendings[i] : &nothing;
        const peer_codec_t *codec = find_codec(sender, wanted);
        bool is_same = is_same_encoder(encoder, codec, wanted);
        encoder->wanted = *wanted;
        if (is_same)
            continue;
        if (encoder->worker != NULL)
            old[old_count++] = give_up(encoder);
        encoder->codec = codec;
        encoder->worker = codec != NULL ? new_worker(sender, i) : NULL;
        if (encoder->worker != NULL)
            codec_worker_count_from(encoder->worker, &encoder->counts);
        is_new[i] = true;
    }
    if (is_open)
        set_rates(sender);
    peer_track_t *track = sender->track != NULL ? peer_track_ref(sender->track) : NULL;
    pthread_mutex_unlock(&sender->lock);
    for (size_t i = 0; i < old_count; i++)
        codec_worker_free(old[i]);
    if (sender->transceiver->kind == PEER_MEDIA_VIDEO)
        give_last_picture(sender, is_new, track);
    peer_track_unref(track);
}

void api_sender_force_key(struct peer_sender *sender, size_t place)
{
    pthread_mutex_lock(&sender->lock);
    if (place < sender->encoder_count && sender->encoders[place].worker != NULL)
        codec_worker_force_key(sender->encoders[place].worker);
    peer_track_t *track = sender->track != NULL ? peer_track_ref(sender->track) : NULL;
    pthread_mutex_unlock(&sender->lock);
    char rid[PEER_RID_SIZE] = "";
    loop_lock(sender->transceiver->loop);
    if (sender->transceiver->implementation != NULL)
        transceiver_sending_rid(sender->transceiver->implementation, place, rid, sizeof rid);
    loop_unlock(sender->transceiver->loop);
    if (track != NULL)
        api_track_deliver_key_frame_request(track, rid[0] != '\0' ? rid : NULL);
    peer_track_unref(track);
}

void api_sender_force_all_keys(struct peer_sender *sender)
{
    for (size_t i = 0; i < sender->encoder_count; i++)
        if (sender->encoders[i].worker != NULL)
            codec_worker_force_key(sender->encoders[i].worker);
}

void api_sender_end_encoders(struct peer_sender *sender)
{
    codec_worker_t *old[CONNECTION_ENCODINGS_MAX];
    size_t old_count = 0;
    pthread_mutex_lock(&sender->lock);
    for (size_t i = 0; i < sender->encoder_count; i++)
        if (sender->encoders[i].worker != NULL)
            old[old_count++] = give_up(&sender->encoders[i]);
    sender->is_closed = true;
    pthread_mutex_unlock(&sender->lock);
    for (size_t i = 0; i < old_count; i++)
        codec_worker_free(old[i]);
}

bool api_sender_counts(struct peer_sender *sender, size_t place, api_encoder_t *counts)
{
    pthread_mutex_lock(&sender->lock);
    bool exists = place < sender->encoder_count;
    if (exists)
        *counts = sender->encoders[place];
    if (exists && counts->worker != NULL) {
        codec_worker_get_stats(counts->worker, &counts->counts);
        counts->counted = counts->codec;
    }
    pthread_mutex_unlock(&sender->lock);
    return exists;
}

/* ---- from the track: any thread, no lock held ---- */

static void write_video(void *user, peer_video_frame_t *frame)
{
    peer_sender_t *sender = user;
    uint32_t width = peer_video_frame_width(frame), height = peer_video_frame_height(frame);
    pthread_mutex_lock(&sender->lock);
    if (width != sender->width || height != sender->height) {
        sender->width = width;
        sender->height = height;
        set_rates(sender);
    }
    for (size_t i = 0; i < sender->encoder_count; i++)
        if (sender->encoders[i].worker != NULL)
            codec_worker_encode_video(sender->encoders[i].worker, frame);
    pthread_mutex_unlock(&sender->lock);
}

static void write_audio(void *user, peer_audio_frame_t *frame)
{
    peer_sender_t *sender = user;
    pthread_mutex_lock(&sender->lock);
    if (sender->encoder_count > 0 && sender->encoders[0].worker != NULL)
        codec_worker_encode_audio(sender->encoders[0].worker, frame);
    pthread_mutex_unlock(&sender->lock);
}

/* The place of the encoding that a frame of the application is of, if its codec is the one negotiated for it. */
static bool find_place(struct peer_sender *sender, peer_encoded_frame_t *frame, size_t *place)
{
    loop_lock(sender->transceiver->loop);
    const transceiver_t *implementation = sender->transceiver->implementation;
    bool is_found = implementation != NULL && transceiver_find_sending(implementation, peer_encoded_frame_rid(frame), place);
    loop_unlock(sender->transceiver->loop);
    if (!is_found)
        return false;
    pthread_mutex_lock(&sender->lock);
    const peer_codec_t *codec = *place < sender->encoder_count ? sender->encoders[*place].codec : NULL;
    pthread_mutex_unlock(&sender->lock);
    return codec != NULL && strcasecmp(codec->mime_type, peer_encoded_frame_mime_type(frame)) == 0;
}

static void write_encoded(void *user, peer_encoded_frame_t *frame)
{
    size_t place;
    if (find_place(user, frame, &place))
        send_encoded(user, place, frame, 0);
}

static void write_rtp(void *user, const void *packet, size_t length)
{
    peer_transceiver_t *transceiver = ((peer_sender_t *)user)->transceiver;
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

const api_track_output_t api_sender_output = {write_video, write_audio, write_encoded, write_rtp, ref_sender, unref_sender};
