/* A receiver: what one m-section is ready to receive, and the stream it receives now. */
#include "media/session.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

#define TARGET_DELAY_MAX (4 * PEER_SECOND) /* W3C webrtc-extensions jitterBufferTarget */

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

/* A rid that is too long to be matched, and what is beyond the most, is not received. */
static void take_rids(media_receiver_t *receiver, const media_receiver_config_t *config)
{
    receiver->rid_count = 0;
    for (size_t i = 0; i < config->rid_count && receiver->rid_count < MEDIA_RIDS_MAX; i++) {
        size_t length = strlen(config->rids[i]);
        if (length != 0 && length <= MEDIA_MID_MAX)
            memcpy(receiver->rids[receiver->rid_count++], config->rids[i], length + 1);
    }
}

static int take_config(media_receiver_t *receiver, const media_receiver_config_t *config)
{
    if (config->codec_count > MEDIA_CODECS_MAX || config->ssrc_count > MEDIA_SSRCS_MAX)
        return error_set(PEER_ERROR_OPERATION, "more than %d payload types or %d SSRCs in one m-section", MEDIA_CODECS_MAX,
                         MEDIA_SSRCS_MAX);
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
    take_rids(receiver, config);
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
    receiver->next_turn = PEER_TIME_NEVER;
    if (take_config(receiver, config) < 0) {
        memory_free(receiver);
        return NULL;
    }
    session->receivers[session->receiver_count++] = receiver;
    find_ids(session);
    return receiver;
}

static bool is_signalled(const uint32_t *ssrcs, size_t count, uint32_t ssrc)
{
    for (size_t i = 0; i < count; i++)
        if (ssrcs[i] == ssrc)
            return true;
    return false;
}

static bool has_rid(const media_receiver_config_t *config, const char *rid)
{
    for (size_t i = 0; i < config->rid_count && i < MEDIA_RIDS_MAX; i++)
        if (strcmp(config->rids[i], rid) == 0)
            return true;
    return config->rid_count == 0 || *rid == '\0';
}

/* With the new configuration: another kind, an SSRC that signalling has taken away, a rid that is not received any more, or all but one
 * stream when there is no simulcast any more. */
static bool is_over(const media_receiver_t *receiver, const media_receiver_config_t *config, const media_stream_t *stream)
{
    bool was_signalled = is_signalled(receiver->ssrcs, receiver->ssrc_count, stream->ssrc);
    return receiver->kind != config->kind || (was_signalled && !is_signalled(config->ssrcs, config->ssrc_count, stream->ssrc)) ||
           !has_rid(config, stream->rid) || (config->rid_count == 0 && receiver->stream_count > 1 && stream != receiver->shown);
}

int media_receiver_reconfigure(media_receiver_t *receiver, const media_receiver_config_t *config)
{
    media_session_t *session = receiver->session;
    struct {
        media_stream_t *stream;
        bool is_over;
        char rid[MEDIA_MID_MAX + 1]; /* the stream's is the receiver's text, which may stand elsewhere then */
    } before[MEDIA_STREAMS_MAX];
    size_t count = receiver->stream_count;
    for (size_t i = 0; i < count; i++) {
        before[i].stream = receiver->streams[i];
        before[i].is_over = is_over(receiver, config, receiver->streams[i]);
        strcpy(before[i].rid, receiver->streams[i]->rid);
    }
    int result = take_config(receiver, config);
    if (result < 0)
        return result;
    for (size_t i = 0; i < count; i++) {
        before[i].stream->rid = "";
        for (size_t k = 0; k < receiver->rid_count; k++)
            if (strcmp(receiver->rids[k], before[i].rid) == 0)
                before[i].stream->rid = receiver->rids[k];
        if (before[i].is_over)
            media_session_unlink_stream(session, before[i].stream);
    }
    find_ids(session);
    return 0;
}

void media_receiver_set_layers_wanted(media_receiver_t *receiver, peer_time_t now, bool wants_layers)
{
    receiver->wants_layers = wants_layers;
    media_layers_update(receiver, now);
}

void media_remove_receiver(media_session_t *session, media_receiver_t *receiver)
{
    while (receiver->stream_count != 0)
        media_session_unlink_stream(session, receiver->streams[0]);
    media_session_forget_receiver(session, receiver);
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
    for (size_t i = 0; i < receiver->stream_count && receiver->wants_frames && !wants_frames; i++)
        media_stream_flush(receiver->streams[i]);
    receiver->wants_rtp = wants_rtp;
    receiver->wants_frames = wants_frames;
}

void media_receiver_set_target_delay(media_receiver_t *receiver, peer_time_t delay_us)
{
    receiver->least_delay = delay_us < 0 ? 0 : time_earlier(delay_us, TARGET_DELAY_MAX);
}

void media_receiver_request_key_frame(media_receiver_t *receiver, peer_time_t now)
{
    for (size_t i = 0; i < receiver->stream_count; i++)
        media_stream_want_key_frame(receiver->streams[i], now);
}
