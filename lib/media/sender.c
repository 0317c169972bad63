/* A sender: encoded frames or the application's RTP become packets of one SSRC; key frame requests
 * of the peer are passed on, not too often. What it lost is sent again in retransmission.c. */
#include "media/session.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <string.h>

#define KEY_FRAME_INTERVAL (300 * PEER_MILLISECOND) /* between two requests to the application */

rtp_extensions_t media_sender_extensions(const media_sender_t *sender, bool is_rtx)
{
    rtp_extensions_t values = {.present =
                                   1u << RTP_EXTENSION_ABS_SEND_TIME |
                                   ((sender->codec.feedback & MEDIA_FEEDBACK_TRANSPORT_CC) != 0 ? 1u << RTP_EXTENSION_TRANSPORT_CC : 0),
                               .mid = sender->mid,
                               .mid_length = (uint8_t)strlen(sender->mid)};
    if (values.mid_length != 0)
        values.present |= 1u << RTP_EXTENSION_MID;
    size_t rid_length = strlen(sender->rid);
    if (rid_length != 0 && is_rtx) { /* RFC 8852 §3.2 */
        values.present |= 1u << RTP_EXTENSION_REPAIRED_RID;
        values.repaired_rid = sender->rid;
        values.repaired_rid_length = (uint8_t)rid_length;
    } else if (rid_length != 0) {
        values.present |= 1u << RTP_EXTENSION_RID;
        values.rid = sender->rid;
        values.rid_length = (uint8_t)rid_length;
    }
    return values;
}

void media_sender_stamp(media_sender_t *sender, peer_time_t now, packet_t *packet)
{
    rtp_view_t view;
    size_t length;
    if (!rtp_parse(&view, packet->data, packet->length))
        return;
    const uint8_t *value = rtp_extension_find(&view, sender->extensions.ids[RTP_EXTENSION_ABS_SEND_TIME], &length);
    if (value != NULL && length == 3)
        bytes_put_u24(packet->data + (value - packet->data), rtp_abs_send_time(now));
    value = rtp_extension_find(&view, sender->extensions.ids[RTP_EXTENSION_TRANSPORT_CC], &length);
    if (value != NULL && length == 2)
        bytes_put_u16(packet->data + (value - packet->data), sender->session->transport_sequence++);
}

void media_sender_count(media_sender_t *sender, peer_time_t now, const packet_t *packet, size_t payload_length, bool is_retransmission)
{
    media_outbound_stats_t *stats = &sender->stats;
    stats->packets_sent++;
    stats->bytes_sent += payload_length;
    stats->header_bytes_sent += packet->length - payload_length;
    stats->last_packet_sent_timestamp = now;
    if (is_retransmission) {
        stats->retransmitted_packets_sent++;
        stats->retransmitted_bytes_sent += payload_length;
    }
}

void media_sender_transmit(media_sender_t *sender, peer_time_t now, packet_t *packet)
{
    packet->time = now;
    media_output_push(
        &sender->session->outputs,
        &(media_output_t){
            .type = MEDIA_OUTPUT_SEND_RTP, .kind = sender->kind, .priority = sender->priority, .sender = sender, .packet = packet});
}

void media_sender_note_departure(media_sender_t *sender, peer_time_t now, const packet_t *packet)
{
    if (now > packet->time)
        sender->stats.total_packet_send_delay += now - packet->time;
}

static void transmit_new(media_sender_t *sender, peer_time_t now, packet_t *packet, size_t payload_length)
{
    media_sender_stamp(sender, now, packet);
    if ((sender->codec.feedback & MEDIA_FEEDBACK_NACK) != 0)
        media_history_add(&sender->history, sender->session->pool, now, bytes_get_u16(packet->data + 2), packet);
    sender->packet_count++;
    sender->octet_count += (uint32_t)payload_length;
    sender->budget_bytes += (double)packet->length;
    if (!sender->has_sent)
        sender->first_sequence = bytes_get_u16(packet->data + 2);
    sender->has_sent = true;
    sender->last_sent = now;
    media_sender_count(sender, now, packet, payload_length, false);
    media_sender_transmit(sender, now, packet);
    media_rtcp_schedule(sender->session, now);
}

