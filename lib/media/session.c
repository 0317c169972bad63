/* The session: owns senders and receivers, finds whose each packet is, and turns the clock. */
#include "media/session.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <string.h>

#define PACKET_SIZE_MIN 512
#define PACKET_SIZE_MAX 1400
#define RETIRED_SILENCE (1 * PEER_SECOND) /* a replaced SSRC may come back when its successor was silent this long */
#define TARGET_DELAY_MAX (4 * PEER_SECOND) /* W3C webrtc-extensions jitterBufferTarget */

media_session_t *media_session_new(const media_session_config_t *config)
{
    media_session_t *session = MEMORY_NEW(media_session_t);
    if (session == NULL) {
        error_no_memory();
        return NULL;
    }
    session->pool = config->pool;
    session->random = config->random;
    session->connection = config->connection;
    session->wall_clock_offset = config->wall_clock_offset_us;
    session->allows_reduced_size = config->reduced_size_rtcp;
    session->next_report = PEER_TIME_NEVER;
    session->next_sync = PEER_TIME_NEVER;
    session->next_transport_feedback = PEER_TIME_NEVER;
    session->transport_sequence = 1;
    size_t length = config->cname != NULL ? strlen(config->cname) : 0;
    memcpy(session->cname, config->cname != NULL ? config->cname : "", length < MEDIA_CNAME_MAX ? length : MEDIA_CNAME_MAX);
    media_session_set_packet_size(session, config->packet_size != 0 ? config->packet_size : MEDIA_PACKET_SIZE);
    session->local_ssrc = media_session_new_ssrc(session);
    return session;
}

void media_session_free(media_session_t *session)
{
    if (session == NULL)
        return;
    while (session->receiver_count != 0)
        media_remove_receiver(session, session->receivers[0]);
    for (size_t i = 0; i < session->sender_count; i++)
        media_sender_free(session->senders[i]);
    packet_unref(session->feedback);
    cc_arrivals_free(&session->arrivals);
    media_output_queue_clear(&session->outputs);
    map_clear(&session->streams);
    map_clear(&session->local);
    memory_free(session);
}

void media_session_set_reduced_size_rtcp(media_session_t *session, bool is_allowed)
{
    session->allows_reduced_size = is_allowed;
}

void media_session_set_packet_size(media_session_t *session, size_t size)
{
    session->packet_size = size < PACKET_SIZE_MIN ? PACKET_SIZE_MIN : size > PACKET_SIZE_MAX ? PACKET_SIZE_MAX : size;
}

uint32_t media_session_new_ssrc(media_session_t *session)
{
    uint32_t ssrc;
    do
        ssrc = random_u32(&session->random);
    while (ssrc == 0 || ssrc == session->local_ssrc || map_get(&session->local, ssrc) != NULL || map_get(&session->streams, ssrc) != NULL);
    return ssrc;
}

uint32_t media_session_speaker(const media_session_t *session)
{
    for (size_t i = 0; i < session->sender_count; i++)
        if (session->senders[i]->has_sent)
            return session->senders[i]->ssrc;
    return session->local_ssrc;
}

peer_time_t media_session_rtt(const media_session_t *session)
{
    return session->has_rtt ? session->rtt : MEDIA_RTT_DEFAULT;
}

void media_session_set_rtt(media_session_t *session, peer_time_t rtt)
{
    session->rtt = session->has_rtt ? (7 * session->rtt + rtt) / 8 : rtt;
    session->has_rtt = true;
}

int64_t media_session_ntp_us(const media_session_t *session, peer_time_t now)
{
    return now + session->wall_clock_offset + RTP_NTP_UNIX_EPOCH_US;
}

/* Receivers. */

media_codec_t *media_receiver_codec(media_receiver_t *receiver, uint8_t payload_type, bool *is_rtx)
{
    for (size_t i = 0; i < receiver->codec_count; i++) {
        media_codec_t *codec = &receiver->codecs[i];
        *is_rtx = codec->rtx_payload_type == payload_type && codec->payload_type != payload_type;
        if (*is_rtx || codec->payload_type == payload_type)
            return codec;
    }
    return NULL;
}

