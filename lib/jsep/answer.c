/* Answers (RFC 9429 §5.3): one m-section for each that was offered, in the same place, accepted as far as we can and want. */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <string.h>

typedef struct answer {
    builder_t builder;
    numbering_t numbering;
    const sdp_t *offer;
    bundle_t bundle;
} answer_t;

static bool is_one_of(const char *protocol, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(protocol, names[i]) == 0)
            return true;
    return false;
}

/* RFC 9429 §5.1.2: all of these mean DTLS, and SRTP keyed by it. */
static bool is_sctp(const sdp_media_t *media)
{
    static const char *const names[] = {"UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP"};
    return is_one_of(media->protocol, names, sizeof names / sizeof *names);
}

static bool is_rtp(const sdp_media_t *media)
{
    static const char *const names[] = {"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP",
                                        "RTP/SAVPF",         "RTP/SAVP",         "RTP/AVPF",           "RTP/AVP"};
    return is_one_of(media->protocol, names, sizeof names / sizeof *names);
}

/* Whether an m-line would be accepted if only the transport allowed it. */
bool jsep_answer_could_accept(const jsep_session_t *session, const sdp_media_t *offered, const entry_t *entry)
{
    choices_t choices;
    if (is_rejected(offered))
        return false;
    if (is_data(offered))
        return is_sctp(offered);
    bool is_audio = text_equal_ignore_case(offered->type, "audio");
    if (!is_rtp(offered) || (!is_audio && !text_equal_ignore_case(offered->type, "video")) || (entry != NULL && entry->is_stopped))
        return false;
    jsep_codec_match(session, is_audio ? JSEP_AUDIO : JSEP_VIDEO, offered, &choices);
    if (entry != NULL)
        jsep_codec_prefer(entry->transceiver, &choices);
    return jsep_codec_has_primary(session, &choices);
}

static bool is_wanted(const answer_t *answer, size_t index)
{
    const jsep_session_t *session = answer->builder.session;
    const sdp_media_t *offered = &answer->offer->media[index];
    const entry_t *entry = jsep_state_entry_by_line(&session->state, (int)index);
    return (entry != NULL || is_data(offered)) && jsep_answer_could_accept(session, offered, entry);
}

/* At most one data channel association: the first m-line of it. */
static int choose_bundle(answer_t *answer, const description_t *offer)
{
    size_t count = answer->offer->media_count;
    bool *wanted = memory_array(count, sizeof *wanted);
    if (wanted == NULL)
        return error_no_memory();
    bool has_data = false;
    for (size_t i = 0; i < count; i++) {
        wanted[i] = is_wanted(answer, i) && !(has_data && is_data(&offer->sdp->media[i]));
        has_data = has_data || (wanted[i] && is_data(&offer->sdp->media[i]));
    }
    jsep_bundle_choose(answer->offer, wanted, &answer->bundle);
    memory_free(wanted);
    return 0;
}

/* RFC 8842 §5.3: the role stays while the DTLS association does; else the answerer takes the active one, so that it need not wait. */
static sdp_setup_t choose_setup(const answer_t *answer)
{
    const state_t *state = &answer->builder.session->state;
    if (answer->bundle.tag == NO_LINE)
        return SDP_SETUP_ACTIVE;
    switch (sdp_media_setup(answer->offer, &answer->offer->media[answer->bundle.tag])) {
    case SDP_SETUP_ACTIVE:
        return SDP_SETUP_PASSIVE;
    case SDP_SETUP_PASSIVE:
        return SDP_SETUP_ACTIVE;
    default:
        return state->transport.dtls_role == JSEP_DTLS_SERVER ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE;
    }
}

static int answer_line(answer_t *answer, size_t index, bool *has_data)
{
    const sdp_media_t *offered = &answer->offer->media[index];
    const entry_t *entry = jsep_state_entry_by_line(&answer->builder.session->state, (int)index);
    bool is_second_data = *has_data && is_data(offered);
    if (!is_wanted(answer, index) || !jsep_bundle_has(&answer->bundle, index) || is_second_data)
        return jsep_section_rejected(&answer->builder, offered->type, offered->protocol, offered->formats, offered->format_count,
                                     offered->mid);
    if (is_data(offered)) {
        *has_data = true;
        return jsep_section_data(&answer->builder, offered->mid, offered);
    }
    choices_t choices;
    jsep_codec_match(answer->builder.session, entry->transceiver->public.kind, offered, &choices);
    jsep_codec_prefer(entry->transceiver, &choices);
    sdp_direction_t wanted = entry->is_stopping ? SDP_INACTIVE : entry->transceiver->public.direction;
    sdp_direction_t direction = (sdp_direction_t)(wanted & sdp_direction_reverse(sdp_media_direction(answer->offer, offered)));
    return jsep_section_rtp(&answer->builder, entry, offered->mid, direction, &choices, answer->offer, offered, NULL, &answer->numbering);
}

/* RFC 9429 §5.3.1: of the options of ICE those that were offered. */
static int choose_ice_options(answer_t *answer)
{
    static const char *const ours[] = {"trickle", "ice2", "renomination"};
    const sdp_media_t *tagged = answer->bundle.tag != NO_LINE ? &answer->offer->media[answer->bundle.tag] : NULL;
    const char **options = arena_array(&answer->builder.sdp->arena, sizeof ours / sizeof *ours, sizeof *options);
    if (options == NULL)
        return error_no_memory();
    answer->builder.ice_option_count = 0;
    answer->builder.ice_options = options;
    for (size_t i = 0; tagged != NULL && i < sizeof ours / sizeof *ours; i++)
        if (sdp_media_has_ice_option(answer->offer, tagged, ours[i]))
            options[answer->builder.ice_option_count++] = ours[i];
    return 0;
}

int jsep_answer_build(jsep_session_t *session, description_t **description)
{
    const description_t *offer = session->state.descriptions[JSEP_PENDING_REMOTE];
    answer_t answer = {.offer = offer->sdp};
    bool has_data = false;
    int error = jsep_builder_begin(&answer.builder, session, JSEP_ANSWER, false, offer->sdp->media_count);
    if (error == 0)
        error = choose_bundle(&answer, offer);
    if (error == 0) {
        answer.builder.setup = choose_setup(&answer);
        error = choose_ice_options(&answer);
        jsep_numbering_init(session, &answer.numbering);
    }
    for (size_t i = 0; error == 0 && i < answer.offer->media_count; i++)
        error = answer_line(&answer, i, &has_data);
    if (error == 0) {
        answer.builder.description->tag = answer.bundle.tag;
        answer.builder.description->next_mid = session->next_mid;
        error = jsep_lipsync_answer(&answer.builder, answer.offer);
    }
    if (error == 0)
        error = jsep_builder_end(&answer.builder, answer.bundle.group != NULL, description); /* RFC 9143 §7.3: as offered */
    jsep_builder_clear(&answer.builder);
    return error;
}