packet_t *media_sender_start_packet(media_sender_t *sender, const rtp_header_t *header)
{
    packet_t *packet = packet_new(sender->session->pool, sender->session->packet_size);
    if (packet == NULL)
        return NULL;
    writer_t writer;
    writer_init(&writer, packet->data, sender->session->packet_size);
    if (!rtp_write_header(&writer, header)) {
        packet_unref(packet);
        return NULL;
    }
    packet->length = writer.length;
    return packet;
}

static uint32_t rtp_timestamp_of(const media_sender_t *sender, int64_t time_us)
{
    int64_t rate = sender->codec.clock_rate;
    int64_t seconds = time_us / PEER_SECOND, rest = time_us % PEER_SECOND;
    int64_t scaled = rest * rate;
    return sender->timestamp_offset + (uint32_t)((uint64_t)seconds * (uint64_t)rate) +
           (uint32_t)((scaled + (scaled >= 0 ? PEER_SECOND / 2 : -PEER_SECOND / 2)) / PEER_SECOND);
}

uint32_t media_sender_timestamp_at(const media_sender_t *sender, peer_time_t now)
{
    int64_t since = now - sender->last_capture, rate = sender->codec.clock_rate;
    return sender->last_timestamp + (uint32_t)(since / PEER_SECOND * rate + since % PEER_SECOND * rate / PEER_SECOND);
}

/* Every sequence number is used once: SRTP would protect another packet under it with the same nonce, which gives the keys away (RFC 7714
 * §8.4). Packets may come late, but not later than what is remembered. */
static bool take_number(media_sender_t *sender, uint16_t number)
{
    uint64_t *sent = sender->sent_numbers;
    uint16_t ahead = (uint16_t)(number - sender->next_sequence), behind = (uint16_t)(sender->next_sequence - number);
    bool is_new = !sender->has_sent || ahead < 0x8000;
    if (!is_new && (behind > MEDIA_SENT_NUMBERS || (sent[number / 64 % (MEDIA_SENT_NUMBERS / 64)] >> number % 64 & 1) != 0))
        return false;
    if (!sender->has_sent || (is_new && ahead >= MEDIA_SENT_NUMBERS))
        memset(sent, 0, sizeof sender->sent_numbers);
    for (uint16_t skipped = sender->next_sequence; is_new && sender->has_sent && ahead < MEDIA_SENT_NUMBERS && skipped != number; skipped++)
        sent[skipped / 64 % (MEDIA_SENT_NUMBERS / 64)] &= ~(UINT64_C(1) << skipped % 64);
    sent[number / 64 % (MEDIA_SENT_NUMBERS / 64)] |= UINT64_C(1) << number % 64;
    if (is_new)
        sender->next_sequence = (uint16_t)(number + 1);
    return true;
}

void media_sender_send_numbered(media_sender_t *sender, peer_time_t now, packet_t *packet, size_t payload_length)
{
    take_number(sender, bytes_get_u16(packet->data + 2));
    transmit_new(sender, now, packet, payload_length);
}

uint32_t media_sender_event_timestamp(media_sender_t *sender, peer_time_t now)
{
    if (sender->last_capture != 0)
        return media_sender_timestamp_at(sender, now);
    sender->last_timestamp = rtp_timestamp_of(sender, now); /* nothing has set the clock yet */
    sender->last_capture = now;
    return sender->last_timestamp;
}

/* W3C webrtc-extensions: the extension's clock is that of our sender reports. */
static void tell_capture_time(media_sender_t *sender, peer_time_t now, const media_frame_t *frame, uint32_t timestamp,
                              rtp_extensions_t *values)
{
    if (sender->extensions.ids[RTP_EXTENSION_ABS_CAPTURE_TIME] == 0)
        return;
    int64_t time_us = media_session_ntp_us(sender->session, frame->capture_time != 0 ? frame->capture_time : now);
    media_capture_tell(&sender->capture, time_us, timestamp, sender->codec.clock_rate, values);
}

