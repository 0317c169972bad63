/* The RTP parameters of a transceiver: what was negotiated, and the encodings of its sender. The rids of these follow descriptions (jsep
 * has them); what the application set stays with each rid. */
#include "connection/internal.h"

#include "base/error.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what was negotiated ---- */

/* jsep counts one channel for video, too, as a=rtpmap does when it says nothing. */
static uint32_t channels_of(const jsep_codec_t *codec)
{
    return codec->kind == JSEP_AUDIO ? codec->channels : 0;
}

static bool fill_codecs(const jsep_payload_t *payloads, size_t count, arena_t *arena, connection_rtp_t *rtp)
{
    connection_rtp_codec_t *codecs = arena_array(arena, 2 * count + 1, sizeof *codecs);
    rtp->codecs = codecs;
    if (codecs == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const jsep_payload_t *payload = &payloads[i];
        bool has_fmtp = payload->fmtp != NULL && *payload->fmtp != '\0';
        const char *fmtp = has_fmtp ? arena_string(arena, payload->fmtp) : NULL;
        if (has_fmtp && fmtp == NULL)
            return false;
        codecs[rtp->codec_count++] = (connection_rtp_codec_t){.name = payload->codec->name,
                                                              .fmtp = fmtp,
                                                              .clock_rate = payload->codec->clock_rate,
                                                              .channels = channels_of(payload->codec),
                                                              .payload_type = payload->payload_type,
                                                              .index = payload->codec_index};
    }
    for (size_t i = 0; i < count; i++) {
        char apt[16];
        if (payloads[i].rtx_payload_type < 0)
            continue;
        snprintf(apt, sizeof apt, "apt=%u", payloads[i].payload_type); /* RFC 4588 §8.1 */
        const char *fmtp = arena_string(arena, apt);
        if (fmtp == NULL)
            return false;
        codecs[rtp->codec_count++] = (connection_rtp_codec_t){.name = "rtx",
                                                              .fmtp = fmtp,
                                                              .clock_rate = payloads[i].codec->clock_rate,
                                                              .payload_type = payloads[i].rtx_payload_type,
                                                              .index = CONNECTION_CODEC_RTX};
    }
    return true;
}

static bool add_extension(arena_t *arena, connection_rtp_t *rtp, const char *uri, uint16_t id, sdp_direction_t direction)
{
    connection_rtp_extension_t *extensions = (connection_rtp_extension_t *)(uintptr_t)rtp->extensions;
    connection_rtp_extension_t *added = ARENA_APPEND(arena, extensions, rtp->extension_count);
    rtp->extensions = extensions;
    if (added == NULL)
        return false;
    *added = (connection_rtp_extension_t){.uri = arena_string(arena, uri), .id = id, .direction = extension_direction((int)direction)};
    return added->uri != NULL;
}

static bool fill_pending(const jsep_pending_receive_t *pending, arena_t *arena, connection_rtp_t *rtp)
{
    size_t count = 0;
    const sdp_extmap_t *extmaps = pending->section != NULL ? sdp_media_extmaps(pending->sdp, pending->section, &count) : NULL;
    rtp->has_reduced_size_rtcp = pending->section != NULL && pending->section->rtcp_rsize;
    for (size_t i = 0; pending->count > 0 && i < count; i++)
        if ((extmaps[i].direction & SDP_RECVONLY) != 0 && !add_extension(arena, rtp, extmaps[i].uri, extmaps[i].id, extmaps[i].direction))
            return false;
    return fill_codecs(pending->payloads, pending->count, arena, rtp);
}

bool transceiver_rtp(const transceiver_t *transceiver, bool is_send, arena_t *arena, connection_rtp_t *rtp)
{
    *rtp = (connection_rtp_t){.cname = is_send ? transceiver->connection->cname : ""};
    if (transceiver->jsep == NULL)
        return true;
    jsep_pending_receive_t pending;
    if (!is_send && jsep_pending_receive(transceiver->connection->jsep, transceiver->jsep, &pending))
        return fill_pending(&pending, arena, rtp);
    const jsep_media_t *media = transceiver->jsep->media;
    if (media == NULL)
        return true;
    rtp->has_reduced_size_rtcp = media->rtcp_rsize;
    sdp_direction_t direction = is_send ? SDP_SENDONLY : SDP_RECVONLY;
    for (size_t i = 0; (media->direction & direction) != 0 && i < media->extension_count; i++)
        if ((media->extensions[i].direction & direction) != 0 &&
            !add_extension(arena, rtp, media->extensions[i].uri, media->extensions[i].id, media->extensions[i].direction))
            return false;
    return is_send ? fill_codecs(media->send, media->send_count, arena, rtp)
                   : fill_codecs(media->receive, media->receive_count, arena, rtp);
}