static void find_ids(media_session_t *session)
{
    session->mid_id = session->rid_id = session->repaired_rid_id = 0;
    for (size_t i = 0; i < session->receiver_count; i++) {
        const uint8_t *ids = session->receivers[i]->extensions.ids;
        session->mid_id = session->mid_id != 0 ? session->mid_id : ids[RTP_EXTENSION_MID];
        session->rid_id = session->rid_id != 0 ? session->rid_id : ids[RTP_EXTENSION_RID];
        session->repaired_rid_id = session->repaired_rid_id != 0 ? session->repaired_rid_id : ids[RTP_EXTENSION_REPAIRED_RID];
    }
}

static int take_config(media_receiver_t *receiver, const media_receiver_config_t *config)
{
    if (config->codec_count > MEDIA_CODECS_MAX || config->ssrc_count > MEDIA_SSRCS_MAX)
        return error_set(PEER_ERROR_OPERATION, "more than %d payload types or %d SSRCs in one m-section", MEDIA_CODECS_MAX, MEDIA_SSRCS_MAX);
    for (size_t i = 0; i < config->codec_count; i++)
        if (config->codecs[i].clock_rate == 0)
            return error_set(PEER_ERROR_RANGE, "payload type %u has no clock rate", config->codecs[i].payload_type);
    char *group = memory_string(config->sync_group);
    if (config->sync_group != NULL && group == NULL)
        return error_no_memory();
    memory_free(receiver->sync_group);
    receiver->sync_group = group;
    receiver->kind = config->kind;
    receiver->codec_count = config->codec_count;
    receiver->ssrc_count = config->ssrc_count;
    receiver->extensions = config->extensions;
    receiver->user = config->user;
    size_t length = config->mid != NULL ? strlen(config->mid) : 0;
    length = length <= MEDIA_MID_MAX ? length : 0;
    memcpy(receiver->mid, config->mid != NULL ? config->mid : "", length);
    receiver->mid[length] = 0;
    for (size_t i = 0; i < config->codec_count; i++)
        receiver->codecs[i] = config->codecs[i];
    for (size_t i = 0; i < config->ssrc_count; i++) {
        receiver->ssrcs[i] = config->ssrcs[i];
        receiver->rtx_ssrcs[i] = config->rtx_ssrcs != NULL ? config->rtx_ssrcs[i] : 0;
    }
    return 0;
}

media_receiver_t *media_add_receiver(media_session_t *session, const media_receiver_config_t *config)
{
    if (session->receiver_count == MEDIA_RECEIVERS_MAX) {
        error_set(PEER_ERROR_OPERATION, "a transport carries at most %d receivers", MEDIA_RECEIVERS_MAX);
        return NULL;
    }
    media_receiver_t *receiver = MEMORY_NEW(media_receiver_t);
    if (receiver == NULL) {
        error_no_memory();
        return NULL;
    }
    receiver->session = session;
    receiver->wants_frames = true;
    if (take_config(receiver, config) < 0) {
        memory_free(receiver);
        return NULL;
    }
    session->receivers[session->receiver_count++] = receiver;
    find_ids(session);
    return receiver;
}

void media_session_unlink_stream(media_session_t *session, media_stream_t *stream)
{
    media_receiver_t *receiver = stream->receiver;
    map_remove(&session->streams, stream->ssrc);
    if (stream->rtx_ssrc != 0 && map_get(&session->streams, stream->rtx_ssrc) == stream)
        map_remove(&session->streams, stream->rtx_ssrc);
    receiver->stream = NULL;
    media_stream_free(stream);
}

void media_session_retire_stream(media_session_t *session, media_stream_t *stream, peer_time_t now)
{
    media_receiver_t *receiver = stream->receiver;
    receiver->retired[receiver->retired_next++ % MEDIA_RETIRED_SSRCS] = stream->ssrc;
    receiver->ended = now;
    media_session_unlink_stream(session, stream);
}

static bool is_signalled(const media_receiver_t *receiver, uint32_t ssrc)
{
    for (size_t i = 0; i < receiver->ssrc_count; i++)
        if (receiver->ssrcs[i] == ssrc)
            return true;
    return false;
}