/* All packets of a frame, or none. The payload's place in each packet is known by the header's size, which is the same for all. */
static int packetize(media_sender_t *sender, peer_time_t now, const media_frame_t *frame, uint32_t timestamp, packet_queue_t *packets,
                     size_t *header_size)
{
    const rtp_payload_format_t *format = sender->codec.format;
    rtp_extensions_t values = media_sender_extensions(sender, false);
    if (frame->has_audio_level) {
        values.present |= 1u << RTP_EXTENSION_AUDIO_LEVEL;
        values.audio_level = frame->audio_level;
        values.has_voice = frame->has_voice;
    }
    if (frame->has_orientation) {
        values.present |= 1u << RTP_EXTENSION_VIDEO_ORIENTATION;
        values.video_orientation = frame->orientation;
    }
    tell_capture_time(sender, now, frame, timestamp, &values);
    rtp_header_t header = {.ssrc = sender->ssrc,
                           .timestamp = timestamp,
                           .payload_type = sender->codec.payload_type,
                           .sequence_number = sender->next_sequence,
                           .extensions = &values,
                           .map = &sender->extensions};
    *header_size = rtp_header_size(&header);
    size_t overhead = *header_size + RTP_RTX_HEADER_SIZE; /* so that it still fits when sent again */
    rtp_payload_context_t context = sender->payload_context;
    context.has_temporal_layers = frame->has_layers;
    context.temporal_id = frame->temporal_id;
    context.is_layer_sync = frame->is_layer_sync;
    context.is_key = frame->is_key;
    rtp_packetizer_t packetizer;
    if (overhead >= sender->session->packet_size ||
        !format->begin(&packetizer, &context, frame->data, frame->length, sender->session->packet_size - overhead))
        return error_set(PEER_ERROR_OPERATION, "a frame of %zu octets does not fit %s packets", frame->length, format->name);
    while (packetizer.packets_left != 0) {
        packet_t *packet = media_sender_start_packet(sender, &header);
        if (packet == NULL)
            return error_no_memory();
        packet->length += format->next(&packetizer, packet->data + *header_size);
        if (format->is_video && packetizer.packets_left == 0)
            packet->data[1] |= 0x80; /* RFC 7741 §4.1 and its like: the marker ends a frame */
        packet_queue_push(packets, packet);
        header.sequence_number++;
    }
    sender->payload_context = context;
    return 0;
}

int media_sender_send_frame(media_sender_t *sender, peer_time_t now, const media_frame_t *frame)
{
    if (sender->codec.format == NULL)
        return error_set(PEER_ERROR_OPERATION, "payload type %u has no payload format", sender->codec.payload_type);
    if (frame->length == 0 || frame->length > MEDIA_FRAME_BYTES_MAX)
        return error_set(PEER_ERROR_TYPE, "a frame of %zu octets", frame->length);
    packet_queue_t packets = {0};
    size_t header_size;
    uint32_t timestamp = rtp_timestamp_of(sender, frame->timestamp_us);
    if (sender->tone.is_playing) { /* RFC 4733 §2.2: the event is in its place */
        sender->last_timestamp = timestamp;
        sender->last_capture = frame->capture_time != 0 ? frame->capture_time : now;
        return 0;
    }
    int result = packetize(sender, now, frame, timestamp, &packets, &header_size);
    if (result < 0) {
        packet_queue_clear(&packets);
        return result;
    }
    sender->last_timestamp = timestamp;
    sender->last_capture = frame->capture_time != 0 ? frame->capture_time : now;
    media_outbound_stats_t *stats = &sender->stats;
    double usual = (double)frame->target_length;
    if (frame->target_length == 0 && stats->frames_sent != 0)
        usual = (double)stats->bytes_sent / (double)stats->frames_sent;
    if (usual > 0 && (double)frame->length > 2.5 * usual)
        stats->huge_frames_sent++;
    stats->frames_sent++;
    if (frame->is_key) {
        stats->key_frames_sent++;
        sender->key_frame_due = PEER_TIME_NEVER; /* whoever asked before is answered by this one */
    }
    packet_t *packet;
    while ((packet = packet_queue_pop(&packets)) != NULL) {
        take_number(sender, bytes_get_u16(packet->data + 2));
        transmit_new(sender, now, packet, packet->length - header_size);
    }
    return 0;
}