/* The index of a codec among the connection's: what it is called by jsep from now on. */
static bool find_index(const connection_t *connection, int32_t kind, const connection_rtp_codec_t *codec,
                       bool (*is_match)(const connection_rtp_codec_t *, const connection_rtp_codec_t *), size_t *index)
{
    size_t count;
    const jsep_codec_t *codecs = jsep_codecs(connection->jsep, &count);
    for (size_t i = 0; i < count; i++) {
        connection_rtp_codec_t ours = {
            .name = codecs[i].name, .fmtp = codecs[i].fmtp, .clock_rate = codecs[i].clock_rate, .channels = channels_of(&codecs[i])};
        if ((int32_t)codecs[i].kind != kind || !is_match(&ours, codec))
            continue;
        *index = i;
        return true;
    }
    return false;
}

static bool matches_exactly(const connection_rtp_codec_t *first, const connection_rtp_codec_t *second)
{
    return connection_codec_match(first, second, false);
}

int transceiver_set_codec_preferences(transceiver_t *transceiver, peer_time_t now, const connection_rtp_codec_t *codecs, size_t count)
{
    connection_t *connection = transceiver->connection;
    size_t indexes[JSEP_CODECS_MAX + 1], index_count = 0;
    connection->now = now;
    if (transceiver->jsep == NULL) /* it stopped: there will be no other description of it */
        return 0;
    for (size_t i = 0; i < count && index_count <= JSEP_CODECS_MAX; i++) {
        size_t index = codecs[i].index;
        if (index == CONNECTION_CODEC_RTX)
            indexes[index_count++] = JSEP_CODEC_RTX;
        else if (find_index(connection, (int32_t)transceiver->kind, &codecs[i], matches_exactly, &index)) /* not one registered since */
            indexes[index_count++] = index;
    }
    if (count > 0 && index_count == 0)
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "none of the codecs is known to this connection");
    return jsep_set_codec_preferences(connection->jsep, transceiver->jsep, indexes, index_count);
}

/* ---- encodings ---- */

connection_encoding_t connection_encoding_default(int32_t kind, size_t index, size_t count)
{
    bool is_scaled = kind == CONNECTION_VIDEO && index < count && count <= CONNECTION_ENCODINGS_MAX;
    return (connection_encoding_t){.is_active = true, .scale_resolution_down_by = is_scaled ? (double)(1u << (count - index - 1)) : 1};
}

static void free_encodings(connection_encoding_t *encodings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memory_free((void *)(uintptr_t)encodings[i].rid);
        memory_free((void *)(uintptr_t)encodings[i].codec);
    }
    memory_free(encodings);
}

void encodings_clear(transceiver_t *transceiver)
{
    free_encodings(transceiver->encodings, transceiver->encoding_count);
    free_encodings(transceiver->ridless, transceiver->ridless != NULL);
    transceiver->encodings = transceiver->ridless = NULL;
    transceiver->encoding_count = 0;
}

/* In one piece, with its texts behind it. */
static const connection_rtp_codec_t *copy_codec(const connection_rtp_codec_t *codec)
{
    size_t name_size = strlen(codec->name) + 1, fmtp_size = codec->fmtp != NULL ? strlen(codec->fmtp) + 1 : 0;
    connection_rtp_codec_t *copy = memory_new(sizeof *copy + name_size + fmtp_size);
    if (copy == NULL)
        return NULL;
    char *text = (char *)(copy + 1);
    *copy = *codec;
    copy->name = memcpy(text, codec->name, name_size);
    copy->fmtp = codec->fmtp != NULL ? memcpy(text + name_size, codec->fmtp, fmtp_size) : NULL;
    return copy;
}

static bool copy_encoding(connection_encoding_t *copy, const connection_encoding_t *encoding)
{
    *copy = *encoding;
    copy->rid = memory_string(encoding->rid);
    copy->codec = encoding->codec != NULL ? copy_codec(encoding->codec) : NULL;
    return (encoding->rid == NULL || copy->rid != NULL) && (encoding->codec == NULL || copy->codec != NULL);
}

