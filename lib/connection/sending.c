/* What is sent of a transceiver: one media sender for each encoding that was negotiated (RFC 8853), told to the owner, who encodes. */
#include "connection/internal.h"

#include "base/error.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* ---- media senders ---- */

static bool does_send(const transceiver_t *transceiver)
{
    const jsep_media_t *media = transceiver->jsep != NULL ? transceiver->jsep->media : NULL;
    return media != NULL && (media->direction & SDP_SENDONLY) != 0 && !transceiver->jsep->is_stopping;
}

static const jsep_encoding_t *accepted(const jsep_media_t *media, const char *rid)
{
    for (size_t i = 0; rid != NULL && i < media->send_encoding_count; i++)
        if (strcmp(media->send_encodings[i].rid, rid) == 0)
            return &media->send_encodings[i];
    return NULL;
}

/* It carries media by itself, and the peer takes it for this encoding (RFC 8851 §5, pt=). */
static bool is_possible(const jsep_payload_t *payload, const jsep_encoding_t *accepted)
{
    bool is_taken = accepted == NULL || accepted->payload_type_count == 0;
    for (size_t i = 0; !is_taken && i < accepted->payload_type_count; i++)
        is_taken = accepted->payload_types[i] == payload->payload_type;
    return is_taken && !payload->codec->is_auxiliary;
}

/* The codec of an encoding: the one that was asked for, else the first that can be. */
static const jsep_payload_t *payload_of(const jsep_media_t *media, const connection_encoding_t *encoding)
{
    const jsep_encoding_t *rid = accepted(media, encoding->rid);
    for (size_t i = 0; encoding->codec != NULL && i < media->send_count; i++)
        if (media->send[i].codec_index == encoding->codec->index && is_possible(&media->send[i], rid))
            return &media->send[i];
    for (size_t i = 0; i < media->send_count; i++)
        if (is_possible(&media->send[i], rid))
            return &media->send[i];
    return NULL;
}

/* The one that sends, or has sent, this rid: its SSRC goes on. The first one has the SSRCs of our descriptions. */
static sending_t *sending_of(transceiver_t *transceiver, const char *rid)
{
    for (size_t i = 0; i < transceiver->sending_count; i++)
        if (transceiver->sendings[i].rid != NULL && strcmp(transceiver->sendings[i].rid, rid) == 0)
            return &transceiver->sendings[i];
    bool is_first_free = transceiver->sending_count > 0 && transceiver->sendings[0].rid == NULL;
    if (!is_first_free && transceiver->sending_count == CONNECTION_ENCODINGS_MAX)
        return NULL;
    char *copy = memory_string(rid);
    if (copy == NULL)
        return NULL;
    sending_t *sending = &transceiver->sendings[is_first_free ? 0 : transceiver->sending_count++];
    sending->rid = copy;
    return sending;
}

static sending_t *first_sending(transceiver_t *transceiver)
{
    if (transceiver->sending_count == 0)
        transceiver->sending_count = 1;
    return &transceiver->sendings[0];
}

static void configure(transceiver_t *transceiver, sending_t *sending, const jsep_payload_t *payload, const char *rid)
{
    connection_t *connection = transceiver->connection;
    const jsep_media_t *media = transceiver->jsep->media;
    bool is_first = sending == &transceiver->sendings[0];
    media_sender_config_t config = {.kind = transceiver->kind == CONNECTION_VIDEO ? MEDIA_VIDEO : MEDIA_AUDIO,
                                    .ssrc = is_first ? media->ssrc : 0,
                                    .rtx_ssrc = is_first ? media->rtx_ssrc : 0,
                                    .codec = streams_codec(media, payload),
                                    .mid = media->mid,
                                    .rid = rid};
    const jsep_payload_t *event = event_payload(media, config.codec.clock_rate);
    if (event != NULL)
        config.event = streams_codec(media, event);
    streams_bind_extensions(media, SDP_SENDONLY, &config.extensions);
    if (sending->media == NULL) {
        sending->media = media_add_sender(connection->media, &config);
        if (sending->media == NULL)
            LOG_ERROR("connection", connection->number, "no sender for mid %s: %s", media->mid, peer_last_error_message());
    } else if (media_sender_reconfigure(sending->media, &config) < 0) {
        LOG_ERROR("connection", connection->number, "the sender of mid %s keeps its old settings: %s", media->mid,
                  peer_last_error_message());
    }
    sending->is_current = sending->media != NULL;
    if (sending->is_current)
        media_sender_set_priority(sending->media, (uint8_t)sending_priority(transceiver, sending));
}