int media_sender_send_rtp(media_sender_t *sender, peer_time_t now, const void *data, size_t length)
{
    rtp_view_t view;
    if (!rtp_parse(&view, data, length))
        return error_set(PEER_ERROR_TYPE, "not an RTP packet");
    rtp_extensions_t theirs, values = media_sender_extensions(sender, false);
    rtp_extensions_parse(&theirs, &view, &sender->extensions);
    uint32_t kept = 1u << RTP_EXTENSION_AUDIO_LEVEL | 1u << RTP_EXTENSION_VIDEO_ORIENTATION | 1u << RTP_EXTENSION_PLAYOUT_DELAY |
                    1u << RTP_EXTENSION_ABS_CAPTURE_TIME;
    values.present |= theirs.present & kept;
    values.audio_level = theirs.audio_level;
    values.has_voice = theirs.has_voice;
    values.video_orientation = theirs.video_orientation;
    values.playout_delay_min = theirs.playout_delay_min;
    values.playout_delay_max = theirs.playout_delay_max;
    values.capture_time = theirs.capture_time;
    values.has_capture_offset = theirs.has_capture_offset;
    values.capture_offset = theirs.capture_offset;
    if (sender->tone.is_playing) {
        sender->last_timestamp = view.timestamp;
        sender->last_capture = now;
        sender->tone.shift--; /* its number is not missing */
        return 0;
    }
    uint16_t number = (uint16_t)(view.sequence_number + sender->tone.shift);
    rtp_header_t header = {.ssrc = sender->ssrc,
                           .timestamp = view.timestamp,
                           .payload_type = sender->codec.payload_type,
                           .sequence_number = number,
                           .marker = view.marker,
                           .extensions = &values,
                           .map = &sender->extensions};
    if (rtp_header_size(&header) + view.payload_length > PACKET_SMALL)
        return error_set(PEER_ERROR_TYPE, "an RTP packet of %zu octets is too large", length);
    packet_t *packet = media_sender_start_packet(sender, &header);
    if (packet == NULL)
        return error_no_memory();
    if (view.payload_length != 0 && !packet_append(packet, view.payload, view.payload_length)) {
        packet_unref(packet);
        return error_no_memory();
    }
    if (!take_number(sender, number)) {
        packet_unref(packet);
        return error_set(PEER_ERROR_INVALID_ACCESS, "the RTP sequence number %u was used already, or is too old to tell",
                         view.sequence_number);
    }
    if (!sender->has_sent || view.timestamp != sender->last_timestamp)
        sender->stats.frames_sent++;
    sender->last_timestamp = view.timestamp;
    sender->last_capture = now;
    transmit_new(sender, now, packet, view.payload_length);
    return 0;
}

void media_sender_on_key_frame_request(media_sender_t *sender, peer_time_t now)
{
    if (sender->kind != MEDIA_VIDEO)
        return;
    if (sender->key_frame_requested != 0 && now - sender->key_frame_requested < KEY_FRAME_INTERVAL) {
        sender->key_frame_due = time_earlier(sender->key_frame_due, sender->key_frame_requested + KEY_FRAME_INTERVAL);
        return;
    }
    sender->key_frame_requested = now;
    sender->key_frame_due = PEER_TIME_NEVER;
    media_output_push(&sender->session->outputs, &(media_output_t){.type = MEDIA_OUTPUT_KEY_FRAME_REQUESTED, .sender = sender});
}

void media_sender_timeout(media_sender_t *sender, peer_time_t now)
{
    if (now >= sender->key_frame_due)
        media_sender_on_key_frame_request(sender, now);
    if (now >= media_tone_player_deadline(sender))
        media_tone_player_timeout(sender, now);
}

peer_time_t media_sender_deadline(const media_sender_t *sender)
{
    return time_earlier(sender->key_frame_due, media_tone_player_deadline(sender));
}