int media_receiver_reconfigure(media_receiver_t *receiver, const media_receiver_config_t *config)
{
    media_session_t *session = receiver->session;
    media_kind_t kind = receiver->kind;
    bool was_signalled = receiver->stream != NULL && is_signalled(receiver, receiver->stream->ssrc);
    int result = take_config(receiver, config);
    if (result < 0)
        return result;
    find_ids(session);
    media_stream_t *stream = receiver->stream;
    /* What belonged to it by signalling and no longer does is another's now. */
    if (stream != NULL && (kind != config->kind || (was_signalled && !is_signalled(receiver, stream->ssrc))))
        media_session_unlink_stream(session, stream);
    return 0;
}

void media_remove_receiver(media_session_t *session, media_receiver_t *receiver)
{
    if (receiver->stream != NULL)
        media_session_unlink_stream(session, receiver->stream);
    for (size_t i = 0; i < session->receiver_count; i++)
        if (session->receivers[i] == receiver)
            session->receivers[i] = session->receivers[--session->receiver_count];
    find_ids(session);
    media_output_forget(&session->outputs, NULL, receiver);
    memory_free(receiver->sync_group);
    memory_free(receiver);
}

void *media_receiver_user(const media_receiver_t *receiver)
{
    return receiver->user;
}

void media_receiver_set_tap(media_receiver_t *receiver, bool wants_rtp, bool wants_frames)
{
    if (receiver->stream != NULL && receiver->wants_frames && !wants_frames)
        media_stream_flush(receiver->stream);
    receiver->wants_rtp = wants_rtp;
    receiver->wants_frames = wants_frames;
}

void media_receiver_set_target_delay(media_receiver_t *receiver, peer_time_t delay_us)
{
    receiver->least_delay = delay_us < 0 ? 0 : time_earlier(delay_us, TARGET_DELAY_MAX);
}

void media_receiver_request_key_frame(media_receiver_t *receiver, peer_time_t now)
{
    if (receiver->stream != NULL)
        media_stream_want_key_frame(receiver->stream, now);
}

/* Whose a packet is (RFC 9143 §9.2). */

static media_receiver_t *receiver_by_ssrc(const media_session_t *session, uint32_t ssrc)
{
    for (size_t i = 0; i < session->receiver_count; i++) {
        media_receiver_t *receiver = session->receivers[i];
        for (size_t k = 0; k < receiver->ssrc_count; k++)
            if (receiver->ssrcs[k] == ssrc || (receiver->rtx_ssrcs[k] != 0 && receiver->rtx_ssrcs[k] == ssrc))
                return receiver;
    }
    return NULL;
}

static bool has_mid(const media_receiver_t *receiver, const char *mid, size_t length)
{
    return length != 0 && strlen(receiver->mid) == length && memcmp(receiver->mid, mid, length) == 0;
}

static media_receiver_t *receiver_by_mid(const media_session_t *session, const rtp_extensions_t *extensions)
{
    for (size_t i = 0; i < session->receiver_count; i++)
        if (has_mid(session->receivers[i], extensions->mid, extensions->mid_length))
            return session->receivers[i];
    return NULL;
}

static media_receiver_t *receiver_by_payload_type(const media_session_t *session, uint8_t payload_type)
{
    media_receiver_t *found = NULL;
    bool is_rtx;
    for (size_t i = 0; i < session->receiver_count; i++) {
        if (media_receiver_codec(session->receivers[i], payload_type, &is_rtx) == NULL)
            continue;
        if (found != NULL)
            return NULL; /* in use in more than one m-section: it tells nothing */
        found = session->receivers[i];
    }
    return found;
}

static uint32_t signalled_rtx_ssrc(const media_receiver_t *receiver, uint32_t ssrc)
{
    for (size_t i = 0; i < receiver->ssrc_count; i++)
        if (receiver->ssrcs[i] == ssrc)
            return receiver->rtx_ssrcs[i];
    return 0;
}

static bool bind_rtx(media_stream_t *stream, uint32_t rtx_ssrc)
{
    media_session_t *session = stream->session;
    if (rtx_ssrc == 0) /* a number like any other to RFC 3550, but here it stands for none */
        return false;
    if (map_get(&session->streams, rtx_ssrc) != NULL || !map_set(&session->streams, rtx_ssrc, stream))
        return false;
    if (stream->rtx_ssrc != 0)
        map_remove(&session->streams, stream->rtx_ssrc);
    stream->rtx_ssrc = rtx_ssrc;
    return true;
}

