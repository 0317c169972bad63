/* Joins transceivers to the media session: what was negotiated becomes senders and receivers there, and what comes out of it becomes
 * events. */
#include "connection/internal.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "rtp/telephone_event.h"

#include <stdio.h>
#include <string.h>

void streams_bind_extensions(const jsep_media_t *media, sdp_direction_t direction, rtp_extension_map_t *map)
{
    *map = (rtp_extension_map_t){.allow_mixed = media->extmap_allow_mixed};
    for (size_t i = 0; i < media->extension_count; i++) {
        rtp_extension_t extension = rtp_extension_from_uri(media->extensions[i].uri);
        bool is_for_us = (media->extensions[i].direction & direction) != 0;
        if (is_for_us && extension != RTP_EXTENSION_UNKNOWN && media->extensions[i].id <= 255)
            rtp_extension_map_bind(map, (uint8_t)media->extensions[i].id, extension);
    }
}

media_codec_t streams_codec(const jsep_media_t *media, const jsep_payload_t *payload)
{
    media_codec_t codec = {.format = rtp_payload_format_find(payload->codec->name),
                           .clock_rate = payload->codec->clock_rate,
                           .payload_type = payload->payload_type,
                           .rtx_payload_type = payload->rtx_payload_type >= 0 ? (uint8_t)payload->rtx_payload_type : MEDIA_NO_PAYLOAD_TYPE,
                           .channels = (uint8_t)payload->codec->channels};
    if (jsep_payload_has_feedback(payload, "nack"))
        codec.feedback |= MEDIA_FEEDBACK_NACK;
    if (jsep_payload_has_feedback(payload, "nack pli"))
        codec.feedback |= MEDIA_FEEDBACK_PLI;
    if (jsep_payload_has_feedback(payload, "ccm fir"))
        codec.feedback |= MEDIA_FEEDBACK_FIR;
    if (jsep_payload_has_feedback(payload, "transport-cc"))
        codec.feedback |= MEDIA_FEEDBACK_TRANSPORT_CC;
    if (media->rcvr_rtt)
        codec.feedback |= MEDIA_FEEDBACK_RRTR;
    codec.is_event = is_telephone_event(payload);
    return codec;
}

static void tap_receiver(const transceiver_t *transceiver)
{
    media_receiver_set_tap(transceiver->media_receiver, transceiver->is_rtp_wanted, true);
    media_receiver_set_layers_wanted(transceiver->media_receiver, transceiver->connection->now, transceiver->are_layers_wanted);
}

static void drop_receiver(transceiver_t *transceiver)
{
    if (transceiver->media_receiver != NULL)
        media_remove_receiver(transceiver->connection->media, transceiver->media_receiver);
    transceiver->media_receiver = NULL;
    transceiver->has_packets = false;
}

static void apply_receiver(transceiver_t *transceiver)
{
    connection_t *connection = transceiver->connection;
    const jsep_media_t *media = transceiver->jsep->media;
    if ((media->direction & SDP_RECVONLY) == 0) {
        drop_receiver(transceiver);
        return;
    }
    media_codec_t codecs[MEDIA_CODECS_MAX];
    size_t codec_count = 0;
    for (size_t i = 0; i < media->receive_count && codec_count < MEDIA_CODECS_MAX; i++)
        codecs[codec_count++] = streams_codec(media, &media->receive[i]);
    for (size_t i = 1; i < codec_count; i++) /* packets of all payload types are numbered alike: none may seem lost */
        if (codecs[i].is_event)
            codecs[i].feedback |= codecs[0].feedback & MEDIA_FEEDBACK_TRANSPORT_CC;
    uint32_t ssrcs[MEDIA_SSRCS_MAX], rtx_ssrcs[MEDIA_SSRCS_MAX];
    size_t ssrc_count = 0;
    for (; ssrc_count < media->remote_ssrc_count && ssrc_count < MEDIA_SSRCS_MAX; ssrc_count++) {
        ssrcs[ssrc_count] = media->remote_ssrcs[ssrc_count].ssrc;
        rtx_ssrcs[ssrc_count] = media->remote_ssrcs[ssrc_count].rtx_ssrc;
    }
    const char *rids[JSEP_ENCODINGS_MAX];
    for (size_t i = 0; i < media->receive_encoding_count; i++)
        rids[i] = media->receive_encodings[i].rid;
    media_receiver_config_t config = {.kind = transceiver->kind == CONNECTION_VIDEO ? MEDIA_VIDEO : MEDIA_AUDIO,
                                      .mid = media->mid,
                                      .rids = rids,
                                      .rid_count = media->receive_encoding_count,
                                      .codecs = codecs,
                                      .codec_count = codec_count,
                                      .ssrcs = ssrcs,
                                      .rtx_ssrcs = rtx_ssrcs,
                                      .ssrc_count = ssrc_count,
                                      .sync_group = media->remote_stream,
                                      .user = transceiver};
    streams_bind_extensions(media, SDP_RECVONLY, &config.extensions);
    if (transceiver->media_receiver == NULL) {
        transceiver->media_receiver = media_add_receiver(connection->media, &config);
        if (transceiver->media_receiver == NULL)
            LOG_ERROR("connection", connection->number, "no receiver for mid %s: %s", media->mid, peer_last_error_message());
        else
            tap_receiver(transceiver);
        if (transceiver->media_receiver != NULL)
            media_receiver_set_target_delay(transceiver->media_receiver, transceiver->target_delay);
    } else if (media_receiver_reconfigure(transceiver->media_receiver, &config) < 0) {
        LOG_ERROR("connection", connection->number, "the receiver of mid %s keeps its old settings: %s", media->mid,
                  peer_last_error_message());
    }
}