void media_sender_on_report(media_sender_t *sender, peer_time_t now, const rtcp_report_block_t *block)
{
    media_outbound_stats_t *stats = &sender->stats;
    stats->has_receiver_report = true;
    stats->receiver_report_timestamp = now;
    /* W3C webrtc-stats, packetsReceived at the sending endpoint: numbers passed over, less those lost. */
    int64_t received = (int64_t)block->highest_sequence_number - sender->first_sequence + 1 - block->packets_lost;
    stats->remote_packets_received = received > 0 ? (uint64_t)received : 0;
    stats->remote_packets_lost = block->packets_lost;
    stats->remote_jitter = sender->codec.clock_rate != 0 ? (double)block->jitter / sender->codec.clock_rate : 0;
    stats->fraction_lost = block->fraction_lost / 256.0;
    stats->reports_received++;
    if (block->last_sender_report == 0)
        return;
    /* RFC 3550 §6.4.1: A - LSR - DLSR, in 1/65536 s. A small negative value is rounding, a large one is nonsense. */
    uint32_t arrival = rtp_ntp_middle(rtp_ntp_from_us(media_session_ntp_us(sender->session, now)));
    int32_t difference = (int32_t)(arrival - block->last_sender_report - block->delay_since_last);
    if (difference < -65536 / 100)
        return;
    peer_time_t rtt = difference > 0 ? (peer_time_t)((uint64_t)(uint32_t)difference * 1000000u >> 16) : 0;
    if (rtt > MEDIA_RTT_MAX)
        return;
    media_session_set_rtt(sender->session, rtt);
    if (block->delay_since_last == 0) /* W3C webrtc-stats: such a report says nothing of roundTripTime */
        return;
    stats->has_round_trip_time = true;
    stats->round_trip_time = (double)rtt / (double)PEER_SECOND;
    stats->total_round_trip_time += stats->round_trip_time;
    stats->round_trip_time_measurements++;
}

static void copy_label(char label[MEDIA_MID_MAX + 1], const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    if (length > MEDIA_MID_MAX)
        length = 0; /* it could not be matched by anyone */
    memcpy(label, text != NULL ? text : "", length);
    label[length] = 0;
}

static void start_ssrc(media_sender_t *sender, uint32_t ssrc, uint32_t rtx_ssrc)
{
    const random_source_t *random = &sender->session->random;
    sender->ssrc = ssrc;
    sender->rtx_ssrc = rtx_ssrc;
    /* RFC 3550 §5.1: unpredictable; the lower half leaves SRTP's rollover counter time to be agreed on (RFC 3711 §3.3.1). */
    sender->next_sequence = (uint16_t)random_below(random, 0x8000);
    sender->next_rtx_sequence = (uint16_t)random_below(random, 0x8000);
    sender->timestamp_offset = random_u32(random);
    sender->payload_context =
        (rtp_payload_context_t){.picture_id = (uint16_t)random_below(random, 0x8000), .tl0picidx = (uint8_t)random_below(random, 0x100)};
    sender->packet_count = 0;
    sender->octet_count = 0;
    sender->has_sent = false;
    media_history_clear(&sender->history);
}

static bool link_ssrcs(media_sender_t *sender, uint32_t ssrc, uint32_t rtx_ssrc)
{
    map_t *local = &sender->session->local;
    if (!map_set(local, ssrc, sender))
        return false;
    if (!map_set(local, rtx_ssrc, sender)) {
        map_remove(local, ssrc);
        return false;
    }
    return true;
}

static void take_config(media_sender_t *sender, const media_sender_config_t *config)
{
    if (sender->codec.format != config->codec.format)
        media_history_clear(&sender->history);
    if (sender->codec.clock_rate != config->codec.clock_rate || sender->event.clock_rate != config->event.clock_rate)
        media_sender_abandon_event(sender); /* it counted by another clock */
    sender->kind = config->kind;
    sender->codec = config->codec;
    sender->event = config->event;
    sender->extensions = config->extensions;
    copy_label(sender->mid, config->mid);
    copy_label(sender->rid, config->rid);
}

static bool is_free(const media_session_t *session, uint32_t ssrc, const media_sender_t *sender)
{
    const void *user = map_get(&session->local, ssrc);
    return user == NULL || user == sender;
}

