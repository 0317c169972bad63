/* What RTP parameters and preferences are read from: the capabilities, a sender's rids, and what a receiver is prepared for. */
#include "jsep/session.h"

const jsep_codec_t *jsep_codecs(const jsep_session_t *session, size_t *count)
{
    *count = session->configuration.codec_count;
    return session->configuration.codecs;
}

const jsep_extension_capability_t *jsep_extensions(const jsep_session_t *session, size_t *count)
{
    *count = session->configuration.extension_count;
    return session->configuration.extensions;
}

const char *const *jsep_sender_rids(const jsep_session_t *session, const jsep_transceiver_t *transceiver, size_t *count)
{
    const entry_t *entry = jsep_state_entry_of(&session->state, (const transceiver_t *)(const void *)transceiver);
    *count = entry != NULL ? entry->slots.rid_count : 0;
    return entry != NULL ? entry->slots.rids : NULL;
}

bool jsep_pending_receive(const jsep_session_t *session, const jsep_transceiver_t *transceiver, jsep_pending_receive_t *pending)
{
    const state_t *state = &session->state;
    const description_t *local = state->descriptions[JSEP_PENDING_LOCAL];
    *pending = (jsep_pending_receive_t){.sdp = local != NULL ? local->sdp : NULL};
    if (local == NULL || state->types[JSEP_PENDING_LOCAL] != JSEP_OFFER || transceiver->mline_index < 0 ||
        (size_t)transceiver->mline_index >= local->sdp->media_count || local->lines == NULL)
        return false;
    const line_t *line = &local->lines[transceiver->mline_index];
    pending->section = &local->sdp->media[transceiver->mline_index];
    if (is_rejected(pending->section) || !receives((int)sdp_media_direction(local->sdp, pending->section)))
        return true;
    for (size_t i = 0; i < line->choice_count; i++)
        pending->payloads[pending->count++] = (jsep_payload_t){.codec = &session->configuration.codecs[line->choices[i].codec],
                                                               .codec_index = line->choices[i].codec,
                                                               .payload_type = line->choices[i].payload_type,
                                                               .rtx_payload_type = line->choices[i].rtx,
                                                               .fmtp = sdp_media_fmtp(pending->section, line->choices[i].payload_type)};
    return true;
}