static bool is_same_rid(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const connection_encoding_t *find_encoding(const connection_encoding_t *encodings, size_t count, const char *rid)
{
    for (size_t i = 0; i < count; i++)
        if (is_same_rid(encodings[i].rid, rid))
            return &encodings[i];
    return NULL;
}

/* [[SendEncodings]] for these rids, from what is known of them. */
static connection_encoding_t *make_encodings(const transceiver_t *transceiver, const char *const *rids, size_t count)
{
    connection_encoding_t *made = memory_array(count, sizeof *made);
    for (size_t i = 0; made != NULL && i < count; i++) {
        connection_encoding_t fresh = connection_encoding_default((int32_t)transceiver->kind, i, count);
        const char *rid = rids != NULL ? rids[i] : NULL;
        fresh.rid = rid;
        const connection_encoding_t *known = find_encoding(transceiver->encodings, transceiver->encoding_count, rid);
        if (known == NULL && rid == NULL && transceiver->ridless != NULL)
            known = transceiver->ridless; /* W3C [[LastStableRidlessSendEncodings]]: a remote offer of simulcast was rolled back */
        if (!copy_encoding(&made[i], known != NULL ? known : &fresh)) {
            free_encodings(made, count);
            return NULL;
        }
    }
    return made;
}

static bool are_up_to_date(const transceiver_t *transceiver, const char *const *rids, size_t count)
{
    if (transceiver->encoding_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_same_rid(transceiver->encodings[i].rid, rids != NULL ? rids[i] : NULL))
            return false;
    return true;
}

static bool make_up_to_date(transceiver_t *transceiver)
{
    size_t count = 0;
    const char *const *rids = transceiver->jsep != NULL ? jsep_sender_rids(transceiver->connection->jsep, transceiver->jsep, &count) : NULL;
    if (transceiver->jsep == NULL && transceiver->encoding_count > 0)
        return true; /* as they were last */
    if (count == 0)
        rids = NULL;
    count = count == 0 ? 1 : count < CONNECTION_ENCODINGS_MAX ? count : CONNECTION_ENCODINGS_MAX;
    if (are_up_to_date(transceiver, rids, count))
        return true;
    connection_encoding_t *made = make_encodings(transceiver, rids, count);
    if (made == NULL)
        return false;
    bool was_ridless = transceiver->encoding_count == 1 && transceiver->encodings[0].rid == NULL;
    if (was_ridless) {
        free_encodings(transceiver->ridless, transceiver->ridless != NULL);
        transceiver->ridless = transceiver->encodings;
    } else {
        free_encodings(transceiver->encodings, transceiver->encoding_count);
    }
    transceiver->encodings = made;
    transceiver->encoding_count = count;
    transceiver->parameters_generation++;
    return true;
}

bool encodings_update(transceiver_t *transceiver)
{
    size_t count = 0;
    if (transceiver->jsep != NULL)
        jsep_sender_rids(transceiver->connection->jsep, transceiver->jsep, &count);
    bool is_default = count == 0 && transceiver->encoding_count == 0;
    return is_default || make_up_to_date(transceiver);
}

/* W3C §4.4.1.5: a codec that is no longer negotiated is not asked for any more. */
static void drop_stale_codecs(transceiver_t *transceiver)
{
    const jsep_media_t *media = transceiver->jsep != NULL ? transceiver->jsep->media : NULL;
    for (size_t i = 0; media != NULL && media->send_count > 0 && i < transceiver->encoding_count; i++) {
        connection_encoding_t *encoding = &transceiver->encodings[i];
        bool is_negotiated = encoding->codec == NULL;
        for (size_t k = 0; k < media->send_count && !is_negotiated; k++)
            is_negotiated = media->send[k].codec_index == encoding->codec->index;
        if (is_negotiated)
            continue;
        memory_free((void *)(uintptr_t)encoding->codec);
        encoding->codec = NULL;
    }
}

void encodings_negotiated(transceiver_t *transceiver)
{
    encodings_update(transceiver);
    drop_stale_codecs(transceiver);
    transceiver->parameters_generation++;
}

size_t transceiver_encodings(transceiver_t *transceiver, const connection_encoding_t **encodings)
{
    make_up_to_date(transceiver);
    *encodings = transceiver->encodings;
    return transceiver->encoding_count;
}

bool encodings_are_possible(const connection_t *connection, connection_kind_t kind, const connection_encoding_t *encodings, size_t count)
{
    size_t index;
    for (size_t i = 0; i < count; i++)
        if (encodings[i].codec != NULL && !find_index(connection, (int32_t)kind, encodings[i].codec, connection_codec_is_same, &index)) {
            error_set(PEER_ERROR_OPERATION, "%.64s is no codec of this connection", encodings[i].codec->name);
            return false;
        }
    return true;
}

int transceiver_set_encodings(transceiver_t *transceiver, peer_time_t now, const connection_encoding_t *encodings, size_t count)
{
    transceiver->connection->now = now;
    if (!make_up_to_date(transceiver))
        return error_no_memory();
    bool is_same = count == transceiver->encoding_count;
    for (size_t i = 0; is_same && i < count; i++)
        is_same = is_same_rid(encodings[i].rid, transceiver->encodings[i].rid);
    if (!is_same)
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "the encodings are not those that the sender has");
    connection_encoding_t *copies = memory_array(count, sizeof *copies);
    bool has_memory = copies != NULL;
    for (size_t i = 0; has_memory && i < count; i++) {
        has_memory = copy_encoding(&copies[i], &encodings[i]);
        size_t index;
        if (has_memory && copies[i].codec != NULL) {
            if (!find_index(transceiver->connection, (int32_t)transceiver->kind, copies[i].codec, connection_codec_is_same, &index)) {
                int error = error_set(PEER_ERROR_INVALID_MODIFICATION, "%s is no codec of this connection", copies[i].codec->name);
                free_encodings(copies, count);
                return error;
            }
            ((connection_rtp_codec_t *)(uintptr_t)copies[i].codec)->index = index;
        }
    }
    if (!has_memory) {
        if (copies != NULL)
            free_encodings(copies, count);
        return error_no_memory();
    }
    free_encodings(transceiver->encodings, transceiver->encoding_count);
    transceiver->encodings = copies;
    sending_encodings_changed(transceiver);
    return 0;
}

uint32_t transceiver_parameters_generation(const transceiver_t *transceiver)
{
    return transceiver->parameters_generation;
}