media_sender_t *media_add_sender(media_session_t *session, const media_sender_config_t *config)
{
    uint32_t ssrc = config->ssrc != 0 ? config->ssrc : media_session_new_ssrc(session);
    uint32_t rtx_ssrc = config->rtx_ssrc != 0 ? config->rtx_ssrc : media_session_new_ssrc(session);
    if (session->sender_count == MEDIA_SENDERS_MAX) {
        error_set(PEER_ERROR_OPERATION, "a transport carries at most %d senders", MEDIA_SENDERS_MAX);
        return NULL;
    }
    if (!is_free(session, ssrc, NULL) || !is_free(session, rtx_ssrc, NULL) || ssrc == rtx_ssrc) {
        error_set(PEER_ERROR_INVALID_ACCESS, "SSRC %u is in use", (unsigned)ssrc);
        return NULL;
    }
    media_sender_t *sender = MEMORY_NEW(media_sender_t);
    if (sender == NULL) {
        error_no_memory();
        return NULL;
    }
    sender->session = session;
    sender->number = ++session->streams_made;
    sender->key_frame_due = PEER_TIME_NEVER;
    media_tone_player_init(&sender->tone);
    if (!link_ssrcs(sender, ssrc, rtx_ssrc)) {
        memory_free(sender);
        error_no_memory();
        return NULL;
    }
    start_ssrc(sender, ssrc, rtx_ssrc);
    take_config(sender, config);
    session->senders[session->sender_count++] = sender;
    return sender;
}

int media_sender_reconfigure(media_sender_t *sender, const media_sender_config_t *config)
{
    media_session_t *session = sender->session;
    uint32_t ssrc = config->ssrc != 0 ? config->ssrc : sender->ssrc;
    uint32_t rtx_ssrc = config->rtx_ssrc != 0 ? config->rtx_ssrc : sender->rtx_ssrc;
    if (ssrc != sender->ssrc || rtx_ssrc != sender->rtx_ssrc) {
        if (!is_free(session, ssrc, sender) || !is_free(session, rtx_ssrc, sender) || ssrc == rtx_ssrc)
            return error_set(PEER_ERROR_INVALID_ACCESS, "SSRC %u is in use", (unsigned)ssrc);
        uint32_t old_ssrc = sender->ssrc, old_rtx_ssrc = sender->rtx_ssrc;
        map_remove(&session->local, old_ssrc);
        map_remove(&session->local, old_rtx_ssrc);
        if (!link_ssrcs(sender, ssrc, rtx_ssrc)) {
            link_ssrcs(sender, old_ssrc, old_rtx_ssrc); /* the map has room for them: they were in it */
            return error_no_memory();
        }
        if (ssrc != old_ssrc) {
            start_ssrc(sender, ssrc, rtx_ssrc);
            sender->number = ++session->streams_made;
            sender->stats = (media_outbound_stats_t){0}; /* another stream, with counts of its own */
        }
        sender->rtx_ssrc = rtx_ssrc;
    }
    take_config(sender, config);
    return 0;
}

void media_sender_free(media_sender_t *sender)
{
    media_history_clear(&sender->history);
    memory_free(sender);
}

void media_remove_sender(media_session_t *session, media_sender_t *sender, peer_time_t now)
{
    if (sender->has_sent)
        media_rtcp_bye(session, now, sender);
    for (size_t i = 0; i < session->sender_count; i++)
        if (session->senders[i] == sender)
            session->senders[i] = session->senders[--session->sender_count];
    map_remove(&session->local, sender->ssrc);
    map_remove(&session->local, sender->rtx_ssrc);
    media_output_forget(&session->outputs, sender, NULL);
    media_sender_free(sender);
}

void media_sender_set_priority(media_sender_t *sender, uint8_t priority)
{
    sender->priority = priority;
}

uint32_t media_sender_ssrc(const media_sender_t *sender)
{
    return sender->ssrc;
}

bool media_sender_has_rtx(const media_sender_t *sender)
{
    return sender->codec.rtx_payload_type != MEDIA_NO_PAYLOAD_TYPE;
}

uint32_t media_sender_rtx_ssrc(const media_sender_t *sender)
{
    return media_sender_has_rtx(sender) ? sender->rtx_ssrc : 0;
}

void media_sender_stats(const media_sender_t *sender, peer_time_t now, media_outbound_stats_t *stats)
{
    (void)now;
    *stats = sender->stats;
    stats->kind = sender->kind;
    stats->number = sender->number;
    stats->ssrc = sender->ssrc;
    stats->rtx_ssrc = media_sender_rtx_ssrc(sender);
    stats->payload_type = sender->codec.payload_type;
}