static bool is_retired(const media_receiver_t *receiver, uint32_t ssrc)
{
    for (size_t i = 0; i < MEDIA_RETIRED_SSRCS; i++)
        if (receiver->retired[i] == ssrc && ssrc != 0)
            return true;
    return false;
}

/* A receiver follows one stream at a time: a new SSRC takes the place of the one before. */
static media_stream_t *start_stream(media_receiver_t *receiver, peer_time_t now, uint32_t ssrc)
{
    media_session_t *session = receiver->session;
    media_stream_t *before = receiver->stream;
    peer_time_t last = before != NULL ? before->stats.last_packet_received_timestamp : receiver->ended;
    if (is_retired(receiver, ssrc) && now - last < RETIRED_SILENCE)
        return NULL; /* a straggler */
    if (before != NULL)
        media_session_retire_stream(session, before, now);
    media_stream_t *stream = media_stream_new(receiver, ssrc);
    if (stream == NULL)
        return NULL;
    if (!map_set(&session->streams, ssrc, stream)) {
        media_stream_free(stream);
        return NULL;
    }
    receiver->stream = stream;
    uint32_t rtx_ssrc = signalled_rtx_ssrc(receiver, ssrc);
    if (rtx_ssrc != ssrc)
        bind_rtx(stream, rtx_ssrc);
    LOG_DEBUG("media", session->connection, "SSRC %u is received for mid %s", (unsigned)ssrc, receiver->mid);
    return stream;
}

static media_stream_t *find_stream(media_session_t *session, peer_time_t now, const rtp_view_t *view, const rtp_extensions_t *extensions)
{
    media_stream_t *stream = map_get(&session->streams, view->ssrc);
    bool names_mid = rtp_extensions_has(extensions, RTP_EXTENSION_MID);
    if (stream != NULL) {
        if (!names_mid || has_mid(stream->receiver, extensions->mid, extensions->mid_length) || receiver_by_mid(session, extensions) == NULL)
            return stream;
        /* §9.2: the MID of a packet corrects what was known of its SSRC. */
        if (stream->ssrc == view->ssrc) {
            media_session_unlink_stream(session, stream);
        } else {
            map_remove(&session->streams, view->ssrc);
            stream->rtx_ssrc = 0;
        }
    }
    media_receiver_t *receiver = names_mid ? receiver_by_mid(session, extensions) : NULL;
    if (receiver == NULL && !names_mid)
        receiver = receiver_by_ssrc(session, view->ssrc);
    if (receiver == NULL && !names_mid)
        receiver = receiver_by_payload_type(session, view->payload_type);
    if (receiver == NULL) {
        session->stats.rtp_unknown_ssrc++;
        return NULL;
    }
    bool is_rtx;
    if (media_receiver_codec(receiver, view->payload_type, &is_rtx) == NULL) {
        session->stats.rtp_unknown_payload_type++;
        return NULL;
    }
    if (!is_rtx)
        stream = start_stream(receiver, now, view->ssrc);
    else
        stream = receiver->stream != NULL && bind_rtx(receiver->stream, view->ssrc) ? receiver->stream : NULL;
    if (stream == NULL)
        session->stats.rtp_unknown_ssrc++;
    return stream;
}

/* Makes an RTX packet the one it carries, in place: the header moves over the original number. */
static bool unwrap_rtx(packet_t *packet, rtp_view_t *view, uint32_t ssrc, uint8_t payload_type)
{
    size_t header_length = view->header_length;
    if (!rtp_rtx_unwrap(view, ssrc, payload_type))
        return false;
    memmove(packet->data + RTP_RTX_HEADER_SIZE, packet->data, header_length);
    packet->data += RTP_RTX_HEADER_SIZE;
    packet->length -= RTP_RTX_HEADER_SIZE;
    packet->data[1] = (uint8_t)((packet->data[1] & 0x80) | payload_type);
    bytes_put_u16(packet->data + 2, view->sequence_number);
    bytes_put_u32(packet->data + 8, ssrc);
    return rtp_parse(view, packet->data, packet->length);
}

