/* Whose a packet is (RFC 9143 §9.2, RFC 8852): by the SSRCs that are known, else by MID, signalling or payload type, and of a simulcast by
 * its RID; and the table of what was learned. A receiver has one stream for each rid that was negotiated, or one in all, which bounds the
 * table.
 */
#include "media/session.h"

#include "base/log.h"

#include <string.h>

#define RETIRED_SILENCE (1 * PEER_SECOND) /* a replaced SSRC may come back when its successor was silent this long */

void media_session_unlink_stream(media_session_t *session, media_stream_t *stream)
{
    map_remove(&session->streams, stream->ssrc);
    if (stream->rtx_ssrc != 0 && map_get(&session->streams, stream->rtx_ssrc) == stream)
        map_remove(&session->streams, stream->rtx_ssrc);
    media_layers_remove(stream->receiver, stream);
    media_stream_free(stream);
}

void media_session_retire_stream(media_session_t *session, media_stream_t *stream, peer_time_t now)
{
    media_receiver_t *receiver = stream->receiver;
    receiver->retired[receiver->retired_next++ % MEDIA_RETIRED_SSRCS] = stream->ssrc;
    receiver->ended = now;
    media_session_unlink_stream(session, stream);
}

/* ---- what was learned of SSRCs that are not received ---- */

static media_learned_t *find_learned(media_session_t *session, uint32_t ssrc)
{
    for (size_t i = 0; i < MEDIA_LEARNED_MAX && ssrc != 0; i++)
        if (session->learned[i].ssrc == ssrc)
            return &session->learned[i];
    return NULL;
}

/* In the place of the oldest. */
static media_learned_t *learn(media_session_t *session, uint32_t ssrc)
{
    media_learned_t *learned = find_learned(session, ssrc);
    if (learned != NULL)
        return learned;
    learned = &session->learned[session->learned_next++ % MEDIA_LEARNED_MAX];
    *learned = (media_learned_t){.ssrc = ssrc};
    return learned;
}

static void unlearn(media_session_t *session, uint32_t ssrc)
{
    media_learned_t *learned = find_learned(session, ssrc);
    if (learned != NULL)
        *learned = (media_learned_t){0};
}

void media_session_forget_receiver(media_session_t *session, const media_receiver_t *receiver)
{
    for (size_t i = 0; i < MEDIA_LEARNED_MAX; i++)
        if (session->learned[i].receiver == receiver)
            session->learned[i] = (media_learned_t){0};
}

/* ---- m-sections ---- */

static bool is_text(const char *known, const char *text, size_t length)
{
    return length != 0 && strlen(known) == length && memcmp(known, text, length) == 0;
}

static media_receiver_t *receiver_by_mid(const media_session_t *session, const char *mid, size_t length)
{
    for (size_t i = 0; i < session->receiver_count; i++)
        if (is_text(session->receivers[i]->mid, mid, length))
            return session->receivers[i];
    return NULL;
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

/* The receiver's own copy of a rid, "" for none; NULL: it was not negotiated. Without simulcast rids mean nothing. */
static const char *negotiated_rid(const media_receiver_t *receiver, const char *rid, size_t length)
{
    if (receiver->rid_count == 0 || length == 0)
        return "";
    for (size_t i = 0; i < receiver->rid_count; i++)
        if (is_text(receiver->rids[i], rid, length))
            return receiver->rids[i];
    return NULL;
}

/* ---- streams ---- */

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
    stream->named[1].is_known = false;
    return true;
}

static bool is_retired(const media_receiver_t *receiver, uint32_t ssrc)
{
    for (size_t i = 0; i < MEDIA_RETIRED_SSRCS; i++)
        if (receiver->retired[i] == ssrc && ssrc != 0)
            return true;
    return false;
}

static media_stream_t *stream_by_rid(const media_receiver_t *receiver, const char *rid)
{
    for (size_t i = 0; i < receiver->stream_count; i++)
        if (receiver->streams[i]->rid == rid || strcmp(receiver->streams[i]->rid, rid) == 0)
            return receiver->streams[i];
    return NULL;
}