void streams_apply(transceiver_t *transceiver, peer_time_t now)
{
    const jsep_media_t *media = transceiver->jsep != NULL ? transceiver->jsep->media : NULL;
    if (media == NULL || !media->is_early) /* our own offer changes nothing that is sent */
        encodings_negotiated(transceiver);
    if (transceiver->jsep == NULL || transceiver->jsep->media == NULL || transceiver->jsep->is_stopping) {
        drop_receiver(transceiver);
        return;
    }
    sending_apply(transceiver);
    apply_receiver(transceiver);
    media_session_set_reduced_size_rtcp(transceiver->connection->media, transceiver->jsep->media->rtcp_rsize);
}

/* An SSRC is sent no more. If memory runs out it stays in the SRTP session. */
void streams_end_ssrc(connection_t *connection, uint32_t ssrc)
{
    void *ssrcs = connection->ended_ssrcs;
    if (ssrc == 0 ||
        !memory_reserve(&ssrcs, &connection->ended_ssrc_capacity, connection->ended_ssrc_count + 1, sizeof *connection->ended_ssrcs))
        return;
    connection->ended_ssrcs = ssrcs;
    connection->ended_ssrcs[connection->ended_ssrc_count++] = ssrc;
}

void streams_forget_ssrcs(connection_t *connection)
{
    for (size_t i = 0; i < connection->ended_ssrc_count; i++)
        transport_forget_ssrc(connection->transport, connection->ended_ssrcs[i]);
    connection->ended_ssrc_count = 0;
}

void streams_remove(transceiver_t *transceiver, peer_time_t now)
{
    sending_remove(transceiver, now);
    drop_receiver(transceiver);
}

void streams_describe_codec(const jsep_payload_t *payload, connection_event_codec_t *codec)
{
    memset(codec, 0, sizeof *codec);
    if (payload == NULL)
        return;
    snprintf(codec->name, sizeof codec->name, "%s", payload->codec->name);
    snprintf(codec->fmtp, sizeof codec->fmtp, "%s", payload->fmtp != NULL ? payload->fmtp : "");
    codec->clock_rate = payload->codec->clock_rate;
    codec->channels = payload->codec->channels;
}

static const jsep_payload_t *receive_payload(const transceiver_t *transceiver, uint8_t payload_type)
{
    const jsep_media_t *media = transceiver->jsep != NULL ? transceiver->jsep->media : NULL;
    for (size_t i = 0; media != NULL && i < media->receive_count; i++)
        if (media->receive[i].payload_type == payload_type)
            return &media->receive[i];
    return NULL;
}

static void copy_rid(char copy[CONNECTION_RECEIVED_RID_MAX + 1], const char *rid)
{
    snprintf(copy, CONNECTION_RECEIVED_RID_MAX + 1, "%s", rid != NULL ? rid : "");
}

static void tell_frame(connection_t *connection, transceiver_t *transceiver, media_output_t *output)
{
    bool is_lost = output->type == MEDIA_OUTPUT_AUDIO_LOST;
    connection_event_t *event = event_new(connection, is_lost ? CONNECTION_EVENT_AUDIO_LOST : CONNECTION_EVENT_FRAME);
    if (event == NULL)
        return;
    event_name(event, transceiver);
    event->media.frame = is_lost ? output->next : output->frame;
    event->media.duration_us = output->duration_us;
    event->media.is_silence = output->is_silence;
    event->media.is_shown = output->is_shown;
    copy_rid(event->media.rid, output->rid);
    event->media.render_time = is_lost ? output->render_time : output->frame->render_time;
    if (event->media.frame != NULL)
        streams_describe_codec(receive_payload(transceiver, event->media.frame->payload_type), &event->media.codec);
    output->frame = output->next = NULL; /* the event has them now */
}