static void apply(transceiver_t *transceiver)
{
    for (size_t i = 0; i < transceiver->sending_count; i++)
        transceiver->sendings[i].is_current = false;
    if (!does_send(transceiver))
        return;
    const jsep_media_t *media = transceiver->jsep->media;
    const connection_encoding_t *encodings;
    size_t count = transceiver_encodings(transceiver, &encodings);
    bool is_simulcast = media->send_encoding_count > 0;
    for (size_t i = 0; i < count; i++) {
        const jsep_encoding_t *offered = accepted(media, encodings[i].rid);
        const jsep_payload_t *payload = payload_of(media, &encodings[i]);
        if (payload == NULL || (is_simulcast ? offered == NULL : i > 0))
            continue; /* a layer that the peer does not want */
        sending_t *sending = is_simulcast ? sending_of(transceiver, encodings[i].rid) : first_sending(transceiver);
        if (sending == NULL)
            continue;
        sending->encoding = i;
        sending->is_paused = offered != NULL && offered->is_paused;
        configure(transceiver, sending, payload, is_simulcast ? encodings[i].rid : NULL);
    }
}

/* What is not sent any more keeps its media sender, silent, so that its sequence numbers go on when it is sent again (RFC 3711 §3.3.1). */
void sending_apply(transceiver_t *transceiver)
{
    apply(transceiver);
    for (size_t i = 0; i < transceiver->sending_count; i++)
        if (transceiver->sendings[i].media != NULL && !sending_is_active(transceiver, &transceiver->sendings[i]))
            media_sender_abandon_event(transceiver->sendings[i].media);
}

void sending_remove(transceiver_t *transceiver, peer_time_t now)
{
    for (size_t i = 0; i < transceiver->sending_count; i++) {
        sending_t *sending = &transceiver->sendings[i];
        if (sending->media != NULL) {
            streams_end_ssrc(transceiver->connection, media_sender_ssrc(sending->media));
            streams_end_ssrc(transceiver->connection, media_sender_rtx_ssrc(sending->media));
            media_remove_sender(transceiver->connection->media, sending->media, now);
        }
        memory_free(sending->rid);
        *sending = (sending_t){0};
    }
    transceiver->sending_count = 0;
}

void sending_clear(transceiver_t *transceiver)
{
    for (size_t i = 0; i < transceiver->sending_count; i++)
        memory_free(transceiver->sendings[i].rid);
    memory_free(transceiver->told);
}

bool sending_is_active(const transceiver_t *transceiver, const sending_t *sending)
{
    return sending->is_current && !sending->is_paused && sending->encoding < transceiver->encoding_count &&
           transceiver->encodings[sending->encoding].is_active && does_send(transceiver);
}

transport_priority_t sending_priority(const transceiver_t *transceiver, const sending_t *sending)
{
    if (!sending->is_current || sending->encoding >= transceiver->encoding_count)
        return TRANSPORT_PRIORITY_UNSET;
    const connection_encoding_t *encoding = &transceiver->encodings[sending->encoding];
    if (encoding->network_priority != TRANSPORT_PRIORITY_UNSET)
        return encoding->network_priority;
    return encoding->priority != TRANSPORT_PRIORITY_LOW ? encoding->priority : TRANSPORT_PRIORITY_UNSET; /* "low" is W3C's default */
}

transceiver_t *sending_owner(const connection_t *connection, const media_sender_t *media, size_t *index)
{
    for (size_t i = 0; i < connection->transceiver_count; i++)
        for (*index = 0; *index < connection->transceivers[i]->sending_count; ++*index)
            if (connection->transceivers[i]->sendings[*index].media == media)
                return connection->transceivers[i];
    return NULL;
}