/* A new SSRC takes the place of the one before with the same rid. */
static media_stream_t *start_stream(media_receiver_t *receiver, peer_time_t now, uint32_t ssrc, const char *rid)
{
    media_session_t *session = receiver->session;
    media_stream_t *before = stream_by_rid(receiver, rid);
    peer_time_t last = before != NULL ? before->stats.last_packet_received_timestamp : receiver->ended;
    if (is_retired(receiver, ssrc) && now - last < RETIRED_SILENCE)
        return NULL; /* a straggler */
    if (before != NULL)
        media_session_retire_stream(session, before, now);
    if (receiver->stream_count == MEDIA_STREAMS_MAX)
        return NULL;
    media_stream_t *stream = media_stream_new(receiver, ssrc);
    if (stream == NULL)
        return NULL;
    if (!map_set(&session->streams, ssrc, stream)) {
        media_stream_free(stream);
        return NULL;
    }
    stream->rid = rid;
    media_layers_add(receiver, now, stream);
    uint32_t rtx_ssrc = signalled_rtx_ssrc(receiver, ssrc);
    if (rtx_ssrc != ssrc)
        bind_rtx(stream, rtx_ssrc);
    unlearn(session, ssrc);
    LOG_DEBUG("media", session->connection, "SSRC %u is received for mid %s%s%s", (unsigned)ssrc, receiver->mid,
              *rid != '\0' ? ", rid " : "", rid);
    return stream;
}

/* RFC 4588 §5.3: without anything else that tells, a retransmission belongs to the one stream that asked for the packet in it. */
static media_stream_t *stream_that_misses(const media_receiver_t *receiver, const rtp_view_t *view)
{
    media_stream_t *found = NULL;
    for (size_t i = 0; i < receiver->stream_count && view->payload_length >= RTP_RTX_HEADER_SIZE; i++) {
        media_stream_t *stream = receiver->streams[i];
        if (!stream->reception.is_started ||
            !media_nack_has(&stream->nack, media_reception_extend(&stream->reception, bytes_get_u16(view->payload))))
            continue;
        if (found != NULL)
            return NULL;
        found = stream;
    }
    return found;
}

static media_stream_t *stream_repaired(const media_receiver_t *receiver, const rtp_view_t *view, const char *rid)
{
    for (size_t i = 0; i < receiver->ssrc_count; i++)
        if (receiver->rtx_ssrcs[i] != 0 && receiver->rtx_ssrcs[i] == view->ssrc)
            for (size_t k = 0; k < receiver->stream_count; k++)
                if (receiver->streams[k]->ssrc == receiver->ssrcs[i])
                    return receiver->streams[k];
    if (*rid != '\0')
        return stream_by_rid(receiver, rid);
    return receiver->stream_count == 1 ? receiver->streams[0] : stream_that_misses(receiver, view);
}

/* ---- a packet ---- */

/* Of a simulcast; else the length is 0. */
static void rid_of(const rtp_extensions_t *extensions, bool is_rtx, const char **rid, size_t *length)
{
    rtp_extension_t extension = is_rtx ? RTP_EXTENSION_REPAIRED_RID : RTP_EXTENSION_RID;
    bool is_named = rtp_extensions_has(extensions, extension);
    *rid = !is_named ? "" : is_rtx ? extensions->repaired_rid : extensions->rid;
    *length = !is_named ? 0 : is_rtx ? extensions->repaired_rid_length : extensions->rid_length;
}

/* Does the packet say what is known of its SSRC? One that says nothing agrees. */
static bool agrees(const media_stream_t *stream, const rtp_extensions_t *extensions, bool is_rtx)
{
    const media_receiver_t *receiver = stream->receiver;
    if (rtp_extensions_has(extensions, RTP_EXTENSION_MID) && !is_text(receiver->mid, extensions->mid, extensions->mid_length))
        return false;
    const char *rid;
    size_t length;
    rid_of(extensions, is_rtx, &rid, &length);
    return receiver->rid_count == 0 || length == 0 || is_text(stream->rid, rid, length);
}

static void note_named(media_stream_t *stream, const rtp_view_t *view, const rtp_extensions_t *extensions, bool is_rtx)
{
    uint32_t naming = 1u << RTP_EXTENSION_MID | 1u << RTP_EXTENSION_RID | 1u << RTP_EXTENSION_REPAIRED_RID;
    if ((extensions->present & naming) == 0 ||
        (stream->named[is_rtx].is_known && !rtp_sequence_is_newer(view->sequence_number, stream->named[is_rtx].sequence)))
        return;
    stream->named[is_rtx].is_known = true;
    stream->named[is_rtx].sequence = view->sequence_number;
}

static void forget_ssrc(media_session_t *session, media_stream_t *stream, uint32_t ssrc)
{
    if (stream->ssrc == ssrc) {
        media_session_unlink_stream(session, stream);
        return;
    }
    map_remove(&session->streams, ssrc);
    stream->rtx_ssrc = 0;
}