static void tell_tone(connection_t *connection, transceiver_t *transceiver, const media_output_t *output)
{
    connection_event_t *event = event_transceiver(connection, CONNECTION_EVENT_TONE, transceiver);
    if (event == NULL)
        return;
    event->tone.text[0] = rtp_telephone_event_tone(output->event);
    event->tone.duration_ms = (int32_t)(output->duration_us / PEER_MILLISECOND);
}

static void tell_packet(connection_t *connection, transceiver_t *transceiver, const media_output_t *output)
{
    const packet_t *packet = output->packet;
    connection_event_t *event = event_new_sized(connection, CONNECTION_EVENT_RTP, packet->length);
    if (event == NULL)
        return;
    memcpy(event + 1, packet->data, packet->length);
    event_name(event, transceiver);
    event->message.data = (const uint8_t *)(event + 1);
    event->message.length = packet->length;
    copy_rid(event->message.rid, output->rid);
}

static void tell_key_frame(connection_t *connection, const media_sender_t *sender)
{
    size_t index;
    transceiver_t *transceiver = sending_owner(connection, sender, &index);
    connection_event_t *event =
        transceiver != NULL ? event_transceiver(connection, CONNECTION_EVENT_KEY_FRAME_REQUESTED, transceiver) : NULL;
    if (event != NULL)
        event->sending = index;
}

/* W3C WebRTC §9.2: data come, and [[Receptive]] is true. */
static void unmute(transceiver_t *transceiver)
{
    if (transceiver->jsep == NULL || !transceiver->jsep->is_receptive)
        return;
    jsep_receiver_unmuted(transceiver->jsep);
    event_transceiver(transceiver->connection, CONNECTION_EVENT_TRACK_UNMUTED, transceiver);
}

void streams_unmute(connection_t *connection)
{
    for (size_t i = 0; i < connection->transceiver_count; i++) {
        transceiver_t *transceiver = connection->transceivers[i];
        if (transceiver->has_packets && transceiver->jsep != NULL && transceiver->jsep->is_receiver_muted)
            unmute(transceiver);
    }
}

void streams_route(connection_t *connection, media_output_t *output)
{
    transceiver_t *transceiver = output->receiver != NULL ? media_receiver_user(output->receiver) : NULL;
    switch (output->type) {
    case MEDIA_OUTPUT_SEND_RTP:
        media_sender_note_departure(output->sender, connection->now, output->packet);
        transport_send_rtp(connection->transport, connection->now, output->packet,
                           output->kind == MEDIA_AUDIO ? TRANSPORT_FLOW_AUDIO : TRANSPORT_FLOW_VIDEO,
                           (transport_priority_t)output->priority);
        return;
    case MEDIA_OUTPUT_SEND_RTCP:
        transport_send_rtcp(connection->transport, connection->now, output->packet);
        return;
    case MEDIA_OUTPUT_FRAME:
    case MEDIA_OUTPUT_AUDIO_LOST:
        tell_frame(connection, transceiver, output);
        break;
    case MEDIA_OUTPUT_KEY_FRAME_REQUESTED:
        tell_key_frame(connection, output->sender);
        break;
    case MEDIA_OUTPUT_FIRST_PACKET:
        transceiver->has_packets = true;
        unmute(transceiver);
        break;
    case MEDIA_OUTPUT_EVENT:
        tell_tone(connection, transceiver, output);
        break;
    case MEDIA_OUTPUT_STREAM_ENDED:
        transceiver->has_packets = false;
        event_transceiver(connection, CONNECTION_EVENT_TRACK_MUTED, transceiver);
        break;
    case MEDIA_OUTPUT_RTP:
        tell_packet(connection, transceiver, output);
        break;
    }
    media_output_clear(output);
}

void transceiver_set_wanted(transceiver_t *transceiver, peer_time_t now, bool is_rtp_wanted, bool are_layers_wanted)
{
    transceiver->connection->now = now;
    transceiver->is_rtp_wanted = is_rtp_wanted;
    transceiver->are_layers_wanted = are_layers_wanted;
    if (transceiver->media_receiver != NULL)
        tap_receiver(transceiver);
}

void transceiver_request_key_frame(transceiver_t *transceiver, peer_time_t now)
{
    transceiver->connection->now = now;
    if (transceiver->media_receiver != NULL)
        media_receiver_request_key_frame(transceiver->media_receiver, now);
}