/* ---- what the owner is told ---- */

/* What the peer asks for in a=rid (RFC 8851 §5), beside what the application has set. */
static void restrict_to(const jsep_encoding_t *rid, connection_sending_t *description)
{
    if (rid->max_fps != 0 && (!description->has_max_framerate || rid->max_fps < description->max_framerate)) {
        description->has_max_framerate = true;
        description->max_framerate = rid->max_fps;
    }
    if (rid->max_br != 0 && (!description->has_max_bitrate || rid->max_br < description->max_bitrate_bps)) {
        description->has_max_bitrate = true;
        description->max_bitrate_bps = rid->max_br;
    }
    description->limits.max_width = rid->max_width;
    description->limits.max_height = rid->max_height;
    description->limits.max_pixels = rid->max_fs;
    description->limits.max_pixels_per_second = rid->max_pps;
}

/* All of it, zeroes between members too, so that it can be compared. */
static void describe(const transceiver_t *transceiver, const sending_t *sending, connection_sending_t *description)
{
    memset(description, 0, sizeof *description);
    description->scale_resolution_down_by = 1;
    if (!sending_is_active(transceiver, sending))
        return;
    const connection_encoding_t *encoding = &transceiver->encodings[sending->encoding];
    const jsep_media_t *media = transceiver->jsep->media;
    const jsep_payload_t *payload = payload_of(media, encoding);
    streams_describe_codec(payload, &description->codec);
    description->has_max_framerate = encoding->has_max_framerate;
    description->max_framerate = encoding->max_framerate;
    description->has_max_bitrate = encoding->has_max_bitrate;
    description->max_bitrate_bps = encoding->max_bitrate_bps;
    description->scale_resolution_down_by = encoding->scale_resolution_down_by;
    description->temporal_layers = encoding->temporal_layers;
    description->limit_bps = media->max_bitrate_bps;
    if (payload != NULL && payload->sizes != NULL)
        description->limits = *payload->sizes;
    const jsep_encoding_t *rid = accepted(media, encoding->rid);
    if (rid != NULL)
        restrict_to(rid, description);
}

static void tell(transceiver_t *transceiver)
{
    size_t count = transceiver->sending_count;
    connection_sending_t now[CONNECTION_ENCODINGS_MAX];
    for (size_t i = 0; i < count; i++)
        describe(transceiver, &transceiver->sendings[i], &now[i]);
    if (count == transceiver->told_count && (count == 0 || memcmp(now, transceiver->told, count * sizeof *now) == 0))
        return;
    connection_sending_t *told = count > 0 ? memory_copy(now, count * sizeof *now) : NULL;
    if (count > 0 && told == NULL)
        return;
    connection_event_t *event =
        event_new_sized(transceiver->connection, CONNECTION_EVENT_SENDER_CONFIGURED, count * sizeof(connection_sending_t));
    if (event == NULL) {
        memory_free(told);
        return;
    }
    memory_free(transceiver->told);
    transceiver->told = told;
    transceiver->told_count = count;
    event_name(event, transceiver);
    if (count > 0)
        memcpy(event + 1, now, count * sizeof *now);
    event->sender.sendings = (const connection_sending_t *)(event + 1);
    event->sender.count = count;
}

void sending_tell(connection_t *connection)
{
    if (!transport_is_ready(connection->transport))
        return;
    for (size_t i = 0; i < connection->transceiver_count; i++)
        tell(connection->transceivers[i]);
}

void sending_encodings_changed(transceiver_t *transceiver)
{
    if (transceiver->jsep != NULL && transceiver->jsep->media != NULL)
        sending_apply(transceiver);
    sending_tell(transceiver->connection);
}

/* ---- what the owner sends ---- */

#define VOICE_LEVEL 50 /* -dBov: what is softer is taken for noise (RFC 6464 §3, the V bit) */