/* The m-section of an SSRC that has no stream; NULL: nobody's. */
static media_receiver_t *find_receiver(media_session_t *session, const rtp_view_t *view, const rtp_extensions_t *extensions)
{
    const media_learned_t *learned = find_learned(session, view->ssrc);
    if (rtp_extensions_has(extensions, RTP_EXTENSION_MID)) {
        media_receiver_t *receiver = receiver_by_mid(session, extensions->mid, extensions->mid_length);
        /* §9.2: a stream with a MID that is nobody's is not received, also in packets that do not repeat the MID. */
        if (receiver == NULL)
            learn(session, view->ssrc)->receiver = NULL;
        else if (learned != NULL)
            unlearn(session, view->ssrc);
        return receiver;
    }
    if (learned != NULL)
        return learned->receiver;
    media_receiver_t *receiver = receiver_by_ssrc(session, view->ssrc);
    return receiver != NULL ? receiver : receiver_by_payload_type(session, view->payload_type);
}

static media_stream_t *begin(media_session_t *session, peer_time_t now, const rtp_view_t *view, const rtp_extensions_t *extensions)
{
    char learned_rid[2][MEDIA_MID_MAX + 1] = {"", ""};
    const media_learned_t *learned = find_learned(session, view->ssrc);
    if (learned != NULL) {
        memcpy(learned_rid[0], learned->rid, sizeof learned->rid);
        memcpy(learned_rid[1], learned->repaired_rid, sizeof learned->repaired_rid);
    }
    media_receiver_t *receiver = find_receiver(session, view, extensions);
    bool is_rtx;
    if (receiver == NULL) {
        session->stats.rtp_unknown_ssrc++;
        return NULL;
    }
    if (media_receiver_codec(receiver, view->payload_type, &is_rtx) == NULL) {
        session->stats.rtp_unknown_payload_type++;
        return NULL;
    }
    const char *text;
    size_t length;
    rid_of(extensions, is_rtx, &text, &length);
    if (length == 0) {
        text = learned_rid[is_rtx];
        length = strlen(text);
    }
    media_stream_t *stream = NULL;
    const char *rid = negotiated_rid(receiver, text, length);
    if (rid != NULL && !is_rtx) {
        stream = start_stream(receiver, now, view->ssrc, rid);
    } else if (rid != NULL) {
        stream = stream_repaired(receiver, view, rid);
        stream = stream != NULL && bind_rtx(stream, view->ssrc) ? stream : NULL;
    }
    if (stream == NULL) {
        session->stats.rtp_unknown_ssrc++;
        return NULL;
    }
    note_named(stream, view, extensions, is_rtx);
    return stream;
}

media_stream_t *media_session_find_stream(media_session_t *session, peer_time_t now, const rtp_view_t *view,
                                          const rtp_extensions_t *extensions)
{
    media_stream_t *stream = map_get(&session->streams, view->ssrc);
    if (stream == NULL)
        return begin(session, now, view, extensions);
    bool is_rtx = stream->ssrc != view->ssrc;
    if (agrees(stream, extensions, is_rtx)) {
        note_named(stream, view, extensions, is_rtx);
        return stream;
    }
    /* §9.2: what a packet names corrects what was known of its SSRC, unless the packet is older than what was known. */
    if (stream->named[is_rtx].is_known && !rtp_sequence_is_newer(view->sequence_number, stream->named[is_rtx].sequence))
        return stream;
    forget_ssrc(session, stream, view->ssrc);
    return begin(session, now, view, extensions);
}

/* ---- RTCP ---- */

static void copy_rid(char rid[MEDIA_MID_MAX + 1], const char *text, size_t length)
{
    length = length <= MEDIA_MID_MAX ? length : 0;
    memcpy(rid, text, length);
    rid[length] = '\0';
}

void media_session_learn(media_session_t *session, uint32_t ssrc, int item, const char *text, size_t length)
{
    media_stream_t *stream = map_get(&session->streams, ssrc);
    if (item == RTCP_SDES_MID) {
        media_receiver_t *receiver = receiver_by_mid(session, text, length);
        bool is_news =
            receiver != NULL && (stream == NULL || (stream->receiver != receiver && !stream->named[stream->ssrc != ssrc].is_known));
        if (!is_news)
            return; /* what packets themselves say counts more */
        if (stream != NULL)
            forget_ssrc(session, stream, ssrc);
        learn(session, ssrc)->receiver = receiver;
        return;
    }
    /* A rid helps only where the m-section is known from RTCP, too. */
    media_learned_t *learned = stream == NULL ? find_learned(session, ssrc) : NULL;
    if (learned != NULL)
        copy_rid(item == RTCP_SDES_RID ? learned->rid : learned->repaired_rid, text, length);
}
