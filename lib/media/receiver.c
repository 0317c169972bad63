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