static sending_t *may_send(transceiver_t *transceiver, size_t index)
{
    sending_t *sending = index < transceiver->sending_count ? &transceiver->sendings[index] : NULL;
    bool may_send = sending != NULL && sending_is_active(transceiver, sending) && transport_is_ready(transceiver->connection->transport);
    return may_send ? sending : NULL;
}

/* Frames of our own sources carry the time of capture on this clock; those of an application may be on any. */
static peer_time_t capture_time(int64_t timestamp_us, peer_time_t now)
{
    return timestamp_us <= now && timestamp_us > now - PEER_SECOND ? timestamp_us : 0;
}

int transceiver_send_frame(transceiver_t *transceiver, peer_time_t now, const connection_frame_t *frame)
{
    transceiver->connection->now = now;
    sending_t *sending = may_send(transceiver, frame->sending);
    if (sending == NULL)
        return 0;
    media_frame_t media = {.data = frame->data,
                           .length = frame->length,
                           .timestamp_us = frame->timestamp_us,
                           .capture_time = capture_time(frame->timestamp_us, now),
                           .duration_us = frame->duration_us,
                           .target_length = frame->target_length,
                           .kind = transceiver->kind == CONNECTION_VIDEO ? MEDIA_VIDEO : MEDIA_AUDIO,
                           .is_key = frame->is_key,
                           .has_layers = frame->has_layers,
                           .temporal_id = frame->temporal_id,
                           .is_layer_sync = frame->is_layer_sync,
                           .has_audio_level = frame->has_audio_level,
                           .audio_level = frame->audio_level,
                           .has_voice = frame->has_audio_level && frame->audio_level <= VOICE_LEVEL};
    return media_sender_send_frame(sending->media, now, &media);
}

bool transceiver_find_sending(const transceiver_t *transceiver, const char *rid, size_t *index)
{
    for (*index = 0; *index < transceiver->sending_count; ++*index) {
        const sending_t *sending = &transceiver->sendings[*index];
        if (!sending->is_current || sending->encoding >= transceiver->encoding_count)
            continue;
        const char *own = transceiver->encodings[sending->encoding].rid;
        if (rid == NULL || (own != NULL && strcmp(own, rid) == 0))
            return true;
    }
    return false;
}

void transceiver_sending_rid(const transceiver_t *transceiver, size_t index, char *rid, size_t size)
{
    const sending_t *sending = index < transceiver->sending_count ? &transceiver->sendings[index] : NULL;
    bool is_named = sending != NULL && sending->is_current && sending->encoding < transceiver->encoding_count &&
                    transceiver->encodings[sending->encoding].rid != NULL;
    snprintf(rid, size, "%s", is_named ? transceiver->encodings[sending->encoding].rid : "");
}

/* Of several encodings the packet's own rid extension, under the number that our packets have it, says which it is. */
static bool sending_of_packet(const transceiver_t *transceiver, const void *packet, size_t length, size_t *index)
{
    rtp_view_t view;
    rtp_extensions_t extensions;
    rtp_extension_map_t map;
    char rid[CONNECTION_RID_MAX + 1];
    *index = 0;
    if (transceiver->sending_count < 2 || transceiver->jsep == NULL || transceiver->jsep->media == NULL)
        return true;
    streams_bind_extensions(transceiver->jsep->media, SDP_SENDONLY, &map);
    if (!rtp_parse(&view, packet, length))
        return true; /* the sender says what is wrong with it */
    rtp_extensions_parse(&extensions, &view, &map);
    if (!rtp_extensions_has(&extensions, RTP_EXTENSION_RID))
        return transceiver_find_sending(transceiver, NULL, index);
    memcpy(rid, extensions.rid, extensions.rid_length);
    rid[extensions.rid_length] = '\0';
    return transceiver_find_sending(transceiver, rid, index);
}

int transceiver_send_rtp(transceiver_t *transceiver, peer_time_t now, const void *packet, size_t length)
{
    size_t index;
    transceiver->connection->now = now;
    sending_t *sending = sending_of_packet(transceiver, packet, length, &index) ? may_send(transceiver, index) : NULL;
    return sending != NULL ? media_sender_send_rtp(sending->media, now, packet, length) : 0;
}
