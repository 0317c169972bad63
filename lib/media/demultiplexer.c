/* Whose a packet is (RFC 9143 §9.2): by the SSRCs that are known, else by signalling, MID or payload type; and the table of what was
 * learned. A receiver follows one stream at a time, which bounds the table. */
#include "media/session.h"

#include "base/log.h"

#include <string.h>

#define RETIRED_SILENCE (1 * PEER_SECOND) /* a replaced SSRC may come back when its successor was silent this long */

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

media_stream_t *media_session_find_stream(media_session_t *session, peer_time_t now, const rtp_view_t *view,
                                          const rtp_extensions_t *extensions)
{
    media_stream_t *stream = map_get(&session->streams, view->ssrc);
    bool names_mid = rtp_extensions_has(extensions, RTP_EXTENSION_MID);
    if (stream != NULL) {
        if (!names_mid || has_mid(stream->receiver, extensions->mid, extensions->mid_length) ||
            receiver_by_mid(session, extensions) == NULL)
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