static void input_rtp(media_session_t *session, peer_time_t now, packet_t *packet)
{
    rtp_view_t view;
    rtp_extensions_t extensions;
    if (!rtp_parse(&view, packet->data, packet->length)) {
        session->stats.rtp_malformed++;
        return;
    }
    rtp_extension_map_t ids = {.ids = {[RTP_EXTENSION_MID] = session->mid_id, [RTP_EXTENSION_RID] = session->rid_id,
                                       [RTP_EXTENSION_REPAIRED_RID] = session->repaired_rid_id}};
    rtp_extensions_parse(&extensions, &view, &ids);
    media_stream_t *stream = find_stream(session, now, &view, &extensions);
    if (stream == NULL)
        return;
    bool is_rtx;
    media_receiver_t *receiver = stream->receiver;
    const media_codec_t *codec = media_receiver_codec(receiver, view.payload_type, &is_rtx);
    if (codec == NULL || is_rtx != (view.ssrc != stream->ssrc)) {
        session->stats.rtp_unknown_payload_type++;
        return;
    }
    rtp_extensions_parse(&extensions, &view, &receiver->extensions);
    /* Padding counts too: it is sent to find out what the path carries. */
    if ((codec->feedback & MEDIA_FEEDBACK_TRANSPORT_CC) != 0 && rtp_extensions_has(&extensions, RTP_EXTENSION_TRANSPORT_CC))
        media_transport_feedback_note(session, now, view.ssrc, extensions.transport_sequence_number);
    if (is_rtx && !unwrap_rtx(packet, &view, stream->ssrc, codec->payload_type))
        return; /* padding, as senders use to probe */
    if (is_rtx)
        rtp_extensions_parse(&extensions, &view, &receiver->extensions); /* they moved */
    if (!receiver->is_flowing) {
        receiver->is_flowing = true;
        media_output_push(&session->outputs, &(media_output_t){.type = MEDIA_OUTPUT_FIRST_PACKET, .receiver = receiver});
    }
    media_stream_input(stream, now, packet, &view, &extensions, codec, is_rtx);
    media_rtcp_schedule(session, now);
}

void media_session_input_rtp(media_session_t *session, peer_time_t now, packet_t *packet)
{
    input_rtp(session, now, packet);
    media_rtcp_flush(session);
}

void media_session_input_rtcp(media_session_t *session, peer_time_t now, packet_t *packet)
{
    media_rtcp_input(session, now, packet);
    media_rtcp_flush(session);
    if (session->next_sync == PEER_TIME_NEVER)
        media_sync_update(session, now);
}

/* The clock. */

void media_session_timeout(media_session_t *session, peer_time_t now)
{
    for (size_t i = 0; i < session->receiver_count; i++) {
        media_stream_t *stream = session->receivers[i]->stream;
        if (stream != NULL && media_stream_deadline(stream) <= now)
            media_stream_timeout(stream, now);
    }
    for (size_t i = 0; i < session->sender_count; i++)
        media_sender_timeout(session->senders[i], now);
    if (now >= session->next_sync)
        media_sync_update(session, now);
    if (now >= session->next_transport_feedback)
        media_transport_feedback_send(session);
    media_rtcp_flush(session);
    if (now >= session->next_report)
        media_rtcp_report(session, now);
}

peer_time_t media_session_deadline(const media_session_t *session)
{
    peer_time_t deadline = time_earlier(time_earlier(session->next_report, session->next_sync), session->next_transport_feedback);
    for (size_t i = 0; i < session->receiver_count; i++)
        if (session->receivers[i]->stream != NULL)
            deadline = time_earlier(deadline, media_stream_deadline(session->receivers[i]->stream));
    for (size_t i = 0; i < session->sender_count; i++)
        deadline = time_earlier(deadline, session->senders[i]->key_frame_due);
    return deadline;
}

bool media_session_poll(media_session_t *session, media_output_t *output)
{
    return media_output_pop(&session->outputs, output);
}

void media_session_stats(const media_session_t *session, media_session_stats_t *stats)
{
    *stats = session->stats;
    stats->outputs_dropped = session->outputs.dropped;
}
